"""Text for the screen: made harmless, wrapped, and cut to the place that matters."""

from __future__ import annotations

import re
from typing import Final

from cbpf.errors import CbpfError, FilterError, Span, underline

_TABLE: Final = re.compile(r" +(?:\S+ )*?\S* +(?<=  )(?=\S)")  # a first column, with the blanks around it


def visible(text: str) -> str:
    """The text in one line, with a mark for every character that does things to terminals: as long as it was."""
    return "".join(character if character.isprintable() else _mark(character) for character in text)


def _mark(character: str) -> str:
    return " " if character in "\t\n\r\v\f" else "\N{REPLACEMENT CHARACTER}"


def wrapped(text: str, width: int) -> list[Span]:
    """The parts of a text that are its lines in ``width`` columns: ended at blanks, or by force where none is."""
    lines, start = [], 0
    while len(text) - start > width:
        blank = text.rfind(" ", start, start + width + 1)
        end = start + width if blank <= start else blank
        lines.append(Span(start, end))
        start = end + 1 if blank > start else end
    lines.append(Span(start, len(text)))
    return lines


def lines_of(text: str, width: int) -> list[str]:
    """A text of several lines in ``width`` columns. The second column of a table is kept where it is."""
    lines: list[str] = []
    for each in text.expandtabs().splitlines():
        line = visible(each)
        found = _TABLE.match(line)
        indent = found.end() if found and found.end() <= width // 2 else 0
        head, rest = line[:indent], line[indent:]
        for start, end in wrapped(rest, width - indent):
            lines.append(f"{head}{rest[start:end]}")
            head = " " * indent
    return lines


def complaint(error: CbpfError, width: int) -> str:
    """What is wrong; of a long expression only as much is shown as there is room for, and the place of the error."""
    if not isinstance(error, FilterError):
        return str(error)
    shown = underline(error.expression, error.span)
    if shown:
        place = len(shown[1]) - len(shown[1].lstrip())
        first = max(2, place - width // 2) if max(map(len, shown)) > width else 2
        shown = [f"  {line[first : first + width - 2]}" for line in shown]
    return "\n".join(filter(None, [error.message, *shown, error.hint]))

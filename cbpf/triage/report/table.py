"""Columns of text that line up, and bars of block characters, for terminals."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_WIDE: Final = frozenset("WF")


def columns(rows: Iterable[Sequence[str]], align: str, gap: str = "  ") -> list[str]:
    """Rows as lines; ``align`` has "l" or "r" for each column."""
    cells = [list(row) for row in rows]
    widths = [max((width(row[place]) for row in cells), default=0) for place in range(len(align))]
    lines = []
    for row in cells:
        padded = (padded_to(cell, wide, side) for cell, wide, side in zip(row, widths, align, strict=True))
        lines.append(gap.join(padded).rstrip())
    return lines


def padded_to(text: str, wide: int, side: str = "l") -> str:
    """Text with blanks behind it, or for the side "r" before it."""
    blanks = " " * max(0, wide - width(text))
    return blanks + text if side == "r" else text + blanks


def width(text: str) -> int:
    """How many columns of a terminal text takes (Unicode Standard Annex 11)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in _WIDE else 1 for each in text
    )


def clipped(text: str, wide: int) -> str:
    """Text in at most so many columns; of names of files, the end says more than the beginning."""
    if width(text) <= wide:
        return text
    while text and width(text) > wide - 1:
        text = text[1:]
    return "…" + text


def bar(part: float, wide: int) -> str:
    """A bar for a part of 1: something for everything that is not nothing."""
    eighths = round(part * wide * 8)
    if part > 0:
        eighths = max(1, eighths)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def sparkline(values: Sequence[int]) -> str:
    """A column for each value."""
    most = max(values, default=0) or 1
    return "".join(_LEVELS[0 if value == 0 else max(1, round(8 * value / most))] for value in values)


def wrapped(parts: Iterable[str], wide: int, indent: str) -> list[str]:
    """Parts with commas between them, in lines of a width."""
    lines = [""]
    for part in parts:
        line = lines[-1]
        if line and width(indent + line) + width(part) + 2 > wide:
            lines[-1] += ","
            lines.append(part)
        else:
            lines[-1] = f"{line}, {part}" if line else part
    return [indent + line for line in lines if line]

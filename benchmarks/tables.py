"""Text for people: figures in columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_LONGEST: Final = 90  # characters of an expression in a table

NONE: Final = "-"  # where there is no number
Cell = str | int | float


def table(headings: str, rows: Iterable[Sequence[Cell]]) -> list[str]:
    """Lines of aligned columns under the words of ``headings``: numbers to the right, text to the left.

    An underscore in a heading stands for a blank. Floats are written with three digits behind the point. Without rows
    there are no headings either.
    """
    body = list(rows)
    if not body:
        return []
    texts = [[word.replace("_", " ") for word in headings.split()], *([_text(cell) for cell in row] for row in body)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [not any(_is_text(row[number]) for row in body) for number in range(len(widths))]
    return ["  " + "  ".join(map(_aligned, line, widths, right)).rstrip() for line in texts]


def shortened(expression: str) -> str:
    """One line of an expression, cut off where it is too long for a table."""
    line = " ".join(expression.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def ratio(ours: float, theirs: float) -> Cell:
    return ours / theirs if theirs else NONE


def _is_text(cell: Cell) -> bool:
    return isinstance(cell, str) and cell != NONE


def _text(cell: Cell) -> str:
    return f"{cell:,.3f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell


def _aligned(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)

"""Every error a user can cause. Each says what is wrong and where; nothing here knows any other module."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open range of characters ``[start, end)`` in an expression's text."""

    start: int
    end: int


NOWHERE = Span(0, 0)  # an error that is about no part of the expression


class Reason(StrEnum):
    """Why an expression is refused: the classes a program may want to tell apart."""

    SYNTAX = "syntax"
    BAD_ADDRESS = "bad-address"
    OUT_OF_RANGE = "value-out-of-range"
    UNKNOWN_NAME = "unknown-name"
    QUALIFIER_MISMATCH = "qualifier-mismatch"
    DIRECTION_NEEDS_WLAN = "direction-needs-wlan"
    NOT_ON_THIS_LINKTYPE = "not-on-this-linktype"
    MATCHES_NOTHING = "matches-nothing"
    BAD_INDEX = "bad-index"
    OTHER = "other"


class CbpfError(Exception):
    """Base of every error that bad input can cause."""


class FilterError(CbpfError, ValueError):
    """A filter expression that cannot be compiled.

    ``message`` is one sentence, ``span`` the characters of ``expression`` it is about, ``reason`` its class, and
    ``hint`` a second sentence that helps, or None. ``str()`` gives all of it, with a caret under the expression.
    """

    def __init__(
        self,
        message: str,
        span: Span = NOWHERE,
        *,
        reason: Reason = Reason.OTHER,
        hint: str | None = None,
        expression: str = "",
    ) -> None:
        message = _shortened(message)
        super().__init__(message)
        self.message = message
        self.span = span
        self.reason = reason
        self.hint = hint and _shortened(hint)
        self.expression = expression

    def __str__(self) -> str:
        lines = [self.message, *underline(self.expression, self.span)]
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


class ProgramError(CbpfError, ValueError):
    """A classic BPF program, or a text that should be one, that is not valid.

    ``index`` is the number of the offending instruction and ``line`` the number of the offending line of text
    (from 1); either may be None.
    """

    def __init__(self, message: str, *, index: int | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.index = index
        self.line = line

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        where += [f"instruction {self.index}"] if self.index is not None else []
        return f"{', '.join(where)}: {self.message}" if where else self.message


class SavefileError(CbpfError):
    """A capture file that cannot be read or written. ``offset`` is the byte position of the damage, if known."""

    def __init__(self, message: str, *, path: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.offset = offset

    def __str__(self) -> str:
        where = "" if self.offset is None else f" (at byte {self.offset})"
        return f"{self.path}: {self.message}{where}"


# Long expressions are shown as the window of this many characters around the span.
_WINDOW = 100
_LONGEST = 400  # characters of a sentence


def _shortened(sentence: str) -> str:
    """The sentence, without the middle of it if what it quotes is very long."""
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST // 2]}...{sentence[-_LONGEST // 4 :]}"


def underline(expression: str, span: Span) -> list[str]:
    """Two lines, the part of ``expression`` around ``span`` and carets under it; none if the error is about no part."""
    if not expression or span == NOWHERE:
        return []
    start = min(span.start, len(expression))
    end = max(start + 1, min(span.end, start + _WINDOW))
    first = max(0, start - _WINDOW // 2)
    last = max(first + _WINDOW, end)
    head, tail = ("..." if first else ""), ("..." if last < len(expression) else "")
    shown = "".join(char if char.isprintable() else " " for char in expression[first:last])
    return [f"  {head}{shown}{tail}", "  " + " " * (len(head) + start - first) + "^" * (end - start)]

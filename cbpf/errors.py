"""Every error a user can cause. Each says what is wrong and where; nothing here knows any other module."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open range of characters ``[start, end)`` in an expression's text."""

    start: int
    end: int


NOWHERE = Span(0, 0)  # an error that is about no part of the expression


class Edit(NamedTuple):
    """What to write in place of the characters ``span`` of an expression."""

    span: Span
    text: str

    def apply(self, expression: str) -> str:
        """The expression as it is then. Two conditions in place of one get parentheses, for all but they go on."""
        before, after = expression[: self.span.start], expression[self.span.end :]
        compound = (" and " in self.text or " or " in self.text) and bool(before.strip() or after.strip())
        return f"{before}({self.text}){after}" if compound else f"{before}{self.text}{after}"


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


# Why an expression may be wrong on one link type and right on another.
OF_THE_LINKTYPE = frozenset((Reason.DIRECTION_NEEDS_WLAN, Reason.MATCHES_NOTHING, Reason.NOT_ON_THIS_LINKTYPE))


class CbpfError(Exception):
    """Base of every error that bad input can cause."""


class FilterError(CbpfError, ValueError):
    """A filter expression that cannot be compiled.

    ``message`` is one sentence, ``span`` the characters of ``expression`` it is about, ``reason`` its class,
    ``correction`` the whole expression as it was probably meant, or None where that is not clear, and ``hint`` a second
    sentence that helps, or None. ``str()`` gives all of it, with a caret under the expression.
    """

    def __init__(
        self,
        message: str,
        span: Span = NOWHERE,
        *,
        reason: Reason = Reason.OTHER,
        hint: str | None = None,
        edit: Edit | None = None,
        expression: str = "",
    ) -> None:
        message = _shortened(message)
        super().__init__(message)
        self.message = message
        self.span = span
        self.reason = reason
        self.edit = edit  # what makes the correction of the expression
        self.expression = expression
        self._hint = hint and _shortened(hint)

    @property
    def correction(self) -> str | None:
        return None if self.edit is None else self.edit.apply(self.expression)

    @property
    def hint(self) -> str | None:
        """What was said when the error was raised, else the correction, as far as it differs."""
        if self._hint is not None or self.edit is None:
            return self._hint
        return f"Did you mean '{_excerpt(self.edit.apply(self.expression), self.edit.span.start)}'?"

    @hint.setter
    def hint(self, hint: str | None) -> None:
        self._hint = hint and _shortened(hint)

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


class NotASavefile(SavefileError):
    """A file that does not begin as capture files do."""


# Long expressions are shown as the window of this many characters around the span.
_WINDOW = 100
_LONGEST_CORRECTION = 76  # one line; of longer ones only what is around the change is shown
_LONGEST = 400  # characters of a sentence


def _shortened(sentence: str) -> str:
    """The sentence, without the middle of it if what it quotes is very long."""
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST // 2]}...{sentence[-_LONGEST // 4 :]}"


def _excerpt(expression: str, place: int) -> str:
    """The expression in one line, or, if it is long, the words of it around a place."""
    if len(expression) <= _LONGEST_CORRECTION:
        return " ".join(expression.split())
    first, last = max(0, place - _LONGEST_CORRECTION // 2), place + _LONGEST_CORRECTION // 2
    words = expression[first:last].split()
    head, tail = ("... " if first else ""), (" ..." if last < len(expression) else "")
    return head + " ".join(words[first > 0 and len(words) > 2 : len(words) - (bool(tail) and len(words) > 2)]) + tail


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

"""What ``lint`` finds."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from cbpf.errors import Span


class Severity(StrEnum):
    """A warning is about something that hardly anybody means, a note about what is worth knowing."""

    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """Something about the part ``span`` of an expression.

    ``correction`` is a whole expression that compiles, None where there is nothing to propose. It matches the same
    packets (but for truncated ones) if ``equivalent``; else it is what was probably meant, as ``message`` says.
    """

    rule: str
    severity: Severity
    span: Span
    message: str
    correction: str | None = None
    equivalent: bool = False


WARNING, NOTE = Severity.WARNING, Severity.NOTE

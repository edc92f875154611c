"""What comes of the debugger's doings, and of those that it cannot do."""

from __future__ import annotations

from typing import NamedTuple

from cbpf.errors import CbpfError, SavefileError


class DebugError(CbpfError):
    """Something that cannot be done where the debugger stands."""


class Interrupted(DebugError):
    """Whoever is asked in between wants no more. It stands where it had come to, and can go on from there."""


class Counts(NamedTuple):
    """Packets that were judged: accepted, rejected, and those of link types for which there is no program."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


class Ran(NamedTuple):
    """What came of running.

    * ``counts``: the packets judged since the last running that was not stopped.
    * ``stop``: the breakpoint that stopped it, as it was given; then the packet is not in ``counts``.
    * ``refusal``: why packets were skipped, if some were.
    * ``damage``: what ended the capture before its end.
    """

    counts: Counts
    stop: str | None = None
    refusal: CbpfError | None = None
    damage: SavefileError | None = None


class Change(NamedTuple):
    """A packet whose verdict is not that of the one before."""

    number: int
    verdict: int
    before: int


class Breakpoints(NamedTuple):
    """Numbers of instructions; words of the expression; numbers of packets, counted from 1."""

    instructions: set[int]
    clauses: list[str]
    packets: set[int]

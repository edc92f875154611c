"""Where the sequence numbers of TCP connections began, so that lines can count from there, as tcpdump's do.

A connection is known from the first segment with an acknowledgment on, and known anew from each SYN with one. Its first
line has the numbers as they are in the segment. Memory is bounded: of more than ``_GENERATION`` directions those that
were seen last are kept, and a connection forgotten in between counts as a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

# Directions of connections in each of two generations; some 400 bytes each.
_GENERATION: Final = 1 << 16


class Flow(NamedTuple):
    """One direction of a TCP connection.

    * ``sequence``, ``acknowledgment``: the numbers to count from.
    * ``start``: how the lines of this direction begin.
    * ``application``: what finds words about captured bytes of a payload of so many, None if there are none.
    """

    sequence: int
    acknowledgment: int
    start: str
    application: Callable[[bytes, int], str] | None


class Flows:
    """Directions of connections by their ends: the bytes of source address, target address and the two ports."""

    __slots__ = ("_old", "young")

    def __init__(self) -> None:
        self.young: dict[bytes, Flow] = {}
        self._old: dict[bytes, Flow] = {}

    def find(self, ends: bytes) -> Flow | None:
        """What is known about a direction; it is young again then."""
        flow = self.young.get(ends)
        if flow is None:
            flow = self._old.get(ends)
            if flow is not None:
                self._keep(ends, flow)
        return flow

    def begin(self, ends: bytes, forth: Flow, back: Flow) -> None:
        """Know a connection: the direction of ``ends``, and the other one."""
        self._keep(reversed_ends(ends), back)
        self._keep(ends, forth)

    def _keep(self, ends: bytes, flow: Flow) -> None:
        if len(self.young) >= _GENERATION:
            # The dictionary is emptied in place: whoever holds it goes on with the same one.
            self._old = dict(self.young)
            self.young.clear()
        self.young[ends] = flow


def reversed_ends(ends: bytes) -> bytes:
    """The ends of the other direction."""
    size = (len(ends) - 4) // 2
    return ends[size : 2 * size] + ends[:size] + ends[-2:] + ends[-4:-2]

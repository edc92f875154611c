"""What is counted of the packets that match a filter."""

from __future__ import annotations

from typing import NamedTuple


class Count(NamedTuple):
    """The packets that match: how many, their bytes on the network, and the times of the earliest and the latest.

    Times are nanoseconds since 1970-01-01 00:00 UTC, None if there is no packet.
    """

    packets: int = 0
    bytes: int = 0
    first: int | None = None
    last: int | None = None

    def plus(self, packets: int, size: int, first: int, last: int) -> Count:
        """With as many packets more, from one time to another."""
        earliest = first if self.first is None else min(self.first, first)
        latest = last if self.last is None else max(self.last, last)
        return Count(self.packets + packets, self.bytes + size, earliest, latest)

"""Which packets are asked about beside the filter: by time, by number, by sampling, and the other way round.

``Selection`` is what a user says; ``cbpf.capture.walk`` has it applied where the records are, and ``Scan`` to packets
that get a closer look. Both do it in the same order: packets outside of ``first`` and ``last``, ``after`` and
``before`` match nothing; of those that match, one of ``every`` is taken.
"""

from __future__ import annotations

from typing import Final, NamedTuple

NEVER: Final = (1 << 64) - 1


class Selection(NamedTuple):
    """All by default.

    * ``after``, ``before``: nanoseconds since 1970-01-01 00:00 UTC; packets from the one on, and until the other.
    * ``first``, ``last``: numbers of packets in their file, from 1.
    * ``every``: of packets that match, the first is taken, and then each of this distance.
    * ``keep``: bytes of a packet that are kept at the most; a single filter's verdict says so itself.
    * ``inverted``: those are taken that do not match.
    """

    after: int = 0
    before: int = NEVER
    first: int = 1
    last: int = NEVER
    every: int = 1
    keep: int = NEVER
    inverted: bool = False

    @property
    def chooses(self) -> bool:
        """Whether a packet's time or number matter."""
        return self._replace(keep=NEVER, inverted=False) != EVERYTHING

    @property
    def in_order(self) -> bool:
        """Whether it matters what came before: then the file cannot be scanned in parts."""
        return (self.first, self.last, self.every) != (1, NEVER, 1)

    def includes(self, number: int, time: int) -> bool:
        """Whether the packet with this number and time may match. Some packets have impossible times."""
        early = self.after > time and self.after > 0
        late = self.before < time and self.before < NEVER
        return self.first <= number <= self.last and not early and not late


EVERYTHING: Final = Selection()

"""The packets of a capture by their numbers, read when they are asked for, and never all in memory.

Those read last are kept, so that going back a little costs nothing; to go back further the capture is read again from
its beginning, up to the packet that is wanted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Final

from cbpf.capture.packet import Packet
from cbpf.errors import CbpfError, SavefileError

KEPT: Final = 1024  # packets
_KEPT_BYTES: Final = 1 << 24


class GoneError(CbpfError):
    """A packet of a capture that can only be read once, and which is not kept any more."""


def _go_on() -> None:
    """Nobody wants to end it."""


class Numbered:
    """``begin`` gives the packets from the first one on; it is called again only if ``again``.

    ``name`` is what messages call the capture. ``attend`` is called between packets that are passed on the way to
    another one: what it raises ends the way there, and nothing is lost by it. ``met`` is the largest number that is
    known to be there, and ``total`` how many packets there are, None as long as the end has not been seen.
    """

    def __init__(self, name: str, begin: Callable[[], Generator[Packet]], *, again: bool = True) -> None:
        self.name = name
        self.again = again
        self.attend: Callable[[], None] = _go_on
        self.met = 0
        self._begin = begin
        self._packets = begin()
        self._read = 0  # how many were
        self._kept: deque[Packet] = deque()
        self._bytes = 0
        self.total: int | None = None
        self._damage: SavefileError | None = None

    def get(self, number: int) -> Packet | None:
        """The packet with this number, counted from 1; None if there are fewer.

        Raises SavefileError if the capture is damaged before it, and GoneError if there is no way back to it.
        """
        if number < 1 or (self.total is not None and number > self.total):
            if number >= 1 and self._damage is not None:
                raise self._damage
            return None
        if number <= self._read - len(self._kept):
            if not self.again:
                first = self._read - len(self._kept) + 1
                raise GoneError(f"{self.name}: cannot be read twice, and packets before {first} are gone: no {number}")
            self.restart()
        while self._read < number:
            if self._read + 1 < number:
                self.attend()
            if not self._read_one():
                return None
        return self._kept[number - self._read - 1]

    def kept(self, number: int) -> Packet | None:
        """The packet with this number if it can be had without reading."""
        first = self._read - len(self._kept) + 1
        return self._kept[number - first] if first <= number <= self._read else None

    def another(self) -> Numbered | None:
        """The same packets for somebody else, who goes another way through them; None if they can be read once only."""
        return Numbered(self.name, self._begin) if self.again else None

    def restart(self) -> None:
        """Read from the beginning again, if that can be: also after an interruption, which ends what was begun."""
        if self.again:
            self._packets.close()
            self._packets = self._begin()
            self._read = self._bytes = 0
            self.total = self._damage = None
            self._kept.clear()

    def close(self) -> None:
        """Close the capture; what is kept can still be had."""
        self._packets.close()

    def _read_one(self) -> bool:
        try:
            packet = next(self._packets, None)
        except SavefileError as error:
            self.total, self._damage = self._read, error
            raise
        if packet is None:
            self.total = self._read
            return False
        self._read += 1
        self.met = max(self.met, self._read)
        self._kept.append(packet)
        self._bytes += len(packet.data)
        while len(self._kept) > KEPT or (self._bytes > _KEPT_BYTES and len(self._kept) > 1):
            self._bytes -= len(self._kept.popleft().data)
        return True

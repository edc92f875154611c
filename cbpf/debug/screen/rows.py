"""The lines of the list of packets: made when they are asked for, and only some of them kept.

Those around the packet where the debugger stands come from what it has read itself. For others the capture is read once
more, on the way to them, by whoever calls ``fetch``, in a thread of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock
from typing import Final

from cbpf.capture.packet import Packet
from cbpf.capture.summary import summarize
from cbpf.debug.numbered import Numbered
from cbpf.errors import CbpfError

_KEPT: Final = 1 << 13


class Rows:
    """``known`` is how many packets there are at least, and ``total`` how many there are, if that is known."""

    def __init__(self) -> None:
        self._packets: Numbered | None = None
        self._own: Numbered | None = None
        self._kept: OrderedDict[int, str] = OrderedDict()
        self._lock = Lock()

    @property
    def known(self) -> int:
        return max((each.met for each in self._both()), default=0)

    @property
    def total(self) -> int | None:
        return next((each.total for each in self._both() if each.total is not None), None)

    @property
    def can_fetch(self) -> bool:
        return self._own is not None

    def get(self, number: int) -> str | None:
        """The line about a packet, if it is kept."""
        return self._kept.get(number)

    def feed(self, packets: Numbered | None, around: int, height: int) -> None:
        """Take the packets near ``around``, which is the one read last. They may be of another capture than before.

        Those behind it are read only if that can be done again: a pipe might let us wait for them.
        """
        if packets is not self._packets:
            with self._lock:
                self._packets, self._own = packets, None if packets is None else packets.another()
                self._kept.clear()
        if packets is None:
            return
        self._keep((number, packets.kept(number)) for number in range(max(1, around - height), around + 1))
        if packets.again:
            with suppress(CbpfError):  # damage is told to those who come to it
                self._keep((number, packets.get(number)) for number in range(around + 1, around + height + 1))

    def fetch(self, first: int, last: int, attend: Callable[[], None]) -> None:
        """Read what is missing of these. ``attend`` is called on the way and may raise a CbpfError to end it."""
        own = self._own
        missing = [number for number in range(max(1, first), last + 1) if number not in self._kept]
        if own is not None and missing:
            own.attend = attend
            with suppress(CbpfError):
                self._keep((number, own.get(number)) for number in range(missing[0], missing[-1] + 1))

    def _both(self) -> tuple[Numbered, ...]:
        return tuple(each for each in (self._packets, self._own) if each is not None)

    def _keep(self, some: Iterable[tuple[int, Packet | None]]) -> None:
        for number, packet in some:
            if packet is None:
                continue
            text = self._kept.get(number) or summarize(packet)
            with self._lock:
                self._kept[number] = text
                self._kept.move_to_end(number)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)

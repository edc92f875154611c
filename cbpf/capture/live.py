"""Live capture: packets of a network interface as they come, filtered in the kernel where it can.

    with open_live("eth0") as live, PcapWriter("out.pcap", live.interface) as writer:
        live.attach(cbpf.compile("tcp port 80", live.interface.linktype, target="linux").program)
        while True:
            for packet in live.read():
                writer.write(packet)

If the kernel refuses the program, ``live.detach()`` lets all packets pass, for a filter compiled for "savefile": it
sees packets as they are handed over, with their VLAN tags and cooked headers. Reading costs about a microsecond a
packet. Sources: packet(7), Documentation/networking/packet_mmap.rst; for what packets look like, libpcap.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import monotonic, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from cbpf.capture.packet import Interface, Packet
from cbpf.capture.sockets.failures import CaptureError, Refused
from cbpf.capture.sockets.frames import Direction
from cbpf.capture.sockets.interfaces import NamedInterface, interface_name, interfaces

if TYPE_CHECKING:
    from cbpf.machine.program import Program

__all__ = [
    "CaptureError",
    "Direction",
    "Live",
    "NamedInterface",
    "Refused",
    "Statistics",
    "interface_name",
    "interfaces",
    "open_live",
]

DEFAULT_SNAPLEN: Final = 262144
DEFAULT_BUFFER: Final = 32 * 1024 * 1024  # bytes: a third of a second of long packets at 100,000 a second


class Statistics(NamedTuple):
    """What the kernel counted since the capture was opened.

    * ``received``: packets that its filter accepted, those dropped and those of the other direction among them.
    * ``dropped``: those of them for which there was no room.
    * ``full``: how often the ring became full.
    """

    received: int
    dropped: int
    full: int


class _Listener(Protocol):
    """One way to hear an interface, as the system has it."""

    interface: Interface

    def attach(self, program: Program) -> None: ...
    def detach(self) -> None: ...
    def shut(self) -> float | None: ...
    def take(self) -> list[Packet] | None: ...
    def wait(self, seconds: float | None) -> bool: ...
    def counts(self) -> tuple[int, int, int]: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class Live:
    """An open capture; ``open_live`` makes it. No packet passes until ``attach`` or ``detach`` was called.

    ``interface`` describes it as savefiles do: link type, snapshot length, name; timestamps are in nanoseconds.
    """

    def __init__(self, listener: _Listener) -> None:
        self._listener = listener
        self._counted = Statistics(0, 0, 0)
        self._open = True
        self.interface = listener.interface

    def attach(self, program: Program) -> None:
        """Let the kernel filter from now on: of each packet it keeps as many bytes as the verdict says.

        The program is one for this link type and the target "linux". What has come before is dropped, so that all
        packets that are read afterwards have been judged by it. Raises Refused if the kernel does not take it, for
        example because it is too long; then nothing passes until ``detach``.
        """
        self._listener.attach(program)

    def detach(self) -> None:
        """Let all packets pass from now on. What has come before is dropped, as with ``attach``."""
        self._listener.detach()

    def read(self, timeout: float | None = None) -> list[Packet]:
        """The next packets, as many as come together; an empty list if there are none after ``timeout`` seconds.

        Without a timeout it waits until there are some. They are up to 0.1 seconds old, or 0.02 if the capture is an
        immediate one. Raises CaptureError if the interface went down or is gone, after all that came before was read.
        """
        end = None if timeout is None else monotonic() + timeout
        while True:
            packets = self._listener.take()
            if packets:
                return packets
            left = None if end is None else max(0.0, end - monotonic())
            if packets is None and not self._listener.wait(left):
                return []
            if packets is not None and left == 0:  # there were some, but none that are wanted
                return []

    def finish(self) -> Iterator[list[Packet]]:
        """Let nothing pass any more; the packets that came before and have not been read."""
        settling = self._listener.shut()
        if settling is None:  # more would come forever
            yield self._listener.take() or []
            return
        end = monotonic() + settling
        while True:
            ended = monotonic() >= end
            packets = self._listener.take()
            if packets:
                yield packets
            elif packets is None and ended:
                return
            elif packets is None:
                sleep(0.001)

    def statistics(self) -> Statistics:
        """What the kernel counted so far, also after ``close``."""
        if self._open:
            counts = self._listener.counts()
            self._counted = Statistics(*(old + new for old, new in zip(self._counted, counts, strict=True)))
        return self._counted

    def fileno(self) -> int:
        """The file descriptor, which becomes readable when packets can be read."""
        return self._listener.fileno()

    def close(self) -> None:
        """End the capture; closing twice is harmless."""
        if self._open:
            self.statistics()
            self._open = False
            self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_live(
    name: str,
    *,
    snaplen: int = DEFAULT_SNAPLEN,
    promiscuous: bool = True,
    direction: Direction = "inout",
    buffer_size: int | None = None,
    immediate: bool = False,
) -> Live:
    """Open an interface for capture; "any" is all of Linux's.

    * ``snaplen``: the most bytes that are kept of a packet. 0 means all, and cooked captures have at least 21.
    * ``promiscuous``: whether to hear packets for other hosts, too.
    * ``direction``: "in" for what this host receives, "out" for what it sends, or "inout".
    * ``buffer_size``: bytes of memory for packets that wait to be read, 32 MiB if None. It becomes a whole number of
      blocks, at least two, in each of which a packet fits.
    * ``immediate``: hand packets over after a hundredth of a second, and not when many have come or a tenth of a second
      is over. With less memory than usual, packets are lost if nobody reads for some of these times.

    Raises CaptureError if there is no such interface, if it is down, or if this process has no right to capture.
    """
    size = DEFAULT_BUFFER if buffer_size is None else buffer_size
    if not hasattr(socket, "AF_PACKET"):
        from cbpf.capture.sockets.portable import ScapyListener

        return Live(ScapyListener(name, snaplen=snaplen, promiscuous=promiscuous, direction=direction))
    from cbpf.capture.sockets.listener import Listener

    return Live(
        Listener(name, snaplen=snaplen, promiscuous=promiscuous, direction=direction, size=size, immediate=immediate)
    )

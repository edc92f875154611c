"""Writing savefiles: pcap for packets of one link type, pcapng for any mixture.

A writer is an ``encoding`` and an ``output``: how packets are written down, and where the bytes go. ``rotation`` has
the same two, and many files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Literal, Protocol, Self

from cbpf.capture.packet import Interface, Packet, Place
from cbpf.capture.writing.compressors import Compression, by_name
from cbpf.capture.writing.encoding import SNAPLEN_AT, Encoding, PcapEncoding, PcapngEncoding
from cbpf.capture.writing.output import Inputs, Output

Format = Literal["pcap", "pcapng"]


class Writer(Protocol):
    """What both writers can do; ``write`` and ``close`` raise SavefileError if the file cannot take the packets."""

    path: str

    def write(self, packet: Packet) -> None:
        """Append one packet."""

    def place(self, interface: Interface) -> Place:
        """How packets of an interface are to be encoded for ``put``."""

    def put(self, encoded: bytes | memoryview) -> None:
        """Append packets that are encoded already, as ``place`` says."""

    def flush(self) -> None:
        """Hand to the operating system what is still in memory."""

    def close(self) -> None:
        """Finish the file; closing twice is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class _Writer:
    """What does not depend on the format.

    A closed pipe raises BrokenPipeError, not SavefileError: the reader has had enough, which is no error.
    """

    def __init__(self, encoding: Encoding, output: Output) -> None:
        self.path = output.path
        self._output = output
        self._encode = encoding.encode
        self._describe = encoding.describe
        self._place = encoding.place
        self._last: Interface | None = None
        output.begin(encoding.preamble())

    def write(self, packet: Packet) -> None:
        """Append one packet, after its interface if that is new."""
        if packet.interface is not self._last:
            self._introduce(packet.interface)
            self._last = packet.interface
        self._output.put(self._encode(packet))

    def place(self, interface: Interface) -> Place:
        """How packets of an interface are to be encoded for ``put``; it is described if it is new.

        Raises SavefileError for an interface that can have none.
        """
        self._introduce(interface)
        return self._place(interface)

    def put(self, encoded: bytes | memoryview) -> None:
        """Append packets that are encoded already, as ``place`` says."""
        self._output.put(encoded)

    def flush(self) -> None:
        """Hand to the operating system what is still in memory. Raises SavefileError if it does not take it."""
        self._output.flush()

    def close(self) -> None:
        """Finish the file; standard output is flushed and stays open. Closing twice is harmless."""
        self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _introduce(self, interface: Interface) -> None:
        description = self._describe(interface)
        if description:
            self._output.begin(description)


class PcapWriter(_Writer):
    """Writes a pcap file with the link type, snapshot length and timestamp resolution of ``interface``.

    Timestamps are in nanoseconds if the interface's microseconds would lose something, else in microseconds, or as
    ``resolution`` says (10**6 or 10**9 units per second); seconds are kept modulo 2**32, as the format has no room for
    more. ``path`` "-" is standard output. ``inputs`` are paths being read, which ``path`` must not be. A file that has
    something in it is overwritten, unless ``force`` is False. ``compression`` None is what the name's extension says.

    Raises SavefileError if the file cannot be written, if it is one of ``inputs``, and from ``write`` for a packet of
    another link type or longer than the snapshot length.
    """

    def __init__(
        self,
        path: str,
        interface: Interface,
        *,
        inputs: Iterable[str] = (),
        force: bool = True,
        compression: Compression | None = None,
        resolution: int | None = None,
    ) -> None:
        self._encoding = PcapEncoding(path, interface, resolution)
        output = Output(path, self._encoding.whole, inputs=Inputs(inputs), force=force, compression=compression)
        super().__init__(self._encoding, output)

    def widen(self, snaplen: int) -> None:
        """Say in the header that packets may be as long as this, if it says less.

        It must be a file that is not compressed, and no pipe.
        """
        if snaplen > self._encoding.snaplen:
            self._output.rewrite(SNAPLEN_AT, snaplen.to_bytes(4, sys.byteorder))
            self._encoding.snaplen = snaplen


class PcapngWriter(_Writer):
    """Writes a pcapng file of one section, in which each packet keeps its interface.

    An interface is described with its link type, snapshot length, resolution, name and FCS length when its first
    packet is written, or before by ``add_interface``. Resolutions that are a power of ten up to a nanosecond are
    kept; others become nanoseconds; ``resolution`` (units per second) is for all. The rest is as for PcapWriter.

    Raises SavefileError if the file cannot be written, if it is one of ``inputs``, and from ``write`` for a packet
    longer than its interface's snapshot length or with a timestamp the format has no room for.
    """

    def __init__(
        self,
        path: str,
        *,
        inputs: Iterable[str] = (),
        force: bool = True,
        compression: Compression | None = None,
        resolution: int | None = None,
    ) -> None:
        encoding = PcapngEncoding(path, resolution)
        output = Output(path, encoding.whole, inputs=Inputs(inputs), force=force, compression=compression)
        super().__init__(encoding, output)

    def add_interface(self, interface: Interface) -> int:
        """Describe ``interface`` unless that is done; its number in this file."""
        return self.place(interface).number


def open_writer(
    path: str,
    interface: Interface,
    *,
    inputs: Iterable[str] = (),
    force: bool = True,
    format: Format | None = None,
    compression: Compression | None = None,
    resolution: int | None = None,
) -> Writer:
    """The writer for ``path``, whose name says the ``format`` and the ``compression`` unless they are given.

    It is pcapng if the name ends in ``.pcapng`` (or ``.pcapng.gz`` and so forth), else pcap (also for "-");
    ``interface`` comes first. The rest is as for PcapWriter. Raises SavefileError as the writers do.
    """
    if (format or format_by_name(path)) == "pcap":
        return PcapWriter(path, interface, inputs=inputs, force=force, compression=compression, resolution=resolution)
    writer = PcapngWriter(path, inputs=inputs, force=force, compression=compression, resolution=resolution)
    writer.add_interface(interface)
    return writer


def format_by_name(path: str) -> Format:
    """The format that a file of this name is written in."""
    return "pcapng" if by_name(path)[0].lower().endswith(".pcapng") else "pcap"

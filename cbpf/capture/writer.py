"""Writing savefiles: pcap for packets of one link type, pcapng for any mixture.

Source: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Files are written in this host's byte order, since the
readers convert host-order fields inside packets to it.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from struct import Struct
from types import TracebackType
from typing import IO, Final, Protocol, Self

from cbpf.capture.byteorder import HOST_ORDER
from cbpf.capture.options import END_OF_OPTIONS, IF_FCSLEN, IF_NAME, IF_TSRESOL
from cbpf.capture.packet import MICROSECONDS, NANOSECONDS, Interface, Packet, Place
from cbpf.capture.pcapng import BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER
from cbpf.errors import SavefileError
from cbpf.linktypes import linktype_name

_PCAP_HEADER: Final = Struct(HOST_ORDER + "IHHIIII")
_PCAP_RECORD: Final = Struct(HOST_ORDER + "IIII")
_SNAPLEN_AT: Final = 16  # in a pcap file
_PCAP_VERSION: Final = (2, 4)
_MAGIC_MICROSECONDS: Final = 0xA1B2C3D4
_MAGIC_NANOSECONDS: Final = 0xA1B23C4D

_SECTION: Final = Struct(HOST_ORDER + "IIIHHqI")
_SECTION_LENGTH_UNKNOWN: Final = -1
_INTERFACE: Final = Struct(HOST_ORDER + "HHI")
_ENHANCED: Final = Struct(HOST_ORDER + "IIIIIII")
_LENGTH: Final = Struct(HOST_ORDER + "I")
_OPTION: Final = Struct(HOST_ORDER + "HH")
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")  # by length modulo 4
_OVERHEAD: Final = 32  # of an Enhanced Packet Block without options

# Link types in files of old programs that wrote the operating system's number, and the number every reader knows.
_CANONICAL: Final = {11: 100, 12: 101, 15: 102, 16: 103, 19: 106}

_LOW_32: Final = 0xFFFFFFFF


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


class _Output:
    """A savefile being written, whatever its format: opening, errors, and the end.

    A closed pipe raises BrokenPipeError, not SavefileError: the reader has had enough, which is no error.
    """

    def __init__(self, path: str, inputs: Iterable[str]) -> None:
        self.path = path
        self._stream = _open(path, inputs)

    def flush(self) -> None:
        """Hand to the operating system what is still in memory. Raises SavefileError if it does not take it."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the file; standard output is flushed and stays open. Closing twice is harmless."""
        try:
            if self.path == "-":
                self._stream.flush()
            else:
                self._stream.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def put(self, encoded: bytes | memoryview) -> None:
        """Append packets that are encoded already, as ``place`` says."""
        self._put(encoded)

    def _put(self, piece: bytes | memoryview) -> None:
        try:
            self._stream.write(piece)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> SavefileError:
        return SavefileError(f"cannot write: {error.strerror or error}", path=self.path)

    def _check_length(self, packet: Packet, snaplen: int) -> None:
        if len(packet.data) > snaplen:
            raise SavefileError(
                f"a packet of {len(packet.data)} captured bytes does not fit the snapshot length {snaplen}; "
                "a .pcapng file has one for each interface",
                path=self.path,
            )


class PcapWriter(_Output):
    """Writes a pcap file with the link type, snapshot length and timestamp resolution of ``interface``.

    Timestamps are in nanoseconds if the interface's microseconds would lose something, else in microseconds; seconds
    are kept modulo 2**32, as the format has no room for more. ``path`` "-" is standard output. ``inputs`` are paths
    being read, which ``path`` must not be.

    Raises SavefileError if the file cannot be written, if it is one of ``inputs``, and from ``write`` for a packet of
    another link type or longer than the snapshot length.
    """

    def __init__(self, path: str, interface: Interface, *, inputs: Iterable[str] = ()) -> None:
        super().__init__(path, inputs)
        self._linktype = _CANONICAL.get(interface.linktype, interface.linktype)
        self._snaplen = interface.snaplen
        self._divisor = 1 if interface.nanoseconds else NANOSECONDS // MICROSECONDS
        self._accepted: Interface | None = None
        magic = _MAGIC_NANOSECONDS if interface.nanoseconds else _MAGIC_MICROSECONDS
        link = self._linktype | interface.linkbits
        self._put(_PCAP_HEADER.pack(magic, *_PCAP_VERSION, 0, 0, interface.snaplen, link))

    def write(self, packet: Packet) -> None:
        """Append one packet."""
        timestamp, wirelen, data, interface = packet
        if interface is not self._accepted:
            self._accept(interface)
        if len(data) > self._snaplen:
            self._check_length(packet, self._snaplen)
        seconds, fraction = divmod(timestamp, NANOSECONDS)
        self._put(_PCAP_RECORD.pack(seconds & _LOW_32, fraction // self._divisor, len(data), wirelen) + data)

    def widen(self, snaplen: int) -> None:
        """Say in the header that packets may be as long as this, if it says less. It must be a file, not a pipe."""
        if snaplen > self._snaplen:
            end = self._stream.tell()
            self._stream.seek(_SNAPLEN_AT)
            self._put(snaplen.to_bytes(4, sys.byteorder))
            self._stream.seek(end)
            self._snaplen = snaplen

    def place(self, interface: Interface) -> Place:
        """How packets of an interface are to be encoded for ``put``. Raises SavefileError for another link type."""
        self._accept(interface)
        return Place(0, self._divisor, self._snaplen)

    def _accept(self, interface: Interface) -> None:
        """Remember that packets of ``interface`` may be written, or refuse them."""
        linktype = _CANONICAL.get(interface.linktype, interface.linktype)
        if linktype != self._linktype:
            raise SavefileError(
                f"a pcap file holds one link type: this one has {linktype_name(self._linktype)}, "
                f"the packet has {linktype_name(linktype)}; "
                "write a .pcapng file instead",
                path=self.path,
            )
        self._accepted = interface


class PcapngWriter(_Output):
    """Writes a pcapng file of one section, in which each packet keeps its interface.

    An interface is described with its link type, snapshot length, resolution, name and FCS length when its first
    packet is written, or before by ``add_interface``. Resolutions that are a power of ten up to a nanosecond are
    kept; others become nanoseconds. ``path`` and ``inputs`` are as for PcapWriter.

    Raises SavefileError if the file cannot be written, if it is one of ``inputs``, and from ``write`` for a packet
    longer than its interface's snapshot length or with a timestamp the format has no room for.
    """

    def __init__(self, path: str, *, inputs: Iterable[str] = ()) -> None:
        super().__init__(path, inputs)
        self._numbers: dict[Interface, int] = {}
        self._last: Interface | None = None
        self._number = 0
        self._divisor = 1
        length = _SECTION.size
        self._put(_SECTION.pack(SECTION_HEADER, length, BYTE_ORDER_MAGIC, 1, 0, _SECTION_LENGTH_UNKNOWN, length))

    def add_interface(self, interface: Interface) -> int:
        """Describe ``interface`` unless that is done; its number in this file."""
        if interface not in self._numbers:
            body = _INTERFACE.pack(interface.linktype, 0, interface.snaplen) + _options(interface)
            length = _LENGTH.pack(len(body) + 12)
            self._put(_LENGTH.pack(INTERFACE_DESCRIPTION) + length + body + length)
            self._numbers[interface] = len(self._numbers)
        return self._numbers[interface]

    def place(self, interface: Interface) -> Place:
        """How packets of an interface are to be encoded for ``put``; it is described if it is new."""
        return Place(self.add_interface(interface), NANOSECONDS // 10 ** _exponent(interface), interface.snaplen)

    def write(self, packet: Packet) -> None:
        """Append one packet, after its interface if that is new."""
        timestamp, wirelen, data, interface = packet
        if interface is not self._last:
            self._number = self.add_interface(interface)
            self._divisor = NANOSECONDS // 10 ** _exponent(interface)
            self._last = interface
        caplen = len(data)
        if caplen > interface.snaplen:
            self._check_length(packet, interface.snaplen)
        ticks = timestamp // self._divisor
        if not 0 <= ticks >> 32 <= _LOW_32:
            raise SavefileError(f"no room for the timestamp {timestamp} ns", path=self.path)
        padding = _PADDING[caplen & 3]
        length = _OVERHEAD + caplen + len(padding)
        header = _ENHANCED.pack(ENHANCED_PACKET, length, self._number, ticks >> 32, ticks & _LOW_32, caplen, wirelen)
        self._put(header + data + padding + _LENGTH.pack(length))


def open_writer(path: str, interface: Interface, *, inputs: Iterable[str] = ()) -> Writer:
    """The writer for ``path``: pcapng if it ends in ``.pcapng``, else pcap (also for "-"); ``interface`` comes first.

    ``inputs`` are paths being read. Raises SavefileError as the writers do.
    """
    if not path.lower().endswith(".pcapng"):
        return PcapWriter(path, interface, inputs=inputs)
    writer = PcapngWriter(path, inputs=inputs)
    writer.add_interface(interface)
    return writer


def _open(path: str, inputs: Iterable[str]) -> IO[bytes]:
    """Open ``path`` for writing and empty it, unless it is a file among ``inputs``."""
    try:
        if path == "-":
            if sys.stdout is None:
                raise SavefileError("standard output is closed", path=path)
            stream: IO[bytes] = sys.stdout.buffer
            if stream.isatty():
                raise SavefileError("packets are not written to a terminal; redirect them", path=path)
            return stream
        # Not emptied by opening: it may turn out to be an input.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        stream = open(handle, "wb", buffering=256 * 1024)  # noqa: SIM115 (the writer closes it)
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode):
            if (status.st_dev, status.st_ino) in {_identity(name) for name in inputs}:
                stream.close()
                raise SavefileError("is being read; it is not overwritten", path=path)
            os.ftruncate(handle, 0)
        return stream
    except OSError as error:
        raise SavefileError(f"cannot write: {error.strerror or error}", path=path) from error


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of an input; None if it has gone or never was a file."""
    try:
        status = os.fstat(sys.stdin.fileno()) if path == "-" else os.stat(path)
    except (AttributeError, OSError, ValueError):  # AttributeError: standard input is closed or replaced
        return None
    return status.st_dev, status.st_ino


def _exponent(interface: Interface) -> int:
    """The power of ten of the resolution ``interface`` is written with: its own, or 9."""
    for exponent in range(10):
        if interface.resolution == 10**exponent:
            return exponent
    return 6 if not interface.nanoseconds else 9


def _options(interface: Interface) -> bytes:
    """The options of an interface description, with the end mark."""
    options = [(IF_TSRESOL, bytes([_exponent(interface)]))]
    if interface.name is not None:
        options.insert(0, (IF_NAME, interface.name.encode("utf-8", "replace")[:0xFFFF]))
    if interface.fcslen is not None:
        options.append((IF_FCSLEN, bytes([interface.fcslen * 8 & 0xFF])))
    options.append((END_OF_OPTIONS, b""))
    return b"".join(_OPTION.pack(code, len(value)) + value + _PADDING[len(value) & 3] for code, value in options)

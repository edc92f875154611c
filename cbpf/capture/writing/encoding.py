"""How packets are written down in a pcap and in a pcapng file. Nothing here knows files: bytes come out.

Source: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Everything is in this host's byte order, since the readers
convert host-order fields inside packets to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, Protocol

from cbpf.capture.byteorder import HOST_ORDER
from cbpf.capture.options import END_OF_OPTIONS, IF_FCSLEN, IF_NAME, IF_TSRESOL
from cbpf.capture.packet import MICROSECONDS, NANOSECONDS, Interface, Packet, Place
from cbpf.capture.pcapng import BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER
from cbpf.errors import SavefileError
from cbpf.linktypes import linktype_name

_PCAP_HEADER: Final = Struct(HOST_ORDER + "IHHIIII")
_PCAP_RECORD: Final = Struct(HOST_ORDER + "IIII")
_PCAP_VERSION: Final = (2, 4)
_MAGIC_MICROSECONDS: Final = 0xA1B2C3D4
_MAGIC_NANOSECONDS: Final = 0xA1B23C4D
SNAPLEN_AT: Final = 16  # in the header of a pcap file

_SECTION: Final = Struct(HOST_ORDER + "IIIHHqI")
_SECTION_LENGTH_UNKNOWN: Final = -1
_INTERFACE: Final = Struct(HOST_ORDER + "HHI")
_ENHANCED: Final = Struct(HOST_ORDER + "IIIIIII")
_LENGTH: Final = Struct(HOST_ORDER + "I")
_BLOCK_LENGTH_AT: Final = 4
_OPTION: Final = Struct(HOST_ORDER + "HH")
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")  # by length modulo 4
_OVERHEAD: Final = 32  # of an Enhanced Packet Block without options

# Link types in files of old programs that wrote the operating system's number, and the number every reader knows.
_CANONICAL: Final = {11: 100, 12: 101, 15: 102, 16: 103, 19: 106}

_LOW_32: Final = 0xFFFFFFFF


class Encoding(Protocol):
    """What both formats can do. ``path`` is what errors call the file; they are SavefileErrors."""

    path: str

    def preamble(self) -> bytes:
        """What a file begins with: it knows all interfaces that have been described."""

    def describe(self, interface: Interface) -> bytes:
        """What is to be written before the packets of an interface. Raises SavefileError if it cannot have any."""

    def place(self, interface: Interface) -> Place:
        """How the packets of an interface that was described are to be encoded by others."""

    def encode(self, packet: Packet) -> bytes:
        """A packet of an interface that was described. Raises SavefileError if the format has no room for it."""

    def records(self, encoded: memoryview) -> Iterator[tuple[int, int]]:
        """Of every encoded packet where it ends, in bytes, and its timestamp in nanoseconds."""

    def whole(self, encoded: memoryview) -> int:
        """The length in bytes of the whole records that ``encoded`` begins with."""


class PcapEncoding:
    """A pcap file with the link type, snapshot length and timestamp resolution of ``interface``.

    Timestamps are in nanoseconds if the interface's microseconds would lose something, else in microseconds, or as
    ``resolution`` says, in units per second.
    """

    def __init__(self, path: str, interface: Interface, resolution: int | None = None) -> None:
        self.path = path
        self.snaplen = interface.snaplen
        self._linktype = _CANONICAL.get(interface.linktype, interface.linktype)
        self._linkbits = interface.linkbits
        fine = interface.nanoseconds if resolution is None else resolution == NANOSECONDS
        self._divisor = 1 if fine else NANOSECONDS // MICROSECONDS

    def preamble(self) -> bytes:
        magic = _MAGIC_NANOSECONDS if self._divisor == 1 else _MAGIC_MICROSECONDS
        return _PCAP_HEADER.pack(magic, *_PCAP_VERSION, 0, 0, self.snaplen, self._linktype | self._linkbits)

    def describe(self, interface: Interface) -> bytes:
        linktype = _CANONICAL.get(interface.linktype, interface.linktype)
        if linktype != self._linktype:
            raise SavefileError(
                f"a pcap file holds one link type: this one has {linktype_name(self._linktype)}, "
                f"the packet has {linktype_name(linktype)}; "
                "write a .pcapng file instead",
                path=self.path,
            )
        return b""

    def place(self, interface: Interface) -> Place:
        self.describe(interface)
        return Place(0, self._divisor, self.snaplen)

    def encode(self, packet: Packet) -> bytes:
        timestamp, wirelen, data, _ = packet
        if len(data) > self.snaplen:
            raise _too_long(packet, self.snaplen, self.path)
        seconds, fraction = divmod(timestamp, NANOSECONDS)
        return _PCAP_RECORD.pack(seconds & _LOW_32, fraction // self._divisor, len(data), wirelen) + data

    def records(self, encoded: memoryview) -> Iterator[tuple[int, int]]:
        at, end, divisor = 0, len(encoded), self._divisor
        while at < end:
            seconds, fraction, caplen, _ = _PCAP_RECORD.unpack_from(encoded, at)
            at += _PCAP_RECORD.size + caplen
            yield at, seconds * NANOSECONDS + fraction * divisor

    def whole(self, encoded: memoryview) -> int:
        at, end = 0, len(encoded)
        while at + _PCAP_RECORD.size <= end:
            following = at + _PCAP_RECORD.size + _PCAP_RECORD.unpack_from(encoded, at)[2]
            if following > end:
                break
            at = following
        return at


class PcapngEncoding:
    """A pcapng file of one section, in which each packet keeps its interface.

    An interface has its link type, snapshot length, resolution, name and FCS length. Resolutions that are a power of
    ten up to a nanosecond are kept; others become nanoseconds; or all become ``resolution``, in units per second.
    """

    def __init__(self, path: str, resolution: int | None = None) -> None:
        self.path = path
        self._resolution = resolution
        self._numbers: dict[Interface, int] = {}
        self._units: list[int] = []  # of time, in nanoseconds
        self._descriptions: list[bytes] = []

    def preamble(self) -> bytes:
        length = _SECTION.size
        section = _SECTION.pack(SECTION_HEADER, length, BYTE_ORDER_MAGIC, 1, 0, _SECTION_LENGTH_UNKNOWN, length)
        return section + b"".join(self._descriptions)

    def describe(self, interface: Interface) -> bytes:
        if interface in self._numbers:
            return b""
        exponent = _exponent(interface, self._resolution)
        body = _INTERFACE.pack(interface.linktype, 0, interface.snaplen) + _options(interface, exponent)
        length = _LENGTH.pack(len(body) + 12)
        self._descriptions.append(_LENGTH.pack(INTERFACE_DESCRIPTION) + length + body + length)
        self._units.append(NANOSECONDS // 10**exponent)
        self._numbers[interface] = len(self._numbers)
        return self._descriptions[-1]

    def place(self, interface: Interface) -> Place:
        number = self._numbers[interface]
        return Place(number, self._units[number], interface.snaplen)

    def encode(self, packet: Packet) -> bytes:
        timestamp, wirelen, data, interface = packet
        number = self._numbers[interface]
        caplen = len(data)
        if caplen > interface.snaplen:
            raise _too_long(packet, interface.snaplen, self.path)
        ticks = timestamp // self._units[number]
        if not 0 <= ticks >> 32 <= _LOW_32:
            raise SavefileError(f"no room for the timestamp {timestamp} ns", path=self.path)
        padding = _PADDING[caplen & 3]
        length = _OVERHEAD + caplen + len(padding)
        header = _ENHANCED.pack(ENHANCED_PACKET, length, number, ticks >> 32, ticks & _LOW_32, caplen, wirelen)
        return header + data + padding + _LENGTH.pack(length)

    def records(self, encoded: memoryview) -> Iterator[tuple[int, int]]:
        at, end, units = 0, len(encoded), self._units
        while at < end:
            _, length, number, high, low, _, _ = _ENHANCED.unpack_from(encoded, at)
            at += length
            yield at, (high << 32 | low) * units[number]

    def whole(self, encoded: memoryview) -> int:
        at, end = 0, len(encoded)
        while at + _BLOCK_LENGTH_AT + _LENGTH.size <= end:
            following = at + _LENGTH.unpack_from(encoded, at + _BLOCK_LENGTH_AT)[0]
            if following > end:
                break
            at = following
        return at


def _too_long(packet: Packet, snaplen: int, path: str) -> SavefileError:
    return SavefileError(
        f"a packet of {len(packet.data)} captured bytes does not fit the snapshot length {snaplen}; "
        "a .pcapng file has one for each interface",
        path=path,
    )


def _exponent(interface: Interface, resolution: int | None) -> int:
    """The power of ten of the resolution ``interface`` is written with: its own, or 9, unless another is asked for."""
    wanted = interface.resolution if resolution is None else resolution
    for exponent in range(10):
        if wanted == 10**exponent:
            return exponent
    return 6 if not interface.nanoseconds else 9


def _options(interface: Interface, exponent: int) -> bytes:
    """The options of an interface description, with the end mark."""
    options = [(IF_TSRESOL, bytes([exponent]))]
    if interface.name is not None:
        options.insert(0, (IF_NAME, interface.name.encode("utf-8", "replace")[:0xFFFF]))
    if interface.fcslen is not None:
        options.append((IF_FCSLEN, bytes([interface.fcslen * 8 & 0xFF])))
    options.append((END_OF_OPTIONS, b""))
    return b"".join(_OPTION.pack(code, len(value)) + value + _PADDING[len(value) & 3] for code, value in options)

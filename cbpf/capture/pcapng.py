"""Reading pcapng savefiles: sections of either byte order, interfaces of any link type, all packet blocks.

Source: draft-ietf-opsawg-pcapng; for what counts as damage, the behaviour of libpcap 1.10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NamedTuple

from cbpf.capture.byteorder import Converter, converter
from cbpf.capture.limits import LONGEST_NAME, MAXIMUM_INTERFACES, effective_snaplen, maximum_snaplen
from cbpf.capture.options import interface_options
from cbpf.capture.packet import NANOSECONDS, Interface, Packet
from cbpf.capture.window import Window

MAGIC: Final = b"\x0a\x0d\x0d\x0a"

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6
BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D

_BYTE_ORDERS: Final = {BYTE_ORDER_MAGIC.to_bytes(4, "little"): "<", BYTE_ORDER_MAGIC.to_bytes(4, "big"): ">"}
_PACKET_BLOCKS: Final = (OBSOLETE_PACKET, SIMPLE_PACKET, ENHANCED_PACKET)

# A block is its type and total length, a body, and the total length again.
_BLOCK_HEADER_LENGTH: Final = 8
_BLOCK_OVERHEAD: Final = 12
_SECTION_BODY_LENGTH: Final = 16
_MAXIMUM_SECTION_HEADER: Final = 1024 * 1024
_MAXIMUM_BLOCK: Final = 16 * 1024 * 1024
# What a packet block may have on top of the packet: its header and this many bytes of options.
_MAXIMUM_PACKET_OPTIONS: Final = 128 * 1024 + 32


class _Layouts:
    """The fixed parts of blocks in one byte order."""

    __slots__ = ("block", "enhanced", "enhanced_block", "interface", "length", "obsolete", "order", "section", "simple")

    def __init__(self, order: str) -> None:
        self.order = order
        self.block = Struct(order + "II")  # type, total length
        self.length = Struct(order + "I")
        self.section = Struct(order + "IHHq")  # byte-order magic, version, section length
        self.interface = Struct(order + "HHI")  # link type, reserved, snapshot length
        self.enhanced = Struct(order + "IIIII")  # interface, timestamp high and low, capture and wire length
        self.enhanced_block = Struct(order + "IIIIIII")
        self.obsolete = Struct(order + "HHIIII")  # interface, drops, then as above
        self.simple = Struct(order + "I")  # wire length


_LAYOUTS: Final = {order: _Layouts(order) for order in "<>"}


class Source(NamedTuple):
    """What is needed to make packets of one interface: nanoseconds = ticks * multiplier // divisor + offset.

    ``offset`` is a whole number of seconds.
    """

    interface: Interface
    snaplen: int
    multiplier: int
    divisor: int
    offset: int
    convert: Converter | None


class PcapngReader:
    """The packets of one pcapng savefile.

    ``interfaces`` are those described so far: the first one when the reader is made (if there is one before the
    first packet), the others while ``packets`` runs. Raises SavefileError if the first section header cannot be used,
    and from ``packets`` where the file is damaged.
    """

    format = "pcapng"

    def __init__(self, window: Window) -> None:
        self._window = window
        self.interfaces: list[Interface] = []
        self._sources: list[Source] = []  # of the present section
        self._maximum_block = _MAXIMUM_BLOCK
        self._layouts = _LAYOUTS["<"]
        self._handlers: dict[int, Callable[[bytes], Packet | None]] = {
            SECTION_HEADER: self._section,
            INTERFACE_DESCRIPTION: self._interface,
            ENHANCED_PACKET: self._enhanced,
            SIMPLE_PACKET: self._simple,
            OBSOLETE_PACKET: self._obsolete,
        }
        self.one()
        self._read_to_first_interface()

    def packets(self) -> Iterator[Packet]:
        """Yield the packets; raises SavefileError at the first block that cannot be read."""
        window, new, kind = self._window, tuple.__new__, Packet
        while True:
            # The common case: whole, flawless Enhanced Packet Blocks in memory. All else is left to _block.
            layouts, sources, known = self._layouts, self._sources, len(self._sources)
            unpack, unpack_length = layouts.enhanced_block.unpack_from, layouts.length.unpack_from
            data, pos, end = window.data, window.pos, len(window.data)
            while pos + 32 <= end:
                block, length, number, high, low, caplen, wirelen = unpack(data, pos)
                stop = pos + length
                if block != ENHANCED_PACKET or length & 3 or caplen + 32 > length or stop > end or number >= known:
                    break
                interface, snaplen, multiplier, divisor, offset, convert = sources[number]
                if caplen > snaplen or unpack_length(data, stop - 4)[0] != length:
                    break
                captured = data[pos + 28 : pos + 28 + caplen]
                pos = stop
                if convert is not None:
                    captured = convert(captured, wirelen)
                timestamp = (high << 32 | low) * multiplier // divisor + offset
                yield new(kind, (timestamp, wirelen, captured, interface))
            window.pos = pos
            if not window.need(1):
                return
            packet = self.one()
            if packet is not None:
                yield packet

    def _read_to_first_interface(self) -> None:
        """Handle what comes before the first interface, so that the file's link type is known early."""
        window = self._window
        while not self.interfaces and window.need(_BLOCK_HEADER_LENGTH):
            if self._layouts.length.unpack_from(window.data, window.pos)[0] in _PACKET_BLOCKS:
                break
            self.one()

    @property
    def order(self) -> str:
        """The byte order of the present section, as in ``struct``."""
        return self._layouts.order

    @property
    def section(self) -> list[Source]:
        """The interfaces of the present section, by their numbers in it; every section has a list of its own."""
        return self._sources

    @property
    def largest_block(self) -> int:
        """How many bytes a block may have."""
        return self._maximum_block

    def one(self) -> Packet | None:
        """Check and handle one block; the packet in it, if it has one. The window is moved behind it.

        Raises as ``packets`` does.
        """
        window = self._window
        if not window.need(_BLOCK_HEADER_LENGTH):
            raise window.damage(f"the file ends inside a block header: {window.left()} of {_BLOCK_HEADER_LENGTH} bytes")
        if window.data.startswith(MAGIC, window.pos):
            self._find_byte_order()
        block, length = self._layouts.block.unpack_from(window.data, window.pos)
        least, most = _BLOCK_OVERHEAD, self._maximum_block
        if block == SECTION_HEADER:
            least, most = _BLOCK_OVERHEAD + _SECTION_BODY_LENGTH, _MAXIMUM_SECTION_HEADER
        if not least <= length <= most or length % 4:
            raise window.damage(f"a block claims a length of {length} bytes, not a multiple of 4 in {least}..{most}")
        if not window.need(length):
            raise window.damage(f"the file ends inside a block: {window.left()} of {length} bytes")
        stop = window.pos + length
        (trailer,) = self._layouts.length.unpack_from(window.data, stop - 4)
        # libpcap reads a file whatever the end of its first section header says, so that one is let pass.
        if trailer != length and window.offset:
            raise window.damage(f"a block begins with the length {length} and ends with {trailer}")
        handler = self._handlers.get(block)
        packet = handler(window.data[window.pos + _BLOCK_HEADER_LENGTH : stop - 4]) if handler else None
        window.pos = stop
        return packet

    def _find_byte_order(self) -> None:
        window = self._window
        if not window.need(_BLOCK_OVERHEAD):
            raise window.damage(f"the file ends inside a section header: {window.left()} bytes")
        magic = window.data[window.pos + 8 : window.pos + 12]
        if magic not in _BYTE_ORDERS:
            raise window.damage(f"a section header has the unknown byte-order magic {magic.hex()}")
        self._layouts = _LAYOUTS[_BYTE_ORDERS[magic]]

    def _section(self, body: bytes) -> None:
        _, major, minor, _ = self._layouts.section.unpack_from(body)
        # 1.2 was written by some programs and means the same as 1.0.
        if major != 1 or minor not in (0, 2):
            raise self._window.damage(f"pcapng version {major}.{minor} is not known")
        self._sources = []

    def _interface(self, body: bytes) -> None:
        window, layout = self._window, self._layouts.interface
        if len(body) < layout.size:
            raise window.damage("an interface description is too short")
        if len(self.interfaces) >= MAXIMUM_INTERFACES:
            raise window.damage(f"the file describes more than {MAXIMUM_INTERFACES} interfaces")
        linktype, _, snaplen = layout.unpack_from(body)
        options = interface_options(body[layout.size :], self._layouts.order, window)
        interface = Interface(
            linktype=linktype,
            snaplen=effective_snaplen(linktype, snaplen),
            resolution=options.resolution,
            name=options.name and options.name[:LONGEST_NAME],
            number=len(self.interfaces),
            fcslen=options.fcslen,
        )
        whole = NANOSECONDS % interface.resolution == 0
        source = Source(
            interface=interface,
            snaplen=interface.snaplen,
            multiplier=NANOSECONDS // interface.resolution if whole else NANOSECONDS,
            divisor=1 if whole else interface.resolution,
            offset=options.offset * NANOSECONDS,
            convert=converter(linktype, self._layouts.order),
        )
        self.interfaces.append(interface)
        self._sources.append(source)
        self._maximum_block = max(self._maximum_block, maximum_snaplen(linktype) + _MAXIMUM_PACKET_OPTIONS)

    def _enhanced(self, body: bytes) -> Packet:
        layout = self._checked(self._layouts.enhanced, body)
        number, high, low, caplen, wirelen = layout.unpack_from(body)
        return self._packet(number, high << 32 | low, caplen, wirelen, body[layout.size :])

    def _obsolete(self, body: bytes) -> Packet:
        layout = self._checked(self._layouts.obsolete, body)
        number, _drops, high, low, caplen, wirelen = layout.unpack_from(body)
        return self._packet(number, high << 32 | low, caplen, wirelen, body[layout.size :])

    def _simple(self, body: bytes) -> Packet:
        layout = self._checked(self._layouts.simple, body)
        (wirelen,) = layout.unpack_from(body)
        # It belongs to the first interface, has no timestamp, and is cut at the snapshot length without saying so.
        caplen = min(wirelen, self._sources[0].snaplen) if self._sources else 0
        return self._packet(0, 0, caplen, wirelen, body[layout.size :])

    def _checked(self, layout: Struct, body: bytes) -> Struct:
        if len(body) < layout.size:
            raise self._window.damage("a packet block is too short")
        return layout

    def _packet(self, number: int, ticks: int, caplen: int, wirelen: int, rest: bytes) -> Packet:
        """The packet of interface ``number`` of this section whose bytes begin ``rest``."""
        window = self._window
        if number >= len(self._sources):
            raise window.damage(f"a packet names interface {number}, which its section does not describe")
        source = self._sources[number]
        if caplen > source.snaplen:
            raise window.damage(f"a packet claims {caplen} captured bytes; the snapshot length is {source.snaplen}")
        if caplen > len(rest):
            raise window.damage(f"a packet claims {caplen} captured bytes; its block has {len(rest)}")
        data = rest[:caplen]
        if source.convert is not None:
            data = source.convert(data, wirelen)
        return Packet(ticks * source.multiplier // source.divisor + source.offset, wirelen, data, source.interface)

"""Reading pcap savefiles: both byte orders, microseconds, nanoseconds, and the modified format of patched kernels.

Source: draft-ietf-opsawg-pcap; for the older versions and the modified format, the behaviour of libpcap 1.10.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from cbpf.capture.byteorder import converter
from cbpf.capture.limits import effective_snaplen, maximum_snaplen
from cbpf.capture.packet import MICROSECONDS, NANOSECONDS, Interface, Packet
from cbpf.capture.window import Window

FILE_HEADER_LENGTH: Final = 24

_LINKTYPE_MASK: Final = 0x0000FFFF
_RESERVED_MASK: Final = 0x03FF0000
_FLAGS_MASK: Final = 0xFC000000
_FCS_PRESENT: Final = 0x04000000
_ETHERNET_HEADER_LENGTH: Final = 14


class _Variant(NamedTuple):
    """What a magic number says: timestamp units per second, and the length of a record header in bytes."""

    resolution: int
    header_length: int


_VARIANTS: Final = {
    0xA1B2C3D4: _Variant(MICROSECONDS, 16),
    0xA1B23C4D: _Variant(NANOSECONDS, 16),
    # Alexey Kuznetsov's modified format has eight bytes more: interface index, protocol, packet type.
    0xA1B2CD34: _Variant(MICROSECONDS, 24),
}

MAGICS: Final = {
    magic.to_bytes(4, "big" if order == ">" else "little"): (order, variant)
    for magic, variant in _VARIANTS.items()
    for order in "<>"
}
"""First four bytes of a file: (byte order as in ``struct``, variant)."""


class PcapReader:
    """The packets of one pcap savefile.

    ``interfaces`` has the one Interface a pcap file can describe. Raises SavefileError if the file header cannot be
    used, and from ``packets`` where the file is damaged.
    """

    format = "pcap"

    def __init__(self, window: Window) -> None:
        self._window = window
        if not window.need(FILE_HEADER_LENGTH):
            raise window.damage(f"the file header is cut short: {window.left()} of {FILE_HEADER_LENGTH} bytes")
        header = window.data[window.pos : window.pos + FILE_HEADER_LENGTH]
        self._order, variant = MAGICS[header[:4]]
        self._record = Struct(f"{self._order}IIII{variant.header_length - 16}x")
        _, major, minor, _, _, snaplen, link = Struct(self._order + "IHHIIII").unpack(header)
        self._swap_lengths = _length_order(window, major, minor)
        if link & _RESERVED_MASK:
            raise window.damage(f"the reserved bits of the link-type word {link:#010x} are not zero")
        self.interfaces = [_interface(snaplen, link, variant)]
        window.pos += FILE_HEADER_LENGTH

    def packets(self) -> Iterator[Packet]:
        """Yield the packets; raises SavefileError at the first record that cannot be read."""
        window, interface = self._window, self.interfaces[0]
        size, unpack = self._record.size, self._record.unpack_from
        scale = NANOSECONDS // interface.resolution
        convert = converter(interface.linktype, self._order)
        new, kind = tuple.__new__, Packet
        plain = -1 if self._swap_lengths != "never" else min(interface.snaplen, maximum_snaplen(interface.linktype))
        while True:
            # The common case: whole records of believable length in memory. All else is left to _record_at.
            data, pos, end = window.data, window.pos, len(window.data)
            while pos + size <= end:
                seconds, fraction, caplen, wirelen = unpack(data, pos)
                start = pos + size
                pos = start + caplen
                if caplen > plain or pos > end:
                    pos = start - size
                    break
                captured = data[start:pos]
                if convert is not None:
                    captured = convert(captured, wirelen)
                yield new(kind, (seconds * NANOSECONDS + fraction * scale, wirelen, captured, interface))
            window.pos = pos
            packet = self.one()
            if packet is None:
                return
            yield packet

    @property
    def order(self) -> str:
        """The file's byte order, as in ``struct``."""
        return self._order

    @property
    def header_length(self) -> int:
        """How many bytes a record has in front of the packet."""
        return self._record.size

    @property
    def plain(self) -> bool:
        """Whether the two lengths of every record are where they belong."""
        return self._swap_lengths == "never"

    def one(self) -> Packet | None:
        """The next packet, whatever is odd about it; None at the end. Raises as ``packets`` does."""
        interface = self.interfaces[0]
        record = self._record_at(self._window)
        if record is None:
            return None
        seconds, fraction, wirelen, captured = record
        convert = converter(interface.linktype, self._order)
        if convert is not None:
            captured = convert(captured, wirelen)
        scale = NANOSECONDS // interface.resolution
        return Packet(seconds * NANOSECONDS + fraction * scale, wirelen, captured, interface)

    def _record_at(self, window: Window) -> tuple[int, int, int, bytes] | None:
        """Seconds, fraction, wire length and captured bytes of the next record, with every check; None at the end."""
        size, snaplen = self._record.size, self.interfaces[0].snaplen
        if not window.need(size):
            if not window.left():
                return None
            raise window.damage(f"the file ends inside a record header: {window.left()} of {size} bytes")
        seconds, fraction, caplen, wirelen = self._record.unpack_from(window.data, window.pos)
        if self._swap_lengths == "always" or (self._swap_lengths == "maybe" and caplen > wirelen):
            caplen, wirelen = wirelen, caplen
        maximum = maximum_snaplen(self.interfaces[0].linktype)
        if caplen > maximum:
            raise window.damage(f"a record claims {caplen} captured bytes; the most there can be is {maximum}")
        if not window.need(size + caplen):
            raise window.damage(f"the file ends inside a packet: {window.left() - size} of {caplen} captured bytes")
        start = window.pos + size
        window.pos = start + caplen
        # Files exist whose packets exceed the snapshot length; nobody may be handed more than was promised.
        return seconds, fraction, wirelen, window.data[start : start + min(caplen, snaplen)]


def _length_order(window: Window, major: int, minor: int) -> str:
    """Whether the two lengths of a record are in the order of old versions: "never", "maybe" or "always"."""
    if (major, minor) == (543, 0):  # DG/UX
        return "always"
    if major < 2:
        raise window.damage(f"pcap version {major}.{minor} is too old to be read")
    if major > 2 or minor > 4:
        raise window.damage(f"pcap version {major}.{minor} is not known")
    return ("never", "maybe", "always")[min(2, 4 - minor)]


def _interface(snaplen: int, link: int, variant: _Variant) -> Interface:
    linktype = link & _LINKTYPE_MASK
    snaplen = effective_snaplen(linktype, snaplen)
    if variant.header_length != 16 and linktype == 1:
        # Kernels of that time added a made-up Ethernet header on top of the snapshot length.
        snaplen += _ETHERNET_HEADER_LENGTH
    return Interface(
        linktype=linktype,
        snaplen=snaplen,
        resolution=variant.resolution,
        fcslen=2 * (link >> 28) if link & _FCS_PRESENT else None,
        linkbits=link & _FLAGS_MASK,
    )

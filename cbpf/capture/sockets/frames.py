"""From what the kernel tells of a packet to the packet: VLAN tags put back, cooked headers, packets seen twice.

The kernel takes a VLAN tag out of the frame and hands it over beside it, and in cooked captures there is no link-layer
header at all. Files have both (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 describe the header), so both are made here,
with the lengths that libpcap gives such packets. Source: packet(7), linux/if_packet.h.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Final, Literal, NamedTuple

from cbpf.capture.packet import Interface
from cbpf.capture.sockets.hardware import ARPHRD_CAN, ARPHRD_LOOPBACK, Framing
from cbpf.linktypes import NUMBERS

Direction = Literal["in", "out", "inout"]

PACKET_OUTGOING: Final = 4

# Bits of tp_status. Kernels that do not know the second mean the tag of IEEE 802.1Q.
VLAN_VALID: Final = 1 << 4
VLAN_TPID_VALID: Final = 1 << 6
_ETH_P_8021Q: Final = 0x8100

# struct sockaddr_ll: family, protocol (big-endian), interface, hardware type, packet type, length of the address, and
# the address, of which eight bytes are there.
ADDRESS: Final = Struct("=2x2siHBB8s")

_SLL: Final = Struct(">HHH8s2s")
_SLL2: Final = Struct(">2s2xIHBB8s")
_TAG: Final = Struct(">HH")
SMALLEST_COOKED: Final = _SLL2.size + 1  # bytes: less than a header and something behind it is of no use to anybody


class Shape(NamedTuple):
    """What the packets of one capture have in common.

    * ``interface``: what they carry; no more than its snapshot length is kept of one.
    * ``header``: makes the cooked header of a ``struct sockaddr_ll``; None if the link layer's own is there.
    * ``tag_at``: offset of the VLAN tag that is put back; None if the link type has no place for one.
    * ``direction``: which packets are wanted.
    """

    interface: Interface
    header: Callable[[bytes], bytes] | None
    tag_at: int | None
    direction: Direction

    def unwanted(self, hardware: int, kind: int) -> bool:
        """Whether a packet goes the wrong way, or is seen a second time.

        ``hardware`` is the ARPHRD number of its interface, ``kind`` its packet type. What is sent through a loopback
        interface is received as well, and so is what CAN interfaces send: only the copy received counts.
        """
        if kind != PACKET_OUTGOING:
            return self.direction == "out"
        twice = hardware == ARPHRD_LOOPBACK or (hardware == ARPHRD_CAN and self.direction != "out")
        return twice or self.direction == "in"

    def restore(self, data: bytes, wirelen: int, address: bytes, tag: bytes | None) -> tuple[int, bytes]:
        """Wire length and captured bytes of a packet as files have it.

        ``data`` and ``wirelen`` are what the kernel has of it, both without ``tag``, and ``address`` its sockaddr_ll.
        """
        # As libpcap, which asks for enough bytes from the kernel, cooked or not.
        tagged = tag is not None and self.tag_at is not None and len(data) >= self.tag_at
        if self.header is not None:
            header = self.header(address)
            data, wirelen = header + data, wirelen + len(header)
        if tag is not None and tagged:
            data, wirelen = data[: self.tag_at] + tag + data[self.tag_at :], wirelen + _TAG.size
        return wirelen, data[: self.interface.snaplen]


def shape(framing: Framing, interface: Interface, direction: Direction) -> Shape:
    """The shape of the packets of an interface."""
    header = None
    if framing.cooked:
        header = lru_cache(1024)(_sll2 if framing.linktype == NUMBERS["LINUX_SLL2"] else _sll)
    return Shape(interface, header, _TAG_AT.get(framing.linktype), direction)


def vlan_tag(status: int, tci: int, tpid: int) -> bytes | None:
    """The VLAN tag that is beside a packet: tp_vlan_tci, and tp_vlan_tpid in front of it. None if there is none."""
    if not (tci or status & VLAN_VALID):
        return None
    return _TAG.pack(tpid if tpid or status & VLAN_TPID_VALID else _ETH_P_8021Q, tci)


# Behind the two addresses; in front of the protocol, which is the last field.
_TAG_AT: Final = {NUMBERS["EN10MB"]: 12, NUMBERS["LINUX_SLL"]: _SLL.size - 2}


def _sll(address: bytes) -> bytes:
    protocol, _, hardware, kind, length, station = ADDRESS.unpack(address)
    return _SLL.pack(kind, hardware, length, station, protocol)


def _sll2(address: bytes) -> bytes:
    protocol, index, hardware, kind, length, station = ADDRESS.unpack(address)
    return _SLL2.pack(protocol, index, hardware, kind, length, station)

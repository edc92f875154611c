"""Packets made by hand: a function for each header, which takes what comes behind it.

    ethernet(0x0800, ip(17, udp(53, 1024)))

Lengths and checksums are only there where a filter may look at them. Addresses are those of
RFC 5737 and RFC 3849 for documentation.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

HERE: Final = bytes.fromhex("020000000001")  # MAC addresses that no manufacturer gives away
THERE: Final = bytes.fromhex("020000000002")
EVERYBODY: Final = b"\xff" * 6
IPV4, ARP, IPV6, VLAN, MPLS, PPPOE = 0x0800, 0x0806, 0x86DD, 0x8100, 0x8847, 0x8864  # EtherTypes
TCP, UDP, ICMP, SCTP, AH, DESTINATION_OPTIONS = 6, 17, 1, 132, 51, 60  # IANA protocol numbers
GENEVE_PORT, VXLAN_PORT = 6081, 4789
TRANSPARENT_ETHERNET: Final = 0x6558


def ethernet(ethertype: int, payload: bytes = b"", *, to: bytes = HERE, of: bytes = THERE) -> bytes:
    """An Ethernet frame; with a length instead of an EtherType, what follows is LLC."""
    return to + of + ethertype.to_bytes(2) + payload


def vlan(identifier: int, ethertype: int, payload: bytes = b"") -> bytes:
    """What follows the type field 0x8100: a tag, and the next type field."""
    return identifier.to_bytes(2) + ethertype.to_bytes(2) + payload


def mpls(label: int, payload: bytes, *, bottom: bool = True) -> bytes:
    """RFC 3032, with a time to live of 64."""
    return (label << 12 | bottom << 8 | 64).to_bytes(4) + payload


def pppoe(protocol: int, payload: bytes, *, session: int = 7) -> bytes:
    """RFC 2516, and the protocol field of PPP."""
    return b"\x11\0" + session.to_bytes(2) + (len(payload) + 2).to_bytes(2) + protocol.to_bytes(2) + payload


def snap(organization: int, protocol: int, payload: bytes = b"") -> bytes:
    """The 802.2 header with the SNAP extension."""
    return b"\xaa\xaa\3" + organization.to_bytes(3) + protocol.to_bytes(2) + payload


def arp(of: str = "192.0.2.1", to: str = "192.0.2.2") -> bytes:
    """A request, RFC 826."""
    return b"\0\1\x08\0\6\4\0\1" + THERE + ip_address(of).packed + bytes(6) + ip_address(to).packed + bytes(18)


def ip(
    protocol: int,
    payload: bytes = bytes(40),
    *,
    of: str = "192.0.2.1",
    to: str = "192.0.2.2",
    ttl: int = 64,
    fragment: int = 0,
) -> bytes:
    """RFC 791, without options."""
    header = b"\x45\0" + (20 + len(payload)).to_bytes(2) + b"\0\1" + fragment.to_bytes(2) + bytes((ttl, protocol, 0, 0))
    return header + ip_address(of).packed + ip_address(to).packed + payload


def ip6(
    next_header: int, payload: bytes = bytes(40), *, of: str = "2001:db8::1", to: str = "2001:db8::2", hops: int = 64
) -> bytes:
    """RFC 8200."""
    header = b"\x60\0\0\0" + len(payload).to_bytes(2) + bytes((next_header, hops))
    return header + ip_address(of).packed + ip_address(to).packed + payload


def udp(of: int, to: int, payload: bytes = bytes(20)) -> bytes:
    return of.to_bytes(2) + to.to_bytes(2) + (8 + len(payload)).to_bytes(2) + b"\0\0" + payload


def tcp(of: int, to: int, *, flags: int = 0x02) -> bytes:
    return of.to_bytes(2) + to.to_bytes(2) + bytes(8) + bytes((0x50, flags)) + bytes(20)


def vxlan(network: int, frame: bytes) -> bytes:
    """A datagram to port 4789, RFC 7348."""
    return udp(50000, VXLAN_PORT, b"\x08\0\0\0" + network.to_bytes(3) + b"\0" + frame)


def geneve(network: int, protocol: int, payload: bytes, *, options: bytes = b"") -> bytes:
    """A datagram to port 6081, RFC 8926; options of a multiple of four bytes."""
    header = bytes((len(options) // 4, 0)) + protocol.to_bytes(2) + network.to_bytes(3) + b"\0"
    return udp(50000, GENEVE_PORT, header + options + payload)


def authentication(next_header: int, payload: bytes, *, size: int = 24) -> bytes:
    """RFC 4302: the length field counts words of four bytes, less two."""
    return bytes((next_header, size // 4 - 2)).ljust(size, b"\0") + payload


def destination_options(next_header: int, payload: bytes) -> bytes:
    return bytes((next_header, 0)).ljust(8, b"\0") + payload


# 802.11

MANAGEMENT, CONTROL, DATA, QOS_DATA = 0x00, 0x04, 0x08, 0x88  # types, as in the first byte of the frame control field
TO_DS, FROM_DS = 1, 2  # in the second byte


def wlan(
    kind: int,
    direction: int = 0,
    payload: bytes = b"",
    *,
    first: bytes = HERE,
    second: bytes = THERE,
    third: bytes = HERE,
) -> bytes:
    """Three addresses, and behind those of QoS data two bytes more. Control frames end with the addresses they have."""
    header = bytes((kind, direction, 0, 0)) + first + second + third + b"\0\0"
    return header + (b"\0\0" if kind & 0x8C == 0x88 else b"") + payload


def acknowledgment(receiver: bytes = HERE) -> bytes:
    """It has one address, and then only the frame check sequence."""
    return bytes((CONTROL | 0xD0, 0, 0, 0)) + receiver + bytes(4)


def request_to_send(receiver: bytes = HERE, transmitter: bytes = THERE) -> bytes:
    return bytes((CONTROL | 0xB0, 0, 0, 0)) + receiver + transmitter + bytes(4)


def radiotap(frame: bytes, *, present: int = 0, fields: bytes = b"") -> bytes:
    """The word of what fields are present and the length are little-endian (radiotap.org)."""
    length = 8 + len(fields)
    return b"\0\0" + length.to_bytes(2, "little") + present.to_bytes(4, "little") + fields + frame


def ppi(frame: bytes, *, inner: int = 105, fields: bytes = b"") -> bytes:
    """A header whose inner link type is the DLT of 802.11, or another; little-endian."""
    return b"\0\0" + (8 + len(fields)).to_bytes(2, "little") + inner.to_bytes(4, "little") + fields + frame


def avs(frame: bytes, *, length: int = 64) -> bytes:
    return (0x80211001).to_bytes(4) + length.to_bytes(4) + bytes(length - 8) + frame


def prism(frame: bytes) -> bytes:
    return (0x44).to_bytes(4, "little") + (144).to_bytes(4, "little") + bytes(136) + frame

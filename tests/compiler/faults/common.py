"""The rows of the table, and frames that come in it again and again."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from tests.frames import (
    ARP,
    EVERYBODY,
    ICMP,
    IPV4,
    IPV6,
    TCP,
    TRANSPARENT_ETHERNET,
    UDP,
    arp,
    ethernet,
    geneve,
    ip,
    ip6,
    tcp,
    udp,
)


class Whose(Enum):
    """Which of libpcap's programs is wrong about the packets that are lost or taken."""

    COMPILER = "both"
    OPTIMIZER = "the optimized one"
    UNOPTIMIZED = "the one that is not optimized"
    REFUSES = "none: it refuses the expression, or says that it cannot match"
    REFUSES_OPTIMIZED = "none: it says that nothing can match, if it optimizes; without, it is right"
    NEITHER = "none: a later or an earlier version is wrong, or what surprises is kept"
    KERNEL = "both: Linux refuses them"


class Packet(NamedTuple):
    octets: bytes
    matches: bool
    tells: bool
    ancillary: dict[int, int]


class Fault(NamedTuple):
    item: str
    whose: Whose
    expression: str
    packets: tuple[Packet, ...]
    linktype: str = "EN10MB"
    target: str = "savefile"


def lost(octets: bytes, ancillary: dict[int, int] | None = None) -> Packet:
    return Packet(octets, True, True, ancillary or {})


def taken(octets: bytes, ancillary: dict[int, int] | None = None) -> Packet:
    return Packet(octets, False, True, ancillary or {})


def found(octets: bytes, ancillary: dict[int, int] | None = None) -> Packet:
    return Packet(octets, True, False, ancillary or {})


def passed(octets: bytes, ancillary: dict[int, int] | None = None) -> Packet:
    return Packet(octets, False, False, ancillary or {})


def live(item: str, whose: Whose, expression: str, *packets: Packet, linktype: str = "EN10MB") -> Fault:
    return Fault(item, whose, expression, packets, linktype, "linux")


def on(linktype: str, item: str, whose: Whose, expression: str, *packets: Packet) -> Fault:
    return Fault(item, whose, expression, packets, linktype)


def on_ethernet(item: str, whose: Whose, expression: str, *packets: Packet) -> Fault:
    return Fault(item, whose, expression, packets)


# Frames that come again and again.
TCP_OVER_IPV4 = ethernet(IPV4, ip(TCP, tcp(0x0400, 80)))
UDP_OVER_IPV4 = ethernet(IPV4, ip(UDP, udp(0x0400, 80)))
ICMP_OVER_IPV4 = ethernet(IPV4, ip(ICMP))
ARP_REQUEST = ethernet(ARP, arp())
TCP_OVER_IPV6 = ethernet(IPV6, ip6(TCP, tcp(1024, 80)))
ICMP_OVER_IPV6 = ethernet(IPV6, ip6(58, b"\x87" + bytes(39)))
OTHER = ethernet(0x88B5, b"\x45" + bytes(19) + b"\4" + bytes(40))  # EtherType for local experiments
DNS = ethernet(IPV4, ip(UDP, udp(1024, 53)))


def to_all(frame: bytes) -> bytes:
    return EVERYBODY + frame[6:]


ISIS = b"\xfe\xfe\3\x83\x1b\1\0\x14" + bytes(20)  # 802.2, then a level 2 link state PDU


INNER_TCP = ethernet(IPV4, ip(TCP, tcp(1024, 80)), of=bytes(6))
OVER_GENEVE = ethernet(IPV4, ip(UDP, geneve(7, TRANSPARENT_ETHERNET, INNER_TCP)))


def pflog(name: bytes = b"em1", payload: bytes = b"", *, family: int = 2) -> bytes:
    """61 bytes of header, padded to 64."""
    return bytes((61, family, 0, 0)) + name.ljust(16, b"\0") + bytes(40) + b"\1\0\0\0" + payload

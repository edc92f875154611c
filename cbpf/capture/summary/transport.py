"""The transport layer of a summary: TCP, UDP with DNS and tunnels, SCTP, ICMP, ICMPv6, GRE, IP in IP."""

from __future__ import annotations

from struct import Struct
from typing import Final

from cbpf.capture.summary.dns import dns
from cbpf.capture.summary.line import (
    ETHERNET,
    IPV4,
    IPV6,
    MAXIMUM_8023_LENGTH,
    PAIR,
    SHORT,
    WORD,
    Dissector,
    Line,
    Malformed,
    ipv4_text,
    ipv6_text,
)

# The letters tcpdump shows, by bit from the lowest: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR.
_FLAG_LETTERS: Final = "FSRP.UEW"
_FLAGS: Final = tuple(
    "".join(letter for bit, letter in enumerate(_FLAG_LETTERS) if flags >> bit & 1) or "none" for flags in range(256)
)

_ICMP_NAMES: Final = {
    0: "echo reply",
    3: "unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp request",
    14: "timestamp reply",
    17: "address mask request",
    18: "address mask reply",
}
_UNREACHABLE_NAMES: Final = {
    0: "net unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "need to fragment",
    13: "administratively prohibited",
}
_ICMP6_NAMES: Final = {
    1: "unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "multicast listener query",
    131: "multicast listener report",
    132: "multicast listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    143: "multicast listener report v2",
}
_IGMP_NAMES: Final = {0x11: "query", 0x12: "v1 report", 0x16: "v2 report", 0x17: "leave", 0x22: "v3 report"}
_SCTP_CHUNKS: Final = (
    *("DATA", "INIT", "INIT ACK", "SACK", "HEARTBEAT", "HEARTBEAT ACK", "ABORT", "SHUTDOWN", "SHUTDOWN ACK", "ERROR"),
    *("COOKIE ECHO", "COOKIE ACK", "ECNE", "CWR", "SHUTDOWN COMPLETE"),
)
_ICMP_ECHOES: Final = frozenset({0, 8})
_ICMP6_ECHOES: Final = frozenset({128, 129})
_ICMP6_TARGETED: Final = {135: "who has", 136: "tgt is"}
_ICMP6_TARGET: Final = Struct("16s").unpack_from
_UNREACHABLE, _REDIRECT = 3, 5

_DNS_PORTS: Final = frozenset({53, 5353})
_VXLAN_PORT: Final = 4789
_GENEVE_PORT: Final = 6081


def tcp(line: Line) -> None:
    """TCP (RFC 9293): flags and payload length."""
    line.ports()
    offset, flags = line.data[line.at + 12] >> 4, line.data[line.at + 13]
    header = offset * 4
    line.words.append(f"TCP [{_FLAGS[flags]}],")
    if header < 20 or header > line.length:
        raise Malformed
    line.words.append(f"length {line.length - header}")


def udp(line: Line) -> int | None:
    """UDP (RFC 768): payload length, DNS, and the tunnels VXLAN and Geneve."""
    source, target = line.ports()
    (length,) = SHORT(line.data, line.at + 4)
    if length == 0:  # a jumbogram, or captured before segmentation
        length = line.length
    if length < 8:
        line.words.append("UDP")
        raise Malformed
    line.cut(length)
    line.skip(8)
    if target == _VXLAN_PORT:
        return _vxlan(line)
    if target == _GENEVE_PORT:
        return _geneve(line)
    if source in _DNS_PORTS or target in _DNS_PORTS:
        line.words.append("UDP,")
        dns(line)
    else:
        line.words.append(f"UDP, length {length - 8}")
    return None


def _vxlan(line: Line) -> int:
    """VXLAN (RFC 7348)."""
    line.add(f"vxlan {WORD(line.data, line.at + 4)[0] >> 8}")
    line.skip(8)
    return ETHERNET


def _geneve(line: Line) -> int | None:
    """Geneve (RFC 8926)."""
    first, kind, network = line.data[line.at], SHORT(line.data, line.at + 2)[0], WORD(line.data, line.at + 4)[0] >> 8
    line.add(f"geneve {network}")
    line.skip(8 + (first & 0x3F) * 4)
    if kind > MAXIMUM_8023_LENGTH:
        return int(kind)
    line.say(f"protocol {kind:#06x}")
    return None


def sctp(line: Line) -> None:
    """SCTP (RFC 9260): the name of the first chunk."""
    line.ports()
    line.words.append("SCTP")
    line.skip(12)
    kind = line.data[line.at]
    line.say(f"[{_SCTP_CHUNKS[kind] if kind < len(_SCTP_CHUNKS) else f'chunk {kind}'}]")


def icmp(line: Line) -> None:
    """ICMP (RFC 792)."""
    kind, code = line.data[line.at], line.data[line.at + 1]
    text = f"ICMP {_ICMP_NAMES.get(kind, f'type {kind} code {code}')}"
    if kind == _UNREACHABLE:
        text = f"ICMP {_UNREACHABLE_NAMES.get(code, f'unreachable code {code}')}"
    elif kind in _ICMP_ECHOES:
        text += ", id {}, seq {}".format(*PAIR(line.data, line.at + 4))
    elif kind == _REDIRECT:
        text += f" to {ipv4_text(line.data[line.at + 4 : line.at + 8])}"
    line.say(text)


def icmp6(line: Line) -> None:
    """ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861)."""
    kind, code = line.data[line.at], line.data[line.at + 1]
    text = f"ICMP6 {_ICMP6_NAMES.get(kind, f'type {kind} code {code}')}"
    if kind in _ICMP6_ECHOES:
        text += ", id {}, seq {}".format(*PAIR(line.data, line.at + 4))
    elif kind in _ICMP6_TARGETED:
        (target,) = _ICMP6_TARGET(line.data, line.at + 8)
        text += f", {_ICMP6_TARGETED[kind]} {ipv6_text(target)}"
    line.say(text)


def igmp(line: Line) -> None:
    """IGMP (RFC 2236, RFC 3376)."""
    kind = line.data[line.at]
    line.say(f"IGMP {_IGMP_NAMES.get(kind, f'type {kind:#04x}')}")


def gre(line: Line) -> int | None:
    """GRE (RFC 2784, RFC 2890): optional checksum, key and sequence number."""
    flags, kind = PAIR(line.data, line.at)
    if flags & 7:
        line.say(f"gre version {flags & 7}")
        return None
    line.add("gre")
    line.skip(4 + 4 * (flags >> 15 & 1) + 4 * (flags >> 13 & 1) + 4 * (flags >> 12 & 1))
    if kind > MAXIMUM_8023_LENGTH:
        return int(kind)
    line.say(f"protocol {kind:#06x}")
    return None


def inner_ipv4(line: Line) -> int:
    """IPv4 in IP (RFC 2003)."""
    line.add("ipip")
    return IPV4


def inner_ipv6(line: Line) -> int:
    """IPv6 in IP (RFC 2473, RFC 4213)."""
    line.add("ipip6")
    return IPV6


TRANSPORTS: Final[dict[int, Dissector]] = {
    1: icmp,
    2: igmp,
    4: inner_ipv4,
    6: tcp,
    17: udp,
    41: inner_ipv6,
    47: gre,
    58: icmp6,
    132: sctp,
}
"""By IP protocol number."""

PORTED: Final = frozenset({6, 17, 132})
"""Protocols that begin with port numbers."""

_PROTOCOL_NAMES: Final = {
    1: "ICMP",
    2: "IGMP",
    4: "IPIP",
    6: "TCP",
    8: "EGP",
    9: "IGRP",
    17: "UDP",
    33: "DCCP",
    41: "IPv6",
    46: "RSVP",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMP6",
    88: "EIGRP",
    89: "OSPF",
    103: "PIM",
    108: "IPComp",
    112: "VRRP",
    115: "L2TP",
    132: "SCTP",
    136: "UDP-Lite",
}


def protocol_name(number: int) -> str:
    """The name of an IP protocol, or its number in words."""
    return _PROTOCOL_NAMES.get(number, f"protocol {number}")

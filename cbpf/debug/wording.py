"""How the values of fields are written: addresses as addresses, protocols and flags by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ETHERTYPES: Final = {
    0x0800: "IPv4",
    0x0806: "ARP",
    0x8035: "RARP",
    0x8100: "VLAN tag",
    0x88A8: "service VLAN tag",
    0x9100: "VLAN tag of QinQ",
    0x86DD: "IPv6",
    0x8847: "MPLS",
    0x8848: "MPLS multicast",
    0x8863: "PPPoE discovery",
    0x8864: "PPPoE session",
    0x809B: "AppleTalk",
    0x80F3: "AppleTalk ARP",
    0x8137: "IPX",
    0x6003: "DECnet",
    0x6558: "Ethernet",
    0x8809: "slow protocols",
    0x888E: "802.1X",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
    0x88F7: "PTP",
    0x9000: "loopback",
}
_LARGEST_LENGTH: Final = 1500  # IEEE 802.3: up to here the field is a length

# IANA Assigned Internet Protocol Numbers, as people call them.
PROTOCOLS: Final = {
    0: "IPv6 hop-by-hop options",
    1: "ICMP",
    2: "IGMP",
    4: "IPv4 in IP",
    6: "TCP",
    9: "IGRP",
    17: "UDP",
    41: "IPv6 in IP",
    43: "IPv6 routing header",
    44: "IPv6 fragment header",
    46: "RSVP",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    59: "no next header",
    60: "IPv6 destination options",
    88: "EIGRP",
    89: "OSPF",
    103: "PIM",
    112: "VRRP",
    115: "L2TP",
    132: "SCTP",
}
_TCP_FLAGS: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")  # RFC 9293, the lowest bit first
_ICMP: Final = {
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
}
_ICMP6: Final = {
    1: "unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "listener query",
    131: "listener report",
    132: "listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
    137: "redirect",
    143: "listener report, version 2",
}
_OPERATIONS: Final = {1: "request", 2: "reply", 3: "reverse request", 4: "reverse reply"}  # RFC 826, RFC 903
_DIRECTIONS: Final = {0: "to us", 1: "broadcast", 2: "multicast", 3: "to someone else", 4: "sent by us"}

_WLAN_TYPES: Final = ("management", "control", "data", "extension")

# Kinds of fields that say what protocol follows.
NAMING: Final = frozenset({"ethertype", "naming"})

# Kinds whose values are names: of these it is worth saying what was asked for instead.
SYMBOLIC: Final = frozenset({"ethertype", "protocol", "icmp", "icmp6", "operation", "direction"})


def worded(kind: str, octets: bytes) -> str:
    """The value of a field of this kind, whose bytes these are."""
    return _KINDS[kind](octets)


def number(value: int) -> str:
    """A number, in hexadecimal as well where that differs."""
    return str(value) if value < 10 else f"{value} ({value:#x})"


def listed(words: list[str], last: str = "or") -> str:
    """ "a", "a or b", "a, b or c"."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _integer(octets: bytes) -> int:
    return int.from_bytes(octets)


def _hexadecimal(octets: bytes) -> str:
    return f"0x{octets.hex()}"


def _named(names: dict[int, str]) -> Callable[[bytes], str]:
    return lambda octets: names.get(_integer(octets)) or str(_integer(octets))


def _ethertype(octets: bytes) -> str:
    value = _integer(octets)
    return ETHERTYPES.get(value) or (str(value) if value <= _LARGEST_LENGTH else f"{value:#06x}")


def _flags(octets: bytes) -> str:
    return ", ".join(name for bit, name in enumerate(_TCP_FLAGS) if octets[0] >> bit & 1) or "none"


def _fragment(octets: bytes) -> str:
    """RFC 791: three bits of flags, and an offset in units of eight bytes."""
    value = _integer(octets)
    flags = [name for bit, name in ((0x4000, "don't fragment"), (0x2000, "more fragments")) if value & bit]
    return ", ".join([f"offset {(value & 0x1FFF) * 8}", *flags])


def _tag(octets: bytes) -> str:
    value = _integer(octets)
    priority = f", priority {value >> 13}" if value >> 13 else ""
    return f"VLAN {value & 0x0FFF}{priority}"


def _label(octets: bytes) -> str:
    value = _integer(octets)
    return f"label {value >> 12}" + (", bottom of the stack" if value >> 8 & 1 else "")


def _wlan(octets: bytes) -> str:
    """IEEE 802.11, 9.2.4.1: two bits of type above the version, and four of subtype."""
    return f"{_WLAN_TYPES[octets[0] >> 2 & 3]}, subtype {octets[0] >> 4}"


def _ipv6(octets: bytes) -> str:
    from ipaddress import IPv6Address

    return str(IPv6Address(octets))


_KINDS: Final[dict[str, Callable[[bytes], str]]] = {
    "number": lambda octets: str(_integer(octets)),
    "port": lambda octets: str(_integer(octets)),
    "little": lambda octets: str(int.from_bytes(octets, "little")),
    "hex": _hexadecimal,
    "naming": _hexadecimal,
    "wlan": _wlan,
    "mac": lambda octets: octets.hex(":"),
    "ipv4": lambda octets: ".".join(map(str, octets)),
    "ipv6": _ipv6,
    "ethertype": _ethertype,
    "protocol": _named(PROTOCOLS),
    "icmp": _named(_ICMP),
    "icmp6": _named(_ICMP6),
    "operation": _named(_OPERATIONS),
    "direction": _named(_DIRECTIONS),
    "flags": _flags,
    "fragment": _fragment,
    "tag": _tag,
    "label": _label,
    "version": lambda octets: f"version {octets[0] >> 4}, {(octets[0] & 0x0F) * 4} bytes",
}

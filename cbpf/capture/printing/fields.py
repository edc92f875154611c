"""The fields of a packet that a JSON object has: addresses, ports, protocols. ``objects`` has the table of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from cbpf.capture.protocols import ETHERTYPES, PROTOCOLS
from cbpf.capture.summary.line import IPV4, IPV6, MAXIMUM_8023_LENGTH, ipv4_text, ipv6_text, mac_text
from cbpf.capture.summary.tcp import FLAGS

_SHORT: Final = Struct(">H").unpack_from
_WORD: Final = Struct(">I").unpack_from
_PAIR: Final = Struct(">HH").unpack_from
_MACS: Final = Struct("6s6s").unpack_from
_IPV4_HEADER: Final = Struct(">B5xHBB2x4s4s").unpack_from
_IPV6_HEADER: Final = Struct(">6xBB16s16s").unpack_from
_TCP_HEADER: Final = Struct(">4xIIxB").unpack_from
_ARP_HEADER: Final = Struct(">2xHBBH").unpack_from
_ARP_BODY: Final = Struct(">8x6x4s6x4s").unpack_from

_OFFSET_MASK: Final = 0x1FFF
_MORE_FRAGMENTS: Final = 0x2000
_ACK: Final = 0x10
_ICMP, _TCP, _ICMP6 = 1, 6, 58
_FRAGMENT, _AUTHENTICATION = 44, 51
_EXTENSIONS: Final = frozenset({0, 43, _FRAGMENT, _AUTHENTICATION, 60, 135, 139})
_MOST_HEADERS: Final = 40  # no sane packet has so many
_PORTED: Final = frozenset({6, 17, 33, 132, 136})
_SAPS: Final = {0x42: "stp", 0xE0: "ipx", 0xF0: "netbeui", 0xFE: "iso"}
_PPP_ETHERTYPES: Final = {0x21: IPV4, 0x57: IPV6}
_FAMILIES: Final = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
_VERSIONS: Final = {4: IPV4, 6: IPV6}

_Fields = dict[str, Any]
# Where the payload of a header begins, and its EtherType; None if it is not looked into.
_Next = tuple[int, int] | None


def fields(linktype: int, data: bytes) -> _Fields:
    """The fields of the captured bytes of a packet, as far as these tell. Never raises."""
    known: _Fields = {}
    link = _LINKS.get(linktype)
    if link is None:
        return known
    try:
        following = link(known, data)
        for _ in range(_MOST_HEADERS):
            if following is None:
                break
            at, kind = following
            following = _HEADERS.get(kind, _unknown(kind))(known, data, at)
    except (IndexError, struct.error):
        pass
    return known


def _ethernet(known: _Fields, data: bytes) -> _Next:
    target, source = _MACS(data, 0)
    known["eth_src"], known["eth_dst"] = mac_text(source), mac_text(target)
    return 14, _SHORT(data, 12)[0]


def _vlan(known: _Fields, data: bytes, at: int) -> _Next:
    known.setdefault("vlan", []).append(_SHORT(data, at)[0] & 0xFFF)
    return at + 4, _SHORT(data, at + 2)[0]


def _mpls(known: _Fields, data: bytes, at: int) -> _Next:
    for start in range(at, at + 4 * _MOST_HEADERS, 4):
        (entry,) = _WORD(data, start)
        known.setdefault("mpls", []).append(entry >> 12)
        if entry & 0x100:
            return _by_version(data, start + 4)
    return None


def _by_version(data: bytes, at: int) -> _Next:
    kind = _VERSIONS.get(data[at] >> 4)
    return None if kind is None else (at, kind)


def _pppoe(known: _Fields, data: bytes, at: int) -> _Next:
    known["pppoe"] = _SHORT(data, at + 2)[0]
    return _ppp_protocol(data, at + 6)


def _ppp(known: _Fields, data: bytes) -> _Next:
    return _ppp_protocol(data, 2 if data[:2] == b"\xff\x03" else 0)


def _ppp_protocol(data: bytes, at: int) -> _Next:
    if data[at] & 1:
        protocol, size = data[at], 1
    else:
        protocol, size = _SHORT(data, at)[0], 2
    kind = _PPP_ETHERTYPES.get(protocol)
    return None if kind is None else (at + size, kind)


def _llc(known: _Fields, data: bytes, at: int) -> _Next:
    if data[at] == 0xAA and data[at + 2] == 3:
        oui, kind = _WORD(data, at + 2)[0] & 0xFFFFFF, _SHORT(data, at + 6)[0]
        return (at + 8, kind) if oui in (0, 0xF8) and kind > MAXIMUM_8023_LENGTH else None
    if data[at] in _SAPS:
        known["protocol"] = _SAPS[data[at]]
    return None


def _cooked(known: _Fields, data: bytes) -> _Next:
    return _cooked_protocol(known, data, 16, _SHORT(data, 14)[0])


def _cooked2(known: _Fields, data: bytes) -> _Next:
    return _cooked_protocol(known, data, 20, _SHORT(data, 0)[0])


def _cooked_protocol(known: _Fields, data: bytes, at: int, protocol: int) -> _Next:
    if protocol == 4:
        return _llc(known, data, at)
    return (at, protocol) if protocol > MAXIMUM_8023_LENGTH else None


def _family(known: _Fields, data: bytes) -> _Next:
    (family,) = _WORD(data, 0)
    kind = _FAMILIES.get(family if family <= 0xFFFF else int.from_bytes(data[:4], "little"))
    return None if kind is None else (4, kind)


def _ipv4(known: _Fields, data: bytes, at: int) -> _Next:
    first, flags, ttl, protocol, source, target = _IPV4_HEADER(data, at)
    if first >> 4 != 4 or first & 15 < 5:
        return None
    known["protocol"] = PROTOCOLS.get(protocol, f"ip-proto-{protocol}")
    known["src"], known["dst"], known["ttl"] = ipv4_text(source), ipv4_text(target), ttl
    offset = (flags & _OFFSET_MASK) * 8
    if flags & (_OFFSET_MASK | _MORE_FRAGMENTS):
        known["fragment"] = offset
    if offset == 0:
        _payload(known, data, at + (first & 15) * 4, protocol)
    return None


def _ipv6(known: _Fields, data: bytes, at: int) -> _Next:
    protocol, limit, source, target = _IPV6_HEADER(data, at)
    if data[at] >> 4 != 6:
        return None
    known["src"], known["dst"], known["ttl"] = ipv6_text(source), ipv6_text(target), limit
    _payload(known, data, at + 40, protocol)
    return None


def _payload(known: _Fields, data: bytes, at: int, protocol: int) -> None:
    """What is behind an IP header, or an extension header."""
    for _ in range(_MOST_HEADERS):
        known["protocol"] = PROTOCOLS.get(protocol, f"ip-proto-{protocol}")
        if protocol not in _EXTENSIONS:
            break
        following, size = data[at], data[at + 1]
        if protocol == _FRAGMENT:
            offset = known["fragment"] = _SHORT(data, at + 2)[0] & ~7
            size = 0
            if offset:
                known["protocol"] = PROTOCOLS.get(following, f"ip-proto-{following}")
                return
        # RFC 4302 counts words of 32 bits, RFC 8200 words of 64.
        at += (size + 2) * 4 if protocol == _AUTHENTICATION else (size + 1) * 8
        protocol = following
    if protocol in _PORTED:
        known["sport"], known["dport"] = _PAIR(data, at)
    if protocol == _TCP:
        sequence, acknowledgment, flags = _TCP_HEADER(data, at)
        known["tcp_flags"], known["tcp_seq"] = FLAGS[flags], sequence
        if flags & _ACK:
            known["tcp_ack"] = acknowledgment
    elif protocol in (_ICMP, _ICMP6):
        known["icmp_type"], known["icmp_code"] = data[at], data[at + 1]


def _arp(known: _Fields, data: bytes, at: int) -> _Next:
    protocol, hardware_size, protocol_size, operation = _ARP_HEADER(data, at)
    known["protocol"] = "rarp" if operation in (3, 4) else "arp"
    known["arp_operation"] = operation
    if (protocol, hardware_size, protocol_size) == (IPV4, 6, 4):
        source, target = _ARP_BODY(data, at)
        known["src"], known["dst"] = ipv4_text(source), ipv4_text(target)
    return None


def _unknown(kind: int) -> Callable[[_Fields, bytes, int], _Next]:
    """What has no more fields than its name, or is an 802.3 frame."""

    def name(known: _Fields, data: bytes, at: int) -> _Next:
        if kind <= MAXIMUM_8023_LENGTH:
            return _llc(known, data, at)
        known["protocol"] = ETHERTYPES.get(kind, f"ethertype-{kind:#06x}")
        return None

    return name


_LINKS: Final[dict[int, Callable[[_Fields, bytes], _Next]]] = {
    0: _family,
    1: _ethernet,
    9: _ppp,
    12: lambda known, data: _by_version(data, 0),
    101: lambda known, data: _by_version(data, 0),
    108: _family,
    113: _cooked,
    228: lambda known, data: (0, IPV4),
    229: lambda known, data: (0, IPV6),
    276: _cooked2,
}
_HEADERS: Final[dict[int, Callable[[_Fields, bytes, int], _Next]]] = {
    IPV4: _ipv4,
    IPV6: _ipv6,
    0x0806: _arp,
    0x8035: _arp,
    0x8847: _mpls,
    0x8848: _mpls,
    0x8864: _pppoe,
    **dict.fromkeys((0x8100, 0x88A8, 0x9100), _vlan),
}

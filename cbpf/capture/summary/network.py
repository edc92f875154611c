"""The network layer of a summary: IPv4 with fragments, IPv6 with extension headers, ARP and RARP."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from cbpf.capture.summary.line import WORD, Dissector, Line, Malformed, ipv4_text, ipv6_text, mac_text
from cbpf.capture.summary.transport import TRANSPORTS, protocol_name

_IPV4_HEADER: Final = Struct(">BxHxxHxBxx8s").unpack_from
_IPV6_HEADER: Final = Struct(">BxxxHBx32s").unpack_from
_FRAGMENT_HEADER: Final = Struct(">BBHI").unpack_from
_ARP_HEADER: Final = Struct(">HHBBH").unpack_from
_ARP_IPV4_OVER_ETHERNET: Final = (0x0800, 6, 4)
_ARP_BODY: Final = Struct(">6s4s6s4s").unpack_from

_OFFSET_MASK: Final = 0x1FFF

_ROUTING, _FRAGMENT, _AUTHENTICATION, _NO_NEXT_HEADER = 43, 44, 51, 59
_EXTENSION_NAMES: Final = {0: "HBH", 60: "DSTOPT", 135: "mobility", 139: "HIP"}
# Protocols whose ports are written at the addresses: TCP, UDP and SCTP.
_PORTED: Final = frozenset({6, 17, 132})


def ipv4(line: Line) -> int | None:
    """An IPv4 packet (RFC 791)."""
    if not line.headers:
        line.out.append("IP ")
    first, total, flags, protocol, pair = _IPV4_HEADER(line.data, line.at)
    line.addresses(pair)
    header = (first & 15) * 4
    # With segmentation offload a packet is captured before its length is known, which then is 0.
    total = total or line.length
    if first >> 4 != 4 or header < 20 or total < header:
        raise Malformed
    if total > line.length:
        line.out.append(f"truncated-ip - {total - line.length} bytes missing! ")
        line.length = total
    line.cut(total)
    line.skip(header)
    if flags & _OFFSET_MASK:
        line.name_ends()
        line.out[-1] = line.out[-1].rstrip()
        line.out.append(f" ip-proto-{protocol}")
        return None
    if protocol not in _PORTED:
        line.name_ends()
    if protocol == _AUTHENTICATION:
        protocol = _extensions(line, protocol)
    return _transport(line, protocol)


def ipv6(line: Line) -> int | None:
    """An IPv6 packet and its extension headers (RFC 8200)."""
    if not line.headers:
        line.out.append("IP6 ")
    first, payload, protocol, pair = _IPV6_HEADER(line.data, line.at)
    line.addresses(pair)
    if first >> 4 != 6:
        raise Malformed
    if payload:  # 0 in jumbograms, and with segmentation offload
        if payload > line.length - 40:
            line.out.append(f"truncated-ip6 - {payload + 40 - line.length} bytes missing!")
            line.length = payload + 40
        line.cut(40 + payload)
    line.skip(40)
    if protocol not in _PORTED:
        line.name_ends()
        protocol = _extensions(line, protocol)
    if protocol != _FRAGMENT:
        return _transport(line, protocol)
    line.deeper()
    protocol, _, offset, _ = _FRAGMENT_HEADER(line.data, line.at)
    line.skip(8)
    line.out.append(f"frag ({offset & ~7}|{max(0, line.length)})")
    if offset & ~7:
        return None
    line.out.append(" ")
    return _transport(line, _extensions(line, protocol))


def _extensions(line: Line, protocol: int) -> int:
    """Name and step over extension headers; the protocol behind them, which may be a fragment header's."""
    while protocol in _EXTENSIONS:
        line.deeper()
        following, size = line.data[line.at], line.data[line.at + 1]
        # RFC 4302 counts words of 32 bits, RFC 8200 words of 64.
        size = (size + 2) * 4 if protocol == _AUTHENTICATION else (size + 1) * 8
        line.out.append(_EXTENSIONS[protocol](line, size))
        line.skip(size)
        protocol = following
    return protocol


def _authentication(line: Line, size: int) -> str:
    """An authentication header (RFC 4302)."""
    index, sequence = WORD(line.data, line.at + 4)[0], WORD(line.data, line.at + 8)[0]
    check = line.data[line.at + 12 : line.at + size].hex()
    if len(line.data) < line.at + size:
        raise IndexError
    return f"AH(spi={index:#010x},seq={sequence:#x},icv=0x{check}): "


def _routing(line: Line, size: int) -> str:
    """A routing header (RFC 8200; the addresses of type 0, RFC 5095, and type 2, RFC 6275)."""
    length, kind, left = line.data[line.at + 1], line.data[line.at + 2], line.data[line.at + 3]
    words = f"RT6 (len={length}, type={kind}{' [Deprecated]' if kind == 0 else ''}, segleft={left}"
    if kind in (0, 2):
        for number, at in enumerate(range(line.at + 8, line.at + size - 15, 16)):
            words += f", [{number}]{ipv6_text(Struct('16s').unpack_from(line.data, at)[0])}"
    return f"{words}) "


def _named(name: str) -> Callable[[Line, int], str]:
    return lambda line, size: f"{name} "


_EXTENSIONS: Final[dict[int, Callable[[Line, int], str]]] = {
    **{number: _named(name) for number, name in _EXTENSION_NAMES.items()},
    _ROUTING: _routing,
    _AUTHENTICATION: _authentication,
}


def _transport(line: Line, protocol: int) -> int | None:
    transport = TRANSPORTS.get(protocol)
    if transport is not None:
        return transport(line)
    if protocol == _NO_NEXT_HEADER:
        line.out.append("no next header")
    else:
        line.say(protocol_name(protocol))
    return None


def arp(line: Line) -> None:
    """ARP (RFC 826) and RARP (RFC 903)."""
    if not line.headers:
        line.out.append("ARP, ")
    _, protocol, hardware_size, protocol_size, operation = _ARP_HEADER(line.data, line.at)
    if (protocol, hardware_size, protocol_size) != _ARP_IPV4_OVER_ETHERNET:
        line.say(f"operation {operation} for protocol {protocol:#06x}")
        return
    sender, sender_ip, target, target_ip = _ARP_BODY(line.data, line.at + 8)
    line.say(_arp_words(operation, (sender, sender_ip), (target, target_ip)))


def _arp_words(operation: int, sender: tuple[bytes, bytes], target: tuple[bytes, bytes]) -> str:
    """Each end is its hardware address and its protocol address."""
    asked, asking = ipv4_text(target[1]), ipv4_text(sender[1])
    if operation == 1:
        # A known target is asked whether it is still there.
        known = f" ({mac_text(target[0])})" if any(target[0]) else ""
        return f"Request who-has {asked}{known} tell {asking}"
    if operation == 2:
        return f"Reply {asking} is-at {mac_text(sender[0])}"
    if operation == 3:
        return f"Reverse Request who-is {mac_text(target[0])} tell {mac_text(sender[0])}"
    if operation == 4:
        return f"Reverse Reply {mac_text(target[0])} at {asked}"
    return f"operation {operation}"


NETWORKS: Final[dict[int, Dissector]] = {0x0800: ipv4, 0x0806: arp, 0x8035: arp, 0x86DD: ipv6}
"""The protocols of this module by EtherType."""

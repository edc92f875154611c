"""The network layer of a summary: IPv4 with fragments, IPv6 with extension headers, ARP and RARP."""

from __future__ import annotations

from struct import Struct
from typing import Final

from cbpf.capture.summary.line import Dissector, Line, Malformed, ipv4_text, ipv6_text, mac_text
from cbpf.capture.summary.transport import PORTED, TRANSPORTS, protocol_name

_IPV4_HEADER: Final = Struct(">BBHHHBBH4s4s").unpack_from
_IPV6_HEADER: Final = Struct(">IHBB16s16s").unpack_from
_FRAGMENT_HEADER: Final = Struct(">BBHI").unpack_from
_ARP_HEADER: Final = Struct(">HHBBH").unpack_from
_ARP_IPV4_OVER_ETHERNET: Final = (0x0800, 6, 4)
_ARP_BODY: Final = Struct(">6s4s6s4s").unpack_from

_OFFSET_MASK: Final = 0x1FFF
_MORE_FRAGMENTS: Final = 0x2000

_FRAGMENT, _AUTHENTICATION, _NO_NEXT_HEADER = 44, 51, 59
_EXTENSION_NAMES: Final = {0: "HBH", 43: "RT", _AUTHENTICATION: "AH", 60: "DSTOPT", 135: "MOBILITY", 139: "HIP"}


def ipv4(line: Line) -> int | None:
    """An IPv4 packet (RFC 791)."""
    first, _, total, _, flags, _, protocol, _, source, target = _IPV4_HEADER(line.data, line.at)
    line.addresses("IP", ipv4_text(source), ipv4_text(target))
    header = (first & 15) * 4
    # With segmentation offload a packet is captured before its length is known, which then is 0.
    total = total or line.length
    if first >> 4 != 4 or header < 20 or total < header:
        raise Malformed
    line.cut(total)
    line.skip(header)
    if flags & (_OFFSET_MASK | _MORE_FRAGMENTS):
        _fragment(line, protocol, (flags & _OFFSET_MASK) * 8, flags & _MORE_FRAGMENTS)
        return None
    if protocol == _AUTHENTICATION:
        protocol = _extensions(line, protocol)
    return _transport(line, protocol)


def ipv6(line: Line) -> int | None:
    """An IPv6 packet and its extension headers (RFC 8200)."""
    first, payload, protocol, _, source, target = _IPV6_HEADER(line.data, line.at)
    line.addresses("IP6", ipv6_text(source), ipv6_text(target))
    if first >> 28 != 6:
        raise Malformed
    if payload:  # 0 in jumbograms, and with segmentation offload
        line.cut(40 + payload)
    line.skip(40)
    protocol = _extensions(line, protocol)
    if protocol != _FRAGMENT:
        return _transport(line, protocol)
    protocol, _, offset, _ = _FRAGMENT_HEADER(line.data, line.at)
    line.skip(8)
    _fragment(line, protocol, offset & ~7, offset & 1)
    return None


def _extensions(line: Line, protocol: int) -> int:
    """Name and step over extension headers; the protocol behind them, which may be a fragment header's."""
    while protocol in _EXTENSION_NAMES:
        line.add(_EXTENSION_NAMES[protocol])
        following, size = line.data[line.at], line.data[line.at + 1]
        # RFC 4302 counts words of 32 bits, RFC 8200 words of 64.
        line.skip((size + 2) * 4 if protocol == _AUTHENTICATION else (size + 1) * 8)
        protocol = following
    return protocol


def _fragment(line: Line, protocol: int, offset: int, more: int) -> None:
    """A fragment: only the first has ports, and none is a whole packet whose inside could be shown."""
    if offset == 0 and protocol in PORTED:
        line.ports()
    line.say(f"{protocol_name(protocol)} frag {offset}{'+' if more else ''}")


def _transport(line: Line, protocol: int) -> int | None:
    transport = TRANSPORTS.get(protocol)
    if transport is not None:
        return transport(line)
    line.say("no next header" if protocol == _NO_NEXT_HEADER else protocol_name(protocol))
    return None


def arp(line: Line) -> None:
    """ARP (RFC 826) and RARP (RFC 903)."""
    _, protocol, hardware_size, protocol_size, operation = _ARP_HEADER(line.data, line.at)
    if (protocol, hardware_size, protocol_size) != _ARP_IPV4_OVER_ETHERNET:
        line.say(f"ARP operation {operation} for protocol {protocol:#06x}")
        return
    sender, sender_ip, target, target_ip = _ARP_BODY(line.data, line.at + 8)
    asked, asking = ipv4_text(target_ip), ipv4_text(sender_ip)
    words = {
        1: f"ARP, Request who-has {asked} tell {asking}",
        2: f"ARP, Reply {asking} is-at {mac_text(sender)}",
        3: f"RARP, Request who-is {mac_text(target)} tell {mac_text(sender)}",
        4: f"RARP, Reply {mac_text(target)} at {asked}",
    }
    line.say(words.get(operation, f"ARP, operation {operation}"))


NETWORKS: Final[dict[int, Dissector]] = {0x0800: ipv4, 0x0806: arp, 0x8035: arp, 0x86DD: ipv6}
"""The protocols of this module by EtherType."""

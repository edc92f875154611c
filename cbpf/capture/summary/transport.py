"""The transport layer of a summary, without TCP and control messages: UDP and what it carries, SCTP, GRE, ESP, IP."""

from __future__ import annotations

from struct import Struct
from typing import Final

from cbpf.capture.summary.dns import dns
from cbpf.capture.summary.icmp import icmp, icmp6, igmp
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
    mac_text,
)
from cbpf.capture.summary.links import ethertype_name
from cbpf.capture.summary.tcp import tcp

_SCTP_CHUNKS: Final = (
    *("DATA", "INIT", "INIT ACK", "SACK", "HB REQ", "HB ACK", "ABORT", "SHUTDOWN", "SHUTDOWN ACK", "OP ERR"),
    *("COOKIE ECHO", "COOKIE ACK", "ECN ECHO", "CWR", "SHUTDOWN COMPLETE"),
)
_SCTP_INIT: Final = Struct(">4xIIHHI").unpack_from
_SCTP_DATA: Final = Struct(">4xIHHI").unpack_from
_SCTP_SACK: Final = Struct(">4xIIHH").unpack_from
_MOST_CHUNKS: Final = 16  # that are shown of a packet

MULTICAST_DNS: Final = 5353
_DNS_PORTS: Final = frozenset({53, MULTICAST_DNS, 5355})
_VXLAN_PORT: Final = 4789
_GENEVE_PORT: Final = 6081
TUNNELS: Final = frozenset({_VXLAN_PORT, _GENEVE_PORT})
_BOOTP_PORTS: Final = frozenset({67, 68})
_BOOTP_CLIENT: Final = Struct("28x6s").unpack_from
_BOOTP_NAMES: Final = {1: "Request", 2: "Reply"}
_DHCP6_PORTS: Final = frozenset({546, 547})
_DHCP6_NAMES: Final = (
    *("msgtype-0", "solicit", "advertise", "request", "confirm", "renew", "rebind", "reply", "release", "decline"),
    *("reconf", "inf-req", "relay-fwd", "relay-reply"),
)
_NTP_PORT: Final = 123
_NTP_MODES: Final = (
    *("unspecified", "symmetric active", "symmetric passive", "Client", "Server", "Broadcast"),
    *("Control Message", "Reserved"),
)

SPOKEN: Final = frozenset({*_DNS_PORTS, *_BOOTP_PORTS, *_DHCP6_PORTS, _NTP_PORT, _VXLAN_PORT, _GENEVE_PORT})
"""The UDP ports about whose datagrams there is more to say than their length."""


def udp(line: Line) -> int | None:
    """UDP (RFC 768): payload length, DNS, NTP and BOOTP, and the tunnels VXLAN and Geneve."""
    source, target = line.ports()
    (length,) = SHORT(line.data, line.at + 4)
    if length == 0:  # a jumbogram, or captured before segmentation
        length = line.length
    if length < 8:
        line.out.append("UDP")
        raise Malformed
    line.cut(length)
    line.skip(8)
    if not line.quick and (source in SPOKEN or target in SPOKEN):
        return _spoken(line, source, target)
    line.out.append(f"UDP, length {length - 8}")
    return None


def _spoken(line: Line, source: int, target: int) -> int | None:
    """A datagram to or from a port that is looked into."""
    if target == _VXLAN_PORT:
        return _vxlan(line)
    if target == _GENEVE_PORT:
        return _geneve(line)
    if source in _DNS_PORTS or target in _DNS_PORTS:
        dns(line, multicast=MULTICAST_DNS in (source, target))
    elif source in _BOOTP_PORTS or target in _BOOTP_PORTS:
        _bootp(line)
    elif _NTP_PORT in (source, target):
        _ntp(line)
    elif source in _DHCP6_PORTS or target in _DHCP6_PORTS:
        kind = line.data[line.at]
        line.out.append(f"dhcp6 {_DHCP6_NAMES[kind] if kind < len(_DHCP6_NAMES) else f'msgtype-{kind}'}")
    else:
        line.say("UDP")
    return None


def _vxlan(line: Line) -> int:
    """VXLAN (RFC 7348)."""
    line.deeper()
    flags, (number,) = line.data[line.at], WORD(line.data, line.at + 4)
    line.out.append(f"VXLAN, flags [{'I' if flags & 8 else '.'}] ({flags:#04x}), vni {number >> 8}: ")
    line.skip(8)
    return ETHERNET


def _geneve(line: Line) -> int | None:
    """Geneve (RFC 8926)."""
    line.deeper()
    first, flags, kind = line.data[line.at], line.data[line.at + 1], SHORT(line.data, line.at + 2)[0]
    network = WORD(line.data, line.at + 4)[0] >> 8
    size = (first & 0x3F) * 4
    letters = f"{'O' if flags & 0x80 else ''}{'C' if flags & 0x40 else ''}" or "none"
    options = f", options [{size} bytes]" if size else ""
    kind_name = _protocol_header(line, kind)
    line.out.append(f"Geneve, Flags [{letters}], vni {network:#x}{kind_name}{options}: ")
    line.skip(8 + size)
    if kind > MAXIMUM_8023_LENGTH:
        return int(kind)
    line.say(f"protocol {kind:#06x}")
    return None


def _protocol_header(line: Line, kind: int) -> str:
    """The EtherType in a tunnel's header, as -e shows it."""
    return f", proto {ethertype_name(kind).removeprefix('ethertype ')}" if line.headers else ""


def _bootp(line: Line) -> None:
    """BOOTP and DHCP (RFC 951, RFC 2131)."""
    operation, size = line.data[line.at], line.data[line.at + 2]
    (client,) = _BOOTP_CLIENT(line.data, line.at)
    who = f" from {mac_text(client)}" if operation == 1 and size == 6 else ""
    line.say(f"BOOTP/DHCP, {_BOOTP_NAMES.get(operation, f'unknown ({operation:#04x})')}{who}")


def _ntp(line: Line) -> None:
    """NTP (RFC 5905)."""
    first = line.data[line.at]
    line.say(f"NTPv{first >> 3 & 7}, {_NTP_MODES[first & 7]}")


def sctp(line: Line) -> None:
    """SCTP (RFC 9260): the chunks."""
    line.ports()
    line.out.append("sctp")
    line.skip(12)
    for number in range(1, _MOST_CHUNKS + 1):
        kind, flags, size = line.data[line.at], line.data[line.at + 1], SHORT(line.data, line.at + 2)[0]
        name = _SCTP_CHUNKS[kind] if kind < len(_SCTP_CHUNKS) else f"Unknown chunk type: {kind:#x}"
        line.out.append(f" ({number}) [{name}]{_chunk(line, kind, flags)}")
        if size < 4:
            raise Malformed
        line.skip(size + 3 & ~3)
        if line.length < 4 or line.quick:
            return


def _chunk(line: Line, kind: int, flags: int) -> str:
    """The fields of the commonest chunks."""
    if kind == 0:
        parts = "".join(letter for bit, letter in ((4, "(U)"), (2, "(B)"), (1, "(E)")) if flags & bit)
        number, stream, place, payload = _SCTP_DATA(line.data, line.at)
        return f" {parts}{' ' if parts else ''}[TSN: {number}] [SID: {stream}] [SSEQ {place}] [PPID {payload:#x}]"
    if kind in (1, 2):
        tag, window, outbound, inbound, number = _SCTP_INIT(line.data, line.at)
        return f" [init tag: {tag}] [rwnd: {window}] [OS: {outbound}] [MIS: {inbound}] [init TSN: {number}]"
    if kind == 3:
        number, window, gaps, duplicates = _SCTP_SACK(line.data, line.at)
        return f" [cum ack {number}] [a_rwnd {window}] [#gap acks {gaps}] [#dup tsns {duplicates}]"
    return ""


def gre(line: Line) -> int | None:
    """GRE (RFC 2784, RFC 2890): optional checksum, key and sequence number."""
    flags, kind = PAIR(line.data, line.at)
    version = flags & 7
    if version:
        line.say(f"GREv{version}")
        return None
    line.deeper()
    length = line.length
    line.skip(4 + 4 * (flags >> 15 & 1))
    words = "GREv0"
    for bit, name in ((13, "key=0x{:x}"), (12, "seq {}")):
        if flags >> bit & 1:
            words += ", " + name.format(WORD(line.data, line.at)[0])
            line.skip(4)
    line.out.append(f"{words}{_protocol_header(line, kind)}, length {length}: ")
    if kind > MAXIMUM_8023_LENGTH:
        return int(kind)
    line.say(f"protocol {kind:#06x}")
    return None


def esp(line: Line) -> None:
    """ESP (RFC 4303)."""
    line.say("ESP(spi={:#010x},seq={:#x})".format(*Struct(">II").unpack_from(line.data, line.at)))


def inner_ipv4(line: Line) -> int:
    """IPv4 in IP (RFC 2003)."""
    line.deeper()
    return IPV4


def inner_ipv6(line: Line) -> int:
    """IPv6 in IP (RFC 2473, RFC 4213)."""
    line.deeper()
    return IPV6


TRANSPORTS: Final[dict[int, Dissector]] = {
    1: icmp,
    2: igmp,
    4: inner_ipv4,
    6: tcp,
    17: udp,
    41: inner_ipv6,
    47: gre,
    50: esp,
    58: icmp6,
    132: sctp,
}
"""By IP protocol number."""

_PROTOCOL_NAMES: Final = {
    8: "EGP",
    9: "IGRP",
    33: "DCCP",
    46: "RSVP",
    88: "EIGRP",
    89: "OSPF",
    103: "PIM",
    108: "IPComp",
    112: "VRRP",
    115: "L2TP",
    136: "UDP-Lite",
}


def protocol_name(number: int) -> str:
    """The name of an IP protocol, or its number."""
    return _PROTOCOL_NAMES.get(number, f"ip-proto-{number}")

"""Samples of packets inside packets, and of what IP headers can do: tags, labels, tunnels, fragments, extensions."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from formats import Record
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, TCP, UDP, IPOption_NOP, IPOption_Router_Alert, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import ARP, LLC, STP, Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE, PPPoED
from scapy.packet import Packet, Raw
from traffic import (
    BROADCAST_MAC,
    CLIENT,
    CLIENT_MAC,
    RESOLVER,
    ROUTER_MAC,
    SERVER_MAC,
    START,
    STEP,
    group,
    ip,
    ip6,
    small,
    up,
)

# --- Tags, labels and tunnels


def vlan() -> Iterator[Packet]:
    for payload in small():
        yield up(Dot1Q(vlan=100, prio=3) / payload)
    yield group(BROADCAST_MAC, Dot1Q(vlan=200) / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT, pdst=RESOLVER))
    for payload in small():
        yield up(Dot1Q(vlan=100, type=0x8100) / Dot1Q(vlan=300) / payload)
        yield up(Dot1AD(vlan=1000) / Dot1Q(vlan=300) / payload)
    bridge = STP(rootmac=ROUTER_MAC, bridgemac=ROUTER_MAC)
    tagged = LLC(dsap=0x42, ssap=0x42, ctrl=3) / bridge
    yield Ether(src=ROUTER_MAC, dst="01:80:c2:00:00:00", type=0x8100) / Dot1Q(vlan=1, type=len(tagged)) / tagged
    yield up(Dot1Q(vlan=0, prio=7, id=1) / ip() / TCP(sport=1, dport=2))


def mpls() -> Iterator[Packet]:
    for payload in small():
        yield Ether(src=CLIENT_MAC, dst=SERVER_MAC, type=0x8847) / MPLS(label=100, s=1, ttl=64) / payload
        labels = MPLS(label=100, cos=5, s=0, ttl=64) / MPLS(label=1023, s=1, ttl=63)
        yield Ether(src=CLIENT_MAC, dst=SERVER_MAC, type=0x8847) / labels / payload
    tagged = Dot1Q(vlan=100, type=0x8847) / MPLS(label=16, s=1, ttl=1) / small()[0]
    yield up(tagged)


def pppoe() -> Iterator[Packet]:
    tag = bytes.fromhex("0101 0000")
    for code, sid in ((0x09, 0), (0x07, 0), (0x19, 0), (0x65, 17), (0xA7, 17)):
        yield Ether(src=CLIENT_MAC, dst=ROUTER_MAC, type=0x8863) / PPPoED(code=code, sessionid=sid) / Raw(tag)
    for payload, proto in zip(small(), (0x21, 0x21, 0x57, 0x57), strict=True):
        yield Ether(src=CLIENT_MAC, dst=ROUTER_MAC, type=0x8864) / PPPoE(sessionid=17) / PPP(proto=proto) / payload
    echo_request = bytes.fromhex("09 01 0008 00000001")
    yield (
        Ether(src=CLIENT_MAC, dst=ROUTER_MAC, type=0x8864) / PPPoE(sessionid=17) / PPP(proto=0xC021) / Raw(echo_request)
    )
    session = PPPoE(sessionid=17) / PPP(proto=0x21) / small()[0]
    yield Ether(src=CLIENT_MAC, dst=ROUTER_MAC, type=0x8100) / Dot1Q(vlan=100, type=0x8864) / session


def inner_frame(payload: Packet) -> bytes:
    """An Ethernet frame to be carried in a tunnel."""
    return bytes(Ether(src="02:00:00:00:00:11", dst="02:00:00:00:00:12") / payload)


def vxlan() -> Iterator[Packet]:
    """RFC 7348: flags with the I bit, then a 24-bit network identifier."""
    for vni in (42, 0xABCDEF):
        header = struct.pack("!II", 0x08000000, vni << 8)
        for outer in (ip(), ip6()):
            for payload in small():
                yield up(outer / UDP(sport=49152, dport=4789, chksum=0) / Raw(header + inner_frame(payload)))
    tagged = inner_frame(Dot1Q(vlan=7) / small()[0])
    yield up(ip() / UDP(sport=49152, dport=4789) / Raw(struct.pack("!II", 0x08000000, 42 << 8) + tagged))


def geneve() -> Iterator[Packet]:
    """RFC 8926: option length in words, protocol, 24-bit network identifier, options."""
    option = bytes.fromhex("0102 03 01 deadbeef")
    for options in (b"", option, option * 3):
        for outer in (ip(), ip6()):
            for payload in small()[::2]:
                words = len(options) // 4
                bridged = struct.pack("!BBHI", words, 0, 0x6558, 42 << 8) + options + inner_frame(payload)
                protocol = 0x0800 if payload.version == 4 else 0x86DD
                routed = struct.pack("!BBHI", words, 0, protocol, 43 << 8) + options + bytes(payload)
                for inside in (bridged, routed):
                    yield up(outer / UDP(sport=49153, dport=6081, chksum=0) / Raw(inside))


# --- What IP can do


def fragments() -> Iterator[Packet]:
    """A UDP and a TCP packet in three fragments each: first, middle, last."""
    datagram = bytes(ip() / UDP(sport=5000, dport=6000) / Raw(b"f" * 800))[20:]
    segment = bytes(ip() / TCP(sport=5001, dport=80) / Raw(b"t" * 788))[20:]
    for identity, (proto, whole) in enumerate(((17, datagram), (6, segment)), 100):
        for offset in (0, 304, 608):
            more = "MF" if offset < 608 else 0
            yield up(ip(proto, id=identity, flags=more, frag=offset // 8) / Raw(whole[offset : offset + 304]))


def options() -> Iterator[Packet]:
    for choice in ([IPOption_NOP()] * 4, [IPOption_RR(routers=["0.0.0.0"] * 9)], [IPOption_Router_Alert()]):
        for payload in (TCP(sport=51005, dport=80, flags="S"), UDP(sport=5000, dport=53), ICMP(id=1, seq=1)):
            yield up(ip(options=choice) / payload)


def authentication(next_header: int, words: int = 4) -> Raw:
    """An Authentication Header (RFC 4302) of ``words`` 32-bit words altogether."""
    return Raw(struct.pack("!BBHII", next_header, words - 2, 0, 1, 1) + bytes(4 * words - 12))


def extension_headers() -> Iterator[Packet]:
    hop = IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))])
    destination = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(12))])
    routing = IPv6ExtHdrRouting(addresses=["2001:db8::99"], segleft=0)
    chains = (hop, destination, routing, hop / destination, hop / destination / routing)
    syn, datagram = TCP(sport=51006, dport=80, flags="S"), UDP(sport=5000, dport=6000)
    for number, payload in ((6, syn), (17, datagram), (58, ICMPv6EchoRequest(id=1, seq=1))):
        # The payload comes with the checksum it has directly behind the IPv6 header: headers between do not change it.
        raw = Raw(bytes(ip6() / payload)[40:])
        for chain in chains:
            headers = chain.copy()
            headers.lastlayer().nh = number
            yield up(ip6() / headers / raw)
        for offset, more in ((0, 1), (100, 1), (200, 0)):
            yield up(ip6() / IPv6ExtHdrFragment(offset=offset, m=more, id=5, nh=number) / raw)
        yield up(ip6(nh=51) / authentication(number) / raw)
        yield up(ip6(nh=51) / authentication(51) / authentication(number, 6) / raw)
        yield up(ip6(nh=0) / Raw(bytes([51, 0, 1, 4, 0, 0, 0, 0])) / authentication(number) / raw)
    for number, payload in ((6, syn), (17, datagram)):
        yield up(ip(51) / authentication(number) / Raw(bytes(ip() / payload)[20:]))
    yield up(ip6(nh=59))
    yield up(ip6(nh=50) / Raw(bytes(24)))


def truncated() -> Iterator[Record]:
    """Every length of a few packets, cut as a snapshot length would."""
    first = up(ip() / TCP(sport=51007, dport=80, flags="PA") / Raw(b"GET /"))
    second = up(
        Dot1Q(vlan=100) / ip6() / IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))]) / UDP(sport=5000, dport=53)
    )
    for packet in (first, second):
        whole = bytes(packet)
        for caplen in range(len(whole) + 1):
            yield Record(START + caplen * STEP, whole, caplen)

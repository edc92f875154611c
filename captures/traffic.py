"""Everyday traffic for the samples: who talks to whom, TCP conversations, and what is seen on an Ethernet.

Every field that would depend on the machine or the moment is given, so that the packets are always the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from formats import Record
from scapy.contrib.igmp import IGMP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrHopByHop,
    PadN,
    RouterAlert,
)
from scapy.layers.l2 import ARP, LLC, SNAP, STP, Dot3, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData, SCTPChunkInit
from scapy.packet import Packet, Raw

START = 1_795_168_800 * 10**9  # 2026-11-20 10:00:00 UTC
STEP = 1_234_567  # nanoseconds between packets

CLIENT_MAC, SERVER_MAC, ROUTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:fe"
BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"
CLIENT, SERVER, RESOLVER = "192.0.2.10", "198.51.100.80", "192.0.2.53"
CLIENT6, SERVER6 = "2001:db8::10", "2001:db8:1::80"
LINK_LOCAL = "fe80::1"


Packets = Iterable[Packet | bytes]


def records(packets: Packets, *, snaplen: int = 262144, interface: int = 0, start: int = START) -> Iterator[Record]:
    """The packets, a little apart in time."""
    for number, packet in enumerate(packets):
        yield Record(start + number * STEP, bytes(packet), snaplen, interface)


def up(payload: Packet) -> Packet:
    """An Ethernet frame from the client to the server."""
    return Ether(src=CLIENT_MAC, dst=SERVER_MAC) / payload


def down(payload: Packet) -> Packet:
    """An Ethernet frame from the server to the client."""
    return Ether(src=SERVER_MAC, dst=CLIENT_MAC) / payload


def group(address: str, payload: Packet) -> Packet:
    """An Ethernet frame from the client to a group address."""
    return Ether(src=CLIENT_MAC, dst=address) / payload


def ip(proto: int | None = None, **fields: object) -> Packet:
    """An IPv4 header from the client to the server."""
    return IP(**{"src": CLIENT, "dst": SERVER, "id": 1, **({"proto": proto} if proto is not None else {}), **fields})


def ip6(**fields: object) -> Packet:
    """An IPv6 header from the client to the server."""
    return IPv6(**{"src": CLIENT6, "dst": SERVER6, **fields})


# --- TCP conversations


def conversation(
    there: Packet, back: Packet, sport: int, dport: int, turns: Iterable[tuple[str, bytes]]
) -> Iterator[Packet]:
    """A whole TCP connection over the network headers ``there`` and ``back``: handshake, turns (">" or "<"), end."""
    headers = {">": there, "<": back}
    ports = {">": (sport, dport), "<": (dport, sport)}
    ahead = {">": 1000, "<": 5000}

    def segment(way: str, flags: str, payload: bytes = b"", **more: object) -> Packet:
        other = "<" if way == ">" else ">"
        source, target = ports[way]
        ack = ahead[other] if "A" in flags else 0
        tcp = TCP(sport=source, dport=target, seq=ahead[way], ack=ack, flags=flags, window=64240, **more)
        ahead[way] += len(payload) + ("S" in flags) + ("F" in flags)
        packet = headers[way] / tcp / Raw(payload) if payload else headers[way] / tcp
        return up(packet) if way == ">" else down(packet)

    options = [("MSS", 1460), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]
    yield segment(">", "S", options=options)
    yield segment("<", "SA", options=options)
    yield segment(">", "A")
    for way, payload in turns:
        yield segment(way, "PA", payload)
        yield segment("<" if way == ">" else ">", "A")
    yield segment(">", "FA")
    yield segment("<", "FA")
    yield segment(">", "A")


HTTP_REQUEST = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: sample\r\nAccept: */*\r\n\r\n"
HTTP_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, packet\n"


def client_hello(name: str) -> bytes:
    """A TLS 1.2 ClientHello record that asks for the server ``name`` (RFC 5246, RFC 6066)."""
    host = name.encode()
    entry = struct.pack("!BH", 0, len(host)) + host
    extension = struct.pack("!HHH", 0, len(entry) + 2, len(entry)) + entry
    ciphers = bytes.fromhex("1301 1302 c02f c030")
    body = struct.pack("!H", 0x0303) + bytes(range(32)) + b"\0"
    body += struct.pack("!H", len(ciphers)) + ciphers + b"\1\0" + struct.pack("!H", len(extension)) + extension
    handshake = b"\1" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", 22, 0x0301, len(handshake)) + handshake


def dns(name: str, kind: str, answer: str) -> Iterator[Packet]:
    """A query and its response."""
    question = DNSQR(qname=name, qtype=kind)
    there, back = ip(dst=RESOLVER), IP(src=RESOLVER, dst=CLIENT, id=2)
    yield up(there / UDP(sport=40053, dport=53) / DNS(id=7, rd=1, qd=question))
    record = DNSRR(rrname=name, type=kind, ttl=300, rdata=answer)
    yield down(back / UDP(sport=53, dport=40053) / DNS(id=7, qr=1, rd=1, ra=1, qd=question, an=record))


def arp_exchange() -> Iterator[Packet]:
    ask = ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT, hwdst="00:00:00:00:00:00", pdst=RESOLVER)
    yield group(BROADCAST_MAC, ask)
    yield Ether(src=ROUTER_MAC, dst=CLIENT_MAC) / (
        ARP(op=2, hwsrc=ROUTER_MAC, psrc=RESOLVER, hwdst=CLIENT_MAC, pdst=CLIENT)
    )


def echo() -> Iterator[Packet]:
    yield up(ip() / ICMP(type=8, id=9, seq=1) / Raw(b"ping" * 8))
    yield down(IP(src=SERVER, dst=CLIENT, id=2) / ICMP(type=0, id=9, seq=1) / Raw(b"ping" * 8))


def http() -> Iterator[Packet]:
    """What loading a page looks like: the file the README's examples use."""
    yield from arp_exchange()
    yield from dns("www.example.com", "A", SERVER)
    yield from echo()
    turns = ((">", HTTP_REQUEST), ("<", HTTP_RESPONSE))
    yield from conversation(ip(), IP(src=SERVER, dst=CLIENT, id=2), 51000, 80, turns)
    yield from dns("www.example.com", "AAAA", SERVER6)
    yield from conversation(ip6(), IPv6(src=SERVER6, dst=CLIENT6), 51001, 80, turns)
    yield from list(tls())[:7]


def tls() -> Iterator[Packet]:
    alert = bytes.fromhex("15 0303 0002 0228")
    turns = ((">", client_hello("www.example.com")), ("<", alert))
    return conversation(ip(), IP(src=SERVER, dst=CLIENT, id=2), 51002, 443, turns)


# --- Ethernet and its neighbours


def udp_dns() -> Iterator[Packet]:
    yield from dns("example.org", "A", "203.0.113.7")
    yield from dns("example.org", "AAAA", "2001:db8::7")
    yield from dns("7.113.0.203.in-addr.arpa", "PTR", "example.org")


def icmp() -> Iterator[Packet]:
    yield from echo()
    quoted = bytes(ip() / UDP(sport=5000, dport=6000) / Raw(b"lost"))
    for kind, code in ((3, 3), (3, 4), (11, 0), (5, 1)):
        yield down(IP(src=SERVER, dst=CLIENT, id=3) / ICMP(type=kind, code=code) / Raw(quoted))


def icmpv6() -> Iterator[Packet]:
    yield up(ip6() / ICMPv6EchoRequest(id=9, seq=1, data=b"ping"))
    yield down(IPv6(src=SERVER6, dst=CLIENT6) / ICMPv6EchoReply(id=9, seq=1, data=b"ping"))
    solicited = IPv6(src=CLIENT6, dst="ff02::1:ff00:80", hlim=255)
    yield group("33:33:ff:00:00:80", solicited / ICMPv6ND_NS(tgt=SERVER6) / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC))
    answer = IPv6(src=SERVER6, dst=CLIENT6, hlim=255)
    yield down(answer / ICMPv6ND_NA(tgt=SERVER6, R=0) / ICMPv6NDOptDstLLAddr(lladdr=SERVER_MAC))
    advertised = IPv6(src=LINK_LOCAL, dst="ff02::1", hlim=255) / ICMPv6ND_RA()
    yield group("33:33:00:00:00:01", advertised / ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64))
    alert = IPv6ExtHdrHopByHop(options=[RouterAlert(value=0), PadN(optdata=b"")])
    report = IPv6(src=LINK_LOCAL, dst="ff02::fb", hlim=1) / alert / ICMPv6MLReport(mladdr="ff02::fb")
    yield group("33:33:00:00:00:fb", report)


def arp_rarp() -> Iterator[Packet]:
    yield from arp_exchange()
    reverse = ARP(op=3, hwsrc=CLIENT_MAC, psrc="0.0.0.0", hwdst=CLIENT_MAC, pdst="0.0.0.0")
    yield Ether(src=CLIENT_MAC, dst=BROADCAST_MAC, type=0x8035) / reverse
    found = ARP(op=4, hwsrc=SERVER_MAC, psrc=SERVER, hwdst=CLIENT_MAC, pdst=CLIENT)
    yield Ether(src=SERVER_MAC, dst=CLIENT_MAC, type=0x8035) / found


def multicast() -> Iterator[Packet]:
    alert = [IPOption_Router_Alert()]
    query = IP(src=CLIENT, dst="224.0.0.1", ttl=1, id=1, options=alert) / IGMP(type=0x11, gaddr="0.0.0.0", mrcode=100)
    yield group("01:00:5e:00:00:01", query)
    report = IP(src=CLIENT, dst="224.0.0.251", ttl=1, id=1, options=alert) / IGMP(
        type=0x16, gaddr="224.0.0.251", mrcode=0
    )
    yield group("01:00:5e:00:00:fb", report)
    asked = UDP(sport=5353, dport=5353) / DNS(id=0, rd=0, qd=DNSQR(qname="printer.local"))
    yield group("01:00:5e:00:00:fb", IP(src=CLIENT, dst="224.0.0.251", ttl=255, id=1) / asked)


def sctp() -> Iterator[Packet]:
    first = SCTP(sport=5000, dport=5001, tag=0) / SCTPChunkInit(init_tag=1, a_rwnd=65535, init_tsn=1)
    data = SCTP(sport=5000, dport=5001, tag=1) / SCTPChunkData(data=b"data", beginning=1, ending=1, tsn=1)
    for payload in (first, data):
        yield up(ip() / payload)
        yield up(ip6() / payload)


def llc() -> Iterator[Packet | bytes]:
    """Frames with an 802.3 length instead of an EtherType."""
    bridge = STP(rootid=32768, rootmac=ROUTER_MAC, bridgeid=32768, bridgemac=ROUTER_MAC)
    yield Dot3(src=ROUTER_MAC, dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3) / bridge
    hello = bytes.fromhex("83 1b 01 00 0f 01 00 00 01 02 00 00 00 00 fe 00 1e 00 1b 40") + bytes(7)
    yield Dot3(src=ROUTER_MAC, dst="01:80:c2:00:00:14") / LLC(dsap=0xFE, ssap=0xFE, ctrl=3) / Raw(hello)
    ipx = bytes.fromhex("ffff 0022 00 04 00000000 ffffffffffff 4003 00000000 020000000001 4003 0001 ffffffff")
    yield Dot3(src=CLIENT_MAC, dst=BROADCAST_MAC) / LLC(dsap=0xE0, ssap=0xE0, ctrl=3) / Raw(ipx)
    yield Dot3(src=CLIENT_MAC, dst=BROADCAST_MAC) / Raw(ipx)  # Novell's "raw 802.3": no LLC at all
    appletalk = bytes.fromhex("000d 0000 ff01 ff 01 02 02 04 01 00") + bytes(8)
    snapped = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0x080007, code=0x809B) / Raw(appletalk)
    yield Dot3(src=CLIENT_MAC, dst="09:00:07:ff:ff:ff") / snapped
    encapsulated = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / ip() / UDP(sport=1, dport=2)
    yield Dot3(src=CLIENT_MAC, dst=SERVER_MAC) / encapsulated
    yield Dot3(src=CLIENT_MAC, dst=SERVER_MAC) / LLC(dsap=0xF0, ssap=0xF0, ctrl=0x3F)  # NetBEUI
    yield Ether(src=CLIENT_MAC, dst=BROADCAST_MAC, type=0x88CC) / Raw(
        bytes.fromhex("0207 04 020000000001 0403 07 6531 0602 0078 0000")
    )
    yield Ether(src=CLIENT_MAC, dst=SERVER_MAC, type=0x1234) / Raw(b"unknown EtherType")


def small(*versions: int) -> list[Packet]:
    """Small packets of the given IP versions (none: both), for carrying inside other things."""
    packets = [
        ip() / TCP(sport=51003, dport=80, flags="S", seq=1),
        ip() / UDP(sport=40053, dport=53) / DNS(id=8, rd=1, qd=DNSQR(qname="example.net")),
        ip6() / TCP(sport=51004, dport=443, flags="S", seq=1),
        ip6() / UDP(sport=5000, dport=6000) / Raw(b"datagram"),
    ]
    return [packet for packet in packets if packet.version in (versions or (4, 6))]

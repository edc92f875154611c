"""Samples of the filters about IP headers and addresses."""

from __future__ import annotations

from filter_samples_parts import Frames, Sample, Samples, both, four, six, tcp, udp
from scapy.layers.inet import IPOption_LSRR, IPOption_NOP, IPOption_RR, IPOption_SSRR
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN
from scapy.packet import Packet, Raw

FULL, SMALL = Raw(bytes(1232)), Raw(bytes(24))


def piece4(payload: Packet, offset: int, more: int, proto: int = 17) -> Frames:
    """A fragment in IPv4; offsets are in units of 8 bytes."""
    return four(payload, proto=proto, flags="MF" if more else 0, frag=offset)


def piece6(payload: Packet, offset: int, more: int, proto: int = 17) -> Frames:
    """A fragment in IPv6."""
    return six(IPv6ExtHdrFragment(nh=proto, offset=offset, m=more, id=5) / payload)


def piece(payload: Packet, offset: int, more: int, proto: int = 17) -> Frames:
    return piece4(payload, offset, more, proto) + piece6(payload, offset, more, proto)


def fragments() -> Samples:
    whole = both(udp()) + four(udp(), flags="DF")
    atomic = piece6(SMALL, 0, 0)  # a fragment header, and nothing but this piece (RFC 6946)
    return {
        "fragments": Sample(piece(SMALL, 0, 1) + piece(SMALL, 100, 1) + piece(SMALL, 200, 0), whole),
        "late-fragments": Sample(
            piece(SMALL, 1, 1) + piece(SMALL, 100, 1) + piece(SMALL, 200, 0), piece(SMALL, 0, 1) + atomic + whole
        ),
        "tiny-fragments": Sample(
            piece(SMALL, 0, 1) + piece(SMALL, 100, 1) + piece4(Raw(bytes(40)), 0, 1) + piece6(Raw(bytes(1224)), 0, 1),
            piece(FULL, 0, 1) + piece4(Raw(bytes(48)), 0, 1) + piece(SMALL, 200, 0) + whole,
        ),
        "overlapping-fragments": Sample(
            piece(SMALL, 1, 0, 6) + piece(SMALL, 1, 1, 6),
            piece(SMALL, 1, 0, 17) + piece(SMALL, 2, 0, 6) + piece(SMALL, 0, 1, 6) + piece(SMALL, 257, 0, 6),
        ),
    }


def headers() -> Samples:
    route = ["192.0.2.1", "192.0.2.2"]
    hop = IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))])
    return {
        "ecn-congestion": Sample(
            four(tcp(b"data"), tos=3) + four(tcp(b"data"), tos=0xBB) + six(tcp(b"data"), tc=3) + six(tcp(), tc=0xBB),
            [frame for each in (0, 1, 2, 0xB8) for frame in four(tcp(b"data"), tos=each) + six(tcp(), tc=each)],
        ),
        "ip-options": Sample(
            four(udp(), options=[IPOption_NOP()] * 4) + four(udp(), options=[IPOption_RR(routers=["0.0.0.0"] * 9)]),
            both(udp()) + six(hop / udp()),
        ),
        "source-routing": Sample(
            four(udp(), options=[IPOption_LSRR(routers=route)])
            + four(udp(), options=[IPOption_SSRR(routers=route)])
            + six(IPv6ExtHdrRouting(type=0, addresses=["2001:db8::99"], segleft=1) / udp()),
            four(udp(), options=[IPOption_RR(routers=route)])
            + four(udp(b"\x83" * 8, sport=0x8383))  # the ports are where options would be
            + six(IPv6ExtHdrRouting(type=2, addresses=["2001:db8::99"], segleft=1) / udp(), hop / udp()),
        ),
        "ip-reserved-bit": Sample(
            four(udp(), flags="evil") + four(udp(), flags="evil+DF"), four(udp()) + four(udp(), flags="DF") + six(udp())
        ),
        "low-ttl": Sample(
            [frame for hops in (0, 1, 2) for frame in four(udp(), ttl=hops) + six(udp(), hlim=hops)],
            four(udp(), ttl=3)
            + four(udp(), ttl=64)
            + four(udp(), ttl=1, dst="224.0.0.251")
            + six(udp(), hlim=3)
            + six(udp(), hlim=1, dst="ff02::fb"),
        ),
        "ipv6-extension-headers": Sample(
            six(
                hop / udp(),
                IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))]) / udp(),
                IPv6ExtHdrRouting(type=2, addresses=["2001:db8::99"], segleft=1) / udp(),
                IPv6ExtHdrFragment(offset=0, m=0, id=5) / udp(),
            )
            + [frame for number in (51, 135, 139, 140) for frame in six(Raw(bytes([59, 1]) + bytes(14)), nh=number)],
            both(udp(), tcp()) + six(nh=59) + six(Raw(bytes(24)), nh=50) + four(Raw(bytes(8)), proto=0),
        ),
    }


def sources4(*addresses: str) -> Frames:
    return [frame for address in addresses for frame in four(udp(), src=address, dst="8.8.8.8")]


def sources6(*addresses: str) -> Frames:
    return [frame for address in addresses for frame in six(udp(), src=address, dst="2606:4700::1111")]


def either4(*addresses: str) -> Frames:
    return sources4(*addresses) + [each for to in addresses for each in four(udp(), src="8.8.8.8", dst=to)]


def either6(*addresses: str) -> Frames:
    return sources6(*addresses) + [each for to in addresses for each in six(udp(), src="2606:4700::1111", dst=to)]


def addresses() -> Samples:
    return {
        "bogon-sources": Sample(
            sources4("0.0.0.1", "127.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.19.0.1", "224.0.0.1")
            + sources4("240.0.0.1", "255.255.255.255")
            + sources6("::1", "2001:db8::1", "ff02::1"),
            sources4("0.0.0.0", "1.0.0.1", "126.0.0.1", "128.0.0.1", "192.0.3.1", "198.51.101.1", "198.20.0.1")
            + sources4("223.255.255.1", "10.0.0.1")
            + sources6("::", "2001:db9::1", "2606:4700::1", "fe80::1", "::2")
            + four(udp(), src="8.8.8.8", dst="192.0.2.1"),
        ),
        "private-addresses": Sample(
            either4("10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.1.1", "100.64.0.1", "100.127.0.1")
            + either6("fc00::1", "fd12:3456::1"),
            either4("11.0.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "100.63.0.1", "100.128.0.1")
            + either6("fb00::1", "fe80::1", "2620:fe::fe"),
        ),
        "link-local-addresses": Sample(
            either4("169.254.1.1", "169.254.169.254"), either4("169.253.1.1", "169.255.1.1")
        ),
        "loopback-addresses": Sample(
            either4("127.0.0.1", "127.255.0.1") + either6("::1"), either4("126.0.0.1", "128.0.0.1") + either6("::2")
        ),
        "same-source-and-destination": Sample(
            four(tcp(flags="S", sport=80, dport=80), src="192.0.2.10", dst="192.0.2.10")
            + six(udp(), src="2001:db8::10", dst="2001:db8::10"),
            four(udp(), src="192.0.2.10", dst="192.0.2.11")
            + four(udp(), src="192.0.2.10", dst="192.0.3.10")
            + six(udp(), src="2001:db8::10", dst="2001:db8::11")
            + six(udp(), src="2001:db8::10", dst="2001:db9::10")
            + six(udp(), src="2001:db8:0:1::10", dst="2001:db8::10")
            + six(udp(), src="2001:db8::1:0:10", dst="2001:db8::10"),
        ),
    }


def samples() -> Samples:
    return {**fragments(), **headers(), **addresses()}

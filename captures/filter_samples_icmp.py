"""Samples of the filters about ICMP, and about what IPv6 does with it."""

from __future__ import annotations

from filter_samples_parts import Frames, Sample, Samples, four, icmp, icmp6, six, udp
from scapy.contrib.igmp import IGMP
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6ExtHdrHopByHop,
    PadN,
    RouterAlert,
)
from scapy.packet import Packet, Raw
from traffic import CLIENT, CLIENT6, CLIENT_MAC, LINK_LOCAL, SERVER6, ip, ip6, up

LOST4 = bytes(ip() / udp(b"lost"))  # what errors quote
LOST6 = bytes(ip6() / udp(b"lost"))


def errors4(*kinds: tuple[int, int]) -> Frames:
    return four(*(icmp(kind, code, LOST4) for kind, code in kinds))


def errors6(*kinds: tuple[int, int]) -> Frames:
    return six(*(icmp6(kind, code, LOST6) for kind, code in kinds))


ECHOES = four(icmp(8), icmp(0)) + six(icmp6(128), icmp6(129))
# In ICMPv6, an IPv4 number that would match; in ICMP, an IPv6 one: which is what mixing the two up would find.
REDIRECT6 = six(ICMPv6ND_Redirect(tgt=LINK_LOCAL, dst=SERVER6), hlim=255)


def errors() -> Samples:
    exceeded = errors4((11, 0), (11, 1)) + errors6((3, 0), (3, 1))
    too_big = errors4((3, 4)) + errors6((2, 0))
    closed = errors4((3, 3)) + errors6((1, 4))
    unreachable = errors4((3, 0), (3, 1), (3, 13)) + errors6((1, 0), (1, 1), (1, 3))
    redirects = errors4((5, 0), (5, 1))
    return {
        "icmp-errors": Sample(
            unreachable + closed + too_big + exceeded + redirects + errors4((12, 0)) + errors6((4, 1)),
            ECHOES + four(icmp(13), udp()) + REDIRECT6,
        ),
        "icmp-redirects": Sample(redirects + REDIRECT6, ECHOES + closed + errors6((5, 0)) + four(icmp(137))),
        "icmp-unreachable": Sample(unreachable + closed + errors4((3, 4)), exceeded + ECHOES + errors6((2, 0), (3, 0))),
        "udp-port-closed": Sample(closed, unreachable + too_big + errors4((11, 3)) + errors6((3, 0), (3, 4))),
        "icmp-time-exceeded": Sample(exceeded, closed + ECHOES + errors6((11, 0))),
        "path-mtu": Sample(too_big, closed + unreachable + exceeded + errors4((11, 4))),
    }


def queries() -> Samples:
    def echoes(size: int) -> Frames:
        return four(icmp(8, 0, bytes(size)), icmp(0, 0, bytes(size))) + six(
            icmp6(128, 0, bytes(size)), icmp6(129, 0, bytes(size))
        )

    probes = [udp(dport=port) for port in (33434, 33534)]
    beside = [udp(dport=33433), udp(dport=33535), udp(sport=33434)]
    return {
        "ping": Sample(ECHOES, errors4((3, 0)) + errors6((1, 0)) + six(icmp6(8), icmp6(0)) + four(icmp(128))),
        "icmp-large-echo": Sample(
            echoes(101) + echoes(1400),
            echoes(100) + echoes(56) + four(icmp(3, 3, bytes(200))) + six(icmp6(1, 4, bytes(200))),
        ),
        "icmp-probes": Sample(
            four(icmp(13), icmp(15), icmp(17)),
            four(icmp(14), icmp(16), icmp(18)) + ECHOES,
        ),
        "traceroute": Sample(
            [frame for hops in (1, 30) for frame in four(*probes, ttl=hops) + six(*probes, hlim=hops)],
            four(*beside, ttl=1) + six(*beside, hlim=1) + four(*probes, ttl=31) + six(*probes, hlim=64),
        ),
    }


def discovery(*messages: Packet, **fields: object) -> Frames:
    """Neighbour discovery as it must be: with a hop limit of 255."""
    return six(*messages, **{"hlim": 255, **fields})


def neighbours() -> Samples:
    solicit = ICMPv6ND_NS(tgt=SERVER6) / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC)
    advert = ICMPv6ND_NA(tgt=SERVER6, R=0, S=1, O=1)
    router = ICMPv6ND_RA() / ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64)
    redirect = ICMPv6ND_Redirect(tgt=LINK_LOCAL, dst=SERVER6)
    ask = ICMPv6ND_RS()
    every = [ask, router, solicit, advert, redirect]
    unasked = [ICMPv6ND_NA(tgt=SERVER6, R=bit, S=0, O=1) for bit in (0, 1)]
    alone = ICMPv6ND_NS(tgt=SERVER6)
    marked = ICMPv6ND_NS(tgt=SERVER6, res=0x20000000)
    return {
        "ipv6-router-advertisements": Sample(
            discovery(router, src=LINK_LOCAL, dst="ff02::1"),
            discovery(ask, solicit, advert, redirect) + four(icmp(134)),
        ),
        "ipv6-neighbour-discovery": Sample(
            discovery(solicit, advert, *unasked), discovery(ask, router, redirect) + ECHOES + four(icmp(135))
        ),
        "ipv6-unsolicited-advertisements": Sample(
            discovery(*unasked, dst="ff02::1"),
            discovery(advert, *(ICMPv6ND_NA(tgt=SERVER6, R=0, S=bit, O=0) for bit in (0, 1)), solicit, router, marked),
        ),
        "ipv6-duplicate-address-detection": Sample(
            discovery(alone, src="::", dst="ff02::1:ff00:80"),
            discovery(solicit, alone) + discovery(ask, src="::", dst="ff02::2") + discovery(advert, src="::1"),
        ),
        "ipv6-forged-neighbour-discovery": Sample(
            six(*every, hlim=254) + six(*every, hlim=64), discovery(*every) + six(icmp6(132), icmp6(138), hlim=64)
        ),
    }


def listeners() -> Samples:
    alert = IPv6ExtHdrHopByHop(nh=58, options=[RouterAlert(value=0), PadN(optdata=b"")])
    long = Raw(bytes.fromhex("3a01 0502 0000 0108 82 00000000000000"))  # 16 bytes, and 130 behind the first 8
    group = bytes.fromhex("ff0200000000000000000000000000fb")
    membership = [icmp6(kind, 0, group) for kind in (130, 131, 132)] + [icmp6(143, 0, b"")]

    def behind(header: Packet, *messages: Packet) -> Frames:
        # The checksum is the same as directly behind IPv6.
        return [up(ip6(hlim=1, dst="ff02::fb") / header.copy() / Raw(_alone(message))) for message in messages]

    def _alone(message: Packet) -> bytes:
        return bytes(ip6(hlim=1, dst="ff02::fb") / message)[40:]

    reports = [IGMP(type=kind, gaddr="224.0.0.251") for kind in (0x11, 0x16, 0x17)]
    return {
        "multicast-listeners": Sample(
            four(*reports, ttl=1, dst="224.0.0.251") + behind(alert, *membership),
            behind(alert, icmp6(129), icmp6(133), icmp6(142), icmp6(144))
            + six(long / Raw(_alone(icmp6(128))), nh=0, hlim=1, dst="ff02::fb")
            + six(IPv6ExtHdrHopByHop(nh=59, options=[RouterAlert(value=0), PadN(optdata=b"")]))
            + four(udp(), dst="224.0.0.251")
            + six(udp(), src=CLIENT6, dst="ff02::fb")
            + four(icmp(8), src=CLIENT),
        )
    }


def samples() -> Samples:
    return {**errors(), **queries(), **neighbours(), **listeners()}

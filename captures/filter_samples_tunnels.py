"""Samples of the filters about routing protocols, and about tunnels and virtual private networks."""

from __future__ import annotations

import struct

from encapsulations import inner_frame
from filter_samples_parts import Frames, Sample, Samples, both, four, ports, six, tcp, udp
from scapy.packet import Raw
from traffic import ip, ip6, up


def of_protocol(*wanted: int, miss: tuple[int, ...], data: bytes = bytes(24)) -> Sample:
    """Packets of IP protocols, in both versions; and of others, and in TCP and UDP ports of these numbers."""
    numbers = [udp(dport=number) for number in wanted]
    return Sample(_protocols(*wanted, data=data), _protocols(*miss, data=data) + both(*numbers))


def _protocols(*numbers: int, data: bytes = bytes(24)) -> Frames:
    return [frame for number in numbers for frame in four(Raw(data), proto=number) + six(Raw(data), nh=number)]


def routing() -> Samples:
    shared = ports(("udp", 1985), ("udp", 2029), ("udp", 3222), target=True)
    return {
        "ospf": of_protocol(89, miss=(88, 90)),
        "bgp": ports(("tcp", 179)),
        "rip": Sample(
            ports(("udp", 520)).match + ports(("udp", 521), versions="6").match,
            four(udp(dport=521)) + both(udp(dport=519), udp(dport=522), tcp(dport=520)),
        ),
        "eigrp": of_protocol(88, miss=(87, 89)),
        "bfd": ports(("udp", 3784), ("udp", 3785), ("udp", 4784), target=True),
        "first-hop-redundancy": Sample(
            shared.match + _protocols(112, data=bytes.fromhex("31 01 64 01 00 01 0000") + bytes(16)),
            shared.miss + _protocols(111, 113),
        ),
    }


def tunnels() -> Samples:
    inside4, inside6 = bytes(ip() / udp()), bytes(ip6() / udp())
    bridged = inner_frame(ip() / udp())

    def vxlan(first: int) -> bytes:
        return struct.pack("!II", first << 24, 42 << 8) + bridged

    def geneve(version: int) -> bytes:
        return struct.pack("!BBHI", version << 6, 0, 0x6558, 42 << 8) + bridged

    routed = bytes.fromhex("0000 0800") + inside4
    return {
        "ip-tunnels": Sample(
            four(Raw(inside4), proto=4)
            + four(Raw(inside6), proto=41)
            + six(Raw(inside4), nh=4)
            + six(Raw(inside6), nh=41),
            _protocols(47, data=routed) + _protocols(3, 5, 40, 42) + both(udp(inside4)),
        ),
        "gre": of_protocol(47, miss=(46, 48, 4), data=routed),
        "vxlan-tunnel": Sample(
            both(udp(vxlan(0x08), dport=4789)),
            both(udp(vxlan(0x00), dport=4789), udp(vxlan(0x08), dport=4790), udp(vxlan(0x08), sport=4789)),
        ),
        "geneve-tunnel": Sample(
            both(udp(geneve(0), dport=6081)),
            both(udp(geneve(1), dport=6081), udp(geneve(2), dport=6081), udp(geneve(0), dport=6082)),
        ),
        "gtp": ports(("udp", 2123), ("udp", 2152)),
        "teredo": ports(("udp", 3544), versions="4"),
    }


def private_networks() -> Samples:
    security = ports(("udp", 500), ("udp", 4500))
    first = b"\1\0\0\0" + bytes(144)
    hello = [udp(first, dport=51820), udp(first, dport=40000)]
    return {
        "ipsec": Sample(
            security.match
            + _protocols(50)
            + [up(each / Raw(bytes.fromhex("3b 04 0000") + bytes(20))) for each in (ip(51), ip6(nh=51))],
            security.miss + _protocols(49, 52),
        ),
        "wireguard-handshake": Sample(
            both(*hello),
            both(*(udp(bytes([kind, *first[1:]]), dport=51820) for kind in (0, 2, 4)))
            + both(
                udp(first + b"\0", dport=51820), udp(first[:-1], dport=51820), udp(b"\1\0\0\1" + first[4:]), tcp(first)
            ),
        ),
        "vpn-ports": ports(("tcp", 1194), ("udp", 1194), ("udp", 1701), ("tcp", 1723)),
    }


def samples() -> Samples:
    return {**routing(), **tunnels(), **private_networks()}

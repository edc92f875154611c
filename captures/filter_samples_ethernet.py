"""Samples of the filters about Ethernet: ARP, kinds of frames, tags, and what switches say to each other."""

from __future__ import annotations

from filter_samples_parts import Sample, Samples, both, ports, six, udp
from scapy.layers.l2 import ARP, LLC, SNAP, STP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import Packet, Raw
from traffic import BROADCAST_MAC, CLIENT, CLIENT_MAC, RESOLVER, ROUTER_MAC, SERVER, SERVER_MAC, ip, up

CISCO, BRIDGES, SLOW = "01:00:0c:cc:cc:cc", "01:80:c2:00:00:00", "01:80:c2:00:00:02"


def frame(kind: int, data: bytes = bytes(46), *, source: str = CLIENT_MAC, target: str = SERVER_MAC) -> Packet:
    """A frame of an EtherType."""
    return Ether(src=source, dst=target, type=kind) / Raw(data)


def arp(
    operation: int,
    sender: str,
    wanted: str,
    *,
    source: str = CLIENT_MAC,
    hardware: str = CLIENT_MAC,
    kind: int = 0x0806,
) -> Packet:
    target = BROADCAST_MAC if operation in (1, 3) else SERVER_MAC
    message = ARP(op=operation, hwsrc=hardware, psrc=sender, hwdst="00:00:00:00:00:00", pdst=wanted)
    return Ether(src=source, dst=target, type=kind) / message


def addresses() -> Samples:
    ask, answer = arp(1, CLIENT, RESOLVER), arp(2, CLIENT, SERVER)
    probe = arp(1, "0.0.0.0", CLIENT)
    own = [arp(1, CLIENT, CLIENT), arp(2, CLIENT, CLIENT)]
    reverse = [arp(operation, "0.0.0.0", "0.0.0.0", kind=0x8035) for operation in (3, 4)]
    last, first = "02:00:00:00:00:03", "06:00:00:00:00:01"
    return {
        "arp-requests": Sample([ask, probe, own[0]], [answer, *both(udp()), arp(1, CLIENT, RESOLVER, kind=0x8035)]),
        "arp-probes": Sample([probe], [ask, answer, own[0], arp(2, "0.0.0.0", CLIENT), arp(1, "0.0.0.1", CLIENT)]),
        "arp-gratuitous": Sample(
            [*own, arp(2, SERVER, SERVER)],
            [ask, answer, probe, arp(1, "0.0.0.0", "0.0.0.0"), arp(1, CLIENT, "192.0.2.11")],
        ),
        "arp-forged-sender": Sample(
            [arp(2, SERVER, CLIENT, hardware=each) for each in (SERVER_MAC, last, first)]
            + [arp(1, CLIENT, RESOLVER, source=ROUTER_MAC)],
            [ask, answer, probe, *own, *both(udp())],
        ),
        "rarp": Sample(reverse, [ask, answer]),
    }


def kinds() -> Samples:
    def sized(length: int) -> Packet:
        return frame(0x88B5, bytes(length - 14))  # an EtherType for experiments

    to_all = frame(0x88B5, target=BROADCAST_MAC)
    groups = [frame(0x88B5, target=each) for each in ("01:00:5e:00:00:fb", "33:33:00:00:00:01", BRIDGES)]
    single = frame(0x88B5)
    return {
        "broadcast-frames": Sample(
            [to_all, arp(1, CLIENT, RESOLVER)], [single, *groups, frame(0x88B5, target="ff:ff:ff:ff:ff:fe")]
        ),
        "multicast-frames": Sample(groups, [single, to_all]),
        "multicast-source": Sample(
            [frame(0x88B5, source=each) for each in ("03:00:00:00:00:01", "01:00:5e:00:00:01", BROADCAST_MAC)],
            [single, *groups, frame(0x88B5, source="00:00:5e:00:53:01")],
        ),
        "local-mac-addresses": Sample(
            [single, frame(0x88B5, source="fe:ff:ff:00:00:01")],
            [frame(0x88B5, source=each) for each in ("00:00:5e:00:53:01", "03:00:00:00:00:01", "01:00:5e:00:00:01")],
        ),
        "jumbo-frames": Sample([sized(1519), sized(2000)], [sized(1518), sized(1514), sized(60)]),
        "runt-frames": Sample([sized(59), sized(14), *both(udp(b""))[:1]], [sized(60), sized(61), *six(udp(b""))]),
    }


def tags() -> Samples:
    inside = ip() / udp()
    plain = up(inside)
    single = [up(Dot1Q(vlan=vlan) / inside) for vlan in (1, 100)]
    priority = [up(Dot1Q(vlan=0, prio=prio) / inside) for prio in (0, 6)]
    double = up(Dot1Q(vlan=1, type=0x8100) / Dot1Q(vlan=100) / inside)
    provider = up(Dot1AD(vlan=1000) / Dot1Q(vlan=300) / inside)
    outer = up(Dot1AD(vlan=1000) / inside)
    return {
        "vlan-tagged": Sample([*single, *priority, double, provider, outer], [plain, frame(0x8847), *six(udp())]),
        "vlan-priority-tagged": Sample(priority, [*single, plain, up(Dot1Q(vlan=2048) / inside), frame(0x88B5)]),
        "vlan-hopping": Sample([double], [*single, provider, outer, plain]),
        "qinq": Sample([double, provider], [*single, *priority, outer, plain]),
    }


def bpdu(flags: int = 0, kind: int = 0, version: int = 0) -> Packet:
    change = STP(version=version, bpdutype=kind, bpduflags=flags, rootmac=ROUTER_MAC, bridgemac=ROUTER_MAC)
    return Dot3(src=ROUTER_MAC, dst=BRIDGES) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / change


def snap(code: int, data: bytes, target: str = CISCO, oui: int = 0x00000C, control: int = 3) -> Packet:
    header = LLC(dsap=0xAA, ssap=0xAA, ctrl=control) / SNAP(OUI=oui, code=code)
    return Dot3(src=ROUTER_MAC, dst=target) / header / Raw(data)


def switches() -> Samples:
    notification = (
        Dot3(src=ROUTER_MAC, dst=BRIDGES) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(bytes.fromhex("00000080"))
    )
    per_vlan = snap(0x010B, bytes(STP(rootmac=ROUTER_MAC, bridgemac=ROUTER_MAC)), "01:00:0c:cc:cc:cd")
    elsewhere = Dot3(src=ROUTER_MAC, dst=SERVER_MAC) / bpdu().payload
    beside = [
        Dot3(src=ROUTER_MAC, dst=BRIDGES) / LLC(dsap=0xFE, ssap=0xFE, ctrl=3) / Raw(bytes(40)),
        snap(0x010B, bytes(35)),
        snap(0x2000, bytes(35), "01:00:0c:cc:cc:cd"),
        snap(0x010B, bytes(35), "01:00:0c:cc:cc:cd", control=0xE3),
    ]
    other = Dot3(src=ROUTER_MAC, dst=BRIDGES) / LLC(dsap=0xFE, ssap=0xFE, ctrl=3) / Raw(bytes.fromhex("00000080"))
    unknown = Dot3(src=ROUTER_MAC, dst=BRIDGES) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(bytes.fromhex("00010080"))
    lldp = frame(0x88CC, bytes.fromhex("0207 04 020000000001 0403 07 6531 0602 0078 0000"), target="01:80:c2:00:00:0e")
    cdp = snap(0x2000, bytes.fromhex("02b4 0000 0001 0006 7331 0003 0006 6531"))
    dtp = snap(0x2004, bytes.fromhex("01 0001 0005 00 0002 0005 03"))
    vtp = snap(0x2003, bytes.fromhex("01 03 00 03 64656d") + bytes(33))
    udld = snap(0x0111, bytes.fromhex("2100 0000 0001 0008 73310000"))
    isis = Dot3(src=ROUTER_MAC, dst="01:80:c2:00:00:14") / LLC(dsap=0xFE, ssap=0xFE, ctrl=3) / Raw(bytes(40))
    lacp = frame(0x8809, bytes.fromhex("01 01 01 14") + bytes(106), target=SLOW)
    return {
        "stp": Sample(
            [bpdu(), bpdu(1), notification, bpdu(0, 2, 2), per_vlan],
            [lldp, cdp, isis, frame(0x4242), elsewhere, *beside],
        ),
        "stp-topology-change": Sample(
            [notification, bpdu(1), bpdu(0x81), bpdu(1, 2, 2)],
            [bpdu(), bpdu(0x80), bpdu(0x3E, 2, 2), cdp, isis, other, unknown],
        ),
        "lldp": Sample([lldp], [cdp, bpdu(), frame(0x88CD), frame(0x88CB)]),
        "cdp": Sample(
            [cdp],
            [
                dtp,
                vtp,
                udld,
                lldp,
                snap(0x2000, bytes(8), oui=0),
                snap(0x2000, bytes(8), SERVER_MAC),
                snap(0x2000, bytes(8), control=0xE3),
            ],
        ),
        "dtp-vtp": Sample(
            [dtp, vtp],
            [
                cdp,
                udld,
                per_vlan,
                snap(0x2004, bytes(8), oui=0),
                snap(0x2003, bytes(8), BRIDGES),
                snap(0x2004, bytes(8), control=0xE3),
            ],
        ),
        "lacp": Sample([lacp], [frame(0x8809, b"\2" + bytes(45), target=SLOW), frame(0x880A, b"\1" + bytes(45)), lldp]),
    }


def others() -> Samples:
    def of_types(*types: int, miss: tuple[int, ...]) -> Sample:
        return Sample([frame(kind) for kind in types], [frame(kind) for kind in miss] + both(udp()))

    def paused(operation: int, kind: int = 0x8808) -> Packet:
        return frame(kind, operation.to_bytes(2, "big") + bytes(44), target="01:80:c2:00:00:01")

    target = bytes.fromhex(CLIENT_MAC.replace(":", ""))
    magic = b"\xff" * 6 + target * 16
    almost = b"\xff" * 5 + b"\0" + target * 16
    time = bytes.fromhex("0b 02 0040 00 00 0008") + bytes(56)
    by_port = ports(("udp", 319), ("udp", 320), target=True)
    return {
        "eapol": Sample(
            [frame(0x888E, bytes.fromhex("02 01 0000") + bytes(42))], [frame(0x888D), frame(0x888F), *both(udp())]
        ),
        "pause-frames": Sample(
            [paused(1), paused(0x0101)], [paused(2), paused(0x0100), paused(1, 0x8809), *both(udp())]
        ),
        "macsec": of_types(0x88E5, miss=(0x88E4, 0x88E6, 0x888E)),
        "wake-on-lan": Sample(
            [frame(0x0842, magic), *both(udp(magic, dport=9), udp(magic, sport=9))],
            [frame(0x0843, magic), *both(udp(almost, dport=9), udp(b"\0" + magic[1:], dport=9)), frame(0x88B5, magic)],
        ),
        "pppoe-discovery": Sample(
            [frame(0x8863, bytes([0x11, code, 0, 0, 0, 4]) + bytes.fromhex("0101 0000")) for code in (0x09, 0x07)],
            [frame(0x8864, bytes.fromhex("1100 0011 000a c021 0901 0008 00000001")), *both(udp())],
        ),
        "mpls": Sample(
            [frame(kind, bytes.fromhex("00064140") + bytes(ip() / udp())) for kind in (0x8847, 0x8848)],
            [frame(0x8846), frame(0x8849), *both(udp())],
        ),
        "ptp": Sample(
            [frame(0x88F7, time, target="01:1b:19:00:00:00"), *both(udp(time, dport=319), udp(time, dport=320))],
            [frame(0x88F6), frame(0x88F8), *by_port.miss],
        ),
    }


def samples() -> Samples:
    return {**addresses(), **kinds(), **tags(), **switches(), **others()}

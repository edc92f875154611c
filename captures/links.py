"""Samples for link types other than Ethernet: Linux cooked captures and BSD loopbacks."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from scapy.layers.l2 import ARP, LLC, STP, Dot1Q
from traffic import CLIENT, CLIENT_MAC, RESOLVER, ROUTER_MAC, small

# --- Other link types


def cooked_payloads() -> Iterator[tuple[int, int, bytes]]:
    """Packet type, protocol and payload of cooked packets: to us, from us, and the other kinds."""
    for payload in small():
        protocol = 0x0800 if payload.version == 4 else 0x86DD
        yield 0, protocol, bytes(payload)
        yield 4, protocol, bytes(payload)
    ask = ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT, hwdst="00:00:00:00:00:00", pdst=RESOLVER)
    yield 1, 0x0806, bytes(ask)
    yield 4, 0x0806, bytes(ask)
    yield 2, 0x0004, bytes(LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP(rootmac=ROUTER_MAC, bridgemac=ROUTER_MAC))
    yield 3, 0x8100, bytes(Dot1Q(vlan=100) / small()[0])


def cooked() -> Iterator[bytes]:
    """LINKTYPE_LINUX_SLL: packet type, ARPHRD, address length, address, protocol."""
    for kind, protocol, payload in cooked_payloads():
        address = bytes.fromhex("0200000000010000")
        yield struct.pack("!HHH8sH", kind, 1, 6, address, protocol) + payload


def cooked2() -> Iterator[bytes]:
    """LINKTYPE_LINUX_SLL2: protocol, reserved, interface, ARPHRD, packet type, address length, address."""
    for number, (kind, protocol, payload) in enumerate(cooked_payloads()):
        address = bytes.fromhex("0200000000010000")
        yield struct.pack("!HHIHBB8s", protocol, 0, 2 + number % 2, 1, kind, 6, address) + payload


def loopback_null() -> Iterator[bytes]:
    """LINKTYPE_NULL: the address family in the byte order of the capturing host, one of many for IPv6."""
    for order in "<>":
        for packet in small(4):
            yield struct.pack(order + "I", 2) + bytes(packet)
        for family in (10, 24, 28, 30):
            yield struct.pack(order + "I", family) + bytes(small(6)[0])


def loopback_loop() -> Iterator[bytes]:
    """LINKTYPE_LOOP: the same in network byte order."""
    for packet in small(4):
        yield struct.pack("!I", 2) + bytes(packet)
    for family in (10, 24, 28, 30):
        yield struct.pack("!I", family) + bytes(small(6)[0])

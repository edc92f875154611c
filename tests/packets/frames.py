"""Ethernet and what may be in it: tags, labels, sessions, 802.2, IP, and tunnels with frames in them again.

The same few addresses, ports and protocols come again and again. ``depth`` counts the tunnels around.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

Maker = Callable[[Random], bytes]

ADDRESSES: Final = [
    bytes((10, 0, 0, 1)),
    bytes((10, 0, 0, 2)),
    bytes((172, 16, 9, 9)),
    bytes((224, 0, 0, 5)),
    bytes(4),
]
ADDRESSES6: Final = [
    bytes.fromhex(address.ljust(30, "0") + last)
    for address, last in (("fe80", "01"), ("20010db8", "01"), ("20010db88000", "07"), ("fd", "02"), ("ff02", "05"))
]
STATIONS: Final = [bytes.fromhex("001122334455"), bytes.fromhex("66778899aabb"), b"\xff" * 6, b"\x01\x00\x5e\0\0\1"]
PORTS: Final = [22, 25, 53, 80, 100, 443, 6081, 4789, 6000, 8080]
TRANSPORTS: Final = [6, 6, 17, 17, 17, 132, 1, 2, 9, 50, 51, 58, 103, 112, 47]
HEADERS6: Final = [*TRANSPORTS, 58, 0, 60, 43, 44, 44, 51, 59]
SAPS: Final = [
    b"\xfe\xfe\x03",
    b"\x42\x42\x03",
    b"\xe0\xe0\x03",
    b"\xf0\xf0\x7f",
    b"\xaa\xaa\x03",
    b"\xff\xff\0",
    b"\6\6\1",
]
DEEPEST: Final = 3


def ethernet(random: Random, depth: int = 0) -> bytes:
    return random.choice(STATIONS) + random.choice(STATIONS) + typed(random, depth)


def typed(random: Random, depth: int) -> bytes:
    """An EtherType and what it announces."""
    protocol, payload = random.choice(ETHERTYPES)
    return protocol.to_bytes(2) + payload(random, depth)


def tagged(random: Random, depth: int) -> bytes:
    identifier = random.choice((2, 3, 5, 6, 100, 200, 0xAAA))
    return (random.choice((0, 0x2000)) | identifier).to_bytes(2) + typed(random, depth)


def labelled(random: Random, depth: int) -> bytes:
    bottom = random.random() < 0.6
    label = (random.choice((100, 200, 18)) << 12 | bottom << 8 | 64).to_bytes(4)
    return label + (ip(random, depth) if bottom else labelled(random, depth))


def in_session(random: Random, depth: int) -> bytes:
    protocol, payload = random.choice([(0x21, ipv4), (0x57, ipv6), (0x281, labelled), (0xC021, noise)])
    return (
        bytes((0x11, 0)) + random.choice((7, 8)).to_bytes(2) + b"\0\x40" + protocol.to_bytes(2) + payload(random, depth)
    )


def arp(random: Random, _depth: int) -> bytes:
    sides = (random.choice(STATIONS) + random.choice(ADDRESSES) for _ in range(2))
    return bytes((0, 1, 8, 0, 6, 4, 0, random.choice((1, 2)))) + b"".join(sides) + bytes(18)


def llc(random: Random, depth: int) -> bytes:
    sap = random.choice(SAPS)
    if sap[0] == 0xAA:
        kind = random.choice((b"\x08\0\7\x80\x9b", b"\0\0\0\x80\xf3", b"\0\0\0\x81\x37", b"\0\0\0\x08\0"))
        return sap + kind + noise(random, depth)
    if sap[0] == 0xFE:
        return sap + osi(random, depth)
    return sap[:2] + bytes((random.choice((0, 1, 3, 5, 9, 0x0F, 0x43, 0x63, 0x6F, 0x87, 0xAF, 0xE3)),)) + bytes(40)


def osi(random: Random, _depth: int) -> bytes:
    """ISO 8473, 9542 or 10589: a protocol identifier; at 4, the type of an IS-IS PDU."""
    kind = random.choice(range(15, 28)) | random.choice((0, 0, 0x20, 0x80))
    return bytes((random.choice((0x81, 0x82, 0x83, 0x83)), 27, 1, 0, kind)) + bytes(30)


def snapped(random: Random, depth: int) -> bytes:
    """802.2 with SNAP, and an EtherType's payload."""
    return b"\xaa\xaa\3" + random.choice((b"\0\0\0", b"\0\0\0", b"\x08\0\7")) + typed(random, depth)


def noise(random: Random, _depth: int) -> bytes:
    return random.randbytes(random.randrange(4, 60))


def ip(random: Random, depth: int) -> bytes:
    return random.choice((ipv4, ipv6))(random, depth)


def ipv4(random: Random, depth: int) -> bytes:
    protocol = random.choice(TRANSPORTS)
    words = random.choice((5, 5, 5, 6, 15))
    payload = transport(random, protocol, depth)
    fragment = random.choice((0, 0, 0x4000, 0x2000, 0x00B9))
    header = bytes((0x40 | words, random.choice((0, 5)))) + (words * 4 + len(payload)).to_bytes(2) + random.randbytes(2)
    header += fragment.to_bytes(2) + bytes((random.choice((0, 1, 64, 65)), protocol)) + random.randbytes(2)
    addresses = random.choice(ADDRESSES) + random.choice(ADDRESSES)
    return header + addresses + random.randbytes(words * 4 - 20) + payload


def ipv6(random: Random, depth: int) -> bytes:
    protocol = random.choice(HEADERS6)
    payload = transport(random, protocol, depth)
    header = b"\x60\0\0\0" + len(payload).to_bytes(2) + bytes((protocol, 64))
    return header + random.choice(ADDRESSES6) + random.choice(ADDRESSES6) + payload


def transport(random: Random, protocol: int, depth: int) -> bytes:
    if protocol in (0, 43, 44, 51, 60):
        following = random.choice(HEADERS6)
        length = random.choice((0, 0, 1))
        size = (length + 2) * 4 if protocol == 51 else (length + 1) * 8
        return (
            bytes((following, length)) + bytes(size - 2) + (transport(random, following, depth) if depth < 9 else b"")
        )
    if protocol in (6, 132):
        return (
            ports(random) + random.randbytes(8) + bytes((0x50, random.choice((2, 0x10, 0x12, 1)))) + random.randbytes(9)
        )
    if protocol == 17:
        return udp(random, depth)
    if protocol in (1, 58):
        return bytes((random.choice((0, 3, 8, 11, 128, 135)), random.choice((0, 4)))) + random.randbytes(20)
    return random.randbytes(24)


def ports(random: Random) -> bytes:
    return random.choice(PORTS).to_bytes(2) + random.choice(PORTS).to_bytes(2)


def udp(random: Random, depth: int) -> bytes:
    if depth >= DEEPEST or random.random() < 0.5:
        return ports(random) + random.choice((8, 30, 0x50)).to_bytes(2) + bytes(2) + random.randbytes(12)
    network = random.choice((5, 7, 3)).to_bytes(3) + b"\0"
    source = random.choice(PORTS).to_bytes(2)
    if random.random() < 0.5:
        return source + (4789).to_bytes(2) + bytes(4) + b"\x08\0\0\0" + network + ethernet(random, depth + 1)
    words = random.choice((0, 0, 1, 2))
    protocol, inner = random.choice([(0x6558, ethernet), (0x0800, ipv4), (0x86DD, ipv6), (0x0806, arp)])
    header = bytes((words, 0)) + protocol.to_bytes(2) + network + random.randbytes(4 * words)
    return source + (6081).to_bytes(2) + bytes(4) + header + inner(random, depth + 1)


ETHERTYPES: Final[list[tuple[int, Callable[[Random, int], bytes]]]] = [
    *[(0x0800, ipv4)] * 6,
    *[(0x86DD, ipv6)] * 4,
    (0x0806, arp),
    (0x8035, arp),
    (0x8100, tagged),
    (0x88A8, tagged),
    (0x8847, labelled),
    (0x8864, in_session),
    (0x8863, noise),
    (0x809B, noise),
    (0x80F3, noise),
    (0x8137, noise),
    (0x6003, noise),
    (0x88CC, noise),
    (60, llc),
    (200, llc),
]

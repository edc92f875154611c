"""Random packets that get past the first tests of a filter.

They have the same few addresses, ports and protocols again and again, layer in layer; then bytes are exchanged and the
end is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

_ADDRESSES: Final = [
    bytes((10, 0, 0, 1)),
    bytes((10, 0, 0, 2)),
    bytes((172, 16, 9, 9)),
    bytes((224, 0, 0, 5)),
    bytes(4),
]
_ADDRESSES6: Final = [
    bytes.fromhex(address.ljust(30, "0") + last)
    for address, last in (("fe80", "01"), ("20010db8", "01"), ("20010db88000", "07"), ("fd", "02"), ("ff02", "05"))
]
_STATIONS: Final = [bytes.fromhex("001122334455"), bytes.fromhex("66778899aabb"), b"\xff" * 6, b"\x01\x00\x5e\0\0\1"]
_PORTS: Final = [22, 25, 53, 80, 100, 443, 6081, 4789, 6000, 8080]
_TRANSPORTS: Final = [6, 6, 17, 17, 17, 132, 1, 2, 9, 50, 51, 58, 103, 112, 47]
_HEADERS6: Final = [*_TRANSPORTS, 58, 0, 60, 43, 44, 44, 51, 59]
_SAPS: Final = [
    b"\xfe\xfe\x03",
    b"\x42\x42\x03",
    b"\xe0\xe0\x03",
    b"\xf0\xf0\x7f",
    b"\xaa\xaa\x03",
    b"\xff\xff\0",
    b"\6\6\1",
]
_DEEPEST: Final = 3


def packets(linktype: str, seed: int, count: int) -> list[bytes]:
    """That many packets of a link type; the same ones every time."""
    random = Random(f"{linktype} {seed}")
    return [_damaged(random, _LINKS[linktype](random)) for _ in range(count)]


def _damaged(random: Random, packet: bytes) -> bytes:
    octets = bytearray(packet)
    for _ in range(random.choice((0, 0, 1, 3))):
        position = min(random.randrange(len(octets)), random.randrange(len(octets)))
        octets[position] = random.choice((0, 1, 4, 6, 17, 0x45, 0x60, 0xFF, random.randrange(256)))
    return bytes(octets[: random.randrange(len(octets) + 1)] if random.random() < 0.4 else octets)


def _ethernet(random: Random, depth: int = 0) -> bytes:
    return random.choice(_STATIONS) + random.choice(_STATIONS) + _typed(random, depth)


def _typed(random: Random, depth: int) -> bytes:
    """An EtherType and what it announces."""
    protocol, payload = random.choice(_ETHERTYPES)
    return protocol.to_bytes(2) + payload(random, depth)


def _tagged(random: Random, depth: int) -> bytes:
    identifier = random.choice((2, 3, 5, 6, 100, 200, 0xAAA))
    return (random.choice((0, 0x2000)) | identifier).to_bytes(2) + _typed(random, depth)


def _labelled(random: Random, depth: int) -> bytes:
    bottom = random.random() < 0.6
    label = (random.choice((100, 200, 18)) << 12 | bottom << 8 | 64).to_bytes(4)
    return label + (_ip(random, depth) if bottom else _labelled(random, depth))


def _in_session(random: Random, depth: int) -> bytes:
    protocol, payload = random.choice([(0x21, _ipv4), (0x57, _ipv6), (0x281, _labelled), (0xC021, _noise)])
    return (
        bytes((0x11, 0)) + random.choice((7, 8)).to_bytes(2) + b"\0\x40" + protocol.to_bytes(2) + payload(random, depth)
    )


def _arp(random: Random, _depth: int) -> bytes:
    sides = (random.choice(_STATIONS) + random.choice(_ADDRESSES) for _ in range(2))
    return bytes((0, 1, 8, 0, 6, 4, 0, random.choice((1, 2)))) + b"".join(sides) + bytes(18)


def _llc(random: Random, depth: int) -> bytes:
    sap = random.choice(_SAPS)
    if sap[0] == 0xAA:
        kind = random.choice((b"\x08\0\7\x80\x9b", b"\0\0\0\x80\xf3", b"\0\0\0\x81\x37", b"\0\0\0\x08\0"))
        return sap + kind + _noise(random, depth)
    if sap[0] == 0xFE:
        return sap + bytes((random.choice((0x81, 0x82, 0x83)), 27, 1, 0, random.choice(range(15, 28)))) + bytes(30)
    return sap[:2] + bytes((random.choice((0, 1, 3, 5, 9, 0x0F, 0x43, 0x63, 0x6F, 0x87, 0xAF, 0xE3)),)) + bytes(40)


def _noise(random: Random, _depth: int) -> bytes:
    return random.randbytes(random.randrange(4, 60))


def _ip(random: Random, depth: int) -> bytes:
    return random.choice((_ipv4, _ipv6))(random, depth)


def _ipv4(random: Random, depth: int) -> bytes:
    protocol = random.choice(_TRANSPORTS)
    words = random.choice((5, 5, 5, 6, 15))
    payload = _transport(random, protocol, depth)
    fragment = random.choice((0, 0, 0x4000, 0x2000, 0x00B9))
    header = bytes((0x40 | words, random.choice((0, 5)))) + (words * 4 + len(payload)).to_bytes(2) + random.randbytes(2)
    header += fragment.to_bytes(2) + bytes((random.choice((0, 1, 64, 65)), protocol)) + random.randbytes(2)
    addresses = random.choice(_ADDRESSES) + random.choice(_ADDRESSES)
    return header + addresses + random.randbytes(words * 4 - 20) + payload


def _ipv6(random: Random, depth: int) -> bytes:
    protocol = random.choice(_HEADERS6)
    payload = _transport(random, protocol, depth)
    header = b"\x60\0\0\0" + len(payload).to_bytes(2) + bytes((protocol, 64))
    return header + random.choice(_ADDRESSES6) + random.choice(_ADDRESSES6) + payload


def _transport(random: Random, protocol: int, depth: int) -> bytes:
    if protocol in (0, 43, 44, 51, 60):
        following = random.choice(_HEADERS6)
        length = random.choice((0, 0, 1))
        size = (length + 2) * 4 if protocol == 51 else (length + 1) * 8
        return (
            bytes((following, length)) + bytes(size - 2) + (_transport(random, following, depth) if depth < 9 else b"")
        )
    if protocol in (6, 132):
        return (
            _ports(random)
            + random.randbytes(8)
            + bytes((0x50, random.choice((2, 0x10, 0x12, 1))))
            + random.randbytes(9)
        )
    if protocol == 17:
        return _udp(random, depth)
    if protocol in (1, 58):
        return bytes((random.choice((0, 3, 8, 11, 128, 135)), random.choice((0, 4)))) + random.randbytes(20)
    return random.randbytes(24)


def _ports(random: Random) -> bytes:
    return random.choice(_PORTS).to_bytes(2) + random.choice(_PORTS).to_bytes(2)


def _udp(random: Random, depth: int) -> bytes:
    if depth >= _DEEPEST or random.random() < 0.5:
        return _ports(random) + random.choice((8, 30, 0x50)).to_bytes(2) + bytes(2) + random.randbytes(12)
    network = random.choice((5, 7, 3)).to_bytes(3) + b"\0"
    ports = random.choice(_PORTS).to_bytes(2)
    if random.random() < 0.5:
        return ports + (4789).to_bytes(2) + bytes(4) + b"\x08\0\0\0" + network + _ethernet(random, depth + 1)
    words = random.choice((0, 0, 1, 2))
    protocol, inner = random.choice([(0x6558, _ethernet), (0x0800, _ipv4), (0x86DD, _ipv6), (0x0806, _arp)])
    header = bytes((words, 0)) + protocol.to_bytes(2) + network + random.randbytes(4 * words)
    return ports + (6081).to_bytes(2) + bytes(4) + header + inner(random, depth + 1)


def _cooked(random: Random) -> bytes:
    kind = random.choice((0, 1, 4)).to_bytes(2)
    header = kind + b"\0\1\0\6" + random.choice(_STATIONS) + b"\0\0"
    if random.random() < 0.2:
        return header + random.choice((1, 4)).to_bytes(2) + _llc(random, 0)
    return header + _typed(random, 0)


def _cooked2(random: Random) -> bytes:
    if random.random() < 0.2:
        protocol, payload = random.choice((1, 4)).to_bytes(2), _llc(random, 0)
    else:
        octets = _typed(random, 0)
        protocol, payload = octets[:2], octets[2:]
    interface = random.choice((7, 8)).to_bytes(4)
    station = bytes((random.choice((0, 1, 4)), 6)) + random.choice(_STATIONS) + b"\0\0"
    return protocol + b"\0\0" + interface + b"\0\1" + station + payload


def _loop(random: Random) -> bytes:
    family = random.choice((2, 2, 24, 28, 30, 10, 7))
    return family.to_bytes(4) + (_ipv4 if family == 2 else _ipv6)(random, 0)


def _null(random: Random) -> bytes:
    packet = _loop(random)
    return packet[3::-1] + packet[4:] if random.random() < 0.5 else packet


_ETHERTYPES: Final[list[tuple[int, Callable[[Random, int], bytes]]]] = [
    *[(0x0800, _ipv4)] * 6,
    *[(0x86DD, _ipv6)] * 4,
    (0x0806, _arp),
    (0x8035, _arp),
    (0x8100, _tagged),
    (0x88A8, _tagged),
    (0x8847, _labelled),
    (0x8864, _in_session),
    (0x8863, _noise),
    (0x809B, _noise),
    (0x80F3, _noise),
    (0x8137, _noise),
    (0x6003, _noise),
    (0x88CC, _noise),
    (60, _llc),
    (200, _llc),
]

_LINKS: Final[dict[str, Callable[[Random], bytes]]] = {
    "EN10MB": _ethernet,
    "LINUX_SLL": _cooked,
    "LINUX_SLL2": _cooked2,
    "RAW": lambda random: _ip(random, 0),
    "IPV4": lambda random: _ipv4(random, 0),
    "IPV6": lambda random: _ipv6(random, 0),
    "LOOP": _loop,
    "NULL": _null,
}

"""Random packets that get past the first tests of a filter.

They have the same few addresses, ports and protocols again and again, layer in layer; then bytes are exchanged and the
end is cut off. Of link types that filters see only bytes of, they are just bytes.
"""

from __future__ import annotations

from random import Random
from typing import Final

from .frames import Maker, noise
from .hosts import HOSTS
from .lan import LANS
from .wan import WANS
from .wlan import WLANS

_MAKERS: Final[dict[str, Maker]] = {**HOSTS, **LANS, **WANS, **WLANS}

# The link types that packets of their own are made for: all those that filters know more than bytes of.
WITH_PACKETS: Final = tuple(_MAKERS)


def packets(linktype: str, seed: int, count: int) -> list[bytes]:
    """That many packets of a link type; the same ones every time."""
    random = Random(f"{linktype} {seed}")
    make = _MAKERS.get(linktype, _bytes)
    return [_damaged(random, make(random)) for _ in range(count)]


def _bytes(random: Random) -> bytes:
    return noise(random, 0)


def _damaged(random: Random, packet: bytes) -> bytes:
    octets = bytearray(packet)
    for _ in range(random.choice((0, 0, 1, 3))):
        position = min(random.randrange(len(octets)), random.randrange(len(octets)))
        octets[position] = random.choice((0, 1, 4, 6, 17, 0x45, 0x60, 0xFF, random.randrange(256)))
    return bytes(octets[: random.randrange(len(octets) + 1)] if random.random() < 0.4 else octets)

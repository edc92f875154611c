"""Link types that are IP itself, or that begin with a header which a host made up: cooked, loopback, firewall logs."""

from __future__ import annotations

from random import Random
from typing import Final

from .frames import STATIONS, Maker, ip, ipv4, ipv6, llc, typed


def _typed_or_llc(random: Random, llc_protocols: tuple[int, ...]) -> tuple[bytes, bytes]:
    """A protocol field and what it announces."""
    if random.random() < 0.2:
        return random.choice(llc_protocols).to_bytes(2), llc(random, 0)
    octets = typed(random, 0)
    return octets[:2], octets[2:]


def _cooked(random: Random) -> bytes:
    protocol, payload = _typed_or_llc(random, (1, 4))
    kind = random.choice((0, 1, 4)).to_bytes(2)
    return kind + b"\0\1\0\6" + random.choice(STATIONS) + b"\0\0" + protocol + payload


def _cooked2(random: Random) -> bytes:
    protocol, payload = _typed_or_llc(random, (1, 4))
    interface = random.choice((7, 8)).to_bytes(4)
    station = bytes((random.choice((0, 1, 4)), 6)) + random.choice(STATIONS) + b"\0\0"
    return protocol + b"\0\0" + interface + b"\0\1" + station + payload


def _family(random: Random) -> tuple[int, bytes]:
    """An address family number of some system, and a packet that goes with it."""
    family = random.choice((2, 2, 24, 28, 30, 10, 7))
    return family, (ipv4 if family == 2 else ipv6)(random, 0)


def _loop(random: Random) -> bytes:
    family, packet = _family(random)
    return family.to_bytes(4) + packet


def _null(random: Random) -> bytes:
    family, packet = _family(random)
    return family.to_bytes(4, random.choice(("big", "little"))) + packet


def _encrypted(random: Random) -> bytes:
    """OpenBSD's ENC: address family, security parameter index, flags."""
    family, packet = _family(random)
    return family.to_bytes(4, random.choice(("big", "little"))) + random.randbytes(8) + packet


_NAMES: Final = (b"em1", b"em10", b"pflog0", b"lo", b"a", b"")


def _firewall_log(random: Random) -> bytes:
    """PFLOG: the header's own length, which payload follows rounded up to words of four bytes; names; rule numbers."""
    family, packet = _family(random)
    length = random.choice((61, 61, 61, 64, 48, 68, 100))
    header = bytes((length, family, random.randrange(12), random.randrange(17)))
    header += random.choice(_NAMES).ljust(16, b"\0") + random.choice(_NAMES).ljust(16, b"\0")
    header += random.choice((0, 5, 7)).to_bytes(4) + random.choice((0, 1, 5)).to_bytes(4)
    header += random.randbytes(16) + bytes((random.randrange(4),))
    return header[:length].ljust((length + 3) & ~3, b"\0") + packet


def _ipnet(random: Random) -> bytes:
    """Solaris: version, address family by Solaris' numbers, hook type; zones and interfaces."""
    family, payload = random.choice(((2, ipv4), (26, ipv6), (7, ip)))
    return bytes((1, family, 0, random.randrange(4))) + random.randbytes(20) + payload(random, 0)


HOSTS: Final[dict[str, Maker]] = {
    "RAW": lambda random: ip(random, 0),
    "IPV4": lambda random: ipv4(random, 0),
    "IPV6": lambda random: ipv6(random, 0),
    "NULL": _null,
    "LOOP": _loop,
    "ENC": _encrypted,
    "PFLOG": _firewall_log,
    "IPNET": _ipnet,
    "LINUX_SLL": _cooked,
    "LINUX_SLL2": _cooked2,
}

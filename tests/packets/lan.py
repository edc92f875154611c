"""Networks of the building: Ethernet behind other headers, 802.2 behind other addresses, and those with neither."""

from __future__ import annotations

from random import Random
from typing import Final

from .frames import STATIONS, Maker, arp, ethernet, ipv4, ipv6, llc, noise, snapped, typed


def _addresses(random: Random, between: bytes = b"") -> bytes:
    return random.choice(STATIONS) + between + random.choice(STATIONS)


def _over_llc(random: Random) -> bytes:
    """802.2, with SNAP mostly."""
    return (llc if random.random() < 0.3 else snapped)(random, 0)


def _token_ring(random: Random) -> bytes:
    return b"\x10\x40" + _addresses(random) + _over_llc(random)


def _fddi(random: Random) -> bytes:
    return random.choice((b"\x50", b"\x57", b"\x60", b"\0")) + _addresses(random) + _over_llc(random)


def _fibre_channel(random: Random) -> bytes:
    return b"\0\0" + _addresses(random, between=b"\0\0") + _over_llc(random)


# As in the low bits of SUNATM's first byte.
_LANE, _LLC, _ILMI, _SIGNALLING = 1, 2, 5, 6


def _sunatm(random: Random) -> bytes:
    """Kind of traffic, virtual path, virtual channel; of signalling, the message type is at 5 of the PDU."""
    kind = random.choice((_LANE, _LANE, _LLC, _LLC, _ILMI, _SIGNALLING))
    header = bytes((random.choice((0, 0x80)) | kind, random.choice((0, 0, 1, 7))))
    header += random.choice((1, 2, 3, 4, 5, 5, 16, 33)).to_bytes(2)
    if kind == _LANE:
        return header + random.choice((b"\0\1", b"\0\2", b"\xff\0")) + ethernet(random, 0)
    if kind == _LLC:
        return header + _over_llc(random)
    return header + random.randbytes(5) + bytes((random.choice((2, 5, 7, 15, 0x4D, 0x5A, 9)),)) + random.randbytes(12)


_ARCNET: Final = ((212, ipv4), (212, ipv4), (213, arp), (214, arp), (221, noise), (196, ipv6), (240, ipv4), (7, noise))


def _arcnet(random: Random, *, before: int, after: int) -> bytes:
    """RFC 1201, with so many bytes before and after the system code."""
    stations = bytes((random.choice((0, 1, 0x21)), random.choice((0, 1, 0x21))))
    code, payload = random.choice(_ARCNET)
    return stations + bytes(before) + bytes((code,)) + bytes(after) + payload(random, 0)


def _localtalk(random: Random) -> bytes:
    return bytes((random.choice((1, 255)), 2, random.choice((1, 2, 0x81)))) + noise(random, 0)


def _bacnet(random: Random) -> bytes:
    """Preamble, frame type, destination, source, length, a check byte."""
    nodes = bytes((random.choice((0x21, 0xFF, 3)), random.choice((0x21, 3))))
    return b"\x55\xff" + bytes((random.randrange(8),)) + nodes + b"\0\0" + random.randbytes(1) + noise(random, 0)


def _netanalyzer(random: Random) -> bytes:
    return random.randbytes(4) + ethernet(random, 0) + bytes(4)


def _netanalyzer_transparent(random: Random) -> bytes:
    return random.randbytes(4) + b"\x55" * 7 + b"\xd5" + ethernet(random, 0) + bytes(4)


def _switched(random: Random) -> bytes:
    """A switch's tag of four bytes between the addresses and the type."""
    tag = bytes((random.choice((0, 0x20, 0x40, 0x60, 0x80, 0xC0, 0xE0)) | random.randrange(32),)) + random.randbytes(3)
    return _addresses(random) + tag + typed(random, 0)


def _firewire(random: Random) -> bytes:
    return random.randbytes(16) + typed(random, 0)


def _symantec(random: Random) -> bytes:
    octets = typed(random, 0)
    return random.randbytes(6) + octets[:2] + random.randbytes(36) + octets[2:]


LANS: Final[dict[str, Maker]] = {
    "EN10MB": lambda random: ethernet(random, 0),
    "NETANALYZER": _netanalyzer,
    "NETANALYZER_TRANSPARENT": _netanalyzer_transparent,
    "DSA_TAG_BRCM": _switched,
    "DSA_TAG_DSA": _switched,
    "IEEE802": _token_ring,
    "FDDI": _fddi,
    "IP_OVER_FC": _fibre_channel,
    "ATM_RFC1483": _over_llc,
    "ATM_CLIP": _over_llc,
    "SUNATM": _sunatm,
    "ARCNET": lambda random: _arcnet(random, before=0, after=3),
    "ARCNET_LINUX": lambda random: _arcnet(random, before=2, after=3),
    "LTALK": _localtalk,
    "BACNET_MS_TP": _bacnet,
    "APPLE_IP_OVER_IEEE1394": _firewire,
    "SYMANTEC_FIREWALL": _symantec,
}

"""Frames of every link type around one packet: what a filter says about the packet must not depend on the frame.

By link type: a function that puts around a payload, IPv4, IPv6 or, where the link type can carry it, what belongs to
another EtherType, the frame of that link type. Header lengths that vary are drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

IP, IP6, ARP, APPLETALK = 0x0800, 0x86DD, 0x0806, 0x809B

Framing = Callable[[Random, int, bytes], bytes]
"""From a source of random numbers, an EtherType and the payload it belongs to, to a frame."""


def _typed(before: int, behind: int = 0) -> Framing:
    """An EtherType with that many bytes before it and between it and the payload."""
    return lambda random, kind, payload: (
        random.randbytes(before) + kind.to_bytes(2) + random.randbytes(behind) + payload
    )


def _snap(before: int) -> Framing:
    """802.2 and SNAP behind a header of that many bytes."""
    return lambda random, kind, payload: random.randbytes(before) + _in_snap(kind) + payload


def _in_snap(kind: int) -> bytes:
    organization = b"\x08\0\7" if kind == APPLETALK else bytes(3)
    return b"\xaa\xaa\x03" + organization + kind.to_bytes(2)


def _numbered(before: int, numbers: dict[int, bytes], behind: int = 0) -> Framing:
    """A number of the link type's own for the protocol."""
    return lambda random, kind, payload: random.randbytes(before) + numbers[kind] + random.randbytes(behind) + payload


def _plain(header: bytes) -> Framing:
    """No protocol is named."""
    return lambda random, _, payload: header + payload


def _pflog(random: Random, kind: int, payload: bytes) -> bytes:
    length = random.choice((45, 48, 61, 64, 69, 72))
    family = 2 if kind == IP else random.choice((24, 28, 30))
    return bytes((length, family)) + random.randbytes((length + 3 & ~3) - 2) + payload


def _null(random: Random, kind: int, behind: int = 0) -> bytes:
    family = 2 if kind == IP else random.choice((24, 28, 30))
    return family.to_bytes(4, random.choice(("big", "little"))) + random.randbytes(behind)


def _mac_frame(random: Random, kind: int, payload: bytes, radio: int = 0, padded: bool = False) -> bytes:
    """802.11 data, with QoS or without, behind ``radio`` bytes; then perhaps padding, SNAP and the payload."""
    qos = random.choice((False, True))
    header = bytes((0x88 if qos else 0x08, random.choice((0, 1, 2, 0x41)))) + random.randbytes(24 if qos else 22)
    padding = bytes(-(radio + len(header)) % 4 if padded else 0)
    return header + padding + _in_snap(kind) + payload


def _radiotap(random: Random, kind: int, payload: bytes) -> bytes:
    length = random.randrange(17, 60)
    timestamp, flags, padded = (random.choice((False, True)) for _ in range(3))
    present = (0x01 if timestamp else 0) | (0x02 if flags else 0) | 0x0C
    header = bytearray(b"\0\0" + length.to_bytes(2, "little") + present.to_bytes(4, "little"))
    header += random.randbytes(length - 8)
    where = 16 if timestamp else 8
    header[where] = header[where] & ~0x20 | (0x20 if padded else 0)
    return bytes(header) + _mac_frame(random, kind, payload, length, flags and padded)


def _avs(random: Random, kind: int, payload: bytes) -> bytes:
    length = random.randrange(8, 100)
    header = b"\x80\x21\x10\x02" + length.to_bytes(4) + random.randbytes(length - 8)
    return header + _mac_frame(random, kind, payload)


def _prism(random: Random, kind: int, payload: bytes) -> bytes:
    if random.random() < 0.3:
        return _avs(random, kind, payload)
    return b"\0\0\0\x44" + random.randbytes(140) + _mac_frame(random, kind, payload)


def _ppi(random: Random, kind: int, payload: bytes) -> bytes:
    length = random.randrange(8, 100)
    header = b"\0\0" + length.to_bytes(2, "little") + (105).to_bytes(4, "little") + random.randbytes(length - 8)
    return header + _mac_frame(random, kind, payload)


def _atm(traffic: int) -> bytes:
    return bytes((0x80 | traffic, 0, 0, 99))


_PPP: Final = {IP: b"\0\x21", IP6: b"\0\x57"}
_ARCNET: Final = {IP: b"\xd4", IP6: b"\xc4", ARP: b"\xd5"}

# Link types that can carry any EtherType.
ANY: Final[dict[str, Framing]] = {
    "EN10MB": _typed(12),
    "NETANALYZER": _typed(16),
    "NETANALYZER_TRANSPARENT": _typed(24),
    "DSA_TAG_BRCM": _typed(16),
    "DSA_TAG_DSA": _typed(16),
    "IEEE802": _snap(14),
    "FDDI": _snap(13),
    "IP_OVER_FC": _snap(16),
    "ATM_RFC1483": _snap(0),
    "ATM_CLIP": _snap(0),
    "SUNATM": lambda random, kind, payload: _atm(2) + _in_snap(kind) + payload,
    "APPLE_IP_OVER_IEEE1394": _typed(16),
    "SYMANTEC_FIREWALL": _typed(6, 36),
    "C_HDLC": _typed(2),
    "HDLC": _typed(2),
    "LINUX_SLL": _typed(14),
    "LINUX_SLL2": _typed(0, 18),
    "IEEE802_11": _mac_frame,
    "IEEE802_11_RADIO": _radiotap,
    "IEEE802_11_RADIO_AVS": _avs,
    "PRISM_HEADER": _prism,
    "PPI": _ppi,
}

# Link types that can carry IPv4 and IPv6.
IP_ONLY: Final[dict[str, Framing]] = {
    "RAW": _plain(b""),
    "SLIP": _plain(bytes(16)),
    "SLIP_BSDOS": _plain(bytes(24)),
    "PPP": _numbered(2, _PPP),
    "PPP_SERIAL": _numbered(2, _PPP),
    "PPP_PPPD": _numbered(2, _PPP),
    "PPP_ETHER": _numbered(6, _PPP),
    "PPP_BSDOS": lambda random, kind, payload: bytes(5) + _PPP[kind] + bytes(17) + payload,
    "FRELAY": _numbered(2, {IP: b"\x03\xcc", IP6: b"\x03\x8e"}),
    "ARCNET": _numbered(2, _ARCNET, 3),
    "ARCNET_LINUX": _numbered(4, _ARCNET, 3),
    "IPNET": _numbered(1, {IP: b"\2", IP6: b"\x1a"}, 22),
    "NULL": lambda random, kind, payload: _null(random, kind) + payload,
    "ENC": lambda random, kind, payload: _null(random, kind, 8) + payload,
    "LOOP": lambda random, kind, payload: (2 if kind == IP else random.choice((24, 28, 30))).to_bytes(4) + payload,
    "PFLOG": _pflog,
}

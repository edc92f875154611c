"""Lines: PPP, HDLC, frame relay, SLIP, signalling system 7, and what Juniper's routers make of all of them."""

from __future__ import annotations

from random import Random
from typing import Final

from .frames import Maker, ethernet, ip, ipv4, ipv6, labelled, noise, osi, typed

_PPP: Final = (
    *[(0x21, ipv4)] * 4,
    *[(0x57, ipv6)] * 3,
    (0x281, labelled),
    (0x23, osi),
    (0x2D, ipv4),
    (0x2F, ipv4),
    (0x31, noise),
    (0x2B, noise),
    (0x29, noise),
    (0x27, noise),
    (0x0806, noise),
    (0xC021, noise),
)


def _ppp(random: Random, before: int, after: int = 0) -> bytes:
    """With so many bytes before and after the protocol field; the first may be a direction."""
    protocol, payload = random.choice(_PPP)
    header = (bytes((random.choice((0, 1, 0xFF)),)) + random.randbytes(before))[:before]
    return header + protocol.to_bytes(2) + bytes(after) + payload(random, 0)


def _hdlc(random: Random) -> bytes:
    """Cisco's: EtherTypes, and OSI with one byte of padding."""
    start = random.choice((b"\x0f\0", b"\x8f\0"))
    if random.random() < 0.2:
        return start + b"\xfe\xfe\0" + osi(random, 0)
    return start + typed(random, 0)


def _frame_relay(random: Random) -> bytes:
    """A Q.922 address of two bytes, unnumbered information, then by network layer protocol identifier."""
    payload = random.choice((b"\xcc", b"\xcc", b"\x8e", b"\x80", b""))
    following = {b"\xcc": ipv4, b"\x8e": ipv6, b"\x80": noise, b"": osi}[payload](random, 0)
    return b"\x18\x41\3" + payload + following


def _slip(random: Random, header: int) -> bytes:
    return bytes((random.choice((0, 1, 2, 0x45)),)) + random.randbytes(header - 1) + ip(random, 0)


_POINTS: Final = (0, 5, 0x100, 0x1234, 0x3FFF)  # signalling point codes


def _signal_unit(random: Random) -> bytes:
    """ITU-T Q.703, by its length indicator, in the usual format or, with four bytes more of header, at high speed."""
    label = random.choice(_POINTS) | random.choice(_POINTS) << 14 | random.randrange(16) << 28
    information = bytes((random.choice((3, 5, 0x83, 0xFF)),)) + label.to_bytes(4, "little") + random.randbytes(12)
    length = random.choice((0, 1, 2, 3, 17, 63))
    if random.random() < 0.6:
        return random.randbytes(2) + bytes((random.choice((0, 0x40)) | length,)) + information
    extended = random.choice((0, 0x80, 0x100, 0x180, 0x0880)) | random.randrange(0x80)
    return random.randbytes(4) + extended.to_bytes(2) + information


def _juniper(random: Random, header: int) -> bytes:
    """The magic number, flags of which the last bit is the direction, and a header of so many bytes in all."""
    start = random.choice((b"MGC", b"MGC", b"MGC", b"MGD")) + bytes((random.choice((0, 1, 0x80, 0x81)),))
    payload = random.choice((ip, ip, ip, osi, ethernet))(random, 0)
    return start + random.randbytes(header - 4) + payload


JUNIPER_HEADERS: Final = {
    **dict.fromkeys("ATM1 PPP CHDLC FRELAY MFR MLFR MLPPP".split(), 4),
    **dict.fromkeys("ATM2 ES SERVICES VP ST ISM VS SRX_E2E FIBRECHANNEL ATM_CEMIC".split(), 8),
    **dict.fromkeys("GGSN MONITOR".split(), 12),
    **dict.fromkeys("ETHER PPPOE".split(), 32),
    "PPPOE_ATM": 6,
}


def _juniper_maker(header: int) -> Maker:
    return lambda random: _juniper(random, header)


WANS: Final[dict[str, Maker]] = {
    "PPP": lambda random: _ppp(random, 2),
    "PPP_SERIAL": lambda random: _ppp(random, 2),
    "PPP_PPPD": lambda random: _ppp(random, 2),
    "PPP_ETHER": lambda random: _ppp(random, 6),
    "PPP_BSDOS": lambda random: _ppp(random, 5, 17),
    "C_HDLC": _hdlc,
    "HDLC": _hdlc,
    "FRELAY": _frame_relay,
    "SLIP": lambda random: _slip(random, 16),
    "SLIP_BSDOS": lambda random: _slip(random, 24),
    "MTP2": _signal_unit,
    "MTP2_WITH_PHDR": lambda random: random.randbytes(4) + _signal_unit(random),
    "ERF": lambda random: random.randbytes(20) + _signal_unit(random),
    **{f"JUNIPER_{name}": _juniper_maker(header) for name, header in JUNIPER_HEADERS.items()},
}

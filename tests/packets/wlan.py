"""802.11: frames of all types, behind nothing, radiotap, AVS, Prism and PPI headers."""

from __future__ import annotations

from random import Random
from typing import Final

from .frames import STATIONS, Maker, ethernet, llc, noise, snapped

_MANAGEMENT, _CONTROL, _DATA = 0x00, 0x04, 0x08  # in the first byte of the frame control field
_TO_DS, _FROM_DS = 1, 2  # in the second
_QOS = 0x80  # in the subtype of data
_CTS, _ACK = 0xC0, 0xD0
_SUBTYPES: Final = {
    _MANAGEMENT: (0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x80, 0x80, 0x90, 0xA0, 0xB0, 0xC0),
    _CONTROL: (0x80, 0x90, 0xA0, 0xB0, _CTS, _ACK, 0xE0, 0xF0),
    _DATA: (0x00, 0x00, 0x00, _QOS, _QOS, 0x10, 0x40, 0x90, 0xC0),
}
_NO_PAYLOAD = 0x40  # in the subtype of data


def _frame(random: Random) -> bytes:
    kind = random.choice((_MANAGEMENT, _CONTROL, _DATA, _DATA, _DATA))
    subtype = random.choice(_SUBTYPES[kind])
    direction = random.choice((0, _TO_DS, _FROM_DS, _TO_DS | _FROM_DS))
    control = bytes((kind | subtype | random.choice((0, 0, 0, 1)), direction | random.choice((0, 0, 0x40, 0x08))))
    addresses = [random.choice(STATIONS) for _ in range(4)]
    if kind == _CONTROL:
        return control + b"\0\0" + b"".join(addresses[: 1 if subtype in (_CTS, _ACK) else 2]) + bytes(4)
    header = control + b"\0\0" + b"".join(addresses[:3]) + random.randbytes(2)
    if kind == _MANAGEMENT:
        return header + noise(random, 0)
    return header + _data(random, subtype, addresses[3] if direction == _TO_DS | _FROM_DS else b"")


def _data(random: Random, subtype: int, fourth: bytes) -> bytes:
    """What follows the third address of a data frame. A fourth one is there or not: filters do not count on it."""
    header = fourth if random.random() < 0.5 else b""
    header += random.randbytes(2) if subtype & _QOS else b""
    if subtype & _NO_PAYLOAD:
        return header
    return header + random.choice((snapped, snapped, snapped, llc))(random, 0)


def _padded(frame: bytes, header: int) -> bytes:
    """The frame with bytes after its 802.11 header, so that what follows begins at a multiple of four."""
    size = 26 if frame[0] & 0x8C == _DATA | _QOS else 24
    return frame[:size] + bytes(-(header + size) % 4) + frame[size:]


_TIME, _FLAGS, _MORE = 1 << 0, 1 << 1, 1 << 31  # radiotap's bits for present fields
_PADDING = 0x20  # of the flags


def _radiotap(random: Random) -> bytes:
    """Time and flags are the first fields, where they are present; and there may be more words of present bits."""
    present = random.choice((0, _FLAGS, _FLAGS, _FLAGS, _TIME, _TIME | _FLAGS, _FLAGS | _MORE, _TIME | _FLAGS | _MORE))
    present |= random.choice((0, 1 << 3, 1 << 5))
    flags = random.choice((0, _PADDING, _PADDING, 0x10))
    words = random.randrange(1, 3) if present & _MORE else 0
    fields = random.randbytes(4 * words)
    fields += random.randbytes(8) if present & _TIME else b""
    fields += bytes((flags,)) if present & _FLAGS else b""
    fields += random.randbytes(random.choice((0, 1, 3, 4, 7)))
    length = 8 + len(fields)
    frame = _frame(random)
    if present & _FLAGS and flags & _PADDING and not frame[0] & 0x04:
        frame = _padded(frame, length)
    return b"\0\0" + length.to_bytes(2, "little") + present.to_bytes(4, "little") + fields + frame


def _avs(random: Random) -> bytes:
    length = random.choice((64, 64, 40, 8))
    return (0x80211001).to_bytes(4) + length.to_bytes(4) + random.randbytes(length - 8) + _frame(random)


def _prism(random: Random) -> bytes:
    """The header that gave the type its name, or AVS, which is told by its first word."""
    if random.random() < 0.4:
        return _avs(random)
    return (0x44).to_bytes(4, "little") + (144).to_bytes(4, "little") + random.randbytes(136) + _frame(random)


def _ppi(random: Random) -> bytes:
    inner = random.choice((105, 105, 105, 105, 1))
    fields = random.randbytes(random.choice((0, 0, 4, 24)))
    header = b"\0\0" + (8 + len(fields)).to_bytes(2, "little") + inner.to_bytes(4, "little")
    return header + fields + (_frame(random) if inner == 105 else ethernet(random, 0))


WLANS: Final[dict[str, Maker]] = {
    "IEEE802_11": _frame,
    "IEEE802_11_RADIO": _radiotap,
    "IEEE802_11_RADIO_AVS": _avs,
    "PRISM_HEADER": _prism,
    "PPI": _ppi,
}

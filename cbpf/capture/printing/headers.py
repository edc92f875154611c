"""How long the link-level header of a packet is: what -x, -X and -A leave out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_VLAN_TAGS: Final = frozenset({b"\x81\x00", b"\x88\xa8", b"\x91\x00"})
_MAXIMUM_8023_LENGTH: Final = 1500
_UNNUMBERED_INFORMATION: Final = 3


def link_header_length(linktype: int, data: bytes) -> int:
    """The bytes of the link-level header of a packet, as far as it was captured; 0 for unknown link types."""
    measure = _LENGTHS.get(linktype)
    return 0 if measure is None else min(measure(data), len(data))


def _fixed(length: int) -> Callable[[bytes], int]:
    return lambda data: length


def _ethernet(data: bytes) -> int:
    """The two addresses, tags, the EtherType, and 802.2's header if there is one."""
    at = 12
    while data[at : at + 2] in _VLAN_TAGS:
        at += 4
    kind = int.from_bytes(data[at : at + 2], "big")
    at += 2
    return at + _llc(data, at) if kind <= _MAXIMUM_8023_LENGTH and len(data) > at else at


def _cooked(length: int, protocol_at: int) -> Callable[[bytes], int]:
    """Linux cooked, with 802.2's header or tags if there are any."""

    def measure(data: bytes) -> int:
        at, kind = length, data[protocol_at : protocol_at + 2]
        while kind in _VLAN_TAGS:
            at, kind = at + 4, data[at + 2 : at + 4]
        return at + _llc(data, at) if kind == b"\0\4" and len(data) > at else at

    return measure


def _llc(data: bytes, at: int) -> int:
    dsap, control = data[at], data[at + 2 : at + 3]
    if data[at : at + 2] == b"\xff\xff":  # IPX without a header
        return 0
    if dsap == 0xAA and control == bytes([_UNNUMBERED_INFORMATION]):
        return 8
    return 3 if control and control[0] & _UNNUMBERED_INFORMATION == _UNNUMBERED_INFORMATION else 4


def _ppp(data: bytes) -> int:
    """The HDLC fields, which may be missing, and the protocol's one or two bytes."""
    at = 2 if data[:2] == b"\xff\x03" else 0
    return at + (1 if data[at : at + 1] and data[at] & 1 else 2)


_LENGTHS: Final[dict[int, Callable[[bytes], int]]] = {
    0: _fixed(4),
    1: _ethernet,
    9: _ppp,
    104: _fixed(4),
    108: _fixed(4),
    113: _cooked(16, 14),
    276: _cooked(20, 0),
}

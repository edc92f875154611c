"""The options of a pcapng interface description that matter here: name, timestamp resolution and offset, FCS length.

Source: draft-ietf-opsawg-pcapng, sections 3.5 (options) and 4.2 (interface description block).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from cbpf.capture.packet import MICROSECONDS
from cbpf.capture.window import Window

END_OF_OPTIONS: Final = 0
IF_NAME: Final = 2
IF_TSRESOL: Final = 9
IF_FCSLEN: Final = 13
IF_TSOFFSET: Final = 14

_HEADERS: Final = {order: Struct(order + "HH") for order in "<>"}  # code, length
_OFFSETS: Final = {order: Struct(order + "q") for order in "<>"}
_BINARY_RESOLUTION: Final = 0x80
# Larger exponents do not fit the 64 bits a timestamp has.
_MAXIMUM_BINARY_EXPONENT: Final = 63
_MAXIMUM_DECIMAL_EXPONENT: Final = 19
_LENGTHS: Final = {END_OF_OPTIONS: 0, IF_TSRESOL: 1, IF_TSOFFSET: 8}


class InterfaceOptions(NamedTuple):
    """``resolution`` in units per second, ``offset`` in seconds, ``fcslen`` in bytes."""

    name: str | None
    resolution: int
    offset: int
    fcslen: int | None


def interface_options(text: bytes, order: str, window: Window) -> InterfaceOptions:
    """Parse the options of an interface description. ``window`` stands at its block, for errors.

    Raises SavefileError for an option that runs out of the block, or a timestamp option that is wrong or repeated.
    """
    values: dict[int, bytes] = {}
    for code, value in _options(text, order, window):
        if len(value) != _LENGTHS.get(code, len(value)):
            raise window.damage(f"interface option {code} has {len(value)} bytes, not {_LENGTHS[code]}")
        if code in values and code in _LENGTHS:
            raise window.damage(f"interface option {code} is there twice")
        values.setdefault(code, value)
    name, fcslen = values.get(IF_NAME), values.get(IF_FCSLEN)
    return InterfaceOptions(
        name=None if name is None else name.decode("utf-8", "replace").rstrip("\0"),
        resolution=_resolution(values[IF_TSRESOL][0], window) if IF_TSRESOL in values else MICROSECONDS,
        offset=_OFFSETS[order].unpack(values[IF_TSOFFSET])[0] if IF_TSOFFSET in values else 0,
        # In bits, says the draft; files with 4 or less mean bytes.
        fcslen=(fcslen[0] // 8 if fcslen[0] > 4 else fcslen[0]) if fcslen else None,
    )


def _options(text: bytes, order: str, window: Window) -> Iterator[tuple[int, bytes]]:
    """The (code, value) pairs, the end-of-options mark included; values are padded to four bytes in the file."""
    header = _HEADERS[order]
    at = 0
    while at < len(text):
        # Blocks and padded values are multiples of four bytes, so there is a whole header left.
        code, length = header.unpack_from(text, at)
        at += header.size
        stop = at + (length + 3 & ~3)
        if stop > len(text):
            raise window.damage(f"interface option {code} claims {length} bytes; {len(text) - at} are there")
        yield code, text[at : at + length]
        if code == END_OF_OPTIONS:
            return
        at = stop


def _resolution(exponent: int, window: Window) -> int:
    if exponent & _BINARY_RESOLUTION:
        exponent &= ~_BINARY_RESOLUTION
        if exponent <= _MAXIMUM_BINARY_EXPONENT:
            return int(2**exponent)
        raise window.damage(f"a timestamp resolution of 2**-{exponent} s is too fine")
    if exponent <= _MAXIMUM_DECIMAL_EXPONENT:
        return int(10**exponent)
    raise window.damage(f"a timestamp resolution of 10**-{exponent} s is too fine")

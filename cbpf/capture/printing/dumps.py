"""The bytes of a packet as lines of hexadecimal, of hexadecimal and ASCII, or as ASCII text, as tcpdump prints them.

0x0000:  4500 0034 0001 0000 4006 8e35 c000 020a  E..4....@..5....
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cbpf.capture.printing.style import Style

_ROW: Final = 16  # bytes
_GROUP: Final = 2
_HEXADECIMAL_WIDTH: Final = _ROW // _GROUP * (2 * _GROUP + 1) - 1
_GRAPHIC: Final = bytes(byte if 0x21 <= byte <= 0x7E else 0x2E for byte in range(256))
_TEXT: Final = bytes(byte if 0x20 <= byte <= 0x7E or byte in b"\t\n" else 0x2E for byte in range(256))


def hexadecimal(data: bytes) -> str:
    """Rows of 16 bytes in hexadecimal, each with its offset. No bytes are no rows."""
    return "".join(f"\t0x{at:04x}:  {data[at : at + _ROW].hex(' ', -_GROUP)}\n" for at in range(0, len(data), _ROW))


def hexadecimal_ascii(data: bytes) -> str:
    """The same, and the ASCII characters beside it; dots for what is not to be seen."""
    text = data.translate(_GRAPHIC).decode()
    return "".join(
        f"\t0x{at:04x}:  {data[at : at + _ROW].hex(' ', -_GROUP):<{_HEXADECIMAL_WIDTH}}  {text[at : at + _ROW]}\n"
        for at in range(0, len(data), _ROW)
    )


def ascii_text(data: bytes) -> str:
    """The bytes as text: lines end where they say so, and dots stand for what is no text."""
    data = data.replace(b"\r\n", b"\n")
    if not data.endswith(b"\n"):  # a CR here may be of a line's end that was cut, and shows nothing
        data = data[:-2] + data[-2:].replace(b"\r", b"")
    return data.translate(_TEXT).decode() + "\n"


def dump_of(style: Style) -> tuple[Callable[[bytes], str], bool] | None:
    """The form that a style wants, and whether it is to have the link-level header, too; None for no dump."""
    for times, form in (
        (style.hexadecimal_ascii, hexadecimal_ascii),
        (style.hexadecimal, hexadecimal),
        (style.ascii, ascii_text),
    ):
        if times:
            return form, times > 1
    return None

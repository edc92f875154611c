"""Numbers, sizes, shares and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SECOND: Final = 1_000_000_000
_LAST_YEAR: Final = 253402300799  # the last second of 9999, behind which datetime knows no dates
_LEAST_SHARE: Final = 0.0005
_SHORT: Final = (("µs", 1000, 999_500), ("ms", 1_000_000, 999_500_000), ("s", _SECOND, 60 * _SECOND))
"""Units of short times, in nanoseconds, and where they end: before three digits would round to a thousand."""


def number(count: int) -> str:
    """1,234"""
    return f"{count:,}"


def size(count: int) -> str:
    """Bytes: 812 B, 1.2 MiB"""
    value, unit = float(count), 0
    while value >= 1023.5 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return (
        f"{count} B" if unit == 0 else f"{value:.1f} {_SIZES[unit]}" if value < 99.95 else f"{value:.0f} {_SIZES[unit]}"
    )


def percent(part: float) -> str:
    """A share from 0 to 1: 12.3%; what is not nothing does not look like it."""
    if 0 < part < _LEAST_SHARE:
        return "<0.1%"
    if 1 - _LEAST_SHARE < part < 1:
        return ">99.9%"
    return f"{100 * part:.1f}%"


def moment(nanoseconds: int | None, *, digits: int = 0) -> str:
    """A time as 2026-11-26 10:15:00 (UTC), with some digits of the second's fraction; a dash for none."""
    if nanoseconds is None:
        return "-"
    seconds, rest = divmod(nanoseconds, _SECOND)
    if not 0 <= seconds <= _LAST_YEAR:
        return f"{seconds} s"
    fraction = f".{rest:09}"[: digits + 1] if digits else ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") + fraction


def iso(nanoseconds: int | None) -> str:
    """A time as 2026-11-26T10:15:00.123456789Z, for programs; nothing for none."""
    if nanoseconds is None:
        return ""
    text = moment(nanoseconds, digits=9)
    return text if text.endswith(" s") else text.replace(" ", "T") + "Z"


def duration(nanoseconds: int) -> str:
    """12.3 ms, 4.56 s, 3:07 min, 5:03:07 h, 12 d 5:03 h"""
    if nanoseconds < 0:
        return "-" + duration(-nanoseconds)
    for unit, each, end in _SHORT:
        if nanoseconds < end:
            return f"{nanoseconds / each:.3g} {unit}"
    seconds = nanoseconds // _SECOND
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
    if days:
        return f"{days:,} d {hours}:{minutes:02} h"
    if hours:
        return f"{hours}:{minutes:02}:{seconds % 60:02} h"
    return f"{minutes}:{seconds % 60:02} min"


def shown(name: str) -> str:
    """A name in one line, with escapes for what does not show or does things to a terminal."""
    return name if name.isprintable() else "".join(map(_escaped, name))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # how Python writes a byte of a name that is no text
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()

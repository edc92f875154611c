"""Local time: of day as lines have it, and how far it is from UTC."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final

BILLION: Final = 10**9
DAY: Final = 86400
# Offsets from UTC change on quarters of an hour, so one look-up serves all packets of a quarter.
_QUARTER: Final = 900


def time_of_day(timestamp: int, digits: int) -> str:
    """Local time of day of ``timestamp`` (nanoseconds since the epoch), with 6 or 9 digits of a second."""
    seconds, fraction = divmod(timestamp, BILLION)
    if digits == 6:
        fraction //= 1000
    return f"{clock_time(seconds)}.{fraction:0{digits}}"


def clock_time(seconds: int) -> str:
    """Local time of day, in whole seconds, of ``seconds`` since the epoch."""
    minutes, second = divmod((seconds + utc_offset(seconds)) % DAY, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"


def utc_offset(seconds: int) -> int:
    """Seconds to add to UTC for local time; 0 for times the system has no calendar for."""
    return _utc_offset(seconds // _QUARTER)


@lru_cache(maxsize=64)
def _utc_offset(quarter: int) -> int:
    try:
        return time.localtime(quarter * _QUARTER).tm_gmtoff
    except (OverflowError, OSError, ValueError):
        return 0

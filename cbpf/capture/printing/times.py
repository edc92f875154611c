"""Times at the beginning of lines, in all the ways of tcpdump's -t."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from cbpf.capture.printing.style import Time
from cbpf.capture.summary.clock import BILLION, DAY, clock_time, utc_offset

Clock = Callable[[int, int], str]
"""The text for a timestamp in nanoseconds since the epoch, with so many digits of a second and a blank behind it."""


def clock(kind: Time) -> Clock:
    """A clock, which remembers what it must of the timestamps it has shown."""
    return _CLOCKS[kind]()


def fraction(nanoseconds: int, digits: int) -> str:
    """Less than a second, with 6 or 9 digits."""
    return f"{nanoseconds // 1000:06}" if digits == 6 else f"{nanoseconds:09}"


def _of_day() -> Clock:
    start, text = 0, clock_time(0)  # of the second that was shown last

    def show(timestamp: int, digits: int) -> str:
        nonlocal start, text
        rest = timestamp - start
        if not 0 <= rest < BILLION:
            seconds, rest = divmod(timestamp, BILLION)
            start, text = timestamp - rest, clock_time(seconds)
        return f"{text}.{rest // 1000:06} " if digits == 6 else f"{text}.{rest:09} "

    return show


def _none() -> Clock:
    return lambda timestamp, digits: ""


def _epoch() -> Clock:
    def show(timestamp: int, digits: int) -> str:
        seconds, rest = divmod(timestamp, BILLION)
        return f"{seconds}.{fraction(rest, digits)} "

    return show


def _date() -> Clock:
    def show(timestamp: int, digits: int) -> str:
        seconds, rest = divmod(timestamp, BILLION)
        local = seconds + utc_offset(seconds)
        return f"{date(local // DAY)} {clock_time(seconds)}.{fraction(rest, digits)} "

    return show


@lru_cache(maxsize=64)
def date(day: int) -> str:
    """The date of a day, counted from 1970-01-01; its number for days that the system has no calendar for."""
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(day * DAY))
    except (OverflowError, OSError, ValueError):
        return f"day {day}"


def _since_previous() -> Clock:
    previous: int | None = None

    def show(timestamp: int, digits: int) -> str:
        nonlocal previous
        timestamp = _rounded(timestamp, digits)
        since, previous = timestamp - (timestamp if previous is None else previous), timestamp
        return _duration(since, digits)

    return show


def _since_first() -> Clock:
    first: int | None = None

    def show(timestamp: int, digits: int) -> str:
        nonlocal first
        timestamp = _rounded(timestamp, digits)
        first = timestamp if first is None else first
        return _duration(timestamp - first, digits)

    return show


def _rounded(timestamp: int, digits: int) -> int:
    """A time as it is shown: differences are those of the times that other options show."""
    return timestamp - timestamp % 1000 if digits == 6 else timestamp


def _duration(nanoseconds: int, digits: int) -> str:
    """Hours, minutes, seconds; with a sign, which is a blank if it is not negative."""
    seconds, rest = divmod(abs(nanoseconds), BILLION)
    minutes, second = divmod(seconds, 60)
    sign = "-" if nanoseconds < 0 else " "
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{second:02}.{fraction(rest, digits)} "


_CLOCKS: Final[dict[Time, Callable[[], Clock]]] = {
    Time.OF_DAY: _of_day,
    Time.NONE: _none,
    Time.EPOCH: _epoch,
    Time.SINCE_PREVIOUS: _since_previous,
    Time.DATE: _date,
    Time.SINCE_FIRST: _since_first,
}

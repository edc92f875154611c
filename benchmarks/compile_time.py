"""How long compiling takes: the time of every row, the best of several, in a process that has imported everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import NamedTuple

from benchmarks.corpus import Pair, Row, compile_ours, netmask_number
from benchmarks.tables import shortened, table
from tests import libpcap


class Times(NamedTuple):
    """Seconds for a row: of cbpf the first time and the best, of libpcap the best."""

    row: Row
    first: float
    ours: float
    theirs: float


def measure(pairs: Iterable[Pair], repeat: int) -> list[Times]:
    return [_times(pair.row, repeat) for pair in pairs]


def lines(times: list[Times], most: int) -> list[str]:
    if not times:
        return ["  nothing to measure"]
    columns = (
        ("cbpf, best", [time.ours for time in times]),
        ("cbpf, first", [time.first for time in times]),
        ("libpcap, best", [time.theirs for time in times]),
    )
    slowest = sorted(times, key=lambda time: -time.ours)[:most]
    return [
        *table("milliseconds median 95th_percentile longest", (_summary(name, column) for name, column in columns)),
        "",
        f"the {len(slowest)} slowest rows, in milliseconds",
        *table(
            "cbpf libpcap link_type expression",
            [
                (time.ours * 1e3, time.theirs * 1e3, time.row.linktype, shortened(time.row.expression))
                for time in slowest
            ],
        ),
    ]


def _times(row: Row, repeat: int) -> Times:
    first, *others = [_seconds(lambda: compile_ours(row)) for _ in range(repeat)]
    theirs = libpcap.seconds_to_compile(row.expression, row.linktype, netmask=netmask_number(row), repeat=repeat)
    return Times(row, first, min([first, *others]), theirs)


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _summary(name: str, seconds: list[float]) -> tuple[str, *tuple[float, ...]]:
    return name, *(_percentile(seconds, percent) * 1e3 for percent in (50, 95, 100))


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[(len(values) - 1) * percent // 100]

"""How many instructions the programs execute on the packets of captures, and whether their verdicts agree."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

from benchmarks.captures import CapturedPacket, Packets, thinned
from benchmarks.comparison import Entry
from benchmarks.comparison import lines as comparison_lines
from benchmarks.corpus import Pair, Row
from benchmarks.execution import Execution, execute
from benchmarks.tables import Cell, shortened, table
from cbpf import Program


class Disagreement(NamedTuple):
    """Packets of one row that the two programs judge differently.

    ``complete`` is the number of those on which no load failed in either program; ``example`` is one of them if any is.
    """

    row: Row
    difference: str
    packets: int
    complete: int
    example: CapturedPacket
    verdicts: tuple[int, int]


class Used(NamedTuple):
    """How many rows a link type has, and packets: those there are, and those of them that the programs ran over."""

    linktype: str
    rows: int
    packets: int
    used: int


class Report(NamedTuple):
    """The instructions executed for every row, the disagreements, and the packets that every link type has."""

    entries: list[Entry]
    disagreements: list[Disagreement]
    packets: list[Used]


def measure(pairs: list[Pair], packets: Packets, most: int) -> Report:
    """Every program over the packets of its link type, ``most`` of them at most."""
    counted = Counter(pair.row.linktype for pair in pairs)
    used = {linktype: thinned(packets[linktype], most) for linktype in counted if packets.get(linktype)}

    @cache
    def executed(program: Program, linktype: str) -> list[Execution]:
        return [execute(program, packet.data, packet.wirelen) for packet in used[linktype]]

    runs = [
        (pair, executed(pair.ours, pair.row.linktype), executed(pair.theirs, pair.row.linktype))
        for pair in pairs
        if pair.row.linktype in used
    ]
    found = (_disagreement(pair, used[pair.row.linktype], ours, theirs) for pair, ours, theirs in runs)
    return Report(
        [Entry(pair.row, pair.difference, _total(ours), _total(theirs), len(ours)) for pair, ours, theirs in runs],
        [disagreement for disagreement in found if disagreement],
        [
            Used(linktype, rows, len(packets.get(linktype, [])), len(used.get(linktype, [])))
            for linktype, rows in counted.most_common()
        ],
    )


def lines(report: Report, most: int) -> list[str]:
    """The amounts for each packet, then what the verdicts differ on: first where nothing explains it."""
    found = sorted(report.disagreements, key=lambda row: (bool(row.difference), not row.complete, -row.packets))
    return [
        *table("link_type rows packets used", report.packets),
        "",
        *comparison_lines(report.entries, most),
        "",
        f"{len(found)} rows with different verdicts; unexplained, because the meaning is the same and no load fails: "
        f"{sum(map(_unexplained, found))}",
        *table("packets complete link_type expression packet verdicts why", map(_line, found[:most])),
    ]


def _total(executions: list[Execution]) -> int:
    return sum(execution.instructions for execution in executions)


def _disagreement(
    pair: Pair, packets: list[CapturedPacket], ours: list[Execution], theirs: list[Execution]
) -> Disagreement | None:
    differing = [
        (our.failed or their.failed, packet, (our.verdict, their.verdict))
        for packet, our, their in zip(packets, ours, theirs, strict=True)
        if our.verdict != their.verdict
    ]
    if not differing:
        return None
    _, packet, verdicts = min(differing, key=lambda item: item[0])
    complete = sum(not failed for failed, _, _ in differing)
    return Disagreement(pair.row, pair.difference, len(differing), complete, packet, verdicts)


def _unexplained(row: Disagreement) -> bool:
    return bool(row.complete and not row.difference)


def _line(row: Disagreement) -> list[Cell]:
    why = row.difference or ("" if row.complete else "a load fails")
    where = f"{row.example.file}:{row.example.number}"
    verdicts = f"{row.verdicts[0]} {row.verdicts[1]}"
    return [row.packets, row.complete, row.row.linktype, shortened(row.row.expression), where, verdicts, why]

"""Two amounts for every row, of cbpf and of libpcap: totals for each link type, and the rows where cbpf has more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from benchmarks.corpus import Row
from benchmarks.tables import Cell, ratio, shortened, table


class Entry(NamedTuple):
    """The amounts of a row: each a sum over ``over`` things, one program or many packets."""

    row: Row
    difference: str
    ours: int
    theirs: int
    over: int

    def each(self, amount: int) -> float:
        """The part of a sum that falls to each of the things."""
        return amount if self.over == 1 else amount / self.over

    @property
    def excess(self) -> float:
        """How much more cbpf has for each of the things."""
        return self.each(self.ours - self.theirs)


class Total(NamedTuple):
    """The sums over some rows; ``more`` is the number of those where cbpf has more, ``worst`` how much at most."""

    name: str
    rows: int
    ours: int
    theirs: int
    ratio: float | str
    more: int
    worst: float


def totals(entries: list[Entry]) -> list[Total]:
    """Of all, of those with one meaning and those with two; then of each link type with one meaning."""
    same = [entry for entry in entries if not entry.difference]
    other = [entry for entry in entries if entry.difference]
    linktypes = sorted({entry.row.linktype for entry in same}, key=lambda name: -_count(same, _of(name)))
    return [
        _total("all rows", entries),
        _total("of these, same meaning", same),
        _total("of these, other meaning", other),
        *(_total(f"  {name}", filter(_of(name), same)) for name in linktypes),
    ]


def worst(entries: Iterable[Entry]) -> list[Entry]:
    """Those where cbpf has more, the worst first; the ways to say the same are said once, by the first of them."""
    more = sorted((entry for entry in entries if entry.excess > 0), key=lambda entry: -entry.excess)
    by_expression = {(entry.row.linktype, entry.row.expression): entry for entry in reversed(more)}
    by_group = {
        (entry.row.linktype, entry.row.group, entry.ours, entry.theirs): entry for entry in by_expression.values()
    }
    return list(reversed(by_group.values()))


def lines(entries: list[Entry], most: int) -> list[str]:
    """The totals, and the ``most`` worst rows of those whose programs mean the same."""
    found = worst(entry for entry in entries if not entry.difference)
    summary = table("rows number cbpf libpcap ratio cbpf_more worst", totals(entries))
    if not found:
        return summary
    return [
        *summary,
        "",
        f"{min(most, len(found))} of {len(found)} rows of the same meaning where cbpf has more",
        *table("cbpf libpcap more link_type expression", map(_line, found[:most])),
    ]


def _line(entry: Entry) -> list[Cell]:
    amounts = (entry.each(amount) for amount in (entry.ours, entry.theirs, entry.ours - entry.theirs))
    return [*amounts, entry.row.linktype, shortened(entry.row.expression)]


def _of(linktype: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.row.linktype == linktype


def _count(entries: Iterable[Entry], wanted: Callable[[Entry], bool]) -> int:
    return sum(map(wanted, entries))


def _total(name: str, entries: Iterable[Entry]) -> Total:
    chosen = list(entries)
    ours, theirs = sum(entry.ours for entry in chosen), sum(entry.theirs for entry in chosen)
    more = [entry.excess for entry in chosen if entry.excess > 0]
    return Total(name, len(chosen), ours, theirs, ratio(ours, theirs), len(more), max(more, default=0))

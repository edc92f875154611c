"""Putting findings together: ``merged`` is associative and commutative, and ``Summary()`` is its neutral element.

So files may be looked at anywhere and in any order, and what was found be put together in any tree. Nothing is left
out on the way; ``shortened`` leaves out what has fewest bytes, and is for the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from cbpf.capture.surveyor import fitting
from cbpf.counts import Count
from cbpf.triage.result import Conversation, Summary, Timeline, Traffic

SLOTS: Final = 512
"""The most intervals from the first packet of a timeline to the last one."""

FILTER_SLOTS: Final = 64
"""The same for the timeline of a filter, whose intervals are as much wider."""

Key = TypeVar("Key")
Counted = TypeVar("Counted", Count, Traffic)


def merged(summaries: Iterable[Summary]) -> Summary:
    """What several files hold together.

    A conversation that was begun from one end here and from the other there is turned to where it was begun first.
    """
    merging = _Merging()
    for summary in summaries:
        merging.add(summary)
    return merging.result()


def shortened(summary: Summary, most: int) -> Summary:
    """Without the talkers, conversations and ports that have fewest bytes; so many of each are kept, and the others
    counted in ``more``."""
    more = dict(summary.more)
    for name in ("talkers", "conversations", "ports"):
        left_out = len(getattr(summary, name)) - most
        if left_out > 0:
            more[name] = more.get(name, 0) + left_out
    return summary._replace(
        talkers=largest(summary.talkers, most),
        conversations=largest(summary.conversations, most),
        ports=largest(summary.ports, most),
        more=more,
    )


def largest(table: Mapping[Key, Counted], most: int) -> dict[Key, Counted]:
    """So many rows at the most, those with most bytes, in that order."""
    rows = sorted(table.items(), key=lambda row: (-_size(row[1]), str(row[0])))
    return dict(rows[:most])


def together(one: Count, other: Count) -> Count:
    """Two counts in one."""
    first, last = _span(one, other)
    return Count(one.packets + other.packets, one.bytes + other.bytes, first, last)


def both(one: Traffic, other: Traffic) -> Traffic:
    """Two amounts of traffic between the same ends, in the same direction."""
    first, last = _span(one, other)
    packets, size = one.packets + other.packets, one.bytes + other.bytes
    back = one.packets_back + other.packets_back, one.bytes_back + other.bytes_back
    return Traffic(packets, size, *back, first, last)


def turned(traffic: Traffic) -> Traffic:
    """The traffic as it looks from the other end."""
    packets, size, packets_back, size_back, first, last = traffic
    return Traffic(packets_back, size_back, packets, size, first, last)


def widened(timeline: Timeline, shift: int) -> Timeline:
    """A timeline in intervals of 2**``shift`` nanoseconds, if its own are not wider."""
    if shift <= timeline.shift:
        return timeline
    wide: dict[int, tuple[int, int]] = {}
    for number, (packets, size) in timeline.intervals.items():
        had = wide.get(number >> shift - timeline.shift, (0, 0))
        wide[number >> shift - timeline.shift] = had[0] + packets, had[1] + size
    return Timeline(shift, wide)


class _Merging:
    """Sums that grow."""

    def __init__(self) -> None:
        self._packets = Count()
        self._filters: dict[str, Count] = {}
        self._talkers: dict[str, Traffic] = {}
        self._conversations: dict[Conversation, Traffic] = {}
        self._ports: dict[str, Count] = {}
        self._protocols: dict[str, Count] = {}
        self._sizes: list[int] = []
        self._timeline = _Times(SLOTS)
        self._timelines: dict[str, _Times] = {}
        self._more: dict[str, int] = {}

    def add(self, summary: Summary) -> None:
        self._packets = together(self._packets, summary.packets)
        for sums, counts in (
            (self._filters, summary.filters),
            (self._ports, summary.ports),
            (self._protocols, summary.protocols),
        ):
            for name, count in counts.items():
                sums[name] = together(sums[name], count) if name in sums else count
        for talker, traffic in summary.talkers.items():
            had = self._talkers.get(talker)
            self._talkers[talker] = traffic if had is None else both(had, traffic)
        for conversation, traffic in summary.conversations.items():
            self._talked(conversation, traffic)
        self._sizes += [0] * (len(summary.sizes) - len(self._sizes))
        for number, packets in enumerate(summary.sizes):
            self._sizes[number] += packets
        self._timeline.add(summary.timeline)
        for name, timeline in summary.timelines.items():
            self._timelines.setdefault(name, _Times(FILTER_SLOTS)).add(timeline)
        for name, left_out in summary.more.items():
            self._more[name] = self._more.get(name, 0) + left_out

    def result(self) -> Summary:
        return Summary(
            packets=self._packets,
            filters=self._filters,
            talkers=self._talkers,
            conversations=self._conversations,
            ports=self._ports,
            protocols=self._protocols,
            sizes=tuple(self._sizes),
            timeline=self._timeline.result(),
            timelines={name: times.result() for name, times in self._timelines.items()},
            more=self._more,
        )

    def _talked(self, conversation: Conversation, traffic: Traffic) -> None:
        other = reversed_(conversation)
        if other != conversation and (back := self._conversations.get(other)) is not None:
            if _begun(conversation, traffic) < _begun(other, back):
                del self._conversations[other]
                self._conversations[conversation] = both(traffic, turned(back))
            else:
                self._conversations[other] = both(back, turned(traffic))
            return
        had = self._conversations.get(conversation)
        self._conversations[conversation] = traffic if had is None else both(had, traffic)


def reversed_(conversation: Conversation) -> Conversation:
    """The same conversation, seen from the other end."""
    protocol, a, port_a, b, port_b = conversation
    return Conversation(protocol, b, port_b, a, port_a)


def _begun(conversation: Conversation, traffic: Traffic) -> tuple[bool, int, str, int]:
    """What is less for the end that began; of two that did so at the same time, one is taken by its address."""
    first = traffic.first
    return first is None, first or 0, conversation.a, conversation.port_a or 0


class _Times:
    """A timeline that grows, in intervals that are as narrow as its span allows."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._shift = 0
        self._intervals: dict[int, tuple[int, int]] = {}

    def add(self, timeline: Timeline) -> None:
        if timeline.shift > self._shift:
            self._widen(timeline.shift)
        for number, (packets, size) in widened(timeline, self._shift).intervals.items():
            had = self._intervals.get(number, (0, 0))
            self._intervals[number] = had[0] + packets, had[1] + size
        if self._intervals:
            often = fitting(min(self._intervals), max(self._intervals), self._slots)
            if often:
                self._widen(self._shift + often)

    def _widen(self, shift: int) -> None:
        self._intervals = dict(widened(self.result(), shift).intervals)
        self._shift = max(self._shift, shift)

    def result(self) -> Timeline:
        return Timeline(self._shift, self._intervals)


def _span(one: Count | Traffic, other: Count | Traffic) -> tuple[int | None, int | None]:
    firsts = [each.first for each in (one, other) if each.first is not None]
    lasts = [each.last for each in (one, other) if each.last is not None]
    return min(firsts, default=None), max(lasts, default=None)


def _size(value: Count | Traffic) -> int:
    return value.bytes if isinstance(value, Count) else value.bytes + value.bytes_back

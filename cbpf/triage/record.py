"""FileResults as JSON, one to a line, as compact as the names in it allow.

Everything is a list in the order of the tuple's fields; tables are objects, or lists of rows where their keys are no
names. Files are found again by their path as the system has it: names that are no text survive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cbpf.counts import Count
from cbpf.triage.result import Conversation, Facts, FileResult, Summary, Timeline, Traffic


def to_json(result: FileResult) -> str:
    """A result as one line of text, without its end."""
    import json

    summary = result.summary
    facts = None if result.facts is None else list(result.facts)
    fields = [*result[:3], facts, result.trouble, _summary(summary), result.meaningless]
    return json.dumps(fields, separators=(",", ":"))


def from_json(text: str) -> FileResult:
    """The result that a line has. Raises ValueError if it has none."""
    import json

    try:
        path, size, mtime, facts, trouble, summary, meaningless = json.loads(text)
        known = None if facts is None else _facts(*facts)
        return FileResult(path, size, mtime, known, trouble, _read(*summary), tuple(meaningless))
    except (TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ValueError(f"not a result: {error}") from None


def _summary(summary: Summary) -> list[Any]:
    return [
        summary.packets,
        summary.filters,
        summary.talkers,
        [[*conversation, *traffic] for conversation, traffic in summary.conversations.items()],
        summary.ports,
        summary.protocols,
        summary.sizes,
        _line(summary.timeline),
        {name: _line(timeline) for name, timeline in summary.timelines.items()},
        summary.more,
    ]


def _line(timeline: Timeline) -> list[Any]:
    """The shift, and then the number of each interval as a distance from the one before, with packets and bytes."""
    row, before = [timeline.shift], 0
    for number, (packets, size) in sorted(timeline.intervals.items()):
        row += [number - before, packets, size]
        before = number
    return row


def _facts(
    format: str,
    compression: str | None,
    linktypes: Iterable[str],
    snaplen: int,
    captured: int,
    in_order: bool,
    sha256: str | None,
) -> Facts:
    return Facts(format, compression, tuple(linktypes), snaplen, captured, in_order, sha256)


def _read(
    packets: list[Any],
    filters: Mapping[str, list[Any]],
    talkers: Mapping[str, list[Any]],
    conversations: Iterable[list[Any]],
    ports: Mapping[str, list[Any]],
    protocols: Mapping[str, list[Any]],
    sizes: Iterable[int],
    timeline: list[int],
    timelines: Mapping[str, list[int]],
    more: Mapping[str, int],
) -> Summary:
    ends = len(Conversation._fields)
    return Summary(
        Count(*packets),
        _counts(filters),
        {name: Traffic(*row) for name, row in talkers.items()},
        {Conversation(*row[:ends]): Traffic(*row[ends:]) for row in conversations},
        _counts(ports),
        _counts(protocols),
        tuple(sizes),
        _timeline(timeline),
        {name: _timeline(row) for name, row in timelines.items()},
        dict(more),
    )


def _counts(table: Mapping[str, list[Any]]) -> dict[str, Count]:
    return {name: Count(*row) for name, row in table.items()}


def _timeline(row: list[int]) -> Timeline:
    intervals, number = {}, 0
    for at in range(1, len(row), 3):
        number += row[at]
        intervals[number] = row[at + 1], row[at + 2]
    return Timeline(row[0], intervals)

"""Everything that triage found as one JSON object, written piece by piece.

Names of fields are those of ``cbpf.triage.result``; tables with names for keys are objects, conversations are a list.
Times are nanoseconds since 1970. Each filter that matches in a file has the ``share`` of its packets, a part of 1, and
the ``command`` that extracts them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cbpf.triage.report.commands import extract
from cbpf.triage.report.model import AskedFilter, Report, share, state
from cbpf.triage.result import SIZES, Conversation, FileResult, Summary, Timeline, Traffic

FORM: Final = 1
"""The number of this form of the object: it grows when what was there changes its meaning."""


def pieces(report: Report) -> Iterator[str]:
    """The object, one file a line."""
    filters = {each.name: each for each in report.filters}
    head = {
        "form": FORM,
        "version": report.version,
        "made": report.made,
        "folder": report.where,
        "complete": report.complete,
        "filters": [_filter(each) for each in report.filters],
        "sizes": SIZES,
        "summary": _summary(report.summary),
    }
    yield json.dumps(head)[:-1] + ', "files": ['
    for place, file in enumerate(report.files):
        yield (",\n" if place else "\n") + json.dumps(_file(file, filters, report))
    yield "\n]}\n"


def _filter(each: AskedFilter) -> dict[str, Any]:
    return {
        "name": each.name,
        "title": each.title,
        "finds": each.finds,
        "tags": each.tags,
        "expression": each.expression,
    }


def _file(file: FileResult, filters: Mapping[str, AskedFilter], report: Report) -> dict[str, Any]:
    summary = _summary(file.summary)
    for name, count in file.summary.filters.items():
        if count.packets and name in filters:
            summary["filters"][name] |= {
                "share": share(count, file.summary.packets),
                "command": extract([file], filters[name], report.folders),
            }
    return {
        "path": file.path,
        "state": state(file),
        "trouble": file.trouble,
        "size": file.size,
        "mtime": file.mtime,
        "facts": None if file.facts is None else file.facts._asdict(),
        "meaningless": file.meaningless,
        **summary,
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "packets": summary.packets._asdict(),
        "filters": {name: count._asdict() for name, count in summary.filters.items()},
        "talkers": {name: traffic._asdict() for name, traffic in summary.talkers.items()},
        "conversations": [_conversation(*each) for each in summary.conversations.items()],
        "ports": {name: count._asdict() for name, count in summary.ports.items()},
        "protocols": {name: count._asdict() for name, count in summary.protocols.items()},
        "packet_sizes": summary.sizes,
        "timeline": _timeline(summary.timeline),
        "timelines": {name: _timeline(timeline) for name, timeline in summary.timelines.items()},
        "more": dict(summary.more),
    }


def _conversation(ends: Conversation, traffic: Traffic) -> dict[str, Any]:
    return {**ends._asdict(), **traffic._asdict()}


def _timeline(timeline: Timeline) -> dict[str, Any]:
    """``intervals`` are [when it begins, packets, bytes], each ``width`` nanoseconds wide."""
    return {
        "width": 1 << timeline.shift,
        "intervals": [[place << timeline.shift, *counts] for place, counts in sorted(timeline.intervals.items())],
    }

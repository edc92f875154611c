"""One page with everything: no network, no libraries, and quick to open whatever the number of files.

What the page needs at once (the matrix of packets, and the sums) is JSON in it, by columns. What it shows of a single
file is in chunks of some files, deflated and in base64, which the page unpacks when somebody looks at one of them.
All text that came from files is data there and is put on the page as text; a policy in the page's head lets nothing
run but its own script, by hash, and nothing be loaded.

Times are microseconds since 1970, which JavaScript's numbers hold exactly.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files as resources
from typing import Any, Final

from cbpf.counts import Count
from cbpf.triage.report.commands import (
    extract,
    extract_below,
    options,
    output_stem,
    quoted,
    quoted_expression,
    quoted_path,
    safe,
    suffix,
)
from cbpf.triage.report.model import AskedFilter, Matched, Report, in_trouble, matched, most, state
from cbpf.triage.report.units import shown
from cbpf.triage.result import SIZES, Conversation, FileResult, Summary, Timeline, Traffic

SCRIPTS: Final = ("units.js", "charts.js", "tables.js", "panel.js", "matrix.js", "report.js")
"""The parts of the page's script, in order."""

CHUNK: Final = 32
"""Files whose details are unpacked together."""

_STATES: Final = ("whole", "damaged", "unreadable")
_SLOTS: Final = 800  # of a timeline of all files
_FILE_SLOTS: Final = 96  # of one of a file
_FEW: Final = 3  # files that a command names one by one
_LONGEST_COMMAND: Final = 4000
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def page(report: Report, top: int = 10) -> Iterator[str]:
    """The page, in pieces to be written one after the other; ``top`` talkers, conversations and ports are listed."""
    style, script = _text("report.css"), "\n".join(map(_text, SCRIPTS))
    parts: Mapping[str, Iterable[str]] = {
        "policy": [_policy(style, script)],
        "style": [style],
        "data": [_embedded(overview(report, top))],
        "details": _details(report, top),
        "script": [script],
    }
    for place, text in enumerate(_PLACE.split(_text("report.html"))):
        if place % 2:
            yield from parts[text]
        else:
            yield text


def overview(report: Report, top: int) -> dict[str, Any]:
    """What the page shows at once."""
    summary, found = report.summary, {each.filter.name: each for each in matched(report)}
    number = {each.name: place for place, each in enumerate(report.filters)}
    return {
        "version": report.version,
        "made": _micro(report.made),
        "where": quoted(report.where),
        "options": options(report.folders),
        "complete": report.complete,
        "packets": summary.packets.packets,
        "bytes": summary.packets.bytes,
        "first": _micro(summary.packets.first),
        "last": _micro(summary.packets.last),
        "size": sum(file.size for file in report.files),
        "filters": [_filter(report, each, found.get(each.name)) for each in report.filters],
        "files": _columns(report, number),
        "timelines": {
            str(number[name]): _timeline(timeline, _SLOTS)
            for name, timeline in summary.timelines.items()
            if name in found and timeline.intervals
        },
        **_findings(summary, top, _SLOTS),
    }


def detail(file: FileResult, filters: Mapping[str, int], top: int) -> dict[str, Any]:
    """What the page shows of a file when somebody looks at it."""
    facts = file.facts
    return {
        "read": quoted_path(file.path),
        "stem": output_stem(file.path),
        "suffix": suffix([file]),
        "size": file.size,
        "modified": _micro(file.mtime),
        "facts": None if facts is None else [*facts[:2], list(facts.linktypes), *facts[3:]],
        "cells": [
            [filters[name], count.bytes, _micro(count.first), _micro(count.last)]
            for name, count in file.summary.filters.items()
            if count.packets and name in filters
        ],
        "meaningless": [filters[name] for name in file.meaningless if name in filters],
        **_findings(file.summary, top, _FILE_SLOTS),
    }


def _details(report: Report, top: int) -> Iterator[str]:
    """The chunks, one a line."""
    number = {each.name: place for place, each in enumerate(report.filters)}
    for start in range(0, len(report.files), CHUNK):
        chunk = [detail(file, number, top) for file in report.files[start : start + CHUNK]]
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(_json(chunk).encode()) + packer.flush()
        yield base64.b64encode(packed).decode() + "\n"


def _filter(report: Report, each: AskedFilter, found: Matched | None) -> dict[str, Any]:
    known = {
        "name": shown(each.name),
        "title": shown(each.title),
        "finds": shown(each.finds),
        "tags": [shown(tag) for tag in each.tags],
        "expression": shown(" ".join(each.expression.split())),
        "asked": quoted_expression(each),
        "safe": safe(each.name),
    }
    if found is None:
        return {**known, "packets": 0, "bytes": 0, "first": None, "last": None, "files": 0, "command": ""}
    return {**known, **_count(found.total), "files": len(found.files), "command": _of_all(report, found)}


def _of_all(report: Report, found: Matched) -> str:
    """The command that extracts the packets of a filter from all files, if it is of a length that people paste."""
    if len(found.files) <= _FEW or not report.paths:
        return extract(found.files[:_FEW], found.filter, report.folders)
    command = extract_below(report, found)
    return command if len(command) <= _LONGEST_COMMAND else ""


def _columns(report: Report, number: Mapping[str, int]) -> dict[str, Any]:
    """The files, a list for each thing that is known of all; cells are a filter's number and its packets, in turn."""
    counts = [file.summary.packets for file in report.files]
    place = {id(file): place for place, file in enumerate(report.files)}
    return {
        "path": [shown(file.path) for file in report.files],
        "packets": [count.packets for count in counts],
        "bytes": [count.bytes for count in counts],
        "first": [_micro(count.first) for count in counts],
        "last": [_micro(count.last) for count in counts],
        "state": {
            place[id(file)]: [_STATES.index(state(file)), shown(file.trouble or "")]
            for file in in_trouble(report.files)
        },
        "cells": [
            [
                each
                for name, count in file.summary.filters.items()
                if count.packets and name in number
                for each in (number[name], count.packets)
            ]
            for file in report.files
        ],
    }


def _findings(summary: Summary, top: int, slots: int) -> dict[str, Any]:
    """What is known of all files as of one."""
    return {
        "timeline": _timeline(summary.timeline, slots),
        "sizes": list(zip(SIZES, summary.sizes, strict=False)),
        "protocols": [[shown(path), count.packets, count.bytes] for path, count in most(summary.protocols, None)],
        "talkers": [[shown(name), *traffic[:4]] for name, traffic in most(summary.talkers, top)],
        "conversations": [_conversation(*each) for each in most(summary.conversations, top)],
        "ports": [[shown(port), count.packets, count.bytes] for port, count in most(summary.ports, top)],
        "more": {
            name: len(getattr(summary, name)) - min(top, len(getattr(summary, name))) + summary.more.get(name, 0)
            for name in ("talkers", "conversations", "ports")
        },
    }


def _conversation(ends: Conversation, traffic: Traffic) -> list[Any]:
    a, b = (shown(address) for address in (ends.a, ends.b))
    return [shown(ends.protocol), a, ends.port_a, b, ends.port_b, *traffic[:4], *map(_micro, traffic[4:])]


def _timeline(timeline: Timeline, slots: int) -> list[Any]:
    """Where it begins, how wide an interval is, and the intervals with something in them: numbers, packets, bytes."""
    shift, intervals = timeline.shift, dict(timeline.intervals)
    while len(intervals) > slots:
        shift += 1
        narrow, intervals = intervals, {}
        for place, (packets, size) in narrow.items():
            before = intervals.get(place >> 1, (0, 0))
            intervals[place >> 1] = (before[0] + packets, before[1] + size)
    places = sorted(intervals)
    start = places[0] if places else 0
    return [
        (start << shift) / 1000,
        (1 << shift) / 1000,
        [place - start for place in places],
        [intervals[place][0] for place in places],
        [intervals[place][1] for place in places],
    ]


def _count(count: Count) -> dict[str, Any]:
    return {"packets": count.packets, "bytes": count.bytes, "first": _micro(count.first), "last": _micro(count.last)}


def _micro(nanoseconds: int | None) -> int | None:
    return None if nanoseconds is None else nanoseconds // 1000


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _embedded(value: object) -> str:
    """JSON in which nothing can end the element that it stands in, or begin a comment."""
    return _json(value).replace("<", "\\u003c")


def _policy(style: str, script: str) -> str:
    """Content-Security-Policy (https://www.w3.org/TR/CSP3/): nothing is loaded, and nothing runs but this."""
    hashes = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in (("style-src", style), ("script-src", script))
    }
    rules = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:"]
    return "; ".join([*rules, *(f"{name} 'sha256-{digest}'" for name, digest in hashes.items())])


def _text(name: str) -> str:
    return (resources("cbpf.triage.report") / "page" / name).read_text("utf-8")

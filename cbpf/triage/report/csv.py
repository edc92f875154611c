"""Comma-separated values (RFC 4180) for spreadsheets and databases: the matrix, or the files.

A spreadsheet takes a cell that begins with = + - or @ for a formula, and names come from elsewhere: such cells get an
apostrophe before them, as do those that begin with white space that would be trimmed away.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Final

from cbpf.counts import Count
from cbpf.triage.report.commands import extract
from cbpf.triage.report.model import Report, share, state
from cbpf.triage.report.units import iso
from cbpf.triage.result import FileResult

MATRIX: Final = ("path", "filter", "packets", "bytes", "share", "first", "last", "state", "command")
FILES: Final = (
    "path", "state", "trouble", "format", "compression", "linktypes", "snaplen", "size", "modified", "packets", "bytes",
    "captured", "first", "last", "seconds", "packets_per_second", "bytes_per_second", "in_order", "matching_filters",
    "sha256",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", " ")


def matrix(report: Report) -> Iterator[str]:
    """A line for each file and each filter, those without a packet too: ``share`` is a part of 1, times are UTC.

    ``state`` is that of the file, or "meaningless" where the filter has no meaning on its link types.
    """
    return _lines(MATRIX, (_cell(report, file, place) for file in report.files for place in range(len(report.filters))))


def files(report: Report) -> Iterator[str]:
    """A line for each file, with what is known of it."""
    return _lines(FILES, map(_file, report.files))


def _cell(report: Report, file: FileResult, place: int) -> list[object]:
    filter = report.filters[place]
    count = file.summary.filters.get(filter.name, Count())
    command = extract([file], filter, report.folders) if count.packets else ""
    part = f"{share(count, file.summary.packets):.9g}"
    kind = "meaningless" if filter.name in file.meaningless else state(file)
    return [
        file.path,
        filter.name,
        count.packets,
        count.bytes,
        part,
        iso(count.first),
        iso(count.last),
        kind,
        command,
    ]


def _file(file: FileResult) -> list[object]:
    facts, count = file.facts, file.summary.packets
    seconds = 0.0 if count.first is None or count.last is None else (count.last - count.first) / 1e9
    rates = [f"{each / seconds:.9g}" if seconds else "" for each in (count.packets, count.bytes)]
    return [
        file.path,
        state(file),
        file.trouble or "",
        facts.format if facts else "",
        (facts.compression or "") if facts else "",
        " ".join(facts.linktypes) if facts else "",
        facts.snaplen if facts else "",
        file.size,
        iso(file.mtime),
        count.packets,
        count.bytes,
        facts.captured if facts else "",
        iso(count.first),
        iso(count.last),
        f"{seconds:.9f}",
        *rates,
        ("yes" if facts.in_order else "no") if facts else "",
        sum(1 for each in file.summary.filters.values() if each.packets),
        (facts.sha256 or "") if facts else "",
    ]


def _lines(header: Iterable[object], rows: Iterable[list[object]]) -> Iterator[str]:
    lines: list[str] = []
    writer = csv.writer(_Into(lines))
    writer.writerow(header)
    for row in rows:
        writer.writerow([_harmless(each) if isinstance(each, str) else each for each in row])
        yield "".join(lines)
        lines.clear()
    yield "".join(lines)


class _Into:
    """What the module csv takes for a file."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> None:
        self._lines.append(text)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

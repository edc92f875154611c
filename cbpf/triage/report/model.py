"""What a report is about: the files, the filters, and all of it together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from cbpf.counts import Count
from cbpf.triage.result import FileResult, Summary, Traffic

Key = TypeVar("Key")
Counted = TypeVar("Counted", Count, Traffic)


class AskedFilter(NamedTuple):
    """A filter that was asked about all packets.

    * ``asked``: the expression that asks for it in a command: "@name" for those of the library, else the whole of it.
    * ``title``, ``finds`` and ``tags``: what its author says about it.
    """

    name: str
    expression: str
    asked: str
    title: str = ""
    finds: str = ""
    tags: tuple[str, ...] = ()


class Report(NamedTuple):
    """Everything that a report is made of.

    * ``summary``: of all ``files`` together.
    * ``paths``: the files and folders that were asked for; ``folders``: those of further filters; ``where``: the folder
      they are relative to, in which commands have to be run.
    * ``made``: when, in nanoseconds since 1970; ``version``: of this tool.
    * ``complete``: whether all files that were asked for are in it.
    """

    files: Sequence[FileResult]
    filters: Sequence[AskedFilter]
    summary: Summary
    paths: Sequence[str] = ()
    folders: Sequence[str] = ()
    where: str = ""
    made: int = 0
    version: str = ""
    complete: bool = True


class Matched(NamedTuple):
    """A filter that matches something: all of it together, and the files with such packets, most of them first."""

    filter: AskedFilter
    total: Count
    files: Sequence[FileResult]


def share(part: Count, whole: Count) -> float:
    """What part of the packets that is, from 0 to 1."""
    return part.packets / whole.packets if whole.packets else 0.0


def most(counted: Mapping[Key, Counted], top: int | None) -> list[tuple[Key, Counted]]:
    """The entries with most bytes, at most ``top`` of them (None: all), with names to break ties."""
    ranked = sorted(counted.items(), key=lambda item: (-_bytes(item[1]), -_packets(item[1]), str(item[0])))
    return ranked[:top]


def matched(report: Report) -> list[Matched]:
    """The filters that match something, those with most packets first."""
    files: dict[str, list[FileResult]] = {}
    for file in report.files:
        for name, count in file.summary.filters.items():
            if count.packets:
                files.setdefault(name, []).append(file)
    found = [
        Matched(each, report.summary.filters[each.name], _by_packets(files.get(each.name, []), each.name))
        for each in report.filters
        if each.name in report.summary.filters and report.summary.filters[each.name].packets
    ]
    return sorted(found, key=lambda each: (-each.total.packets, each.filter.name))


def state(file: FileResult) -> str:
    """How far a file could be read: "whole", "damaged" (what was found before the damage stands) or "unreadable"."""
    if file.facts is None:
        return "unreadable"
    return "whole" if file.trouble is None else "damaged"


def in_trouble(files: Iterable[FileResult]) -> list[FileResult]:
    """Those with something wrong."""
    return [file for file in files if file.facts is None or file.trouble is not None]


def reason(file: FileResult) -> str:
    """What is wrong with a file, without its path in front."""
    return (file.trouble or "").removeprefix(f"{file.path}: ")


def trimmed(file: FileResult, top: int) -> FileResult:
    """With the talkers, conversations and ports of most bytes only, and without a timeline for each filter.

    So the results of many files fit into memory, and a page into a browser.
    """
    summary = file.summary
    return file._replace(
        summary=summary._replace(
            filters={name: count for name, count in summary.filters.items() if count.packets},
            talkers=dict(most(summary.talkers, top)),
            conversations=dict(most(summary.conversations, top)),
            ports=dict(most(summary.ports, top)),
            timelines={},
        )
    )


class Gathering:
    """Results as they come, and what they add up to.

    ``merged`` adds summaries up, in batches: the sum grows, and is as much work to add to as all of the batch. Results
    are kept trimmed to ``top`` entries of each list (None: as they are).
    """

    _BATCH = 64

    def __init__(self, merged: Callable[[Iterable[Summary]], Summary], top: int | None = None) -> None:
        self.files: list[FileResult] = []
        self._merged = merged
        self._top = top
        self._sum = Summary()
        self._waiting: list[Summary] = []

    def take(self, result: FileResult) -> None:
        """One more."""
        self.files.append(result if self._top is None else trimmed(result, self._top))
        self._waiting.append(result.summary)
        if len(self._waiting) >= self._BATCH:
            self._add()

    def summary(self) -> Summary:
        """Of all so far."""
        self._add()
        return self._sum

    def _add(self) -> None:
        self._sum = self._merged([self._sum, *self._waiting])
        self._waiting.clear()


def _by_packets(files: Sequence[FileResult], name: str) -> Sequence[FileResult]:
    return sorted(files, key=lambda file: (-file.summary.filters[name].packets, file.path))


def _bytes(counted: Count | Traffic) -> int:
    return counted.bytes + (counted.bytes_back if isinstance(counted, Traffic) else 0)


def _packets(counted: Count | Traffic) -> int:
    return counted.packets + (counted.packets_back if isinstance(counted, Traffic) else 0)

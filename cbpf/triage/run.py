"""Triage of many files: over the processors, with a record of what has been done."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final, NamedTuple

from cbpf.scanning import FilterSet, processors
from cbpf.triage.ledger import Ledger
from cbpf.triage.result import FileResult
from cbpf.triage.survey import Examination, Examiner
from cbpf.triage.workers import Reading, Workers

_WORTH_WORKERS: Final = 4 * 1024 * 1024  # bytes that take longer than to start processes


class Progress(NamedTuple):
    """How far a run has come: ``done`` of so many ``files``, and ``bytes`` of ``size``; files done before included."""

    done: int
    files: int
    bytes: int
    size: int


class Found(NamedTuple):
    """A file to be looked at. One that was ``named`` is reported even if it is no capture."""

    path: str
    size: int
    mtime: int
    named: bool


def triage(
    paths: Iterable[str],
    filters: Mapping[str, str],
    *,
    jobs: int | None = None,
    results: str | None = None,
    resume: bool = False,
    hashes: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> Generator[FileResult, None, None]:
    """Triage files, and the captures in folders and the folders in them; results come as they are ready, in no order.

    Files in folders that are no captures are passed over; files that are named are reported, whatever they are.
    ``filters`` are expressions by name. So many ``jobs`` are done at once, by default as many as there are processors.
    ``results`` is a file that results are added to as they are ready; with ``resume`` those in it already are yielded
    first, and files of the same path, size and time are not looked at again, unless a process died of one. Who stops
    iterating stops the run.

    Raises FilterError for filters that are wrong, and ResultsError for a results file that cannot be used.
    """
    asked = FilterSet(filters)  # so that what is wrong with them is said once, and here
    found = list(captures(paths))
    with ExitStack() as stack:
        ledger = None if results is None else stack.enter_context(Ledger(results, filters, resume=resume))
        known = {} if ledger is None else ledger.done
        steps = _Steps(found, progress)
        todo = []
        for file in found:
            result = known.get(file.path)
            if result is not None and (result.size, result.mtime) == (file.size, file.mtime):
                steps.finished(file.path)
                yield result
            else:
                todo.append(file)
        named = {file.path for file in todo if file.named}
        for step in _examined(todo, asked, filters, jobs or processors(), hashes, steps, stack):
            if isinstance(step, Reading):
                steps.read(step.path, step.bytes)
                continue
            result = step.result
            if step.capture or result.path in named:
                if ledger is not None and step.settled:
                    ledger.add(result, step.text)
                steps.finished(result.path)
                yield result
            else:
                steps.finished(result.path)


def captures(paths: Iterable[str]) -> Iterator[Found]:
    """The files that are named, and those in folders, in order; each once. Links to folders are not followed there."""
    met = set()
    for path in paths:
        for each, named in _files(path):
            if each not in met:
                met.add(each)
                try:
                    status = os.stat(each)
                except OSError:
                    if named:
                        yield Found(each, 0, 0, named)
                    continue
                if named or stat.S_ISREG(status.st_mode):
                    yield Found(each, status.st_size, status.st_mtime_ns, named)


def _files(path: str) -> Iterator[tuple[str, bool]]:
    if not os.path.isdir(path):
        yield path, True
        return
    unreadable: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=unreadable.append):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(folder, name), False
    yield from ((os.fspath(error.filename), True) for error in unreadable)


def _examined(
    todo: Sequence[Found],
    asked: FilterSet,
    filters: Mapping[str, str],
    jobs: int,
    hashes: bool,
    steps: _Steps,
    stack: ExitStack,
) -> Iterator[Examination | Reading]:
    """Look at files, the largest first, so that none is left alone in the end."""
    paths = [file.path for file in sorted(todo, key=lambda file: -file.size)]
    if len(paths) > 1 and sum(file.size for file in todo) > _WORTH_WORKERS:
        yield from stack.enter_context(Workers(paths, filters, jobs, hashes=hashes))
        return
    examiner = Examiner(asked)
    for path in paths:
        yield examiner.examine(path, hashes=hashes, tell=partial(steps.read, path))


class _Steps:
    """Counts what has been done, and tells."""

    def __init__(self, files: Sequence[Found], progress: Callable[[Progress], None] | None) -> None:
        self._sizes = {file.path: file.size for file in files}
        self._whole = sum(self._sizes.values())
        self._reading: dict[str, int] = {}
        self._progress = progress
        self._done = self._bytes = 0

    def read(self, path: str, count: int) -> None:
        self._reading[path] = count
        self._tell()

    def finished(self, path: str) -> None:
        self._reading.pop(path, None)
        self._done += 1
        self._bytes += self._sizes[path]
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            read = self._bytes + sum(self._reading.values())
            self._progress(Progress(self._done, len(self._sizes), min(read, self._whole), self._whole))

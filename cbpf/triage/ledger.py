"""The results file: what has been done, one file to a line, so that a run that was killed can be gone on with.

The first line says which filters the results are of; each other line is a FileResult of ``cbpf.triage.record``. A line
is appended with one write, so that a kill costs the file that was in progress. What a kill left of a line is cut off
when the file is opened again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from cbpf.errors import CbpfError
from cbpf.triage.record import from_json, to_json
from cbpf.triage.result import FileResult
from cbpf.version import __version__

_LONGEST_HEADER: Final = 16 * 1024 * 1024  # bytes of a first line that may be one


class ResultsError(CbpfError):
    """A results file that cannot be read or written, or is of other filters."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


def filters_hash(filters: Mapping[str, str]) -> str:
    """What results depend on beside their files: the filters' names and expressions, and their order."""
    import json
    from hashlib import sha256

    return sha256(json.dumps(list(filters.items())).encode()).hexdigest()


def read_results(path: str) -> dict[str, FileResult]:
    """The results in a file, by path: the latest of each. Raises ResultsError."""
    try:
        with open(path, "rb") as stream:
            _header(path, stream.readline(_LONGEST_HEADER))
            return {result.path: result for _, result in _results(path, stream)}
    except OSError as error:
        raise ResultsError(path, f"cannot read: {error.strerror or error}") from error


class Ledger:
    """A results file that results are added to: a context manager.

    ``done`` are the results that it has already, by path. It is made if it does not exist; one that exists is gone on
    with if ``resume`` says so, and if its filters are the same. Raises ResultsError.
    """

    def __init__(self, path: str, filters: Mapping[str, str], *, resume: bool) -> None:
        self._path = path
        self.done: dict[str, FileResult] = {}
        header = _first_line(filters)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            raise ResultsError(path, f"cannot open: {error.strerror or error}") from error
        try:
            if not os.fstat(self._descriptor).st_size:
                self._write(header)
            elif not resume:
                raise ResultsError(path, "there are results already: go on with them (--resume), or take another file")
            else:
                self._take_up(filters, header)
        except BaseException:
            self.close()
            raise

    def _take_up(self, filters: Mapping[str, str], header: bytes) -> None:
        """Read what there is; a line without an end is what a kill left."""
        try:
            with open(self._path, "rb") as stream:
                first = stream.readline(_LONGEST_HEADER)
                if not first.endswith(b"\n") and header.startswith(first):
                    os.ftruncate(self._descriptor, 0)
                    self._write(header)
                    return
                if _header(self._path, first) != filters_hash(filters):
                    raise ResultsError(self._path, "its results are of other filters; take another file")
                end = len(first)
                for length, result in _results(self._path, stream):
                    self.done[result.path] = result
                    end += length
                os.ftruncate(self._descriptor, end)
        except OSError as error:
            raise ResultsError(self._path, f"cannot read: {error.strerror or error}") from error

    def add(self, result: FileResult, text: str | None = None) -> None:
        """Put a result behind the others; ``text`` is what ``to_json`` makes of it, if that is known."""
        self._write((text or to_json(result)).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:  # one write, but for a disk that is full or a line of gigabytes
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise ResultsError(self._path, f"cannot write: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _first_line(filters: Mapping[str, str]) -> bytes:
    import json

    header = {"cbpf": __version__, "triage": 1, "filters": filters_hash(filters), "names": list(filters)}
    return json.dumps(header, separators=(",", ":")).encode() + b"\n"


def _header(path: str, line: bytes) -> str:
    """The hash of the filters that a first line names."""
    import json

    try:
        header = json.loads(line)
        if header["triage"] != 1:
            raise ResultsError(path, "its results were written by a newer version")
        return str(header["filters"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ResultsError(path, "not a file of results: it does not begin as those do") from None


def _results(path: str, stream: Iterator[bytes]) -> Iterator[tuple[int, FileResult]]:
    """The results of whole lines, and how long those are. The last line may be half a one."""
    for number, line in enumerate(stream, 2):
        if not line.endswith(b"\n"):
            return
        try:
            yield len(line), from_json(line.decode())
        except ValueError:
            raise ResultsError(path, f"line {number} is not a result") from None

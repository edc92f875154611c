"""What is in one file: ``triage_file`` is a pure function of its path and the filters, wherever it runs.

One pass over the file asks all filters, and notes flows, sizes and times on the way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cbpf.capture import Savefile, open_savefile
from cbpf.errors import CbpfError, NotASavefile, SavefileError
from cbpf.linktypes import linktype_name
from cbpf.scanning import FilterSet
from cbpf.triage.result import Facts, FileResult, Summary, Timeline

if TYPE_CHECKING:
    from cbpf.capture import Interface
    from cbpf.capture.scan import Scan
    from cbpf.capture.surveyor import Survey
    from cbpf.capture.walks import Walks
    from cbpf.machine import Program
    from cbpf.triage.findings import Findings

PATIENCE: Final = 1024 * 1024
"""Bytes that are scanned in Python in the time that it takes to make machine code of many filters."""

STANDARD_INPUT: Final = "-"

_BESIDE: Final = 16 * 1024 * 1024  # bytes of a file that is hashed while it is scanned, and not before
_HASHED_AT_ONCE: Final = 256 * 1024  # bytes
_MOST_WALKS: Final = 16  # mixtures of link types that machine code is kept for

Tell = Callable[[int], None]
"""Is told now and then how many bytes of a file have been read."""


def triage_file(path: str, filters: Mapping[str, str], *, hashes: bool = True) -> FileResult:
    """What is in the savefile ``path``, and what of it each of the ``filters`` (expressions by name) matches.

    Never raises for a bad file: ``trouble`` says what is wrong with it, and what is known of it is there. Raises
    FilterError for filters that are wrong.
    """
    return examiner(tuple(filters.items())).examine(path, hashes=hashes).result


@lru_cache(maxsize=4)
def examiner(filters: tuple[tuple[str, str], ...]) -> Examiner:
    """The one for these names and expressions: the machine code that it makes for a file is good for the next."""
    return Examiner(FilterSet(dict(filters)))


class Examination(NamedTuple):
    """What is known of a file.

    * ``capture``: whether it may be one: those that cannot be read may be.
    * ``settled``: whether another look would find the same: not if the system, and not the file, was in the way.
    * ``text``: the result as a line for the results file, if somebody has made that already.
    """

    result: FileResult
    capture: bool = True
    settled: bool = True
    text: str | None = None


class Examiner:
    """Looks at files with one set of filters, and keeps the machine code that it has made."""

    def __init__(self, filters: FilterSet) -> None:
        self._filters = filters
        self._walks: dict[tuple[int, ...], Walks] = {}
        self._scanned: dict[tuple[object, ...], int] = {}  # bytes of each kind of file; the first of them in Python

    def examine(self, path: str, *, hashes: bool = True, tell: Tell | None = None) -> Examination:
        """Look at one file."""
        known = FileResult(path, 0, 0, None, None, Summary())
        trouble: Exception | None = None
        try:
            if path == STANDARD_INPUT:
                raise SavefileError("standard input is no file: save it to one", path=path)
            status = os.stat(path)
            known = known._replace(size=status.st_size, mtime=status.st_mtime_ns)
            if not stat.S_ISREG(status.st_mode):  # opening it might wait for somebody to write
                folder = stat.S_ISDIR(status.st_mode)
                raise SavefileError("cannot be listed" if folder else "not a regular file", path=path)
            with open_savefile(path) as savefile, _Digest(path, status.st_size, wanted=hashes) as digest:
                known, trouble = self._looked_at(known, savefile, digest, tell)
        except (CbpfError, OSError, MemoryError) as error:
            trouble = error
        if trouble is None:
            return Examination(known)
        capture, settled = not isinstance(trouble, NotASavefile), not _passing(trouble)
        return Examination(known._replace(trouble=_said(trouble)), capture, settled)

    def _looked_at(
        self, known: FileResult, savefile: Savefile, digest: _Digest, tell: Tell | None
    ) -> tuple[FileResult, Exception | None]:
        """What there is in an open file, up to its damage, and what that is."""
        from cbpf.capture.scan import Scan
        from cbpf.capture.surveyor import Survey, SurveyOutput
        from cbpf.triage.findings import Findings

        met = tuple(sorted({interface.linktype for interface in savefile.interfaces}))
        reader = savefile.reader
        kind = (met, savefile.format, reader.order, getattr(reader, "header_length", 0))
        findings, walks = Findings(), self._walks_for(met)
        survey = Survey(len(self._filters), findings.add)
        patience = max(1, PATIENCE - self._scanned.get(kind, 0))
        scan = Scan(savefile, self._choose, SurveyOutput(), walks, survey=survey, patience=patience)
        trouble: Exception | None = None
        try:
            for _ in scan:
                if tell is not None:
                    tell(scan.bytes_read)
        except (CbpfError, OSError, MemoryError) as error:
            trouble = error
        survey.drain()
        self._scanned[kind] = self._scanned.get(kind, 0) + scan.position
        self._keep(walks, met, savefile)
        try:
            sha256 = digest.hexadecimal()
        except OSError as error:
            sha256, trouble = None, trouble or error
        found = known._replace(
            facts=_facts(savefile, survey, sha256),
            summary=self._summary(survey, findings, scan),
            meaningless=self._meaningless(savefile),
        )
        return found, trouble

    # Machine code, which is made for the link types of a file.

    def _choose(self, interface: Interface) -> tuple[Program, ...]:
        return self._filters.programs(interface.linktype)

    def _walks_for(self, met: tuple[int, ...]) -> Walks:
        from cbpf.capture.walks import Walks

        return self._walks.setdefault(met, Walks(len(self._filters), note=lambda _: None))

    def _keep(self, walks: Walks, met: tuple[int, ...], savefile: Savefile) -> None:
        """Keep what was made for a file under the link types that there really are in it."""
        there = _linktypes(savefile)
        if there != met:
            del self._walks[met]
            self._walks[there] = walks
        while len(self._walks) > _MOST_WALKS:
            del self._walks[next(iter(self._walks))]

    # Results.

    def _summary(self, survey: Survey, findings: Findings, scan: Scan) -> Summary:
        times = zip(self._filters, survey.filter_times, strict=True)
        return findings.summary()._replace(
            packets=survey.count,
            filters=dict(zip(self._filters, scan.counts, strict=True)),
            sizes=survey.sizes,
            timeline=Timeline(survey.shift, survey.times),
            timelines={name: Timeline(survey.filter_shift, line) for name, line in times if line},
        )

    def _meaningless(self, savefile: Savefile) -> tuple[str, ...]:
        """Filters that are programs of one instruction, which rejects, on all link types."""
        linktypes = _linktypes(savefile)
        if not linktypes:
            return ()
        sets = [self._filters.programs(linktype) for linktype in linktypes]
        return tuple(
            name
            for name, programs in zip(self._filters, zip(*sets, strict=True), strict=True)
            if all(len(program) == 1 and program[0].k == 0 for program in programs)
        )


class _Digest:
    """The SHA-256 of a file, computed beside the scan if it is large: neither needs Python's lock while it works."""

    def __init__(self, path: str, size: int, *, wanted: bool) -> None:
        self._path = path
        self._large = size >= _BESIDE
        self._wanted = wanted
        self._left = False  # nobody waits for it any more

    def __enter__(self) -> _Digest:
        if self._wanted and self._large:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(1)
            self._waiting = self._pool.submit(self._computed)
        return self

    def __exit__(self, *_: object) -> None:
        self._left = True
        if self._wanted and self._large:
            self._pool.shutdown()

    def hexadecimal(self) -> str | None:
        """The digest; None if nobody wants it. Raises OSError."""
        if not self._wanted:
            return None
        return self._waiting.result() if self._large else self._computed()

    def _computed(self) -> str:
        from hashlib import sha256

        digest, room = sha256(), memoryview(bytearray(_HASHED_AT_ONCE))
        with open(self._path, "rb", buffering=0) as stream:
            while not self._left and (count := stream.readinto(room)):
                digest.update(room[:count])
        return digest.hexdigest()


def _linktypes(savefile: Savefile) -> tuple[int, ...]:
    return tuple(sorted({interface.linktype for interface in savefile.interfaces}))


def _facts(savefile: Savefile, survey: Survey, sha256: str | None) -> Facts:
    return Facts(
        format="snoop" if savefile.snoop else savefile.format,
        compression=savefile.compression,
        linktypes=tuple(map(linktype_name, _linktypes(savefile))),
        snaplen=max((interface.snaplen for interface in savefile.interfaces), default=0),
        captured=survey.captured,
        in_order=survey.in_order,
        sha256=sha256,
    )


def _passing(error: Exception) -> bool:
    """Whether trouble may be over next time, with the file as it is: permissions, memory, what is not installed."""
    reason = error if isinstance(error, OSError | MemoryError) else error.__context__
    if isinstance(reason, OSError):
        return reason.errno is not None  # without one it is about compressed data
    return isinstance(reason, ImportError | MemoryError)


def _said(error: Exception) -> str:
    """What is wrong with a file, without its name."""
    if isinstance(error, SavefileError):
        return error.message if error.offset is None else f"{error.message} (at byte {error.offset})"
    if isinstance(error, OSError):
        return f"cannot open: {error.strerror or error}"
    return "there is not enough memory" if isinstance(error, MemoryError) else str(error).partition("\n")[0]

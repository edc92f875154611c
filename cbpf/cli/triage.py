"""``cbpf triage``: what is in a heap of captures, by a library of filters."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from cbpf.cli.completion import filters as names_of_filters
from cbpf.cli.includes import told_as_written
from cbpf.cli.options import FILE, color_option
from cbpf.cli.printing import colored
from cbpf.cli.progress import State, progress
from cbpf.cli.streams import complain, flush, put
from cbpf.errors import FilterError, SavefileError
from cbpf.version import __version__

if TYPE_CHECKING:
    from cbpf.cli.chosen import Chosen
    from cbpf.triage.report.model import Report
    from cbpf.triage.result import Summary
    from cbpf.triage.run import Progress

_FAILED: Final = 1
_INTERRUPTED: Final = 130  # what shells report for a command that SIGINT ended
_WIDTH: Final = 100  # columns where there is no terminal
_REMEMBERED: Final = (
    100_000  # talkers, conversations and ports of all files together; those with fewer bytes are counted
)
_EXAMPLES = """\b
Examples:
  cbpf triage captures
  cbpf triage --html report.html --results results.jsonl --resume captures
  cbpf triage --filters dns-errors --filters scan *.pcap
  cbpf triage --filters ./our-filters --filters web='tcp port 80' --csv captures > matrix.csv
"""


class _Asked(NamedTuple):
    """``form`` is "text", "json", "csv", "files" or "" for nothing but the page at ``html``; ``top`` None is all."""

    paths: tuple[str, ...]
    form: str
    html: str | None
    results: str | None
    resume: bool
    jobs: int | None
    top: int | None
    hashes: bool
    color: str


@click.command("triage", short_help="Report what is in a heap of captures.", epilog=_EXAMPLES)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FILE)
@click.option(
    "--filters",
    "wanted",
    metavar="WHAT",
    multiple=True,
    shell_complete=names_of_filters,
    help="DIR: the filters in that folder, beside the library's. NAME (with * and ? if wanted), TAG, or \
NAME=EXPRESSION: only these.  May be repeated.",
)
@click.option("--json", "form", flag_value="json", help="Print everything as a JSON object.")
@click.option("--csv", "form", flag_value="csv", help="Print a line for each file and filter, with commas.")
@click.option("--csv-files", "form", flag_value="files", help="Print a line for each file, with commas: what is known.")
@click.option(
    "--html", type=FILE, metavar="REPORT", help="Write a page for browsers, which needs no network, to REPORT."
)
@click.option("--force", is_flag=True, help="Overwrite REPORT, if it exists.")
@click.option("--results", type=FILE, metavar="FILE", help="Keep what is found in FILE, file by file.")
@click.option("--resume", is_flag=True, help="With --results: take from FILE what is known of unchanged files.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Look at N files at once.  [default: one a processor]"
)
@click.option(
    "--top",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    metavar="N",
    help="List N conversations, talkers and ports; 0 means all that are known.",
)
@click.option("--no-hashes", "hashes", flag_value=False, default=True, help="Do not compute SHA-256 of files.")
@color_option("text")
@told_as_written
def command(wanted: tuple[str, ...], force: bool, **values: Any) -> int:
    """Run the library of filters over all captures in PATHs, files or folders, and report what is in them.

    Each file is read once, whatever the number of filters. The report has the packets that each filter matches in each
    file, and the commands that extract them; facts of the files; traffic over time, protocols, conversations, talkers,
    ports and packet sizes. Text and the page are for people. --json has everything that was found, --csv the matrix.

    Damaged files are reported up to the damage, and marked: the exit status is then 1. In folders, files that are no
    captures are passed over. Ctrl-C ends the search, and what was found so far is reported, with exit status 130.

    With --results, whatever ends a run loses only the files that were being looked at: --resume goes on from there.
    """
    from cbpf.cli.chosen import chosen, compiled

    form = values.pop("form") or ("" if values["html"] else "text")
    asked = _Asked(form=form, **{**values, "top": values["top"] or None})
    _check(asked, force=force)
    filters = chosen(wanted)
    try:
        report = _found(asked, filters)
    except FilterError:  # which is the first thing that is found
        report = _found(asked, compiled(filters))
    if asked.html is not None:
        _write(asked.html, report, asked.top)
    for piece in _pieces(asked, report):
        put(piece)
    flush()
    return _status(report)


def _check(asked: _Asked, *, force: bool) -> None:
    """Say before the work begins what could not be done after it."""
    if asked.resume and asked.results is None:
        raise click.UsageError("--resume goes on with a file of --results: name it")
    if asked.html is None:
        if force:
            raise click.UsageError("--force is about the file of --html")
        return
    if asked.html == "-":
        if asked.form:
            raise click.UsageError("standard output has either the page or another form of the report")
        return
    if asked.results is not None and os.path.abspath(asked.results) == os.path.abspath(asked.html):
        raise click.UsageError("--html and --results need a file of its own each")
    with suppress(OSError):
        if os.path.isfile(asked.html) and os.path.getsize(asked.html):
            if not force:
                raise click.ClickException(f"{asked.html}: exists; --force overwrites it")
            if _is_capture(asked.html):
                raise click.ClickException(f"{asked.html}: is a capture, which no report replaces")
    folder = os.path.dirname(asked.html) or "."
    if os.path.isdir(asked.html) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise click.ClickException(f"{asked.html}: cannot be written there")


def _is_capture(path: str) -> bool:
    from cbpf.capture import open_savefile

    try:
        with open_savefile(path):
            return True
    except SavefileError:
        return False


def _found(asked: _Asked, filters: Chosen) -> Report:
    """Look at all files. What SIGINT cuts short is reported as far as it came."""
    from cbpf.triage.merge import merged, shortened
    from cbpf.triage.report.model import Gathering, Report
    from cbpf.triage.run import triage

    def sum_of(summaries: Iterable[Summary]) -> Summary:
        return shortened(merged(summaries), _REMEMBERED)

    gathering = Gathering(sum_of, None if asked.form == "json" else asked.top)
    meter, complete = _Meter(), True
    results = triage(
        asked.paths,
        filters.expressions,
        jobs=asked.jobs,
        results=asked.results,
        resume=asked.resume,
        hashes=asked.hashes,
        progress=meter.tell,
    )
    try:
        with progress(meter.state, wanted=True):
            for result in results:
                gathering.take(result)
                meter.packets += result.summary.packets.packets
    except KeyboardInterrupt:
        complete = False
        complain("interrupted; this is what was found so far")
    files = sorted(gathering.files, key=lambda file: file.path)
    summary = gathering.summary()
    made = time.time_ns()
    return Report(
        files, filters.filters, summary, asked.paths, filters.folders, os.getcwd(), made, __version__, complete
    )


class _Meter:
    """How far the search has come, for whoever watches."""

    def __init__(self) -> None:
        self.packets = 0
        self._progress: Progress | None = None

    def tell(self, progress: Progress) -> None:
        self._progress = progress

    def state(self) -> State:
        now = self._progress
        if now is None:
            return State(0, None, 0, (0, 0))
        return State(now.bytes, now.size, self.packets, (now.done, now.files))


def _pieces(asked: _Asked, report: Report) -> Iterator[str]:
    """What goes to standard output."""
    if asked.form == "json":
        from cbpf.triage.report import json

        yield from json.pieces(report)
    elif asked.form in ("csv", "files"):
        from cbpf.triage.report import csv

        yield from csv.matrix(report) if asked.form == "csv" else csv.files(report)
    elif asked.form == "text":
        from cbpf.triage.report import text

        look = text.Look(shutil.get_terminal_size((_WIDTH, 24)).columns, asked.top, colored(asked.color))
        yield from (f"{line}\n" for line in text.lines(report, look))
    elif asked.html == "-":
        from cbpf.triage.report.html import page

        yield from page(report, _many(asked.top))


def _write(path: str, report: Report, top: int | None) -> None:
    """Write the page, and say so. It replaces what was there when it is complete."""
    from cbpf.triage.report.html import page

    if path == "-":
        return
    there = f"{path}.{os.getpid()}.part" if not os.path.exists(path) or os.path.isfile(path) else path
    try:
        with open(there, "w" if there == path else "x", encoding="utf-8") as file:
            file.writelines(page(report, _many(top)))
        if there != path:
            os.replace(there, path)
    except BaseException as error:
        if there != path:
            with suppress(OSError):
                os.unlink(there)
        if isinstance(error, OSError):
            raise click.ClickException(f"{path}: cannot write: {error.strerror or error}") from error
        raise


def _many(top: int | None) -> int:
    return sys.maxsize if top is None else top


def _status(report: Report) -> int:
    """The exit status; what is wrong with the whole is said."""
    from cbpf.triage.report.model import in_trouble

    if not report.complete:
        return _INTERRUPTED
    if not report.files:
        complain("there are no captures")
        return _FAILED
    broken = in_trouble(report.files)
    if broken:
        noun = "file" if len(broken) == 1 else "files"
        complain(f"{len(broken)} {noun} could not be read to the end; the report says why")
    return _FAILED if broken else 0

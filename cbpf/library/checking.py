"""Whether a filter does what it should: it compiles on its link types, ``lint`` finds nothing, and samples agree.

Samples of the filter NAME are the savefiles ``NAME.match.pcap``, all of whose packets it must match, and
``NAME.miss.pcap``, near misses that it must not match: beside the filter's file, in the folder ``captures`` there, or,
for a folder ``filters``, in ``captures/filters`` beside that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from cbpf.errors import CbpfError, FilterError
from cbpf.library.reading import ANY, NamedFilter

if TYPE_CHECKING:
    from cbpf.engine import PythonEngine
    from cbpf.library.shelf import Library

CARRIERS: Final = ("EN10MB", "LINUX_SLL", "LINUX_SLL2", "RAW", "NULL")
"""Link types that carry IP: those of "any", and the first of them where nothing is said."""

KINDS: Final = ("match", "miss")
"""What a filter does with all packets of a sample."""


class Problem(NamedTuple):
    """What is wrong, in a sentence. ``path`` and ``number``, if there are any: the packet (from 1) that tells it."""

    message: str
    path: str | None = None
    number: int | None = None


class Checked(NamedTuple):
    """A filter, what is wrong with it, and how many packets there are in its samples, None where there is no sample."""

    name: str
    path: str
    problems: tuple[Problem, ...]
    match: int | None
    miss: int | None


def check(found: NamedFilter, library: Library) -> Checked:
    """Check a filter of a library. Raises CbpfError only for what is wrong with the library itself."""
    problems = [*_compiling(found, library)]
    counts: dict[str, int | None] = {}
    for kind in KINDS:
        path = sample(found.path, kind)
        counts[kind] = None
        if path is not None and not problems:
            try:
                counts[kind] = yet = _sample(found, library, path, kind, problems)
                if not yet:
                    problems.append(Problem(f"{path} has no packets"))
            except CbpfError as error:
                problems.append(Problem(str(error)))
    return Checked(found.name, found.path, tuple(problems), counts["match"], counts["miss"])


def sample(path: str, kind: str) -> str | None:
    """The sample for the filter in the file ``path``; None if there is none."""
    folder, file = os.path.split(path)
    name = f"{file.rpartition('.')[0]}.{kind}.pcap"
    places = [folder, os.path.join(folder, "captures")]
    if os.path.basename(folder) == "filters":
        places.append(os.path.join(os.path.dirname(folder), "captures", "filters"))
    candidates = (os.path.join(place, name + ending) for place in places for ending in ("", "ng"))
    return next(filter(os.path.isfile, candidates), None)


def linktypes(found: NamedFilter) -> tuple[str, ...]:
    """The names of the link types that a filter is to be compiled for."""
    said = found.header.linktypes
    if not said:
        return CARRIERS[:1]
    return tuple(dict.fromkeys(name for each in said for name in (CARRIERS if each == ANY else (each,))))


def _compiling(found: NamedFilter, library: Library) -> Iterator[Problem]:
    from cbpf.debug.lint import Severity, lint
    from cbpf.filter import compile as compile_expression
    from cbpf.language.includes import expand
    from cbpf.linktypes import linktype_number

    if not found.expression.strip():
        yield Problem("there is no expression in it")
        return
    for name in linktypes(found):
        try:
            compile_expression(f"@{found.name}", name, library=library)
        except CbpfError as error:
            yield Problem(f"{name}: {error.message if isinstance(error, FilterError) else error}")
            return
    try:
        text = expand(f"@{found.name}", library).text
        for finding in lint(text, linktype_number(linktypes(found)[0])):
            if finding.severity is Severity.WARNING:
                yield Problem(f"{finding.message} [{finding.rule}]")
    except FilterError as error:
        yield Problem(str(error))


def _sample(found: NamedFilter, library: Library, path: str, kind: str, problems: list[Problem]) -> int:
    """Ask about each packet of a sample. Gives the number of packets."""
    from cbpf.capture import open_savefile
    from cbpf.engine import PythonEngine
    from cbpf.filter import compile as compile_expression

    engines: dict[int, PythonEngine] = {}
    number = 0
    with open_savefile(path) as savefile:
        for number, packet in enumerate(savefile, 1):
            linktype = packet.interface.linktype
            if linktype not in engines:
                engines[linktype] = PythonEngine(
                    compile_expression(f"@{found.name}", linktype, library=library).program
                )
            matches = bool(engines[linktype].run(packet.data, packet.wirelen))
            if matches != (kind == "match"):
                what = "matches, and should not" if matches else "does not match, and should"
                problems.append(Problem(f"packet {number} of {path} {what}", path, number))
    return number

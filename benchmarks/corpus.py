"""The rows of a table of expressions, each compiled by cbpf and by libpcap, both optimizing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import cbpf
from benchmarks.meanings import known_difference
from cbpf import FilterError, Program
from tests import libpcap


class Row(NamedTuple):
    """An expression, the link type it is for, and the captured network's mask if it matters; ``group`` is its name."""

    group: str
    linktype: str
    netmask: str | None
    expression: str


class Pair(NamedTuple):
    """What the two compilers made of a row; ``difference`` is why the programs mean different things, or empty."""

    row: Row
    ours: Program
    theirs: Program
    difference: str


class Compiled(NamedTuple):
    """The rows that both compile, and how many others there are: by the reason and the link type."""

    pairs: list[Pair]
    others: Counter[tuple[str, str]]


def rows(path: Path, linktypes: Iterable[str] = ()) -> list[Row]:
    """The rows of a table of tab-separated group, link type, snapshot length, netmask and expression, below a heading.

    Only those of certain link types, if any are given.
    """
    wanted = frozenset(linktypes)
    fields = (line.split("\t") for line in path.read_text().rstrip("\n").split("\n")[1:])
    found = (Row(group, linktype, netmask or None, text) for group, linktype, _, netmask, text in fields)
    return [row for row in found if not wanted or row.linktype in wanted]


def compiled(found: Iterable[Row]) -> Compiled:
    pairs = []
    others: Counter[tuple[str, str]] = Counter()
    for row in found:
        ours, theirs = program_of_cbpf(row), program_of_libpcap(row)
        if isinstance(ours, str) or isinstance(theirs, str):
            reasons = [text for text in (ours, theirs) if isinstance(text, str)]
            others[" and ".join(reasons), row.linktype] += 1
        else:
            pairs.append(Pair(row, ours, theirs, known_difference(row.linktype, row.expression)))
    return Compiled(pairs, others)


def compile_ours(row: Row) -> Program:
    return cbpf.compile(row.expression, row.linktype, netmask=row.netmask).program


def netmask_number(row: Row) -> int:
    """In network byte order, first byte first."""
    if row.netmask is None:
        return libpcap.NO_NETMASK
    return int.from_bytes(bytes(map(int, row.netmask.split("."))))


def program_of_cbpf(row: Row) -> Program | str:
    """The optimized program, or why there is none."""
    try:
        return compile_ours(row)
    except FilterError as error:
        return f"cbpf refuses ({error.reason.value})"


def program_of_libpcap(row: Row, *, optimize: bool = True) -> Program | str:
    """The program, or why there is none."""
    try:
        return libpcap.compile_expression(row.expression, row.linktype, optimize=optimize, netmask=netmask_number(row))
    except libpcap.Refused as error:
        # Messages differ from version to version, but for this one it says what the optimizer found out.
        return "libpcap finds it never matches" if "rejects all" in str(error) else "libpcap refuses"

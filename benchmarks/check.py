"""Proofs of which rows mean the same to both compilers, as a check of the table in ``meanings``.

Only packets on which every load of both programs is within the packet count: on shorter ones the order of the loads
decides, and that is no matter of meaning. libpcap's optimized programs are also held against its own unoptimized ones,
which tells its optimizer's mistakes from other differences, and works where cbpf does not compile yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from benchmarks.corpus import Row, program_of_cbpf, program_of_libpcap
from benchmarks.meanings import known_difference
from benchmarks.tables import shortened, table
from cbpf import Program
from tests.symbolic import Claim, Loops, Undecided, equivalent


class Finding(NamedTuple):
    """What was found out about a row that is not as ``known_difference`` has it, with a packet that shows it."""

    row: Row
    found: str
    evidence: str


def check(rows: Iterable[Row]) -> list[Finding]:
    return [finding for row in rows for finding in _findings(row)]


def lines(findings: list[Finding]) -> list[str]:
    distinct = {(found, row.linktype, shortened(row.expression)): evidence for row, found, evidence in findings}
    if not distinct:
        return ["  every row means the same to both, or is known not to"]
    return table("found link_type expression evidence", ((*key, evidence) for key, evidence in distinct.items()))


def _findings(row: Row) -> Iterator[Finding]:
    ours, theirs = program_of_cbpf(row), program_of_libpcap(row)
    unoptimized = program_of_libpcap(row, optimize=False)
    known = known_difference(row.linktype, row.expression)
    if not isinstance(theirs, Program):
        return
    mistake = _difference(theirs, unoptimized) if isinstance(unoptimized, Program) else ""
    if mistake and not known:
        yield Finding(row, "libpcap's optimizer changes the meaning", mistake)
    if not isinstance(ours, Program):
        return
    difference = _difference(ours, theirs)
    if difference and not known:
        yield Finding(row, "cbpf and libpcap differ", difference)
    if known and not _difference(ours, theirs, Claim.WHERE_SECOND_LOADED):
        yield Finding(row, "no difference", f"listed: {known}")


@cache
def _difference(left: Program, right: Program, claim: Claim = Claim.WHERE_LOADED) -> str:
    """A packet that the programs judge differently, or why that cannot be told; empty if there is none."""
    try:
        return str(equivalent(left, right, claim) or "")
    except (Loops, Undecided) as error:
        return f"{type(error).__name__}: {error}"

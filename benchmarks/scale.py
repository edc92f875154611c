"""Filters of many conditions: how long they take to compile, how big the programs are, how much of them is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import cbpf
from benchmarks.execution import Execution, execute
from benchmarks.flows import FAMILIES, Conditions, Family, Flow, conditions
from benchmarks.limits import seconds_and_result
from benchmarks.tables import NONE, Cell, table
from cbpf import Program
from tests import libpcap

SIZES: Final = (100, 1_000, 10_000)
_LINKTYPE: Final = "EN10MB"
_SAMPLE: Final = 200  # packets that match, and about as many that do not


class Compiler(NamedTuple):
    """A compiler, and the seconds it is given."""

    name: str
    compile: Callable[[str], Program]
    limit: float


class Executed(NamedTuple):
    """Instructions executed on some packets: the most, and the mean."""

    worst: int
    mean: float


class Measurement(NamedTuple):
    """What a compiler makes of a filter; ``failure`` is why it makes nothing. ``wrong`` verdicts should be none."""

    conditions: str
    size: int
    compiler: str
    failure: str
    seconds: float = 0
    instructions: int = 0
    matching: Executed = Executed(0, 0)
    others: Executed = Executed(0, 0)
    wrong: int = 0


_COMPILERS: Final = (
    Compiler("cbpf", lambda expression: cbpf.compile(expression, _LINKTYPE).program, 60),
    Compiler("libpcap", lambda expression: libpcap.compile_expression(expression, _LINKTYPE, optimize=True), 10),
)


def measure(largest: int) -> Iterator[Measurement]:
    """One after the other, for they take long: of every kind of condition up to ``largest`` many."""
    for family in FAMILIES:
        for compiler in _COMPILERS:
            yield from _sizes(family, compiler, largest)


def lines(measurements: Iterable[Measurement]) -> list[str]:
    headings = (
        "conditions number compiler seconds instructions match:_worst mean no_match:_worst mean wrong_verdicts failure"
    )
    return table(headings, map(_line, measurements))


def _sizes(family: Family, compiler: Compiler, largest: int) -> Iterator[Measurement]:
    """Smaller filters first, up to the first that the compiler does not manage."""
    for size in (size for size in SIZES if size <= largest):
        measurement = _measured(family, size, compiler, conditions(family, size, _SAMPLE))
        yield measurement
        if measurement.failure:
            return


def _measured(family: Family, size: int, compiler: Compiler, filter: Conditions) -> Measurement:
    answer = seconds_and_result(lambda: compiler.compile(filter.expression), compiler.limit)
    if isinstance(answer, str):
        return Measurement(family.name, size, compiler.name, answer)
    seconds, program = answer
    matching, others = _executions(program, filter.matching), _executions(program, filter.others)
    wrong = sum(not run.verdict for run in matching) + sum(bool(run.verdict) for run in others)
    return Measurement(
        family.name, size, compiler.name, "", seconds, len(program), _executed(matching), _executed(others), wrong
    )


def _executions(program: Program, flows: Iterable[Flow]) -> list[Execution]:
    packets = (flow.packet() for flow in flows)
    return [execute(program, packet, len(packet)) for packet in packets]


def _executed(runs: list[Execution]) -> Executed:
    counts = [run.instructions for run in runs]
    return Executed(max(counts), sum(counts) / len(counts))


def _line(found: Measurement) -> list[Cell]:
    start: list[Cell] = [found.conditions, found.size, found.compiler]
    if found.failure:
        return [*start, *[NONE] * 7, found.failure]
    amounts = [found.seconds, found.instructions, *found.matching, *found.others, found.wrong]
    return [*start, *amounts, ""]

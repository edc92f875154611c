"""The scan over savefiles with programs that count: one that decides and, of an expression, one that is marked.

Each thread counts in memory of its own, next to its part of the file, so that counts are exact and no slower for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final, NamedTuple

from cbpf.capture import walk
from cbpf.capture.savefile import Savefile
from cbpf.capture.scan import Choose, NoOutput, Scan
from cbpf.capture.walks import NOBODY, Walks
from cbpf.engine.counting import Counting, CountingEngine, Counts, definition, runtime
from cbpf.machine import Program

_COUNTER: Final = Struct("=Q")
_IN_PYTHON: Final = 256 * 1024  # bytes of a file that is too small for machine code to pay: counting takes long there


class _Judge(NamedTuple):
    """The programs that packets of a link type go through; ``bases`` say which counters are theirs."""

    countings: Sequence[Counting]
    engines: Sequence[CountingEngine]
    bases: Sequence[int]


class CountingWalks(Walks):
    """Walks whose judges count in ``totals``. A judge is the programs of a link type: the first one's verdict counts.

    ``note`` is told if there should be machine code and is not.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(note=note)
        self.totals: list[int] = []
        self._counting: list[_Judge] = []

    def add(self, countings: Sequence[Counting]) -> Sequence[Program]:
        """Make a judge of programs; ``which`` knows it by what this gives, and by nothing that is equal to it."""
        judge = _Judge(countings, [CountingEngine(counting) for counting in countings], [])
        assert isinstance(judge.bases, list)
        for counting in countings:
            judge.bases.append(len(self.totals))
            self.totals += [0] * counting.size
        programs = tuple(counting.program for counting in countings)
        self._judges.append(programs)
        self._counting.append(judge)
        return programs

    def which(self, programs: Sequence[Program] | None) -> int:
        if programs is None:
            return NOBODY
        return next(number for number, each in enumerate(self._judges) if each is programs)

    def verdict(self, which: int, packet: bytes, wirelen: int) -> int:
        if which == NOBODY:
            return 0
        _, engines, bases = self._counting[which]
        verdicts = [engine.run(packet, wirelen, self.totals, base) for engine, base in zip(engines, bases, strict=True)]
        return verdicts[0]

    def counts(self, programs: Sequence[Program]) -> list[Counts]:
        """What the programs of a judge have counted so far."""
        countings, _, bases = self._counting[self.which(programs)]
        return [
            counting.solve(self.totals[base : base + counting.size])
            for counting, base in zip(countings, bases, strict=True)
        ]

    @property
    def counters(self) -> int:
        return _COUNTER.size * len(self.totals)

    def judge(self) -> str:
        everything = [counting for judge in self._counting for counting in judge.countings]
        cases = "\n".join(_case(number, judge) for number, judge in enumerate(self._counting))
        labels = " ".join(f"i64 {number}, label %judge.{number}" for number in range(len(self._counting)))
        functions = [
            definition(counting, f"count.{base}")
            for judge in self._counting
            for counting, base in zip(judge.countings, judge.bases, strict=True)
        ]
        return "\n".join(
            [
                runtime(everything),
                *functions,
                "define internal i64 @judge(i64 %data, i64 %start, i64 %caplen, i64 %wirelen, i64 %readable, "
                "i64 %which, i64 %rows) alwaysinline {",
                "  %packet = add i64 %data, %start",
                f"  switch i64 %which, label %none [ {labels} ]",
                cases,
                "none:",
                "  ret i64 0",
                "}",
            ]
        )


def _case(number: int, judge: _Judge) -> str:
    """Go through the programs of a judge. They cannot go on for ever unless the first does."""
    lines = [f"judge.{number}:"]
    for base in judge.bases:
        lines += [
            f"  %counters.{base} = add i64 %rows, {_COUNTER.size * base}",
            f"  %verdict.{base} = call i64 @count.{base}(i64 %packet, i64 %caplen, i64 %wirelen, i64 %counters.{base})",
        ]
    return "\n".join([*lines, f"  ret i64 %verdict.{judge.bases[0]}"])


class CountingScan(Scan):
    """A scan with such walks: iterate over it to its end."""

    def __init__(self, savefile: Savefile, choose: Choose, walks: CountingWalks, *, threads: int) -> None:
        super().__init__(savefile, choose, NoOutput(walk.COUNT), walks, threads=threads)
        self._totals = walks.totals

    def _add(self, counted: bytes) -> None:
        for place, (count,) in enumerate(_COUNTER.iter_unpack(counted)):
            if count:
                self._totals[place] += count

    def _pays(self, offset: int) -> bool:
        size = self._savefile.size
        return offset > _IN_PYTHON or (size is not None and size - offset > _IN_PYTHON)

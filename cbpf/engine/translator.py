"""Programs translated to Python functions: ten times as fast as the reference interpreter, same verdicts.

Instructions become statements over local variables. Conditional jumps become ``if``, with the true side inside and
the false side after it; whatever can be reached in more than one way becomes a block of its own, entered by
setting ``at`` and going round a loop. Python's own errors do the bounds checks: an index past the end of the packet,
a division by zero or an absent device end the program with the verdict 0.

``ip`` on Ethernet::

    def run(packet, wirelen=None, ancillary=NO_ANCILLARY):
        A = X = 0
        at = 0
        try:
            while True:
                A = packet[12] << 8 | packet[13]
                if A != 2048:
                    return 0
                return 262144
        except (IndexError, KeyError, ZeroDivisionError):
            return 0

The interpreter stays the definition; tests hold every translation against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from cbpf.engine.interpreter import NO_ANCILLARY, RULES, Semantics, execute
from cbpf.engine.meaning import Packet
from cbpf.engine.statements import CONDITIONS, RETURNS, STATEMENTS, linux_offset
from cbpf.machine.opcodes import CLASS_MASK, JA, JMP, LD, LDX, MEM, RET, ST, STX
from cbpf.machine.program import Program
from cbpf.machine.verifier import verify


class RunFunction(Protocol):
    """The verdict on a packet, as ``cbpf.engine.run`` defines it."""

    def __call__(
        self, packet: Packet, wirelen: int | None = None, ancillary: Mapping[int, int] = NO_ANCILLARY
    ) -> int: ...


class PythonEngine:
    """One program, made ready to run over many packets: ``run(packet, wirelen=None, ancillary={})``.

    Raises ProgramError if the machine whose ``semantics`` these are would refuse the program.
    """

    __slots__ = ("program", "run", "semantics")

    def __init__(self, program: Program, *, semantics: Semantics = "libpcap") -> None:
        verify(program, RULES[semantics])
        self.program: Final = program
        self.semantics: Final = semantics
        self.run: Final[RunFunction] = _interpreted(program) if _jumps_back(program) else _compiled(program, semantics)


def translate(program: Program, *, semantics: Semantics = "libpcap") -> str:
    """The Python source of ``run`` for a valid program whose jumps all go forward."""
    variables = " = ".join(["A", "X", *(f"M{cell}" for cell in sorted(_cells(program)))])
    blocks = _Blocks(program, semantics).all()
    return "\n".join(
        [
            "def run(packet, wirelen=None, ancillary=NO_ANCILLARY):",
            *_indented([f"{variables} = 0", "at = 0", "try:"]),
            *_indented(["while True:", *_indented(_dispatch(sorted(blocks), blocks))], 2),
            *_indented(["except (IndexError, KeyError, ZeroDivisionError):", *_indented(["return 0"])]),
        ]
    )


def _compiled(program: Program, semantics: Semantics) -> RunFunction:
    names: dict[str, Any] = {"NO_ANCILLARY": NO_ANCILLARY, "offset": linux_offset}
    exec(compile(translate(program, semantics=semantics), "<translated program>", "exec"), names)
    run: RunFunction = names["run"]
    return run


def _interpreted(program: Program) -> RunFunction:
    """Only libpcap runs programs that jump back, and hardly ever: not worth a second way of translating."""

    def run(packet: Packet, wirelen: int | None = None, ancillary: Mapping[int, int] = NO_ANCILLARY) -> int:
        return execute(program, packet, wirelen, semantics="libpcap", ancillary=ancillary)

    return run


def _jumps_back(program: Program) -> bool:
    return any(code == JMP | JA and k > len(program) for code, _, _, k in program)


def _cells(program: Program) -> set[int]:
    return {k for code, _, _, k in program if code in {ST, STX, LD | MEM, LDX | MEM}}


# Python refuses source indented deeper than 100 levels.
_DEEPEST: Final = 40


class _Blocks:
    """Cuts a program into blocks: sequences of statements, with whatever only they lead to nested inside them."""

    def __init__(self, program: Program, semantics: Semantics) -> None:
        self._program = program
        self._statement = STATEMENTS[semantics]
        self._entries = _entries(program)
        self._waiting = [0]

    def all(self) -> dict[int, list[str]]:
        """The lines of every block, by the number of the instruction it starts at."""
        blocks: dict[int, list[str]] = {}
        while self._waiting:
            start = self._waiting.pop()
            if start not in blocks:
                blocks[start] = list(self._lines(start, 0))
        return blocks

    def _lines(self, start: int, depth: int) -> Iterator[str]:
        pc = start
        while True:
            instruction = code, jt, jf, k = self._program[pc]
            if code & CLASS_MASK == RET:
                yield RETURNS[code].format(k=k)
                return
            if depth > _DEEPEST or (self._entries[pc] > 1 and (depth > 0 or pc != start)):
                self._waiting.append(pc)
                yield from (f"at = {pc}", "continue")
                return
            if code == JMP | JA:
                pc += 1 + k
            elif code & CLASS_MASK != JMP:
                yield self._statement(instruction)
                pc += 1
            elif jt == jf:
                pc += 1 + jt
            else:
                condition, inside, pc = _oriented(self._program, pc)
                yield f"if {condition}:"
                yield from _indented(self._lines(inside, depth + 1))


def _entries(program: Program) -> Counter[int]:
    """How many instructions lead to each instruction."""
    entries: Counter[int] = Counter()
    for index, (code, jt, jf, k) in enumerate(program):
        if code == JMP | JA:
            entries[index + 1 + k] += 1
        elif code & CLASS_MASK == JMP:
            entries.update({index + 1 + jt, index + 1 + jf})
        elif code & CLASS_MASK != RET:
            entries[index + 1] += 1
    return entries


def _oriented(program: Program, pc: int) -> tuple[str, int, int]:
    """A condition, where to go if it holds, and where if not: a side that only returns is best put inside the if."""
    code, jt, jf, k = program[pc]
    holds, fails = CONDITIONS[code]
    taken, other = pc + 1 + jt, pc + 1 + jf
    if program[other].code & CLASS_MASK == RET:
        return fails.format(k=k), other, taken
    return holds.format(k=k), taken, other


def _dispatch(starts: list[int], blocks: Mapping[int, list[str]]) -> Iterator[str]:
    """A binary search for the block that starts at ``at``."""
    if len(starts) == 1:
        yield from blocks[starts[0]]
        return
    middle = len(starts) // 2
    yield f"if at < {starts[middle]}:"
    yield from _indented(_dispatch(starts[:middle], blocks))
    yield "else:"
    yield from _indented(_dispatch(starts[middle:], blocks))


def _indented(lines: Iterable[str], levels: int = 1) -> Iterator[str]:
    return ("    " * levels + line for line in lines)

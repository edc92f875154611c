"""Programs that count: how often each instruction is executed, which way each jump goes, and where packets are cut.

Little has to be counted while packets pass, in ``counters`` of 64 bits next to each other: packets, those that match,
for each conditional jump how often its condition holds, for each instruction that may reject in the middle how often it
does. What goes into a place comes out of it, so everything else follows (``solve``); only a program that jumps back
has its jumps back counted, too.

``definition`` is a counting program in LLVM's language, ``CountingEngine`` one in Python. Long programs are
interpreted by a kernel here, as in ``cbpf.engine.functions``.

A program may have ``escapes``: an instruction that would reject the packet goes on at another place instead. No machine
has that; it is for programs that are made to count and not to judge.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableSequence, Sequence
from struct import Struct
from typing import Final, NamedTuple

from cbpf.engine.bytecode import _calculated, _holds, _loaded
from cbpf.engine.functions import MOST_COMPILED
from cbpf.engine.instructions import REGISTERS, Branches
from cbpf.engine.interpreter import STEP_LIMIT, machine_of
from cbpf.engine.kernel import DECLARATIONS, Buffer, compiled, load8, load16, load32, load64, store64
from cbpf.engine.meaning import MEANINGS, WORD, Packet, Rejected
from cbpf.errors import ProgramError
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction, Program

PACKETS: Final = 0
MATCHED: Final = 1
_FIRST: Final = 2
NO_ESCAPES: Final[Mapping[int, int]] = {}


class Counts(NamedTuple):
    """What ``packets`` did in a program, ``matched`` of which it accepted. For each instruction:

    * ``executed``: how often it was executed.
    * ``taken``: for a conditional jump how often its condition held; 0 for all others.
    * ``cut``: how often it ended the program in the middle, because it is a load outside of the captured bytes, or a
      division by zero. (In a program with escapes: how often it went on elsewhere.)
    """

    packets: int
    matched: int
    executed: tuple[int, ...]
    taken: tuple[int, ...]
    cut: tuple[int, ...]


class Counting:
    """A valid program, its ``escapes`` from one instruction to another, and its counters.

    There are so many (``size``); ``slots`` has the counter of each instruction that has one.
    """

    def __init__(self, program: Program, escapes: Mapping[int, int] = NO_ESCAPES) -> None:
        self.program: Final = program
        self.escapes: Final = escapes
        counted = [pc for pc, instruction in enumerate(program) if _is_counted(pc, instruction, len(program))]
        self.slots: Final = {pc: slot for slot, pc in enumerate(counted, _FIRST)}
        self.size: Final = _FIRST + len(counted)

    def solve(self, counters: Sequence[int]) -> Counts:
        """What has been counted, for every instruction."""
        program = self.program
        executed, taken, cut = ([0] * len(program) for _ in range(3))
        executed[0] = counters[PACKETS]
        for pc, slot in self.slots.items():  # what may lead back
            if program[pc].code == op.JMP | op.JA:
                executed[_target(pc, program[pc])] += counters[slot]
            elif pc in self.escapes:
                executed[self.escapes[pc]] += counters[slot]
        for pc, instruction in enumerate(program):
            code, jt, jf, _ = instruction
            counted = counters[self.slots[pc]] if pc in self.slots else 0
            if code == op.JMP | op.JA:
                if pc not in self.slots:
                    executed[_target(pc, instruction)] += executed[pc]
            elif code & op.CLASS_MASK == op.JMP:
                taken[pc] = counted
                executed[pc + 1 + jt] += counted
                executed[pc + 1 + jf] += executed[pc] - counted
            elif code & op.CLASS_MASK != op.RET:
                cut[pc] = counted
                executed[pc + 1] += executed[pc] - counted
        return Counts(counters[PACKETS], counters[MATCHED], tuple(executed), tuple(taken), tuple(cut))


def may_cut(instruction: Instruction) -> bool:
    """Whether an instruction can reject a packet though it is no return."""
    code = instruction.code
    kind, mode = code & op.CLASS_MASK, code & op.MODE_MASK
    if kind == op.LD:
        return mode in (op.ABS, op.IND)
    if kind == op.LDX:
        return mode == op.MSH
    return kind == op.ALU and bool(code & op.X) and code & op.OPERATION_MASK in (op.DIV, op.MOD)


def _is_counted(pc: int, instruction: Instruction, length: int) -> bool:
    if instruction.code == op.JMP | op.JA:
        return _target(pc, instruction) <= pc
    return instruction.code & op.CLASS_MASK == op.JMP or may_cut(instruction)


def _target(pc: int, jump: Instruction) -> int:
    return (pc + 1 + jump.k) & WORD


# In Python.


class CountingEngine:
    """``run`` gives the verdict on a packet, and counts. Raises ProgramError if the program does not end."""

    def __init__(self, counting: Counting) -> None:
        self._program = counting.program.instructions
        self._slots = counting.slots
        self._escapes = counting.escapes

    def run(self, packet: Packet, wirelen: int, counters: MutableSequence[int], base: int = 0) -> int:
        """The verdict on a packet; its counters begin at ``base``."""
        machine = machine_of(packet, wirelen, "libpcap", {})
        program, slots = self._program, self._slots
        counters[base + PACKETS] += 1
        for _ in range(STEP_LIMIT):
            pc = machine.pc
            instruction = program[pc]
            machine.pc += 1
            try:
                MEANINGS[instruction.code](machine, instruction)
            except Rejected:
                counters[base + slots[pc]] += 1
                if pc not in self._escapes:
                    return 0
                machine.pc = self._escapes[pc]
                continue
            if machine.verdict is not None:
                counters[base + MATCHED] += machine.verdict > 0
                return machine.verdict
            if pc in slots and instruction.code & op.CLASS_MASK == op.JMP:
                counters[base + slots[pc]] += self._went(pc, instruction, machine.a, machine.x)
        raise ProgramError(f"no verdict after {STEP_LIMIT} instructions: the program loops", index=machine.pc)

    def _went(self, pc: int, instruction: Instruction, a: int, x: int) -> int:
        """Whether a jump is one back, or its condition held."""
        if instruction.code == op.JMP | op.JA:
            return 1
        return _holds(instruction.code, a, x if instruction.code & op.X else instruction.k)


# In LLVM's language.


def definition(counting: Counting, name: str) -> str:
    """The function ``i64 @name(i64 packet, i64 caplen, i64 wirelen, i64 counters)``: the verdict, or ENDLESS.

    Arguments are those of ``cbpf.engine.functions.definition``, and the address of the program's counters.
    """
    if len(counting.program) > MOST_COMPILED:
        return _interpreted(counting, name)
    lines = [
        f"define internal i64 @{name}(i64 %packet, i64 %caplen, i64 %wirelen, i64 %counters) {{",
        "  %length = trunc i64 %wirelen to i32",
        "  %table = inttoptr i64 %counters to ptr",
    ]
    for register, value in (*((register, 0) for register in REGISTERS), ("fuel", STEP_LIMIT)):
        lines += [f"  %{register} = alloca i32", f"  store i32 {value}, ptr %{register}"]
    lines += _Counted(counting).write()
    lines += ["reject:", "  ret i64 0", "endless:", f"  ret i64 {WORD + 1}", "}"]
    return "\n".join(lines)


def runtime(countings: Sequence[Counting]) -> str:
    """What the definitions need besides: declarations, and the interpreter if one of the programs is long."""
    if all(len(counting.program) <= MOST_COMPILED for counting in countings):
        return DECLARATIONS
    return DECLARATIONS + compiled([interpret], {"LINUX": 0, "LITTLE": int(sys.byteorder == "little")})


class _Counted(Branches):
    """Blocks as the program has them, with additions to counters between them: without jumps of their own."""

    def __init__(self, counting: Counting) -> None:
        super().__init__(counting.program, "at", 0, linux=False)
        self._counting = counting
        self._pc = 0
        self._cuts: list[int] = []

    def write(self) -> list[str]:
        self._add(PACKETS, "1")
        self.lines.append(f"  br label %{self.prefix}.0")
        super().write()
        for pc in self._cuts:
            self.lines.append(f"{self.prefix}.cut.{pc}:")
            self._add(self._counting.slots[pc], "1")
            target = self._counting.escapes.get(pc)
            self.lines.append(f"  br label %{'reject' if target is None else f'{self.prefix}.{target}'}")
        return self.lines

    def instruction(self, pc: int, instruction: Instruction) -> None:
        self._pc = pc
        super().instruction(pc, instruction)

    def reject(self, bad: str) -> None:
        good = self.name()
        self._cuts.append(self._pc)
        self.lines.extend((f"  br i1 {bad}, label %{self.prefix}.cut.{self._pc}, label %{good}", f"{good}:"))

    def jump(self, target: int) -> None:
        if target <= self._pc:
            self._add(self._counting.slots[self._pc], "1")
        super().jump(target)

    def branch(self, holds: str, then: int, orelse: int) -> None:
        self._add(self._counting.slots[self._pc], self.value(f"zext i1 {holds} to i64"))
        super().branch(holds, then, orelse)

    def answer(self, verdict: str) -> None:
        if verdict != "0":
            self._add(MATCHED, self.value(f"zext i1 {self.value(f'icmp ne i64 {verdict}, 0')} to i64"))
        super().answer(verdict)

    def _add(self, slot: int, amount: str) -> None:
        place = self.value(f"getelementptr i64, ptr %table, i64 {slot}")
        count = self.value(f"load i64, ptr {place}")
        self.lines.append(f"  store i64 {self.value(f'add i64 {count}, {amount}')}, ptr {place}")


# Long programs: of each instruction code, jt, jf, k, its counter, and where it escapes to; 0 if it does not.
_INSTRUCTION: Final = Struct("=HBBIII")
_SIZE = 16
_SLOT = 8
_ESCAPE = 12
_BACKSLASH: Final = "\\"

_PACKETS, _MATCHED = PACKETS, MATCHED
_STEP_LIMIT = STEP_LIMIT
_WORD = WORD
_OUTSIDE = 1 << 33
_ENDLESS = 1 << 32
_CELLS = op.SCRATCH_CELLS
_CLASS, _OPERATION, _X = op.CLASS_MASK, op.OPERATION_MASK, op.X
_LD, _LDX, _ST, _STX, _ALU, _JMP, _RET = op.LD, op.LDX, op.ST, op.STX, op.ALU, op.JMP, op.RET
_DIV, _MOD, _JA = op.DIV, op.MOD, op.JA
_RET_A, _TAX = op.RET | op.A, op.MISC | op.TAX


def interpret(
    code: Buffer, data: Buffer, start: int, caplen: int, wirelen: int, scratch: Buffer, counters: Buffer
) -> int:
    """``cbpf.engine.bytecode.interpret``, which counts."""
    _cleared(scratch)
    _count(counters, _PACKETS)
    a = 0
    x = 0
    at = 0
    steps = 0
    while steps < _STEP_LIMIT:
        steps += 1
        opcode = load16(code, at)
        k = load32(code, at + 4)
        kind = opcode & _CLASS
        if kind == _JMP:
            at = _jumped(code, at, opcode, k, a, x, counters)
            continue
        if kind == _RET:
            verdict = a if opcode == _RET_A else k
            if verdict > 0:
                _count(counters, _MATCHED)
            return verdict
        value = a
        if kind in (_LD, _LDX):
            value = _loaded(opcode, k, a, x, data, start, caplen, wirelen, scratch)
        elif kind == _ALU:
            value = _calculated_if_possible(opcode, a, x if opcode & _X else k)
        elif kind in (_ST, _STX):
            store64(scratch, 8 * k, a if kind == _ST else x)
        elif opcode != _TAX:
            value = x
        if value == _OUTSIDE:
            _count(counters, load32(code, at + _SLOT))
            if load32(code, at + _ESCAPE) == 0:
                return 0
            at = load32(code, at + _ESCAPE) * _SIZE
            continue
        if kind == _LDX or opcode == _TAX:
            x = value
        else:
            a = value
        at += _SIZE
    return _ENDLESS


def _cleared(scratch: Buffer) -> int:
    cell = 0
    while cell < _CELLS:
        store64(scratch, 8 * cell, 0)
        cell += 1
    return 0


def _jumped(code: Buffer, at: int, opcode: int, k: int, a: int, x: int, counters: Buffer) -> int:
    """Where a jump leads. Those back are counted, and conditions that hold."""
    slot = load32(code, at + _SLOT)
    if opcode & _OPERATION == _JA:
        if slot != 0:
            _count(counters, slot)
        return (at // _SIZE + 1 + k & _WORD) * _SIZE
    if _holds(opcode, a, x if opcode & _X else k):
        _count(counters, slot)
        return at + _SIZE + _SIZE * load8(code, at + 2)
    return at + _SIZE + _SIZE * load8(code, at + 3)


def _calculated_if_possible(opcode: int, a: int, operand: int) -> int:
    """What an instruction calculates, or OUTSIDE for a division by zero."""
    operation = opcode & _OPERATION
    return _OUTSIDE if operand == 0 and operation in (_DIV, _MOD) else _calculated(operation, a, operand)


def _count(counters: Buffer, slot: int) -> int:
    store64(counters, 8 * slot, load64(counters, 8 * slot) + 1)
    return 0


def _encoded(counting: Counting) -> bytes:
    return b"".join(
        _INSTRUCTION.pack(*instruction, counting.slots.get(pc, 0), counting.escapes.get(pc, 0))
        for pc, instruction in enumerate(counting.program)
    )


def _interpreted(counting: Counting, name: str) -> str:
    code = _encoded(counting)
    return f"""
@{name}.code = internal constant [{len(code)} x i8] c"{_BACKSLASH}{code.hex(_BACKSLASH)}", align 8
define internal i64 @{name}(i64 %packet, i64 %caplen, i64 %wirelen, i64 %counters) {{
  %cells = alloca [{op.SCRATCH_CELLS} x i64], align 8
  %scratch = ptrtoint ptr %cells to i64
  %code = ptrtoint ptr @{name}.code to i64
  %verdict = call i64 @interpret(i64 %code, i64 %packet, i64 0, i64 %caplen, i64 %wirelen, i64 %scratch, i64 %counters)
  ret i64 %verdict
}}"""

"""What each instruction of the machine is in LLVM's language.

How code gets from one instruction to another, and where registers are kept meanwhile, is for ``Code``'s kinds to say:
``Branches`` jumps as the program does; ``Straight`` jumps nowhere. It executes everything there is, notes under which
condition, and takes what counts in the end: with nothing to be predicted, the processor is already at the next packet
while it answers for this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from cbpf.engine.meaning import OF_A_DEVICE, WORD
from cbpf.engine.statements import linux_offset
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction, Program

LONGEST_LOAD: Final = 4  # bytes
REGISTERS: Final = ("A", "X", *(f"M{cell}" for cell in range(op.SCRATCH_CELLS)))

_SIZES: Final = {op.W: 4, op.H: 2, op.B: 1}
_OPERATIONS: Final = {
    op.ADD: "add",
    op.SUB: "sub",
    op.MUL: "mul",
    op.DIV: "udiv",
    op.MOD: "urem",
    op.AND: "and",
    op.OR: "or",
    op.XOR: "xor",
}
_SHIFTS: Final = {op.LSH: "shl", op.RSH: "lshr"}
_COMPARISONS: Final = {op.JEQ: "eq", op.JGT: "ugt", op.JGE: "uge"}


def absolute_ends(program: Program, *, linux: bool) -> Iterator[int]:
    """Where the loads at fixed places end."""
    for code, _, _, k in program:
        if code & op.CLASS_MASK == op.LD and code & op.MODE_MASK == op.ABS and not (linux and k >= op.ANCILLARY_OFFSET):
            yield _offset(k, linux=linux) + _SIZES[code & 0x18]
        elif code == op.LDX | op.B | op.MSH:
            yield _offset(k, linux=linux) + 1


def loops(program: Program) -> bool:
    """Whether an instruction jumps back, as only those for libpcap can."""
    return any(code == op.JMP | op.JA and k > len(program) for code, _, _, k in program)


def _offset(k: int, *, linux: bool) -> int:
    return linux_offset(k) if linux else k


class Code(ABC):
    """A valid program, written for packets of which the first ``near`` bytes are known about: see the kinds of code.

    The names ``%packet`` (address), ``%caplen`` and ``%length`` (on the network) are there; ``prefix`` tells the names
    of one code from those of another.
    """

    def __init__(self, program: Program, prefix: str, near: int, *, linux: bool) -> None:
        self.program: Final = program
        self.prefix: Final = prefix
        self.lines: Final[list[str]] = []
        self._near = near
        self._linux = linux
        self._count = 0

    # What the kinds of code differ in.

    @abstractmethod
    def write(self) -> list[str]:
        """All of it, from the label ``prefix.0`` on."""

    @abstractmethod
    def get(self, register: str) -> str:
        """What is in a register."""

    @abstractmethod
    def set(self, register: str, value: str) -> None:
        """Put something there."""

    @abstractmethod
    def reject(self, bad: str) -> None:
        """Reject the packet if something is bad."""

    @abstractmethod
    def unless(self, bad: str, value: str, instead: str) -> str:
        """Reject the packet if something is bad about a value of 32 bits; what to use for it, ``instead`` if so."""

    @abstractmethod
    def place(self, at: str, size: int, *, near: bool) -> str:
        """Where to read so many bytes: at a place if they are captured, else the packet is rejected.

        They are ``near`` if they are among the first bytes.
        """

    @abstractmethod
    def jump(self, target: int) -> None:
        """Go on at an instruction."""

    @abstractmethod
    def branch(self, holds: str, then: int, orelse: int) -> None:
        """Go on at one of two instructions."""

    @abstractmethod
    def answer(self, verdict: str) -> None:
        """End with a verdict, a number of 64 bits."""

    # What they have in common.

    def name(self) -> str:
        """One that was not used before."""
        self._count += 1
        return f"{self.prefix}.v{self._count}"

    def value(self, operation: str) -> str:
        """The result of an operation."""
        name = f"%{self.name()}"
        self.lines.append(f"  {name} = {operation}")
        return name

    def instruction(self, pc: int, instruction: Instruction) -> None:
        """Write one, unless it only goes to the next, which is for the kinds to say."""
        code, jt, jf, k = instruction
        match code & op.CLASS_MASK:
            case _ if code == op.LD | op.W | op.IMM:
                self.set("A", str(k))
            case _ if code == op.LDX | op.W | op.IMM:
                self.set("X", str(k))
            case _ if code in (op.LD | op.MEM, op.LDX | op.MEM):
                self.set("A" if code == op.LD | op.MEM else "X", self.get(f"M{k}"))
            case _ if code in (op.LD | op.W | op.LEN, op.LDX | op.W | op.LEN):
                self.set("A" if code & op.CLASS_MASK == op.LD else "X", "%length")
            case _ if code == op.LDX | op.B | op.MSH:
                self._header_length(_offset(k, linux=self._linux))
            case _ if code & op.CLASS_MASK == op.LD and code & op.MODE_MASK == op.ABS:
                self._load_absolute(k, _SIZES[code & 0x18])
            case _ if code & op.CLASS_MASK == op.LD and code & op.MODE_MASK == op.IND:
                self._load_indirect(k, _SIZES[code & 0x18])
            case _ if code in (op.ST, op.STX):
                self.set(f"M{k}", self.get("A" if code == op.ST else "X"))
            case _ if code == op.ALU | op.NEG:
                self.set("A", self.value(f"sub i32 0, {self.get('A')}"))
            case _ if code & op.CLASS_MASK == op.ALU:
                self._calculate(code, k)
            case _ if code == op.MISC | op.TAX:
                self.set("X", self.get("A"))
            case _ if code == op.MISC | op.TXA:
                self.set("A", self.get("X"))
            case _ if code == op.JMP | op.JA:
                self.jump((pc + 1 + k) & WORD)
            case _ if code & op.CLASS_MASK == op.JMP:
                self.branch(self._holds(code, k), pc + 1 + jt, pc + 1 + jf)
            case _ if code == op.RET | op.K:
                self.answer(str(k))
            case _ if code == op.RET | op.A:
                self.answer(self.value(f"zext i32 {self.get('A')} to i64"))
            case _:
                raise AssertionError(f"{code:#x} is verified not to be there")

    # Loads.

    def _load_absolute(self, k: int, size: int) -> None:
        if self._linux and k >= op.ANCILLARY_OFFSET:
            self._ancillary(k - op.ANCILLARY_OFFSET)
        else:
            self.set("A", self._bytes_at(_offset(k, linux=self._linux), size))

    def _load_indirect(self, k: int, size: int) -> None:
        x = self.get("X")
        if self._linux:
            at = self._relative(self.value(f"add i32 {x}, {k}"))
        else:
            wide = self.value(f"zext i32 {x} to i64")
            at = self.value(f"add i64 {wide}, {k}")
        self.set("A", self._bytes(self.place(at, size, near=False), size))

    def _relative(self, place: str) -> str:
        """A place as Linux means it, which may be relative to a header: both are at the packet's start."""
        for base, upper in ((op.LINK_OFFSET, op.NETWORK_OFFSET), (op.NETWORK_OFFSET, 1 << 32)):
            far = self.value(f"icmp uge i32 {place}, {base}")
            if upper <= WORD:
                far = self.value(f"and i1 {far}, {self.value(f'icmp ult i32 {place}, {upper}')}")
            less = self.value(f"sub i32 {place}, {base}")
            place = self.value(f"select i1 {far}, i32 {less}, i32 {place}")
        return self.value(f"zext i32 {place} to i64")

    def _ancillary(self, number: int) -> None:
        """No packet here has ever met a device: see ``LinuxMachine``."""
        if number == op.Ancillary.ALU_XOR_X:
            self.set("A", self.value(f"xor i32 {self.get('A')}, {self.get('X')}"))
        elif number in OF_A_DEVICE:
            self.reject("true")
        else:
            self.set("A", "0")

    def _header_length(self, k: int) -> None:
        low = self.value(f"and i32 {self._bytes_at(k, 1)}, 15")
        self.set("X", self.value(f"shl i32 {low}, 2"))

    def _bytes_at(self, k: int, size: int) -> str:
        return self._bytes(self.place(str(k), size, near=k + size <= self._near), size)

    def _bytes(self, at: str, size: int) -> str:
        """The bytes at a place that may be read, in network order, as a number of 32 bits."""
        address = self.value(f"add i64 %packet, {at}")
        pointer = self.value(f"inttoptr i64 {address} to ptr")
        bits = 8 * size
        value = self.value(f"load i{bits}, ptr {pointer}, align 1")
        if size > 1:
            value = self.value(f"call i{bits} @llvm.bswap.i{bits}(i{bits} {value})")
        return self.value(f"zext i{bits} {value} to i32") if size < 4 else value

    def outside(self, at: str, size: int) -> str:
        """Whether so many bytes at a place are not all captured."""
        return self.value(f"icmp ugt i64 {self.value(f'add i64 {at}, {size}')}, %caplen")

    # Arithmetic and comparisons.

    def _calculate(self, code: int, k: int) -> None:
        operator, operand = code & 0xF0, self._operand(code, k)
        a = self.get("A")
        if operator in _SHIFTS:
            self.set("A", self._shifted(_SHIFTS[operator], a, operand))
            return
        if code & op.X and operator in (op.DIV, op.MOD):
            operand = self.unless(self.value(f"icmp eq i32 {operand}, 0"), operand, "1")
        self.set("A", self.value(f"{_OPERATIONS[operator]} i32 {a}, {operand}"))

    def _operand(self, code: int, k: int) -> str:
        return self.get("X") if code & op.X else str(k)

    def _shifted(self, operator: str, a: str, operand: str) -> str:
        """Counts of 32 and more leave nothing, but Linux takes them modulo 32."""
        result = self.value(f"{operator} i32 {a}, {self.value(f'and i32 {operand}, 31')}")
        if self._linux:
            return result
        return self.value(f"select i1 {self.value(f'icmp ugt i32 {operand}, 31')}, i32 0, i32 {result}")

    def _holds(self, code: int, k: int) -> str:
        a, operand = self.get("A"), self._operand(code, k)
        if code & 0xF0 == op.JSET:
            return self.value(f"icmp ne i32 {self.value(f'and i32 {a}, {operand}')}, 0")
        return self.value(f"icmp {_COMPARISONS[code & 0xF0]} i32 {a}, {operand}")


class Branches(Code):
    """Blocks as the program has them. The registers are cells on the stack, which LLVM makes registers of.

    The near bytes of a packet are captured; what is beyond is checked for when it is loaded.

    The cells ``%A``, ``%X``, ... and ``%fuel``, and the blocks ``reject`` and ``endless`` are there.
    """

    def write(self) -> list[str]:
        targets, burning = set(_targets(self.program)), loops(self.program)
        for pc, instruction in enumerate(self.program):
            if pc == 0 or pc in targets or self.program[pc - 1].code & op.CLASS_MASK in (op.JMP, op.RET):
                self.lines.append(f"{self.prefix}.{pc}:")
            if burning:
                self._burn()
            self.instruction(pc, instruction)
            if pc + 1 in targets and instruction.code & op.CLASS_MASK not in (op.JMP, op.RET):
                self.jump(pc + 1)
        return self.lines

    def get(self, register: str) -> str:
        return self.value(f"load i32, ptr %{register}")

    def set(self, register: str, value: str) -> None:
        self.lines.append(f"  store i32 {value}, ptr %{register}")

    def reject(self, bad: str) -> None:
        good = self.name()
        self.lines.extend((f"  br i1 {bad}, label %reject, label %{good}", f"{good}:"))

    def unless(self, bad: str, value: str, instead: str) -> str:
        self.reject(bad)
        return value

    def place(self, at: str, size: int, *, near: bool) -> str:
        if not near:
            self.reject(self.outside(at, size))
        return at

    def jump(self, target: int) -> None:
        self.lines.append(f"  br label %{self.prefix}.{target}")

    def branch(self, holds: str, then: int, orelse: int) -> None:
        self.lines.append(f"  br i1 {holds}, label %{self.prefix}.{then}, label %{self.prefix}.{orelse}")

    def answer(self, verdict: str) -> None:
        self.lines.append(f"  ret i64 {verdict}")

    def _burn(self) -> None:
        """As many instructions as the interpreter takes are enough."""
        fuel, alive = self.value("load i32, ptr %fuel"), self.name()
        self.lines.append(f"  store i32 {self.value(f'sub i32 {fuel}, 1')}, ptr %fuel")
        out = self.value(f"icmp eq i32 {fuel}, 0")
        self.lines.extend((f"  br i1 {out}, label %endless, label %{alive}", f"{alive}:"))


class _State(NamedTuple):
    """The condition under which an instruction is come to, and the registers then."""

    when: str
    registers: dict[str, str]


class Straight(Code):
    """A single block, of a program that does not jump back.

    All jumps go forward, so that all ways to an instruction are known when its turn comes. The near bytes are in
    memory, captured or not, at least LONGEST_LOAD of them: that is where a load is done that would be too far away.
    """

    def __init__(self, program: Program, prefix: str, near: int, *, linux: bool) -> None:
        super().__init__(program, prefix, near, linux=linux)
        self._coming: defaultdict[int, list[_State]] = defaultdict(list)
        self._coming[0].append(_State("true", dict.fromkeys(REGISTERS, "0")))
        self._when, self._registers = self._coming[0][0]
        self._verdict = "0"

    def write(self) -> list[str]:
        self.lines.append(f"{self.prefix}.0:")
        for pc, instruction in enumerate(self.program):
            if states := self._coming.pop(pc, None):
                self._when, self._registers = self._merged(states)
                self.instruction(pc, instruction)
                if instruction.code & op.CLASS_MASK not in (op.JMP, op.RET):
                    self.jump(pc + 1)
        self.lines.append(f"  ret i64 {self._verdict}")
        return self.lines

    def _merged(self, states: list[_State]) -> _State:
        when, registers = states[0].when, dict(states[0].registers)
        for state in states[1:]:
            for register, value in state.registers.items():
                if registers[register] != value:
                    chosen = f"select i1 {state.when}, i32 {value}, i32 {registers[register]}"
                    registers[register] = self.value(chosen)
            when = self.value(f"or i1 {when}, {state.when}")
        return _State(when, registers)

    def get(self, register: str) -> str:
        return self._registers[register]

    def set(self, register: str, value: str) -> None:
        self._registers[register] = value

    def reject(self, bad: str) -> None:
        self._when = self._both(self._when, self._not(bad))

    def unless(self, bad: str, value: str, instead: str) -> str:
        self.reject(bad)
        return self.value(f"select i1 {bad}, i32 {instead}, i32 {value}")

    def place(self, at: str, size: int, *, near: bool) -> str:
        outside = self.outside(at, size)
        self.reject(outside)
        return at if near else self.value(f"select i1 {outside}, i64 0, i64 {at}")

    def jump(self, target: int) -> None:
        self._coming[target].append(_State(self._when, dict(self._registers)))

    def branch(self, holds: str, then: int, orelse: int) -> None:
        registers = dict(self._registers)
        self._coming[then].append(_State(self._both(self._when, holds), registers))
        self._coming[orelse].append(_State(self._both(self._when, self._not(holds)), registers))

    def answer(self, verdict: str) -> None:
        if verdict != "0":
            self._verdict = self.value(f"select i1 {self._when}, i64 {verdict}, i64 {self._verdict}")

    def _both(self, one: str, other: str) -> str:
        return other if one == "true" else self.value(f"and i1 {one}, {other}")

    def _not(self, holds: str) -> str:
        return self.value(f"xor i1 {holds}, true")


def _targets(program: Program) -> Iterator[int]:
    """The instructions that jumps lead to."""
    for pc, (code, jt, jf, k) in enumerate(program):
        if code == op.JMP | op.JA:
            yield (pc + 1 + k) & WORD
        elif code & op.CLASS_MASK == op.JMP:
            yield pc + 1 + jt
            yield pc + 1 + jf

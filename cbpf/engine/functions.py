"""Programs as functions in LLVM's language, which takes them for what they mean to the interpreter.

Bytes at fixed places are checked for once: a packet that has all that the program may want runs through code without
checks, any other through code that checks every load. Long programs are not compiled but interpreted, by a kernel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from cbpf.engine.bytecode import ENDLESS, encoded, interpret
from cbpf.engine.interpreter import STEP_LIMIT, Semantics
from cbpf.engine.kernel import DECLARATIONS, compiled
from cbpf.engine.meaning import OF_A_DEVICE, WORD
from cbpf.engine.statements import linux_offset
from cbpf.machine.opcodes import (
    ABS,
    ADD,
    ALU,
    ANCILLARY_OFFSET,
    AND,
    CLASS_MASK,
    DIV,
    IMM,
    IND,
    JA,
    JEQ,
    JGE,
    JGT,
    JMP,
    JSET,
    LD,
    LDX,
    LEN,
    LINK_OFFSET,
    LSH,
    MEM,
    MISC,
    MOD,
    MODE_MASK,
    MSH,
    MUL,
    NEG,
    NETWORK_OFFSET,
    OR,
    RET,
    RSH,
    SCRATCH_CELLS,
    ST,
    STX,
    SUB,
    TAX,
    TXA,
    XOR,
    A,
    Ancillary,
    B,
    H,
    K,
    W,
    X,
)
from cbpf.machine.program import Instruction, Program

MOST_COMPILED: Final = 1_000
"""Instructions of a program that is worth machine code of its own; longer ones are interpreted by machine code."""

# Beyond this many bytes, loads at fixed places are checked one by one: not every packet is that long.
_FARTHEST_ASSURED: Final = 128
_MOST_DOUBLED: Final = 200  # instructions of a program that is worth being there twice

_SIZES: Final = {W: 4, H: 2, B: 1}
_OPERATIONS: Final = {ADD: "add", SUB: "sub", MUL: "mul", DIV: "udiv", MOD: "urem", AND: "and", OR: "or", XOR: "xor"}
_SHIFTS: Final = {LSH: "shl", RSH: "lshr"}
_COMPARISONS: Final = {JEQ: "eq", JGT: "ugt", JGE: "uge"}


def definition(program: Program, name: str, semantics: Semantics = "libpcap") -> str:
    """The function ``i64 @name(i64 packet, i64 caplen, i64 wirelen)`` for a valid program.

    ``packet`` is the address of the captured bytes, ``caplen`` their number. It gives the verdict, or ENDLESS.
    """
    if len(program) > MOST_COMPILED:
        return _interpreted(program, name)
    return _Function(program, semantics).text(name)


def runtime(programs: Iterable[Program], semantics: Semantics) -> str:
    """What the definitions of programs need besides: declarations, and the interpreter if one of them is long."""
    if all(len(program) <= MOST_COMPILED for program in programs):
        return DECLARATIONS
    given = {"LINUX": int(semantics == "linux"), "LITTLE": int(sys.byteorder == "little")}
    return DECLARATIONS + compiled([interpret], given)


def _interpreted(program: Program, name: str) -> str:
    """A function that has a program interpreted."""
    code = encoded(program)
    return f"""
@{name}.code = internal constant [{len(code)} x i8] c"{"".join(f"{chr(92)}{byte:02x}" for byte in code)}", align 8
define internal i64 @{name}(i64 %packet, i64 %caplen, i64 %wirelen) {{
  %cells = alloca [{SCRATCH_CELLS} x i64], align 8
  %scratch = ptrtoint ptr %cells to i64
  %code = ptrtoint ptr @{name}.code to i64
  %verdict = call i64 @interpret(i64 %code, i64 %packet, i64 0, i64 %caplen, i64 %wirelen, i64 %scratch)
  ret i64 %verdict
}}"""


class _Function:
    """A program, instruction by instruction. The registers are cells on the stack, which LLVM makes registers of."""

    def __init__(self, program: Program, semantics: Semantics) -> None:
        self._program = program
        self._linux = semantics == "linux"
        self._loops = any(code == JMP | JA and k > len(program) for code, _, _, k in program)
        self._targets = set(_targets(program))
        self._count = 0
        self._assured = 0  # bytes that are known to be captured
        self._prefix = ""
        self._lines: list[str] = []

    def text(self, name: str) -> str:
        inline = "alwaysinline " if len(self._program) <= _MOST_DOUBLED else ""
        self._emit(f"define internal i64 @{name}(i64 %packet, i64 %caplen, i64 %wirelen) {inline}{{")
        self._emit("  %length = trunc i64 %wirelen to i32")
        for register in ("A", "X", *(f"M{cell}" for cell in range(SCRATCH_CELLS)), "fuel"):
            self._emit(f"  %{register} = alloca i32")
            self._emit(f"  store i32 {STEP_LIMIT if register == 'fuel' else 0}, ptr %{register}")
        farthest = max((end for end in self._fixed_ends() if end <= _FARTHEST_ASSURED), default=0)
        if farthest and len(self._program) <= _MOST_DOUBLED:
            self._emit(f"  %enough = icmp uge i64 %caplen, {farthest}")
            self._emit("  br i1 %enough, label %fast.0, label %slow.0")
            self._body("fast", farthest)
        else:
            self._emit("  br label %slow.0")
        self._body("slow", 0)
        self._emit("reject:")
        self._emit("  ret i64 0")
        self._emit("endless:")
        self._emit(f"  ret i64 {ENDLESS}")
        self._emit("}")
        return "\n".join(self._lines)

    def _fixed_ends(self) -> Iterator[int]:
        """Where the loads at fixed places end."""
        for code, _, _, k in self._program:
            if code & CLASS_MASK == LD and code & MODE_MASK == ABS:
                yield self._offset(k) + _SIZES[code & 0x18]
            elif code == LDX | B | MSH:
                yield self._offset(k) + 1

    def _offset(self, k: int) -> int:
        return linux_offset(k) if self._linux else k

    def _body(self, prefix: str, assured: int) -> None:
        self._prefix, self._assured = prefix, assured
        for pc, instruction in enumerate(self._program):
            if pc == 0 or pc in self._targets or self._program[pc - 1].code & CLASS_MASK in (JMP, RET):
                self._emit(f"{prefix}.{pc}:")
            if self._loops:
                self._burn()
            self._instruction(pc, instruction)
            if pc + 1 in self._targets and instruction.code & CLASS_MASK not in (JMP, RET):
                self._emit(f"  br label %{prefix}.{pc + 1}")

    def _burn(self) -> None:
        """As many instructions as the interpreter takes are enough."""
        fuel, left, out, alive = self._fresh(), self._fresh(), self._fresh(), self._label()
        self._emit(f"  {fuel} = load i32, ptr %fuel")
        self._emit(f"  {left} = sub i32 {fuel}, 1")
        self._emit(f"  store i32 {left}, ptr %fuel")
        self._emit(f"  {out} = icmp eq i32 {fuel}, 0")
        self._emit(f"  br i1 {out}, label %endless, label %{alive}")
        self._emit(f"{alive}:")

    def _instruction(self, pc: int, instruction: Instruction) -> None:
        code, jt, jf, k = instruction
        match code & CLASS_MASK:
            case _ if code == LD | W | IMM:
                self._emit(f"  store i32 {k}, ptr %A")
            case _ if code == LDX | W | IMM:
                self._emit(f"  store i32 {k}, ptr %X")
            case _ if code in (LD | MEM, LDX | MEM):
                self._move(f"M{k}", "A" if code == LD | MEM else "X")
            case _ if code in (LD | W | LEN, LDX | W | LEN):
                self._emit(f"  store i32 %length, ptr %{'A' if code & CLASS_MASK == LD else 'X'}")
            case _ if code == LDX | B | MSH:
                self._header_length(self._offset(k))
            case _ if code & CLASS_MASK == LD and code & MODE_MASK == ABS:
                self._load_absolute(k, _SIZES[code & 0x18])
            case _ if code & CLASS_MASK == LD and code & MODE_MASK == IND:
                self._load_indirect(k, _SIZES[code & 0x18])
            case _ if code in (ST, STX):
                self._move("A" if code == ST else "X", f"M{k}")
            case _ if code == ALU | NEG:
                a, result = self._fresh(), self._fresh()
                self._emit(f"  {a} = load i32, ptr %A")
                self._emit(f"  {result} = sub i32 0, {a}")
                self._emit(f"  store i32 {result}, ptr %A")
            case _ if code & CLASS_MASK == ALU:
                self._calculate(code, k)
            case _ if code == MISC | TAX:
                self._move("A", "X")
            case _ if code == MISC | TXA:
                self._move("X", "A")
            case _ if code == JMP | JA:
                self._emit(f"  br label %{self._prefix}.{(pc + 1 + k) & WORD}")
            case _ if code & CLASS_MASK == JMP:
                self._branch(code, k, pc + 1 + jt, pc + 1 + jf)
            case _ if code == RET | K:
                self._emit(f"  ret i64 {k}")
            case _ if code == RET | A:
                a, result = self._fresh(), self._fresh()
                self._emit(f"  {a} = load i32, ptr %A")
                self._emit(f"  {result} = zext i32 {a} to i64")
                self._emit(f"  ret i64 {result}")
            case _:
                raise AssertionError(f"{code:#x} is verified not to be there")

    def _move(self, source: str, target: str) -> None:
        value = self._fresh()
        self._emit(f"  {value} = load i32, ptr %{source}")
        self._emit(f"  store i32 {value}, ptr %{target}")

    # Loads.

    def _load_absolute(self, k: int, size: int) -> None:
        if self._linux and k >= ANCILLARY_OFFSET:
            self._ancillary(k - ANCILLARY_OFFSET)
            return
        k = self._offset(k)
        self._loaded(str(k), size, checked=k + size > self._assured)

    def _load_indirect(self, k: int, size: int) -> None:
        x, at = self._fresh(), self._fresh()
        self._emit(f"  {x} = load i32, ptr %X")
        if self._linux:
            place = self._fresh()
            self._emit(f"  {place} = add i32 {x}, {k}")
            at = self._relative(place)
        else:
            wide = self._fresh()
            self._emit(f"  {wide} = zext i32 {x} to i64")
            self._emit(f"  {at} = add i64 {wide}, {k}")
        self._loaded(at, size, checked=True)

    def _relative(self, place: str) -> str:
        """A place as Linux means it, which may be relative to a header: both are at the packet's start."""
        for base in (LINK_OFFSET, NETWORK_OFFSET):
            far, less, chosen = self._fresh(), self._fresh(), self._fresh()
            upper = NETWORK_OFFSET if base == LINK_OFFSET else 1 << 32
            self._emit(f"  {far}a = icmp uge i32 {place}, {base}")
            if upper <= WORD:
                self._emit(f"  {far}b = icmp ult i32 {place}, {upper}")
                self._emit(f"  {far} = and i1 {far}a, {far}b")
            else:
                self._emit(f"  {far} = and i1 {far}a, true")
            self._emit(f"  {less} = sub i32 {place}, {base}")
            self._emit(f"  {chosen} = select i1 {far}, i32 {less}, i32 {place}")
            place = chosen
        at = self._fresh()
        self._emit(f"  {at} = zext i32 {place} to i64")
        return at

    def _ancillary(self, number: int) -> None:
        """No packet here has ever met a device: see ``LinuxMachine``."""
        if number == Ancillary.ALU_XOR_X:
            self._operation("xor", "X")
        elif number in OF_A_DEVICE:
            after = self._label()
            self._emit(f"  br i1 true, label %reject, label %{after}")
            self._emit(f"{after}:")
        else:
            self._emit("  store i32 0, ptr %A")

    def _header_length(self, k: int) -> None:
        byte = self._bytes(str(k), 1, checked=k + 1 > self._assured)
        low, length = self._fresh(), self._fresh()
        self._emit(f"  {low} = and i32 {byte}, 15")
        self._emit(f"  {length} = shl i32 {low}, 2")
        self._emit(f"  store i32 {length}, ptr %X")

    def _loaded(self, at: str, size: int, *, checked: bool) -> None:
        value = self._bytes(at, size, checked=checked)
        self._emit(f"  store i32 {value}, ptr %A")

    def _bytes(self, at: str, size: int, *, checked: bool) -> str:
        """The bytes at a place, in network order, as a number of 32 bits."""
        if checked:
            end, outside, inside = self._fresh(), self._fresh(), self._label()
            self._emit(f"  {end} = add i64 {at}, {size}")
            self._emit(f"  {outside} = icmp ugt i64 {end}, %caplen")
            self._emit(f"  br i1 {outside}, label %reject, label %{inside}")
            self._emit(f"{inside}:")
        address, pointer, value = self._fresh(), self._fresh(), self._fresh()
        bits = 8 * size
        self._emit(f"  {address} = add i64 %packet, {at}")
        self._emit(f"  {pointer} = inttoptr i64 {address} to ptr")
        self._emit(f"  {value} = load i{bits}, ptr {pointer}, align 1")
        if size > 1:
            swapped = self._fresh()
            self._emit(f"  {swapped} = call i{bits} @llvm.bswap.i{bits}(i{bits} {value})")
            value = swapped
        if size < 4:
            wide = self._fresh()
            self._emit(f"  {wide} = zext i{bits} {value} to i32")
            value = wide
        return value

    # Arithmetic and jumps.

    def _calculate(self, code: int, k: int) -> None:
        operator = code & 0xF0
        if operator in _SHIFTS:
            self._shift(_SHIFTS[operator], None if code & X else k)
        else:
            self._operation(_OPERATIONS[operator], "X" if code & X else k)

    def _operation(self, operator: str, operand: int | str) -> None:
        a, result = self._fresh(), self._fresh()
        self._emit(f"  {a} = load i32, ptr %A")
        if isinstance(operand, str):
            x = self._fresh()
            self._emit(f"  {x} = load i32, ptr %X")
            if operator in ("udiv", "urem"):
                zero, divided = self._fresh(), self._label()
                self._emit(f"  {zero} = icmp eq i32 {x}, 0")
                self._emit(f"  br i1 {zero}, label %reject, label %{divided}")
                self._emit(f"{divided}:")
        else:
            x = str(operand)
        self._emit(f"  {result} = {operator} i32 {a}, {x}")
        self._emit(f"  store i32 {result}, ptr %A")

    def _shift(self, operator: str, k: int | None) -> None:
        """By ``k``, or by X. Counts of 32 and more leave nothing, but Linux takes them modulo 32."""
        a, result = self._fresh(), self._fresh()
        if k is None:
            x, count, far = self._fresh(), self._fresh(), self._fresh()
            self._emit(f"  {x} = load i32, ptr %X")
            self._emit(f"  {count} = and i32 {x}, 31")
            self._emit(f"  {far} = icmp ugt i32 {x}, 31")
        else:
            count, far = str(k & 31), "true" if k > 31 else "false"
        self._emit(f"  {a} = load i32, ptr %A")
        self._emit(f"  {result} = {operator} i32 {a}, {count}")
        if not self._linux:
            kept = self._fresh()
            self._emit(f"  {kept} = select i1 {far}, i32 0, i32 {result}")
            result = kept
        self._emit(f"  store i32 {result}, ptr %A")

    def _branch(self, code: int, k: int, then: int, orelse: int) -> None:
        a, holds = self._fresh(), self._fresh()
        self._emit(f"  {a} = load i32, ptr %A")
        other = str(k)
        if code & X:
            other = self._fresh()
            self._emit(f"  {other} = load i32, ptr %X")
        if code & 0xF0 == JSET:
            common = self._fresh()
            self._emit(f"  {common} = and i32 {a}, {other}")
            self._emit(f"  {holds} = icmp ne i32 {common}, 0")
        else:
            self._emit(f"  {holds} = icmp {_COMPARISONS[code & 0xF0]} i32 {a}, {other}")
        self._emit(f"  br i1 {holds}, label %{self._prefix}.{then}, label %{self._prefix}.{orelse}")

    def _emit(self, line: str) -> None:
        self._lines.append(line)

    def _fresh(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _label(self) -> str:
        self._count += 1
        return f"b{self._count}"


def _targets(program: Program) -> Iterator[int]:
    """The instructions that jumps lead to."""
    for pc, (code, jt, jf, k) in enumerate(program):
        if code == JMP | JA:
            yield (pc + 1 + k) & WORD
        elif code & CLASS_MASK == JMP:
            yield pc + 1 + jt
            yield pc + 1 + jf

"""Instructions in terms of values: what A, X and scratch memory hold, told as ``cbpf.compiler.values`` tells it."""

from __future__ import annotations

from typing import Final, NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.optimize.fold import fold_value
from cbpf.compiler.values import WORD, Binary, Const, Length, Load, Negate, Value, Variable
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction

_ARITHMETIC: Final = {
    op.ADD: "+",
    op.SUB: "-",
    op.MUL: "*",
    op.DIV: "/",
    op.MOD: "%",
    op.AND: "&",
    op.OR: "|",
    op.XOR: "^",
    op.LSH: "<<",
    op.RSH: ">>",
}
_COMPARISONS: Final = {op.JEQ: "=", op.JGT: ">", op.JGE: ">=", op.JSET: "&"}
_SIZES: Final = {op.W: 4, op.H: 2, op.B: 1}
_ZERO: Final = Const(0)


class Registers(NamedTuple):
    """What a program begins with is zeros: libpcap's interpreter sees to that, and Linux's check that it is so."""

    a: Value = _ZERO
    x: Value = _ZERO
    cells: tuple[Value, ...] = (_ZERO,) * op.SCRATCH_CELLS

    def merged(self, other: Registers, place: int) -> Registers:
        """What they hold whichever way one came to instruction ``place``; a variable where that differs."""

        def either(one: Value, another: Value, name: str) -> Value:
            return one if one == another else Variable(f"{name} at {place}")

        pairs = zip(self.cells, other.cells, strict=True)
        cells = tuple(either(*pair, f"M[{number}]") for number, pair in enumerate(pairs))
        return Registers(either(self.a, other.a, "A"), either(self.x, other.x, "X"), cells)


def after(instruction: Instruction, registers: Registers) -> Registers:
    """The registers after an instruction that is no jump and no return."""
    code, _, _, k = instruction
    a, x, cells = registers
    match code & op.CLASS_MASK:
        case op.LD:
            return registers._replace(a=loaded(instruction, registers))
        case op.LDX:
            return registers._replace(x=loaded(instruction, registers))
        case op.ST | op.STX:
            kept = a if code & op.CLASS_MASK == op.ST else x
            return registers._replace(cells=(*cells[:k], kept, *cells[k + 1 :]))
        case op.ALU if code & op.OPERATION_MASK == op.NEG:
            return registers._replace(a=fold_value(Negate(a)))
        case op.ALU:
            operator = _ARITHMETIC[code & op.OPERATION_MASK]
            return registers._replace(a=fold_value(Binary(operator, a, x if code & op.SOURCE_MASK else Const(k))))
    return registers._replace(a=x) if code == op.MISC | op.TXA else registers._replace(x=a)


def loaded(instruction: Instruction, registers: Registers) -> Value:
    """What a load loads."""
    code, _, _, k = instruction
    size = _SIZES.get(code & op.SIZE_MASK, 4)
    match code & op.MODE_MASK:
        case op.IMM:
            return Const(k)
        case op.LEN:
            return Length()
        case op.MEM:
            return registers.cells[k]
        case op.MSH:
            return Binary("<<", Binary("&", Load(None, k, 1), Const(0x0F)), Const(2))
        case op.IND:
            base = registers.x
            if isinstance(base, Const):  # an index that wraps is no index in libpcap's interpreter
                return Load(None, min(base.number + k, WORD), size)
            return Load(base, k, size)
    return Load(None, k, size)


def asked(instruction: Instruction, registers: Registers) -> Test:
    """What a conditional jump asks."""
    operator = _COMPARISONS[instruction.code & op.OPERATION_MASK]
    return Test(operator, registers.a, registers.x if instruction.code & op.SOURCE_MASK else Const(instruction.k))


def is_jump(instruction: Instruction) -> bool:
    """Whether it is a conditional jump."""
    return instruction.code & op.CLASS_MASK == op.JMP and instruction.code & op.OPERATION_MASK != op.JA


def is_return(instruction: Instruction) -> bool:
    return instruction.code & op.CLASS_MASK == op.RET


def following(number: int, instruction: Instruction) -> tuple[int, ...]:
    """The instructions that may come next, for a conditional jump first if it holds."""
    if is_jump(instruction):
        return (number + 1 + instruction.jt, number + 1 + instruction.jf)
    if instruction.code & op.CLASS_MASK == op.JMP:
        return ((number + 1 + instruction.k) & WORD,)
    return () if is_return(instruction) else (number + 1,)

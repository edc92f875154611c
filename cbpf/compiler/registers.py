"""From values to instructions: how a node's values get into the accumulator A and the index register X.

What the registers hold is known from node to node, so nothing is loaded that is there already.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cbpf.compiler.graph import Branch, Let, Node, Test
from cbpf.compiler.values import COMMUTATIVE, Binary, Const, Length, Load, Members, Negate, Value, Variable, variables
from cbpf.errors import FilterError
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction

_ARITHMETIC = {
    "+": op.ADD,
    "-": op.SUB,
    "*": op.MUL,
    "/": op.DIV,
    "%": op.MOD,
    "&": op.AND,
    "|": op.OR,
    "^": op.XOR,
    "<<": op.LSH,
    ">>": op.RSH,
}
_JUMP = {"=": op.JEQ, ">": op.JGT, ">=": op.JGE, "&": op.JSET}
_SIZE = {1: op.B, 2: op.H, 4: op.W}
_NEGATE = op.ALU | op.NEG


class Registers(NamedTuple):
    """The values that A and X are known to hold."""

    a: frozenset[Value] = frozenset()
    x: frozenset[Value] = frozenset()

    def common(self, other: Registers) -> Registers:
        """What holds whichever way one came."""
        return Registers(self.a & other.a, self.x & other.x)


class NodeCode(NamedTuple):
    """A node's instructions, the conditional jump they end in if it is a branch, and the registers after them.

    ``missing`` are variables that it needs and that are neither in a register nor kept in a cell.
    """

    body: list[Instruction]
    jump: Instruction | None
    registers: Registers
    missing: frozenset[Variable]


def code(node: Node, registers: Registers, cells: dict[Variable, int]) -> NodeCode:
    """The instructions of a node that is entered with these registers; ``cells`` says where variables are kept.

    A variable without a cell is left in X, where it is needed most.
    """
    coder = _Coder(registers, cells)
    jump = None
    match node:
        case Branch(test, _, _):
            jump = coder.test(test)
        case Let(variable, value, _):
            coder.keep(variable, value)
    return NodeCode(coder.body, jump, Registers(coder.a, coder.x), frozenset(coder.missing))


class _Coder:
    """Appends to ``body`` and keeps track of what A and X hold."""

    def __init__(self, registers: Registers, cells: dict[Variable, int]) -> None:
        self.body: list[Instruction] = []
        self.a, self.x = registers
        self.cells = cells
        self.free_cell = max(cells.values(), default=-1) + 1
        self.missing: set[Variable] = set()

    def test(self, test: Test) -> Instruction:
        left, right = test.left, test.right
        assert not isinstance(right, Members), "a search makes comparisons of every set"
        if test.operator in "=&" and _better_swapped(left, right):
            left, right = right, left
        if isinstance(right, Const):
            self._to_a(left)
            return Instruction(op.JMP | _JUMP[test.operator] | op.K, 0, 0, right.number)
        self._to_both(left, right)
        return Instruction(op.JMP | _JUMP[test.operator] | op.X, 0, 0, 0)

    def keep(self, variable: Variable | None, value: Value) -> None:
        """Compute ``value``; keep it if that is for a variable."""
        if variable is None:
            if value not in self.x:
                self._to_a(value)
        elif variable not in self.cells:
            self._to_x(value)
            self._forget(variable)
            self.x |= {variable}
        elif value in self.x and value not in self.a:
            self._emit(op.STX, self.cells[variable])
            self._forget(variable)
            self.x |= {variable}
        else:
            self._to_a(value)
            self._emit(op.ST, self.cells[variable])
            self._forget(variable)
            self.a |= {variable}

    def _forget(self, variable: Variable) -> None:
        """What was computed from an earlier value of a variable is in no register any more."""
        self.a = frozenset(value for value in self.a if variable not in variables(value))
        self.x = frozenset(value for value in self.x if variable not in variables(value))

    def _to_a(self, value: Value) -> None:
        if value in self.a:
            return
        if value in self.x:
            self._emit(op.MISC | op.TXA)
            self.a = self.x
            return
        match value:
            case Const(number):
                self._emit(op.LD | op.W | op.IMM, number)
            case Length():
                self._emit(op.LD | op.W | op.LEN)
            case Variable():
                self._emit(op.LD | op.W | op.MEM, self._cell(value))
            case Load(None, offset, size):
                self._emit(op.LD | _SIZE[size] | op.ABS, offset)
            case Load(base, offset, size):
                assert base is not None
                self._to_x(base)
                self._emit(op.LD | _SIZE[size] | op.IND, offset)
            case Negate(operand):
                self._to_a(operand)
                self._emit(_NEGATE)
            case Binary():
                self._calculate(value)
        self.a = frozenset((value,))

    def _calculate(self, value: Binary) -> None:
        left, right = value.left, value.right
        if value.operator in COMMUTATIVE and _better_swapped(left, right):
            left, right = right, left
        operation = op.ALU | _ARITHMETIC[value.operator]
        if isinstance(right, Const):
            self._to_a(left)
            self._emit(operation | op.K, right.number)
        else:
            self._to_both(left, right)
            self._emit(operation | op.X)

    def _to_x(self, value: Value) -> None:
        if value in self.x:
            return
        header = header_length_at(value)
        match value:
            case Const(number):
                self._emit(op.LDX | op.W | op.IMM, number)
            case Length():
                self._emit(op.LDX | op.W | op.LEN)
            case Variable() if value not in self.a:
                self._emit(op.LDX | op.W | op.MEM, self._cell(value))
            case _ if header is not None and value not in self.a:
                self._emit(op.LDX | op.B | op.MSH, header)
            case _:
                self._to_a(value)
                self._emit(op.MISC | op.TAX)
                self.x = self.a
                return
        self.x = frozenset((value,))

    def _to_both(self, left: Value, right: Value) -> None:
        """``left`` in A and ``right`` in X."""
        if _loads_into_x(right) or (right in self.x and not _touches_x(left)):
            self._to_a(left)
            self._to_x(right)
        elif not _touches_x(left):
            self._to_x(right)
            self._to_a(left)
        elif _cells_needed(left) <= _cells_needed(right):
            cell = self._put_aside(right)
            self._to_a(left)
            self._emit(op.LDX | op.W | op.MEM, cell)
            self.x = frozenset((right,))
            self.free_cell -= 1
        else:
            cell = self._put_aside(left)
            self._to_x(right)
            self._emit(op.LD | op.W | op.MEM, cell)
            self.a = frozenset((left,))
            self.free_cell -= 1

    def _cell(self, variable: Variable) -> int:
        if variable not in self.cells:
            self.missing.add(variable)
        return self.cells.get(variable, 0)

    def _put_aside(self, value: Value) -> int:
        """Keep a value in a scratch cell while something else is computed."""
        cell = self.free_cell
        if cell >= op.SCRATCH_CELLS:
            raise FilterError(f"the expression needs more than the machine's {op.SCRATCH_CELLS} scratch cells")
        self._to_a(value)
        self._emit(op.ST, cell)
        self.free_cell += 1
        return cell

    def _emit(self, opcode: int, k: int = 0) -> None:
        self.body.append(Instruction(opcode, 0, 0, k))


def header_length_at(value: Value) -> int | None:
    """k if the value is 4 * (byte k & 15), which X can load at once."""
    match value:
        case Binary("<<", Binary("&", Load(None, offset, 1), Const(0x0F)), Const(2)):
            return offset
    return None


def _loads_into_x(value: Value) -> bool:
    """Whether one instruction puts the value into X and leaves A alone."""
    return isinstance(value, Const | Length | Variable) or header_length_at(value) is not None


def _better_swapped(left: Value, right: Value) -> bool:
    """Whether having ``right`` in A and ``left`` in X, or in the instruction, is better than the other way round."""
    if isinstance(left, Const) or isinstance(right, Const):
        return not isinstance(right, Const)
    if _loads_into_x(right):
        return False
    return _loads_into_x(left) or (_touches_x(left) and not _touches_x(right))


@lru_cache(maxsize=4096)
def _cells_needed(value: Value) -> int:
    """How many scratch cells computing the value takes at once."""
    match value:
        case Load(base, _, _):
            return 0 if base is None else _cells_needed(base)
        case Negate(operand):
            return _cells_needed(operand)
        case Binary(operator, left, right):
            if operator in COMMUTATIVE and _better_swapped(left, right):
                left, right = right, left
            first, second = _cells_needed(left), _cells_needed(right)
            if _loads_into_x(right) or not _touches_x(left):
                return max(first, second)
            return max(first, second) + (first == second)
    return 0


@lru_cache(maxsize=4096)
def _touches_x(value: Value) -> bool:
    """Whether computing the value in A needs X on the way."""
    match value:
        case Load(base, _, _):
            return base is not None
        case Negate(operand):
            return _touches_x(operand)
        case Binary(operator, left, right):
            if operator in COMMUTATIVE and _better_swapped(left, right):
                left, right = right, left
            return _touches_x(left) or not isinstance(right, Const)
    return False

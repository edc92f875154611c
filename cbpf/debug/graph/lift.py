"""From a program back to a decision graph: what its instructions ask of a packet, without registers.

A program is followed on all ways at once; where two ways meet with the same in the registers they are one. Loads whose
value nobody asks for still have to succeed, and are nodes of their own. How many bytes of a packet are kept is left
out: the verdict is to accept or to reject.
"""

from __future__ import annotations

from typing import Final

from cbpf.compiler.graph import ACCEPT, REJECT, Builder, Graph, Node, Spans, Test, node_hazards, successors
from cbpf.compiler.values import WORD, Binary, Const, Load, Negate, Value, Variable, hazards, upper_bound
from cbpf.debug.graph.symbols import Registers, after, asked, following, is_jump, is_return
from cbpf.errors import ProgramError
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction, Program

MOST: Final = 50_000  # instructions, each counted for every state it is reached in
_LARGEST_VALUE: Final = 24  # operations; what is more goes on as a variable

_State = tuple[int, Registers]
Register = str | int  # A, X, or the number of a cell


def lift(program: Program) -> Graph:
    """The decision graph of a valid program. Raises ProgramError if it jumps back, or if there are too many ways."""
    return _Lifting(program).run()


class _Lifting:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.live = live_registers(program)
        self.build = Builder()
        self.sure: dict[Node, frozenset[Value] | None] = {REJECT: None, ACCEPT: frozenset()}

    def run(self) -> Graph:
        arrivals: list[dict[Registers, None]] = [{} for _ in self.program]
        arrivals[0][Registers()] = None
        count = 0
        for pc, here in enumerate(arrivals):
            count += len(here)
            if count > MOST:
                raise ProgramError("there are too many ways through the program to show more than its control flow")
            for registers in here:
                for target, state in self._following(pc, registers):
                    arrivals[target][state] = None
        nodes: dict[_State, Node] = {}
        for pc in range(len(self.program) - 1, -1, -1):
            for registers in arrivals[pc]:
                ways = [nodes[state] for state in self._following(pc, registers)]
                nodes[pc, registers] = self._node(pc, registers, ways)
        return self.build.graph(nodes[0, Registers()])

    def _following(self, pc: int, registers: Registers) -> list[_State]:
        """The states behind a state. Registers that nobody reads any more are forgotten."""
        instruction = self.program[pc]
        if not is_return(instruction) and instruction.code & op.CLASS_MASK != op.JMP:
            registers = _small(after(instruction, registers), pc)
        return [(target, _kept(registers, self.live[target])) for target in following(pc, instruction)]

    def _node(self, pc: int, registers: Registers, ways: list[Node]) -> Node:
        instruction = self.program[pc]
        spans: Spans = frozenset(self.program.spans[pc]) if self.program.spans else frozenset()
        if instruction.code == op.RET | op.K:
            return ACCEPT if instruction.k else REJECT
        if is_return(instruction):
            return self._made(self.build.branch(Test("=", registers.a, Const(0)), REJECT, ACCEPT, spans))
        if is_jump(instruction) and ways[0] is not ways[1]:
            return self._made(self.build.branch(asked(instruction, registers), ways[0], ways[1], spans))
        if instruction.code & op.CLASS_MASK == op.JMP:
            return ways[0]
        return self._in_reach(instruction, registers, self._computed(pc, registers, ways[0], spans), spans)

    def _in_reach(self, instruction: Instruction, registers: Registers, node: Node, spans: Spans) -> Node:
        """A node behind a load, behind the question whether the index of that wraps.

        libpcap's interpreter rejects the packet if it does, while sums of values wrap.
        """
        code, _, _, k = instruction
        indirect = code & (op.CLASS_MASK | op.MODE_MASK) == op.LD | op.IND
        if not indirect or isinstance(registers.x, Const) or upper_bound(registers.x) + k <= WORD:
            return node
        return self._made(self.build.branch(Test(">", registers.x, Const(WORD - k)), REJECT, node, spans))

    def _computed(self, pc: int, registers: Registers, node: Node, spans: Spans) -> Node:
        """The node behind an instruction that loads or computes, behind one for what it needs to succeed.

        Nothing is needed for what is computed anyway on every way on that accepts.
        """
        exact = after(self.program[pc], registers)
        for old, new in ((registers.a, exact.a), (registers.x, exact.x)):
            if _size(new) > _LARGEST_VALUE:
                return self._made(self.build.let(_variable(pc), new, node, spans))
            risks = set(hazards(new)) - set(hazards(registers.a)) - set(hazards(registers.x))
            sure = self.sure[node]
            if new is not old and risks and sure is not None and not risks <= sure:
                return self._made(self.build.let(None, new, node, spans))
        return node

    def _made(self, node: Node) -> Node:
        """A node, of which it is remembered what is computed on every way from it that accepts."""
        if node not in self.sure:
            behind = [sure for way in successors(node) if (sure := self.sure[way]) is not None]
            self.sure[node] = frozenset.intersection(*behind).union(node_hazards(node)) if behind else None
        return node


def live_registers(program: Program) -> list[frozenset[Register]]:
    """What is read before it is written, from each instruction on. Raises ProgramError for a jump back."""
    found: list[frozenset[Register]] = [frozenset()] * len(program)
    for pc in range(len(program) - 1, -1, -1):
        targets = following(pc, program[pc])
        if any(target <= pc for target in targets):
            raise ProgramError("the program jumps back: only its control flow can be shown", index=pc)
        reads, writes = read_by(program[pc]), written_by(program[pc])
        found[pc] = frozenset().union(*(found[target] for target in targets)) - writes | reads
    return found


def read_by(instruction: Instruction) -> set[Register]:
    """The registers that an instruction reads."""
    code, _, _, k = instruction
    kind, uses_x = code & op.CLASS_MASK, bool(code & op.SOURCE_MASK)
    match kind:
        case op.LD | op.LDX if code & op.MODE_MASK == op.MEM:
            return {k}
        case op.LD | op.LDX:
            return {"X"} if code & op.MODE_MASK == op.IND else set()
        case op.ST:
            return {"A"}
        case op.STX:
            return {"X"}
        case op.RET:
            return set() if code == op.RET | op.K else {"A"}
        case op.JMP if not is_jump(instruction):
            return set()
        case op.MISC:
            return {"X"} if code == op.MISC | op.TXA else {"A"}
    return {"A", "X"} if uses_x else {"A"}


def written_by(instruction: Instruction) -> set[Register]:
    """The register that an instruction writes, if it does."""
    code, _, _, k = instruction
    match code & op.CLASS_MASK:
        case op.LD | op.ALU:
            return {"A"}
        case op.LDX:
            return {"X"}
        case op.ST | op.STX:
            return {k}
        case op.MISC:
            return {"A"} if code == op.MISC | op.TXA else {"X"}
    return set()


_NOTHING: Final = Registers()


def _kept(registers: Registers, live: frozenset[Register]) -> Registers:
    a, x, cells = registers
    if cells is not _NOTHING.cells:  # most programs have nothing in scratch memory
        cells = tuple(cell if number in live else _NOTHING.a for number, cell in enumerate(cells))
    return Registers(a if "A" in live else _NOTHING.a, x if "X" in live else _NOTHING.x, cells)


def _small(registers: Registers, pc: int) -> Registers:
    """The registers, with a variable in place of what is too large to be written down again and again."""

    def small(value: Value) -> Value:
        return _variable(pc) if _size(value) > _LARGEST_VALUE else value

    return registers._replace(a=small(registers.a), x=small(registers.x))


def _variable(pc: int) -> Variable:
    return Variable(f"value of instruction {pc}")


def _size(value: Value) -> int:
    match value:
        case Binary(_, left, right):
            return 1 + _size(left) + _size(right)
        case Negate(operand):
            return 1 + _size(operand)
        case Load(base, _, _) if base is not None:
            return 1 + _size(base)
    return 1

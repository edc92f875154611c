"""From a program back to a decision graph: what its instructions ask of a packet, without registers.

A program is followed on all ways at once; where two ways meet with the same in the registers they are one. Loads whose
value nobody asks for still have to succeed, and are nodes of their own. How many bytes of a packet are kept is left
out: the verdict is to accept or to reject.
"""

from __future__ import annotations

from typing import Final

from cbpf.compiler.graph import ACCEPT, REJECT, Builder, Graph, Node, Spans, Test
from cbpf.compiler.values import Binary, Const, Load, Negate, Value, Variable, hazards
from cbpf.debug.graph.symbols import Registers, after, asked, following, is_jump, is_return
from cbpf.errors import ProgramError
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction, Program

MOST: Final = 50_000  # instructions, each counted for every state it is reached in
_LARGEST_VALUE: Final = 24  # operations; what is more goes on as a variable

_State = tuple[int, Registers]


def lift(program: Program) -> Graph:
    """The decision graph of a valid program. Raises ProgramError if it jumps back, or if there are too many ways."""
    return _Lifting(program).run()


class _Lifting:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.wanted = _wanted(program)

    def run(self) -> Graph:
        states: dict[_State, None] = {(0, Registers()): None}
        arrivals: list[dict[Registers, None]] = [{} for _ in self.program]
        arrivals[0][Registers()] = None
        for pc, here in enumerate(arrivals):
            for registers in here:
                for state in self._following(pc, registers):
                    states[state] = None
                    arrivals[state[0]][state[1]] = None
            if len(states) > MOST:
                raise ProgramError("there are too many ways through the program; its control flow can be shown")
        return self._build(states)

    def _following(self, pc: int, registers: Registers) -> list[_State]:
        """The states behind a state. Registers that nobody reads any more are forgotten."""
        instruction = self.program[pc]
        if not is_return(instruction) and instruction.code & op.CLASS_MASK != op.JMP:
            registers = _small(after(instruction, registers), pc)
        return [(target, self.wanted[target](registers)) for target in following(pc, instruction)]

    def _build(self, states: dict[_State, None]) -> Graph:
        build = Builder()
        nodes: dict[_State, Node] = {}
        for state in sorted(states, key=lambda state: state[0], reverse=True):
            pc, registers = state
            ways = [nodes[following] for following in self._following(pc, registers)]
            nodes[state] = self._node(pc, registers, ways, build)
        return build.graph(nodes[0, Registers()])

    def _node(self, pc: int, registers: Registers, ways: list[Node], build: Builder) -> Node:
        instruction = self.program[pc]
        spans: Spans = frozenset(self.program.spans[pc]) if self.program.spans else frozenset()
        if is_return(instruction):
            if instruction.code == op.RET | op.K:
                return ACCEPT if instruction.k else REJECT
            return build.branch(Test("=", registers.a, Const(0)), REJECT, ACCEPT, spans)
        if is_jump(instruction):
            if ways[0] is ways[1]:
                return ways[0]
            return build.branch(asked(instruction, registers), ways[0], ways[1], spans)
        if instruction.code & op.CLASS_MASK == op.JMP:
            return ways[0]
        return self._computed(instruction, registers, pc, ways[0], build, spans)

    def _computed(
        self, instruction: Instruction, registers: Registers, pc: int, node: Node, build: Builder, spans: Spans
    ) -> Node:
        """The node behind an instruction that loads or computes, behind one for what it needs to succeed.

        A test that comes next computes what it asks about itself.
        """
        exact = after(instruction, registers)
        for old, new in ((registers.a, exact.a), (registers.x, exact.x)):
            if _size(new) > _LARGEST_VALUE and not isinstance(new, Variable):
                return build.let(_variable(pc), new, node, spans)
            if new is not old and hazards(new) and not _is_asked(new, node):
                return build.let(None, new, node, spans)
        return node


def _is_asked(value: Value, node: Node) -> bool:
    """Whether a node cannot but compute a value."""
    from cbpf.compiler.graph import node_hazards

    return set(hazards(value)) <= set(node_hazards(node))


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

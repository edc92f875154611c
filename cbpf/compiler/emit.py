"""From the decision graph to a program: instructions laid out so that every jump goes forward.

Conditional jumps reach 255 instructions. The code is laid out from its end to its beginning, so that when a jump is
placed, the distance to its targets is known for good; where it is too far, a step on the way is put right behind the
jump: a copy of the return, or an unconditional jump, which reaches any distance. Programs that use scratch memory get
no copies of returns: Linux's check that cells are written before they are read takes a return to run on into what
stands behind it, and would refuse them.
"""

from __future__ import annotations

from cbpf.compiler.cells import assign_cells
from cbpf.compiler.graph import Branch, Graph, Let, Node, Spans, Verdict, successors
from cbpf.compiler.registers import NodeCode, Registers, code
from cbpf.compiler.values import Variable
from cbpf.errors import FilterError, Span
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction

FARTHEST_JUMP = 255
_STORES = (op.ST, op.STX)

Emitted = list[tuple[Instruction, tuple[Span, ...]]]


def emit(graph: Graph, snaplen: int, *, keep_registers: bool) -> Emitted:
    """The instructions of a graph, each with the parts of the expression it came from.

    ``keep_registers`` uses what a node finds in the registers; without it every node loads all it needs itself.
    Raises FilterError for arithmetic that does not fit the machine's scratch memory.
    """
    codes = _codes(graph, keep_registers)
    uses_scratch = any(instruction.code in _STORES for made in codes.values() for instruction in made.body)
    return _Layout(graph.spans, snaplen, copy_returns=not uses_scratch).lay(graph.order, codes)


def _codes(graph: Graph, keep_registers: bool) -> dict[Node, NodeCode]:
    """The code of every node. A variable that some node does not find in a register has a cell in scratch memory."""
    bound = (node.variable for node in graph.order if isinstance(node, Let))
    kept: set[Variable] = set() if keep_registers else {variable for variable in bound if variable is not None}
    while True:
        cells = assign_cells(graph.order, kept)
        codes: dict[Node, NodeCode] = {}
        arriving: dict[Node, Registers] = {graph.root: Registers()}
        missing: set[Variable] = set()
        for node in graph.order:
            try:
                made = codes[node] = code(node, arriving.pop(node) if keep_registers else Registers(), cells)
            except FilterError as error:
                error.span = min(graph.spans[node], default=error.span)
                raise
            missing |= made.missing
            for following in successors(node):
                arriving[following] = made.registers.common(arriving.get(following, made.registers))
        if not missing:
            return codes
        kept |= missing


class _Layout:
    """The program backwards: position 0 is its last instruction."""

    def __init__(self, spans: dict[Node, Spans], snaplen: int, *, copy_returns: bool) -> None:
        self.spans = spans
        self.snaplen = snaplen
        self.copy_returns = copy_returns
        self.placed: Emitted = []
        self.entry: dict[Node, int] = {}  # the position of a node's first instruction
        self.relay: dict[Node, int] = {}  # the position of the nearest jump to it, or copy of it

    def lay(self, order: list[Node], codes: dict[Node, NodeCode]) -> Emitted:
        ends = [node for node in order if isinstance(node, Verdict)]
        for end in sorted(ends, key=lambda verdict: verdict.accept):
            self._place(self._return(end), end)
            self.entry[end] = len(self.placed) - 1
        for node in reversed(order):
            match node:
                case Branch(_, then, orelse):
                    self._branch(node, then, orelse, codes[node])
                case Let(_, _, following):
                    self._go_on(node, following)
                case Verdict():
                    continue
            for instruction in reversed(codes[node].body):
                self._place(instruction, node)
            self.entry[node] = len(self.placed) - 1
        return self.placed[::-1]

    def _branch(self, node: Node, then: Node, orelse: Node, code: NodeCode) -> None:
        assert code.jump is not None
        for _ in range(2):  # the relay for one way may push the other way out of reach
            for target in (orelse, then):
                if self._distance(target) > FARTHEST_JUMP:
                    self._place_relay(node, target)
        self._place(code.jump._replace(jt=self._distance(then), jf=self._distance(orelse)), node)

    def _go_on(self, node: Node, following: Node) -> None:
        """Fall through to what follows if it comes next; otherwise go there."""
        if self._distance(following):
            self._place_relay(node, following)

    def _distance(self, target: Node) -> int:
        """How many instructions lie between the next one placed and the nearest that leads to ``target``."""
        return len(self.placed) - 1 - max(self.entry[target], self.relay.get(target, -1))

    def _place_relay(self, node: Node, target: Node) -> None:
        if isinstance(target, Verdict) and self.copy_returns:
            self._place(self._return(target), node)
        else:
            self._place(Instruction(op.JMP | op.JA, 0, 0, len(self.placed) - 1 - self.entry[target]), node)
        self.relay[target] = len(self.placed) - 1

    def _return(self, verdict: Verdict) -> Instruction:
        return Instruction(op.RET | op.K, 0, 0, self.snaplen if verdict.accept else 0)

    def _place(self, instruction: Instruction, node: Node) -> None:
        self.placed.append((instruction, tuple(sorted(self.spans.get(node, ())))))

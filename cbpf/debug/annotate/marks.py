"""An expression as a program that counts what becomes of its primitives.

The program that decides has them merged and reordered. This one has each of them in its place, without optimization,
between marks: instructions that do nothing but to be counted, at the entry of a primitive, and where it is left because
it holds or does not. It is what ``cbpf.debug.clauses`` asks of one packet, for many.

A primitive that makes no difference (a later one never holds on this link type, say) is not part of the program that
decides. Here it is asked nevertheless; but a packet that is too short for it goes on to the next one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cbpf.compiler import links
from cbpf.compiler.emit import Emitted, emit
from cbpf.compiler.flow import ACCEPTED, REJECTED, Step
from cbpf.compiler.graph import ACCEPT, REJECT, Builder, Graph, Node, Spans, Test, topological
from cbpf.compiler.layers import Layer
from cbpf.compiler.liveness import wanted_variables
from cbpf.compiler.lower import State, Way, Ways
from cbpf.compiler.predicates import Predicate, wire
from cbpf.compiler.values import Const, Value, Variable
from cbpf.debug.annotate.runs import merged, passing, runs
from cbpf.engine.counting import Counting, Counts, may_cut
from cbpf.errors import Span
from cbpf.language.names import AskedOnce, Names
from cbpf.machine.program import Program

_SNAPLEN: Final = 1  # bytes that it keeps of a packet that matches, which nobody looks at
_ENDS: Final[dict[int, Node]] = {ACCEPTED: ACCEPT, REJECTED: REJECT}
_ENTRY, _HELD, _FAILED, _SKIPPED, _INSIDE = range(5)  # what a mark is for, or that it is none
_RUN, _PASSED_OVER, _HIT = range(5, 8)  # of a list of primitives: where it is come to, left, and gone through


class Asked(NamedTuple):
    """Of a primitive: how many packets reached it, for how many it held, failed, and could not be computed.

    Of the latter, which were rejected then, ``skipped`` ones went on, since it makes no difference.
    """

    reached: int
    passed: int
    failed: int
    cut: int
    skipped: int


class Marked:
    """The marked program of an expression, of which ``steps`` are the flow, for packets of a LINKTYPE number.

    Raises FilterError for what does not compile.
    """

    def __init__(self, steps: list[Step], linktype: int, names: Names, netmask: int | None) -> None:
        layer = links.layer_for(linktype)
        ways = Ways(steps, layer, AskedOnce(names), netmask).explore()
        marking = _Marking(layer, ways)
        emitted = emit(marking.graph(), _SNAPLEN, keep_registers=False)
        self._places = _places(emitted)
        self._states: Final = list(ways)
        self._runs: Final = marking.runs
        self._length = len(steps)
        program = Program((instruction for instruction, _ in emitted), linktype=linktype, snaplen=_SNAPLEN)
        self.counting: Final = Counting(program, _escapes(emitted, self._places))

    def asked(self, counts: Counts) -> list[Asked]:
        """What became of each step, from what its program counted."""
        found = [Asked(0, 0, 0, 0, 0)] * self._length

        def add(number: int, *more: int) -> None:
            found[number] = Asked(*map(sum, zip(found[number], more, strict=True)))

        for index, (number, _) in enumerate(self._states):
            reached, held, failed, skipped = self._marked(counts, index, _ENTRY, _HELD, _FAILED, _SKIPPED)
            add(number, reached, held, failed, reached - held - failed, skipped)
        for index, run in enumerate(self._runs):
            reached, over, hit = self._marked(counts, index, _RUN, _PASSED_OVER, _HIT)
            cut = reached - over - hit  # by the first of them
            add(run[0][0], cut, 0, 0, cut, 0)
            for number, _ in run:
                add(number, over, 0, over, 0, 0)
        return found

    def _marked(self, counts: Counts, index: int, *marks: int) -> list[int]:
        """How often marks were come to; those that are not in the program never were."""
        places = [self._places.get(Span(index, what)) for what in marks]
        return [0 if place is None else counts.executed[place] for place in places]


def next_step(step: Step) -> int:
    """Where a packet goes on that is too short for a step which makes no difference: the next one that may follow."""
    return min((step.then, step.orelse), key=_nearness)


def _nearness(number: int) -> tuple[bool, int]:
    return number < 0, number


def _places(emitted: Emitted) -> dict[Span, int]:
    """The instruction that each mark is: the first, a jump may stand behind it."""
    places: dict[Span, int] = {}
    for pc, (_, spans) in enumerate(emitted):
        for span in spans:
            places.setdefault(span, pc)
    return places


def _escapes(emitted: Emitted, places: dict[Span, int]) -> dict[int, int]:
    return {
        pc: places[Span(span.start, _SKIPPED)]
        for pc, (instruction, spans) in enumerate(emitted)
        for span in spans
        if span.end == _INSIDE and may_cut(instruction)
    }


class _Builder(Builder):
    """One in which what never can be computed leads to where the present state has it."""

    refused: Node = REJECT

    def branch(self, test: Test, then: Node, orelse: Node, spans: Spans) -> Node:
        node = super().branch(test, then, orelse, spans)
        return self.refused if node is REJECT else node

    def let(self, variable: Variable | None, value: Value, following: Node, spans: Spans) -> Node:
        node = super().let(variable, value, following, spans)
        return self.refused if node is REJECT else node


class _Marking:
    """Makes the graph. A span says which mark a node is: the number of the state, and what the mark is for."""

    def __init__(self, layer: Layer, ways: dict[State, tuple[Way, ...]]) -> None:
        self._layer = layer
        self._ways = {state: way for state, (way, *_) in ways.items()}  # there are more in Linux's kernel alone
        self._build = _Builder()
        self._plain = _plain(self._ways)
        self._bound = _wanted(self._plain[0, layer], layer) if ways else []
        self._relevant = {state: self._matters(state, way) for state, way in self._ways.items()}
        self._lists = runs(self._ways, self._relevant)
        self.runs: list[list[State]] = []
        self._marks = 0

    def graph(self) -> Graph:
        nodes: dict[State, Node] = {}
        for index, (state, way) in reversed(list(enumerate(self._ways.items()))):
            then, orelse = (_ENDS.get(target[0]) or nodes[target] for target in (way.then, way.orelse))
            held, failed = self._mark(index, _HELD, then), self._mark(index, _FAILED, orelse)
            self._build.refused = REJECT
            if self._relevant[state]:
                inside = wire(way.meaning, held, failed, self._build, frozenset())
            else:
                inside = self._skippable(index, way, held, failed, nodes)
            nodes[state] = self._mark(index, _ENTRY, inside)
            for run in self._lists.get(state, ()):
                nodes[state] = self._passing(run, nodes)
        self._build.refused = REJECT
        root = nodes[0, self._layer] if nodes else ACCEPT
        for binding in reversed(self._bound):
            root = wire(binding, root, REJECT, self._build, frozenset())
        return self._build.graph(wire(self._layer.required, root, REJECT, self._build, frozenset()))

    def _skippable(self, index: int, way: Way, held: Node, failed: Node, nodes: dict[State, Node]) -> Node:
        """A state that makes no difference, with a mark that no jump leads to, but only what cannot be computed."""
        later = min((way.then, way.orelse), key=lambda state: _nearness(state[0]))
        skipped = self._mark(index, _SKIPPED, _ENDS.get(later[0]) or nodes[later])
        self._build.refused = skipped
        spans = frozenset((Span(index, _INSIDE),))
        inside = wire(way.meaning, held, failed, self._build, spans)
        for variable, binding in reversed(self._layer.computed):
            if binding not in self._bound and variable in wanted_variables(topological(inside))[inside]:
                inside = wire(binding, inside, skipped, self._build, spans)
        return self._build.branch(Test("=", Const(0), Const(1)), skipped, inside, frozenset())

    def _passing(self, run: list[State], nodes: dict[State, Node]) -> Node:
        """A list that packets pass over for which none of it holds."""
        index = len(self.runs)
        self.runs.append(run)
        target = self._ways[run[-1]].orelse
        over = self._mark(index, _PASSED_OVER, _ENDS.get(target[0]) or nodes[target])
        hit = self._mark(index, _HIT, nodes[run[0]])
        self._build.refused = REJECT
        together = merged([self._ways[state].meaning for state in run])
        assert together is not None
        return self._mark(index, _RUN, passing(together, hit, over, hit, self._build))

    def _matters(self, state: State, way: Way) -> bool:
        """Whether the program that decides tests a state at all: not if both ways go on at the same place."""
        then, orelse = (_ENDS.get(target[0]) or self._plain[target] for target in (way.then, way.orelse))
        return not (then is orelse and self._plain[state] is then)

    def _mark(self, index: int, what: int, following: Node) -> Node:
        self._marks += 1
        return self._build.let(None, Const(self._marks), following, frozenset((Span(index, what),)))


def _plain(ways: dict[State, Way]) -> dict[State, Node]:
    """The node that each state begins with, as in the graph that programs are made of."""
    build = Builder()
    nodes: dict[State, Node] = {}
    for state, way in reversed(ways.items()):
        then, orelse = (_ENDS.get(target[0]) or nodes[target] for target in (way.then, way.orelse))
        nodes[state] = wire(way.meaning, then, orelse, build, frozenset())
    return nodes


def _wanted(root: Node, layer: Layer) -> list[Predicate]:
    """What binds the places that depend on the packet, of those that the program that decides wants."""
    build, found = Builder(), []
    for variable, binding in reversed(layer.computed):
        if variable in wanted_variables(topological(root))[root]:
            root = wire(binding, root, REJECT, build, frozenset())
            found.append(binding)
    return found[::-1]

"""An expression clause by clause: what each primitive says of one packet, in its place, and which of them decide.

Every primitive is read in the layer in which it is written (behind `vlan`, inside a tunnel...), as for compiling, and
judged with the packet at hand; what a program would not come to is not looked at. Then those that decide are the first
operand of an `and` that fails, all operands of an `or` that fails, and the other way round for what holds.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from cbpf.compiler import links
from cbpf.compiler.flow import ACCEPTED, REJECTED, flow
from cbpf.compiler.graph import ACCEPT, REJECT, Builder, Node, topological
from cbpf.compiler.layers import Layer
from cbpf.compiler.liveness import wanted_variables
from cbpf.compiler.lower import Way, Ways
from cbpf.compiler.predicates import Predicate, wire
from cbpf.debug.evaluate import Evaluator, Judgement, NotComputed
from cbpf.errors import FilterError, Span
from cbpf.language.names import AskedOnce, Names
from cbpf.language.parser import parse
from cbpf.language.syntax import And, Expression, Not, Or, Primitive, Qualified, operands

_State = tuple[int, Layer]


class Clause(NamedTuple):
    """A primitive that was asked of a packet.

    * ``number``: its place among the primitives of the expression, from 0; ``span`` its characters, ``text`` those.
    * ``layer``: what it is read in; ``meaning`` what it comes to there.
    * ``judgement``: whether it holds and why; None if that cannot be computed: then ``missing`` says what is.
    * ``relevant``: False if the expression goes on in the same way whether it holds or not.
    """

    number: int
    span: Span
    text: str
    primitive: Primitive
    layer: Layer
    meaning: Predicate
    judgement: Judgement | None
    missing: NotComputed | None = None
    relevant: bool = True

    @property
    def holds(self) -> bool | None:
        return None if self.judgement is None else self.judgement.holds


class Deciding(NamedTuple):
    """A clause that decides; ``negated`` if an odd number of `not` is in front of it."""

    clause: Clause
    negated: bool


class Verdict(NamedTuple):
    """What an expression says of a packet.

    * ``asked``: the clauses that were asked, in order.
    * ``deciding``: as few as are needed for the verdict. If the packet was rejected because something could not be
      computed it is the clause that wanted it, or none, if that is what the link type needs to be read at all.
    * ``missing``: what could not be computed then.
    * ``foreign``: the packet is not what the link type promises, and was rejected before anything was asked.
    """

    matched: bool
    asked: tuple[Clause, ...]
    deciding: tuple[Deciding, ...]
    missing: NotComputed | None = None
    foreign: bool = False


class Clauses:
    """An expression for packets of one link type, ready to be asked clause by clause.

    ``linktype`` is a LINKTYPE number, ``netmask`` (32 bits) what `ip broadcast` needs. Raises FilterError for what
    does not compile; but an expression that no packet matches is one to be asked why.
    """

    def __init__(
        self, expression: str, linktype: int, *, names: Names | None = None, netmask: int | None = None
    ) -> None:
        self.expression = expression
        self.layer = links.layer_for(linktype)
        self._names = AskedOnce(names or Names())
        self._netmask = netmask
        try:
            self.tree = parse(expression)
            self.steps = flow(self.tree) if self.tree else []
            ways = Ways(self.steps, self.layer, self._names, netmask)
            self._ways: dict[_State, tuple[Way, ...]] = ways.explore()
        except FilterError as error:
            error.expression = expression
            raise
        self._nodes: dict[_State, Node] = {}

    def ask(self, packet: bytes, wirelen: int | None = None) -> Verdict:
        """What the expression says of a packet: its captured bytes, and its length on the wire in bytes."""
        return self.ask_with(Evaluator(packet, len(packet) if wirelen is None else wirelen))

    def ask_with(self, evaluator: Evaluator) -> Verdict:
        """The same with an evaluator of the packet, which knows all places that depend on the packet then."""
        if self.tree is None:
            return Verdict(True, (), ())
        try:
            if not evaluator.judge(self.layer.required).holds:
                return Verdict(False, (), (), foreign=True)
            for binding in self._wanted():
                evaluator.judge(binding)
        except NotComputed as missing:
            return Verdict(False, (), (), missing)
        for _, binding in self.layer.computed:  # for those who explain: what nobody wants may be missing
            with suppress(NotComputed):
                evaluator.judge(binding)
        return self._decided(self.tree, evaluator)

    def _decided(self, tree: Expression, evaluator: Evaluator) -> Verdict:
        """The verdict of a packet that can be read.

        Clauses that make no difference, and cannot be computed, are first taken not to hold; if that would make one of
        them decide, it is taken to hold: then what makes it meaningless does.
        """
        assumed: set[int] = set()
        while True:
            asked = self._follow(evaluator, assumed)
            last = asked[-1]
            if last.missing is not None and last.relevant:
                return Verdict(False, asked, (Deciding(last, False),), last.missing)
            known = {clause.number: clause for clause in asked}
            values = _values(tree, {number: _or_assumed(clause, assumed) for number, clause in known.items()})
            deciding = _deciding(tree, values)
            unknown = {number for number, _ in deciding if known[number].holds is None} - assumed
            if not unknown:
                named = tuple(Deciding(known[number], negated) for number, negated in deciding)
                return Verdict(values[id(tree)][0] is True, asked, named)
            assumed |= unknown

    def judged_in(self, clause: Clause, layer: Layer, evaluator: Evaluator) -> bool:
        """Whether a clause would hold if it were read in another layer; False also if that makes no sense."""
        steps = [self.steps[clause.number]._replace(then=ACCEPTED, orelse=REJECTED)]
        try:
            way = Ways(steps, layer, self._names, self._netmask).explore()[0, layer][0]
            return evaluator.judge(way.meaning).holds
        except (FilterError, NotComputed):
            return False

    def _follow(self, evaluator: Evaluator, assumed: set[int]) -> tuple[Clause, ...]:
        """The clauses that a program comes to; of those that make no difference the ``assumed`` ones hold."""
        asked = []
        state = (0, self.layer)
        while state[0] >= 0:
            clause, way = self._clause(state, evaluator)
            asked.append(clause)
            if clause.missing is not None and clause.relevant:
                break
            state = way.then if _or_assumed(clause, assumed) else way.orelse
        return tuple(asked)

    def _clause(self, state: _State, evaluator: Evaluator) -> tuple[Clause, Way]:
        number, layer = state
        primitive = self.steps[number].primitive
        assert isinstance(primitive, Primitive)
        way = self._ways[state][0]
        clause = Clause(
            number, primitive.span, text_of(self.expression, primitive), primitive, layer, way.meaning, None
        )
        try:
            return clause._replace(judgement=evaluator.judge(way.meaning)), way
        except NotComputed as missing:
            return clause._replace(missing=missing, relevant=self._relevant(state, way)), way

    def _relevant(self, state: _State, way: Way) -> bool:
        """Whether a program tests the clause at all: not if both ways go on at the same place."""
        nodes = self._graph()
        then, orelse = (_ENDS.get(target[0]) or nodes[target] for target in (way.then, way.orelse))
        return not (then is orelse and nodes[state] is then)

    def _graph(self) -> dict[_State, Node]:
        """The node that each state begins with, as in the graph that programs are made of."""
        if not self._nodes:
            build = Builder()
            for state, (way, *_) in reversed(self._ways.items()):
                then, orelse = (_ENDS.get(target[0]) or self._nodes[target] for target in (way.then, way.orelse))
                self._nodes[state] = wire(way.meaning, then, orelse, build, frozenset())
        return self._nodes

    def _wanted(self) -> list[Predicate]:
        """What binds the places that depend on the packet, of those that anything wants."""
        if not self.layer.computed:
            return []
        root, found = self._graph()[0, self.layer], []
        build = Builder()
        for variable, binding in reversed(self.layer.computed):
            if variable in wanted_variables(topological(root))[root]:
                root = wire(binding, root, REJECT, build, frozenset())
                found.append(binding)
        return found[::-1]


def text_of(expression: str, primitive: Primitive) -> str:
    """A primitive as it is written; one that inherits its qualifiers (`port 80 or 443`) with those."""
    start, end = primitive.span
    words = expression[start:end].split()
    if isinstance(primitive, Qualified) and primitive.value.clause is None:
        start, end = primitive.value.span
        own = (_WRITTEN.get(word, word) for word in primitive.qualifiers if word)
        words = [*own, *expression[start:end].split()]
    return " ".join(words)


def _or_assumed(clause: Clause, assumed: set[int]) -> bool:
    return clause.number in assumed if clause.holds is None else clause.holds


_WRITTEN = {"or": "src or dst", "and": "src and dst", "link": "ether"}
_ENDS = {ACCEPTED: ACCEPT, REJECTED: REJECT}

# For each part of the tree whether it holds, None if it was not asked; and the number of its first primitive.
_Values = dict[int, tuple[bool | None, int]]


def _values(tree: Expression, holds: dict[int, bool | None]) -> _Values:
    """What every part of the tree comes to. No recursion, so that no depth of nesting is too deep."""
    order: list[Expression] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        order.append(node)
        pending += reversed(operands(node))
    number = 0
    numbers = {}
    for node in order:
        numbers[id(node)] = number
        number += isinstance(node, Primitive)
    values: _Values = {}
    for node in reversed(order):
        parts = [values[id(operand)][0] for operand in operands(node)]
        values[id(node)] = _value(node, parts, holds.get(numbers[id(node)])), numbers[id(node)]
    return values


def _value(node: Expression, parts: list[bool | None], own: bool | None) -> bool | None:
    match node:
        case Not():
            return None if parts[0] is None else not parts[0]
        case And():
            return False if False in parts else None if None in parts else True
        case Or():
            return True if True in parts else None if None in parts else False
    return own


def _deciding(tree: Expression, values: _Values) -> list[tuple[int, bool]]:
    """The numbers of the primitives that decide, in order, each with whether it is negated."""
    found = []
    pending = [(tree, False)]
    while pending:
        node, negated = pending.pop()
        value, number = values[id(node)]
        match node:
            case Not():
                pending.append((node.operand, not negated))
            case And() | Or():
                alike = [operand for operand in node.operands if values[id(operand)][0] is value]
                one_is_enough = value is isinstance(node, Or)
                pending += [(operand, negated) for operand in reversed(alike[:1] if one_is_enough else alike)]
            case _:
                found.append((number, negated))
    return found

"""Questions to the optimizer about parts of an expression: is there a packet of which this part holds, in its place?

A part in its place is the flow of the expression up to it, with other ends: acceptance where the answer is wanted,
rejection everywhere else. If the optimizer finds that such a flow rejects everything, no such packet exists; if not,
nothing is known. Answers are about packets that are long enough for what is asked of them.
"""

from __future__ import annotations

import re
from itertools import pairwise, zip_longest
from typing import NamedTuple

from cbpf.compiler.flow import ACCEPTED, REJECTED, Step, flow
from cbpf.compiler.graph import REJECT, Graph, Let
from cbpf.compiler.layers import Layer
from cbpf.compiler.lower import lower
from cbpf.compiler.optimize.delay import delay
from cbpf.compiler.optimize.fold import fold as folded
from cbpf.compiler.optimize.prune import prune
from cbpf.compiler.optimize.thread import thread
from cbpf.debug.spelling import spell
from cbpf.debug.subject import MOVERS, TUNNELS, Joint, Subject, operands
from cbpf.errors import FilterError, Span
from cbpf.language.syntax import And, Expression, Keyword, Not, Or

_MOST_ROUNDS = 8
_NOT = re.compile(r"(?:(?<![\w.-])not|!)\s*$")


class Clause:
    """A node of the tree in its place: the steps of the flow from ``first`` to ``last``, and where they lead.

    ``then`` and ``orelse`` are the steps that follow if the clause holds and if not, or the ends of the flow.
    """

    __slots__ = ("first", "last", "node", "orelse", "parent", "parts", "then")

    def __init__(self, node: Expression, parent: Clause | None) -> None:
        self.node = node
        self.parent = parent
        self.parts: list[Clause] = []
        self.first = self.last = self.then = self.orelse = 0

    @property
    def position(self) -> int:
        """Which of its parent's parts it is."""
        return self.parent.parts.index(self) if self.parent else 0


class Context(NamedTuple):
    """An expression that has a tree. ``clauses`` has a clause for every node, each before its parts."""

    subject: Subject
    tree: Expression
    steps: list[Step]
    clauses: list[Clause]

    # Text.

    def text(self, clause: Clause) -> str:
        """A clause as one would write it elsewhere, qualifiers and all, in one line."""
        return spell(clause.node, self.subject.expression)

    def span(self, clause: Clause) -> Span:
        """Where a clause is written. Of the tree's nodes, negations do not know where their `not` is."""
        span = clause.node.span
        if isinstance(clause.node, Not):
            before = _NOT.search(self.subject.expression, 0, span.start)
            return span if before is None else span._replace(start=before.start())
        return span

    def corrected(self, swaps: dict[int, str | None]) -> str:
        """The expression with other text in place of nodes, by their identity; None leaves one out."""
        return spell(self.tree, self.subject.expression, swaps)

    # Questions.

    def never(self, clause: Clause, holds: bool) -> bool:
        """Whether certainly no packet gets as far as this clause and is such that it holds (or does not)."""
        wanted = {clause.then: ACCEPTED if holds else REJECTED, clause.orelse: REJECTED if holds else ACCEPTED}

        def target(number: int, step: int) -> int:
            if number >= clause.first and step in wanted:
                return wanted[step]
            return step if 0 <= step <= clause.last else REJECTED

        steps = [
            Step(step.primitive, target(number, step.then), target(number, step.orelse))
            for number, step in enumerate(self.steps[: clause.last + 1])
        ]
        return self._impossible(steps, self.subject.layer)

    def never_together(self, *wanted: tuple[Clause, bool]) -> bool:
        """Whether certainly no packet is such that the first clause holds (or not), and the next, and so on.

        They are looked at by themselves, in the order they are written. False if something between them moves the
        layer: they are not about the same places then.
        """
        clauses = [clause for clause, _ in wanted]
        for before, after in pairwise(clauses):
            if any(self.moves(number) for number in range(before.last + 1, after.first)):
                return False
        steps: list[Step] = []
        for clause, holds in wanted:
            start, end = len(steps), len(steps) + clause.last - clause.first + 1
            following = ACCEPTED if clause is clauses[-1] else end
            exits = {clause.then: following if holds else REJECTED, clause.orelse: REJECTED if holds else following}
            for step in self.steps[clause.first : clause.last + 1]:
                then, orelse = (
                    exits[step_number] if step_number in exits else step_number - clause.first + start
                    for step_number in (step.then, step.orelse)
                )
                steps.append(Step(step.primitive, then, orelse))
        return self._impossible(steps, self.subject.readings[clauses[0].first].layer)

    def moves(self, number: int) -> bool:
        """Whether a step moves the layer of what is written after it."""
        primitive = self.steps[number].primitive
        return isinstance(primitive, Keyword) and primitive.word in MOVERS | TUNNELS

    def _impossible(self, steps: list[Step], layer: Layer) -> bool:
        try:
            return _rejects(lower(steps, layer, self.subject.names, self.subject.netmask))
        except FilterError:  # too large to tell
            return False


def context(subject: Subject) -> Context | None:
    """None for an empty expression."""
    if subject.tree is None:
        return None
    return Context(subject, subject.tree, flow(subject.tree), _clauses(subject.tree))


def _clauses(tree: Expression) -> list[Clause]:
    root = Clause(tree, None)
    found, pending, leaves = [], [root], 0
    while pending:
        clause = pending.pop()
        found.append(clause)
        clause.first = clause.last = leaves
        if isinstance(clause.node, Joint):
            clause.parts = [Clause(part, clause) for part in operands(clause.node)]
            pending.extend(reversed(clause.parts))
        else:
            leaves += 1
    for clause in reversed(found):
        if clause.parts:
            clause.last = clause.parts[-1].last
    root.then, root.orelse = ACCEPTED, REJECTED
    for clause in found:
        _lead(clause)
    return found


def _lead(clause: Clause) -> None:
    """Tell the parts of a clause where they lead."""
    nexts: list[int | None] = [part.first for part in clause.parts[1:]]
    for part, following in zip_longest(clause.parts, nexts):
        part.then, part.orelse = clause.then, clause.orelse
        if isinstance(clause.node, Not):
            part.then, part.orelse = clause.orelse, clause.then
        elif following is not None and isinstance(clause.node, And):
            part.then = following
        elif following is not None and isinstance(clause.node, Or):
            part.orelse = following


def _rejects(graph: Graph) -> bool:
    """Whether the optimizer finds that no packet is accepted."""
    graph = folded(graph)
    if any(isinstance(node, Let) for node in graph.order):
        graph = delay(graph)
    for _ in range(_MOST_ROUNDS):
        if graph.root is REJECT:
            return True
        size = len(graph.order)
        graph = prune(thread(graph))
        if len(graph.order) == size:
            break
    return graph.root is REJECT

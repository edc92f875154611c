"""Jump threading: a way that leads to a test whose outcome is known there leads on to what that test decides.

Ways are led past nodes, nodes are never copied, so the graph does not grow. A node may be passed only if what it loads
is known to be captured, or is loaded, or more than it, by what comes next whatever happens.
"""

from __future__ import annotations

from cbpf.compiler.graph import Branch, Builder, Graph, Let, Node, Test, Verdict, node_hazards, node_values, successors
from cbpf.compiler.optimize.chains import Chains
from cbpf.compiler.optimize.classes import telling_bit
from cbpf.compiler.optimize.facts import Facts, nothing_known
from cbpf.compiler.optimize.needs import needs, sure_later
from cbpf.compiler.values import Binary, Const, Load, Value, variables


def thread(graph: Graph) -> Graph:
    """The same graph, itself if nothing is known anywhere that helps."""
    return _Threading(graph).run()


# How many nodes one way is led past in one go; where it ends is looked at again. A bound on the time.
MOST_PASSED = 24

# What a value can still be is tried, number by number, if there are no more than this.
MOST_TRIED = 8


class _Threading:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.needs = needs(graph.order)
        self.nothing = nothing_known(graph.tests)
        self.chains = Chains(graph.order, self.nothing.meanings)
        self.last_asked = _last_asked(graph, self.nothing)
        self.arriving: dict[Node, Facts] = {}
        self.ways: dict[Node, tuple[Node, ...]] = {}  # where each node that is still reached leads now
        self.simpler: dict[Node, Test] = {}  # what may be asked at a node instead; its ways are those of that test

    def run(self) -> Graph:
        root = self._lead(self.graph.root, self.nothing)
        for place, node in enumerate(self.graph.order):
            facts = self.arriving.pop(node, None)
            if facts is not None:
                self.ways[node] = self._ways(node, facts.asked_for(place, self.last_asked))
        if (
            root is self.graph.root
            and not self.simpler
            and all(ways == successors(node) for node, ways in self.ways.items())
        ):
            return self.graph
        return self._rebuild(root)

    def _ways(self, node: Node, facts: Facts) -> tuple[Node, ...]:
        match node:
            case Branch(test, then, orelse):
                outcome = facts.outcome(test)
                facts = facts.after(*test.values)
                if outcome is not None:
                    return (self._lead(then if outcome else orelse, facts),)
                ways = self._lead(then, facts.assuming(test, True)), self._lead(orelse, facts.assuming(test, False))
                return self._simplify(node, test, facts, ways)
            case Let(variable, value, following):
                return (self._lead(following, facts.after(value).bound(variable, value)),)
        return ()

    def _simplify(self, node: Node, test: Test, facts: Facts, ways: tuple[Node, Node]) -> tuple[Node, Node]:
        """Ask for one bit of a byte, if among the numbers that it can be that says the same as the test."""
        meaning = facts.meanings.tests.get(test)
        if not isinstance(test.left, Binary) or meaning is None or not isinstance(meaning.subject, Load):
            return ways
        bit = telling_bit(facts.possible(meaning), meaning.holds) if meaning.subject.size == 1 else None
        if bit is None:
            return ways
        self.simpler[node] = Test("&", meaning.subject, Const(bit[0]))
        return ways if bit[1] else ways[::-1]

    def _lead(self, node: Node, facts: Facts) -> Node:
        """Where a way to ``node`` with these facts goes now; they arrive there."""
        node = self._past(node, facts)
        known = self.arriving.get(node)
        self.arriving[node] = facts if known is None else known.either(facts)
        return node

    def _past(self, node: Node, facts: Facts, tries: int = MOST_TRIED) -> Node:
        """Past every node that decides nothing, up to the last that may be passed without losing a load."""
        furthest = node
        loads: list[Value] = []
        for _ in range(MOST_PASSED):
            match node:
                case Branch(test, then, _):
                    outcome = facts.outcome(test)
                    if outcome is None:
                        following = self._either_way(node, facts, tries)
                        if following is None:
                            return furthest
                    else:
                        following = then if outcome else self.chains.past(node, facts)
                case Let(None, _, following):
                    pass
                case _:
                    return furthest
            loads += [hazard for hazard in node_hazards(node) if facts.may_strike(hazard)]
            node = following
            if not loads or all(sure_later(load, self.needs[node]) for load in loads):
                furthest = node
        return furthest

    def _either_way(self, node: Branch, facts: Facts, tries: int) -> Node | None:
        """Where both ways from a node lead, if that is the same: tried only where little is possible."""
        meaning = facts.meanings.tests.get(node.test)
        if not tries or meaning is None or meaning.subject not in facts.known:
            return None
        if facts.possible(meaning).bit_count() > MOST_TRIED:
            return None
        then = self._past(node.then, facts.assuming(node.test, True), 0)
        orelse = self._past(node.orelse, facts.assuming(node.test, False), tries - 1)
        return then if then is orelse else None

    def _rebuild(self, root: Node) -> Graph:
        build, spans = Builder(), self.graph.spans
        new: dict[Node, Node] = {}
        for node in reversed(self.graph.order):
            if node not in self.ways:
                continue
            ways = [new[following] for following in self.ways[node]]
            match node:
                case Verdict():
                    new[node] = node
                case Branch(test, _, _) if len(ways) == 2 and ways[0] is not ways[1]:
                    new[node] = build.branch(self.simpler.get(node, test), ways[0], ways[1], spans[node])
                case Branch(test, _, _):
                    new[node] = build.require(test, ways[0], spans[node])
                case Let(variable, value, _):
                    new[node] = build.let(variable, value, ways[0], spans[node])
        return build.graph(new[root])


def _last_asked(graph: Graph, nothing: Facts) -> dict[Value | None, int]:
    """Where in the order of a graph something is asked for the last time that depends on a value."""
    last: dict[Value | None, int] = {}
    for place, node in enumerate(graph.order):
        meaning = nothing.meanings.tests.get(node.test) if isinstance(node, Branch) else None
        if meaning is not None:
            last[meaning.subject] = place
        for value in node_values(node):
            last.update(dict.fromkeys(variables(value), place))
        last.update((hazard.base, place) for hazard in node_hazards(node) if isinstance(hazard, Load))
    return last

"""Jump threading: a way that leads to a test whose outcome is known there leads on to what that test decides.

Ways are led past nodes, nodes are never copied, so the graph does not grow. A node may be passed only if what it loads
is known to be captured, or is loaded, or more than it, by what comes next whatever happens.
"""

from __future__ import annotations

from cbpf.compiler.graph import Branch, Builder, Graph, Let, Node, Verdict, node_hazards, topological
from cbpf.compiler.optimize.facts import NOTHING_KNOWN, Facts
from cbpf.compiler.optimize.needs import needs, sure_later


def thread(graph: Graph) -> Graph:
    return _Threading(graph).run()


# How many nodes one way is led past in one go. Long lists of rules would take a time that grows with their square.
MOST_PASSED = 64


class _Threading:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.order = topological(graph.root)
        self.needs = needs(self.order)
        self.arriving: dict[Node, Facts] = {}
        self.ways: dict[Node, tuple[Node, ...]] = {}  # where each node that is still reached leads now

    def run(self) -> Graph:
        root = self._lead(self.graph.root, NOTHING_KNOWN)
        for node in self.order:
            if node in self.arriving:
                self.ways[node] = self._ways(node, self.arriving[node])
        return self._rebuild(root)

    def _ways(self, node: Node, facts: Facts) -> tuple[Node, ...]:
        match node:
            case Branch(test, then, orelse):
                outcome = facts.outcome(test)
                facts = facts.after(test.left, test.right)
                if outcome is not None:
                    return (self._lead(then if outcome else orelse, facts),)
                return self._lead(then, facts.assuming(test, True)), self._lead(orelse, facts.assuming(test, False))
            case Let(variable, value, following):
                return (self._lead(following, facts.after(value).bound(variable, value)),)
        return ()

    def _lead(self, node: Node, facts: Facts) -> Node:
        """Where a way to ``node`` with these facts goes now; they arrive there."""
        node = self._past(node, facts)
        known = self.arriving.get(node)
        self.arriving[node] = facts if known is None else known.either(facts)
        return node

    def _past(self, node: Node, facts: Facts) -> Node:
        """Past every node that decides nothing, up to the last that may be passed without losing a load."""
        furthest, loads = node, []
        for _ in range(MOST_PASSED):
            match node:
                case Branch(test, then, orelse):
                    outcome = facts.outcome(test)
                    if outcome is None:
                        return furthest
                    following = then if outcome else orelse
                case Let(None, _, following):
                    pass
                case _:
                    return furthest
            loads += [hazard for value in node_hazards(node) for hazard in facts.uncertain(value)]
            node = following
            if all(sure_later(load, self.needs[node]) for load in loads):
                furthest = node
        return furthest

    def _rebuild(self, root: Node) -> Graph:
        build, spans = Builder(), self.graph.spans
        new: dict[Node, Node] = {}
        for node in reversed(self.order):
            if node not in self.ways:
                continue
            ways = [new[following] for following in self.ways[node]]
            match node:
                case Verdict():
                    new[node] = node
                case Branch(test, _, _) if len(ways) == 2 and ways[0] is not ways[1]:
                    new[node] = build.branch(test, ways[0], ways[1], spans[node])
                case Branch(test, _, _):
                    new[node] = build.require(test, ways[0], spans[node])
                case Let(variable, value, _):
                    new[node] = build.let(variable, value, ways[0], spans[node])
        return build.graph(new[root])

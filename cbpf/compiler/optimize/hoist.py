"""Hoisting: a constant that is put into the index register before code that several ways share is put there earlier.

Behind a test, the way to the shared code would need a jump after the constant; before the test, the test itself jumps.
"""

from __future__ import annotations

from cbpf.compiler.graph import Branch, Builder, Graph, Let, Node, Spans, Test, Verdict
from cbpf.compiler.liveness import wanted_variables
from cbpf.compiler.values import Binary, Const, Load


def hoist(graph: Graph) -> Graph:
    """The same graph, itself if there is nothing to hoist."""
    if not any(isinstance(node, Let) and isinstance(node.value, Const) for node in graph.order):
        return graph
    return _Hoisting(graph).run()


class _Hoisting:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.wanted = wanted_variables(graph.order)
        self.ways_in = graph.ways_in()
        self.build = Builder()
        self.new: dict[Node, Node] = {}
        self.before_shared: set[Node] = set()  # new nodes that keep a constant for code that several ways lead to

    def run(self) -> Graph:
        for node in reversed(self.graph.order):
            match node:
                case Verdict():
                    self.new[node] = node
                case Let(variable, value, following):
                    self.new[node] = self.build.let(variable, value, self.new[following], self.graph.spans[node])
                    if isinstance(value, Const) and self.ways_in[following] > 1:
                        self.before_shared.add(self.new[node])
                case Branch():
                    self.new[node] = self._branch(node)
        return self.build.graph(self.new[self.graph.root])

    def _branch(self, node: Branch) -> Node:
        test, spans = node.test, self.graph.spans[node]
        then, orelse = self.new[node.then], self.new[node.orelse]
        if not _leaves_index_alone(test):
            return self.build.branch(test, then, orelse, spans)
        if isinstance(then, Let) and isinstance(orelse, Let) and _same_constant(then, orelse):
            return self._behind(then, test, then.following, orelse.following, spans)
        if isinstance(then, Let) and then in self.before_shared and then.variable not in self.wanted[node.orelse]:
            return self._behind(then, test, then.following, orelse, spans)
        if isinstance(orelse, Let) and orelse in self.before_shared and orelse.variable not in self.wanted[node.then]:
            return self._behind(orelse, test, then, orelse.following, spans)
        return self.build.branch(test, then, orelse, spans)

    def _behind(self, constant: Let, test: Test, then: Node, orelse: Node, spans: Spans) -> Node:
        return self.build.let(constant.variable, constant.value, self.build.branch(test, then, orelse, spans), spans)


def _same_constant(first: Let, second: Let) -> bool:
    return isinstance(first.value, Const) and (first.variable, first.value) == (second.variable, second.value)


def _leaves_index_alone(test: Test) -> bool:
    """Whether the test needs no index register: one load from a fixed place, compared with a constant."""
    value = test.left.left if isinstance(test.left, Binary) and isinstance(test.left.right, Const) else test.left
    return isinstance(value, Load) and value.base is None and isinstance(test.right, Const)

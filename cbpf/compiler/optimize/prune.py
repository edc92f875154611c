"""Dead values: variables that nobody reads are not kept, and loads that something later makes sure of are not made."""

from __future__ import annotations

from cbpf.compiler.graph import Branch, Builder, Graph, Let, Node, Spans, Verdict
from cbpf.compiler.liveness import wanted_variables
from cbpf.compiler.optimize.needs import needs, sure_later
from cbpf.compiler.values import Binary, Load, Negate, Value, hazards


def prune(graph: Graph) -> Graph:
    """The same graph, itself if nothing is kept or made sure of in it."""
    order = graph.order
    if not any(isinstance(node, Let) for node in order):
        return graph
    wanted = wanted_variables(order)
    build = Builder()
    new: dict[Node, Node] = {}
    reach = needs(order)
    for node in reversed(order):
        match node:
            case Verdict():
                new[node] = node
            case Branch(test, then, orelse):
                new[node] = build.branch(test, new[then], new[orelse], graph.spans[node])
            case Let(variable, value, following) if variable in wanted[following]:
                new[node] = build.let(variable, value, new[following], graph.spans[node])
            case Let(_, value, following):
                new[node] = _require(build, value, new[following], reach[following], graph.spans[node])
    return build.graph(new[graph.root])


def _require(build: Builder, value: Value, following: Node, reach: int, spans: Spans) -> Node:
    """Make sure of the parts of a value that can fail and that nothing later makes sure of."""
    for part in reversed(_outermost(value)):
        if not all(sure_later(hazard, reach) for hazard in hazards(part)):
            following = build.let(None, part, following, spans)
    return following


def _outermost(value: Value) -> list[Value]:
    """The hazards of a value that are not inside another one."""
    if value in hazards(value):
        return [value]
    match value:
        case Binary(_, left, right):
            return _outermost(left) + _outermost(right)
        case Negate(operand):
            return _outermost(operand)
        case Load():
            raise AssertionError("every load is a hazard")
    return []

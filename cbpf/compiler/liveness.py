"""Which variables are still wanted: read at a node or behind it, and bound before."""

from __future__ import annotations

from cbpf.compiler.graph import Let, Node, node_values, successors
from cbpf.compiler.values import Variable, variables

Wanted = dict[Node, frozenset[Variable]]


def wanted_variables(order: list[Node]) -> Wanted:
    """For every node the variables wanted on the way into it. ``order`` has every node before those it leads to."""
    wanted: Wanted = {}
    for node in reversed(order):
        before = wanted_behind(node, wanted)
        if isinstance(node, Let) and node.variable is not None:
            before -= {node.variable}
        wanted[node] = before.union(*(variables(value) for value in node_values(node)))
    return wanted


def wanted_behind(node: Node, wanted: Wanted) -> frozenset[Variable]:
    """The variables wanted on one of the ways on from a node."""
    return frozenset().union(*(wanted[following] for following in successors(node)))

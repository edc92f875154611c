"""The optimizer."""

from cbpf.compiler.graph import Graph


def optimize(graph: Graph) -> Graph:
    return graph

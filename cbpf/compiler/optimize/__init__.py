"""The optimizer: passes over the decision graph, each a function from graph to graph that changes no verdict.

    fold      arithmetic and comparisons are computed, or put into the form that the machine does in fewest steps
    thread    tests whose outcome is known from what was tested before are jumped over
    prune     values that nobody needs, and loads that others make sure of anyway, are dropped
    delay     what hardly ever rejects comes after what rejects most
    reorder   of tests that must all hold, those that most packets fail come first
    search    long lists of numbers are searched, not walked
    shortcut  long lists that cannot be searched are gone past, or entered in their middle
    share     tests that differ only in where a header begins are made once
    hoist     constants for shared code are loaded where that saves a jump

Before there is a graph, ``gather`` makes one step of the flow of a long list of hosts, networks or ports.

What is known at a place in the graph is in ``facts``, in terms of ``classes`` of numbers. Equal tails are shared by the
builder that every pass makes its nodes with. Truncated packets count: a test may go, the load it made may go only where
the packet's length is known, or checked later on the same way, without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cbpf.compiler.graph import Branch, Graph, Let, Verdict
from cbpf.compiler.optimize.delay import delay
from cbpf.compiler.optimize.fold import fold
from cbpf.compiler.optimize.gather import gather
from cbpf.compiler.optimize.hoist import hoist
from cbpf.compiler.optimize.prune import prune
from cbpf.compiler.optimize.reorder import reorder
from cbpf.compiler.optimize.search import search
from cbpf.compiler.optimize.share import share
from cbpf.compiler.optimize.shortcut import shortcut
from cbpf.compiler.optimize.thread import thread

__all__ = ["changed", "gather", "optimize", "passes"]

_MOST_ROUNDS = 12
_ENOUGH_ROUNDS = 3  # after which only one that makes the graph smaller is worth another

# What is done with a graph in which nothing more is known in advance.
_FINISHING = (delay, reorder, search, shortcut, share, hoist)


def optimize(graph: Graph) -> Graph:
    """The same verdict on every packet, in fewer steps."""
    optimized = graph
    for _, optimized in passes(graph):  # noqa: B007, the last one counts
        pass
    return optimized


def passes(graph: Graph) -> Iterator[tuple[str, Graph]]:
    """The passes that are made, in order: the name of each, and the graph that it leaves."""
    graph = fold(graph)
    yield "fold", graph
    if any(isinstance(node, Let) for node in graph.order):
        graph = delay(graph)  # while what computes a place is still in one piece
        yield "delay", graph
    for done in range(_MOST_ROUNDS):  # thread and prune until that changes nothing any more
        before = graph
        graph = thread(before)
        yield "thread", graph
        graph = prune(graph)
        yield "prune", graph
        if not changed(before, graph) or (done >= _ENOUGH_ROUNDS and len(graph.order) >= len(before.order)):
            break
    for improve in _FINISHING:
        graph = improve(graph)
        yield improve.__name__, graph


def changed(before: Graph, after: Graph) -> bool:
    """Whether a graph is another one, but for the identity of its nodes."""
    return before is not after and _shape(before) != _shape(after)


def _shape(graph: Graph) -> list[object]:
    """Something equal for graphs that are the same but for the identity of their nodes."""
    number = {node: position for position, node in enumerate(graph.order)}
    shape: list[object] = []
    for node in graph.order:
        match node:
            case Verdict(accept):
                shape.append(accept)
            case Branch(test, then, orelse):
                shape.append((test, number[then], number[orelse]))
            case Let(variable, value, following):
                shape.append((variable, value, number[following]))
    return shape

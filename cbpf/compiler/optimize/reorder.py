"""Reordering: of tests that must all hold, the cheap ones that most packets fail are asked first.

`icmp` asks for the protocol before it asks whether that is IPv4 at all: hardly any packet has a 1 there, and most are
IPv4. In a chain of tests that all lead to one place if they fail, the order is free where that place rejects, or makes
sure itself of what the tests load. How many packets fail is guessed from the numbers that are asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from cbpf.compiler.graph import Branch, Builder, Graph, Node, Test, successors
from cbpf.compiler.optimize.needs import needs, sure_later
from cbpf.compiler.registers import header_length_at
from cbpf.compiler.values import Binary, Const, Load, Value

# The part of all packets that is guessed to fail a test for one number or that is in a range, for all numbers but one,
# and for anything else.
_RARE = 0.98
_COMMON = 0.02
_OPEN = 0.5

# Numbers of packets that are most of all, by the size of the load: IPv4's types on Ethernet and PPP, and TCP. Whatever
# has TCP's number has IPv4's type.
_USUAL = {(2, 0x0800): 0.45, (2, 0x0021): 0.45, (1, 6): 0.55}


class Chain(NamedTuple):
    """Tests each of which leads to ``failed`` or to the next; the last one, to ``end``. Only the first is led to."""

    nodes: list[Branch]
    end: Node
    failed: Node


def reorder(graph: Graph) -> Graph:
    """The same graph, itself if every order in it is well as it is."""
    chains = {chain.nodes[0]: (chain, order) for chain in _chains(graph) if (order := _order(chain)) != chain.nodes}
    if not chains:
        return graph
    build = Builder()
    new: dict[Node, Node] = {}
    for node in reversed(graph.order):
        if node not in chains:
            new[node] = build.again(node, new, graph.spans)
            continue
        chain, order = chains[node]
        following, failed = new[chain.end], new[chain.failed]
        for test in reversed(order):
            ways = (following, failed) if test.orelse is chain.failed else (failed, following)
            following = build.branch(test.test, *ways, graph.spans[test])
        new[node] = following
    return build.graph(new[graph.root])


def _chains(graph: Graph) -> Iterator[Chain]:
    """All chains whose order is free, none of them part of another."""
    reach = needs(graph.order)
    before = graph.before()
    seen: set[Node] = set()
    for head in graph.order:
        if not isinstance(head, Branch) or head in seen:
            continue
        for end, failed in ((head.then, head.orelse), (head.orelse, head.then)):
            chain = _chain(head, end, failed, before, reach[failed])
            if len(chain.nodes) > 1:
                seen.update(chain.nodes)
                yield _without_ends(chain, before[head])
                break


def _chain(head: Branch, end: Node, failed: Node, before: dict[Node, list[Node]], reach: int) -> Chain:
    """The chain that begins at a node.

    ``reach`` is what is made sure of where it fails: what a chain loads, lest a load is lost or made too early.
    """
    nodes = []
    node: Node = head
    while isinstance(node, Branch) and failed in successors(node) and (node is head or len(before[node]) == 1):
        free = all(sure_later(hazard, reach) for hazard in node.test.hazards)
        if not free or _cost(node.test.left) is None or not isinstance(node.test.right, Const):
            break
        nodes.append(node)
        node = node.then if node.orelse is failed else node.orelse
    return Chain(nodes, node, failed)


def _without_ends(chain: Chain, before: list[Node]) -> Chain:
    """The chain without tests at its ends that find in a register what is loaded outside of it, or the reverse."""
    nodes, end = deque(chain.nodes), chain.end
    while nodes and _same_register(nodes[-1], end):
        end = nodes.pop()
    while nodes and any(_same_register(node, nodes[0]) for node in before):
        before = [nodes.popleft()]
    return Chain(list(nodes), end, chain.failed)


def _order(chain: Chain) -> list[Branch]:
    """The nodes in the best order. Those next to each other that test the same value stay so."""
    groups = [list(group) for _, group in groupby(chain.nodes, key=lambda node: node.test.left)]
    groups.sort(key=lambda group: _instructions_to_fail(group, chain.failed))
    return [node for group in groups for node in group]


def _instructions_to_fail(group: list[Branch], failed: Node) -> float:
    """How many instructions are executed for every packet that fails: the least is asked first."""
    passing = 1.0
    for node in group:
        passing *= 1 - _failing(node.test, if_it_holds=node.then is failed)
    return ((_cost(group[0].test.left) or 0) + len(group)) / (1 - passing)


def _failing(test: Test, *, if_it_holds: bool) -> float:
    match test.operator, test.left, test.right:
        case "=", Load(_, _, size), Const(number) if (size, number) in _USUAL:
            share = _USUAL[size, number]
        case "=", _, _:
            share = _RARE
        case "&", _, _:
            return _COMMON if if_it_holds else _OPEN
        case _:
            return _RARE if if_it_holds else _OPEN
    return 1 - share if if_it_holds else share


def _cost(value: Value) -> int | None:
    """The instructions that load a value, None if that is more than a load from a header and an operation."""
    match value:
        case Load(None, _, _):
            return 1
        case Load(base, _, _) if base is not None and header_length_at(base) is not None:
            return 2
        case Binary(_, Load() as load, Const()):
            cost = _cost(load)
            return None if cost is None else cost + 1
    return None


def _same_register(one: Node, other: Node) -> bool:
    """Whether the second of two nodes finds in a register what the first has loaded."""
    if not isinstance(one, Branch) or not isinstance(other, Branch):
        return False
    return one.test.left == other.test.left or not _bases(one.test.left).isdisjoint(_bases(other.test.left))


def _bases(value: Value) -> set[Value]:
    match value:
        case Load(base, _, _) if base is not None:
            return {base}
        case Binary(_, left, right):
            return _bases(left) | _bases(right)
    return set()

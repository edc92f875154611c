"""Delaying: a test that hardly ever rejects a packet is made after those that reject most.

Whether an IPv4 packet is a later fragment need only be asked once its ports are right. Where a test rejects or goes on,
the order is free: it must be passed, and all that comes after it, or the packet is rejected, by a test or by a load
that fails.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.graph import REJECT, Branch, Builder, Graph, Let, Node, Verdict, successors

MOST_PASSED = 12  # nodes that a test is moved behind


class Move(NamedTuple):
    """A test goes behind the nodes ``passed``, to where all of them that do not reject lead, to ``end``."""

    passed: list[Node]
    end: Node


def delay(graph: Graph) -> Graph:
    """The same graph, itself if there is nothing to delay."""
    moves = _moves(graph)
    if not moves:
        return graph
    build = Builder()
    new: dict[Node, Node] = {}
    for node in reversed(graph.order):
        move = moves.get(node)
        if move is None:
            new[node] = _rebuilt(node, new, build, graph)
            continue
        assert isinstance(node, Branch)
        moved = dict.fromkeys([move.end], build.branch(node.test, REJECT, new[move.end], graph.spans[node]))
        for inner in reversed(move.passed):
            moved[inner] = _rebuilt(inner, new | moved, build, graph)
        new[node] = moved[node.orelse]
    return build.graph(new[graph.root])


def _rebuilt(node: Node, new: dict[Node, Node], build: Builder, graph: Graph) -> Node:
    match node:
        case Branch(test, then, orelse):
            return build.branch(test, new[then], new[orelse], graph.spans[node])
        case Let(variable, value, following):
            return build.let(variable, value, new[following], graph.spans[node])
    return node


def _moves(graph: Graph) -> dict[Node, Move]:
    """Moves that do not get into each other's way, those of the last tests first."""
    place = {node: number for number, node in enumerate(graph.order)}
    ways_in: dict[Node, list[Node]] = {node: [] for node in graph.order}
    for node in graph.order:
        for following in successors(node):
            ways_in[following].append(node)
    moves: dict[Node, Move] = {}
    taken: set[Node] = set()
    for node in reversed(graph.order):
        if isinstance(node, Branch) and _rarely_rejects(node):
            move = _move(node, place, ways_in)
            if move is not None and taken.isdisjoint(move.passed):
                moves[node] = move
                taken.update(move.passed, (node,))
    return moves


def _move(node: Branch, place: dict[Node, int], ways_in: dict[Node, list[Node]]) -> Move | None:
    """How far a test can go: as far as all ways from it that do not reject meet again."""
    if any(_loads_the_same(node, other) for other in (*ways_in[node], node.orelse)):
        return None  # what it needs is in the accumulator
    inside: set[Node] = {node}
    passed: list[Node] = []
    ahead, rejects, found = {node.orelse}, False, None
    while len(passed) < MOST_PASSED:
        following = min(ahead, key=place.__getitem__)
        if isinstance(following, Verdict) or not inside.issuperset(ways_in[following]):
            break
        inside.add(following)
        passed.append(following)
        rejects |= isinstance(following, Branch) and REJECT in successors(following) and not _rarely_rejects(following)
        ahead.remove(following)
        ahead.update(way for way in successors(following) if way is not REJECT)
        if len(ahead) == 1 and rejects:
            found = Move(list(passed), next(iter(ahead)))
        if not ahead:
            break
    return found


def _rarely_rejects(node: Branch) -> bool:
    """Whether it takes a certain number, or a bit, to be rejected."""
    return node.then is REJECT and node.test.operator in "=&"


def _loads_the_same(node: Branch, other: Node) -> bool:
    return isinstance(other, Branch) and other.test.left == node.test.left

"""Delaying: what hardly ever rejects a packet comes after the tests that reject most.

Whether an IPv4 packet is a later fragment need only be asked once its ports are right, and where the payload of an
802.11 frame begins need only be computed for a data frame. Where all that is behind rejects or goes on to one place,
the order is free: both parts must be passed, or the packet is rejected, by a test or by a load that fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from cbpf.compiler.graph import REJECT, Branch, Builder, Graph, Let, Node, Verdict, node_values, successors
from cbpf.compiler.values import Const, Load, Members, Variable, variables

LARGEST = 12  # nodes of a part
MOST_ROUNDS = 4  # moves that are in each other's way are made one after the other

_TCP, _UDP = 6, 17


class Part(NamedTuple):
    """Nodes that are entered at the first only, and where they lead if they do not reject: to ``end``."""

    nodes: list[Node]
    end: Node


class Move(NamedTuple):
    """A part, and the one behind it that it is moved behind."""

    moved: Part
    passed: Part


def delay(graph: Graph) -> Graph:
    """The same graph, itself if there is nothing to delay."""
    for _ in range(MOST_ROUNDS):
        moves = _Moves(graph).find()
        if not moves:
            break
        graph = _made(moves, graph)
    return graph


def _made(moves: dict[Node, Move], graph: Graph) -> Graph:
    build = Builder()
    new: dict[Node, Node] = {}

    def copy(part: Part, end: Node) -> Node:
        """The same nodes leading to another end."""
        made = {REJECT: REJECT, part.end: end}
        for node in reversed(part.nodes):
            made[node] = build.again(node, made, graph.spans)
        return made[part.nodes[0]]

    for node in reversed(graph.order):
        if node in moves:
            moved, passed = moves[node]
            new[node] = copy(passed, copy(moved, new[passed.end]))
        else:
            new[node] = build.again(node, new, graph.spans)
    return build.graph(new[graph.root])


class _Moves:
    """Looks for moves that are not in each other's way, those of the last parts first."""

    def __init__(self, graph: Graph) -> None:
        self.order = graph.order
        self.computes = any(isinstance(node, Let) for node in graph.order)
        self.place = {node: number for number, node in enumerate(graph.order)}
        self.before = graph.before()

    def find(self) -> dict[Node, Move]:
        moves: dict[Node, Move] = {}
        taken: set[Node] = set()
        for node in reversed(self.order):
            moved = self._easy(node)
            passed = self._hard(moved) if moved is not None and not self._in_accumulator(moved) else None
            if moved is not None and passed is not None and taken.isdisjoint(passed.nodes + moved.nodes):
                moves[node] = Move(moved, passed)
                taken.update(passed.nodes, moved.nodes)
        return moves

    def _easy(self, node: Node) -> Part | None:
        """The largest part from a node on that hardly ever rejects."""
        if isinstance(node, Branch):
            if _rarely_rejects(node):
                return Part([node], node.orelse)
            part = _tcp_or_udp(node)
            if part is not None:
                return part if all(self.before[inner] == [before] for before, inner in pairwise(part.nodes)) else None
        found = None
        for nodes, end in self._parts(node) if self.computes else ():
            if REJECT in successors(nodes[-1]) or len(nodes) > LARGEST:
                break
            found = Part(list(nodes), end) if end is not None else found
        return found

    def _hard(self, moved: Part) -> Part | None:
        """What comes behind a part, does not need what it computes, and rejects more."""
        bound = {node.variable for node in moved.nodes if isinstance(node, Let)} - {None}
        needed = {variable for node in moved.nodes for variable in _needs(node)}
        found, rejects = None, False
        for nodes, end in self._parts(moved.end, *moved.nodes):
            last = nodes[-1]
            if len(nodes) > LARGEST or not bound.isdisjoint(_needs(last)):
                break
            if isinstance(last, Let) and last.variable in bound | needed:
                break
            rejects |= isinstance(last, Branch) and REJECT in successors(last) and not _rarely_rejects(last)
            if end is not None and rejects:
                found, rejects = Part(list(nodes), end), False
        return found

    def _parts(self, node: Node, *before: Node) -> Iterator[tuple[list[Node], Node | None]]:
        """Parts from a node on, larger and larger, with their ends, None where they do not lead to one place.

        ``before`` may lead to them too.
        """
        inside: set[Node] = set(before)
        nodes: list[Node] = []
        ahead = {node}
        while ahead:
            following = min(ahead, key=self.place.__getitem__)
            if isinstance(following, Verdict) or _is_long(following):
                return
            if (nodes or before) and not inside.issuperset(self.before[following]):
                return
            inside.add(following)
            nodes.append(following)
            ahead.remove(following)
            ahead.update(way for way in successors(following) if way is not REJECT)
            yield nodes, next(iter(ahead)) if len(ahead) == 1 else None

    def _in_accumulator(self, moved: Part) -> bool:
        """Whether the value that is tested first is in the accumulator anyway, or the next test's is then."""
        first, last = moved.nodes[0], moved.nodes[-1]
        neighbours = [(other, first) for other in self.before[first]] + [(last, moved.end)]
        return any(
            isinstance(one, Branch) and isinstance(other, Branch) and one.test.left == other.test.left
            for one, other in neighbours
        )


def _is_long(node: Node) -> bool:
    """Whether a search is to come of it: what has one in it may be had once for two headers if nothing is moved."""
    return isinstance(node, Branch) and isinstance(node.test.right, Members)


def _needs(node: Node) -> frozenset[Variable]:
    return frozenset[Variable]().union(*(variables(value) for value in node_values(node)))


def _rarely_rejects(node: Branch) -> bool:
    """Whether it takes a certain number, or a bit, to be rejected."""
    return node.then is REJECT and node.test.operator in "=&"


def _tcp_or_udp(node: Branch) -> Part | None:
    """Tests of a byte for protocols among which are TCP and UDP, since that is what most packets have."""
    if not isinstance(node.test.left, Load) or node.test.left.size != 1:
        return None
    numbers, nodes = set(), list[Node]()
    following: Node = node
    while isinstance(following, Branch) and following.then is node.then and len(nodes) < LARGEST:
        test = following.test
        if test.operator != "=" or test.left != node.test.left or not isinstance(test.right, Const):
            return None
        numbers.add(test.right.number)
        nodes.append(following)
        following = following.orelse
    return Part(nodes, node.then) if following is REJECT and {_TCP, _UDP} <= numbers else None

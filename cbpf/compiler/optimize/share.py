"""Sharing: tests that are the same but for where a header begins are made once, for a header at an index.

`port 80` asks the same of what follows an IPv6 header, at a fixed place, and of what follows an IPv4 header, behind a
number of bytes that the header tells. With that number or the fixed one in the index register, one code does for both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import islice, product
from typing import NamedTuple

from cbpf.compiler.graph import Branch, Builder, Graph, Node, Test, successors
from cbpf.compiler.values import FARTHEST, Binary, Const, Load, Value, Variable, upper_bound

# Instructions that it costs to have one code for two: to put the fixed place into a register, and to get to the code.
_COST = 2
LEAST_GAIN = 3

MOST_PAIRS = 100  # of nodes that are alike, to be looked at closely

# A test but for the base and the offset of what it loads: operators, constants, and the size of the load.
_Shape = tuple[str, int, str, int, int]


class Twins(NamedTuple):
    """Two parts of a graph that do the same, node by node, the ways in first.

    What the first loads from the packet's start, the second loads ``origin`` bytes closer to ``base``.
    """

    pairs: dict[Branch, Branch]
    base: Value
    origin: int


def share(graph: Graph) -> Graph:
    """The same graph, itself if there is nothing to share."""
    found = _Search(graph).run()
    if not found:
        return graph
    heads = {head: (number, twins) for number, twins in enumerate(found) for head in next(iter(twins.pairs.items()))}
    replaced = {node for twins in found for pair in twins.pairs.items() for node in pair}
    build = Builder()
    new: dict[Node, Node] = {}
    for node in reversed(graph.order):
        if node in heads and node not in new:
            _share(*heads[node], new, build, graph)
        elif node not in replaced:
            new[node] = build.again(node, new, graph.spans)
    return build.graph(new[graph.root])


def _share(number: int, twins: Twins, new: dict[Node, Node], build: Builder, graph: Graph) -> None:
    """Make the code for both parts and the ways into it. All that they lead to is there already."""
    index = Variable(f"shared index {number}", limit=max(upper_bound(twins.base), twins.origin))
    inside: dict[Node, Node] = {}
    for first, second in reversed(twins.pairs.items()):
        then, orelse = (inside.get(way) or new[way] for way in (second.then, second.orelse))
        spans = graph.spans[first] | graph.spans[second]
        inside[second] = build.branch(_counted_from(index, second.test), then, orelse, spans)
    first, second = next(iter(twins.pairs.items()))
    new[first] = build.let(index, Const(twins.origin), inside[second], graph.spans[first])
    new[second] = build.let(index, twins.base, inside[second], graph.spans[second])


class _Search:
    """Looks for twins from the root on, so that they are as large as can be."""

    def __init__(self, graph: Graph) -> None:
        self.order = graph.order
        self.place = {node: place for place, node in enumerate(graph.order)}
        self.ways_in = graph.ways_in()

    def run(self) -> list[Twins]:
        found: list[Twins] = []
        taken: set[Node] = set()
        for alike in self._alike():
            fixed = [node for node in alike if _load(node.test).base is None]
            indexed = [node for node in alike if _load(node.test).base is not None]
            for first, second in islice(product(fixed, indexed), MOST_PAIRS):
                twins = None if first in taken or second in taken else self._twins(first, second)
                if twins is not None and _gain(twins) >= LEAST_GAIN:
                    found.append(twins)
                    taken.update(node for pair in twins.pairs.items() for node in pair)
        return found

    def _alike(self) -> list[list[Branch]]:
        """Nodes behind which all is the same but for bases and offsets; those closest to the root first."""
        kind: dict[Node, object] = {}
        alike: dict[object, list[Branch]] = {}
        for node in reversed(self.order):
            kind[node] = node
            shape = _shape(node.test) if isinstance(node, Branch) else None
            if isinstance(node, Branch) and shape is not None:
                same = alike.setdefault((shape, kind[node.then], kind[node.orelse]), [])
                same.append(node)
                kind[node] = same[0]
        return [nodes for nodes in reversed(alike.values()) if len(nodes) > 1]

    def _twins(self, first: Branch, second: Branch) -> Twins | None:
        """These two and what is behind them as twins; the first counts from the packet's start, the second does not."""
        fixed, indexed = _load(first.test), _load(second.test)
        if indexed.base is None or fixed.offset < indexed.offset:
            return None
        origin = fixed.offset - indexed.offset
        pairs: dict[Branch, Branch] = {}
        waiting: list[tuple[Node, Node]] = [(first, second)]
        while waiting:
            one, other = waiting.pop()
            if one is other or (isinstance(one, Branch) and pairs.get(one) is other):
                continue
            if not isinstance(one, Branch) or not isinstance(other, Branch):
                return None
            near, far = _load(one.test), _load(other.test)
            if near.base is not None or far.base != indexed.base or near.offset - far.offset != origin:
                return None
            if near.offset >= FARTHEST:  # Linux's ancillary data, to be had at fixed places only
                return None
            pairs[one] = other
            waiting += zip(successors(one), successors(other), strict=True)
        ordered = dict(sorted(pairs.items(), key=lambda pair: self.place[pair[1]]))
        alone = self._entered_only_at(first, ordered.keys()) and self._entered_only_at(second, ordered.values())
        return Twins(ordered, indexed.base, origin) if alone else None

    def _entered_only_at(self, head: Node, nodes: Collection[Node]) -> bool:
        """Whether nothing else leads to a node of these but to the first."""
        inside = Counter(following for node in nodes for following in successors(node))
        return all(inside[node] == self.ways_in[node] for node in nodes if node is not head)


def _gain(twins: Twins) -> int:
    """Instructions saved at the least: two for each test on another load than the one before, else one."""
    loads = [_load(test.test) for test in twins.pairs]
    return len(loads) + len(set(loads)) - _COST


def _load(test: Test) -> Load:
    """The load of a test that has a shape."""
    value = test.left.left if isinstance(test.left, Binary) else test.left
    assert isinstance(value, Load)
    return value


def _shape(test: Test) -> _Shape | None:
    match test.left, test.right:
        case Load(_, _, size), Const(number):
            return test.operator, number, "", 0, size
        case Binary(operator, Load(_, _, size), Const(operand)), Const(number):
            return test.operator, number, operator, operand, size
    return None


def _counted_from(index: Variable, test: Test) -> Test:
    """The same test on what is as far from ``index`` as its load is from its own base."""
    load = _load(test)
    moved: Value = Load(index, load.offset, load.size)
    if isinstance(test.left, Binary):
        moved = Binary(test.left.operator, moved, test.left.right)
    return Test(test.operator, moved, test.right)

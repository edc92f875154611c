"""The decision graph: an acyclic graph of tests on values that ends in accept or reject.

A node is ``Branch`` (a test and two ways on), ``Let`` (compute a value, keep it in a variable or only make sure that
it can be computed, go on) or a ``Verdict``. Nothing about registers exists here. Equal nodes are one node: a
``Builder`` hands out each only once, so common tails are shared as they arise. Nobody changes a node or a test; they
are not frozen because frozen data classes take three times as long to make.

What a path means: its loads and divisions must all succeed, else the packet is rejected. Since failing and rejecting
are the same verdict, what counts is which of them lie on the paths that accept, not their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cbpf.compiler.values import Const, Members, Value, Variable, hazards, never_computes
from cbpf.errors import Span

Spans = frozenset[Span]


@dataclass(slots=True)
class Test:
    """``left operator right`` with operator ``=``, ``>``, ``>=`` (unsigned), ``&`` (a bit in common), or ``in``.

    What a value may be ``in`` are ``Members``; the optimizer makes such tests, and comparisons of them again.
    """

    operator: str
    left: Value
    right: Value | Members
    hazards: tuple[Value, ...] = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.hazards = hazards(self.left)
        if not isinstance(self.right, Const | Members):
            self.hazards += hazards(self.right)
        self._hash = hash((self.operator, self.left, self.right))

    def __hash__(self) -> int:
        return self._hash

    @property
    def values(self) -> tuple[Value, ...]:
        """What is computed for it."""
        return (self.left,) if isinstance(self.right, Members) else (self.left, self.right)


@dataclass(slots=True, eq=False)
class Verdict:
    """An end: the packet is accepted or rejected."""

    accept: bool


@dataclass(slots=True, eq=False)
class Branch:
    """Go on at ``then`` if the test holds, at ``orelse`` if not."""

    test: Test
    then: Node
    orelse: Node


@dataclass(slots=True, eq=False)
class Let:
    """Compute ``value``, keep it in ``variable`` (None: only see that it can be computed), go on at ``following``."""

    variable: Variable | None
    value: Value
    following: Node


Node = Verdict | Branch | Let

ACCEPT = Verdict(True)
REJECT = Verdict(False)


@dataclass(frozen=True, slots=True)
class Graph:
    """A root, all nodes from there on, each before those it leads to, and the parts of the expression they are from."""

    root: Node
    order: list[Node]
    spans: dict[Node, Spans]

    @property
    def tests(self) -> set[Test]:
        return {node.test for node in self.order if isinstance(node, Branch)}

    def before(self) -> dict[Node, list[Node]]:
        """The nodes that lead to each node, one that leads to it both ways twice."""
        found: dict[Node, list[Node]] = {node: [] for node in self.order}
        for node in self.order:
            for following in successors(node):
                found[following].append(node)
        return found

    def ways_in(self) -> dict[Node, int]:
        """How many ways lead to each node."""
        counts = dict.fromkeys(self.order, 0)
        for node in self.order:
            for following in successors(node):
                counts[following] += 1
        return counts


class Builder:
    """Makes nodes, each only once, and remembers what parts of the expression asked for it.

    A node that would compute what no packet lets be computed is a rejection, and is made as one.
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[object, ...], Node] = {}
        self.spans: dict[Node, Spans] = {}

    def branch(self, test: Test, then: Node, orelse: Node, spans: Spans) -> Node:
        if test.hazards and any(never_computes(hazard) for hazard in test.hazards):
            return REJECT
        return self._make(Branch(test, then, orelse), (test, id(then), id(orelse)), spans)

    def let(self, variable: Variable | None, value: Value, following: Node, spans: Spans) -> Node:
        if never_computes(value):
            return REJECT
        return self._make(Let(variable, value, following), (variable, value, id(following)), spans)

    def require(self, test: Test, following: Node, spans: Spans) -> Node:
        """Make sure that all of a test can be computed, whatever it says."""
        for value in reversed(test.values):
            if following is not REJECT and hazards(value):
                following = self.let(None, value, following, spans)
        return following

    def again(self, node: Node, new: Mapping[Node, Node], spans: Mapping[Node, Spans]) -> Node:
        """The same node with ``new`` ones for those that it leads to."""
        match node:
            case Branch(test, then, orelse):
                return self.branch(test, new[then], new[orelse], spans[node])
            case Let(variable, value, following):
                return self.let(variable, value, new[following], spans[node])
        return node

    def graph(self, root: Node) -> Graph:
        order = topological(root)
        return Graph(root, order, {node: self.spans.get(node, frozenset()) for node in order})

    def _make(self, fresh: Node, key: tuple[object, ...], spans: Spans) -> Node:
        node = self._nodes.setdefault(key, fresh)
        self.spans[node] = spans if node is fresh else self.spans[node] | spans
        return node


def successors(node: Node) -> tuple[Node, ...]:
    match node:
        case Branch(_, then, orelse):
            return (then, orelse)
        case Let(_, _, following):
            return (following,)
    return ()


def topological(root: Node) -> list[Node]:
    """Every node before those it leads to, the ``then`` side of a branch as close behind it as that allows."""
    finished: list[Node] = []
    seen = {root}
    stack: list[tuple[Node, Iterator[Node]]] = [(root, reversed(successors(root)))]
    while stack:
        node, rest = stack[-1]
        for following in rest:
            if following not in seen:
                seen.add(following)
                stack.append((following, reversed(successors(following))))
                break
        else:
            stack.pop()
            finished.append(node)
    finished.reverse()
    return finished


def node_hazards(node: Node) -> tuple[Value, ...]:
    """The loads and divisions that happen at a node."""
    match node:
        case Branch(test, _, _):
            return test.hazards
        case Let(_, value, _):
            return hazards(value)
    return ()


def node_values(node: Node) -> Iterable[Value]:
    """The values that are computed at a node."""
    match node:
        case Branch(test, _, _):
            return test.values
        case Let(_, value, _):
            return (value,)
    return ()

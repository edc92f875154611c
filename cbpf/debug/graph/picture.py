"""What is shown of a graph, as plain data: nodes with labels, and edges with the answers they stand for.

A picture can be walked without the compiler: ``formula`` says exactly what a node computes, in the language's own
arithmetic. ``link[12:2] = 0x800`` is a test and ``\\`802.11 payload\\` := ...`` keeps a value. What cannot be computed,
because a load is not within the captured bytes or a divisor is zero, rejects the packet.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cbpf.errors import Span

MOST_CLAUSES: Final = 8  # that a node names
LONGEST: Final = 200  # characters of a part


class Clause(NamedTuple):
    """A part of the expression: its characters, and those in one line, as far as it is not very long."""

    span: Span
    text: str


class Edge(NamedTuple):
    """The way to node ``to`` (a place in ``Picture.nodes``) if the answer is "yes" or "no", or always: ""."""

    to: int
    answer: str


class Line(NamedTuple):
    """An instruction in a block: its number, its text as ``tcpdump -d`` has it, and what it does in field names."""

    pc: int
    text: str
    meaning: str


class Node(NamedTuple):
    """One node.

    * ``kind``: "test", "let" (compute a value and keep it), "need" (only see that a value can be computed), "accept",
      "reject", "block" (of instructions), or "more" (in place of what a cut left out).
    * ``label``: what it asks or does, in the names of fields; ``formula``: the same exactly; empty for the others.
    * ``clauses``: the parts of the expression that it is from, no more than ``MOST_CLAUSES`` of them.
    """

    kind: str
    label: str
    formula: str = ""
    lines: tuple[Line, ...] = ()
    clauses: tuple[Clause, ...] = ()
    edges: tuple[Edge, ...] = ()


class Picture(NamedTuple):
    """A graph to look at: ``kind`` is "decision" or "flow".

    ``nodes`` has each node before those it leads to, the root first, as long as no program jumps back.
    """

    kind: str
    title: str
    nodes: tuple[Node, ...]


def cut(picture: Picture, most: int) -> Picture:
    """The picture with its first ``most`` nodes, the rest in one that says how many there are more."""
    left_out = len(picture.nodes) - most
    if left_out <= 0:
        return picture
    kept = [
        node._replace(edges=tuple(edge._replace(to=min(edge.to, most)) for edge in node.edges))
        for node in picture.nodes[:most]
    ]
    return picture._replace(nodes=(*kept, Node("more", f"... {left_out} more nodes")))


def ways_in(picture: Picture) -> list[int]:
    """How many edges lead to each node."""
    counts = [0] * len(picture.nodes)
    for node in picture.nodes:
        for edge in node.edges:
            counts[edge.to] += 1
    return counts


def clauses(expression: str | None, spans: tuple[Span, ...] | frozenset[Span]) -> tuple[Clause, ...]:
    """The parts of an expression that a node is from, in order; the innermost of them."""
    if expression is None:
        return ()
    inner = [span for span in sorted(spans) if not any(_inside(other, span) for other in spans)]
    return tuple(Clause(span, shortened(expression[span.start : span.end])) for span in inner[:MOST_CLAUSES])


def shortened(text: str) -> str:
    """A text in one line, without the end of it if it is very long."""
    return " ".join(text.split()) if len(text) <= LONGEST else f"{' '.join(text[:LONGEST].split())} ..."


def _inside(inner: Span, outer: Span) -> bool:
    return inner != outer and outer.start <= inner.start and inner.end <= outer.end

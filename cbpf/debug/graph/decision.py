"""A decision graph as a picture."""

from __future__ import annotations

from cbpf.compiler.graph import Branch, Graph, Let, Node, Verdict, node_values
from cbpf.compiler.layers import Layer
from cbpf.compiler.values import Variable, variables
from cbpf.debug.graph import picture
from cbpf.debug.graph.formulas import binding, formula
from cbpf.debug.graph.known import ACCEPTED, REJECTED, Around, Step, known
from cbpf.debug.graph.picture import Clause, Edge, Picture
from cbpf.debug.graph.places import Map, telling
from cbpf.debug.graph.words import LONGEST, Speaker


def decision_picture(graph: Graph, title: str, expression: str | None, layer: Layer, linktype: int) -> Picture:
    """The picture of a graph that was made of ``expression`` (None: of a program) for packets of a LINKTYPE number."""
    number = {node: place for place, node in enumerate(graph.order)}
    around = known([_step(node, number) for node in graph.order], telling(layer))
    speaker = Speaker(Map(layer, linktype, _variables(graph)))
    nodes = []
    for place, node in enumerate(graph.order):
        clauses = picture.clauses(expression, graph.spans[node])
        nodes.append(_node(node, number, around(place), speaker, clauses))
    return Picture("decision", title, tuple(nodes))


def _variables(graph: Graph) -> set[Variable]:
    found = {node.variable for node in graph.order if isinstance(node, Let) and node.variable is not None}
    return found.union(*(variables(value) for node in graph.order for value in node_values(node)))


def _step(node: Node, number: dict[Node, int]) -> Step:
    def place(following: Node) -> int:
        if isinstance(following, Verdict):
            return ACCEPTED if following.accept else REJECTED
        return number[following]

    match node:
        case Branch(test, then, orelse):
            return Step(test, None, place(then), place(orelse))
        case Let(variable, value, following):
            return Step(None, None if variable is None else (variable, value), place(following), REJECTED)
    return Step(None, None, ACCEPTED if node.accept else REJECTED, REJECTED)


def _node(
    node: Node, number: dict[Node, int], around: Around, speaker: Speaker, clauses: tuple[Clause, ...]
) -> picture.Node:
    match node:
        case Branch(test, then, orelse):
            edges = (Edge(number[then], "yes"), Edge(number[orelse], "no"))
            return picture.Node("test", speaker.test(test, around), formula(test), (), clauses, edges)
        case Let(variable, value, following):
            text = speaker.value(value, around.yes or around.before)
            label = f"{text} can be computed" if variable is None else f"{variable.name} := {text}"
            shown = label if len(label) <= LONGEST else f"{label[: LONGEST - 4]} ..."
            kind = "need" if variable is None else "let"
            return picture.Node(kind, shown, binding(variable, value), (), clauses, (Edge(number[following], ""),))
    end = "accept" if node.accept else "reject"
    return picture.Node(end, end)

"""Shortcuts: past long chains in which two values are compared in turn, as the two ends of a list of IPv6 hosts are.

Such a chain cannot be searched, because what is done for one host must come before the next is looked at. But a packet
in which neither value is on the list has nothing to do there, and if only one is, its place in the chain is where to
go on. Only where both are listed is the chain walked from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cbpf.compiler.graph import Branch, Builder, Graph, Node, Spans, Test
from cbpf.compiler.optimize.chains import is_link
from cbpf.compiler.optimize.classes import Domain
from cbpf.compiler.optimize.facts import Facts, nothing_known
from cbpf.compiler.optimize.search import decide
from cbpf.compiler.optimize.switches import Switch
from cbpf.compiler.values import Value

LONG = 24  # links


class Alternation(NamedTuple):
    """Tests of one value or two for numbers, one after the other, and what comes behind if none holds."""

    links: list[Branch]
    end: Node


def shortcut(graph: Graph) -> Graph:
    """The same graph, itself if it has no such chains."""
    in_question = _equalities_in_a_row(graph)
    if not in_question:
        return graph
    facts = nothing_known(in_question)
    chains = {chain.links[0]: chain for chain in _chains(graph, facts)}
    if not chains:
        return graph
    build = Builder()
    new: dict[Node, Node] = {}
    for node in reversed(graph.order):
        new[node] = build.again(node, new, graph.spans)
        if node in chains:
            new[node] = _shortcut(chains[node], facts, new, build, graph.spans)
    return build.graph(new[graph.root])


def _equalities_in_a_row(graph: Graph) -> set[Test]:
    """The tests of all nodes that could be links of a long chain: to know what each test means takes time."""
    length: dict[Node, int] = {}
    for node in reversed(graph.order):
        if isinstance(node, Branch) and node.test.operator == "=":
            length[node] = 1 + length.get(node.orelse, 0)
    if max(length.values(), default=0) < LONG:
        return set()
    return {node.test for node in length if isinstance(node, Branch)}


def _chains(graph: Graph, facts: Facts) -> Iterator[Alternation]:
    """Chains, each from where its values have been loaded."""
    seen: set[Node] = set()
    for head in graph.order:
        links: list[Branch] = []
        subjects: dict[Value, int] = {}  # with the first link that asks for it
        node = head
        while isinstance(node, Branch) and node not in seen and is_link(node, facts.meanings):
            subject = facts.meanings.tests[node.test].subject
            if subject not in subjects and len(subjects) == 2:
                break
            subjects.setdefault(subject, len(links))
            seen.add(node)
            links.append(node)
            node = node.orelse
        loaded = max(subjects.values(), default=0) + 1
        if len(links) - loaded >= LONG:
            yield Alternation(links[loaded:], node)


def _shortcut(
    chain: Alternation, facts: Facts, new: dict[Node, Node], build: Builder, spans: dict[Node, Spans]
) -> Node:
    """Where to go into the chain, or past it, by what the two values are."""
    meanings = facts.meanings.tests
    begin, end = new[chain.links[0]], new[chain.end]
    domains: dict[Value, Domain] = {}
    places: dict[Value, dict[Node, int]] = {}  # where the chain asks for which class of each value first
    listed: dict[Value, int] = {}
    for link in chain.links:
        subject, domain, holds = meanings[link.test]
        domains[subject] = domain
        if not listed.get(subject, 0) & holds:
            listed[subject] = listed.get(subject, 0) | holds
            places.setdefault(subject, {})[new[link]] = holds

    def switch(subject: Value, exits: dict[Node, int], otherwise: Node) -> Node:
        nodes = [link for link in chain.links if meanings[link.test].subject == subject]
        rest = domains[subject].everything & ~listed[subject]
        exits = {**exits, otherwise: exits.get(otherwise, 0) | rest}
        return decide(Switch(subject, domains[subject], exits, nodes), build, spans)

    if len(domains) == 1:
        (only,) = domains
        return switch(only, places[only], end)
    first, second = domains
    to_second = switch(second, places[second], end)
    if_second = switch(first, {begin: listed[first]}, to_second)
    to_first = switch(first, places[first], end)
    return switch(second, {if_second: listed[second]}, to_first)

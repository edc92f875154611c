"""Switches: the parts of a graph that look at one value only, each as a table from the value's numbers to ways on.

Where several switches stand in a row that all lead to one place or else to the next, as the sides and addresses of a
list of hosts do, those on the same value are put together. That changes their order, which is free as long as no load
that may fail is made earlier or later than before.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from cbpf.compiler.graph import Branch, Graph, Node, Verdict
from cbpf.compiler.optimize.classes import Domain
from cbpf.compiler.optimize.facts import Facts
from cbpf.compiler.values import Value, hazards


class Switch(NamedTuple):
    """``exits``: where to go for which classes of the subject. ``nodes`` decide that now; the first is the way in.

    ``private`` are the exits that only this switch leads to.
    """

    subject: Value
    domain: Domain
    exits: dict[Node, int]
    nodes: list[Branch]
    private: frozenset[Node] = frozenset()


class Switches:
    """Finds the switches of a graph."""

    def __init__(self, graph: Graph, nothing: Facts) -> None:
        self.nothing = nothing
        self.place = {node: place for place, node in enumerate(graph.order)}
        self.ways_in = graph.ways_in()

    def at(self, head: Node) -> Switch | None:
        """The largest switch that begins at a node: nodes on one value, to all but the first only these lead."""
        meanings = self.nothing.meanings.tests
        if not isinstance(head, Branch) or head.test not in meanings:
            return None
        subject, domain, _ = meanings[head.test]
        classes = {head: domain.everything}
        ways_in: dict[Node, int] = {}
        exits: dict[Node, int] = {}
        nodes: list[Branch] = []
        waiting = [(self.place[head], head)]
        while waiting:
            node = heappop(waiting)[1]
            nodes.append(node)
            possible, holds = classes.pop(node), meanings[node.test].holds
            for following, left in ((node.then, possible & holds), (node.orelse, possible & ~holds)):
                ways_in[following] = ways_in.get(following, 0) + 1
                exits[following] = exits.get(following, 0) | left
                if (
                    ways_in[following] == self.ways_in[following]
                    and isinstance(following, Branch)
                    and following.test in meanings
                    and meanings[following.test].subject == subject
                ):
                    classes[following] = exits.pop(following)
                    heappush(waiting, (self.place[following], following))
        private = frozenset(node for node in exits if ways_in[node] == self.ways_in[node])
        return Switch(subject, domain, {node: left for node, left in exits.items() if left}, nodes, private)

    def row(self, first: Switch) -> list[Switch]:
        """A switch and those behind it, to each of which only the one before leads, and which lead where it does."""
        row, target = [first], None
        while (found := self._next(row[-1], target)) is not None:
            row.append(found[0])
            target = found[1]
        return row

    def _next(self, switch: Switch, target: Node | None) -> tuple[Switch, Node] | None:
        """The next switch of a row, and where the row leads when it does not go on to the next."""
        if len(switch.exits) != 2:
            return None
        first, second = switch.exits
        for onward, other in ((first, second), (second, first)):
            if onward in switch.private and target in (None, other):
                following = self.at(onward)
                if following is not None and len(following.exits) == 2 and other in following.exits:
                    return following, other
        return None


MISSED = Verdict(False)  # stands for whatever comes behind a switch of a row


def target_of(row: list[Switch]) -> Node:
    """Where all switches of a row lead if not to the next; there must be two of them at least."""
    return next(exit for exit in row[0].exits if exit in row[1].exits)


def grouped(row: list[Switch], facts: Facts) -> list[Switch]:
    """A row of two or more with the switches on one value put together where that changes no load's fate.

    Each leads to the target of the row or is MISSED. A switch whose load may fail keeps its place: nothing behind it
    gets before it.
    """
    target = target_of(row)
    groups: list[list[Switch]] = []
    movable: dict[Value, list[Switch]] = {}
    for switch in row:
        if switch.subject not in movable:
            if any(facts.may_strike(hazard) for hazard in hazards(switch.subject)):
                movable.clear()
            groups.append([])
            movable[switch.subject] = groups[-1]
            facts = facts.after(switch.subject)
        movable[switch.subject].append(switch)
    return [_joined(group, target) for group in groups]


def _joined(group: list[Switch], target: Node) -> Switch:
    """One switch that hits where one of these does."""
    hits = 0
    for switch in group:
        hits |= switch.exits[target]
    nodes = [node for switch in group for node in switch.nodes]
    first = group[0]
    return first._replace(exits={target: hits, MISSED: first.domain.everything & ~hits}, nodes=nodes)

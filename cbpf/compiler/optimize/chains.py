"""Chains of tests for equality on one value, and how to get along one without looking at every link.

`host A or host B or ...` makes a chain as long as the list. Whoever enters it knowing what the value can be goes on
at the next link that can hold, which a table finds, however many links lie between.
"""

from __future__ import annotations

from bisect import bisect_left

from cbpf.compiler.graph import Branch, Node
from cbpf.compiler.optimize.classes import Meanings
from cbpf.compiler.optimize.facts import Facts

FEW = 4  # numbers to be looked up


def is_link(node: Node, meanings: Meanings) -> bool:
    """Whether a node asks for one number of one value."""
    meaning = meanings.tests.get(node.test) if isinstance(node, Branch) and node.test.operator == "=" else None
    return meaning is not None and meaning.holds.bit_count() == 1


class Chain:
    """Nodes that each test the same value for one number and lead to the next if it is another; then to ``end``."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.places: dict[int, list[int]] = {}  # where in the chain a class of numbers is asked for
        self.end: Node

    def next_possible(self, place: int, possible: int) -> Node | None:
        """The next node from ``place`` on that can hold if the value is in these classes, else the chain's end.

        None where finding it would take long.
        """
        if possible.bit_count() <= FEW:
            classes = []
            while possible:
                classes.append(possible.bit_length() - 1)
                possible ^= 1 << classes[-1]
        elif len(self.places) <= FEW:
            classes = [number for number in self.places if possible >> number & 1]
        else:
            return None
        nearest = len(self.nodes)
        for number in classes:
            places = self.places.get(number, ())
            found = bisect_left(places, place)
            if found < len(places):
                nearest = min(nearest, places[found])
        return self.nodes[nearest] if nearest < len(self.nodes) else self.end


class Chains:
    """All chains of a graph; every node that can be a link is in one."""

    def __init__(self, order: list[Node], meanings: Meanings) -> None:
        self._links: dict[Node, tuple[Chain, int]] = {}
        for head in order:
            if head not in self._links:
                self._follow(head, meanings)

    def _follow(self, head: Node, meanings: Meanings) -> None:
        chain, node, subject = Chain(), head, None
        while isinstance(node, Branch) and node not in self._links and is_link(node, meanings):
            meaning = meanings.tests[node.test]
            if subject is None:
                subject = meaning.subject
            elif subject != meaning.subject:
                break
            self._links[node] = chain, len(chain.nodes)
            chain.places.setdefault(meaning.holds.bit_length() - 1, []).append(len(chain.nodes))
            chain.nodes.append(node)
            node = node.orelse
        chain.end = node

    def past(self, node: Branch, facts: Facts) -> Node:
        """Where to go on from a node whose test is known not to hold."""
        link = self._links.get(node)
        if link is None:
            return node.orelse
        chain, place = link
        meaning = facts.meanings.tests[node.test]
        return chain.next_possible(place + 1, facts.possible(meaning)) or node.orelse

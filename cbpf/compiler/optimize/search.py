"""Binary search: long lists of numbers that one value is compared with are found in a few steps, not one by one.

What a switch leads to changes only at some numbers. Asking whether the value is above the middle one leaves half of
them, and so on; the last few are compared one by one, which takes fewer instructions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cbpf.compiler.graph import Builder, Graph, Node, Spans, Test
from cbpf.compiler.optimize.classes import runs
from cbpf.compiler.optimize.facts import Facts, nothing_known
from cbpf.compiler.optimize.switches import MISSED, Switch, Switches, grouped, target_of
from cbpf.compiler.values import Const, Load, Members
from cbpf.errors import Span

ONE_BY_ONE = 3  # numbers that are compared with one after the other
SHORT_LIST = 8  # tests that stay as they are unless as many are better
IPV4 = 0x0800  # the EtherType that most frames have
HIGH = 0x8000
MOST_PARTS = 8  # of the expression that a node knows one by one


class Segment(NamedTuple):
    """From ``low`` to ``high``, both included, the way on is ``exit``."""

    low: int
    high: int
    exit: Node


class Ask(NamedTuple):
    """Compare the subject with ``number``: ``=`` or ``>=``."""

    operator: str
    number: int
    then: Plan
    orelse: Plan


Plan = Node | Ask


def search(graph: Graph) -> Graph:
    """The same graph, itself if it has no long lists."""
    facts = nothing_known(graph.tests)
    rows = {row[0].nodes[0]: row for row in _rows(graph, facts)}
    groups = {head: found for head, row in rows.items() if (found := _improved(row, facts)) is not None}
    if not groups:
        return graph
    replaced = {node for head in groups for switch in rows[head] for node in switch.nodes}
    build = Builder()
    new: dict[Node, Node] = {}
    for node in reversed(graph.order):
        if node in groups:
            new[node] = _row(groups[node], rows[node], new, build, graph.spans)
        elif node not in replaced:
            new[node] = build.again(node, new, graph.spans)
    return build.graph(new[graph.root])


def _rows(graph: Graph, facts: Facts) -> Iterator[list[Switch]]:
    switches = Switches(graph, facts)
    decided: set[Node] = set()
    for node in graph.order:
        switch = None if node in decided else switches.at(node)
        if switch is not None:
            row = switches.row(switch)
            decided.update(node for switch in row for node in switch.nodes)
            yield row


def _improved(row: list[Switch], facts: Facts) -> list[Switch] | None:
    """The switches that shall take a row's place; None if it is well as it is."""
    groups = grouped(row, facts) if len(row) > 1 else row
    if len(groups) < len(row) or any(_worth_it(switch) for switch in groups):
        return groups
    return None


def _worth_it(switch: Switch) -> bool:
    """Whether a switch is long, or its plan, which asks the likeliest first, has hardly more questions than it has."""
    before = len(switch.nodes)
    if before > SHORT_LIST or _has_sets(switch):
        return True
    return before > 1 and _size(_questions(switch)) <= before + (before > 2)


def _has_sets(switch: Switch) -> bool:
    """Whether something is asked for which there is no instruction."""
    return any(isinstance(node.test.right, Members) for node in switch.nodes)


def _row(
    groups: list[Switch], row: list[Switch], new: dict[Node, Node], build: Builder, spans: dict[Node, Spans]
) -> Node:
    """The nodes for the switches of a row, the last of which leads on where the row's last one did."""
    if len(row) == 1:
        return _nodes(groups[0], new, build, spans)
    target = target_of(row)
    following = next(new[exit] for exit in row[-1].exits if exit is not target)
    for switch in reversed(groups):
        following = _nodes(switch, {target: new[target], MISSED: following}, build, spans)
    return following


def _nodes(switch: Switch, new: dict[Node, Node], build: Builder, spans: dict[Node, Spans]) -> Node:
    """The nodes that decide as a switch does."""
    if len(switch.nodes) == 1 and not _has_sets(switch):
        node = switch.nodes[0]
        then, orelse = (new[way if way in switch.exits else MISSED] for way in (node.then, node.orelse))
        return build.branch(node.test, then, orelse, spans[node])
    exits: dict[Node, int] = {}
    for exit, classes in switch.exits.items():  # two of them may have become one node
        exits[new[exit]] = exits.get(new[exit], 0) | classes
    return decide(switch._replace(exits=exits), build, spans)


def decide(switch: Switch, build: Builder, spans: dict[Node, Spans]) -> Node:
    """New nodes that lead to the exits of a switch.

    A question for one number knows who asked for it; one that is a step of a search, the whole list, as one.
    """
    asked: dict[Test, Spans] = {}
    for node in switch.nodes:
        asked[node.test] = spans[node]
        if isinstance(node.test.right, Members):
            sources = node.test.right.sources
            for number, source in sources.items():
                test = Test("=", switch.subject, Const(number))
                asked[test] = asked.get(test, frozenset()) | source
    parts = frozenset().union(*(spans[node] for node in switch.nodes))
    if len(parts) > MOST_PARTS:
        parts = frozenset((Span(min(part.start for part in parts), max(part.end for part in parts)),))

    def node_of(plan: Plan) -> Node:
        if not isinstance(plan, Ask):
            return plan
        test = Test(plan.operator, switch.subject, Const(plan.number))
        return build.branch(test, node_of(plan.then), node_of(plan.orelse), asked.get(test, parts))

    plan = _questions(switch)
    if not isinstance(plan, Ask):  # it leads to one place always, if only its subject can be computed
        return build.require(switch.nodes[0].test, plan, parts)
    return node_of(plan)


def _segments(switch: Switch) -> list[Segment]:
    """All numbers that the subject can be, in ascending order, and where each leads."""
    found = []
    for exit, classes in switch.exits.items():
        found += [Segment(*switch.domain.bounds(run), exit) for run in runs(classes)]
    return sorted(found)


def _questions(switch: Switch) -> Plan:
    """The plan of a switch.

    Where three numbers or more are looked for that are high for half a word, as the types of tagged frames are, it is
    asked first whether it is a low one at all, as those of IPv4 and ARP and the lengths of 802.3 are.
    """
    segments = _segments(switch)
    plan = _plan(segments)
    one_by_one = isinstance(plan, Ask) and plan.operator == "=" and _size(plan) > 2
    is_type = isinstance(switch.subject, Load) and switch.subject.size == 2
    if one_by_one and is_type and segments[0].high >= HIGH:
        return Ask(">=", segments[1].low, plan, segments[0].exit)
    return plan


def _plan(segments: list[Segment]) -> Plan:
    """The questions that lead from a number to the exit of its segment."""
    if len(segments) == 1:
        return segments[0].exit
    if len(segments) <= 2 * ONE_BY_ONE + 1:
        exits = [segment.exit for segment in segments]
        for usual in sorted(dict.fromkeys(exits), key=exits.count, reverse=True):
            others = [segment for segment in segments if segment.exit is not usual]
            if len(others) <= ONE_BY_ONE and all(segment.low == segment.high for segment in others):
                return _one_by_one(others, usual)
    middle = len(segments) // 2
    if len(segments) == 3 and _width(segments[0]) < _width(segments[2]):
        middle = 2  # what is above a range is most of the numbers: ask for it first
    return Ask(">=", segments[middle].low, _plan(segments[middle:]), _plan(segments[:middle]))


def _one_by_one(numbers: list[Segment], otherwise: Node) -> Plan:
    """Whether it is one of these; IPv4 before all else, since most packets are."""
    plan: Plan = otherwise
    for segment in sorted(numbers, key=lambda segment: (segment.low == IPV4, -segment.low)):
        plan = Ask("=", segment.low, segment.exit, plan)
    return plan


def _width(segment: Segment) -> int:
    return segment.high - segment.low


def _size(plan: Plan) -> int:
    """How many questions there are in a plan."""
    return 1 + _size(plan.then) + _size(plan.orelse) if isinstance(plan, Ask) else 0

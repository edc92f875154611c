"""From the flow to the decision graph: every primitive read in the layer that it has on each way to it.

`vlan`, `mpls`, `pppoes` and `lane` move the layer for all that is written after them, so those layers are known from
the text. Tunnels move it only where they matched, and a VLAN tag that Linux keeps beside the frame does not move it:
behind those, a step may be reached in one layer on one path and in another on another, and gets a node for each.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.encapsulation import MOVES, TUNNELS, Case, Cases
from cbpf.compiler.flow import ACCEPTED, REJECTED, Step
from cbpf.compiler.graph import ACCEPT, REJECT, Builder, Graph, Node, topological
from cbpf.compiler.layers import Layer
from cbpf.compiler.liveness import wanted_variables
from cbpf.compiler.predicates import FALSE, Predicate, count_tests, wire
from cbpf.compiler.primitives import cases
from cbpf.compiler.scope import Scope
from cbpf.errors import FilterError, Reason
from cbpf.language.names import Names
from cbpf.language.syntax import Keyword

MOST_TESTS = 500_000  # what an expression may come to: a matter of a minute or two and 2 GB
MOST_DETOURS = 4_000  # states beyond one for each step: the other layers that tunnels make steps be reached in

# What may be wrong in one layer and right in another.
_OF_THE_LAYER = (Reason.NOT_ON_THIS_LINKTYPE, Reason.OUT_OF_RANGE)

State = tuple[int, Layer]  # the number of a step and the layer it is reached in


class _Reading(NamedTuple):
    """What a step's primitive means in a layer. ``moved`` is the layer that the text alone has behind it."""

    layer: Layer
    cases: Cases

    @property
    def moved(self) -> Layer:
        return self.cases[-1].moved


class Way(NamedTuple):
    """What is tested in a state where a condition holds, and the states that follow."""

    condition: Predicate
    meaning: Predicate
    then: State
    orelse: State


def lower(steps: list[Step], layer: Layer, names: Names, netmask: int | None) -> Graph:
    """The decision graph of a flow that begins in ``layer``. Raises FilterError for what the layer does not have."""
    build = Builder()
    nodes: dict[State, Node] = {}
    ends = {ACCEPTED: ACCEPT, REJECTED: REJECT}
    for (number, here), ways in reversed(Ways(steps, layer, names, netmask).explore().items()):
        spans = frozenset((steps[number].primitive.span,))
        node: Node = REJECT
        for way in reversed(ways):
            then, orelse = (ends.get(state[0]) or nodes[state] for state in (way.then, way.orelse))
            node = wire(way.condition, wire(way.meaning, then, orelse, build, spans), node, build, spans)
        nodes[number, here] = node
    return build.graph(_prepared(nodes[0, layer], layer, build) if steps else ACCEPT)


def _prepared(root: Node, layer: Layer, build: Builder) -> Node:
    """``root`` behind what must be known of a packet of this link type before anything is tested.

    Places that depend on the packet are computed if anything wants them, whether it is reached or not: a packet too
    short for that is rejected at once, as with libpcap.
    """
    for variable, binding in reversed(layer.computed):
        if variable in wanted_variables(topological(root))[root]:
            root = wire(binding, root, REJECT, build, frozenset())
    return wire(layer.required, root, REJECT, build, frozenset())


class Ways:
    """Finds the layers in which each step is reached."""

    def __init__(self, steps: list[Step], layer: Layer, names: Names, netmask: int | None) -> None:
        self.steps = steps
        self.names = names
        self.netmask = netmask
        # By the text alone. An expression is right or wrong by these readings.
        self.written: list[_Reading] = []
        self._tests = 0
        for number in range(len(steps)):
            self.written.append(self._read(number, layer))
            layer = self.written[-1].moved
        # The first step at or after each that moves the layer.
        self.next_move = [len(steps)] * (len(steps) + 1)
        for number in range(len(steps) - 1, -1, -1):
            self.next_move[number] = number if _word(steps[number]) in MOVES else self.next_move[number + 1]

    def explore(self) -> dict[State, tuple[Way, ...]]:
        """Every state that can be reached, earlier steps first."""
        reached: list[dict[Layer, None]] = [{} for _ in self.steps]
        if reached:
            reached[0][self.written[0].layer] = None
        found: dict[State, tuple[Way, ...]] = {}
        for number, step in enumerate(self.steps):
            for here in reached[number]:
                reading = self._read_if_possible(number, here)
                found[number, here] = tuple(self._way(number, here, case) for case in reading.cases)
                for way in found[number, here]:
                    for following, layer in (way.then, way.orelse):
                        if following >= 0:
                            reached[following][layer] = None
            if len(found) > number + MOST_DETOURS:
                raise FilterError("too many combinations of tunnels", step.primitive.span)
        return found

    def _way(self, number: int, here: Layer, case: Case) -> Way:
        step = self.steps[number]
        then = self._past(number, step.then, case.moved)
        # What is skipped because a tunnel is not there belongs to the inside of it.
        orelse = here if _word(step) in TUNNELS else self._past(number, step.orelse, case.moved)
        return Way(case.condition, case.meaning, (step.then, then), (step.orelse, orelse))

    def _past(self, number: int, target: int, layer: Layer) -> Layer:
        """The layer behind the steps that a jump skips: they move it as they would have, up to the first tunnel.

        In frames that Linux has, a tag that nobody looked for is nowhere.
        """
        skipped = self.next_move[number + 1]
        while skipped < target and (word := _word(self.steps[skipped])) not in TUNNELS:
            if not (word == "vlan" and layer.tag):
                layer = self._read_if_possible(skipped, layer).moved
            skipped = self.next_move[skipped + 1]
        return layer

    def _read_if_possible(self, number: int, layer: Layer) -> _Reading:
        """In another layer than the written one, what cannot be had there does not hold."""
        if layer == self.written[number].layer:
            return self.written[number]
        try:
            return self._read(number, layer)
        except FilterError as error:
            if error.reason not in _OF_THE_LAYER:
                raise
            return _Reading(layer, (Case(FALSE, layer),))

    def _read(self, number: int, layer: Layer) -> _Reading:
        primitive = self.steps[number].primitive
        found = cases(Scope(layer, self.names, self.netmask, number), primitive)
        self._tests += sum(count_tests(case.condition) + count_tests(case.meaning) for case in found)
        if self._tests > MOST_TESTS:
            message = f"the expression is too large: more than {MOST_TESTS} tests up to here"
            raise FilterError(message, primitive.span)
        return _Reading(layer, found)


def _word(step: Step) -> str:
    """The keyword of a step that is one, which may be one that moves the layer."""
    return step.primitive.word if isinstance(step.primitive, Keyword) else ""

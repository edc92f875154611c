"""From the flow to the decision graph: every primitive read in the layer that it has on each way to it.

`vlan`, `mpls` and `pppoes` move the layer for all that is written after them, so those layers are known from the text.
Tunnels move it only where they matched: behind one, a step may be reached in the inner layer on one path and in the
outer layer on another, and gets a node for each.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.encapsulation import MOVES, TUNNELS
from cbpf.compiler.flow import ACCEPTED, REJECTED, Step
from cbpf.compiler.graph import ACCEPT, REJECT, Builder, Graph, Node
from cbpf.compiler.layers import Layer
from cbpf.compiler.predicates import FALSE, Predicate, wire
from cbpf.compiler.primitives import predicate
from cbpf.compiler.scope import Scope
from cbpf.errors import FilterError, Reason
from cbpf.language.names import Names
from cbpf.language.syntax import Keyword

MOST_DETOURS = 20_000  # states beyond one for each step: the other layers that tunnels make steps be reached in

# What may be wrong in one layer and right in another.
_OF_THE_LAYER = (Reason.NOT_ON_THIS_LINKTYPE, Reason.OUT_OF_RANGE)

State = tuple[int, Layer]  # the number of a step and the layer it is reached in


class _Reading(NamedTuple):
    """What a step's primitive means in a layer, and the layer it leaves for what is written after it."""

    layer: Layer
    meaning: Predicate
    moved: Layer


class _Way(NamedTuple):
    """What is tested in a state, and the states that follow."""

    meaning: Predicate
    then: State
    orelse: State


def lower(steps: list[Step], layer: Layer, names: Names, netmask: int | None) -> Graph:
    """The decision graph of a flow that begins in ``layer``. Raises FilterError for what the layer does not have."""
    ways = _Ways(steps, layer, names, netmask).explore()
    build = Builder()
    nodes: dict[State, Node] = {}
    ends = {ACCEPTED: ACCEPT, REJECTED: REJECT}
    for (number, here), way in reversed(ways.items()):
        then, orelse = (ends.get(state[0]) or nodes[state] for state in (way.then, way.orelse))
        nodes[number, here] = wire(way.meaning, then, orelse, build, frozenset((steps[number].primitive.span,)))
    return build.graph(nodes[0, layer] if steps else ACCEPT)


class _Ways:
    """Finds the layers in which each step is reached."""

    def __init__(self, steps: list[Step], layer: Layer, names: Names, netmask: int | None) -> None:
        self.steps = steps
        self.names = names
        self.netmask = netmask
        # By the text alone. An expression is right or wrong by these readings.
        self.written: list[_Reading] = []
        for number in range(len(steps)):
            self.written.append(self._read(number, layer))
            layer = self.written[-1].moved
        # The first step at or after each that moves the layer.
        self.next_move = [len(steps)] * (len(steps) + 1)
        for number in range(len(steps) - 1, -1, -1):
            self.next_move[number] = number if _word(steps[number]) in MOVES else self.next_move[number + 1]

    def explore(self) -> dict[State, _Way]:
        """Every state that can be reached, earlier steps first."""
        reached: list[dict[Layer, None]] = [{} for _ in self.steps]
        if reached:
            reached[0][self.written[0].layer] = None
        ways: dict[State, _Way] = {}
        for number, step in enumerate(self.steps):
            for here in reached[number]:
                way = self._way(number, step, here)
                ways[number, here] = way
                for following, layer in (way.then, way.orelse):
                    if following >= 0:
                        reached[following][layer] = None
            if len(ways) > number + MOST_DETOURS:
                raise FilterError("too many combinations of tunnels", step.primitive.span)
        return ways

    def _way(self, number: int, step: Step, here: Layer) -> _Way:
        reading = self._read_if_possible(number, here)
        then = self._past(number, step.then, reading.moved)
        if _word(step) in TUNNELS:
            # What is skipped because the tunnel is not there belongs to the inside of it.
            return _Way(reading.meaning, (step.then, then), (step.orelse, here))
        return _Way(reading.meaning, (step.then, then), (step.orelse, self._past(number, step.orelse, reading.moved)))

    def _past(self, number: int, target: int, layer: Layer) -> Layer:
        """The layer behind the steps that a jump skips: they move it as they would have, up to the first tunnel."""
        skipped = self.next_move[number + 1]
        while skipped < target and _word(self.steps[skipped]) not in TUNNELS:
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
            return _Reading(layer, FALSE, layer)

    def _read(self, number: int, layer: Layer) -> _Reading:
        return _Reading(layer, *predicate(Scope(layer, self.names, self.netmask, number), self.steps[number].primitive))


def _word(step: Step) -> str:
    """The keyword of a step that is one, which may be one that moves the layer."""
    return step.primitive.word if isinstance(step.primitive, Keyword) else ""

"""Gathering: a long list of hosts, networks or ports becomes one step of the flow, before a graph is made of it.

`port 80 or port 443 or ...` asks thousands of times for the same things but for one number. As one step, all of that
is there once, with one test for membership in a set of numbers, so that everything behind it takes the time of a short
expression; ``search`` makes comparisons of it in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cbpf.compiler.flow import Listed, Step
from cbpf.errors import Span
from cbpf.language.syntax import Primitive, Qualified
from cbpf.language.tokens import Kind

LONG = 24  # alternatives: shorter lists are as fast without

# What is more than one number is no member of a set of numbers: these, and both ends of a packet at once.
_LONG_ADDRESSES = (Kind.IPV6, Kind.MAC)
_LISTED_TYPES = (None, "host", "net", "port", "portrange")


def gather(steps: list[Step]) -> list[Step]:
    """The same flow, long runs of alternatives that have the same qualifiers gathered into one step each."""
    runs = [run for run in _runs(steps) if len(run) >= LONG]
    if not runs:
        return steps
    gathered = {run.start: run for run in runs}
    inside = {number for run in runs for number in run[1:]}
    left = [number for number in range(len(steps)) if number not in inside]
    moved = {old: new for new, old in enumerate(left)}
    found = []
    for number in left:
        step = steps[number]
        if number in gathered:
            step = _listed(steps, gathered[number])
        then, orelse = (moved.get(target, target) for target in (step.then, step.orelse))
        found.append(Step(step.primitive, then, orelse))
    return found


def _listed(steps: list[Step], run: range) -> Step:
    """The step that a run becomes; it goes on where the last one does."""
    parts = [steps[number].primitive for number in run]
    qualified = tuple(part for part in parts if isinstance(part, Qualified))
    assert len(qualified) == len(parts)
    return steps[run[-1]]._replace(primitive=Listed(Span(parts[0].span.start, parts[-1].span.end), qualified))


def _runs(steps: list[Step]) -> Iterator[range]:
    """Steps one after the other that lead to the same step if they hold, else to the next, and are alike."""
    ways_in = Counter(target for step in steps for target in (step.then, step.orelse))
    start = 0
    for number in range(1, len(steps) + 1):
        if number < len(steps) and ways_in[number] == 1 and _alternatives(steps, number - 1):
            continue
        yield range(start, number)
        start = number


def _alternatives(steps: list[Step], number: int) -> bool:
    """Whether a step and the one behind it say the same of different values."""
    step, following = steps[number], steps[number + 1]
    kind = _kind(step.primitive)
    return (
        kind is not None
        and step.orelse == number + 1
        and step.then == following.then
        and kind == _kind(following.primitive)
    )


def _kind(primitive: Primitive | Listed) -> object:
    """What primitives that differ in their numbers only have in common; None for those that are not gathered."""
    if not isinstance(primitive, Qualified):
        return None
    qualifiers, kind = primitive.qualifiers, primitive.value.token.kind
    if qualifiers.type not in _LISTED_TYPES or qualifiers.direction == "and" or kind in _LONG_ADDRESSES:
        return None
    return qualifiers, kind

"""Whether every packet that one program accepts is accepted by another: proved, or not known.

Both are decision graphs without variables. Every way on which the first accepts is followed, with all that is known on
it; then all ways of the second that are possible with that are. If each of them accepts, and needs no byte of the
packet that the first has not seen to be captured, the implication is proved. There may be too many ways to look at:
then nothing is known. Knowledge is that of the optimizer (``cbpf.compiler.optimize.facts``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cbpf.compiler.graph import ACCEPT, REJECT, Branch, Graph, Let, Node, node_values
from cbpf.compiler.optimize.facts import Facts, nothing_known
from cbpf.compiler.values import Load, Value

MOST_STEPS: Final = 1_500

_Key = tuple[Node | None, Node, frozenset[object]]


class _TooMany(Exception):
    """There are more ways than are followed."""


class Exhausted(Exception):
    """Nothing is left of an effort."""


class Effort:
    """How many steps may be made in all, for many proofs together; ``Exhausted`` is raised if they are not enough."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Exhausted


def implies(first: Graph, second: Graph, *, whole: bool = False, effort: Effort | None = None) -> bool:
    """Whether it is proved that ``second`` accepts what ``first`` does.

    With ``whole`` that is asked of packets only that are captured as far as either program looks.
    """
    try:
        return _Walk(first, second, whole, effort or Effort(MOST_STEPS)).run()
    except _TooMany:
        return False


class _State(NamedTuple):
    """Where the first program is (None: it has accepted), where the second is, and what is known."""

    first: Node | None
    second: Node
    facts: Facts


class _Walk:
    def __init__(self, first: Graph, second: Graph, whole: bool, effort: Effort) -> None:
        self.whole = whole
        self.effort = effort
        self.start = _State(first.root, second.root, nothing_known(first.tests | second.tests))
        self.seen: set[_Key] = set()

    def run(self) -> bool:
        pending = [self.start]
        while pending:
            state = pending.pop()
            if self._known(state):
                continue
            ways = self._ways(state)
            if ways is None:
                return False
            pending += ways
        return True

    def _known(self, state: _State) -> bool:
        first, second, facts = state
        learned = frozenset((value, classes) for value, (_, classes) in facts.known.items())
        key = (first, second, frozenset((learned, *facts.outcomes.items(), *facts.reach.items(), *facts.computed)))
        if key in self.seen:
            return True
        self.seen.add(key)
        self.effort.spend()
        if len(self.seen) > MOST_STEPS:
            raise _TooMany
        return False

    def _ways(self, state: _State) -> list[_State] | None:
        """The states behind a state; None if the second program may reject what the first one accepts."""
        if state.first is None:
            return self._of_second(state)
        if state.first is REJECT:
            return []
        if state.first is ACCEPT:
            return [state._replace(first=None)]
        facts = state.facts
        return [state._replace(first=node, facts=facts) for node, facts in _steps(state.first, facts)]

    def _of_second(self, state: _State) -> list[_State] | None:
        node, facts = state.second, state.facts
        if node is ACCEPT:
            return []
        if node is REJECT:
            return None
        if any(_uncertain(facts, value, self.whole) for value in node_values(node)):
            return None
        return [state._replace(second=following, facts=learned) for following, learned in _steps(node, facts)]


def _uncertain(facts: Facts, value: Value, whole: bool) -> bool:
    """Whether a value may not be computed; of a packet that is captured ``whole`` because a divisor is 0.

    A byte behind a place is captured only if those up to the place are.
    """
    farthest = max(facts.reach.values(), default=0)
    return any(
        not isinstance(hazard, Load) or not (whole or (hazard.base is None and hazard.offset + hazard.size <= farthest))
        for hazard in facts.uncertain(value)
    )


def _steps(node: Node, facts: Facts) -> list[tuple[Node, Facts]]:
    """What may come behind a node, with what is known then."""
    match node:
        case Branch(test, then, orelse):
            outcome = facts.outcome(test)
            facts = facts.after(*test.values)
            ways = ((True, then), (False, orelse))
            return [
                (following, facts if outcome is answer else facts.assuming(test, answer))
                for answer, following in ways
                if outcome in (None, answer)
            ]
        case Let(variable, value, following):
            return [(following, facts.after(value).bound(variable, value))]
    return []

"""What is known at a place in the decision graph, whatever way led there."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple, TypeVar

from cbpf.compiler.graph import Test
from cbpf.compiler.values import FARTHEST, Binary, Const, Load, Negate, Value, Variable, calculate, hazards, upper_bound

# More facts of a kind than this are not kept: the oldest go. A bound on the time that long expressions take.
MOST_FACTS = 64

Key = TypeVar("Key")
Entry = TypeVar("Entry")


class Range(NamedTuple):
    """A value lies between ``low`` and ``high``, both included, and is none of ``excluded``."""

    low: int
    high: int
    excluded: frozenset[int] = frozenset()

    def without(self, number: int) -> Range:
        if number == self.low:
            return Range(number + 1, self.high, self.excluded)
        if number == self.high:
            return Range(self.low, number - 1, self.excluded)
        if len(self.excluded) >= MOST_FACTS:
            return self
        return Range(self.low, self.high, self.excluded | {number})

    def lacks(self, number: int) -> bool:
        return not self.low <= number <= self.high or number in self.excluded

    def either(self, other: Range) -> Range:
        """What holds of a value of which one of the two holds."""
        excluded = frozenset(
            number for number in self.excluded | other.excluded if self.lacks(number) and other.lacks(number)
        )
        return Range(min(self.low, other.low), max(self.high, other.high), excluded)


class Facts(NamedTuple):
    """Never changed: what is learned makes new facts.

    ``ranges`` of values; ``outcomes`` of tests that say nothing about a range; ``reach``: how many bytes from a base
    (None: the packet's start) on are known to be captured; ``computed``: divisions and other loads that succeeded.
    """

    ranges: dict[Value, Range]
    outcomes: dict[Test, bool]
    reach: dict[Value | None, int]
    computed: frozenset[Value]

    # Asking.

    def range(self, value: Value) -> Range:
        known = self.ranges.get(value)
        if known is not None:
            return known
        match value:
            case Const(number):
                return Range(number, number)
            case Negate(operand):
                inner = self.range(operand)
                if inner.low == inner.high:
                    return Range(number := calculate("-", 0, inner.low), number)
            case Binary(operator, left, right):
                first, second = self.range(left), self.range(right)
                if first.low == first.high and second.low == second.high and (second.low or operator not in "/%"):
                    return Range(number := calculate(operator, first.low, second.low), number)
        return Range(0, upper_bound(value))

    def outcome(self, test: Test) -> bool | None:
        """What the test will say, None if that is not known."""
        if test in self.outcomes:
            return self.outcomes[test]
        if test.left == test.right and test.operator != "&":
            return test.operator != ">"
        left, right = self.range(test.left), self.range(test.right)
        match test.operator:
            case "=":
                if left.low == left.high and right.low == right.high:
                    return left.low == right.low
                if right.low == right.high and left.lacks(right.low):
                    return False
                return False if left.high < right.low or right.high < left.low else None
            case ">":
                return True if left.low > right.high else False if left.high <= right.low else None
            case ">=":
                return True if left.low >= right.high else False if left.high < right.low else None
        if left.low == left.high and right.low == right.high:
            return left.low & right.low != 0
        possible = ((1 << left.high.bit_length()) - 1) & ((1 << right.high.bit_length()) - 1)
        if right.low == right.high:
            possible &= right.low
        return None if possible else False

    def uncertain(self, value: Value) -> tuple[Value, ...]:
        """The hazards of a value that may still strike."""
        return tuple(hazard for hazard in hazards(value) if not self._succeeded(hazard))

    def _succeeded(self, hazard: Value) -> bool:
        if isinstance(hazard, Load) and _measurable(hazard):
            return self.reach.get(hazard.base, 0) >= hazard.offset + hazard.size
        return hazard in self.computed

    # Learning.

    def after(self, *values: Value) -> Facts:
        """These values have been computed."""
        reach, computed = self.reach, self.computed
        for value in values:
            for hazard in self.uncertain(value):
                if isinstance(hazard, Load) and _measurable(hazard):
                    reach = _with(reach, hazard.base, max(reach.get(hazard.base, 0), hazard.offset + hazard.size))
                else:
                    computed |= {hazard}
        return Facts(self.ranges, self.outcomes, reach, computed)

    def bound(self, variable: Variable | None, value: Value) -> Facts:
        """The variable has the value, and what was known about it before is no more true."""
        if variable is None:
            return self
        return Facts(_with(self.ranges, variable, self.range(value)), self.outcomes, self.reach, self.computed)

    def assuming(self, test: Test, outcome: bool) -> Facts:
        """The test has said this."""
        if not isinstance(test.right, Const):
            return Facts(self.ranges, _with(self.outcomes, test, outcome), self.reach, self.computed)
        number, known = test.right.number, self.range(test.left)
        outcomes = self.outcomes
        match test.operator, outcome:
            case "=", True:
                known = Range(number, number)
            case "=", False:
                known = known.without(number)
            case (">", True) | (">=", True):
                known = known._replace(low=max(known.low, number + (test.operator == ">")))
            case (">", False) | (">=", False):
                known = known._replace(high=min(known.high, number - (test.operator == ">=")))
            case "&", _:
                outcomes = _with(outcomes, test, outcome)
                known = known.without(0) if outcome else known
        return Facts(_with(self.ranges, test.left, known), outcomes, self.reach, self.computed)

    def either(self, other: Facts) -> Facts:
        """What is known whichever of two ways one came."""
        if self is other:
            return self
        ranges = {
            value: known.either(other.ranges[value]) for value, known in self.ranges.items() if value in other.ranges
        }
        outcomes = {test: said for test, said in self.outcomes.items() if other.outcomes.get(test) is said}
        reach = {base: min(far, other.reach[base]) for base, far in self.reach.items() if base in other.reach}
        return Facts(ranges, outcomes, reach, self.computed & other.computed)


NOTHING_KNOWN = Facts({}, {}, {}, frozenset())


def _measurable(load: Load) -> bool:
    """Whether a load further out proves that this one is inside the packet too."""
    return load.offset + load.size < FARTHEST


def _with(facts: dict[Key, Entry], key: Key, entry: Entry) -> dict[Key, Entry]:
    """The dictionary with one entry more, or another."""
    kept = facts if len(facts) < MOST_FACTS or key in facts else dict(islice(facts.items(), 1, None))
    return {**kept, key: entry}

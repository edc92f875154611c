"""What is known at a place in the decision graph, whatever way led there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.optimize.classes import Domain, Meaning, Meanings, meanings
from cbpf.compiler.values import (
    FARTHEST,
    Binary,
    Const,
    Load,
    Negate,
    Value,
    Variable,
    calculate,
    compare,
    hazards,
    variables,
)

MANY = 12  # facts, from which on it is worth the time to forget some


class Facts(NamedTuple):
    """Never changed: what is learned makes new facts.

    ``meanings`` of all tests that may be asked; ``known``: the classes that a value can be in, with their domain;
    ``outcomes`` of tests about two values; ``reach``: how many bytes from a base (None: the packet's start) on are
    known to be captured; ``computed``: divisions and other loads that succeeded.
    """

    meanings: Meanings
    known: dict[Value, tuple[Domain, int]]
    outcomes: dict[Test, bool]
    reach: dict[Value | None, int]
    computed: frozenset[Value]

    # Asking.

    def outcome(self, test: Test) -> bool | None:
        """What the test will say, None if that is not known."""
        meaning = self.meanings.tests.get(test)
        if meaning is not None:
            possible = self.possible(meaning)
            if possible & meaning.holds == 0:
                return False
            if possible & ~meaning.holds == 0:
                return True
            if isinstance(test.left, Load):
                return None
        elif test in self.outcomes:
            return self.outcomes[test]
        elif test.left == test.right and test.operator != "&":
            return test.operator != ">"
        return self._calculated(test)

    def possible(self, meaning: Meaning) -> int:
        """The classes that the subject of a test can still be in."""
        known = self.known.get(meaning.subject)
        return meaning.domain.everything if known is None else known[1]

    def number(self, value: Value) -> int | None:
        """The value, if only one number is possible."""
        known = self.known.get(value)
        if known is not None:
            return known[0].only(known[1])
        match value:
            case Const(number):
                return number
            case Negate(operand):
                inner = self.number(operand)
                return None if inner is None else calculate("-", 0, inner)
            case Binary(operator, left, right):
                first = self.number(left)
                second = None if first is None else self.number(right)
                if first is not None and second is not None and (second or operator not in "/%"):
                    return calculate(operator, first, second)
        return None

    def _calculated(self, test: Test) -> bool | None:
        numbers = [self.number(value) for value in test.values]
        match numbers:
            case [int(left), int(right)]:
                return compare(test.operator, left, right)
        return None

    def uncertain(self, value: Value) -> tuple[Value, ...]:
        """The hazards of a value that may still strike."""
        return tuple(hazard for hazard in hazards(value) if self.may_strike(hazard))

    def may_strike(self, hazard: Value) -> bool:
        """Whether a hazard is not known to have been passed before."""
        if isinstance(hazard, Load) and _measurable(hazard):
            return self.reach.get(hazard.base, 0) < hazard.offset + hazard.size
        return hazard not in self.computed

    # Learning.

    def after(self, *values: Value) -> Facts:
        """These values have been computed."""
        reach, computed = self.reach, self.computed
        for value in values:
            for hazard in self.uncertain(value):
                if isinstance(hazard, Load) and _measurable(hazard):
                    reach = {**reach, hazard.base: max(reach.get(hazard.base, 0), hazard.offset + hazard.size)}
                else:
                    computed |= {hazard}
        if reach is self.reach and computed is self.computed:
            return self
        return Facts(self.meanings, self.known, self.outcomes, reach, computed)

    def asked_for(self, place: int, last: Mapping[Value | None, int]) -> Facts:
        """Without what nobody asks for from a place on; ``last`` says where that is for every value."""
        if len(self.known) + len(self.reach) < MANY:
            return self
        known = {about: said for about, said in self.known.items() if last.get(about, -1) >= place}
        reach = {base: far for base, far in self.reach.items() if last.get(base, -1) >= place}
        return Facts(self.meanings, known, self.outcomes, reach, self.computed)

    def bound(self, variable: Variable | None, value: Value) -> Facts:
        """The variable has the value, and what was known about it before is no more true."""
        if variable is None:
            return self
        number = self.number(value)
        known = {about: said for about, said in self.known.items() if variable not in variables(about)}
        if number is not None and variable in self.meanings.domains:
            domain = self.meanings.domains[variable]
            known[variable] = domain, domain.class_of(number)
        return Facts(
            self.meanings,
            known,
            {
                test: said
                for test, said in self.outcomes.items()
                if not any(variable in variables(value) for value in test.values)
            },
            {base: far for base, far in self.reach.items() if base is None or variable not in variables(base)},
            frozenset(value for value in self.computed if variable not in variables(value)),
        )

    def assuming(self, test: Test, outcome: bool) -> Facts:
        """The test has said this."""
        meaning = self.meanings.tests.get(test)
        if meaning is None:
            return Facts(self.meanings, self.known, {**self.outcomes, test: outcome}, self.reach, self.computed)
        possible = self.possible(meaning) & (meaning.holds if outcome else ~meaning.holds)
        known = {**self.known, meaning.subject: (meaning.domain, possible)}
        return Facts(self.meanings, known, self.outcomes, self.reach, self.computed)

    def either(self, other: Facts) -> Facts:
        """What is known whichever of two ways one came."""
        if self is other:
            return self
        theirs = other.known
        known = {}
        for value, (domain, mine) in self.known.items():
            if value in theirs:
                possible = mine | theirs[value][1]
                if possible != domain.everything:
                    known[value] = domain, possible
        outcomes = {test: said for test, said in self.outcomes.items() if other.outcomes.get(test) is said}
        reach = {base: min(far, other.reach[base]) for base, far in self.reach.items() if base in other.reach}
        return Facts(self.meanings, known, outcomes, reach, self.computed & other.computed)


def nothing_known(tests: Iterable[Test]) -> Facts:
    """What is known at the root of a graph that has these tests."""
    return Facts(meanings(tests), {}, {}, {}, frozenset())


def _measurable(load: Load) -> bool:
    """Whether a load further out proves that this one is inside the packet too."""
    return load.offset + load.size < FARTHEST

"""What is known of a packet at each node of a graph: what was asked on the ways to it, and what accepting ones ask yet.

This is for names only. Byte 23 is an IPv4 protocol where the EtherType has been found to be IPv4, and also where the
packet is accepted only if it is, though that is asked later. Nothing depends on it, so it may forget: only answers
count that may tell protocols from each other, and there are bounds on the facts, and on the alternatives between which
it has not been decided.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Final, NamedTuple

from cbpf.compiler.families import LARGEST_LENGTH
from cbpf.compiler.graph import Test
from cbpf.compiler.optimize.fold import fold_test
from cbpf.compiler.values import Binary, Const, Load, Members, Value, Variable, compare

MOST_FACTS: Final = 48
MOST_NUMBERS: Final = 12  # that something may be one of
MOST_ALTERNATIVES: Final = 5
MOST_TOGETHER: Final = 8  # of them, with what is asked later
LARGEST: Final = 20_000  # nodes of a graph for which it is found out what is asked later

Facts = Mapping[Value | Test, frozenset[int]]
"""What a value is one of, and for tests that are no equations: 1 if it holds, 0 if not."""


class Alternative(NamedTuple):
    """``bound`` are the values of variables."""

    facts: Facts
    bound: Mapping[Variable, Value]


Known = tuple[Alternative, ...]
"""One of these is so. None at all: there is no such way."""

NOTHING: Final = Alternative({}, {})


class Step(NamedTuple):
    """A node for this purpose: what it asks or binds, and where it leads; ACCEPTED and REJECTED are no nodes.

    A step without a test goes on at ``then``.
    """

    test: Test | None
    binds: tuple[Variable, Value] | None
    then: int
    orelse: int


ACCEPTED: Final = -1
REJECTED: Final = -2


class Around(NamedTuple):
    """What is known at a node: of every packet there (``before``), and of those that a yes or a no lets be accepted."""

    before: Known
    yes: Known
    no: Known


def known(steps: list[Step], telling: Collection[int]) -> Callable[[int], Around]:
    """What is known at each step, by its number. Every step leads only to later ones.

    ``telling`` are the numbers that tell protocols from each other.
    """
    matters = [step.test is not None and _matters(step.test, telling) for step in steps]
    before = _before(steps, matters)
    later = _later(steps, matters) if len(steps) <= LARGEST else [(NOTHING,)] * len(steps)

    def way(here: Known, target: int, test: Test | None, outcome: bool) -> Known:
        if target == REJECTED:
            return ()
        behind = (NOTHING,) if target == ACCEPTED else later[target]
        found = here if test is None else _learned(here, test, outcome)
        together = (both for one in found for other in behind if (both := _both(one, other)) is not None)
        return tuple(islice(together, MOST_TOGETHER))

    def around(number: int) -> Around:
        step = steps[number]
        yes = way(before[number], step.then, step.test, True)
        no = () if step.test is None else way(before[number], step.orelse, step.test, False)
        return Around(before[number], yes, no)

    return around


def _matters(test: Test, telling: Collection[int]) -> bool:
    """Whether an answer may say what protocol something is of: hosts and most ports do not."""
    key, numbers, _ = normal(test)
    value = key.left if isinstance(key, Test) else key
    match value:
        case Load(_, _, 1) | Binary("&", Load(_, _, 1), Const()):
            return True
        case Load() if isinstance(key, Test):
            return key.operator == ">" and isinstance(key.right, Const) and key.right.number == LARGEST_LENGTH
        case Load():
            return numbers is not None and any(number in telling for number in numbers)
    return False


def learn(one: Alternative, test: Test, outcome: bool) -> Alternative | None:
    """What is known once a test has said yes or no; None if it cannot say that."""
    key, numbers, holds = normal(test)
    outcome = outcome is holds
    old = one.facts.get(key)
    if numbers is None:
        new = frozenset((int(outcome),))
        return None if old is not None and not old & new else _with(one, key, new)
    if outcome:
        new = numbers if old is None else old & numbers
        return _with(one, key, new) if new else None
    if old is None:
        return one
    return _with(one, key, old - numbers) if old - numbers else None


def normal(test: Test) -> tuple[Value | Test, frozenset[int] | None, bool]:
    """What a test asks about: a value and the numbers that it may be, or itself; and whether a yes says so."""
    if isinstance(test.right, Members):
        if all(low == high for low, high in test.right.ranges) and len(test.right.ranges) <= MOST_NUMBERS:
            return test.left, frozenset(low for low, _ in test.right.ranges), True
        return test, None, True
    test, negated = fold_test(test)
    if test.operator == "=" and isinstance(test.right, Const):
        return test.left, frozenset((test.right.number,)), not negated
    return test, None, not negated


def answer(facts: Facts, test: Test) -> bool | None:
    """Whether a test holds by what is known; None if that is not known."""
    key, numbers, holds = normal(test)
    possible = facts.get(key)
    if possible is None:
        possible = _by_value(facts, key)
        numbers = None
    if possible is None:
        return None
    if numbers is None:
        numbers = frozenset((1,))
    if possible <= numbers:
        return holds
    return None if possible & numbers else not holds


def _by_value(facts: Facts, key: Value | Test) -> frozenset[int] | None:
    """The answers to a comparison of a value of which it is known what it may be."""
    if not isinstance(key, Test) or not isinstance(key.right, Const):
        return None
    possible, number = facts.get(key.left), key.right.number
    return None if possible is None else frozenset(int(compare(key.operator, each, number)) for each in possible)


def _with(one: Alternative, key: Value | Test, numbers: frozenset[int]) -> Alternative:
    if len(numbers) > MOST_NUMBERS or (len(one.facts) >= MOST_FACTS and key not in one.facts):
        return one
    return one._replace(facts={**one.facts, key: numbers})


def _before(steps: list[Step], matters: list[bool]) -> list[Known]:
    found: list[Known] = [()] * len(steps)
    arriving: list[list[Alternative]] = [[] for _ in steps]
    if steps:
        arriving[0].append(NOTHING)
    for number, step in enumerate(steps):
        here = found[number] = _limited(arriving[number])
        arriving[number] = []
        if step.test is not None and matters[number]:
            ways = [(step.then, _learned(here, step.test, True)), (step.orelse, _learned(here, step.test, False))]
        elif step.test is not None:
            ways = [(step.then, here), (step.orelse, here)]
        else:
            after = here if step.binds is None else tuple(_bound(one, *step.binds) for one in here)
            ways = [(step.then, after)]
        for target, alternatives in ways:
            if target >= 0:
                arriving[target].extend(alternatives)
    return found


def _bound(one: Alternative, variable: Variable, value: Value) -> Alternative:
    return one._replace(bound={**one.bound, variable: value})


def _later(steps: list[Step], matters: list[bool]) -> list[Known]:
    """What packets that are accepted are asked from each step on."""
    found: list[Known] = [()] * len(steps)
    ends: dict[int, Known] = {ACCEPTED: (NOTHING,), REJECTED: ()}
    for number in range(len(steps) - 1, -1, -1):
        step = steps[number]
        then = ends[step.then] if step.then < 0 else found[step.then]
        if step.test is None:
            found[number] = then
            continue
        orelse = ends[step.orelse] if step.orelse < 0 else found[step.orelse]
        if not matters[number]:
            found[number] = _limited((*then, *orelse))
            continue
        found[number] = _limited((*_learned(then, step.test, True), *_learned(orelse, step.test, False)))
    return found


def _learned(alternatives: Known, test: Test, outcome: bool) -> Known:
    """What is known behind a test. On a way that no packet goes, the test that was asked last is right."""
    found = tuple(new for one in alternatives if (new := learn(one, test, outcome)) is not None)
    if found:
        return found
    key, _, _ = normal(test)
    forgetful = (
        one._replace(facts={each: one.facts[each] for each in one.facts if each != key}) for one in alternatives
    )
    return tuple(new for one in forgetful if (new := learn(one, test, outcome)) is not None)


def _both(one: Alternative, other: Alternative) -> Alternative | None:
    """What is known if both are so; None if that cannot be."""
    if not other.facts:
        return one
    facts = dict(one.facts)
    for key, numbers in other.facts.items():
        common = facts[key] & numbers if key in facts else numbers
        if not common:
            return None
        facts[key] = common
    return one._replace(facts=facts)


# Alternatives.


def _limited(alternatives: Iterable[Alternative]) -> Known:
    """No more than a few of them: one too many becomes one with that from which it differs least."""
    kept: list[Alternative] = []
    for one in alternatives:
        if one in kept:
            continue
        if len(kept) < MOST_ALTERNATIVES:
            kept.append(one)
            continue
        nearest = min(range(len(kept)), key=lambda place: _difference(kept[place], one))
        kept[nearest] = _either(kept[nearest], one)
    return tuple(kept)


def _difference(one: Alternative, other: Alternative) -> int:
    """How much is forgotten if two become one."""
    keys = one.facts.keys() | other.facts.keys()
    lost = sum(2 for key in keys if key not in one.facts or key not in other.facts)
    return lost + sum(1 for key in keys if one.facts.get(key) != other.facts.get(key)) + 4 * (one.bound != other.bound)


def _either(one: Alternative, other: Alternative) -> Alternative:
    facts = {}
    for key, numbers in one.facts.items():
        if key in other.facts and len(together := numbers | other.facts[key]) <= MOST_NUMBERS:
            facts[key] = together
    bound = {variable: value for variable, value in one.bound.items() if other.bound.get(variable) == value}
    return Alternative(facts, bound)

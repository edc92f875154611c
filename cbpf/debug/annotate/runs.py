"""Long lists of alternatives, `port 1 or port 2 or ...`, passed over at once by packets that none of them holds for.

A marked program asks all primitives one after the other. Where they are alike but for the numbers they compare with,
one question is enough for most packets: the same tests, with all those numbers searched in place of one. A packet for
which each of these tests fails takes the same way through all of the primitives, and reads the same bytes there; if it
is too short, it is so for the first. Only a packet that has one of the numbers has to go through the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cbpf.compiler.graph import Builder, Node, Spans, Test
from cbpf.compiler.lower import State, Way
from cbpf.compiler.predicates import All, Any, Constant, Negation, Predicate
from cbpf.compiler.values import Const, Value

_SHORTEST: Final = 6  # primitives for which it is worth to look first
_CHUNK: Final = 16  # primitives of a part of a longer list, which is passed over in the same way
_FEW: Final = 3  # ranges of numbers that are not searched but compared
_NOTHING: Final[Spans] = frozenset()


class Varied(NamedTuple):
    """A value that is compared with another number by each of the primitives."""

    left: Value
    numbers: tuple[int, ...]


Merged = Predicate | Varied | tuple[str, tuple["Merged", ...]]
"""A predicate with such values in it: "all", "any" and "not" have parts."""


def runs(ways: Mapping[State, Way], relevant: Mapping[State, bool]) -> dict[State, list[list[State]]]:
    """The lists of states that can be passed over, by the first of them, shorter ones first."""
    found: dict[State, list[list[State]]] = {}
    taken: set[State] = set()
    for state in ways:
        if state in taken:
            continue
        run = [state]
        while (following := _following(run[-1], ways, relevant)) is not None:
            run.append(following)
        if len(run) >= _SHORTEST:
            taken.update(run)
            if len(run) > 2 * _CHUNK:
                for begin in range(0, len(run), _CHUNK):
                    found[run[begin]] = [run[begin : begin + _CHUNK]]
            found.setdefault(state, []).append(run)
    return found


def _following(state: State, ways: Mapping[State, Way], relevant: Mapping[State, bool]) -> State | None:
    """The state that is tried next if one does not hold, if it is one of the same kind."""
    way = ways[state]
    after = way.orelse
    if after not in ways or after[0] != state[0] + 1 or not (relevant[state] and relevant[after]):
        return None
    same = ways[after].then == way.then and merged([way.meaning, ways[after].meaning]) is not None
    return after if same else None


def merged(meanings: Sequence[Predicate]) -> Merged | None:
    """Predicates that are alike but for numbers, as one; None if they are not."""
    first = meanings[0]
    kind = type(first)
    if any(type(each) is not kind for each in meanings):
        return None
    match first:
        case Constant():
            return first if all(each == first for each in meanings) else None
        case Test():
            tests = [each for each in meanings if isinstance(each, Test)]
            return _merged_tests(tests)
        case Negation():
            parts = merged([each.part for each in meanings if isinstance(each, Negation)])
            return None if parts is None else ("not", (parts,))
        case All() | Any():
            columns = [each.parts for each in meanings if isinstance(each, All | Any)]
            if len({len(column) for column in columns}) != 1:
                return None
            rows = [merged(row) for row in zip(*columns, strict=True)]
            known = tuple(row for row in rows if row is not None)
            return ("all" if kind is All else "any", known) if len(known) == len(rows) else None
    return None


def _merged_tests(tests: list[Test]) -> Merged | None:
    first = tests[0]
    if all(test == first for test in tests):
        return first
    if any(test.operator != "=" or test.left != first.left for test in tests):
        return None
    numbers = [test.right.number for test in tests if isinstance(test.right, Const)]
    return Varied(first.left, tuple(sorted(set(numbers)))) if len(numbers) == len(tests) else None


def passing(part: Merged, then: Node, orelse: Node, hit: Node, build: Builder) -> Node:
    """The node that decides such a predicate; it goes on at ``hit`` where a value is one of the numbers."""
    match part:
        case Varied(left, numbers):
            return _searched(left, _ranges(numbers), hit, orelse, build)
        case Test():
            return build.branch(part, then, orelse, _NOTHING)
        case Constant(truth):
            return then if truth else orelse
        case ("not", (inner,)):
            return passing(inner, orelse, then, hit, build)
        case ("all", parts):
            for each in reversed(parts):
                then = passing(each, then, orelse, hit, build)
            return then
        case ("any", parts):
            for each in reversed(parts):
                orelse = passing(each, then, orelse, hit, build)
            return orelse
    raise AssertionError(f"{part!r} is not merged")


def _searched(left: Value, ranges: Sequence[range], hit: Node, missed: Node, build: Builder) -> Node:
    """The node that decides whether a value is in one of the ranges, which ascend."""
    if len(ranges) <= _FEW:
        for each in ranges:
            missed = _within(left, each, hit, missed, build)
        return missed
    middle = len(ranges) // 2
    upper = _searched(left, ranges[middle:], hit, missed, build)
    lower = _searched(left, ranges[:middle], hit, missed, build)
    return build.branch(Test(">=", left, Const(ranges[middle].start)), upper, lower, _NOTHING)


def _within(left: Value, numbers: range, hit: Node, missed: Node, build: Builder) -> Node:
    first, last = numbers[0], numbers[-1]
    if first == last:
        return build.branch(Test("=", left, Const(first)), hit, missed, _NOTHING)
    below = build.branch(Test(">", left, Const(last)), missed, hit, _NOTHING)
    return build.branch(Test(">=", left, Const(first)), below, missed, _NOTHING)


def _ranges(numbers: Sequence[int]) -> list[range]:
    """Ascending numbers, those that follow on each other together."""
    found: list[range] = []
    for number in numbers:
        if found and found[-1].stop == number:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found

"""Predicates that differ in their numbers only, put together: one test for membership in a set instead of many.

    host 192.0.2.1 or host 192.0.2.7     source in {...1, ...7} or destination in {...1, ...7}

That would be wrong of `src and dst host`: with two sets, the source of one and the destination of the other would do.
So in a conjunction nothing but the last part may differ. What comes behind a part that differs might be loaded for one
alternative and not for another, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cbpf.compiler.graph import Test
from cbpf.compiler.optimize.classes import Range, interval
from cbpf.compiler.predicates import All, Any, Negation, Predicate, all_of, any_of
from cbpf.compiler.values import Const, Load, Members, Value
from cbpf.errors import Span

Alternative = tuple[Predicate, Span]  # with the part of the expression that it is from


def union(alternatives: list[Alternative]) -> Predicate | None:
    """What holds where any of the alternatives does, None if they differ in more than numbers.

    Only behind the first alternative: where that does not hold, all is loaded that the others load, or they fail where
    it failed.
    """
    first = alternatives[0][0]
    if all(predicate == first for predicate, _ in alternatives):
        return first
    found = _members(alternatives)
    if found is not None:
        return found
    match first:
        case Any():
            columns = _columns(alternatives, Any, len(first.parts))
            parts = [union(column) for column in columns]
            kept = [part for part in parts if part is not None]
            return any_of(*kept) if kept and len(kept) == len(parts) else None
        case All():
            columns = _columns(alternatives, All, len(first.parts))
            common = next((number for number, column in enumerate(columns) if _differs(column)), 0)
            if common == 0:
                return None
            rest = union([(all_of(*each.parts[common:]), span) for each, span in alternatives if isinstance(each, All)])
            return None if rest is None else all_of(*first.parts[:common], rest)
    return None


def _columns(alternatives: list[Alternative], kind: type[All | Any], parts: int) -> list[list[Alternative]]:
    """The first parts of all alternatives, the second ones, and so on; nothing if they are not of one kind and size."""
    for predicate, _ in alternatives:
        if not isinstance(predicate, kind) or len(predicate.parts) != parts:
            return []
    return [
        [(predicate.parts[number], span) for predicate, span in alternatives if isinstance(predicate, kind)]
        for number in range(parts)
    ]


def _differs(column: list[Alternative]) -> bool:
    return any(predicate != column[0][0] for predicate, _ in column)


def _members(alternatives: list[Alternative]) -> Test | None:
    """A test for membership, if each alternative asks whether one and the same value is within a range."""
    ranges: list[Range] = []
    sources: dict[int, frozenset[Span]] = {}
    subject: Value | None = None
    for predicate, span in alternatives:
        found = _range_of(predicate)
        if found is None or (subject is not None and found[0] != subject):
            return None
        subject, low, high = found
        ranges.append((low, high))
        if low == high:
            sources[low] = sources.get(low, frozenset()) | {span}
    return None if subject is None else Test("in", subject, Members(tuple(_merged(ranges)), sources))


def _range_of(predicate: Predicate) -> tuple[Value, int, int] | None:
    """The load that a predicate is about and the range that it must be in; None if it says anything else."""
    match predicate:
        case Test("=" | ">=", _, Const()):
            subject, low, high = interval(predicate)
            return (subject, low, high) if isinstance(subject, Load) else None
        case Negation(Test(">", Load() as load, Const(number))):
            return load, 0, number
        case All((first, second)):
            one, other = _range_of(first), _range_of(second)
            if one is not None and other is not None and one[0] == other[0]:
                low, high = max(one[1], other[1]), min(one[2], other[2])
                return (one[0], low, high) if low <= high else None
    return None


def _merged(ranges: Iterable[Range]) -> Iterator[Range]:
    """Disjoint ranges that do not touch, in ascending order."""
    ordered = sorted(ranges)
    low, high = ordered[0]
    for start, end in ordered[1:]:
        if start > high + 1:
            yield low, high
            low, high = start, end
        else:
            high = max(high, end)
    yield low, high

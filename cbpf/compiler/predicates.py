"""Predicates: boolean formulas over tests, in which protocols are described, and their wiring into a decision graph.

``all_of``, ``any_of`` and ``negation`` fold constants while they build: what a link type fixes (``arp`` on raw IP)
takes its neighbours' tests and loads away with it, exactly as libpcap does while it parses.
"""

from __future__ import annotations

from dataclasses import dataclass

from cbpf.compiler.graph import Builder, Node, Spans, Test
from cbpf.compiler.values import Binary, Const, Load, Value, Variable


@dataclass(frozen=True, slots=True)
class Constant:
    """Holds for every packet, or for none."""

    truth: bool


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; tried in order."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Some part holds; tried in order."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold."""

    part: Predicate


@dataclass(frozen=True, slots=True)
class Bind:
    """Keep a value in a variable. Always holds."""

    variable: Variable
    value: Value


Predicate = Constant | Test | All | Any | Negation | Bind

TRUE = Constant(True)
FALSE = Constant(False)


def all_of(*parts: Predicate) -> Predicate:
    """The conjunction, tried in order; none of the parts is a conjunction that holds nothing."""
    if FALSE in parts:
        return FALSE
    kept = [part for part in parts if part != TRUE]
    if len(kept) <= 1:
        return kept[0] if kept else TRUE
    return All(tuple(inner for part in kept for inner in (part.parts if isinstance(part, All) else (part,))))


def any_of(*parts: Predicate) -> Predicate:
    """The disjunction, tried in order."""
    if TRUE in parts:
        return TRUE
    kept = [part for part in parts if part != FALSE]
    if len(kept) <= 1:
        return kept[0] if kept else FALSE
    return Any(tuple(inner for part in kept for inner in (part.parts if isinstance(part, Any) else (part,))))


def negation(part: Predicate) -> Predicate:
    match part:
        case Constant(truth):
            return Constant(not truth)
        case Negation(inner):
            return inner
    return Negation(part)


# Tests, spelled as one reads them.


def equal(value: Value, number: int) -> Predicate:
    return Test("=", value, Const(number))


def one_of(value: Value, numbers: tuple[int, ...]) -> Predicate:
    return any_of(*(equal(value, number) for number in numbers))


def at_most(value: Value, number: int) -> Predicate:
    return negation(Test(">", value, Const(number)))


def at_least(value: Value, number: int) -> Predicate:
    return Test(">=", value, Const(number))


def any_bit(value: Value, mask: int) -> Predicate:
    return Test("&", value, Const(mask))


def no_bit(value: Value, mask: int) -> Predicate:
    return negation(any_bit(value, mask))


def masked(value: Value, mask: int, number: int) -> Predicate:
    """``value & mask == number``; an empty mask is simply true and loads nothing, a full one needs no masking."""
    if mask == 0:
        return TRUE
    width = 8 * value.size if isinstance(value, Load) else 32
    full = mask == (1 << width) - 1
    return equal(value if full else Binary("&", value, Const(mask)), number)


def wire(predicate: Predicate, then: Node, orelse: Node, build: Builder, spans: Spans) -> Node:
    """The node that decides ``predicate`` and goes on at ``then`` or ``orelse``.

    Where both ways are the same, nothing is tested: that arises only from constants, and a test that a constant made
    meaningless must not load anything either.
    """
    if then is orelse and not _binds(predicate):
        return then
    match predicate:
        case Constant(truth):
            return then if truth else orelse
        case Test():
            return build.branch(predicate, then, orelse, spans)
        case Negation(part):
            return wire(part, orelse, then, build, spans)
        case Bind(variable, value):
            return build.let(variable, value, then, spans)
        case All(parts):
            for part in reversed(parts):
                then = wire(part, then, orelse, build, spans)
            return then
        case Any(parts):
            for part in reversed(parts):
                orelse = wire(part, then, orelse, build, spans)
            return orelse


def count_tests(predicate: Predicate) -> int:
    match predicate:
        case Test():
            return 1
        case All(parts) | Any(parts):
            return sum(map(count_tests, parts))
        case Negation(part):
            return count_tests(part)
    return 0


def _binds(predicate: Predicate) -> bool:
    match predicate:
        case Bind():
            return True
        case All(parts) | Any(parts):
            return any(_binds(part) for part in parts)
        case Negation(part):
            return _binds(part)
    return False

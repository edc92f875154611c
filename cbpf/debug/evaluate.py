"""Predicates judged on one packet, with the reasons: what the compiler makes programs of, worked out by hand.

A program only ends; which test of which formula made it end is no longer in it. Here a formula is judged as the
program would (left to right, no further than needed, a load outside the packet rejects), and every test that was made
is kept with what it saw. That both agree on every packet is what the tests of this room are about.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.predicates import All, Any, Bind, Constant, Negation, Predicate
from cbpf.compiler.values import (
    WORD,
    Address,
    Binary,
    Const,
    Length,
    Load,
    Members,
    Negate,
    Value,
    Variable,
    calculate,
    compare,
)


class Seen(NamedTuple):
    """``size`` bytes from byte ``offset`` of the packet, and the number they are."""

    offset: int
    size: int
    value: int


class Observed(NamedTuple):
    """A test that was made: the numbers it compared, whether it held, and what was read for it, in order."""

    test: Test
    left: int
    right: int
    holds: bool
    loads: tuple[Seen, ...]


class Reason(NamedTuple):
    """One test that decided, and those before it that had to come out as they did for it to be asked."""

    passed: tuple[Observed, ...]
    decided: Observed


class Judgement(NamedTuple):
    """Whether a predicate holds, and why.

    There are several reasons where each alternative failed in its own way, and none where the link type alone decides.
    """

    holds: bool
    reasons: tuple[Reason, ...]


class NotComputed(Exception):
    """The packet is rejected in the middle: bytes were not captured, or, without ``offset``, a division by zero.

    ``offset`` and ``size`` are in bytes.
    """

    def __init__(self, offset: int | None = None, size: int = 0) -> None:
        super().__init__("a division by zero" if offset is None else f"bytes {offset} to {offset + size - 1} missing")
        self.offset = offset
        self.size = size


class Evaluator:
    """Values and predicates of one packet; what predicates bind stays bound.

    ``packet`` are the captured bytes, ``wirelen`` how many there were on the wire.
    """

    def __init__(self, packet: bytes, wirelen: int) -> None:
        self.packet = packet
        self.wirelen = wirelen & WORD
        self._bound: dict[Variable, int] = {}
        self._loads: list[Seen] = []

    def judge(self, predicate: Predicate) -> Judgement:
        """Whether a predicate holds. Raises NotComputed where a program would reject the packet."""
        match predicate:
            case Constant(truth):
                return Judgement(truth, ())
            case Test():
                return self._test(predicate)
            case Negation(part):
                inner = self.judge(part)
                return Judgement(not inner.holds, inner.reasons)
            case Bind(variable, value):
                self._bound[variable] = self.value(value)
                return Judgement(True, ())
            case All(parts):
                return self._all(parts)
            case Any(parts):
                return self._any(parts)

    def value(self, value: Value) -> int:
        """The number a value is. Raises NotComputed."""
        match value:
            case Const(number):
                return number
            case Length():
                return self.wirelen
            case Variable():
                if value not in self._bound:
                    raise NotComputed  # a place that the packet is too short to tell
                return self._bound[value]
            case Load(base, offset, size):
                return self._load((0 if base is None else self.value(base)) + offset, size)
            case Negate(operand):
                return calculate("-", 0, self.value(operand))
            case Binary(operator, left, right):
                first, second = self.value(left), self.value(right)
                if operator in "/%" and second == 0:
                    raise NotComputed
                return calculate(operator, first, second)

    def place(self, address: Address) -> int | None:
        """The offset of an address, None where the packet does not tell."""
        try:
            return self.value(address.value())
        except NotComputed:
            return None

    def _test(self, test: Test) -> Judgement:
        assert not isinstance(test.right, Members)  # only the optimizer makes those
        self._loads = []
        left, right = self.value(test.left), self.value(test.right)
        holds = compare(test.operator, left, right)
        return Judgement(holds, (Reason((), Observed(test, left, right, holds, tuple(self._loads))),))

    def _load(self, offset: int, size: int) -> int:
        if offset + size > len(self.packet):
            raise NotComputed(offset, size)
        number = int.from_bytes(self.packet[offset : offset + size])
        self._loads.append(Seen(offset, size, number))
        return number

    def _all(self, parts: tuple[Predicate, ...]) -> Judgement:
        passed: tuple[Observed, ...] = ()
        last: tuple[Reason, ...] = ()
        for part in parts:
            judgement = self.judge(part)
            if not judgement.holds:
                return Judgement(False, _behind((*passed, *_made(last)), judgement.reasons))
            if judgement.reasons:
                passed, last = (*passed, *_made(last)), judgement.reasons
        return Judgement(True, _behind(passed, last))

    def _any(self, parts: tuple[Predicate, ...]) -> Judgement:
        failed: list[Reason] = []
        for part in parts:
            judgement = self.judge(part)
            if judgement.holds:
                return judgement
            failed += judgement.reasons
        return Judgement(False, tuple(failed))


def _made(reasons: tuple[Reason, ...]) -> list[Observed]:
    return [observed for reason in reasons for observed in (*reason.passed, reason.decided)]


def _behind(passed: tuple[Observed, ...], reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple(Reason((*passed, *reason.passed), reason.decided) for reason in reasons)

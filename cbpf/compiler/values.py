"""Values: what a filter can know about a packet. Unsigned 32-bit numbers, arithmetic wrapping as the machine's does.

A value is a constant, the packet's length, a load, arithmetic on values, or a variable bound earlier on the path.
Values are immutable and equal when they say the same. Two things can go wrong while one is computed, and either
rejects the packet: a load outside the captured bytes, and a division by zero. Those parts are its *hazards*.

Values and tests are looked up all the time: those with parts compute their hash once. They are not frozen because
frozen data classes take three times as long to make; nobody changes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cbpf.errors import Span

WORD = 0xFFFFFFFF

# Absolute offsets from here on are no packet bytes but Linux's ancillary data (SKF_AD_OFF in linux/filter.h).
ANCILLARY = 0xFFFFF000
ANCILLARY_END = ANCILLARY + 64

# No packet is this long: loads from here on fail, but for the ancillary ones.
FARTHEST = 1 << 31


@dataclass(slots=True)
class Const:
    """A number, 0..2**32-1."""

    number: int

    def __hash__(self) -> int:
        return self.number


@dataclass(frozen=True, slots=True)
class Length:
    """The packet's length on the wire."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A value computed earlier on the path and kept; ``limit`` is an upper bound for it, whatever the packet."""

    name: str
    limit: int = WORD


@dataclass(slots=True)
class Load:
    """``size`` (1, 2 or 4) packet bytes at ``base + offset``, big-endian; ``base`` None means the packet's start."""

    base: Value | None
    offset: int
    size: int
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._hash = hash((self.base, self.offset, self.size))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Negate:
    """The two's complement of a value."""

    operand: Value


@dataclass(slots=True)
class Binary:
    """``left operator right``, operator one of ``+ - * / % & | ^ << >>``."""

    operator: str
    left: Value
    right: Value
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._hash = hash((self.operator, self.left, self.right))

    def __hash__(self) -> int:
        return self._hash


Value = Const | Length | Variable | Load | Negate | Binary


@dataclass(slots=True, eq=False)
class Members:
    """A set of numbers, no value: disjoint ranges that do not touch, in ascending order, each with its ends.

    ``sources`` says for numbers that are asked for alone which parts of the expression do. Two sets with the same
    numbers are two sets, since they come from other places.
    """

    ranges: tuple[tuple[int, int], ...]
    sources: Mapping[int, frozenset[Span]]


COMMUTATIVE = frozenset("+*&|^")


def calculate(operator: str, left: int, right: int) -> int:
    """The result of ``left operator right`` on numbers. ZeroDivisionError for division and modulus by zero."""
    match operator:
        case "+":
            return (left + right) & WORD
        case "-":
            return (left - right) & WORD
        case "*":
            return (left * right) & WORD
        case "/":
            return left // right
        case "%":
            return left % right
        case "&":
            return left & right
        case "|":
            return left | right
        case "^":
            return left ^ right
        case "<<":
            return (left << right) & WORD if right < 32 else 0
        case ">>":
            return left >> right if right < 32 else 0
    raise AssertionError(operator)


def compare(operator: str, left: int, right: int) -> bool:
    """Whether ``left operator right`` holds of numbers: ``=``, ``>``, ``>=``, or ``&``, a bit in common."""
    match operator:
        case "=":
            return left == right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "&":
            return left & right != 0
    raise AssertionError(operator)


@lru_cache(maxsize=4096)
def upper_bound(value: Value) -> int:
    """A number the value never exceeds."""
    match value:
        case Const(number):
            return number
        case Variable(_, limit):
            return limit
        case Load(_, _, size):
            return (1 << 8 * size) - 1
        case Binary(operator, left, right):
            first, second = upper_bound(left), upper_bound(right)
            match operator:
                case "+":
                    return min(first + second, WORD) if first + second <= WORD else WORD
                case "*":
                    return first * second if first * second <= WORD else WORD
                case "&":
                    return min(first, second)
                case "|" | "^":
                    return (1 << max(first.bit_length(), second.bit_length())) - 1
                case "<<" if isinstance(right, Const) and right.number < 32:
                    return first << right.number if first << right.number <= WORD else WORD
                case ">>" if isinstance(right, Const) and right.number < 32:
                    return first >> right.number
                case "/":
                    return first
                case "%":
                    return min(first, max(second - 1, 0))
    return WORD


@lru_cache(maxsize=4096)
def hazards(value: Value) -> tuple[Value, ...]:
    """The parts of a value that can fail, inner before outer: loads, and divisions whose divisor can be zero."""
    match value:
        case Load(base, _, _):
            return (*(hazards(base) if base is not None else ()), value)
        case Negate(operand):
            return hazards(operand)
        case Binary(operator, left, right):
            own = (value,) if operator in "/%" and not (isinstance(right, Const) and right.number) else ()
            return (*hazards(left), *hazards(right), *own)
    return ()


@lru_cache(maxsize=4096)
def never_computes(value: Value) -> bool:
    """Whether a hazard of the value strikes on every packet."""
    return any(_always_strikes(hazard) for hazard in hazards(value))


def _always_strikes(hazard: Value) -> bool:
    """A division by zero, or a load at a place that no packet has and that is none of Linux's ancillary data either.

    Linux has more meanings for places so far out (SKF_NET_OFF, SKF_LL_OFF), but no other machine has them. A constant
    base is what folding leaves of an index that far out: Linux gives an index no meaning there at all.
    """
    match hazard:
        case Binary(_, _, Const(0)) | Load(Const(), _, _):
            return True
        case Load(None, offset, _):
            ancillary = ANCILLARY <= offset < ANCILLARY_END and offset % 4 == 0
            return offset >= FARTHEST and not ancillary
    return False


@lru_cache(maxsize=4096)
def variables(value: Value) -> frozenset[Variable]:
    """The variables a value is made of."""
    match value:
        case Variable():
            return frozenset((value,))
        case Load(base, _, _) if base is not None:
            return variables(base)
        case Negate(operand):
            return variables(operand)
        case Binary(_, left, right):
            return variables(left) | variables(right)
    return frozenset()


def add(left: Value, right: Value) -> Value:
    """``left + right``, a constant folded where that loses no load."""
    match left, right:
        case Const(first), Const(second):
            return Const((first + second) & WORD)
        case other, Const(0):
            return other
        case Const(0), other:
            return other
    return Binary("+", left, right)


@dataclass(frozen=True, slots=True)
class Address:
    """A place in the packet: ``base + offset`` bytes from its start, modulo 2**32; ``base`` None is the start."""

    base: Value | None = None
    offset: int = 0

    def plus(self, distance: int) -> Address:
        return Address(self.base, (self.offset + distance) & WORD)

    def plus_value(self, distance: Value) -> Address:
        """The place ``distance`` further on, a distance known only at run time unless it is a constant."""
        if isinstance(distance, Const):
            return self.plus(distance.number)
        return Address(distance if self.base is None else add(self.base, distance), self.offset)

    def load(self, distance: int, size: int) -> Load:
        """``size`` bytes from ``distance`` bytes further on.

        The sum of base and offset wraps modulo 2**32 wherever the program runs: libpcap's interpreter refuses an index
        that wraps and Linux does not, so an index that might is computed by arithmetic, which wraps in both.
        """
        place = self.plus(distance)
        if place.base is None or upper_bound(place.base) + place.offset + size <= WORD:
            return Load(place.base, place.offset, size)
        return Load(add(place.base, Const(place.offset)), 0, size)

    def byte(self, distance: int = 0) -> Load:
        return self.load(distance, 1)

    def half(self, distance: int = 0) -> Load:
        return self.load(distance, 2)

    def word(self, distance: int = 0) -> Load:
        return self.load(distance, 4)

    def value(self) -> Value:
        """The distance from the packet's start, as a number."""
        return Const(self.offset) if self.base is None else add(self.base, Const(self.offset))

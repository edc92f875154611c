"""Classes of numbers: what the tests of a graph can tell about one value, so that facts about it are exact.

All tests that compare one value with constants split its numbers into classes, each of which every test treats alike.
A set of classes is an int, bit i standing for class i, so to know what a value can still be takes one `&`.

A byte has a class for each of its numbers, and any function of it can be asked. Of other values comparisons are
known, and masks that leave a prefix (a network): what comes down to an interval.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.values import Binary, Const, Load, Members, Negate, Value, calculate, compare, hazards, upper_bound

_BYTE = range(256)

Range = tuple[int, int]  # the least and the greatest number


class Domain(NamedTuple):
    """The numbers of one value: class i goes from ``starts[i]`` up to the next class, the last one up to ``end``."""

    starts: Sequence[int]
    end: int  # the first number that the value cannot be

    @property
    def everything(self) -> int:
        return (1 << len(self.starts)) - 1

    def within(self, ranges: Sequence[Range]) -> int:
        """The classes of the numbers in these ranges, whose ends must be ends of classes or out of reach."""
        places = [self._places(*ends) for ends in ranges]
        if len(places) == 1:
            first, behind = places[0]
            return (1 << behind) - (1 << first)
        digits = bytearray(b"0" * len(self.starts))  # a long number is made in one go
        for first, behind in places:
            digits[first:behind] = b"1" * (behind - first)
        return int(digits[::-1], 2)

    def _places(self, low: int, high: int) -> tuple[int, int]:
        """The number of the class that ``low`` begins and of the one behind ``high``, equal if there are none."""
        first = bisect_right(self.starts, low) - 1
        behind = len(self.starts) if high + 1 >= self.end else bisect_right(self.starts, high + 1) - 1
        return (first, behind) if low < self.end and behind > first else (0, 0)

    def class_of(self, number: int) -> int:
        """The class that a number is in."""
        return 1 << bisect_right(self.starts, number) - 1

    def only(self, classes: int) -> int | None:
        """The number, if there is just one in these classes."""
        if not classes or classes & (classes - 1):
            return None
        index = classes.bit_length() - 1
        start = self.starts[index]
        following = self.starts[index + 1] if index + 1 < len(self.starts) else self.end
        return start if following == start + 1 else None

    def bounds(self, classes: int) -> tuple[int, int]:
        """The least and the greatest number in these classes, of which there must be one."""
        highest = classes.bit_length()
        following = self.starts[highest] if highest < len(self.starts) else self.end
        return self.starts[(classes & -classes).bit_length() - 1], following - 1


_BYTES = Domain(_BYTE, 256)


class Meaning(NamedTuple):
    """A test says that ``subject`` is in the classes ``holds`` of its ``domain``."""

    subject: Value
    domain: Domain
    holds: int


class Meanings(NamedTuple):
    """What tests say about one value each, and the domains of all such values.

    Left out are tests about two values, and those that can fail where their subject can be computed.
    """

    tests: dict[Test, Meaning]
    domains: dict[Value, Domain]


def meanings(tests: Iterable[Test]) -> Meanings:
    bytewise: dict[Test, Meaning] = {}
    others: dict[Test, tuple[Value, Sequence[Range]]] = {}
    cuts: dict[Value, set[int]] = {}
    for test in tests:
        if not isinstance(test.right, Const | Members) or isinstance(test.left, Const):
            continue
        byte = _byte_within(test.left)
        if byte is not None:
            if hazards(byte) == hazards(test.left):  # else it may also divide by the byte
                bytewise[test] = Meaning(byte, _BYTES, _bytes_that(test))
            continue
        subject, ranges = others[test] = _ranges(test)
        starts = cuts.setdefault(subject, {0})
        for low, high in ranges:
            starts.update((low, high + 1))
    domains = {subject: _domain(subject, numbers) for subject, numbers in cuts.items()}
    found = {
        test: Meaning(subject, domains[subject], domains[subject].within(ranges))
        for test, (subject, ranges) in others.items()
    }
    domains.update((meaning.subject, _BYTES) for meaning in bytewise.values())
    return Meanings(bytewise | found, domains)


def _domain(subject: Value, cuts: set[int]) -> Domain:
    end = upper_bound(subject) + 1
    return Domain(sorted(number for number in cuts if number < end), end)


def _ranges(test: Test) -> tuple[Value, Sequence[Range]]:
    """The value that a test is about and the ranges that it must be in one of."""
    if isinstance(test.right, Members):
        return test.left, test.right.ranges
    subject, low, high = interval(test)
    return subject, [(low, high)]


def interval(test: Test) -> tuple[Value, int, int]:
    """The value that a test is about and the interval that it must be in; low > high if there is no such number."""
    value, number = test.left, test.right.number if isinstance(test.right, Const) else 0
    highest = upper_bound(value)
    match test.operator:
        case ">":
            return value, number + 1, max(highest, number)
        case ">=":
            return value, number, max(highest, number)
        case "&":
            rest = highest & ~number
            if isinstance(value, Load) and rest & (rest + 1) == 0:
                return value, rest + 1, highest
            return Binary("&", value, Const(number)), 1, number
    match value:
        case Binary("&", Load() as load, Const(mask)):
            rest = upper_bound(load) & ~mask
            if rest & (rest + 1) == 0 and number & ~mask == 0:
                return load, number, number | rest
    return value, number, number


def runs(classes: int) -> Iterator[int]:
    """The sets of neighbouring classes that a set is made of, in ascending order."""
    left = classes
    while left:
        first = (left & -left).bit_length() - 1
        rest = left >> first
        run = (~rest & (rest + 1)) - 1 << first
        yield run
        left ^= run


# Functions of one byte.


def _byte_within(value: Value) -> Load | None:
    """The byte that a value is calculated from, with nothing but constants."""
    while True:
        match value:
            case Load(_, _, size):
                return value if size == 1 else None
            case Binary(_, inner, Const()) | Binary(_, Const(), inner) | Negate(inner):
                value = inner
            case _:
                return None


# For every bit of a byte the numbers that have it set.
_WITH_BIT = [sum(1 << number for number in _BYTE if number >> bit & 1) for bit in range(8)]
_ALL = (1 << 256) - 1


@lru_cache(maxsize=4096)
def _bytes_that(test: Test) -> int:
    """The numbers of a byte for which a test on a function of it holds."""
    if isinstance(test.right, Members):
        return _BYTES.within(test.right.ranges)
    assert isinstance(test.right, Const)
    number = test.right.number
    match test.operator, test.left:
        case "=", Load():
            return 1 << number if number < 256 else 0
        case "=", Binary("&", Load(), Const(mask)):
            return _masked(mask, number)
        case "&", Load():
            return _ALL & ~_masked(number, 0)
        case ">", Load():
            return _ALL & ~((1 << number + 1) - 1) if number < 256 else 0
        case ">=", Load():
            return _ALL & ~((1 << number) - 1) if number < 256 else 0
    values = ((byte, _of_byte(test.left, byte)) for byte in _BYTE)
    return sum(1 << byte for byte, value in values if value is not None and compare(test.operator, value, number))


def telling_bit(possible: int, holds: int) -> tuple[int, bool] | None:
    """A bit that tells the numbers of a byte in ``holds`` from the other ``possible`` ones, and what it is in them."""
    for bit, with_bit in enumerate(_WITH_BIT):
        if possible & with_bit == possible & holds:
            return 1 << bit, True
        if possible & ~with_bit == possible & holds:
            return 1 << bit, False
    return None


def _masked(mask: int, number: int) -> int:
    if number & ~(mask & 0xFF):
        return 0
    found = _ALL
    for bit, with_bit in enumerate(_WITH_BIT):
        if mask >> bit & 1:
            found &= with_bit if number >> bit & 1 else ~with_bit
    return found


def _of_byte(value: Value, byte: int) -> int | None:
    """The value for a number of the byte in it, None where it divides by zero."""
    match value:
        case Load():
            return byte
        case Const(number):
            return number
        case Negate(operand):
            inner = _of_byte(operand, byte)
            return None if inner is None else calculate("-", 0, inner)
        case Binary(operator, left, right):
            first, second = _of_byte(left, byte), _of_byte(right, byte)
            if first is None or second is None or (second == 0 and operator in "/%"):
                return None
            return calculate(operator, first, second)
    raise AssertionError(value)

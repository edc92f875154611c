"""Arithmetic in expressions means what it says: compared with Python's numbers, on random trees and random packets."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cbpf

WORD = 0xFFFFFFFF
PACKET_BYTES = 24


class Rejected(Exception):
    """The packet is rejected: a division by zero, or bytes that are not there."""


class Tree(NamedTuple):
    """Arithmetic as text, and as a function of the packet; ``constant`` if no packet changes it."""

    text: str
    value: Callable[[bytes], int]
    constant: bool


def number(value: int) -> Tree:
    return Tree(str(value), lambda _: value, True)


def load(offset: Tree, size: int) -> Tree:
    def value(packet: bytes) -> int:
        place = offset.value(packet)
        if place + size > len(packet):
            raise Rejected
        return int.from_bytes(packet[place : place + size])

    return Tree(f"ether[{offset.text}:{size}]", value, False)


def divided(operation: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def value(left: int, right: int) -> int:
        if right == 0:
            raise Rejected
        return operation(left, right)

    return value


def shifted(operation: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda left, right: operation(left, right) if right < 32 else 0


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "/": divided(operator.floordiv),
    "%": divided(operator.mod),
    "<<": shifted(operator.lshift),
    ">>": shifted(operator.rshift),
}


def combined(sign: str, left: Tree, right: Tree) -> Tree:
    operation = OPERATIONS[sign]
    return Tree(
        f"({left.text} {sign} {right.text})",
        lambda packet: operation(left.value(packet), right.value(packet)) & WORD,
        left.constant and right.constant,
    )


def negated(tree: Tree) -> Tree:
    return Tree(f"(- {tree.text})", lambda packet: -tree.value(packet) & WORD, tree.constant)


numbers = st.one_of(st.integers(0, 40), st.sampled_from([255, 256, 0xFFFF, 0x80000000, WORD])).map(number)
leaves = st.one_of(
    numbers,
    st.just(Tree("len", len, False)),
    st.builds(load, st.integers(0, PACKET_BYTES).map(number), st.sampled_from([1, 2, 4])),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(combined, st.sampled_from(sorted(OPERATIONS)), inner, inner),
        st.builds(negated, inner),
        st.builds(load, inner, st.sampled_from([1, 2, 4])),
    ),
    max_leaves=8,
)
RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def expected(left: Tree, sign: str, right: Tree, packet: bytes) -> bool:
    try:
        return RELATIONS[sign](left.value(packet), right.value(packet))
    except Rejected:
        return False


@settings(max_examples=300, deadline=None)
@given(trees, st.sampled_from(sorted(RELATIONS)), trees, st.lists(st.binary(max_size=PACKET_BYTES), max_size=4))
def test_relations_are_what_the_numbers_say(left: Tree, sign: str, right: Tree, packets: list[bytes]) -> None:
    text = f"{left.text} {sign} {right.text}"
    plain, refusal = attempt(text, optimize=False)
    if plain is None:
        # Constant divisors of zero and constant shifts over 31 are refused; nothing else here may be.
        assert "zero" in str(refusal) or "shift" in str(refusal)
        assume(False)
        return
    optimized, refusal = attempt(text, optimize=True)
    assert optimized is not None or (refusal and refusal.reason is cbpf.Reason.MATCHES_NOTHING)
    for packet in packets:
        wanted = expected(left, sign, right, packet)
        assert bool(plain.match(packet)) == wanted
        assert bool(optimized.match(packet) if optimized else 0) == wanted


def attempt(text: str, *, optimize: bool) -> tuple[cbpf.Filter | None, cbpf.FilterError | None]:
    try:
        return cbpf.compile(text, optimize=optimize), None
    except cbpf.FilterError as error:
        return None, error


@pytest.mark.slow
def test_every_pair_of_small_operands() -> None:
    """Which register holds what depends on the shape of both sides: all shapes with one operation or none."""
    leaves = [number(3), Tree("len", len, False), load(number(1), 1)]
    shapes = leaves + [combined(sign, left, right) for sign in "+-" for left in leaves for right in leaves]
    packet = bytes((9, 4, 7, 3, 1))
    for left in shapes:
        for right in shapes:
            for optimize in (False, True):
                compiled, _ = attempt(f"{left.text} = {right.text} or len > 9", optimize=optimize)
                assert bool(compiled and compiled.match(packet)) == expected(left, "=", right, packet)


@pytest.mark.parametrize("sign", ["+", "-", "|", "^", "*"])
def test_long_chains_need_no_more_scratch_cells_than_there_are(sign: str) -> None:
    tree = number(0)
    for offset in range(PACKET_BYTES):
        tree = combined(sign, tree, load(number(offset), 1))
    packet = bytes(range(7, 7 + PACKET_BYTES))
    for optimize in (False, True):
        assert cbpf.compile(f"{tree.text} = {tree.value(packet)}", optimize=optimize).match(packet)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1<<2+1", 8),
        ("1|2&4", 1),
        ("8>>1<<1", 8),
        ("0xffffffff+1", 0),
        ("2*3%4", 6),
        ("7%4*2", 7),
        ("10%7%2", 0),
        ("1+5%3", 3),
        ("- 5%3", WORD - 1),
        ("4^1+2", 7),
        ("3^1&2", 3),
        ("1|2^3", 1),
        ("2*3^1", 4),
        ("10%6^3", 0),
    ],
)
def test_precedence(text: str, value: int) -> None:
    assert cbpf.compile(f"{text} = {value}", optimize=False).match(b"\0")
    assert not cbpf.compile(f"{text} != {value}", optimize=False).match(b"\0")

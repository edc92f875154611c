"""Facts never claim what is not so: learned from any tests on real numbers, they agree with those numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.compiler.graph import Test as Comparison
from cbpf.compiler.optimize.facts import Facts, nothing_known
from cbpf.compiler.optimize.fold import fold_test, fold_value
from cbpf.compiler.values import Binary, Const, Load, Negate, Value, calculate, upper_bound

LOADS = tuple(Load(None, offset, size) for offset, size in ((0, 1), (4, 2), (8, 4)))
Packet = dict[Value, int]


def evaluate(value: Value, packet: Packet) -> int:
    """The value on a packet; ZeroDivisionError where the machine would reject it."""
    match value:
        case Const(number):
            return number
        case Load():
            return packet[value]
        case Negate(operand):
            return calculate("-", 0, evaluate(operand, packet))
        case Binary(operator, left, right):
            return calculate(operator, evaluate(left, packet), evaluate(right, packet))
    raise AssertionError(value)


def holds(test: Comparison, packet: Packet) -> bool:
    left, right = (evaluate(value, packet) for value in test.values)
    return {"=": left == right, ">": left > right, ">=": left >= right, "&": left & right != 0}[test.operator]


small = st.one_of(st.integers(0, 5), st.sampled_from([255, 256, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
constants = small.map(Const)
values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(constants, st.sampled_from(LOADS)),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]), inner, inner),
        st.builds(Negate, inner),
    ),
    max_leaves=4,
)
comparisons = st.sampled_from(["=", ">", ">=", "&"])
tests = st.builds(Comparison, comparisons, st.one_of(st.sampled_from(LOADS), values), st.one_of(constants, values))

# Tests that have to do with one another: one byte, compared with few numbers.
byte_tests = st.builds(Comparison, comparisons, st.just(LOADS[0]), st.integers(0, 12).map(Const))
packets = st.tuples(small, small, small).map(
    lambda numbers: {load: min(number, upper_bound(load)) for load, number in zip(LOADS, numbers, strict=True)}
)


byte_packets = st.integers(0, 12).map(lambda number: dict.fromkeys(LOADS, number))


def computable(test: Comparison, packet: Packet) -> bool:
    try:
        holds(test, packet)
    except ZeroDivisionError:
        return False
    return True


def learned(history: list[Comparison], packet: Packet, nothing: Facts) -> Facts:
    facts = nothing
    for test in history:
        if computable(test, packet):
            facts = facts.after(*test.values).assuming(test, holds(test, packet))
    return facts


@settings(max_examples=300, deadline=None)
@given(st.lists(tests, max_size=8), tests, packets)
def test_a_known_outcome_is_the_outcome(history: list[Comparison], asked: Comparison, packet: Packet) -> None:
    outcome = learned(history, packet, nothing_known([*history, asked])).outcome(asked)
    if outcome is not None and computable(asked, packet):
        assert outcome == holds(asked, packet)


@settings(max_examples=300, deadline=None)
@given(st.lists(byte_tests, max_size=5), byte_tests, byte_packets)
def test_a_known_outcome_about_one_byte_is_the_outcome(
    history: list[Comparison], asked: Comparison, packet: Packet
) -> None:
    outcome = learned(history, packet, nothing_known([*history, asked])).outcome(asked)
    assert outcome is None or outcome == holds(asked, packet)


@settings(max_examples=300, deadline=None)
@given(st.lists(byte_tests, max_size=5), st.lists(byte_tests, max_size=5), byte_tests, byte_packets, byte_packets)
def test_what_holds_either_way_holds_both_ways(
    first: list[Comparison], second: list[Comparison], asked: Comparison, one: Packet, other: Packet
) -> None:
    nothing = nothing_known([*first, *second, asked])
    outcome = learned(first, one, nothing).either(learned(second, other, nothing)).outcome(asked)
    assert outcome is None or outcome == holds(asked, one) == holds(asked, other)


@settings(max_examples=300, deadline=None)
@given(values, packets)
def test_folding_changes_no_value(value: Value, packet: Packet) -> None:
    try:
        before = evaluate(value, packet)
    except ZeroDivisionError:
        return
    assert evaluate(fold_value(value), packet) == before
    assert before <= upper_bound(value)


@settings(max_examples=300, deadline=None)
@given(tests, packets)
def test_folding_changes_no_outcome(test: Comparison, packet: Packet) -> None:
    assert_folds_well(test, packet)


def assert_folds_well(test: Comparison, packet: Packet) -> None:
    folded, negated = fold_test(test)
    if computable(test, packet):
        assert holds(folded, packet) ^ negated == holds(test, packet)


def test_folding_changes_no_outcome_of_any_small_comparison() -> None:
    """One operation on a byte, compared with a number: every combination in a small range."""
    numbers = (0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 255, 256, 0xFFFFFFFF)
    for sign in ("+", "-", "*", "&", "|", "^", "<<", ">>", "/", "%"):
        for first in (0, 1, 2, 3, 4, 8, 31):
            for operator in ("=", ">", ">=", "&"):
                for second in numbers:
                    test = Comparison(operator, Binary(sign, LOADS[0], Const(first)), Const(second))
                    for byte in (0, 1, 2, 3, 4, 5, 6, 8, 13, 255):
                        assert_folds_well(test, {LOADS[0]: byte})

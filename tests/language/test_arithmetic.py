"""Arithmetic: what binds tighter than what, by the value of constant expressions; and as libpcap has it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError
from cbpf.compiler.values import calculate
from cbpf.engine import run
from cbpf.language import parse
from cbpf.language.syntax import Arithmetic, Binary, Negate, Number, Relation
from tests import libpcap
from tests.oracles import needs_libpcap

VALUES = {
    # `%` and `^` wait for everything to their right, and everything to their left waits for them.
    "2*3%4": 6,
    "7%4*2": 7,
    "10%7%2": 0,
    "1+5%3": 3,
    "- 5%3": 0xFFFFFFFE,
    "4^1+2": 7,
    "3^1&2": 3,
    "1|2^3": 1,
    "2*3^1": 4,
    "10%6^3": 0,
    "100%7+1": 4,
    "1+2^3": 2,
    "(10%7)%2": 1,
    "(4^1)+2": 7,
    # The others, loosest to tightest: | & shifts sums products minus; all from the left.
    "1<<2+1": 8,
    "1|2&4": 1,
    "8>>1<<1": 8,
    "8>>1>>1": 2,
    "1+2*3": 7,
    "(1+2)*3": 9,
    "10 - 4 - 3": 3,
    "100/10/5": 2,
    "100/10*5": 50,
    "2*3/4": 1,
    "6&3<<1": 6,
    "1|6&12>>2": 3,
    "-1+2": 1,
    "-2*3": 0xFFFFFFFA,
    "- - 5": 5,
    "5 - -3": 8,
    "1- -1": 2,
    # 32 bits, unsigned.
    "0xffffffff+1": 0,
    "0 - 1": 0xFFFFFFFF,
    "0x80000000*2": 0,
    "3<<31": 0x80000000,
    "0 - 1>>31": 1,
    "-1/2": 0x7FFFFFFF,
    "010+0x10": 24,
    "tcp-syn|tcp-ack": 18,
}


def value(tree: Arithmetic) -> int:
    """The value of constant arithmetic."""
    match tree:
        case Number(_, number):
            return number
        case Negate(_, operand):
            return calculate("-", 0, value(operand))
        case Binary(_, operator, left, right):
            return calculate(operator, value(left), value(right))
    raise AssertionError(tree)


@pytest.mark.parametrize("text", VALUES)
def test_values(text: str) -> None:
    tree = parse(f"({text}) = {text}")
    assert isinstance(tree, Relation)
    assert (value(tree.left), value(tree.right)) == (VALUES[text], VALUES[text])


@pytest.mark.parametrize("text", VALUES)
def test_the_compiler_computes_the_same(text: str) -> None:
    compiled = cbpf.compile(f"len = {text}")
    assert compiled.match(b"", VALUES[text]) > 0
    assert compiled.match(b"", VALUES[text] ^ 1) == 0


_operands = st.sampled_from("0 1 2 3 5 7 8 31 100 255 65535 0x7fffffff 0xffffffff len len -4 (9-2)".split())
_operators = st.sampled_from([f" {operator} " for operator in "+ - * / % & | ^ << >> % ^".split()])


@needs_libpcap
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_operands, _operators), max_size=6), _operands, st.integers(0, 2000))
def test_as_libpcap(parts: list[tuple[str, str]], last: str, wirelen: int) -> None:
    """Any string of operators, on the one number that differs between packets."""
    text = "".join(operand + operator for operand, operator in parts) + last
    # libpcap refuses divisions and shifts by the first constant of an operand, whatever the operand's value.
    try:
        ours = cbpf.compile(f"{text} < 1000", optimize=False).program
        theirs = libpcap.compile_expression(f"{text} < 1000", "EN10MB")
    except (FilterError, libpcap.Refused):
        assume(False)
    assert run(ours, b"", wirelen) == run(theirs, b"", wirelen)

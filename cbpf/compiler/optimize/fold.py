"""Constant folding: arithmetic on constants is done now, and tests take the form that costs the machine least.

No load and no division that might fail is lost: an operation goes only where all that it would have read stays.
"""

from __future__ import annotations

from functools import lru_cache

from cbpf.compiler.graph import Branch, Builder, Graph, Let, Node, Test, Verdict
from cbpf.compiler.values import (
    COMMUTATIVE,
    FARTHEST,
    WORD,
    Binary,
    Const,
    Load,
    Members,
    Negate,
    Value,
    calculate,
    hazards,
    upper_bound,
)

# With this constant on the right an operation leaves its left operand as it is.
_NEUTRAL = {"+": 0, "-": 0, "|": 0, "^": 0, "<<": 0, ">>": 0, "*": 1, "/": 1, "&": WORD}


def fold(graph: Graph) -> Graph:
    build = Builder()
    new: dict[Node, Node] = {}
    for node in reversed(graph.order):
        match node:
            case Verdict():
                new[node] = node
            case Branch(test, then, orelse):
                folded, negated = fold_test(test) if not isinstance(test.right, Members) else (_in_set(test), False)
                ways = (new[orelse], new[then]) if negated else (new[then], new[orelse])
                new[node] = build.branch(folded, *ways, graph.spans[node])
            case Let(variable, value, following):
                new[node] = build.let(variable, fold_value(value), new[following], graph.spans[node])
    return build.graph(new[graph.root])


def _in_set(test: Test) -> Test:
    """Never looked up: no other expression has the same set."""
    return Test(test.operator, fold_value(test.left), test.right)


@lru_cache(maxsize=4096)
def fold_value(value: Value) -> Value:
    match value:
        case Load(base, offset, size) if base is not None:
            base = fold_value(base)
            if isinstance(base, Const) and base.number + offset < FARTHEST:
                return Load(None, base.number + offset, size)
            return Load(base, offset, size)
        case Negate(operand):
            operand = fold_value(operand)
            match operand:
                case Const(number):
                    return Const(-number & WORD)
                case Negate(inner):
                    return inner
            return Negate(operand)
        case Binary(operator, left, right):
            return _fold_binary(operator, fold_value(left), fold_value(right))
    return value


def _fold_binary(operator: str, left: Value, right: Value) -> Value:
    if operator in COMMUTATIVE and isinstance(left, Const):
        left, right = right, left
    if not isinstance(right, Const):
        return Binary(operator, left, right)
    number = right.number
    if isinstance(left, Const) and not (operator in "/%" and number == 0):
        return Const(calculate(operator, left.number, number))
    if _NEUTRAL.get(operator) == number or (operator == "&" and _all_bits(left) & ~number == 0):
        return left
    if number and number & (number - 1) == 0 and operator in "*/%":
        shift = Const(number.bit_length() - 1)
        match operator:
            case "*":
                return Binary("<<", left, shift)
            case "/":
                return Binary(">>", left, shift)
            case "%":
                return _fold_binary("&", left, Const(number - 1))
    if operator in ("<<", ">>") and number > 31:
        return _fold_binary("&", left, Const(0))  # nothing of it is left, but its loads stay
    if operator in "&*" and number == 0 and not hazards(left):
        return Const(0)
    match left:
        case Binary(inner, value, Const(first)) if inner == operator and operator in COMMUTATIVE:
            return _fold_binary(operator, value, Const(calculate(operator, first, number)))
    return Binary(operator, left, right)


def _all_bits(value: Value) -> int:
    """Every bit the value can have."""
    return (1 << upper_bound(value).bit_length()) - 1


@lru_cache(maxsize=4096)
def fold_test(test: Test) -> tuple[Test, bool]:
    """An equal test that is cheaper, and whether it is true where the first is false."""
    operator, left, right = test.operator, fold_value(test.left), fold_value(test.right)
    negated = False
    if isinstance(left, Const) and not isinstance(right, Const):
        left, right = right, left
        if operator in (">", ">="):  # c > v is: not v >= c
            operator, negated = {">": ">=", ">=": ">"}[operator], True
    if not isinstance(right, Const):
        return Test(operator, left, right), negated
    number = right.number
    if operator in (">", ">=") and number == (operator == ">="):  # the least above 0, or above 0
        operator, number, negated = "=", 0, not negated
    simpler = _fold_comparison(operator, left, number)
    if simpler is not None:
        again, inverted = fold_test(simpler[0])
        return again, negated ^ simpler[1] ^ inverted
    return Test(operator, left, Const(number)), negated


def _fold_comparison(operator: str, left: Value, number: int) -> tuple[Test, bool] | None:
    """One step simpler, with whether that inverts the test; None if nothing applies."""
    match operator, left:
        case "=", Binary("&", value, Const(mask)) if number == 0:
            return Test("&", value, Const(mask)), True
        case "=", Binary("&", value, Const(mask)) if number == mask and mask & (mask - 1) == 0:
            return Test("&", value, Const(mask)), False
        case "&", Binary("&", value, Const(mask)):
            return Test("&", value, Const(mask & number)), False
        case "=", Binary("+", value, Const(term)):
            return Test("=", value, Const((number - term) & WORD)), False
        case "=", Binary("-", value, Const(term)):
            return Test("=", value, Const((number + term) & WORD)), False
        case "=", Binary("^", value, Const(term)):
            return Test("=", value, Const(number ^ term)), False
        case "=", Negate(value):
            return Test("=", value, Const(-number & WORD)), False
        case "=" | ">", Binary("<<", value, Const(shift)) if upper_bound(value) << shift <= WORD:
            if operator == ">" or number & ((1 << shift) - 1) == 0:
                return Test(operator, value, Const(number >> shift)), False
        case ">=", Binary("<<", value, Const(shift)) if upper_bound(value) << shift <= WORD:
            return Test(">=", value, Const(-(-number >> shift))), False
    return None

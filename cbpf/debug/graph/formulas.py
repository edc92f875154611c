"""Tests and values exactly, in the arithmetic of the filter language: ``link[14 + 9] & 0xf0 = 0x40``.

``link[i:n]`` are n bytes at i, one if n is left out, counted from the packet's start; ``len`` is the packet's length on
the wire; a name in backquotes is a variable. Operations have parentheses; all are modulo 2**32, unsigned.
"""

from __future__ import annotations

from cbpf.compiler.graph import Test
from cbpf.compiler.values import Binary, Const, Length, Load, Members, Negate, Value, Variable


def formula(test: Test) -> str:
    left = value_formula(test.left)
    if isinstance(test.right, Members):
        ranges = (_number(low) if low == high else f"{_number(low)}-{_number(high)}" for low, high in test.right.ranges)
        return f"{left} in {{{', '.join(ranges)}}}"
    right = value_formula(test.right)
    return f"({left} & {right}) != 0" if test.operator == "&" else f"{left} {test.operator} {right}"


def binding(variable: Variable | None, value: Value) -> str:
    """What a node that keeps a value does, or one that only computes it."""
    return value_formula(value) if variable is None else f"{value_formula(variable)} := {value_formula(value)}"


def value_formula(value: Value) -> str:
    match value:
        case Const(number):
            return _number(number)
        case Length():
            return "len"
        case Variable(name, _):
            return f"`{name}`"
        case Load(base, offset, size):
            place = str(offset) if offset < 1 << 31 else f"{offset:#x}"
            if base is not None:
                place = value_formula(base) + (f" + {place}" if offset else "")
            return f"link[{place}]" if size == 1 else f"link[{place}:{size}]"
        case Negate(operand):
            return f"(- {value_formula(operand)})"
        case Binary(operator, left, right):
            return f"({value_formula(left)} {operator} {value_formula(right)})"


def _number(number: int) -> str:
    return str(number) if number < 10 else f"{number:#x}"

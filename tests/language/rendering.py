"""Syntax trees as text with every parenthesis and every inherited qualifier written out."""

from __future__ import annotations

from cbpf.language.syntax import (
    And,
    Arithmetic,
    Binary,
    Byte,
    Expression,
    Field,
    Index,
    Keyword,
    Length,
    Named,
    Negate,
    Not,
    Number,
    Or,
    Qualified,
    Relation,
    WlanType,
)


def render(tree: Expression | None) -> str:
    match tree:
        case None:
            return ""
        case And(_, operands):
            return "(" + " and ".join(map(render, operands)) + ")"
        case Or(_, operands):
            return "(" + " or ".join(map(render, operands)) + ")"
        case Not(_, operand):
            return f"not {render(operand)}"
        case Qualified(_, qualifiers, value):
            behind = "" if value.prefix is None else f"/{value.prefix}"
            behind = behind if value.mask is None else f" mask {value.mask.text}"
            return " ".join(word for word in (*qualifiers, value.token.text) if word) + behind
        case Keyword(_, word, protocol, number):
            return " ".join(str(part) for part in (protocol, word, number) if part is not None)
        case Byte(_, position, operator, number):
            return f"byte {position} {operator} {number}"
        case Named(_, word, argument):
            return word if argument is None else f"{word} {argument.text}"
        case WlanType(_, kind, subtype):
            parts = (("type", kind), ("subtype", subtype))
            return " ".join(f"{word} {token.text}" for word, token in parts if token is not None)
        case Field(_, word, alternatives):
            return f"{word} ({' or '.join(f'{operator} {number}' for operator, number in alternatives)})"
        case Relation(_, operator, left, right):
            return f"{arithmetic(left)} {operator} {arithmetic(right)}"


def arithmetic(tree: Arithmetic) -> str:
    match tree:
        case Number(_, value):
            return str(value)
        case Length():
            return "len"
        case Index(_, protocol, offset, size):
            return f"{protocol}[{arithmetic(offset)}:{size}]"
        case Negate(_, operand):
            return f"-{arithmetic(operand)}"
        case Binary(_, operator, left, right):
            return f"({arithmetic(left)} {operator} {arithmetic(right)})"

"""Comparisons that do not mean what they look like."""

from __future__ import annotations

from collections.abc import Iterator

from cbpf.debug.comparisons import constant, flag_names, indexed
from cbpf.debug.lint.context import Context
from cbpf.debug.lint.finding import NOTE, WARNING, Finding
from cbpf.debug.spelling import arithmetic
from cbpf.language.syntax import Arithmetic, Binary, Index, Number, Relation

_UNRANKED = ("%", "^")  # of no precedence: they take all that follows


def operator_precedence(context: Context) -> Iterator[Finding]:
    """`tcp[13] & 2|16 != 0`, which is `(tcp[13] & 2) | 16`; `ip[2:2] % 8 + 1`, which is `ip[2:2] % (8 + 1)`."""
    for tree in _relations(context):
        for side in (tree.left, tree.right):
            found = _loose_mask(side, context) or _greedy(side, context)
            if found is not None:
                meant, reads, usual = found
                other = tree.right if side is tree.left else tree.left
                texts = [meant, _side(other, context)]
                left, right = texts if side is tree.left else reversed(texts)
                correction = context.corrected({id(tree): f"{left} {tree.operator} {right}"})
                message = f"this is '{reads}'; for '{usual}' it needs parentheses"
                yield Finding("operator-precedence", WARNING, side.span, message, correction)


_Found = tuple[str, str, str] | None  # the side as it should be, what is read as something else, and as what not


def _loose_mask(tree: Arithmetic, context: Context) -> _Found:
    """`|` binds looser than `&`, and flags are meant to be one mask."""
    text = context.subject.expression
    match tree:
        case Binary(_, "|", Binary(_, "&", left, mask) as masked, flag) if not _in_parentheses(masked):
            if indexed(left) and constant(mask) is not None and constant(flag) is not None:
                read = _side(tree, context)
                meant = f"{arithmetic(left, text)} & ({_side(mask, context)} | {_side(flag, context)})"
                return meant, read, meant
    return None


def _greedy(tree: Arithmetic, context: Context) -> _Found:
    match tree:
        case Binary(_, operator, left, Binary(_, after, middle, right) as taken) if operator in _UNRANKED:
            if not _in_parentheses(taken):
                first, second, third = (arithmetic(part, context.subject.expression) for part in (left, middle, right))
                usual = f"({first} {operator} {second}) {after} {third}"
                return usual, _side(tree, context), usual
    return None


def _in_parentheses(tree: Binary) -> bool:
    """Whether parentheses stand around it: then its span is wider than its operands'."""
    return tree.span.start < tree.left.span.start


def _side(tree: Arithmetic, context: Context) -> str:
    """Arithmetic with its parentheses, but those around all of it: comparisons bind loosest."""
    text = arithmetic(tree, context.subject.expression)
    return text[1:-1] if isinstance(tree, Binary) else text


def exact_flags(context: Context) -> Iterator[Finding]:
    """`tcp[tcpflags] = tcp-syn`, which no packet with another flag besides matches."""
    for tree in _relations(context):
        match tree:
            case Relation(_, "=", Index(_, "tcp", Number(_, 13), 1) as flags, right):
                value = constant(right)
                if value is None or not 0 < value < 256:
                    continue
                text = context.subject.expression
                field, number = arithmetic(flags, text), arithmetic(right, text)
                several = value & (value - 1)
                meant = f"{field} & {number} {f'= {number}' if several else '!= 0'}"
                message = (
                    f"this matches packets with {flag_names(value)} set and all other flags clear; "
                    f"where others may be set, too, write '{meant}'"
                )
                yield Finding("exact-flags", NOTE, tree.span, message, context.corrected({id(tree): meant}))


def _relations(context: Context) -> Iterator[Relation]:
    for reading in context.subject.readings:
        if isinstance(reading.primitive, Relation):
            yield reading.primitive

"""Trees as text again: primitives as they were written, inherited qualifiers and the order of evaluation spelled out.

What cannot be told apart by its looks gets parentheses: an ``and`` among ``or`` and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cbpf.debug.subject import Joint, fold, operands
from cbpf.errors import Span
from cbpf.language.syntax import (
    And,
    Arithmetic,
    Binary,
    Expression,
    Index,
    Length,
    Negate,
    Not,
    Number,
    Primitive,
    Qualified,
    Qualifiers,
)

_SIDES = {"or": "src or dst", "and": "src and dst"}
_LINK = {"link": "ether"}  # the name for the link layer that people use, of the many it has
_NUMBER = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]*")

Swaps = Mapping[int, str | None]
"""By the identity of nodes: what to write in their place, complete in itself; None leaves them out."""


def spell(tree: Expression, source: str, swaps: Swaps | None = None) -> str:
    """The expression of a tree of ``source``; blank if everything is left out."""
    swaps = swaps or {}

    def primitive(node: Primitive) -> str | None:
        return swaps[id(node)] if id(node) in swaps else written(node, source)

    def joint(node: Joint, parts: list[str | None]) -> str | None:
        if id(node) in swaps:
            return swaps[id(node)]
        shown = [
            f"({part})" if _needs_parentheses(operand, swaps, part) else part
            for operand, part in zip(operands(node), parts, strict=True)
            if part
        ]
        if isinstance(node, Not):
            return f"not {shown[0]}" if shown else None
        return (" and " if isinstance(node, And) else " or ").join(shown) or None

    return fold(tree, primitive, joint) or ""


def _needs_parentheses(node: Expression, swaps: Swaps, part: str) -> bool:
    """One that has lost all operands but one is as good as that one, and has got its parentheses already."""
    return isinstance(node, Joint) and not isinstance(node, Not) and id(node) not in swaps and not _is_whole(part)


def _is_whole(text: str) -> bool:
    """Whether there is no `and` or `or` in a text, parentheses aside. May miss some, which get parentheses more."""
    return re.search(r"\b(?:and|or)\b|&&|\|\|", text) is None


def written(primitive: Primitive, source: str) -> str:
    """A primitive in one line, with its qualifiers even where it inherits them."""
    if isinstance(primitive, Qualified) and primitive.value.clause is None:
        return f"{qualifiers_text(primitive.qualifiers)} {_line(source, primitive.value.span)}"
    return _line(source, primitive.span)


def qualifiers_text(qualifiers: Qualifiers) -> str:
    protocol, direction, kind = qualifiers
    words = (_LINK.get(protocol or "", protocol), _SIDES.get(direction or "", direction), kind)
    return " ".join(word for word in words if word)


def _line(source: str, span: Span) -> str:
    return " ".join(source[span.start : span.end].split())


def arithmetic(tree: Arithmetic, source: str) -> str:
    """Arithmetic with all of its parentheses; numbers as they were written."""
    match tree:
        case Number(span, value):
            found = _NUMBER.search(source, span.start, span.end)
            return found[0] if found else str(value)
        case Length():
            return "len"
        case Index(_, protocol, offset, size):
            width = "" if size == 1 else f":{size}"
            return f"{_LINK.get(protocol, protocol)}[{arithmetic(offset, source)}{width}]"
        case Negate(_, operand):
            return f"(- {arithmetic(operand, source)})"
        case Binary(_, operator, left, right):
            return f"({arithmetic(left, source)} {operator} {arithmetic(right, source)})"

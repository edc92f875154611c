"""`tcp[...]`, `udp[...]` and `sctp[...]`, which are looked for in IPv4 only, and what asks the same of IPv6."""

from __future__ import annotations

from collections.abc import Iterator

from cbpf.compiler.internet import IPV6_HEADER, PROTOCOL
from cbpf.debug.comparisons import indexed
from cbpf.debug.lint.context import Context
from cbpf.debug.lint.finding import NOTE, Finding
from cbpf.debug.spelling import arithmetic
from cbpf.language.syntax import Arithmetic, Binary, Index, Keyword, Negate, Number, Qualified, Relation

_TRANSPORTS = ("tcp", "udp", "sctp")


def ipv4_only(tree: Relation) -> str | None:
    """The transport protocol whose bytes are compared."""
    return next((each for side in (tree.left, tree.right) for each in indexed(side) if each in _TRANSPORTS), None)


def as_ipv6(tree: Relation, source: str) -> str | None:
    """The same comparison of an IPv6 packet without extension headers; None if it is about something else, too."""
    protocols = {each for side in (tree.left, tree.right) for each in indexed(side)}
    if len(protocols) != 1 or not protocols <= set(_TRANSPORTS):
        return None
    protocol = protocols.pop()
    left, right = (_moved(side, source) for side in (tree.left, tree.right))
    return f"(ip6[6] = {PROTOCOL[protocol]} and {_bare(left)} {tree.operator} {_bare(right)})"


def _moved(tree: Arithmetic, source: str) -> str:
    """Arithmetic with bytes of an IPv6 packet in place of those of the transport header."""
    match tree:
        case Index(_, _, offset, size):
            width = "" if size == 1 else f":{size}"
            if isinstance(offset, Number):
                return f"ip6[{(IPV6_HEADER + offset.value) & 0xFFFFFFFF}{width}]"
            return f"ip6[{IPV6_HEADER} + {_moved(offset, source)}{width}]"
        case Binary(_, operator, left, right):
            return f"({_moved(left, source)} {operator} {_moved(right, source)})"
        case Negate(_, operand):
            return f"(- {_moved(operand, source)})"
    return arithmetic(tree, source)


def _bare(text: str) -> str:
    """Without the parentheses around all of it; comparisons bind loosest."""
    return text[1:-1] if text.startswith("(") and _closes_at_end(text) else text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return place == len(text) - 1
    return False


def ipv4_only_index(context: Context) -> Iterator[Finding]:
    """The first such comparison, unless the expression shows that IPv4 alone is meant or IPv6 is thought of."""
    primitives = [reading.primitive for reading in context.subject.readings]
    relations = [each for each in primitives if isinstance(each, Relation)]
    if any(isinstance(each, Keyword) and each.word in ("ip", "ip6") for each in primitives):
        return
    if any(isinstance(each, Qualified) and each.qualifiers.protocol == "ip" for each in primitives):
        return
    if any({"ip", "ip6"} & {*indexed(each.left), *indexed(each.right)} for each in relations):
        return
    for tree in relations:
        protocol = ipv4_only(tree)
        if protocol is not None:
            meant = as_ipv6(tree, context.subject.expression)
            written = context.subject.text(tree.span)
            correction = context.corrected({id(tree): f"({written} or {meant})"}) if meant else None
            message = f"{protocol}[...] is looked for in IPv4 only; IPv6 packets do not match"
            yield Finding("ipv4-only-index", NOTE, tree.span, message, correction)
            return

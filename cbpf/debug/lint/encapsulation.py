"""`vlan`, `mpls`, `pppoes` and `lane`, which move everything written after them, whether they matched or not."""

from __future__ import annotations

from collections.abc import Iterator

from cbpf.compiler.primitives import cases
from cbpf.compiler.scope import Scope
from cbpf.debug.lint.context import Clause, Context
from cbpf.debug.lint.finding import WARNING, Finding
from cbpf.debug.subject import moves
from cbpf.errors import FilterError
from cbpf.language.syntax import And, Keyword, Not, Or


def moved_alternatives(context: Context) -> Iterator[Finding]:
    """`vlan 2 or vlan 3`, `(vlan and ip) or arp`, `not vlan and ip`."""
    for clause in context.clauses:
        if isinstance(clause.node, Not) or not clause.parts:
            continue
        for number, part in enumerate(clause.parts[:-1]):
            mover = _mover(context, part)
            if mover is None or not (isinstance(clause.node, Or) or isinstance(part.node, Not)):
                continue
            affected = next((each for each in clause.parts[number + 1 :] if _is_moved(context, part, each)), None)
            if affected is not None:
                yield _finding(context, clause, part, affected, mover)
                return


def _mover(context: Context, clause: Clause) -> Keyword | None:
    for reading in context.subject.readings[clause.first : clause.last + 1]:
        if isinstance(reading.primitive, Keyword) and moves(reading.primitive):
            return reading.primitive
    return None


def _is_moved(context: Context, part: Clause, affected: Clause) -> bool:
    """Whether a clause would mean something else without the part in front of it."""
    subject = context.subject
    layer = subject.readings[part.first].layer
    for reading in subject.readings[affected.first : affected.last + 1]:
        try:
            before, after = (
                cases(Scope(where, subject.names, subject.netmask), reading.primitive)[-1].meaning
                for where in (layer, reading.layer)
            )
        except FilterError:
            return True
        if before != after:
            return True
    return False


def _finding(context: Context, clause: Clause, part: Clause, affected: Clause, mover: Keyword) -> Finding:
    what, word = context.text(affected), mover.word
    behind = {"vlan": "a VLAN tag", "mpls": "an MPLS label", "pppoes": "a PPPoE header", "lane": "a LANE header"}[word]
    message = f"'{what}' is looked for behind {behind}, for '{word}' moves all that is written after it"
    if isinstance(clause.node, Or):
        correction = _factored(context, clause) or _reordered(context, clause)
    else:
        correction = _reordered(context, clause)
    if correction is not None:
        message += f"; write '{correction}' if that is not meant"
    swapped = None
    if correction is not None:
        swapped = context.corrected({id(clause.node): f"({correction})" if clause.parent else correction})
    return Finding("moved-by-encapsulation", WARNING, affected.node.span, message, swapped)


def _reordered(context: Context, clause: Clause) -> str | None:
    """What moves put last; None if several do."""
    moving = [part for part in clause.parts if _mover(context, part)]
    if len(moving) != 1:
        return None
    parts = [*(part for part in clause.parts if part is not moving[0]), *moving]
    return f" {'and' if isinstance(clause.node, And) else 'or'} ".join(_wrapped(context, part) for part in parts)


def _factored(context: Context, clause: Clause) -> str | None:
    """`vlan and (...)` for alternatives that all begin with `vlan`; None if they do not."""
    heads = [part.parts[0].node if isinstance(part.node, And) else part.node for part in clause.parts]
    words = [head.word if isinstance(head, Keyword) and moves(head) else None for head in heads]
    if None in words or len(set(words)) > 1 or words[0] not in _IDENTIFIERS:
        return None
    word = str(words[0])
    layer = context.subject.readings[clause.first].layer
    offset = layer.net.offset - layer.header.offset
    if layer.net.base != layer.header.base or any(_moves_again(context, part) for part in clause.parts):
        return None
    alternatives = []
    for part, head in zip(clause.parts, heads, strict=True):
        assert isinstance(head, Keyword)
        rest = [_wrapped(context, each) for each in part.parts[1:]]
        if head.number is not None:
            rest.insert(0, _IDENTIFIERS[word](offset, head.number))
        if not rest:
            return word
        alternatives.append(" and ".join(rest) if len(rest) == 1 else f"({' and '.join(rest)})")
    return f"{word} and ({' or '.join(alternatives)})"


# Where the identifier is, from the link-layer header on, which these do not move: IEEE 802.1Q, RFC 3032.
_IDENTIFIERS = {
    "vlan": lambda offset, number: f"ether[{offset}:2] & 0xfff = {number}",
    "mpls": lambda offset, number: f"ether[{offset}:4] & 0xfffff000 = {number << 12:#x}",
}


def _moves_again(context: Context, part: Clause) -> bool:
    return any(context.moves(number) for number in range(part.first + 1, part.last + 1))


def _wrapped(context: Context, clause: Clause) -> str:
    text = context.text(clause)
    return f"({text})" if isinstance(clause.node, And | Or) else text

"""Clauses that can never match in their place, or always do, or change nothing for another one matches the same.

Nothing here goes by what clauses look like: see ``Context.never``.
"""

from __future__ import annotations

from collections.abc import Iterator

from cbpf.compiler.predicates import Constant
from cbpf.compiler.primitives import cases
from cbpf.compiler.scope import Scope
from cbpf.debug.comparisons import divides, indexed
from cbpf.debug.lint.context import Clause, Context
from cbpf.debug.lint.finding import NOTE, WARNING, Finding
from cbpf.debug.lint.ipv6 import as_ipv6, ipv4_only
from cbpf.debug.lint.widths import too_wide
from cbpf.debug.subject import moves, primitives
from cbpf.language.syntax import And, Keyword, Not, Or, Qualified, Qualifiers, Relation, Value
from cbpf.language.tokens import Kind

MOST_CLAUSES = 60  # of an expression: there are up to three questions about each, and every one takes a millisecond
MOST_PARTS = 10  # of an ``and`` or ``or``, any two of which are compared

Culprit = tuple[Clause, bool] | None  # a clause further left that decides, and whether it must hold for that


def truths(context: Context) -> Iterator[Finding]:
    """The rules never-matches, always-matches, shadowed and redundant."""
    if len(context.clauses) > MOST_CLAUSES:
        return
    pending, silent = [context.clauses[0]], set[int]()
    while pending:
        clause = pending.pop()
        if context.never(clause, True):
            found = _unmatched(context, _culpable(context, clause))
        elif not _alternatives_of_negations(clause) and context.never(clause, False):
            found = _matched(context, _always(context, clause))
        else:
            pending.extend(reversed(_judged_apart(clause)))
            continue
        silent.update(range(clause.first, clause.last + 1))
        yield found
    yield from _covered(context, silent)


def _alternatives_of_negations(clause: Clause) -> bool:
    """`not a or not b`, about which there is a rule of its own."""
    return isinstance(clause.node, Or) and sum(isinstance(part.node, Not) for part in clause.parts) > 1


def _judged_apart(clause: Clause) -> list[Clause]:
    if _alternatives_of_negations(clause):
        return [each for each in clause.parts if not (isinstance(each.node, Not) and each.position)]
    return clause.parts


def _culpable(context: Context, clause: Clause) -> Clause:
    """What makes a clause impossible: one of what must hold for it."""
    while isinstance(clause.node, And):
        clause = next((part for part in clause.parts if context.never(part, True)), clause.parts[-1])
    return clause


def _always(context: Context, clause: Clause) -> Clause:
    """What makes a clause always hold: one of what may."""
    while isinstance(clause.node, Or):
        clause = next((part for part in clause.parts if context.never(part, False)), clause.parts[-1])
    return clause


def _culprit(context: Context, clause: Clause, holds: bool) -> Culprit:
    """The nearest clause further left with which this one cannot hold (or not hold) where it is looked at."""
    here = clause
    while here.parent is not None:
        if not isinstance(here.parent.node, Not):
            needed = isinstance(here.parent.node, And)
            for other in reversed(here.parent.parts[: here.position]):
                if context.never_together((other, needed), (clause, holds)):
                    return other, needed
        here = here.parent
    return None


# What never matches.


def _unmatched(context: Context, clause: Clause) -> Finding:
    said, span = context.text(clause), context.span(clause)
    if context.never_together((clause, True)):
        if _fixed(context, clause):
            return _by_link(context, clause, "no", False)
        reason, correction = _why_never(context, clause)
        return _never(context, clause, f"no packet can match '{said}'{reason}", correction)
    found = _culprit(context, clause, True)
    if found is None:
        return _never(context, clause, f"no packet can match '{said}' here: what is in front of it excludes it", None)
    culprit, needed = found
    other = context.text(culprit)
    if not needed:
        message = f"'{said}' changes nothing: '{other}' matches all that it could match"
        severity = NOTE if _both_groups(clause, culprit) else WARNING
        return Finding("shadowed", severity, span, message, *_without(context, clause))
    reason, correction = _instead(context, clause, culprit)
    return _never(context, clause, f"no packet matches both '{other}' and '{said}'{reason}", correction)


def _never(context: Context, clause: Clause, message: str, correction: str | None) -> Finding:
    """With what was probably meant, or else without the clause."""
    if correction is not None:
        return Finding("never-matches", WARNING, context.span(clause), message, correction)
    return Finding("never-matches", WARNING, context.span(clause), message, *_without(context, clause))


def _why_never(context: Context, clause: Clause) -> tuple[str, str | None]:
    if isinstance(clause.node, Relation):
        wide = too_wide(clause.node, context.subject.expression)
        if wide is not None:
            fitting = None if wide.fitting is None else context.corrected({id(clause.node): wide.fitting})
            return f": {wide.reason}", fitting
    return "", None


def _instead(context: Context, clause: Clause, culprit: Clause) -> tuple[str, str | None]:
    """What was probably meant by two clauses that exclude each other."""
    siblings = clause.parent is not None and clause.parent is culprit.parent
    if isinstance(clause.node, Relation) and (protocol := ipv4_only(clause.node)) and _is_ipv6(culprit):
        meant = as_ipv6(clause.node, context.subject.expression)
        return (
            f": {protocol}[...] is looked for in IPv4 only",
            context.corrected({id(clause.node): meant}) if meant else None,
        )
    if isinstance(clause.node, Keyword) and moves(clause.node) and siblings and clause.parent is not None:
        parts = [each for each in clause.parent.parts if each is not clause]
        text = " and ".join([context.text(clause), *(_wrapped(context, each) for each in parts)])
        word = clause.node.word
        return (
            f": what is in front of '{word}' is about the headers outside; what is inside comes after it",
            context.corrected({id(clause.parent.node): _enclosed(clause.parent, text)}),
        )
    negated = isinstance(clause.node, Not) or isinstance(culprit.node, Not)
    if siblings and not negated and clause.parent is not None and len(clause.parent.parts) == 2:
        text = " or ".join(_wrapped(context, each) for each in clause.parent.parts)
        correction = context.corrected({id(clause.parent.node): _enclosed(clause.parent, text)})
        return "; what is either of them is joined with 'or'", correction
    return "", None


def _is_ipv6(clause: Clause) -> bool:
    """Whether a clause is about IPv6, by its looks."""
    for primitive in primitives(clause.node):
        match primitive:
            case Keyword(_, "ip6" | "icmp6") | Keyword(_, _, "ip6") | Qualified(_, Qualifiers("ip6" | "icmp6")):
                return True
            case Qualified(_, _, Value(token)) if token.kind is Kind.IPV6:
                return True
            case Relation(_, _, left, right) if {"ip6", "icmp6"} & {*indexed(left), *indexed(right)}:
                return True
    return False


def _fixed(context: Context, clause: Clause) -> bool:
    """Whether the link type alone decides a clause."""
    leaf = clause.parts[0] if isinstance(clause.node, Not) else clause
    if leaf.parts:
        return False
    subject, reading = context.subject, context.subject.readings[leaf.first]
    found = cases(Scope(reading.layer, subject.names, subject.netmask), reading.primitive)
    return isinstance(found[-1].meaning, Constant)


def _by_link(context: Context, clause: Clause, which: str, holds: bool) -> Finding:
    """What a link type has no packets of, or nothing but: worth a warning only if nothing or everything is left."""
    everything = context.never(context.clauses[0], not holds)
    name = context.subject.readings[clause.first].layer.name
    rule, severity = ("always-matches" if holds else "never-matches"), (WARNING if everything else NOTE)
    message = f"{which} packet of {name} matches '{context.text(clause)}'"
    return Finding(rule, severity, context.span(clause), message, *_without(context, clause, holds))


def _wrapped(context: Context, clause: Clause) -> str:
    text = context.text(clause)
    return f"({text})" if isinstance(clause.node, And | Or) else text


def _enclosed(clause: Clause, text: str) -> str:
    """Text in the place of a clause: in parentheses, unless it is the whole expression."""
    return f"({text})" if clause.parent else text


# What always matches.


def _matched(context: Context, clause: Clause) -> Finding:
    said, span = context.text(clause), context.span(clause)
    without = _without(context, clause, True)
    if context.never_together((clause, False)):
        if _fixed(context, clause):
            return _by_link(context, clause, "every", True)
        wide = too_wide(clause.node, context.subject.expression) if isinstance(clause.node, Relation) else None
        message = f"every packet that gets here matches '{said}'{f': {wide.reason}' if wide else ''}"
        return Finding("always-matches", WARNING, span, message, *without)
    found = _culprit(context, clause, False)
    if found is None:
        return Finding("redundant", NOTE, span, f"'{said}' changes nothing, after what is in front of it", *without)
    culprit, needed = found
    other = context.text(culprit)
    if not needed:
        return Finding("always-matches", WARNING, span, f"every packet matches either '{other}' or '{said}'", *without)
    message = f"'{said}' changes nothing: it holds of all packets that match '{other}'"
    return Finding("redundant", NOTE, span, message, *without)


# What is matched by something further right.


def _covered(context: Context, silent: set[int]) -> Iterator[Finding]:
    for parent in context.clauses:
        if not isinstance(parent.node, And | Or) or len(parent.parts) > MOST_PARTS:
            continue
        either = isinstance(parent.node, Or)
        for number, clause in enumerate(parent.parts):
            if clause.first in silent or (not either and _is_guard(clause)):
                continue
            for other in parent.parts[number + 1 :]:
                if other.first in silent or not context.never_together((clause, either), (other, not either)):
                    continue
                silent.add(clause.first)
                yield _cover(context, clause, other, either)
                break


def _cover(context: Context, clause: Clause, other: Clause, either: bool) -> Finding:
    said, more, span = context.text(clause), context.text(other), context.span(clause)
    if either:
        message = f"'{said}' changes nothing: '{more}' matches all that it matches"
        severity = NOTE if _both_groups(clause, other) else WARNING
        return Finding("shadowed", severity, span, message, *_without(context, clause))
    message = f"'{said}' changes nothing: it holds of all packets that match '{more}'"
    return Finding("redundant", NOTE, span, message, *_without(context, clause, True))


def _is_guard(clause: Clause) -> bool:
    """A protocol, or that it is none: people write it in front of what implies it, to be understood."""
    return isinstance(clause.node, Keyword) and clause.node.number is None


def _both_groups(*clauses: Clause) -> bool:
    """`broadcast or multicast`: broadcasts are to a group, too, but that need not be known."""
    return all(isinstance(each.node, Keyword) and each.node.word in ("broadcast", "multicast") for each in clauses)


# Without a clause.


def _may_divide_by_zero(clause: Clause) -> bool:
    """Whether a packet may be rejected in a clause whatever it says."""
    relations = [each for each in primitives(clause.node) if isinstance(each, Relation)]
    return any(divides(side) for each in relations for side in (each.left, each.right))


def _without(context: Context, clause: Clause, holds: bool = False) -> tuple[str | None, bool]:
    """The expression that is left if a clause holds of every packet, or of none, and that it means the same.

    None if nothing is left, or if what is left out would move what follows.
    """
    while clause.parent is not None:
        if isinstance(clause.parent.node, Not):
            holds = not holds
        elif holds is isinstance(clause.parent.node, And):
            if any(context.moves(number) for number in range(clause.first, clause.last + 1)):
                return None, False
            return context.corrected({id(clause.node): None}), not _may_divide_by_zero(clause)
        clause = clause.parent
    return None, False

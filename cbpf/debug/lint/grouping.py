"""How conditions are joined: `and` and `or` of the same precedence, and what `not` reaches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from cbpf.debug.lint.context import Clause, Context
from cbpf.debug.lint.finding import WARNING, Finding
from cbpf.language.syntax import And, Not, Or, Qualified
from cbpf.language.tokens import Kind, Token, tokenize


def precedence(context: Context) -> Iterator[Finding]:
    """`a or b and c`, which is `(a or b) and c` here and `a or (b and c)` everywhere else."""
    tokens: list[Token] = []
    inner: set[int] = set()
    for clause in context.clauses:
        if not isinstance(clause.node, And | Or) or id(clause) in inner:
            continue
        tokens = tokens or tokenize(context.subject.expression)
        chain = _chain(clause, tokens)
        inner.update(id(each) for each in chain.groups)
        if any(isinstance(each.node, And) and isinstance(each.parts[0].node, Or) for each in chain.groups):
            usual = _usual(context, chain)
            correction = context.corrected({id(clause.node): f"({usual})" if clause.parent else usual})
            message = (
                f"'and' and 'or' have the same precedence and group from the left: this is '{context.text(clause)}', "
                f"not '{usual}'"
            )
            yield Finding("precedence", WARNING, clause.node.span, message, correction)


class _Chain(NamedTuple):
    """Conditions at one level of parentheses, each with the word in front of it; and the clauses that group them."""

    items: list[tuple[str, Clause]]
    groups: list[Clause]


def _chain(clause: Clause, tokens: list[Token]) -> _Chain:
    items: list[tuple[str, Clause]] = []
    groups = []
    while True:
        word = "and" if isinstance(clause.node, And) else "or"
        first, *rest = clause.parts
        items[:0] = [(word, part) for part in rest]
        grouped = isinstance(first.node, And | Or) and _is_grouped_by_order(first, rest[0], tokens)
        if grouped:
            groups += [clause]
            clause = first
            continue
        return _Chain([("", first), *items], groups)


def _is_grouped_by_order(first: Clause, second: Clause, tokens: list[Token]) -> bool:
    """Whether no parentheses are around the first operand, but that it comes first makes it one.

    Parentheses between its last `and` or `or` and the next operand then close no more than they open.
    """
    from bisect import bisect_left

    start = bisect_left(tokens, first.parts[-1].node.span.start, key=lambda token: token.span.start)
    while start and not (tokens[start].kind is Kind.WORD and tokens[start].text in ("and", "or")):
        start -= 1
    depth = 0
    for token in takewhile(lambda token: token.span.start < second.node.span.start, tokens[start:]):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth < 0:
            return False
    return True


def _usual(context: Context, chain: _Chain) -> str:
    """A chain as it would be read where `and` binds tighter, with the parentheses for it."""
    runs: list[list[str]] = []
    for word, clause in chain.items:
        text = context.text(clause)
        shown = f"({text})" if isinstance(clause.node, And | Or) else text
        if word == "and":
            runs[-1].append(shown)
        else:
            runs.append([shown])
    return " or ".join(run[0] if len(run) == 1 else f"({' and '.join(run)})" for run in runs)


def reach_of_not(context: Context) -> Iterator[Finding]:
    """`not host a and b`, where `not` is about `a` alone."""
    for clause in context.clauses:
        if not isinstance(clause.node, And | Or):
            continue
        for number, negated in enumerate(clause.parts[:-1]):
            inner = negated.parts[0].node if isinstance(negated.node, Not) else None
            if not isinstance(inner, Qualified) or inner.value.clause is None:
                continue
            followers = list(takewhile(_is_bare, clause.parts[number + 1 :]))
            if followers:
                yield _reach(context, negated, followers)


def _is_bare(clause: Clause) -> bool:
    """A value that inherits its qualifiers."""
    return isinstance(clause.node, Qualified) and clause.node.span == clause.node.value.span


def _reach(context: Context, negated: Clause, followers: list[Clause]) -> Finding:
    inner, last = negated.parts[0], followers[-1]
    all_of_them = " or ".join(context.text(each) for each in (inner, *followers))
    meant = f"not ({all_of_them})"
    swaps: dict[int, str | None] = {
        id(negated.node): meant,
        **dict.fromkeys((id(each.node) for each in followers), None),
    }
    span = context.span(negated)._replace(end=last.node.span.end)
    message = (
        f"'not' is about '{context.text(inner)}' alone: what follows is '{context.text(followers[0])}'; "
        f"to have none of them, write '{meant}'"
    )
    return Finding("reach-of-not", WARNING, span, message, context.corrected(swaps))


def negated_alternatives(context: Context) -> Iterator[Finding]:
    """`not a or not b`: true of everything that is not both at once."""
    for clause in context.clauses:
        negated = [part for part in clause.parts if isinstance(part.node, Not)] if isinstance(clause.node, Or) else []
        if len(negated) < 2:
            continue
        first, second = negated[0], negated[1]
        excluding = context.never_together((first.parts[0], True), (second.parts[0], True))
        if not excluding and not _alike(first, second):
            continue
        inner = [context.text(each.parts[0]) for each in negated]
        meant = f"not ({' or '.join(inner)})"
        span = context.span(first)._replace(end=negated[-1].node.span.end)
        what = "every packet" if excluding else f"every packet but those with both '{inner[0]}' and '{inner[1]}'"
        message = (
            f"{what} matches '{context.text(first)} or {context.text(second)}'; to have none of them, write '{meant}'"
        )
        swaps: dict[int, str | None] = {id(each.node): None for each in negated[1:]} | {id(first.node): meant}
        yield Finding("negated-alternatives", WARNING, span, message, context.corrected(swaps))


def _alike(*clauses: Clause) -> bool:
    """Whether all are about values of one kind."""
    inner = [each.parts[0].node for each in clauses]
    kinds = {each.qualifiers for each in inner if isinstance(each, Qualified)}
    return len(kinds) == 1 and all(isinstance(each, Qualified) for each in inner)

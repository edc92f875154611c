"""What became of the parts of an expression: its primitives, and the groups that `and`, `or` and `not` make of them.

What is known of each primitive is enough: a group is entered with its first primitive, and left on one of the ways that
lead out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cbpf.compiler.flow import ACCEPTED, REJECTED, Step
from cbpf.debug.annotate.marks import Asked, next_step
from cbpf.debug.clauses import text_of
from cbpf.errors import Span
from cbpf.language.syntax import And, Expression, Not, Or, operands


class Clause(NamedTuple):
    """A primitive, and how many packets it was asked of.

    * ``number``: its place among the primitives of the expression, from 0; ``span`` its characters, ``text`` those.
    * ``reached``: packets that it was asked of: ``passed`` if it held, ``failed`` if not, and ``cut`` if that could not
      be computed, because they were captured too short, or because of a division by zero.
    * ``depth``: how many groups it is in; ``joint``: "and" or "or" if there is something before it in its group.
    """

    number: int
    text: str
    span: Span
    reached: int
    passed: int
    failed: int
    cut: int
    depth: int
    joint: str


class Group(NamedTuple):
    """Primitives that are joined by ``operator``: those from number ``first`` to ``last``. Fields as of ``Clause``."""

    operator: str
    first: int
    last: int
    text: str
    span: Span
    reached: int
    passed: int
    failed: int
    cut: int
    depth: int
    joint: str


class _Place(NamedTuple):
    """A part of the tree, the steps that follow if it holds and if not, and where it stands."""

    node: Expression
    then: int
    orelse: int
    depth: int
    joint: str


def parts(
    expression: str, tree: Expression, steps: Sequence[Step], asked: Sequence[Asked]
) -> tuple[tuple[Clause, ...], tuple[Group, ...]]:
    """The primitives in order, and the groups, each before those in it. ``steps`` are the flow of ``tree``."""
    sizes = _sizes(tree)
    clauses: list[Clause] = []
    groups: list[Group] = []
    pending = [_Place(tree, ACCEPTED, REJECTED, 0, "")]
    while pending:
        place = pending.pop()
        node, first = place.node, len(clauses)
        if not isinstance(node, And | Or | Not):
            found = asked[first]
            text = text_of(expression, node)
            clauses.append(Clause(first, text, node.span, *found[:4], place.depth, place.joint))
            continue
        last = first + sizes[id(node)] - 1
        reached = asked[first].reached
        passed, failed = _left(steps, asked, first, last, place)
        text = " ".join(expression[node.span.start : node.span.end].split())
        operator = type(node).__name__.lower()
        numbers = (reached, passed, failed, reached - passed - failed)
        groups.append(Group(operator, first, last, text, node.span, *numbers, place.depth, place.joint))
        pending += reversed(_operands(place, first, sizes))
    return tuple(clauses), tuple(groups)


def _operands(place: _Place, first: int, sizes: dict[int, int]) -> list[_Place]:
    """The operands of a group: all but the last of an `and` go on with the next if they hold, of an `or` if not."""
    node, then, orelse, depth, _ = place
    if isinstance(node, Not):
        return [_Place(node.operand, orelse, then, depth + 1, "")]
    assert isinstance(node, And | Or)
    found = []
    following = first
    word = type(node).__name__.lower()
    for turn, operand in enumerate(node.operands):
        following += sizes[id(operand)]
        is_last = turn == len(node.operands) - 1
        after = (then, orelse) if is_last else (following, orelse) if isinstance(node, And) else (then, following)
        found.append(_Place(operand, *after, depth + 1, word if turn else ""))
    return found


def _left(steps: Sequence[Step], asked: Sequence[Asked], first: int, last: int, place: _Place) -> tuple[int, int]:
    """How many packets left a group for where it leads if it holds, and if not."""
    passed = failed = 0
    for step, found in zip(steps[first : last + 1], asked[first : last + 1], strict=True):
        ways = ((step.then, found.passed), (step.orelse, found.failed), (next_step(step), found.skipped))
        passed += sum(count for target, count in ways if target == place.then)
        failed += sum(count for target, count in ways if target == place.orelse)
    return passed, failed


def _sizes(tree: Expression) -> dict[int, int]:
    """How many primitives are in each part of the tree, by identity. No recursion: no depth is too deep."""
    order: list[Expression] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        order.append(node)
        pending += operands(node)
    sizes: dict[int, int] = {}
    for node in reversed(order):
        sizes[id(node)] = sum(sizes[id(part)] for part in operands(node)) or 1
    return sizes

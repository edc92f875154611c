"""From the syntax tree to a flow: the primitives in the order they are written, each with where to go on.

``and``, ``or``, ``not`` and parentheses are gone then; what is left is a list in which every primitive names the one
to try next if it holds and the one if it does not. No recursion, so that no depth of nesting is too deep.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.errors import Span
from cbpf.language.syntax import And, Expression, Not, Or, Primitive, Qualified

ACCEPTED = -1
REJECTED = -2


class Listed(NamedTuple):
    """Primitives of which one shall hold, tried in order: alike but for their numbers."""

    span: Span
    parts: tuple[Qualified, ...]


class Step(NamedTuple):
    """A primitive, or a list of them, and the numbers of the steps that follow if it holds and if not.

    Those may also be ACCEPTED and REJECTED.
    """

    primitive: Primitive | Listed
    then: int
    orelse: int


class _Label:
    """A place in the flow: known at last when the step that begins there is laid out."""

    def __init__(self, number: int = 0) -> None:
        self.number = number


def flow(tree: Expression) -> list[Step]:
    """The steps of ``tree``; step 0 comes first, and every step leads only to later ones."""
    steps: list[tuple[Primitive, _Label, _Label]] = []
    pending: list[tuple[Expression, _Label, _Label, _Label]] = [(tree, _Label(), _Label(ACCEPTED), _Label(REJECTED))]
    while pending:
        node, here, then, orelse = pending.pop()
        here.number = len(steps)
        match node:
            case Not():
                pending.append((node.operand, here, orelse, then))
            case And() | Or():
                starts = [here] + [_Label() for _ in node.operands[1:]]
                nexts = [*starts[1:], None]
                parts = []
                for operand, start, following in zip(node.operands, starts, nexts, strict=True):
                    if isinstance(node, And):
                        parts.append((operand, start, following or then, orelse))
                    else:
                        parts.append((operand, start, then, following or orelse))
                pending.extend(reversed(parts))
            case _:
                steps.append((node, then, orelse))
    return [Step(primitive, then.number, orelse.number) for primitive, then, orelse in steps]

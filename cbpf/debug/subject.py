"""What explanations and warnings are about: an expression, its tree, and where each primitive looks.

An expression is read for one link type. ``and``, ``or`` and ``not`` may be nested deeper than Python's stack, so trees
are walked with ``fold``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from cbpf.compiler import TARGETS
from cbpf.compiler.layers import Layer
from cbpf.compiler.primitives import cases
from cbpf.compiler.scope import Scope
from cbpf.errors import FilterError, Span
from cbpf.language.names import AskedOnce, Names
from cbpf.language.parser import parse
from cbpf.language.syntax import And, Expression, Keyword, Not, Or, Primitive

Joint = And | Or | Not
_Value = TypeVar("_Value")

# The keywords that move what follows them whether they match or not, and those that do where they match.
MOVERS = frozenset({"vlan", "mpls", "pppoes", "lane"})
TUNNELS = frozenset({"geneve", "vxlan"})


class Reading(NamedTuple):
    """A primitive, the layer it is read in by the text alone, and the layer that it leaves for what follows."""

    primitive: Primitive
    layer: Layer
    moved: Layer


class Subject(NamedTuple):
    """``tree`` is None for an empty expression; ``readings`` has the primitives in the order they are written.

    ``of_system`` says that ``names`` are those of the system's databases. ``target`` is where the expression is to run,
    a key of ``cbpf.compiler.TARGETS``.
    """

    expression: str
    linktype: int
    names: Names
    netmask: int | None
    layer: Layer
    tree: Expression | None
    readings: tuple[Reading, ...]
    of_system: bool
    target: str = "savefile"

    def text(self, span: Span) -> str:
        """The characters of a part of the expression, in one line."""
        return " ".join(self.expression[span.start : span.end].split())


def read(
    expression: str,
    linktype: int,
    names: Names | None = None,
    netmask: int | None = None,
    *,
    target: str = "savefile",
) -> Subject:
    """Read an expression for packets of this LINKTYPE number. Raises FilterError as compiling does."""
    of_system = names is None or type(names) is Names
    names = AskedOnce(names or Names())
    layer = first = TARGETS[target](linktype)
    tree = parse(expression)
    readings = []
    try:
        for place, primitive in enumerate(primitives(tree) if tree else ()):
            moved = cases(Scope(layer, names, netmask, place), primitive)[-1].moved
            readings.append(Reading(primitive, layer, moved))
            layer = moved
    except FilterError as error:
        error.expression = expression
        raise
    return Subject(expression, linktype, names, netmask, first, tree, tuple(readings), of_system, target)


def operands(tree: Joint) -> tuple[Expression, ...]:
    return (tree.operand,) if isinstance(tree, Not) else tree.operands


def fold(
    tree: Expression, primitive: Callable[[Primitive], _Value], joint: Callable[[Joint, list[_Value]], _Value]
) -> _Value:
    """The value of a tree, from those of its primitives, left to right, and of what joins them."""
    values: list[_Value] = []
    pending: list[tuple[Expression, bool]] = [(tree, False)]
    while pending:
        node, ready = pending.pop()
        if not isinstance(node, Joint):
            values.append(primitive(node))
        elif ready:
            count = len(operands(node))
            values[-count:] = [joint(node, values[-count:])]
        else:
            pending.append((node, True))
            pending.extend((part, False) for part in reversed(operands(node)))
    return values[0]


def nodes(tree: Expression) -> Iterator[Expression]:
    """Every node of a tree, each before its operands, left to right."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, Joint):
            pending.extend(reversed(operands(node)))


def primitives(tree: Expression) -> Iterator[Primitive]:
    """The primitives of a tree in the order they are written."""
    for node in nodes(tree):
        if not isinstance(node, Joint):
            yield node


def moves(node: Expression) -> bool:
    """Whether a primitive moves what is written after it."""
    return isinstance(node, Keyword) and node.word in MOVERS

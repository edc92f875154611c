"""A decision graph as one formula: tests joined by ``and``, ``or`` and ``not``, in the graph's own order.

Evaluated from the left, and no further than needed, a formula asks what the graph asks, and in the same order: so it is
right of packets that are too short for something, too. Two nodes become one where the second is only asked if the
first says yes (``and``) or no (``or``), and both lead to the same node otherwise. Where nothing of the kind is left, a
node that two ways lead to is taken apart: what follows it is written twice.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from cbpf.compiler.graph import ACCEPT, REJECT, Branch, Graph, Let, Node, Test, Verdict
from cbpf.compiler.values import Value

MOST_PARTS: Final = 600  # tests in a formula


class Part(NamedTuple):
    """A test, of which ``holds`` says what answer is meant.

    If ``test`` is None, ``value`` is only to be computed, and ``holds`` says what to make of it when that is done.
    """

    test: Test | None
    holds: bool = True
    value: Value | None = None


class All(NamedTuple):
    parts: tuple[Formula, ...]


class Any(NamedTuple):
    parts: tuple[Formula, ...]


Formula = Part | All | Any
_Way: TypeAlias = "_Block | bool | None"


class _Block:
    """A formula on the way to become all of it, and where its answers lead.

    That is a block, True to accept, False to reject, or None: what is only to be computed never says no.
    """

    __slots__ = ("formula", "no", "size", "yes")

    def __init__(self, formula: Formula, yes: _Way, no: _Way, size: int) -> None:
        self.formula, self.yes, self.no, self.size = formula, yes, no, size


def formula(graph: Graph) -> Formula | None:
    """The formula of a graph without variables that does not only accept or reject; None if it would be too long."""
    blocks: dict[Node, _Way] = {ACCEPT: True, REJECT: False}
    for node in reversed(graph.order):
        match node:
            case Branch(test, then, orelse):
                blocks[node] = _Block(Part(test), blocks[then], blocks[orelse], 1)
            case Let(None, value, following):
                blocks[node] = _Block(Part(None, True, value), blocks[following], None, 1)
            case Let():
                return None
            case Verdict():
                pass
    root = blocks[graph.root]
    return _joined(root) if isinstance(root, _Block) else None


def _joined(root: _Block) -> Formula | None:
    while True:
        order = _order(root)
        if sum(block.size for block in order) > MOST_PARTS:
            return None
        ways_in = _ways_in(order)
        joined = [_join(block, ways_in) for block in reversed(order)]
        if any(joined):
            continue
        if len(order) == 1:
            return _whole(root)
        if not _take_apart(order, ways_in):
            return None


def _whole(root: _Block) -> Formula | None:
    match root.yes, root.no:
        case True, False | None:
            return root.formula
        case False, True:
            return negated(root.formula)
    return None  # it computes something, and that decides nothing


def _order(root: _Block) -> list[_Block]:
    """All blocks, each before those it leads to."""
    finished: list[_Block] = []
    seen: set[_Block] = set()
    pending: list[tuple[_Block, bool]] = [(root, False)]
    while pending:
        block, done = pending.pop()
        if done:
            finished.append(block)
        elif block not in seen:
            seen.add(block)
            pending.append((block, True))
            pending += [(way, False) for way in (block.no, block.yes) if isinstance(way, _Block)]
    return finished[::-1]


def _ways_in(order: list[_Block]) -> dict[_Block, int]:
    counts = dict.fromkeys(order, 0)
    for block in order:
        for way in (block.yes, block.no):
            if isinstance(way, _Block):
                counts[way] += 1
    return counts


def _join(block: _Block, ways_in: dict[_Block, int]) -> bool:
    """Make one of a block and one behind it, if that is possible; whether it was."""
    for answer, way, other in ((True, block.yes, block.no), (False, block.no, block.yes)):
        if not isinstance(way, _Block) or ways_in.get(way, 0) != 1 or way is other:
            continue
        if other is None or way.no is None or way.no is other:
            second, then, orelse = way.formula, way.yes, way.no if other is None else other
        elif way.yes is other:
            second, then, orelse = negated(way.formula), way.no, other
        else:
            continue
        if answer:
            block.formula = All((*_parts(block.formula, All), *_parts(second, All)))
            block.yes, block.no = then, orelse
        else:  # said as what leads to the other place
            block.formula = Any((*_parts(block.formula, Any), *_parts(negated(second), Any)))
            block.yes, block.no = orelse, then
        block.size += way.size
        del ways_in[way]
        return True
    return _join_both(block, ways_in)


def _join_both(block: _Block, ways_in: dict[_Block, int]) -> bool:
    """Make one of a block and both behind it, if those lead to the same two places."""
    yes, no = block.yes, block.no
    if not isinstance(yes, _Block) or not isinstance(no, _Block) or yes is no:
        return False
    if ways_in.get(yes, 0) != 1 or ways_in.get(no, 0) != 1 or {yes.yes, yes.no} != {no.yes, no.no}:
        return False
    second = no.formula if no.yes is yes.yes else negated(no.formula)
    either = (All((*_parts(block.formula, All), *_parts(yes.formula, All))), _otherwise(block.formula, second))
    block.formula = Any(tuple(part for one in either for part in _parts(one, Any)))
    block.size = 2 * block.size + yes.size + no.size
    block.yes, block.no = yes.yes, yes.no
    return True


def _otherwise(first: Formula, second: Formula) -> Formula:
    """``not first and second``."""
    return All((*_parts(negated(first), All), *_parts(second, All)))


def _take_apart(order: list[_Block], ways_in: dict[_Block, int]) -> bool:
    """Make a second one of the block that several ways lead to and that is smallest; whether there is one."""
    shared = [block for block in order if ways_in[block] > 1]
    if not shared:
        return False
    block = min(shared, key=lambda each: (each.size, -order.index(each)))
    first = True
    for other in order:
        for name in ("yes", "no"):
            if getattr(other, name) is block:
                if not first:
                    setattr(other, name, _Block(block.formula, block.yes, block.no, block.size))
                first = False
    return True


def _parts(one: Formula, kind: type[All] | type[Any]) -> tuple[Formula, ...]:
    return one.parts if isinstance(one, All | Any) and isinstance(one, kind) else (one,)


def negated(one: Formula) -> Formula:
    """A formula that is false where this one is true; what cannot be computed is neither."""
    match one:
        case Part():
            return one._replace(holds=not one.holds)
        case All(parts):
            return Any(tuple(map(negated, parts)))
        case Any(parts):
            return All(tuple(map(negated, parts)))
    raise AssertionError(one)

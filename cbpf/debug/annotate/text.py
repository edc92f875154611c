"""An annotation as text for people: the expression with a line for each clause, and the listing, behind numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from cbpf.debug.annotate.annotator import Annotated, Counted
from cbpf.debug.annotate.parts import Clause, Group
from cbpf.debug.listing import Paint, paint, plain

_CLAUSES: Final = ("reached", "passed", "failed", "cut")
_INSTRUCTIONS: Final = ("executed", "yes", "no", "cut")
_LONGEST: Final = 60  # characters of a clause behind an instruction
_DEEPEST: Final = 20  # levels that are indented
_NEVER: Final = "  <-- never reached"

_Row = tuple[Sequence[int | None], str, bool]  # numbers, the text behind them, and whether it was ever reached


def render(found: Annotated, *, clauses: bool = True, listing: bool = True, color: bool = False) -> str:
    """The lines about packets of one link type, each ended by a line feed."""
    style = paint if color else plain
    lines = [summary(found, style)]
    if clauses and found.clauses:
        lines += ["", *_table(_CLAUSES, list(_expression(found.clauses, found.groups)), style)]
    if listing:
        lines += ["", *_table(_INSTRUCTIONS, list(_listing(found.instructions, style)), style)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def summary(found: Annotated, style: Paint = plain) -> str:
    """How many packets there were, and what became of them, in one line."""
    matched = style("good" if found.matched else "bad", f"{found.matched} matched")
    unread = f", {found.unread} rejected before anything was asked" if found.unread else ""
    return f"{found.linktype}: {found.packets} packet{'s' * (found.packets != 1)}, {matched}{unread}"


def _table(headings: Sequence[str], rows: Sequence[_Row], style: Paint) -> list[str]:
    """Numbers in columns under their headings, and text behind them; what was never reached stands out."""
    texts = [["" if number is None else str(number) for number in numbers] for numbers, _, _ in rows]
    widths = [max(len(heading), *(len(line[place]) for line in texts)) for place, heading in enumerate(headings)]
    lines = [style("dim", "  ".join(map(str.rjust, headings, widths)))]
    for line, (_, text, reached) in zip(texts, rows, strict=True):
        numbers = "  ".join(map(str.rjust, line, widths))
        lines.append(f"{numbers}  {text}" if reached else style("bad", f"{numbers}  {text.rstrip()}{_NEVER}"))
    return lines


# The expression.


def _expression(clauses: Sequence[Clause], groups: Sequence[Group]) -> Iterator[_Row]:
    """A line for each clause and each group, and one for the parenthesis that ends a group.

    The whole has none if it is an `and` or an `or`: what it comes to is said in front of it.
    """
    waiting = deque(group for group in groups if group.depth > 0 or group.operator == "not")
    opened: list[tuple[int, bool]] = []  # the last clause of a group, and whether a parenthesis ends it
    for clause in clauses:
        while waiting and waiting[0].first == clause.number:
            group = waiting.popleft()
            words = [group.joint, "not"] if group.operator == "not" else [group.joint, "("]
            if group.operator == "not" and waiting and _is_operand(waiting[0], group):
                waiting.popleft()
                words.append("(")
            yield _numbers(group), _indented(len(opened), *words), group.reached > 0
            opened.append((group.last, words[-1] == "("))
        yield _numbers(clause), _indented(len(opened), clause.joint, clause.text), clause.reached > 0
        while opened and opened[-1][0] == clause.number:
            if opened.pop()[1]:
                yield (None,) * len(_CLAUSES), _indented(len(opened), ")"), True


def _is_operand(inner: Group, outer: Group) -> bool:
    """Whether a group, which is no `not`, is all that a `not` is about."""
    return inner.operator != "not" and (inner.first, inner.last) == (outer.first, outer.last)


def _numbers(part: Clause | Group) -> tuple[int, ...]:
    return part.reached, part.passed, part.failed, part.cut


def _indented(depth: int, *words: str) -> str:
    return "  " * min(depth, _DEEPEST) + " ".join(filter(None, words))


# The listing.


def _listing(instructions: Sequence[Counted], style: Paint) -> Iterator[_Row]:
    texts = [_instruction(each) for each in instructions]
    width = max(map(len, texts))
    fields = max(len(each.field) for each in instructions)
    previous = ""
    for each, text in zip(instructions, texts, strict=True):
        clause = _clauses(each)
        cut = each.cut if each.cut else None
        shown = clause if clause != previous else ""
        previous = clause
        if each.executed:
            behind = f"{style('read', each.field)}{' ' * (fields - len(each.field))}  {style('name', shown)}"
        else:
            behind = f"{each.field:{fields}}  {shown}"
        yield (each.executed, each.taken, each.not_taken, cut), f"{text:{width}}  {behind}", each.executed > 0


def _instruction(each: Counted) -> str:
    mnemonic, _, operand = each.text.partition(" ")
    operand, jump, targets = operand.partition(" jt ")
    return f"({each.pc:03}) {mnemonic:8} {operand:16}{f' jt {targets}' if jump else ''}".rstrip()


def _clauses(each: Counted) -> str:
    text = " | ".join(part.text for part in each.clauses)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

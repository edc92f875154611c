"""A picture as text: one node a line, and what a pass changed as a difference between two such texts.

A way that ends at once, or goes to a node with a number, is said on the node's own line; "next" is the line below.
Otherwise what follows a yes is indented, and what follows a no comes behind it. A node to which several ways lead has a
number and begins at the margin. Blocks of a program are told like nodes, with their instructions below them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cbpf.debug.graph.picture import Clause, Edge, Node, Picture, ways_in

_STYLES: Final = {"accept": "32", "reject": "31", "answer": "2", "number": "33", "clause": "36", "bold": "1"}
_DEEPEST: Final = 60  # characters; nothing is indented further
_LONGEST: Final = 44  # characters of a clause
_MOST_CLAUSES: Final = 2
_ENDS: Final = frozenset({"accept", "reject", "more"})


def render(picture: Picture, *, color: bool = False) -> str:
    """The lines of a picture, each ended by a line feed. The numbers of nodes are their places in the picture."""
    return "".join(f"{line}\n" for line in _Writer(picture, None, color=color, clauses=True).lines())


def difference(before: Picture, after: Picture, names: tuple[str, str], *, color: bool = False) -> str:
    """What is different in ``after``, as a unified difference of the texts; empty if nothing is.

    A node that is in both has the same number in both.
    """
    from difflib import unified_diff

    old_numbers, new_numbers = _common_numbers(before, after)
    old, new = (
        list(_Writer(picture, numbers, color=False, clauses=False).lines())
        for picture, numbers in ((before, old_numbers), (after, new_numbers))
    )
    lines = unified_diff(old, new, *names, lineterm="", n=2)
    return "".join(f"{_painted_change(line) if color else line}\n" for line in lines)


def _common_numbers(before: Picture, after: Picture) -> tuple[list[int], list[int]]:
    known: dict[tuple[str, int], int] = {}
    for place, key in enumerate(_keys(before)):
        known[key] = place
    free = len(before.nodes)
    numbers = []
    for key in _keys(after):
        if key not in known:
            known[key], free = free, free + 1
        numbers.append(known[key])
    return list(range(len(before.nodes))), numbers


def _keys(picture: Picture) -> Iterator[tuple[str, int]]:
    """What a node says, and how many before it have said that."""
    seen: dict[str, int] = {}
    for node in picture.nodes:
        said = node.formula or node.kind + "\n".join(line.text for line in node.lines)
        seen[said] = seen.get(said, 0) + 1
        yield said, seen[said]


def _painted_change(line: str) -> str:
    code = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    return f"\x1b[{code}m{line}\x1b[0m" if code else line


class _Writer:
    def __init__(self, picture: Picture, numbers: list[int] | None, *, color: bool, clauses: bool) -> None:
        self.nodes = picture.nodes
        self.color = color
        self.clauses = clauses
        self.numbers = list(range(len(picture.nodes))) if numbers is None else numbers
        self.told: tuple[Clause, ...] = ()
        counts = ways_in(picture)
        self.joins = {
            place
            for place, node in enumerate(self.nodes)
            if node.kind == "block" or (counts[place] > 1 and node.kind not in _ENDS)
        }

    def lines(self) -> Iterator[str]:
        for head in sorted({0, *self.joins}):
            pending = [(head, "", "")]
            while pending:
                place, indentation, lead = pending.pop()
                yield from self._node(place, indentation, lead)
                indentation = _deeper(indentation, len(lead) or len(self._number(place)))
                pending += reversed(self._below(place, indentation))

    def _below(self, place: int, indentation: str) -> list[tuple[int, str, str]]:
        """What is told on the lines below a node, with the answer that leads there if there are two of them."""
        ways = [edge for edge in self.nodes[place].edges if not self._is_short(edge.to)]
        if len(ways) < 2:
            return [(edge.to, indentation, "") for edge in ways]
        return [(edge.to, _deeper(indentation, 2), f"{edge.answer + ':':5}") for edge in ways]

    def _is_short(self, place: int) -> bool:
        return place in self.joins or self.nodes[place].kind in _ENDS

    def _node(self, place: int, indentation: str, lead: str) -> Iterator[str]:
        node = self.nodes[place]
        head = f"{indentation}{self._painted(lead, 'answer')}{self._painted(self._number(place), 'number')}"
        ways, clauses = self._ways(node), self._clauses(node)
        if node.kind != "block":
            style = node.kind if node.kind in _STYLES else "bold"
            label = self._painted(printable(node.label) + "?" * (node.kind == "test"), style)
            yield f"{head}{label}{ways and f'  {ways}'}{clauses and f'  {clauses}'}"
            return
        yield f"{head}{clauses}".rstrip()
        width = max(len(line.text) for line in node.lines)
        for line in node.lines:
            yield f"  ({line.pc:03}) {line.text:{width}}  {self._painted(line.meaning, 'bold')}".rstrip()
        if ways:
            yield f"  {ways}"

    def _number(self, place: int) -> str:
        return f"#{self.numbers[place]}: " if place in self.joins else ""

    def _ways(self, node: Node) -> str:
        """The ways that need no line of their own."""
        short = [edge for edge in node.edges if self._is_short(edge.to)]
        ways = [self._way(edge) for edge in short]
        if len(node.edges) == 2 and len(short) == 1:
            other = next(edge.answer for edge in node.edges if edge not in short)
            ways.append(self._painted(f"{other}: next", "answer"))
        return ", ".join(ways)

    def _way(self, edge: Edge) -> str:
        node = self.nodes[edge.to]
        text = node.label if node.kind in _ENDS else f"#{self.numbers[edge.to]}"
        answer = self._painted(f"{edge.answer}:" if edge.answer else "then", "answer")
        return f"{answer} {self._painted(text, node.kind if node.kind in _ENDS else 'number')}"

    def _clauses(self, node: Node) -> str:
        """The parts of the expression that a node is from, shortened, if the one before was not from the same."""
        if not self.clauses or not node.clauses or node.clauses == self.told:
            return ""
        self.told = node.clauses
        texts = [printable(clause.text) for clause in node.clauses]
        shown = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..." for text in texts[:_MOST_CLAUSES]]
        more = ["..."] if len(texts) > _MOST_CLAUSES else []
        return self._painted(f"[{' | '.join(shown + more)}]", "clause")

    def _painted(self, text: str, style: str) -> str:
        code = _STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code and text else text


def _deeper(indentation: str, by: int) -> str:
    return indentation + " " * by if len(indentation) < _DEEPEST else indentation


def printable(text: str) -> str:
    """Text without what would make a terminal do things."""
    return "".join(character if character.isprintable() else "?" for character in text)

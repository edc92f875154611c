"""From a program to an expression: primitives are guessed, and what is true of them is asked for.

An expression is first looked for among those that join, with ``and``, what is implied by the program: primitives,
negated ones, and alternatives of one kind (``port 80 or port 443``). If that is not all that the program asks, the
program is divided by a protocol, and both halves are looked at in the same way. What is found is proved
(``implication``) to match the same packets, and what can be left out is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from cbpf.compiler import compile_program
from cbpf.compiler.graph import ACCEPT, REJECT, Builder, Graph, Node
from cbpf.compiler.optimize.fold import fold
from cbpf.compiler.optimize.prune import prune
from cbpf.compiler.optimize.thread import thread
from cbpf.debug.graph.lift import lift
from cbpf.debug.programs.guesses import Guess, guesses, prefixes
from cbpf.debug.programs.implication import Effort, Exhausted, implies
from cbpf.debug.programs.relations import Places
from cbpf.errors import FilterError, ProgramError, Reason
from cbpf.language.names import Names
from cbpf.machine.program import DEFAULT_SNAPLEN, Program

MOST_TESTS: Final = 120  # of a program that is looked at
_EFFORT: Final = 100_000  # steps of all proofs about one program together
_MOST_ALTERNATIVES: Final = 24
_MOST_IMPLIED: Final = 40
_DEEPEST: Final = 3  # divisions
_ROUNDS: Final = 3
_DIVIDERS: Final = ("tcp", "udp", "icmp", "icmp6", "arp", "ip", "ip6")
_KINDS: Final = ("port", "range", "host", "station", "protocol", "relation")
# Of what kinds the alternatives in each clause are, and whether they are particular; tried in this order.
_EACH: Final = tuple((kind,) for kind in _KINDS)
_WAYS: Final = (
    ((), False),  # without negations
    ((), True),
    (_EACH, False),
    (_EACH, True),
    ((*_EACH, ("not port",), ("not host",)), False),
    ((_KINDS,), False),
)
_QUALIFIERS: Final = ("tcp", "udp", "sctp", "ip", "ip6", "arp")
_TYPED: Final = ("port", "src ", "dst ", "host", "net", "proto")
_Item = TypeVar("_Item")


class Ground(NamedTuple):
    """What packets an expression is for: a LINKTYPE number and a target; and where headers are behind a prefix."""

    linktype: int
    target: str
    places: Callable[[str], Places]


class Search:
    """Finds the expression of one program. With ``whole``, of packets only that are captured as far as is looked."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._whole = False
        self._graphs: dict[str, Graph | None] = {}
        self._effort = Effort(_EFFORT)

    def expression(self, graph: Graph, *, whole: bool = False) -> str | None:
        """An expression that is proved to match what a graph accepts, None if none was found."""
        self._whole = whole
        if len(graph.order) > MOST_TESTS:
            return None
        try:
            for prefix in (*prefixes(graph), ""):
                if prefix and not self._implies(graph, self._graph(prefix)):
                    continue
                found = self._found(graph, prefix, _DEEPEST)
                if found is not None:
                    return _bare(found[0]) if len(found) == 1 else " and ".join(found)
        except Exhausted:
            pass
        return None

    def same(self, graph: Graph, parts: Sequence[str]) -> bool:
        """Whether it is proved that the conjunction of expressions matches what a graph accepts."""
        other = self._graph(" and ".join(parts))
        return self._implies(graph, other) and self._implies(other, graph)

    def _found(self, graph: Graph, prefix: str, depth: int) -> list[str] | None:
        """The parts of an expression; the prefix is the first of them."""
        head = [prefix] if prefix else []
        offered = [each for each in guesses(graph, self._ground.places(prefix)) if self._of(prefix, each) is not None]
        upper = [each for each in offered if self._implies(graph, self._of(prefix, each))]
        implied = {each.text for each in upper}
        denied = [
            Guess(f"not {each.text}", f"not {each.kind}", 7 + each.rank)
            for each in offered
            if each.kind != "relation" and each.rank <= _PLAIN and each.text not in implied
        ]
        upper += [each for each in denied if self._implies(graph, self._of(prefix, each))]
        offered += denied
        upper = sorted(upper, key=lambda each: each.rank)[:_MOST_IMPLIED]
        for kinds, particular in _WAYS:
            clauses = [self._alternatives(graph, prefix, upper, offered, kind, particular) for kind in kinds]
            plain = [each for each in upper if kinds or particular or not each.kind.startswith("not ")]
            every = [(each,) for each in plain] + [clause for clause in clauses if clause]
            if not self._implies(self._all(prefix, every), graph):
                continue
            parts = head + self._shortest(graph, prefix, every)
            if self.same(graph, parts):
                return self._merged(graph, parts)
        return self._divided(graph, prefix, depth) if depth else None

    def _alternatives(
        self,
        graph: Graph,
        prefix: str,
        upper: list[Guess],
        offered: list[Guess],
        kinds: tuple[str, ...],
        particular: bool,
    ) -> tuple[Guess, ...]:
        """Guesses of which the program asks for one; none if it does not.

        They are as few as possible, or as ``particular``.
        """
        known = {each.text for each in upper}
        wanted = [each for each in offered if each.kind in kinds and each.text not in known]
        wanted = [each for each in wanted if f"not {each.text}" not in known]

        def enough(some: list[Guess]) -> bool:
            return self._implies(graph, self._any(prefix, some))

        wanted = sorted(wanted, key=lambda each: each.rank)[:_MOST_ALTERNATIVES]
        if len(wanted) < 2 or not enough(wanted):
            return ()
        kept = _fewest(sorted(wanted, key=lambda each: each.rank, reverse=not particular), enough)
        return tuple(each for each in wanted if each in kept)

    def _shortest(self, graph: Graph, prefix: str, parts: list[tuple[Guess, ...]]) -> list[str]:
        """The parts without those that say nothing more."""

        def enough(some: list[tuple[Guess, ...]]) -> bool:
            return self._implies(self._all(prefix, some), graph)

        def cost(part: tuple[Guess, ...]) -> tuple[int, int]:
            return (part[0].rank if len(part) == 1 else 8, sum(len(each.text) for each in part))

        kept = _fewest(sorted(parts, key=cost, reverse=True), enough)
        kept.sort(key=lambda part: (_ORDER.get(part[0].kind, 5) if len(part) == 1 else 3, cost(part)))
        return [part[0].text if len(part) == 1 else f"({' or '.join(each.text for each in part)})" for part in kept]

    def _divided(self, graph: Graph, prefix: str, depth: int) -> list[str] | None:
        for divider in _DIVIDERS:
            inside = self._of(prefix, Guess(divider, "protocol", 1))
            if inside is None or self._implies(graph, inside):
                continue
            with_it, without = _both(inside, graph), _both(_swapped(inside), graph)
            if REJECT in (with_it.root, without.root) or len(without.order) >= len(graph.order):
                continue
            halves = [self._found(each, prefix, depth - 1) for each in (with_it, without)]
            texts = [" and ".join(half[bool(prefix) :]) for half in halves if half]
            if len(texts) < 2:
                continue
            found = [prefix] if prefix else []
            found.append(" or ".join(f"({text})" if " and " in text else text for text in texts))
            if prefix:
                found[-1] = f"({found[-1]})"
            if self.same(graph, found):
                return found
        return None

    def _merged(self, graph: Graph, parts: list[str]) -> list[str]:
        """The parts; a protocol and one that goes with it as one of them, where that is the same."""
        for protocol in _QUALIFIERS:
            for other in parts:
                if (
                    protocol not in parts
                    or other.startswith((*_QUALIFIERS, "not ", "("))
                    or not other.startswith(_TYPED)
                ):
                    continue
                merged = [f"{protocol} {other}" if part == other else part for part in parts if part != protocol]
                if self.same(graph, merged):
                    parts = merged
        return parts

    # Questions.

    def _implies(self, first: Graph | None, second: Graph | None) -> bool:
        if first is None or second is None:
            return False
        self._effort.left -= len(first.order) + len(second.order)  # it takes that to put them together, too
        return implies(first, second, whole=self._whole, effort=self._effort)

    def _of(self, prefix: str, guess: Guess) -> Graph | None:
        return self._graph(f"{prefix} and {guess.text}" if prefix else guess.text)

    def _all(self, prefix: str, parts: Sequence[tuple[Guess, ...]]) -> Graph | None:
        """The graph of a conjunction of alternatives."""
        whole = self._graph(prefix) if prefix else _EVERYTHING
        for part in reversed(parts):
            one = self._any(prefix, part)
            whole = None if one is None or whole is None else _led(one, whole, ACCEPT)
        return whole

    def _any(self, prefix: str, parts: Sequence[Guess]) -> Graph | None:
        """The graph of alternatives."""
        graphs = [self._of(prefix, part) for part in parts]
        whole: Graph | None = _NOTHING
        for one in reversed(graphs):
            whole = None if one is None or whole is None else _led(one, whole, REJECT)
        return whole

    def _graph(self, text: str) -> Graph | None:
        """The graph of an expression; None if it has none on this link type."""
        if text not in self._graphs:
            self._graphs[text] = graph_of(text, self._ground.linktype, self._ground.target)
        return self._graphs[text]


_PLAIN: Final = 2  # the rank of guesses without a protocol
_ORDER: Final = {"protocol": 0, "port": 1, "host": 2, "station": 2, "relation": 4}
_EVERYTHING: Final = Builder().graph(ACCEPT)
_NOTHING: Final = Builder().graph(REJECT)


def _bare(text: str) -> str:
    """The text of alternatives without the parentheses around all of them."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth:
            return text[1:-1] if place and place == len(text) - 1 and text[0] == "(" else text
    return text


def _fewest(items: Sequence[_Item], enough: Callable[[list[_Item]], bool]) -> list[_Item]:
    """Items of which none can be left out; those in front are left out first, many at once where that is possible."""
    kept, place, chunk = list(items), 0, max(1, len(items) // 4)
    while place < len(kept):
        fewer = kept[:place] + kept[place + chunk :]
        if enough(fewer):
            kept, chunk = fewer, 2 * chunk
        elif chunk > 1:
            chunk //= 2
        else:
            place += 1
    return kept


def graph_of(text: str, linktype: int, target: str) -> Graph | None:
    """The decision graph of an expression; None if it cannot be compiled."""
    try:
        program = compile_program(
            text, linktype, snaplen=DEFAULT_SNAPLEN, netmask=None, optimize=True, names=Names(), target=target
        )
        return graph_of_program(program)
    except FilterError as error:
        if error.reason is Reason.MATCHES_NOTHING:
            return Builder().graph(REJECT)
    except ProgramError:
        pass
    return None


def graph_of_program(program: Program) -> Graph:
    """The decision graph of a program, as simple as can be seen. Raises ProgramError as ``lift`` does."""
    return _simple(lift(program))


def _simple(graph: Graph) -> Graph:
    graph = fold(graph)
    for _ in range(_ROUNDS):
        before, graph = graph, prune(thread(graph))
        if graph is before:
            break
    return graph


def _both(first: Graph, second: Graph) -> Graph:
    """The graph of what two graphs accept."""
    return _simple(_led(first, second, ACCEPT))


def _swapped(graph: Graph) -> Graph:
    """The graph that accepts what a graph rejects by its tests."""
    build = Builder()
    new: dict[Node, Node] = {ACCEPT: REJECT, REJECT: ACCEPT}
    for node in reversed(graph.order):
        if node not in new:
            new[node] = build.again(node, new, graph.spans)
    return build.graph(new[graph.root])


def _led(first: Graph, second: Graph, end: Node) -> Graph:
    """A graph, going on with a second one where the first has an end."""
    build = Builder()
    new: dict[Node, Node] = {ACCEPT: ACCEPT, REJECT: REJECT}
    for node in reversed(second.order):
        if node not in new:
            new[node] = build.again(node, new, second.spans)
    led: dict[Node, Node] = {ACCEPT: ACCEPT, REJECT: REJECT, end: new[second.root]}
    for node in reversed(first.order):
        if node not in led:
            led[node] = build.again(node, led, first.spans)
    return build.graph(led[first.root])

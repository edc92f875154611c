"""Passes and emission change no verdict: random decision graphs, walked by hand on random and truncated packets."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from cbpf.compiler.emit import emit
from cbpf.compiler.graph import ACCEPT, REJECT, Branch, Builder, Graph, Let, Node, Verdict
from cbpf.compiler.graph import Test as Comparison
from cbpf.compiler.optimize import optimize
from cbpf.compiler.optimize.delay import delay
from cbpf.compiler.optimize.fold import fold
from cbpf.compiler.optimize.hoist import hoist
from cbpf.compiler.optimize.prune import prune
from cbpf.compiler.optimize.reorder import reorder
from cbpf.compiler.optimize.search import search
from cbpf.compiler.optimize.share import share
from cbpf.compiler.optimize.shortcut import shortcut
from cbpf.compiler.optimize.thread import thread
from cbpf.compiler.values import Binary, Const, Length, Load, Members, Negate, Value, Variable, calculate, variables
from cbpf.engine import run
from cbpf.errors import Span
from cbpf.machine import Program, Rules, verify

SPANS = frozenset({Span(0, 1)})
VARIABLES = tuple(Variable(name, limit=255) for name in "pqr")
Packet = bytes


class Rejected(Exception):
    """The packet is rejected: bytes that are not there, or a division by zero."""


def random_value(choose: random.Random, bound: tuple[Variable, ...], depth: int = 2) -> Value:
    kind = choose.randrange(9)
    if kind < 4 or not depth:
        return Load(None, choose.choice((0, 1, 2, 4, 6)), choose.choice((1, 1, 2, 4)))
    if kind == 4:
        return choose.choice((Const(choose.randrange(5)), Length()))
    if kind == 5 and bound:
        variable = choose.choice(bound)
        return choose.choice((variable, Load(variable, choose.randrange(4), 1)))
    if kind == 6:
        header = Binary("<<", Binary("&", Load(None, 0, 1), Const(15)), Const(2))
        return choose.choice((header, Load(header, choose.randrange(3), 1)))
    inner = random_value(choose, bound, depth - 1)
    if kind == 7:
        return Negate(inner)
    other = random_value(choose, bound, depth - 1)
    signs = "+-&|^*" if isinstance(other, Const) else "+-&|^*/%"  # a constant divisor of zero never gets this far
    return Binary(choose.choice(signs), inner, other)


def random_graph(choose: random.Random, size: int) -> Graph:
    """Built from the ends to the root; a node may only lead to nodes whose variables are bound by then."""
    build = Builder()
    levels: list[tuple[Node, frozenset[Variable]]] = [(ACCEPT, frozenset()), (REJECT, frozenset())]
    for _ in range(size):
        then, wanted = choose.choice(levels[-12:] + levels[:2])
        orelse, others = choose.choice(levels[-12:] + levels[:2])
        free = tuple(sorted(wanted | others, key=lambda variable: variable.name))
        if (free and choose.random() < 0.4) or (not free and choose.random() < 0.1):
            variable = choose.choice(free or (None,))
            value: Value = Binary("&", random_value(choose, ()), Const(7))
            node = build.let(variable, value, then, SPANS)
            wanted = wanted - {variable} if variable else wanted
        else:
            left = random_value(choose, VARIABLES)
            numbers = (Const(choose.randrange(9)), Const(choose.randrange(9)), Const(256))  # no byte reaches 256
            right = choose.choice((*numbers, random_value(choose, ())))
            node = build.branch(Comparison(choose.choice(("=", "=", ">", ">=", "&")), left, right), then, orelse, SPANS)
            wanted |= others | variables(left)
        levels.append((node, wanted))
    root, wanted = levels[-1]
    for variable in sorted(wanted, key=lambda variable: variable.name):
        root = build.let(variable, Load(None, 3, 1), root, SPANS)
    return build.graph(root)


def evaluate(value: Value, packet: Packet, bound: dict[Variable, int]) -> int:
    match value:
        case Const(number):
            return number
        case Length():
            return len(packet)
        case Variable():
            return bound[value]
        case Negate(operand):
            return calculate("-", 0, evaluate(operand, packet, bound))
        case Load(base, offset, size):
            place = offset + (evaluate(base, packet, bound) if base is not None else 0)
            if place + size > len(packet):
                raise Rejected
            return int.from_bytes(packet[place : place + size])
        case Binary(operator, left, right):
            try:
                return calculate(operator, evaluate(left, packet, bound), evaluate(right, packet, bound))
            except ZeroDivisionError:
                raise Rejected from None


def walk(graph: Graph, packet: Packet) -> bool:
    node, bound = graph.root, dict[Variable, int]()
    try:
        while not isinstance(node, Verdict):
            if isinstance(node, Let):
                number = evaluate(node.value, packet, bound)
                if node.variable is not None:
                    bound[node.variable] = number
                node = node.following
            else:
                left = evaluate(node.test.left, packet, bound)
                if isinstance(node.test.right, Members):
                    within = any(low <= left <= high for low, high in node.test.right.ranges)
                    node = node.then if within else node.orelse
                    continue
                right = evaluate(node.test.right, packet, bound)
                said = {"=": left == right, ">": left > right, ">=": left >= right, "&": left & right != 0}
                node = node.then if said[node.test.operator] else node.orelse
    except Rejected:
        return False
    return node.accept


def random_packet(choose: random.Random) -> Packet:
    return bytes(choose.choice((0, 1, 2, 3, 4, 5, 8, 9, 255)) for _ in range(choose.randrange(14)))


def program(graph: Graph, *, keep_registers: bool) -> Program:
    return Program([instruction for instruction, _ in emit(graph, 1, keep_registers=keep_registers)])


def random_lists(choose: random.Random, size: int) -> Graph:
    """Long lists of numbers that few values are compared with, and the same tests at different places."""
    build = Builder()
    header = Binary("<<", Binary("&", Load(None, 0, 1), Const(15)), Const(2))
    ends: list[Node] = [ACCEPT, REJECT, REJECT]
    for _ in range(choose.randrange(1, 4)):
        end, miss = choose.choice(ends), choose.choice(ends)
        size_of_load, at = choose.choice((1, 2)), choose.choice((0, 1, 2))
        where: list[Value] = [Load(None, at + 4, size_of_load), Load(header, at, size_of_load)]
        where.append(choose.choice((Load(None, at, size_of_load), Binary("/", Const(9), Load(None, at, 1)), where[0])))
        asked = [
            (
                choose.choice((0, 0, 0, 1, 2)),
                choose.choice(("=", "=", "=", "=", ">", ">=", "&", "in")),
                choose.randrange(260) if choose.random() < 0.5 else choose.randrange(10),
                choose.choice(ends) if choose.random() < 0.1 else end,
            )
            for _ in range(choose.randrange(1, size))
        ]
        for turn in range(choose.randrange(1, 3)):
            node = miss
            for which, operator, number, hit in asked:
                right: Const | Members = Const(number)
                if operator == "in":
                    right = Members(((number, number + 3), (number + 5, number + 5)), {number + 5: SPANS})
                subject = where[(which + turn) % 3]
                if operator == "in" and not isinstance(subject, Load):
                    continue
                node = build.branch(Comparison(operator, subject, right), hit, node, SPANS)
            ends.append(node)
    root = ends[-1]
    for node in ends[3:-1]:
        root = build.branch(Comparison("=", Load(None, 3, 1), Const(choose.randrange(4))), node, root, SPANS)
    return build.graph(root)


def random_chains(choose: random.Random, size: int) -> Graph:
    """Tests that must all hold, chain before chain; what is asked behind a chain may be asked in it."""
    build = Builder()
    ends: list[Node] = [ACCEPT, REJECT, REJECT]
    for _ in range(choose.randrange(2, 5)):
        node, failed = choose.choice(ends), choose.choice(ends)
        for _ in range(choose.randrange(1, size // 4)):
            load = Load(None, choose.randrange(8), choose.choice((1, 1, 2)))
            left = Binary("&", load, Const(choose.choice((1, 3)))) if choose.random() < 0.3 else load
            test = Comparison(choose.choice("==>&"), left, Const(choose.choice((1, 2, 3, 4, 5, 6))))
            ways = (node, failed) if choose.random() < 0.6 else (failed, node)
            node = build.branch(test, *ways, SPANS)
        ends.append(node)
    return build.graph(ends[-1])


def share_and_hoist(graph: Graph) -> Graph:
    return hoist(share(graph))


PASSES = [fold, thread, prune, delay, reorder, search, shortcut, share, share_and_hoist, optimize]
HAVE_NOTHING_TO_DO = {
    (shortcut, random_graph),
    (shortcut, random_lists),
    (share, random_graph),
    (share_and_hoist, random_graph),
    (prune, random_lists),
    (reorder, random_graph),
    (prune, random_chains),
    (delay, random_chains),
    (shortcut, random_chains),
    (share, random_chains),
    (share_and_hoist, random_chains),
}


@pytest.mark.parametrize("make", [random_graph, random_lists, random_chains])
@pytest.mark.parametrize("change", PASSES)
def test_passes_change_no_verdict(
    change: Callable[[Graph], Graph], make: Callable[[random.Random, int], Graph]
) -> None:
    accepted = changes = 0
    for seed in range(400):
        choose = random.Random(seed)
        graph = make(choose, 25)
        changed = change(graph)
        changes += changed is not graph
        for _ in range(25):
            packet = random_packet(choose)
            verdict = walk(graph, packet)
            accepted += verdict
            assert walk(changed, packet) == verdict, (seed, packet)
    assert accepted > 500
    assert changes > 20 or (change, make) in HAVE_NOTHING_TO_DO


@pytest.mark.parametrize("keep_registers", [False, True])
@pytest.mark.parametrize("size", [25, 700])
def test_programs_do_what_graphs_say(size: int, keep_registers: bool) -> None:
    """The large graphs have jumps over more than 255 instructions."""
    for seed in range(20 if size > 100 else 400):
        choose = random.Random(seed)
        graph = random_graph(choose, size)
        emitted = program(graph, keep_registers=keep_registers)
        verify(emitted, Rules.ALL if len(emitted) <= 4096 else Rules.LIBPCAP)
        for _ in range(20):
            packet = random_packet(choose)
            assert bool(run(emitted, packet)) == walk(graph, packet), (seed, packet)


@pytest.mark.parametrize(
    ("hazard", "packet"),
    [(Load(None, 6, 1), b"\0\1"), (Binary("&", Binary("/", Const(7), Load(None, 0, 1)), Const(255)), b"\0\1")],
)
def test_what_succeeded_on_one_way_only_may_fail_on_the_other(hazard: Value, packet: Packet) -> None:
    build = Builder()
    surely_false = build.branch(Comparison(">", hazard, Const(256)), REJECT, ACCEPT, SPANS)
    meeting = build.branch(Comparison("=", Load(None, 1, 1), Const(1)), surely_false, ACCEPT, SPANS)
    one_way = build.let(None, hazard, meeting, SPANS)
    graph = build.graph(build.branch(Comparison("=", Load(None, 0, 1), Const(5)), one_way, meeting, SPANS))
    assert not walk(graph, packet)
    assert not walk(thread(graph), packet)


def test_far_targets_are_reached() -> None:
    """A chain of 3,000 tests that all lead to both ends."""
    build = Builder()
    node: Node = REJECT
    for number in range(3000):
        node = build.branch(Comparison("=", Load(None, 0, 2), Const(number)), ACCEPT, node, SPANS)
    chain = program(build.graph(node), keep_registers=True)
    for number in (0, 1, 254, 255, 256, 257, 1500, 2999):
        assert run(chain, number.to_bytes(2))
    assert not run(chain, (3000).to_bytes(2))
    assert len(chain) < 3000 * 1.02


def test_every_instruction_knows_its_span() -> None:
    import cbpf

    text = "tcp port 80 and not host 192.0.2.1"
    spans = cbpf.compile(text).program.spans
    port, host = Span(0, 11), Span(20, 34)
    assert spans[0] == (port,)
    assert all(of in ((port,), (host,), (port, host)) for of in spans[:-2])
    assert spans[-1] == spans[-2] == ()
    assert any(host in of for of in spans)


def test_branches_of_a_graph_are_shared() -> None:
    """Two ways to the same test meet in one node."""
    build = Builder()
    test = Comparison("=", Load(None, 0, 1), Const(1))
    first = build.branch(test, ACCEPT, REJECT, SPANS)
    second = build.branch(test, ACCEPT, REJECT, frozenset({Span(3, 4)}))
    assert first is second
    assert isinstance(first, Branch)
    assert build.graph(first).spans[first] == {Span(0, 1), Span(3, 4)}


@pytest.mark.parametrize("subjects", [1, 2, 3])
def test_long_chains_are_gone_past_or_entered(subjects: int) -> None:
    """Chains that cannot be searched: behind every number something else is asked for before the next one."""
    for seed in range(60):
        choose = random.Random(seed)
        build = Builder()
        node: Node = choose.choice((ACCEPT, REJECT))
        for _ in range(choose.randrange(20, 70)):
            subject = Load(None, choose.randrange(subjects), 1)
            other = Comparison("=", Load(None, choose.randrange(4, 8), 1), Const(choose.randrange(6)))
            behind = build.branch(other, choose.choice((ACCEPT, REJECT)), node, SPANS)
            node = build.branch(Comparison("=", subject, Const(choose.randrange(40))), behind, node, SPANS)
        graph = build.graph(node)
        changed = shortcut(graph)
        for _ in range(60):
            packet = bytes(choose.randrange(40) for _ in range(4)) + bytes(choose.randrange(6) for _ in range(4))
            packet = packet[: choose.choice((8, 8, 8, 8, 1, 2, 3, 6))]
            assert walk(changed, packet) == walk(graph, packet), (seed, packet)
        if subjects < 3:
            assert changed is not graph or len(graph.order) < 60

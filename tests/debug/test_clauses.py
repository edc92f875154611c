"""Clauses: their verdict is the program's, each of them is libpcap's, and those named do decide."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError
from cbpf.debug.clauses import Clauses, Verdict
from cbpf.engine import PythonEngine
from cbpf.language.syntax import And, Expression, Not, Or
from cbpf.linktypes import NUMBERS
from tests import libpcap
from tests.expressions import EXPRESSIONS, NETMASK, FixedNames, expressions
from tests.oracles import needs_libpcap
from tests.packets import packets as random_packets
from tests.shared import accepted, needs_corpus

from .samples import CAPTURES, ON_ETHERNET, packets

_LINKTYPES = ("EN10MB", "RAW", "NULL", "LINUX_SLL2", "IEEE802_11_RADIO", "PFLOG", "PPP")
_NETMASK = 0xFFFFFF00

# Primitives that mean the same wherever they stand.
PRIMITIVES = (
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "port 80",
    "port 53",
    "src port 443",
    "tcp dst port 443",
    "portrange 50-100",
    "host 192.0.2.10",
    "src host 192.0.2.10",
    "dst net 198.51.100.0/24",
    "net 2001:db8::/32",
    "ether broadcast",
    "ether multicast",
    "ether src 02:00:00:00:00:01",
    "ip multicast",
    "greater 100",
    "less 60",
    "len > 74",
    "ip proto 17",
    "ip6 proto 58",
    "tcp[13] & 2 != 0",
    "udp[4:2] > 30",
    "ip[8] = 64",
    "ip6[6] = 6",
    "arp[6:2] = 1",
    "ether[12:2] = 0x806",
    "icmp[0] = 8",
    "ether proto 0x8847",
)


def primitives(tree: Expression) -> Iterator[Expression]:
    """The leaves of a tree in the order they are written."""
    match tree:
        case Not():
            yield from primitives(tree.operand)
        case And() | Or():
            for operand in tree.operands:
                yield from primitives(operand)
        case _:
            yield tree


def decided(tree: Expression, values: Iterator[bool]) -> bool:
    """What the tree comes to if its leaves have these values."""
    match tree:
        case Not():
            return not decided(tree.operand, values)
        case And():
            return min([decided(operand, values) for operand in tree.operands])
        case Or():
            return max([decided(operand, values) for operand in tree.operands])
    return next(values)


def assert_decides(clauses: Clauses, verdict: Verdict) -> None:
    """The clauses that are named settle the matter whatever all others say, and none of them can be left out."""
    assert clauses.tree is not None
    fixed = {deciding.clause.number: deciding.clause.holds for deciding in verdict.deciding}
    assert None not in fixed.values()
    count = len(list(primitives(clauses.tree)))
    if count > 8:
        return
    outcomes: dict[int | None, set[bool]] = {number: set() for number in (None, *fixed)}
    for values in product((False, True), repeat=count):
        differing = [number for number, value in fixed.items() if values[number] is not value]
        if len(differing) <= 1:
            outcome = decided(clauses.tree, iter(values))
            outcomes[differing[0] if differing else None].add(outcome)
    assert outcomes.pop(None) == {verdict.matched}
    for number, found in outcomes.items():
        assert (not verdict.matched) in found, f"clause {number} could be left out"


def _asked(expression: str, linktype: str) -> tuple[Clauses, PythonEngine] | None:
    """An expression as clauses and as a program; None if it is refused as both."""
    names = FixedNames()
    try:
        program = cbpf.compile(expression, linktype, netmask=NETMASK, optimize=False, names=names).program
    except FilterError:
        with pytest.raises(FilterError):
            Clauses(expression, NUMBERS[linktype], names=names, netmask=_NETMASK)
        return None
    return Clauses(expression, NUMBERS[linktype], names=names, netmask=_NETMASK), PythonEngine(program)


@pytest.mark.parametrize("linktype", _LINKTYPES)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_random_expressions_decide_as_programs_do(linktype: str, data: st.DataObject) -> None:
    asked = _asked(data.draw(expressions(linktype)), linktype)
    if asked is None:
        return
    clauses, engine = asked
    for packet in random_packets(linktype, data.draw(st.integers(0, 1000)), 8):
        verdict = clauses.ask(packet)
        assert verdict.matched == bool(engine.run(packet)), packet.hex()
        if verdict.missing is None and not verdict.foreign and clauses.tree is not None:
            assert_decides(clauses, verdict)


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 5))])
def test_the_expressions_that_cover_the_language(part: int) -> None:
    for number, (linktype, expression) in enumerate(EXPRESSIONS[part::5]):
        asked = _asked(expression, linktype)
        if asked is None:
            continue
        clauses, engine = asked
        for packet in random_packets(linktype, number, 4):
            assert clauses.ask(packet).matched == bool(engine.run(packet)), (expression, packet.hex())


@needs_corpus
def test_the_corpus_decides_as_programs_do() -> None:
    for seed, row in enumerate(accepted()):
        program = cbpf.compile(row.expression, row.linktype, netmask=row.netmask, optimize=False).program
        netmask = None if row.netmask is None else int.from_bytes(bytes(map(int, row.netmask.split("."))))
        clauses = Clauses(row.expression, NUMBERS[row.linktype], netmask=netmask)
        engine = PythonEngine(program)
        for packet in random_packets(row.linktype, seed, 3):
            verdict = clauses.ask(packet)
            assert verdict.matched == bool(engine.run(packet)), (row, packet.hex())
            assert verdict.deciding or verdict.foreign or verdict.missing or not row.expression


@needs_libpcap
@pytest.mark.parametrize("name", ON_ETHERNET)
def test_clauses_hold_where_libpcap_says_so(name: str) -> None:
    alone = {primitive: libpcap.matches(CAPTURES / name, primitive) for primitive in PRIMITIVES}
    random = Random(name)
    for _ in range(40):
        chosen = random.sample(PRIMITIVES, 4)
        first, second, third, fourth = (f"not {text}" if random.random() < 0.25 else text for text in chosen)
        one, other = random.choice(("and", "or")), random.choice(("and", "or"))
        clauses = Clauses(f"({first} {one} {second}) {other} ({third} {one} {fourth})", 1)
        whole = libpcap.matches(CAPTURES / name, clauses.expression)
        for index, packet in enumerate(packets(name)):
            verdict = clauses.ask(packet.data, packet.wirelen)
            assert verdict.matched == whole[index], (clauses.expression, index)
            for clause, _ in verdict.deciding:
                if clause.holds is not None:
                    assert clause.holds == alone[clause.text][index], (clause.text, index)
            if verdict.missing is None:
                assert_decides(clauses, verdict)


def test_a_clause_that_makes_no_difference_needs_no_bytes() -> None:
    # what the link type alone makes meaningless is not loaded: neither by libpcap nor by the programs here
    for expression, deciding in (
        ("tcp port 80 or ip", ["ip"]),
        ("(tcp port 80 and arp) or less 10", ["less 10"]),
        ("not (tcp port 80 and arp)", ["arp"]),
        ("(igmp and ip) or ip", ["ip"]),
        ("(tcp port 80 or ip) and less 10", ["ip", "less 10"]),
    ):
        assert PythonEngine(cbpf.compile(expression, "IPV4", optimize=False).program).run(b"")
        verdict = Clauses(expression, NUMBERS["IPV4"]).ask(b"")
        assert verdict.matched
        assert [clause.text for clause, _ in verdict.deciding] == deciding


def test_inherited_qualifiers_are_said() -> None:
    verdict = Clauses("tcp src or dst port (80 or 443)", 1).ask(packets("dns.pcap")[0].data)
    assert [deciding.clause.text for deciding in verdict.deciding] == [
        "tcp src or dst port 80",
        "tcp src or dst port 443",
    ]


def test_no_depth_is_too_deep() -> None:
    deep = "tcp and (" * 3000 + "udp" + ")" * 3000
    verdict = Clauses(f"not ({deep})", 1).ask(packets("dns.pcap")[0].data)
    assert verdict.matched
    assert [deciding.negated for deciding in verdict.deciding] == [True]


def test_errors_are_those_of_compiling() -> None:
    with pytest.raises(FilterError) as caught:
        Clauses("tcp prt", 1)
    assert caught.value.expression == "tcp prt"
    with pytest.raises(FilterError):
        Clauses("ifindex 3", 1)

"""The fully qualified form matches the same packets, every one, and leaves nothing of what it spells out implied.

Proofs by z3; random expressions that it cannot tell about are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import assume, given, settings

from cbpf import FilterError, Program
from cbpf.debug.qualify import qualify
from cbpf.debug.subject import primitives, read
from cbpf.language.names import Names
from cbpf.language.parser import parse
from cbpf.language.syntax import Qualified, Relation
from cbpf.linktypes import linktype_number
from tests.compiler.compiling import optimized, plain
from tests.expressions import EXPRESSIONS, NAMED, NETMASK, TUNNELS, FixedNames, expressions
from tests.linktypes import KNOWN, some_of
from tests.shared import accepted, needs_corpus
from tests.symbolic import Undecided, equivalent

NAMES = FixedNames()
MASK = 0xFFFFFF00

Row = tuple[str, str, str | None]  # expression, link type, netmask


def qualified(expression: str, linktype: str, netmask: str | None = NETMASK, names: Names | None = None) -> str:
    number = None if netmask is None else int.from_bytes(bytes(map(int, netmask.split("."))))
    return qualify(read(expression, linktype_number(linktype), names, number))


def differing(rows: list[Row], names: Names | None = None) -> list[str]:
    """Of those expressions that do not mean what their qualified form does, both, and a packet that tells.

    The qualified form has no names in it.
    """
    found = []
    for expression, linktype, netmask in rows:
        form = qualified(expression, linktype, netmask, names)
        pair: tuple[Program, Program] = plain(expression, linktype, netmask, names), optimized(form, linktype, netmask)
        refuted = equivalent(*pair)
        if refuted:
            found.append(f"{linktype} {expression!r} / {form!r}: {refuted}")
    return found


def table(rows: Iterable[tuple[str, str]]) -> list[Row]:
    return [(expression, linktype, NETMASK) for linktype, expression in rows]


def corpus() -> list[Row]:
    return [(row.expression, row.linktype, row.netmask) for row in accepted()]


@needs_corpus
def test_a_sample_of_the_corpus_means_the_same() -> None:
    rows = corpus()[::8]
    assert len(rows) > 100
    assert not differing(rows)


@needs_corpus
@pytest.mark.slow
def test_the_corpus_means_the_same() -> None:
    assert not differing(corpus())


@pytest.mark.parametrize("linktype", some_of(KNOWN))
@pytest.mark.slow
def test_the_table_means_the_same(linktype: str) -> None:
    assert not differing(table(row for row in EXPRESSIONS + TUNNELS if row[0] == linktype))


def test_a_sample_of_the_table_means_the_same() -> None:
    assert not differing(table((EXPRESSIONS + TUNNELS)[::80]))


def test_names_become_addresses_and_numbers() -> None:
    assert not differing(table(("EN10MB", row) for row in NAMED), NAMES)


# A tunnel makes what is behind it be read in one layer or another.
LAYERED = [
    "mpls and (vxlan or host 10.0.0.1)",
    "(vxlan and mpls) or host 10.0.0.1",
    "not (geneve and vlan) and host 10.0.0.1 and port 80",
    "vlan or vxlan and net 10.0.0.0/8",
    "(mpls or vxlan) and not host 10.0.0.1",
    "vxlan and pppoes or src host 10.0.0.1",
]


def test_layers_that_depend_on_the_packet() -> None:
    assert not differing(table(("EN10MB", row) for row in LAYERED))


@pytest.mark.parametrize("linktype", ["EN10MB", pytest.param("RAW", marks=pytest.mark.slow)])
def test_random_expressions_mean_the_same(linktype: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(expressions(linktype, 4))
    def check(expression: str) -> None:
        assume("protochain" not in expression)  # of which z3 may take minutes
        try:
            form = qualified(expression, linktype, names=NAMES)
            before, after = plain(expression, linktype, names=NAMES), optimized(form, linktype)
        except FilterError:
            assume(False)
        try:
            assert equivalent(before, after, timeout=2) is None
        except Undecided:
            assume(False)

    check()


# What is spelled out.


def test_nothing_is_implied_any_more() -> None:
    """Every address and port has its side, and stands behind a test of its protocol."""
    rows = [row for linktype, row in EXPRESSIONS if linktype == "EN10MB"]
    sides = 0
    for row in rows:
        tree = parse(qualified(row, "EN10MB"))
        for primitive in primitives(tree) if tree else ():
            if isinstance(primitive, Qualified) and primitive.qualifiers.type in (
                None,
                "host",
                "net",
                "port",
                "portrange",
            ):
                assert primitive.qualifiers.direction in ("src", "dst"), row
                assert primitive.qualifiers.type is not None
                assert primitive.value.clause is not None, row
                sides += 1
    assert sides > 100


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("port 80", ["ip6[6] = 132", "ip[9] = 17", "(ip[6:2] & 0x1fff) = 0", "src port 80", "dst port 80"]),
        ("tcp[tcpflags] & tcp-syn != 0", ["(ip and (ip[9] = 6)", "((tcp[tcpflags] & tcp-syn) != 0)"]),
        ("host 10.1.2.3", ["ip src host 10.1.2.3", "arp dst host 10.1.2.3", "rarp src host 10.1.2.3"]),
        ("host 10.1.2", ["ip src net 10.1.2.0/24"]),
        ("src 80", ["ip src host 0.0.0.80"]),
        ("icmp or arp and udp", ["((ip and (ip[9] = 1)) or arp) and"]),
        ("less 100", ["(len <= 100)"]),
        ("broadcast", ["ether dst host ff:ff:ff:ff:ff:ff"]),
        ("ip broadcast", ["(ip[16:4] & 0xff) = 0"]),
    ],
)
def test_what_is_spelled_out(expression: str, parts: list[str]) -> None:
    form = qualified(expression, "EN10MB")
    assert all(part in form for part in parts), form


def test_guards_of_both_operands() -> None:
    form = qualified("ip[2:2] - ((tcp[12] & 0xf0) >> 2) > 40", "EN10MB")
    tree = parse(form)
    assert tree is not None
    assert form.index("ip[9] = 6") < form.index("tcp[12]")
    assert sum(isinstance(each, Relation) for each in primitives(tree)) == 3


def test_nothing_is_too_deep() -> None:
    deep = "".join(f"(port {number} {'and' if number % 2 else 'or'} " for number in range(1, 200)) + "udp" + ")" * 199
    assert plain(qualified(deep, "RAW"), "RAW")
    assert qualified("(" * 3000 + "arp" + ")" * 3000, "EN10MB") == "arp"
    assert qualified("", "EN10MB") == ""

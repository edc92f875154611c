"""Programs told as expressions, against z3: what is said to match the same packets is compiled, and proved to."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings

import cbpf
from cbpf import FilterError
from cbpf.compiler.optimize.fold import fold
from cbpf.debug.graph.lift import lift
from cbpf.debug.programs import Found, explain_program, expression_of
from cbpf.debug.programs.implication import implies
from cbpf.debug.programs.search import graph_of_program
from cbpf.engine import run
from cbpf.linktypes import linktype_name, linktype_number
from cbpf.machine import Program, assemble, read_program
from tests.oracles import needs_tcpdump
from tests.programs import packets, valid_programs

z3 = pytest.importorskip("z3")
from tests import symbolic  # noqa: E402, it needs z3

# Expressions, and what a program of theirs is told as.
TOLD = {
    "tcp port 80": "tcp port 80",
    "host 192.0.2.1": "host 192.0.2.1",
    "tcp port 80 and host 192.0.2.1": "tcp port 80 and host 192.0.2.1",
    "not arp": "not arp",
    "icmp": "icmp",
    "tcp[13] & 2 != 0": "tcp[tcpflags] & tcp-syn != 0",
    "ether host 00:01:02:03:04:05": "ether host 00:01:02:03:04:05",
    "ip[2:2] > 100 and udp": "udp and ip[2:2] > 100",
    "len >= 100": "len >= 100",
    "ip proto 47": "ip proto 47",
    "mpls and ip": "mpls and ip",
    "src host 1.2.3.4 and dst port 53": "dst port 53 and src host 1.2.3.4",
    "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420": "tcp[(tcp[12] & 0xf0) >> 2:4] = 0x47455420",
    "ether[0] & 1 = 0 and ether[7] > ether[8]": None,
    "tcp port 80 and ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0": None,
    "ip[6:2] & 0x3fff != 0 and udp port 53 or arp": "(udp port 53 and ip[6:2] & 0x3fff != 0) or arp",
    "len < 64 or ether broadcast or ip multicast": None,
    "ether[100] / ether[3] > 2 or ip": None,
    "ip6 and icmp6 and ip6[40] = 135": "icmp6[icmp6type] = 135",
    "host 10.0.0.1 and host 10.0.0.2": "host 10.0.0.1 and host 10.0.0.2",
    "tcp and not port 22": "tcp and not port 22",
}
SLOW: dict[str, str] = {
    "ip[8] = 1 or arp[6:2] = 2": "",
    "vlan 7 and udp port 53": "vlan 7 and udp port 53",
    "tcp port 80 or udp port 53": "tcp port 80 or udp port 53",
    "port 80 or port 443": "",
    "(port 80 or port 443) and (host 1.2.3.4 or host 5.6.7.8)": "",
    "dst host 1.2.3.4 or src port 99": "",
    "icmp[0] = 8 or icmp[0] = 0": "icmp[icmptype] = icmp-echo or icmp[icmptype] = icmp-echoreply",
    "ip6 host 2001:db8::1 and tcp portrange 1-100": "",
}


def assert_right(program: Program, found: Found, linktype: int = 1) -> None:
    """The expression makes a program with the same verdicts; of packets that are long enough, if that is all said."""
    if found.expression is None:
        assert found.why
        return
    again = cbpf.compile(found.expression, linktype, snaplen=max(k for code, _, _, k in program if code == 6)).program
    claim = symbolic.Claim.EVERYWHERE if found.exact else symbolic.Claim.WHERE_LOADED
    assert symbolic.equivalent(program, again, claim) is None


@pytest.mark.parametrize("expression", TOLD)
def test_what_was_compiled_is_found_again(expression: str) -> None:
    program = cbpf.compile(expression).program
    found = expression_of(program)
    assert found.expression is not None
    assert_right(program, found)
    assert TOLD[expression] in (None, found.expression)


@pytest.mark.slow
@pytest.mark.parametrize("expression", SLOW)
def test_what_was_compiled_is_found_again_in_the_end(expression: str) -> None:
    program = cbpf.compile(expression).program
    found = expression_of(program)
    assert_right(program, found)
    if SLOW[expression]:
        assert sorted((found.expression or "").split()) == sorted(SLOW[expression].split())


@needs_tcpdump
@pytest.mark.parametrize("expression", ["tcp port 80", "host 192.0.2.1", "not arp", "tcp[13] & 2 != 0", "ip proto 47"])
def test_programs_by_tcpdump(expression: str) -> None:
    command = ["tcpdump", "-y", "EN10MB", "-ddd", expression]
    program = read_program(subprocess.run(command, capture_output=True, check=True, timeout=10).stdout)
    found = expression_of(program)
    assert found.expression == TOLD[expression]
    assert_right(program, found)


@pytest.mark.parametrize(
    ("linktype", "expression"),
    [
        ("RAW", "tcp port 80"),
        ("LINUX_SLL", "udp"),
        ("NULL", "host 1.2.3.4"),
        ("PPP", "ip6"),
        ("PPP", "link[3] > 7"),
    ],
)
def test_other_link_types(linktype: str, expression: str) -> None:
    program = cbpf.compile(expression, linktype).program
    found = expression_of(program)
    assert found.expression is not None
    assert_right(program, found, linktype_number(linktype))
    assert explain_program(program).linktype == linktype_name(linktype_number(linktype))


@given(valid_programs, packets)
@settings(max_examples=60, deadline=None)
def test_any_program(program: Program, octets: bytes) -> None:
    """Made of a program's own tests, an expression accepts the same packets, short ones too."""
    found = expression_of(program)
    if not found.expression or any(code == 22 for code, _, _, _ in program):
        return
    try:
        again = cbpf.compile(found.expression).program
    except FilterError as error:
        assert "match" in error.message
        return
    for packet in (octets, *(bytes(length) for length in range(0, 70, 3))):
        assert (run(again, packet) > 0) is (run(program, packet) > 0) or not found.exact


@given(valid_programs, valid_programs, packets)
@settings(max_examples=100, deadline=None)
def test_implication_is_what_it_says(first: Program, second: Program, octets: bytes) -> None:
    one, other = fold(lift(first)), fold(lift(second))
    if implies(one, other) and run(first, octets):
        assert run(second, octets)
    assert implies(one, one)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("tcp port 80", "tcp", True),
        ("tcp port 80", "not udp", True),
        ("tcp", "tcp port 80", False),
        ("src host 10.1.2.3", "net 10.0.0.0/8", True),
        ("net 10.0.0.0/8", "src host 10.1.2.3", False),
        ("ether[20] = 1", "ether[10] >= 0", True),
        ("ether[10] = 1", "ether[20] >= 0", False),
    ],
)
def test_implications(first: str, second: str, expected: bool) -> None:
    graphs = [graph_of_program(cbpf.compile(each).program) for each in (first, second)]
    assert implies(*graphs) is expected
    if not expected and "ether" in first:
        assert implies(*graphs, whole=True)


def test_what_has_no_expression() -> None:
    assert expression_of(assemble("ret #0")).expression is None
    assert expression_of(assemble("ret #9")).expression == ""
    assert "asks something" in expression_of(assemble("ret #9"), linktype_number("PPI")).why
    assert "jumps back" in expression_of(Program([(0x15, 1, 0, 0), (5, 0, 0, 0xFFFFFFFE), (6, 0, 0, 0)])).why
    said = explain_program(assemble("ldb [0]\n jeq #1, a, b\n a: ret #5\n b: ret #6"))
    assert said.keeps == "Of some packets up to 5, of others up to 6 bytes are kept."
    assert said.decisions is not None
    assert [line.pc for line in said.lines] == [0, 1, 2, 3]


def test_a_program_that_only_needs_bytes_does_not_accept_every_packet() -> None:
    program = assemble("ldb [40]\n ret #5")
    found = expression_of(program)
    assert found == Found("ether[40] >= 0")
    assert_right(program, found)
    assert "every packet of which" in explain_program(program).english[0]
    assert explain_program(assemble("ret #5")).english == ("Accepts every packet.",)


def test_english() -> None:
    said = explain_program(cbpf.compile("udp port 53").program)
    assert said.english == ("Matches UDP over IPv4 or IPv6, from or to port 53.",)
    assert (said.expression, said.exact) == ("udp port 53", True)

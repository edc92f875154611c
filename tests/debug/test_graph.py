"""Graphs: walked on packets they say what the program says, and what is drawn is what is there.

A picture is walked by its formulas, which are read here as Python, without anything of the compiler.
"""

from __future__ import annotations

import re
from functools import cache
from types import CodeType
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError, ProgramError, Reason
from cbpf.debug.graph import (
    Picture,
    cut,
    decision,
    decision_of_program,
    difference,
    dot,
    flow,
    flow_of_program,
    program,
    render,
    stages,
)
from cbpf.engine import run, steps
from cbpf.linktypes import linktype_number
from cbpf.machine import Program, assemble
from cbpf.machine import opcodes as op
from tests import libpcap
from tests.expressions import NETMASK, FixedNames, expressions
from tests.oracles import needs_libpcap
from tests.packets import packets as random_packets
from tests.programs import packets as any_packets
from tests.programs import valid_programs
from tests.shared import accepted, needs_corpus

from .samples import READABLE, packets
from .test_drawing import assert_digraph

MODULUS = 1 << 32
MOST_ELSEWHERE = 100  # instructions of programs whose graphs are walked on other link types than Ethernet, too
EXPRESSIONS = (
    "tcp port 80",
    "port 53 or port 443",
    "host 10.0.0.1 and not icmp",
    "vlan and ip",
    "mpls and ip6",
    "pppoes and ip",
    "vxlan and tcp",
    "geneve and arp",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "len > 100 and ip6",
    "ip[8] / (ip[1] + ip[2]) > 3 or arp",
    "ip6 protochain 58",
    "portrange 1000-2000 and not src net 10.0.0.0/8",
    " or ".join(f"port {number}" for number in range(60, 72)),
    "",
)


class Word(int):
    """A number of 32 bits, unsigned."""

    def __new__(cls, value: int) -> Word:
        return super().__new__(cls, value % MODULUS)

    def __add__(self, other: int) -> Word:
        return Word(int(self) + int(other))

    def __sub__(self, other: int) -> Word:
        return Word(int(self) - int(other))

    def __mul__(self, other: int) -> Word:
        return Word(int(self) * int(other))

    def __floordiv__(self, other: int) -> Word:
        return Word(int(self) // int(other))

    def __mod__(self, other: int) -> Word:
        return Word(int(self) % int(other))

    def __and__(self, other: int) -> Word:
        return Word(int(self) & int(other))

    def __or__(self, other: int) -> Word:
        return Word(int(self) | int(other))

    def __xor__(self, other: int) -> Word:
        return Word(int(self) ^ int(other))

    def __lshift__(self, other: int) -> Word:
        return Word(int(self) << int(other)) if other < 32 else Word(0)

    def __rshift__(self, other: int) -> Word:
        return Word(int(self) >> int(other))

    def __neg__(self) -> Word:
        return Word(-int(self))


class Link:
    """``link[i]`` and ``link[i:n]`` of a packet; IndexError if that is not captured."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet

    def __getitem__(self, place: int | slice) -> Word:
        first, size = (place.start, place.stop) if isinstance(place, slice) else (place, 1)
        octets = self.packet[int(first) : int(first) + int(size)]
        if len(octets) < int(size):
            raise IndexError
        return Word(int.from_bytes(octets))


@cache
def python(formula: str) -> CodeType:
    text, _, members = formula.partition(" in {")
    text = re.sub(r"`([^`]*)`", lambda found: f"variables[{found[1]!r}]", text)
    text = re.sub(r"(?<![\w'])(0x[0-9a-f]+|\d+)(?![\w'])", r"Word(\1)", _outside_quotes(text))
    text = re.sub(r"(?<![<>!:])=", "==", text).replace(" / ", " // ")
    if members:
        ranges = [each.split("-") for each in members.rstrip("}").split(", ")]
        text = f"any(low <= ({text}) <= high for low, high in {[(int(r[0], 0), int(r[-1], 0)) for r in ranges]})"
    return compile(text, formula, "eval")


def _outside_quotes(text: str) -> str:
    """Variables' names have numbers in them: those get another spelling."""
    return re.sub(r"variables\['([^']*)'\]", lambda found: f"variables[{_letters(found[1])}]", text)


def _letters(name: str) -> str:
    return "'" + "".join(chr(ord("a") + int(c)) + "_" if c.isdigit() else c for c in name).replace(" ", "_") + "'"


def walk(picture: Picture, packet: bytes, wirelen: int) -> bool:
    """Whether the graph that is shown accepts a packet."""
    variables: dict[str, Word] = {}
    scope = {"link": Link(packet), "len": Word(wirelen), "Word": Word, "variables": variables}
    node = picture.nodes[0]
    while node.kind not in ("accept", "reject"):
        name, bound, formula = node.formula.rpartition(" := ")
        try:
            value = eval(python(formula), scope)
        except (IndexError, ZeroDivisionError):
            return False
        if bound:
            variables[_letters(name.strip("`")).strip("'")] = value
        answer = ("yes" if value else "no") if node.kind == "test" else ""
        (way,) = (edge.to for edge in node.edges if edge.answer == answer)
        node = picture.nodes[way]
    return node.kind == "accept"


def assert_followed(picture: Picture, of: Program, packet: bytes, wirelen: int) -> None:
    """The program's own way is a way through the blocks."""
    made = [step.pc for step in steps(of, packet, wirelen)]
    node, walked = picture.nodes[0], list[int]()
    while True:
        walked += [line.pc for line in node.lines]
        if made[: len(walked)] != walked:  # it ended in the midst of a block
            assert made == walked[: len(made)]
            return
        if len(made) == len(walked):
            return
        following = made[len(walked)]
        last = of[walked[-1]]
        for edge in node.edges:
            if picture.nodes[edge.to].lines[0].pc == following:
                if edge.answer and last.jt != last.jf:
                    assert following == walked[-1] + 1 + (last.jt if edge.answer == "yes" else last.jf)
                node = picture.nodes[edge.to]
                break
        else:
            raise AssertionError(f"no edge from {walked[-1]} to {following}")


def _bits(netmask: str) -> int:
    return int.from_bytes(bytes(map(int, netmask.split("."))))


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("optimize", [True, False], ids=["optimized", "plain"])
def test_walked_on_the_captures_a_graph_says_what_the_program_says(expression: str, optimize: bool) -> None:
    shown: dict[int, Shown | None] = {}
    for name in READABLE:
        for each in packets(name)[:6]:
            linktype = each.interface.linktype
            if linktype not in shown:
                shown[linktype] = _shown(expression, linktype, optimize)
            found = shown[linktype]
            if found is None:
                continue
            assert_followed(found.blocks, found.program, each.data, each.wirelen)
            verdict = run(found.program, each.data, each.wirelen) > 0
            for graph in found.graphs:
                assert walk(graph, each.data, each.wirelen) is verdict, (name, graph.title)


class Shown(NamedTuple):
    """A program and what is shown of it: its blocks, and the graphs that it was and that it is made into again."""

    program: Program
    blocks: Picture
    graphs: list[Picture]


def _shown(expression: str, linktype: int, optimize: bool) -> Shown | None:
    """All of it for Ethernet; for others only the last of its graphs, if that is no large one."""
    try:
        found = stages(expression, linktype, optimize=optimize)
    except FilterError as error:
        assert error.reason is Reason.NOT_ON_THIS_LINKTYPE
        return None
    changed = [place for place, stage in enumerate(found.stages) if stage.changed]
    made = program(found, -1)
    if linktype != 1:
        return Shown(made, flow(found), [decision(found)] if len(made) < MOST_ELSEWHERE else [])
    graphs = [decision(found, place) for place in changed]
    return Shown(made, flow(found), [*graphs, decision_of_program(made)])


@given(data=st.data(), optimize=st.booleans(), linktype=st.sampled_from(["EN10MB", "NULL", "IEEE802_11_RADIO"]))
@settings(max_examples=15, deadline=None)
def test_any_expression_is_shown_as_it_is(data: st.DataObject, optimize: bool, linktype: str) -> None:
    expression = data.draw(expressions(linktype))
    try:
        found = stages(
            expression,
            linktype_number(linktype),
            optimize=optimize,
            names=FixedNames(),
            netmask=_bits(NETMASK),
        )
        of = cbpf.compile(expression, linktype, optimize=optimize, names=FixedNames(), netmask=NETMASK).program
    except FilterError:
        return
    assert program(found, -1) == of
    pictures = [decision(found), decision(found, 0), decision_of_program(of)]
    for octets in random_packets(linktype, data.draw(st.integers(0, 1000)), 4):
        verdict = run(of, octets) > 0
        assert [walk(picture, octets, len(octets)) for picture in pictures] == [verdict] * 3


@given(valid_programs, any_packets)
@example(
    Program([(op.LDX | op.LEN, 0, 0, 0), (op.LD | op.H | op.IND, 0, 0, 0xFFFFFFFE), (op.RET | op.A, 0, 0, 0)]), b"\0\1"
)
@settings(max_examples=150, deadline=None)
def test_any_program_is_shown_as_it_is(of: Program, octets: bytes) -> None:
    picture = flow_of_program(of)
    assert_followed(picture, of, octets, len(octets))
    assert render(picture).endswith("\n")
    try:
        graph = decision_of_program(of)
    except ProgramError:
        return
    assert walk(graph, octets, len(octets)) is (run(of, octets) > 0)


@needs_libpcap
@pytest.mark.parametrize("expression", ["tcp port 80 or udp", "ip6 host ::1 or arp", "vlan and port 53"])
def test_programs_of_libpcap_are_shown_too(expression: str) -> None:
    of = libpcap.compile_expression(expression, "EN10MB")
    graph, blocks = decision_of_program(of), flow_of_program(of)
    for name in ("http.pcap", "dns.pcap", "vlan.pcap", "truncated.pcap"):
        for each in packets(name):
            assert walk(graph, each.data, each.wirelen) is (run(of, each.data, each.wirelen) > 0)
            assert_followed(blocks, of, each.data, each.wirelen)


@pytest.mark.slow
@needs_corpus
def test_every_accepted_expression_has_its_graphs() -> None:
    for row in accepted():
        netmask = None if row.netmask is None else _bits(row.netmask)
        found = stages(row.expression, linktype_number(row.linktype), netmask=netmask)
        graph, blocks = decision(found), flow(found)
        assert render(graph)
        assert render(blocks)
        assert_digraph(dot(graph), graph)
        try:
            of = cbpf.compile(row.expression, row.linktype, netmask=row.netmask).program
        except FilterError as error:
            assert error.reason is Reason.MATCHES_NOTHING
            assert [node.kind for node in graph.nodes] == ["reject"]
        else:
            assert program(found, -1) == of


def labels(expression: str, linktype: str = "EN10MB", *, optimize: bool = True) -> list[str]:
    nodes = decision(stages(expression, linktype_number(linktype), optimize=optimize)).nodes
    return [node.label for node in nodes if node.kind not in ("accept", "reject")]


@pytest.mark.parametrize(
    ("expression", "linktype", "expected"),
    [
        ("ip", "EN10MB", ["EtherType = IPv4 (0x800)"]),
        ("icmp", "EN10MB", ["IPv4 protocol = ICMP", "EtherType = IPv4 (0x800)"]),
        ("arp net 10.0.0.0/8", "EN10MB", ["ARP sender protocol address in 10.0.0.0/8"]),
        ("port 80", "RAW", ["TCP/UDP/SCTP source port = 80", "IPv4 version = 4", "IPv6 next header = UDP"]),
        ("ip host 192.0.2.1", "EN10MB", ["IPv4 source address = 192.0.2.1"]),
        ("tcp[tcpflags] & tcp-syn != 0", "EN10MB", ["TCP flags & SYN != 0", "IPv4 fragment offset != 0"]),
        ("vlan 7 and ip6", "EN10MB", ["VLAN identifier = 7", "VLAN EtherType = IPv6 (0x86dd)"]),
        ("mpls 100", "EN10MB", ["MPLS label = 100"]),
        ("pppoes 5 and ip6", "EN10MB", ["PPPoE session = 5", "PPP protocol = IPv6 (0x57)"]),
        ("vxlan 7 and arp", "EN10MB", ["VXLAN network identifier = 7", "EtherType = ARP (0x806)"]),
        ("type data and ip", "IEEE802_11", ["802.11 type = data", "SNAP EtherType = IPv4 (0x800)"]),
        ("ip", "NULL", ["address family = IPv4 (0x2)"]),
        ("link[200] = 6", "EN10MB", ["byte 200 = 6"]),
        ("greater 100", "EN10MB", ["packet length >= 100"]),
    ],
)
def test_tests_are_told_in_the_names_of_fields(expression: str, linktype: str, expected: list[str]) -> None:
    found = labels(expression, linktype)
    assert [label for label in expected if label not in found] == [], found


def test_what_is_asked_later_names_what_is_asked_before() -> None:
    asked = labels("tcp dst port 443 and ip6")
    assert not any(label.startswith("byte") for label in asked), asked
    assert any("IPv6 next header = TCP" in label for label in labels("ip6 and tcp port 80", optimize=False))


def test_a_pass_that_changes_nothing_has_no_difference() -> None:
    found = stages("port 80 and host 192.0.2.1 or vlan", 1)
    changes = 0
    for place in range(1, len(found.stages)):
        before, after = decision(found, place - 1), decision(found, place)
        text = difference(before, after, ("before", "after"))
        changes += bool(text)
        if not found.stages[place].changed:
            assert text == ""
    assert changes >= 2
    assert found.stages[0].name == "lower"


def test_the_difference_of_a_pass_is_what_it_did() -> None:
    found = stages("icmp", 1)
    place = found.find("reorder")
    lines = difference(decision(found, place - 1), decision(found, place), ("a", "b")).splitlines()
    added = [line for line in lines if line.startswith("+") and not line.startswith("+++")]
    assert [line.partition("?")[0] for line in added] == ["+IPv4 protocol = ICMP", "+EtherType = IPv4 (0x800)"]
    with pytest.raises(LookupError, match="there is no pass 'magic'"):
        found.find("magic")


def test_a_program_that_jumps_back_has_blocks_only() -> None:
    looping = assemble("ldx #0\nL1: ld [x+0]\njeq #1, L2, L3\nL3: tax\nL2: ret #1\n")
    back = (op.JMP | op.JA, 0, 0, MODULUS - 4)
    looping = Program([*looping[:3], looping[3], back, looping[4]])
    looping = Program([*looping[:2], looping[2]._replace(jt=2), *looping[3:]])
    picture = flow_of_program(looping)
    assert any(edge.to <= place for place, node in enumerate(picture.nodes) for edge in node.edges)
    assert "#1" in render(picture)
    with pytest.raises(ProgramError, match="jumps back"):
        decision_of_program(looping)


def test_text_is_cut_where_it_is_long() -> None:
    picture = decision(stages(" or ".join(f"ip6 host ::{number:x}" for number in range(1, 200)), 1))
    short = cut(picture, 20)
    assert len(short.nodes) == 21
    assert short.nodes[-1].label == f"... {len(picture.nodes) - 20} more nodes"
    assert all(edge.to < 21 for node in short.nodes for edge in node.edges)
    assert len(render(short).splitlines()) == 20
    assert cut(picture, 10**6) is picture

"""Annotations: clauses as ``Clauses`` judges packets one by one, instructions as the interpreter steps through them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError, SavefileError
from cbpf.capture import Packet, scan
from cbpf.capture import open_savefile as opened
from cbpf.debug.annotate import Annotated, Annotator, annotate
from cbpf.debug.annotate import scan as counting_scan
from cbpf.debug.annotate.marks import Marked
from cbpf.debug.annotate.parts import Clause, Group, parts
from cbpf.debug.annotate.text import render
from cbpf.debug.clauses import Clauses
from cbpf.engine import PythonEngine
from cbpf.engine.counting import CountingEngine
from cbpf.language.syntax import And, Expression, Not, Or
from cbpf.linktypes import NUMBERS, linktype_name
from cbpf.machine import Program
from tests.engine.counted import told
from tests.expressions import EXPRESSIONS, NETMASK, FixedNames, expressions
from tests.packets import packets as random_packets

from .samples import CAPTURES, READABLE, packets

MASK = 0xFFFFFF00
LINKTYPES = ("EN10MB", "RAW", "NULL", "LINUX_SLL2", "IEEE802_11_RADIO", "PFLOG", "PPI", "PPP")
LONG = " or ".join(f"port {number}" for number in range(1, 120)) + " or (ip and not arp)"
SAMPLES = (
    "tcp port 80",
    "not (tcp or udp)",
    "tcp port 80 or (udp and not port 53) or arp",
    "host 192.0.2.10 or 198.51.100.80 and not (icmp or port 443)",
    "vlan and (ip or arp) or ip6",
    "geneve and udp or vxlan and ip and not icmp",
    "ip[2:2] > 100 and tcp[13] & 2 != 0 or udp[4:2] / ip[8] = 1",
    "pppoes and ip6 or mpls and ip and not tcp",
    LONG,
)


class Oracle:
    """What ``Clauses`` says of packets, one by one, added up: of clauses, and of groups by hand."""

    def __init__(self, clauses: Clauses) -> None:
        self.clauses = clauses
        self.numbers: dict[tuple[str, int, int, int], list[int]] = {}
        self.packets = self.matched = self.unread = 0

    def add(self, packet: bytes, wirelen: int) -> bool:
        """Add a packet. False, and nothing is added, for one that is too short for what makes no difference:

        how it goes on from there is for explanations only.
        """
        verdict = self.clauses.ask(packet, wirelen)
        if any(clause.missing is not None and not clause.relevant for clause in verdict.asked):
            return False
        self.packets += 1
        self.matched += verdict.matched
        self.unread += not verdict.asked
        if self.clauses.tree is not None:
            self._part(self.clauses.tree, {clause.number: clause.holds for clause in verdict.asked}, 0, 0)
        return True

    def _part(self, node: Expression, holds: dict[int, bool | None], first: int, depth: int) -> tuple[bool | None, int]:
        """What a part comes to, and the number of the first primitive behind it."""
        number, found = first, []
        if not isinstance(node, And | Or | Not):
            value, number = holds.get(number), number + 1
        else:
            for operand in (node.operand,) if isinstance(node, Not) else node.operands:
                one, number = self._part(operand, holds, number, depth + 1)
                found.append(one)
            settled = isinstance(node, Or)
            value = settled if settled in found else None if None in found else not settled
            if isinstance(node, Not):
                value = None if found[0] is None else not found[0]
        row = self.numbers.setdefault((type(node).__name__.lower(), first, number - 1, depth), [0, 0, 0, 0])
        if first in holds:
            row[0] += 1
            row[1 if value else 3 if value is None else 2] += 1
        return value, number

    def clause_rows(self) -> list[list[int]]:
        rows = {key[1]: row for key, row in self.numbers.items() if key[0] not in _JOINTS}
        return [rows[number] for number in sorted(rows)]

    def group_rows(self) -> dict[tuple[str, int, int, int], list[int]]:
        return {key: row for key, row in self.numbers.items() if key[0] in _JOINTS}


_JOINTS = ("and", "or", "not")


def numbers(part: Clause | Group) -> list[int]:
    return [part.reached, part.passed, part.failed, part.cut]


def assert_parts(oracle: Oracle, clauses: Sequence[Clause], groups: Sequence[Group]) -> None:
    if not oracle.packets:
        return
    assert [numbers(clause) for clause in clauses] == oracle.clause_rows()
    assert {
        (group.operator, group.first, group.last, group.depth): numbers(group) for group in groups
    } == oracle.group_rows()


def assert_annotated(found: Annotated, expression: str, linktype: int, some: Sequence[Packet]) -> None:
    """That all numbers are those of the oracles."""
    program = cbpf.compile(expression, linktype, netmask=NETMASK, names=FixedNames()).program
    engine = PythonEngine(program)
    verdicts = [engine.run(packet.data, packet.wirelen) for packet in some]
    assert (found.packets, found.matched) == (len(some), sum(map(bool, verdicts)))
    oracle = Oracle(Clauses(expression, linktype, netmask=MASK, names=FixedNames()))
    for packet in some:
        assert oracle.add(packet.data, packet.wirelen)
    assert_parts(oracle, found.clauses, found.groups)
    assert (oracle.matched, oracle.unread) == (found.matched, found.unread)
    assert_instructions(found, program, some)


def assert_instructions(found: Annotated, program: Program, some: Sequence[Packet]) -> None:
    expected = told(program, [(packet.data, packet.wirelen) for packet in some])
    assert tuple(each.executed for each in found.instructions) == expected.executed
    assert tuple(each.cut for each in found.instructions) == expected.cut
    for each, taken in zip(found.instructions, expected.taken, strict=True):
        if each.taken is not None:
            assert (each.taken, each.not_taken) == (taken, each.executed - taken)


def assert_adds_up(found: Annotated) -> None:
    everything: list[Clause | Group] = [*found.groups, *found.clauses]
    for part in everything:
        assert min(numbers(part)) >= 0
        assert part.reached == part.passed + part.failed + part.cut
    whole = next((part for part in everything if part.depth == 0), None)
    if whole is not None:
        assert whole.passed == found.matched
        assert whole.reached + found.unread == found.packets
    returns = [each for each in found.instructions if each.text.startswith("ret")]
    assert sum(each.executed for each in returns) + sum(each.cut for each in found.instructions) == found.packets


@pytest.fixture(params=["python", "native"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small files are counted in Python, larger ones by machine code: here all in both ways."""
    if request.param == "native":
        pytest.importorskip("llvmlite")
        monkeypatch.setattr(counting_scan, "_IN_PYTHON", -1)
    return str(request.param)


@pytest.mark.parametrize("engine", ["python", pytest.param("native", marks=pytest.mark.slow)], indirect=True)
@pytest.mark.parametrize("name", READABLE)
def test_samples(name: str, engine: str) -> None:
    seed = sum(name.encode())
    for turn in range(2):
        expression = SAMPLES[(seed + turn) % len(SAMPLES)]
        try:
            found = annotate([str(CAPTURES / name)], expression, netmask=MASK, names=FixedNames()).linktypes
            cbpf.compile(expression, packets(name)[0].interface.linktype, netmask=MASK, names=FixedNames())
        except FilterError:
            continue
        by_linktype: dict[int, list[Packet]] = {}
        for packet in packets(name):
            by_linktype.setdefault(packet.interface.linktype, []).append(packet)
        for (linktype, some), each in zip(by_linktype.items(), found, strict=True):
            assert each.linktype == linktype_name(linktype)
            assert_annotated(each, expression, linktype, some)
            assert_adds_up(each)


@pytest.mark.parametrize("expression", SAMPLES[1:])
def test_truncated_packets(expression: str, engine: str) -> None:
    found = annotate([str(CAPTURES / "truncated.pcap")], expression)
    assert_annotated(found.linktypes[0], expression, 1, packets("truncated.pcap"))
    assert_adds_up(found.linktypes[0])
    assert sum(clause.cut for clause in found.linktypes[0].clauses) > 0


def count_marked(expression: str, linktype: str, some: Iterable[bytes]) -> None:
    """Compare an expression's marked program with ``Clauses``, packet by packet."""
    names = FixedNames()
    try:
        clauses = Clauses(expression, NUMBERS[linktype], names=names, netmask=MASK)
        marked = Marked(clauses.steps, NUMBERS[linktype], names, MASK)
    except FilterError:
        return
    if clauses.tree is None:
        return
    runner, oracle = CountingEngine(marked.counting), Oracle(clauses)
    compared, others = ([0] * marked.counting.size for _ in range(2))
    for packet in some:
        counters = compared if oracle.add(packet, len(packet)) else others
        verdict = runner.run(packet, len(packet), counters)
        assert bool(verdict) == clauses.ask(packet).matched, packet.hex()
    asked = marked.asked(marked.counting.solve(compared))
    assert_parts(oracle, *parts(expression, clauses.tree, clauses.steps, asked))
    counts = marked.counting.solve(others)
    for groups in parts(expression, clauses.tree, clauses.steps, marked.asked(counts)):
        for part in groups:
            assert min(numbers(part)) >= 0
            assert part.depth or part.passed == counts.matched


@pytest.mark.parametrize("linktype", LINKTYPES)
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_random_expressions(linktype: str, data: st.DataObject) -> None:
    expression = data.draw(expressions(linktype))
    count_marked(expression, linktype, random_packets(linktype, data.draw(st.integers(0, 1000)), 12))


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 8))])
def test_the_expressions_that_cover_the_language(part: int) -> None:
    for number, (linktype, expression) in enumerate(EXPRESSIONS[part::8]):
        count_marked(expression, linktype, random_packets(linktype, number, 4))


def alternatives(text: str, first: int, behind: int) -> str:
    return f"({' or '.join(text.format(number) for number in range(first, behind))})"


@pytest.mark.parametrize(
    ("expression", "linktype"),
    [
        (f"{alternatives('host 192.0.2.{}', 1, 90)} and {alternatives('tcp port {}', 70, 90)}", "EN10MB"),
        (f"not {alternatives('port {}', 50, 90)} and udp or {alternatives('ip[8] = {}', 0, 20)}", "RAW"),
        (f"port 80 or {alternatives('port {}', 50, 58)} or {alternatives('src net 10.{}.0.0/16', 0, 8)}", "LINUX_SLL2"),
        (f"geneve and {alternatives('port {}', 50, 59)} or vlan and {alternatives('host 10.0.0.{}', 1, 9)}", "EN10MB"),
        (" or ".join(f"udp port {number * number % 97 + number // 9}" for number in range(45)), "EN10MB"),  # with gaps
        (f"{alternatives('ip[{}] = 1', 20, 30)} or {alternatives('ether[40:2] = {}', 1, 20)}", "EN10MB"),
        (
            f"{alternatives('tcp[tcp[12] >> 2] = {} / ip[8]', 1, 12)} or {alternatives('udp port {}', 1, 8)}",
            "RAW",
        ),
    ],
)
def test_long_lists_are_counted_as_if_asked_one_by_one(expression: str, linktype: str) -> None:
    for seed in range(2):
        count_marked(expression, linktype, random_packets(linktype, seed, 40))


@pytest.mark.parametrize(
    ("expression", "expected", "matched"),
    [  # raw IP never is ARP, so that byte 70 need not be there
        ("ip[70] = 1 and arp or ip[0] > 0", [(2, 0, 1, 1), (1, 0, 1, 0), (2, 2, 0, 0)], 2),
        ("not (ip[70] = 1 and arp)", [(2, 0, 1, 1), (1, 0, 1, 0)], 2),
        ("ip[70] = 1 and ip[0] > 0", [(2, 0, 1, 1), (0, 0, 0, 0)], 0),  # here it must
    ],
)
def test_a_clause_that_makes_no_difference_rejects_nothing(
    expression: str, expected: list[tuple[int, ...]], matched: int
) -> None:
    annotator = Annotator(expression)
    which = annotator.walks.which(annotator.programs(NUMBERS["RAW"]))
    for packet in (b"\x45" + bytes(99), b"\x45" + bytes(30)):
        annotator.walks.verdict(which, packet, 100)
    found = annotator.result().linktypes[0]
    assert [tuple(numbers(clause)) for clause in found.clauses] == expected
    assert found.matched == matched
    assert_adds_up(found)


def test_long_programs_are_interpreted(engine: str) -> None:
    expression = " or ".join(f"port {number}" for number in range(40, 180, 2)) + " or host 192.0.2.1"
    annotator = Annotator(expression)
    programs = annotator.programs(1)
    assert len(programs[1]) > 1000
    with opened(str(CAPTURES / "http.pcap")) as savefile:
        list(annotator.scan(savefile))
    assert_annotated(annotator.result().linktypes[0], expression, 1, packets("http.pcap"))


def test_several_threads_count_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setattr(scan, "PART", 64 * 1024)
    data = (CAPTURES / "http.pcap").read_bytes()
    path = tmp_path / "large.pcap"
    path.write_bytes(data[:24] + data[24:] * 700)
    expression = "tcp port 80 or (udp and not port 53)"
    found = annotate([str(path)], expression, threads=3).linktypes[0]
    one = annotate([str(CAPTURES / "http.pcap")], expression).linktypes[0]
    assert found.packets == 700 * one.packets
    pairs: list[tuple[Clause | Group, Clause | Group]] = [
        *zip(found.clauses, one.clauses, strict=True),
        *zip(found.groups, one.groups, strict=True),
    ]
    for many, once in pairs:
        assert numbers(many) == [700 * number for number in numbers(once)]
    for here, there in zip(found.instructions, one.instructions, strict=True):
        assert (here.executed, here.cut) == (700 * there.executed, 700 * there.cut)


def test_link_types_are_counted_apart(engine: str) -> None:
    """Also where they have the same program."""
    name = str(CAPTURES / "two-interfaces.pcapng")
    with opened(name) as savefile:
        some = list(savefile)
    for what in ("len > 100", cbpf.compile("len > 100").program):
        found = annotate([name, name], what)
        assert [each.linktype for each in found.linktypes] == ["EN10MB", "LINUX_SLL"]
        for each in found.linktypes:
            mine = [packet for packet in some if linktype_name(packet.interface.linktype) == each.linktype]
            assert (each.packets, each.matched) == (2 * len(mine), 2 * sum(packet.wirelen > 100 for packet in mine))
        assert found.packets == sum(each.packets for each in found.linktypes)


def test_damage_ends_the_count_and_keeps_it() -> None:
    annotator = Annotator("tcp")
    with opened(str(CAPTURES / "damaged.pcap")) as savefile, pytest.raises(SavefileError):
        list(annotator.scan(savefile))
    found = annotator.result().linktypes[0]
    assert found.packets > 0
    assert_adds_up(found)


def test_a_program_has_no_clauses() -> None:
    program = Program(cbpf.compile("tcp port 80").program)
    found = annotate([str(CAPTURES / "http.pcap")], program)
    assert found.expression is None
    assert found.linktypes[0].clauses == ()
    assert found.matched == cbpf.count(str(CAPTURES / "http.pcap"), "tcp port 80").packets
    assert_instructions(found.linktypes[0], program, packets("http.pcap"))


def test_an_empty_expression_matches_everything() -> None:
    found = annotate([str(CAPTURES / "http.pcap")], "")
    assert (found.packets, found.matched, found.linktypes[0].clauses) == (35, 35, ())


def test_what_no_packet_can_match_is_shown_unoptimized() -> None:
    notes: list[str] = []
    annotator = Annotator("ip and arp", note=notes.append)
    with opened(str(CAPTURES / "http.pcap")) as savefile:
        list(annotator.scan(savefile))
    found = annotator.result().linktypes[0]
    assert "no packet can match" in notes[0]
    assert found.matched == 0
    assert [clause.reached for clause in found.clauses] == [35, found.clauses[0].passed]


def test_without_machine_code_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBPF_ENGINE", "interpreter")
    monkeypatch.setattr(counting_scan, "_IN_PYTHON", -1)
    with pytest.warns(UserWarning, match="interpreter"):
        found = annotate([str(CAPTURES / "http.pcap")], "tcp port 80")
    assert_annotated(found.linktypes[0], "tcp port 80", 1, packets("http.pcap"))


def shown(text: str) -> str:
    """The expression in the text of an annotation."""
    lines = text.splitlines()[2:]
    return " ".join(line[len(lines[0]) :].removesuffix("  <-- never reached") for line in lines[1:])


def test_text_has_a_line_for_each_clause_and_group() -> None:
    expression = "udp and not (port 53 or 54) or tcp port 81 and (ip6 and not port 90)"
    found = annotate([str(CAPTURES / "icmp.pcap")], expression).linktypes[0]
    text = render(found, listing=False)
    assert text.count("never reached") == 7
    assert [line.split() for line in text.splitlines()[3:8]] == [
        "6 0 6 0 (".split(),
        "6 0 6 0 (".split(),
        "6 0 6 0 udp".split(),
        "0 0 0 0 and not ( <-- never reached".split(),
        "0 0 0 0 port 53 <-- never reached".split(),
    ]
    assert cbpf.compile(shown(text)).program == cbpf.compile(expression).program
    colored = render(found, listing=False, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == text
    assert colored.count("\x1b[31m") == 8  # and that none matched


@given(expressions("EN10MB"))
@settings(max_examples=20, deadline=None)
def test_text_reads_as_the_expression(expression: str) -> None:
    names = FixedNames()
    try:
        program = cbpf.compile(expression, netmask=NETMASK, optimize=False, names=names).program
    except FilterError:
        return
    annotator = Annotator(expression, netmask=MASK, optimize=False, names=names, note=lambda _: None)
    annotator.programs(1)
    text = shown(render(annotator.result().linktypes[0], listing=False))
    assert cbpf.compile(text, netmask=NETMASK, optimize=False, names=names).program == program


def test_fields_are_named() -> None:
    found = annotate([str(CAPTURES / "http.pcap")], "tcp port 80")
    assert found.linktypes[0].instructions[0].field == "EtherType"
    assert "EtherType = IPv4 (0x800)" in render(found.linktypes[0], clauses=False)


def test_a_long_list_is_not_told_with_every_instruction() -> None:
    expression = " or ".join(f"host 198.51.{number}.7" for number in range(200))
    found = annotate([str(CAPTURES / "arp-rarp.pcap")], expression).linktypes[0]
    texts = [part.text for each in found.instructions for part in each.clauses]
    assert len(found.instructions) > 500
    assert max(map(len, texts)) < 300
    assert all(text.removesuffix("...") in expression for text in texts)

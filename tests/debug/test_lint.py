"""Warnings: each on what it is about and on nothing of every day; corrections compile, and mean what they say.

That a clause changes nothing, never matches or always does is proved by z3, for packets that are long enough.
"""

from __future__ import annotations

import ast
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError
from cbpf.debug.lint import Finding, Severity, lint
from cbpf.language.names import Names, Service
from cbpf.linktypes import linktype_number
from tests.compiler.compiling import optimized, plain
from tests.compiler.faults import FAULTS, Whose
from tests.expressions import EXPRESSIONS, NAMED, TUNNELS, FixedNames, expressions
from tests.shared import accepted, miscompiled_packets, needs_corpus
from tests.symbolic import Claim, Loops, Undecided, equivalent, rejects_everything

NAMES = FixedNames()
MASK = 0xFFFFFF00


def linted(expression: str, linktype: str = "EN10MB", names: Names | None = None) -> tuple[Finding, ...]:
    return lint(expression, linktype_number(linktype), names, MASK)


def warnings(expression: str, linktype: str = "EN10MB") -> list[Finding]:
    return [each for each in linted(expression, linktype) if each.severity is Severity.WARNING]


def of_rule(rule: str, expression: str, linktype: str = "EN10MB", names: Names | None = None) -> Finding:
    found = [each for each in linted(expression, linktype, names) if each.rule == rule]
    assert len(found) == 1, found
    return found[0]


# An expression, the rule, the part it is about, and the correction.
WARNED: list[tuple[str, str, str, str | None]] = [
    (
        "port 80 or host 10.0.0.1 and udp",
        "precedence",
        "port 80 or host 10.0.0.1 and udp",
        "port 80 or (host 10.0.0.1 and udp)",
    ),
    (
        "not host 10.0.0.1 and 10.0.0.2",
        "reach-of-not",
        "not host 10.0.0.1 and 10.0.0.2",
        "not (host 10.0.0.1 or host 10.0.0.2)",
    ),
    ("arp or not port 80 or 443", "reach-of-not", "not port 80 or 443", "arp or not (port 80 or port 443)"),
    ("not tcp or not udp", "negated-alternatives", "not tcp or not udp", "not (tcp or udp)"),
    (
        "ip and (not port 80 or ! port 443)",
        "negated-alternatives",
        "not port 80 or ! port 443",
        "ip and (not (port 80 or port 443))",
    ),
    (
        "vlan 2 or vlan 3",
        "moved-by-encapsulation",
        "vlan 3",
        "vlan and (ether[14:2] & 0xfff = 2 or ether[14:2] & 0xfff = 3)",
    ),
    (
        "mpls 5 or mpls 6",
        "moved-by-encapsulation",
        "mpls 6",
        "mpls and (ether[14:4] & 0xfffff000 = 0x5000 or ether[14:4] & 0xfffff000 = 0x6000)",
    ),
    ("(vlan and ip) or arp", "moved-by-encapsulation", "arp", "arp or (vlan and ip)"),
    ("not vlan and ip", "moved-by-encapsulation", "ip", "ip and not vlan"),
    ("pppoes or arp", "moved-by-encapsulation", "arp", "arp or pppoes"),
    ("tcp port 80 and vlan 5", "never-matches", "vlan 5", "vlan 5 and tcp port 80"),
    ("tcp and udp", "never-matches", "udp", "tcp or udp"),
    ("arp or (tcp and udp port 53)", "never-matches", "udp port 53", "arp or (tcp or udp port 53)"),
    (
        "ip6 and tcp[tcpflags] & tcp-syn != 0",
        "never-matches",
        "tcp[tcpflags] & tcp-syn != 0",
        "ip6 and (ip6[6] = 6 and ip6[53] & tcp-syn != 0)",
    ),
    ("ip[2:2] > 70000", "never-matches", "ip[2:2] > 70000", None),
    ("icmp or tcp[0] = 443", "never-matches", "tcp[0] = 443", "icmp or tcp[0:2] = 443"),
    ("ip[0] & 1 = 2 or arp", "never-matches", "ip[0] & 1 = 2", "arp"),
    ("len >= 0", "always-matches", "len >= 0", None),
    ("arp and len >= 0", "always-matches", "len >= 0", "arp"),
    ("tcp or not tcp", "always-matches", "not tcp", None),
    ("tcp or tcp port 80", "shadowed", "tcp port 80", "tcp"),
    ("tcp port 80 or tcp", "shadowed", "tcp port 80", "tcp"),
    ("arp or (ip and icmp) or ip", "shadowed", "ip and icmp", "arp or ip"),
    ("host 10.0.0.1 or port 53 or net 10.0.0.0/8", "shadowed", "host 10.0.0.1", "port 53 or net 10.0.0.0/8"),
    ("tcp[13] & 2|16 != 0", "operator-precedence", "tcp[13] & 2|16", "tcp[13] & (2 | 16) != 0"),
    ("ip[2:2] % 8 + 1 = 3", "operator-precedence", "ip[2:2] % 8 + 1", "(ip[2:2] % 8) + 1 = 3"),
    ("host 10.0.1", "short-address", "host 10.0.1", "net 10.0.1.0/24"),
    ("tcp and dst 10.1", "short-address", "dst 10.1", "tcp and dst net 10.1.0.0/16"),
    ("src 80", "number-as-host", "src 80", "src port 80"),
    ("host 10", "number-as-host", "host 10", "net 10"),
]


@pytest.mark.parametrize(("expression", "rule", "about", "correction"), WARNED, ids=[row[0] for row in WARNED])
def test_warnings(expression: str, rule: str, about: str, correction: str | None) -> None:
    found = of_rule(rule, expression)
    assert found.severity is Severity.WARNING
    assert expression[found.span.start : found.span.end] == about
    assert found.correction == correction


EVERYDAY = [
    "",
    "tcp port 80",
    "not port 22",
    "host 10.0.0.1 and (port 80 or port 443)",
    "icmp or arp",
    "port 80 or 443 or 8080",
    "tcp or udp",
    "src net 10.0.0.0/8 and not dst net 10.0.0.0/8",
    "ip and not icmp and not (udp port 53)",
    "not arp and not port 22 and not host 10.0.0.1",
    "not broadcast and not multicast",
    "broadcast or multicast",
    "ip6 or arp",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
    "tcp[tcpflags] & tcp-rst != 0 and host 10.0.0.1",
    "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply",
    "ether[0] & 1 = 0 and ip[16] >= 224",
    "vlan and tcp port 80",
    "vlan 5 and vlan 6 and ip",
    "arp or (vlan and arp)",
    "mpls and ip host 10.0.0.1",
    "pppoes and (udp or tcp)",
    "udp port 67 or port 68",
    "portrange 6000-6063 and less 200",
    "ether host 00:11:22:33:44:55 and not ip",
    "vxlan 7 or vxlan 8",
    "net 192.168.0.0/16 or net 172.16.0.0/12",
    "udp and ip[6:2] & 0x1fff != 0",
    "tcp and (host 10.0.0.1 or 10.0.0.2) and not port 22",
    "(tcp port 80 and host 10.0.0.1) or icmp",
    "tcp port 80 and host 10.0.0.1 or icmp",
    "ether proto 0x88cc or stp",
]


@pytest.mark.parametrize("expression", EVERYDAY)
def test_everyday_expressions_are_clean(expression: str) -> None:
    assert not warnings(expression)


@pytest.mark.parametrize(
    ("expression", "rule", "correction"),
    [
        ("tcp port 80 or port 443", "hidden-ports", None),
        ("tcp[13] = 2", "exact-flags", "tcp[13] & 2 != 0"),
        ("tcp[13] = 18", "exact-flags", "tcp[13] & 18 = 18"),
        ("udp[4:2] > 100", "ipv4-only-index", "(udp[4:2] > 100 or (ip6[6] = 17 and ip6[44:2] > 100))"),
        ("tcp and not udp", "redundant", "tcp"),
        ("net 10.0.0.0/8 and host 10.0.0.1", "redundant", "host 10.0.0.1"),
    ],
)
def test_notes(expression: str, rule: str, correction: str | None) -> None:
    found = of_rule(rule, expression)
    assert found.severity is Severity.NOTE
    assert found.correction == correction
    assert not warnings(expression)


def test_who_thinks_of_ipv6_is_not_told() -> None:
    for expression in ("ip and tcp[13] & 2 != 0", "tcp[13] & 2 != 0 or (ip6 and ip6[6] = 6 and ip6[53] & 2 != 0)"):
        assert "ipv4-only-index" not in {each.rule for each in linted(expression)}


def test_the_ipv6_form_finds_what_the_ipv4_form_finds() -> None:
    """The same flags, 20 bytes further on: as tests of bytes of the frame."""
    found = of_rule("ipv4-only-index", "tcp[tcpflags] & tcp-syn != 0")
    assert found.correction is not None
    spelled = "tcp[tcpflags] & tcp-syn != 0 or (ether[12:2] = 0x86dd and ether[20] = 6 and ether[67] & 2 != 0)"
    assert equivalent(plain(found.correction, "EN10MB"), plain(spelled, "EN10MB")) is None


def test_link_types_decide_too() -> None:
    """What a link type has no packets of is worth a note; a warning if nothing is left."""
    found = of_rule("never-matches", "icmp or arp", "RAW")
    assert (found.severity, found.correction, found.equivalent) == (Severity.NOTE, "icmp", True)
    assert of_rule("never-matches", "arp and host 10.0.0.1", "RAW").severity is Severity.WARNING
    assert of_rule("always-matches", "ip and not arp", "RAW").severity is Severity.NOTE


# Names.


class Several(Names):
    def hosts(self, name: str) -> tuple[list[int], list[int]]:
        return ([1, 2], [3]) if name == "many" else ([1], [])

    def service(self, name: str) -> Service | None:
        return {"one": Service(22, "tcp"), "both": Service(53, None)}.get(name)


def test_names() -> None:
    names = Several()
    assert "3 addresses" in of_rule("several-addresses", "host many", names=names).message
    assert not linted("host single", names=names)
    found = of_rule("service", "src port one", names=names)
    assert (found.severity, found.correction) == (Severity.NOTE, "src port 22")
    assert {each.rule for each in linted("port both or tcp port one", names=names)} == {"hidden-ports"}


# What corrections mean.


def grouped_by_python(expression: str) -> str:
    """The expression with the parentheses that Python's precedence of `and` and `or` implies; words are conditions."""

    def spelled(node: ast.expr) -> str:
        if isinstance(node, ast.BoolOp):
            word = " and " if isinstance(node.op, ast.And) else " or "
            return f"({word.join(map(spelled, node.values))})"
        if isinstance(node, ast.UnaryOp):
            return f"not {spelled(node.operand)}"
        assert isinstance(node, ast.Name)
        return node.id

    return spelled(ast.parse(expression, mode="eval").body)


CONDITIONS = st.sampled_from(["ip", "ip6", "arp", "tcp", "udp", "icmp", "broadcast", "not tcp", "not ip"])


@given(st.lists(st.tuples(CONDITIONS, st.sampled_from(["and", "or"])), min_size=3, max_size=6), st.data())
@settings(max_examples=40, deadline=None)
def test_precedence_is_corrected_to_what_it_is_elsewhere(items: list[tuple[str, str]], data: st.DataObject) -> None:
    words = [word for condition, joint in items for word in (condition, joint)][:-1]
    if len(words) >= 7 and data.draw(st.booleans()):
        words[2], words[4] = f"({words[2]}", f"{words[4]})"
    expression = " ".join(words)
    found = [each for each in linted(expression) if each.rule == "precedence"]
    usual = plain(grouped_by_python(expression), "EN10MB")
    here = plain(expression, "EN10MB")
    if not found:
        assert equivalent(here, usual) is None
        return
    corrected = expression
    if len(found) == 1 and found[0].correction is not None:
        corrected = found[0].correction
        assert equivalent(plain(corrected, "EN10MB"), usual) is None, corrected


def unproved(expression: str, linktype: str, names: Names | None = None) -> list[str]:
    """What is said of an expression and not true."""
    wrong = []
    for found in linted(expression, linktype, names):
        if found.correction is not None:
            corrected = optimized(found.correction, linktype, names=names)
            if found.equivalent and equivalent(
                plain(expression, linktype, names=names), corrected, Claim.WHERE_LOADED, timeout=4
            ):
                wrong.append(f"{linktype} {expression!r}: {found}")
    return wrong


@pytest.mark.parametrize("row", WARNED, ids=[row[0] for row in WARNED])
def test_what_changes_nothing_changes_nothing(row: tuple[str, str, str, str | None]) -> None:
    assert not unproved(row[0], "EN10MB")


def proved(rows: list[tuple[str, str]], names: Names | None) -> None:
    claims = 0
    for linktype, expression in rows:
        try:
            assert not unproved(expression, linktype, names)
            claims += sum(found.equivalent for found in linted(expression, linktype, names))
        except (Loops, Undecided):
            continue
    assert claims


def test_claims_about_a_sample_of_the_table() -> None:
    proved(Random(7).sample(EXPRESSIONS + TUNNELS, 80), NAMES)


@pytest.mark.slow
def test_claims_about_the_table() -> None:
    proved([*EXPRESSIONS, *TUNNELS], NAMES)


@needs_corpus
@pytest.mark.slow
def test_claims_about_the_corpus() -> None:
    proved([(row.linktype, row.expression) for row in accepted()], None)


@pytest.mark.parametrize("linktype", ["EN10MB", pytest.param("IEEE802_11_RADIO", marks=pytest.mark.slow)])
def test_claims_about_random_expressions(linktype: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(expressions(linktype, 4))
    def check(expression: str) -> None:
        assume("protochain" not in expression)
        try:
            assert not unproved(expression, linktype, NAMES)
        except (FilterError, Undecided):
            assume(False)

    check()


def test_what_never_matches_never_does() -> None:
    never = [row[0] for row in WARNED if row[1] == "never-matches" and row[0] == row[2]]
    never += ["tcp and udp", "ip6 and tcp[13] = 2", "port 80 and not port 80", "len > 100 and len < 50"]
    for expression in never:
        assert of_rule("never-matches", expression)
        assert rejects_everything(plain(expression, "EN10MB")) is None


def test_what_always_matches_always_does() -> None:
    everything = plain("", "EN10MB")
    for expression in ("len >= 0", "tcp or not tcp", "not tcp or not udp", "not src port 80 or not src port 443"):
        assert any("every packet" in each.message for each in warnings(expression))
        assert equivalent(plain(expression, "EN10MB"), everything, Claim.WHERE_LOADED) is None


@needs_corpus
def test_tags_side_by_side() -> None:
    """The corrections match what is tagged with either; as written, only what is tagged with the first."""
    packets = miscompiled_packets()
    for expression, names in (
        ("vlan 2 or vlan 3", {"vlan2_ip4tcp80", "vlan3_ip4udp53"}),
        (
            "(vlan 0xaaa and ip src 127.127.127.127) or (vlan 0xbbb and ip src 247.247.247.247)",
            {"vlan2730_ip127", "vlan3003_ip247"},
        ),
        ("(vlan 2 and tcp) or icmp", {"vlan2_ip4tcp80", "ip4icmp"}),
    ):
        correction = of_rule("moved-by-encapsulation", expression).correction
        assert correction is not None
        match, before = cbpf.compile(correction).match, cbpf.compile(expression).match
        assert {name for name in packets if match(packets[name])} == names
        assert {name for name in packets if before(packets[name])} < names


# Programs that are too long, and programs of others.


def test_what_linux_does_not_take() -> None:
    long = " or ".join(f"link[{n}] = {n % 256}" for n in range(2200))
    found = of_rule("too-long", long)
    assert len(cbpf.compile(long).program) > 4096
    assert str(len(cbpf.compile(long).program)) in found.message
    assert not [each for each in linted(long[:2000].rpartition(" or ")[0]) if each.rule == "too-long"]


# What no rule is about: defects that other rules explain, and some that nothing of an expression tells.
UNTOLD = {"#600", "#1207", "#430", "A9", "#945"}
WRONG = {Whose.COMPILER, Whose.OPTIMIZER, Whose.REFUSES, Whose.UNOPTIMIZED, Whose.REFUSES_OPTIMIZED}
WRONG_ELSEWHERE = {"#379", "#1133", "L5", "#1192"}  # right in some cases, or in some versions


@pytest.mark.parametrize(
    "fault", [each for each in FAULTS if each.target == "savefile"], ids=lambda each: f"{each.item} {each.expression}"
)
def test_what_tcpdump_gets_wrong_is_told(fault: object) -> None:
    item, whose, expression, linktype = (getattr(fault, name) for name in ("item", "whose", "expression", "linktype"))
    told = any(each.rule == "tcpdump-differs" for each in linted(expression, linktype))
    if whose in WRONG:
        assert told or item in UNTOLD
    else:
        assert not told or item in WRONG_ELSEWHERE


def test_what_tcpdump_gets_right_is_not_told() -> None:
    excused = ("tcp port 80 and (((ip[2:2]", "vxlan")
    for expression in EVERYDAY:
        if not expression.startswith(excused):
            assert "tcpdump-differs" not in {each.rule for each in linted(expression)}, expression


# Everything is answered.


def test_every_expression_is_answered() -> None:
    rows = [*EXPRESSIONS[::50], *TUNNELS[::6], *(("EN10MB", row) for row in NAMED)]
    for linktype, expression in rows:
        for found in linted(expression, linktype, NAMES):
            assert 0 <= found.span.start < found.span.end <= len(expression)
            about = expression[found.span.start : found.span.end]
            assert about.count("(") == about.count(")"), about


def test_nothing_is_too_deep() -> None:
    assert linted("not (" * 2000 + "arp or udp" + ")" * 2000) == ()
    assert linted("".join(f"(port {n} {'and' if n % 2 else 'or'} " for n in range(1, 200)) + "udp" + ")" * 199)


def test_bad_expressions_are_refused() -> None:
    with pytest.raises(FilterError) as caught:
        linted("tcp prt 80")
    assert caught.value.expression == "tcp prt 80"
    assert caught.value.correction == "tcp port 80"

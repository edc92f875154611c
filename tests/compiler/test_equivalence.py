"""The optimizer changes no verdict on any packet, truncated ones included; what means the same, matches the same.

Proofs; but the random expressions of the last test, and those that z3 cannot tell about, are run on random packets.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cbpf import FilterError, Program
from cbpf.engine import PythonEngine
from tests.expressions import EXPRESSIONS, NAMED, TUNNELS, FixedNames, expressions
from tests.linktypes import ANY_OTHER, KNOWN, THIRDS, some_of
from tests.packets import packets
from tests.shared import Accepted, accepted, needs_corpus
from tests.symbolic import Claim, Undecided, equivalent

from .compiling import NOTHING, optimized, plain

NAMES = FixedNames()

# Ways to say the same, on Ethernet: for every packet, or for those that are long enough for the loads of both.
SYNONYMS = {
    Claim.EVERYWHERE: [
        # qualifiers are inherited
        ("tcp dst port 80 or 443", "tcp dst port 80 or tcp dst port 443"),
        ("port 80 or not 443", "port 80 or not port 443"),
        ("not port 80 or 443", "(not port 80) or port 443"),
        ("tcp port 22 and (udp port 80) or 443", "tcp port 22 and (udp port 80) or tcp port 443"),
        ("port (80 or (443 and not 22))", "port 80 or (port 443 and not port 22)"),
        ("tcp or udp port 80", "tcp or (udp port 80)"),
        ("port 80 or 443 = 443", "port 80 or len = len"),
        # and, or and not
        ("arp or ip and tcp", "(arp or ip) and tcp"),
        ("ip and tcp or arp", "(ip and tcp) or arp"),
        ("not (tcp or arp)", "not tcp and not arp"),
        ("not not not udp", "not udp"),
        # addresses
        ("host 10.0.1", "net 10.0.1.0/24"),
        ("host 0x0a000001", "host 10.0.0.1"),
        ("net 10", "net 10.0.0.0 mask 255.0.0.0"),
        ("net 256", "net 1.0/16"),
        ("net ::/0", "ip6"),
        ("net 0.0.0.0/0", "ip or arp or rarp"),
        ("src host 10.0.0.1", "ip[12:4] = 0x0a000001 or arp src 10.0.0.1 or rarp src 10.0.0.1"),
        ("ether dst 1:2:3:4:5:6", "link[2:4] = 0x03040506 and link[0:2] = 0x0102"),
        ("broadcast", "ether dst ff:ff:ff:ff:ff:ff"),
        ("multicast", "ether[0] & 1 != 0"),
        ("ip multicast", "ip[16] >= 224 and ip[16] < 240"),
        # ports
        ("portrange 80", "port 80"),
        ("portrange 443-80", "portrange 80-443"),
        ("portrange 010-020", "portrange 8-16"),
        ("portrange 0x50-0x60", "portrange 80-96"),
        ("ip and tcp dst port 80", "tcp[2:2] = 80"),
        # protocols
        ("tcp", "ip proto 6 or ip6 proto 6"),
        ("icmp6", "ip6 and (ip6[6] = 58 or (ip6[6] = 44 and ip6[40] = 58))"),
        ("iso proto 0x83", "isis"),
        ("snp", "psnp or csnp"),
        ("llc ui", "llc and link[16] & 0xef = 3"),
        # relations
        ("1 + tcp[0] = 5", "tcp[0] + 1 = 5"),
        ("2 * tcp[0] > 5", "tcp[0] * 2 > 5"),
        ("1 + ip[8] = 65", "ip[8] + 1 = 65"),
        ("0 - ip[0] = 0xffffffbb", "ip[0] = 0x45"),
        ("len / ip[0] = 1", "ip[0] <= len and len < ip[0] * 2 and ip[0] > 0"),
        ("ip[2:2] % 8 = 3", "ip[2:2] & 7 = 3"),
        ("ip[2:2] << 40 - 37 = 80", "ip[2:2] * 8 = 80"),
        ("less 100", "not len > 100"),
        ("greater 100", "not (len < 100)"),
        ("byte 3 & 7", "link[3] & 7 != 0"),
        ("byte 3 | 0", "link[3] != 0"),
        ("tcp[tcpflags] = tcp-syn", "tcp[13] == 2"),
        ("tcp[-1] = 6", "tcp[0xffffffff] = 6"),
        ("ip[-2:2] = 0x800", "ip and link[12:2] = 0x800"),
        # encapsulation
        ("vlan and ip", "(link[12:2] = 0x8100 or link[12:2] = 0x88a8 or link[12:2] = 0x9100) and link[16:2] = 0x800"),
        ("vlan 5 and vlan", "vlan and link[14:2] & 0xfff = 5 and vlan"),
        ("mpls 18", "link[12:2] = 0x8847 and link[14:4] & 0xfffff000 = 0x12000"),
        ("pppoes 7 and ip", "link[12:2] = 0x8864 and link[16:2] = 7 and link[20:2] = 0x21"),
        # what other compilers made of these was something else
        ("1/2=1/3&&1>4/5&&1>6/7", ""),
        ("1 == 1 and 1 << 31 = 0x80000000 and 3 << 31 = 0x80000000", ""),
        ("(1 = 0) || (2147483648 / 4294967295 = 0) and (0 & 4294967295 = 0)", ""),
    ],
    Claim.WHERE_LOADED: [
        ("ip6 dst net fe80::/10", "ip6 and ip6[24:2] & 0xffc0 = 0xfe80"),
        ("ip broadcast", "ip and (ip[19] = 0 or ip[19] = 255)"),
        ("port 80", "tcp port 80 or udp port 80 or sctp port 80"),
        ("udp port 53 or arp or ether multicast or ip", "ip or arp or multicast or udp port 53"),
        ("net fd00::/8 and udp or arp or multicast or ip6", "ip6 or arp or multicast"),
        (
            "(udp port 53 and greater 100) or (icmp and len >= 2048)",
            "(icmp and greater 2048) or udp port 53 and not len < 100",
        ),
        ("(ip proto 6 or greater 100) and ((greater 100 and sctp) and ip)", "ip and ip[9] = 132 and len >= 100"),
        ("(ip host 10.0.0.1 or ether multicast) and (ip proto 6 and ether multicast)", "multicast and ip proto 6"),
        (
            "(port 80 and ((ip proto 6 or arp) or (1 > ether[1:4] or ip6)))",
            "port 80 and (ip proto 6 or 0 = ether[1:4] or ip6)",
        ),
        ("ip broadcast or not ip broadcast", "ip or not ip"),
        ("0 = (0/ip[8]) or arp", "ip[8] > 0 or arp"),
    ],
}

NEVER = [
    "len < 0",
    "ip[0] > 256",
    "ip[0] & 1 = 2",
    "ip[9] = 6 and udp and not ip6",
    "stp and ip",
    "vlan 5 and vlan 6 and link[14:2] & 0xfff = 6",
    "port 80 and not port 80",
    "len > 100 and len < 50",
    "len <= 4294967295 & 2147483647 and len > 2147483647 + 0",
    "host 10.0.0.1 and not ((host 10.0.0.2 or host 10.0.0.3) and icmp) and not (host 10.0.0.3 or host 10.0.0.1)",
    "0 != len and 0 = (0/(len&0))",
]


def _unequal(pairs: list[tuple[str, Program, Program]], claim: Claim = Claim.EVERYWHERE) -> list[str]:
    """Those of pairs of programs of which the claim is not true, with the packets that refute it."""
    found = {name: equivalent(first, second, claim) for name, first, second in pairs}
    return [f"{name!r}: {refuted}" for name, refuted in found.items() if refuted]


@pytest.mark.parametrize("linktype", some_of((*KNOWN, ANY_OTHER)))
@pytest.mark.parametrize("third", THIRDS)
def test_the_table(linktype: str, third: int) -> None:
    rows = [expression for where, expression in EXPRESSIONS + TUNNELS if where == linktype][third::3]
    assert not _unequal([(row, plain(row, linktype), optimized(row, linktype)) for row in rows])


def test_the_table_is_long() -> None:
    assert len({expression for _, expression in EXPRESSIONS + TUNNELS}) > 150


# Divisions by a byte, between other tests of it. libpcap compiles none of these.
DIVISIONS = (
    "not (link[0] = 5 or link[0] = 9 or 8/link[0] = 2)",
    "link[0] != 6 and 8/link[0] != 8 and link[0] != 5",
    "link[0] < 2 and not 8/link[0] = 8",
    "link[0] = 1 or 9 % link[0] = 4 or link[0] = 2 or not link[0] > 3",
)


def test_a_division_by_a_byte_may_fail_where_the_byte_is() -> None:
    assert not _unequal([(row, plain(row, "EN10MB"), optimized(row, "EN10MB")) for row in DIVISIONS])
    for row in DIVISIONS:
        assert PythonEngine(optimized(row, "EN10MB")).run(bytes(60)) == 0


def test_names() -> None:
    rows = [(row, plain(row, "EN10MB", names=NAMES), optimized(row, "EN10MB", names=NAMES)) for row in NAMED]
    assert not _unequal(rows)


@needs_corpus
@pytest.mark.parametrize("linktype", some_of(sorted({row.linktype for row in accepted()})))
def test_the_corpus(linktype: str) -> None:
    rows = [row for row in accepted() if row.linktype == linktype]
    assert not _unequal([(row.expression, _program(row, False), _program(row, True)) for row in rows])


@needs_corpus
def test_all_of_a_group_mean_the_same() -> None:
    first: dict[tuple[str, str], Accepted] = {}
    pairs = []
    for row in accepted():
        head = first.setdefault((row.group, row.linktype), row)
        pairs.append((f"{row.expression} / {head.expression}", _program(row, False), _program(head, False)))
    assert len(pairs) > len(first) + 100
    assert not _unequal(pairs)


def _program(row: Accepted, optimize: bool) -> Program:
    return (optimized if optimize else plain)(row.expression, row.linktype, row.netmask)


@pytest.mark.parametrize("claim", SYNONYMS)
def test_synonyms(claim: Claim) -> None:
    rows = SYNONYMS[claim]
    pairs = [(f"{first} / {second}", plain(first, "EN10MB"), optimized(second, "EN10MB")) for first, second in rows]
    assert not _unequal(pairs, claim)


def test_what_no_packet_can_match() -> None:
    for compiled in (plain, optimized):
        assert not _unequal([(row, compiled(row, "EN10MB"), NOTHING) for row in NEVER])


LONG = {
    "hosts": " or ".join(f"host 10.0.{number // 200}.{number % 200}" for number in range(600)),
    "not hosts": "not (" + " or ".join(f"src host 10.0.0.{number}" for number in range(200)) + ")",
    "ports": "tcp port (" + " or ".join(str(number * 3) for number in range(300)) + ")",
    "networks": " or ".join(f"net 10.{number}.0.0/16 and not port {number}" for number in range(60)),
    "IPv6": " or ".join(f"ip6 host 2001:db8::{number:x}" for number in range(150)),
}


LONGEST = {"hosts", "networks"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONGEST else name for name in LONG]
)
def test_long_chains(name: str) -> None:
    expression = LONG[name]
    assert not _unequal([(name, plain(expression, "EN10MB"), optimized(expression, "EN10MB"))])


@pytest.mark.parametrize("linktype", some_of((*KNOWN, ANY_OTHER)))
def test_random_expressions_are_proved(linktype: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(expressions(linktype))
    def check(expression: str) -> None:
        assume(expression.count("protochain") < 2)  # of which z3 may take minutes
        before, after = _both(expression, linktype)
        try:
            assert equivalent(before, after, timeout=4) is None
        except Undecided:
            _agree_on_packets(before, after, packets(linktype, 1, 100))

    check()


@pytest.mark.parametrize("linktype", some_of((*KNOWN, ANY_OTHER)))
def test_random_expressions_on_random_packets(linktype: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(expressions(linktype, 14), st.integers(0, 999))
    def check(expression: str, seed: int) -> None:
        before, after = _both(expression, linktype)
        _agree_on_packets(before, after, packets(linktype, seed, 40))

    check()


def _agree_on_packets(before: Program, after: Program, tried: list[bytes]) -> None:
    engines = PythonEngine(before), PythonEngine(after)
    for packet in tried:
        for more in (0, 60):
            verdicts = [engine.run(packet, len(packet) + more) for engine in engines]
            assert verdicts[0] == verdicts[1], packet.hex()


def _both(expression: str, linktype: str) -> tuple[Program, Program]:
    """The program before and after optimization; random expressions that are refused are not worth a look."""
    try:
        return plain(expression, linktype), optimized(expression, linktype)
    except FilterError:
        assume(False)
        raise

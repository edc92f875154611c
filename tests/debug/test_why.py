"""Explanations: the clause that is named is the one that failed, in the words of filters, with the traps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf import FilterError
from cbpf.debug.clauses import Clauses
from cbpf.debug.why import Why, why
from cbpf.linktypes import NUMBERS
from tests import libpcap
from tests.expressions import FixedNames, expressions
from tests.oracles import needs_libpcap
from tests.packets import packets as random_packets
from tests.shared import accepted, needs_corpus

from .samples import CAPTURES, packet


def explained(name: str, number: int, expression: str) -> Why:
    each = packet(name, number)
    return why(expression, each.interface.linktype, each.data, each.wirelen)


# Near misses: what fails, and what is said of it. None of these clauses depends on what is around it.
NEAR_MISSES = [
    ("http.pcap", 1, "tcp", ["tcp"], "it is ARP, not IPv4 or IPv6"),
    ("http.pcap", 1, "port 80", ["port 80"], "it is ARP, not IPv4 or IPv6"),
    ("http.pcap", 1, "ip host 192.0.2.10", ["ip host 192.0.2.10"], "it is ARP, not IPv4"),
    ("http.pcap", 1, "host 10.1.1.1", ["host 10.1.1.1"], "sender protocol address is 192.0.2.10"),
    ("http.pcap", 1, "arp and arp[6:2] = 2", ["arp[6:2] = 2"], "`arp[6:2]` is 1 (ARP operation: request)"),
    ("http.pcap", 1, "tcp[13] & 2 != 0", ["tcp[13] & 2 != 0"], "it is ARP, not IPv4"),
    ("http.pcap", 3, "tcp", ["tcp"], "protocol is UDP, not TCP"),
    ("http.pcap", 3, "icmp", ["icmp"], "protocol is UDP, not ICMP"),
    ("http.pcap", 3, "tcp port 53", ["tcp port 53"], "protocol is UDP, not TCP"),
    ("http.pcap", 3, "udp port 80", ["udp port 80"], "source port is 40053, destination port is 53"),
    ("http.pcap", 3, "src port 53", ["src port 53"], "failed: source port is 40053"),
    ("http.pcap", 3, "udp and portrange 54-60", ["portrange 54-60"], "source port is 40053, destination port is 53"),
    ("http.pcap", 3, "udp and host 10.0.0.1", ["host 10.0.0.1"], "source address is 192.0.2.10"),
    ("http.pcap", 3, "net 10.0.0.0/8 and udp", ["net 10.0.0.0/8"], "destination address is 192.0.2.53"),
    ("http.pcap", 3, "ip6", ["ip6"], "it is IPv4, not IPv6"),
    ("http.pcap", 3, "ip6 or arp", ["ip6", "arp"], "neither `ip6`"),
    ("http.pcap", 3, "port 80 or port 443", ["port 80", "port 443"], "neither `port 80` nor `port 443` holds: source"),
    ("http.pcap", 3, "tcp or icmp or arp", ["tcp", "icmp", "arp"], "none of `tcp`"),
    ("http.pcap", 3, "not port 53", ["port 53"], "`port 53` holds, which `not` excludes: destination port is 53"),
    ("http.pcap", 3, "not (udp and port 53)", ["udp", "port 53"], "which `not` excludes"),
    ("http.pcap", 3, "not (arp or udp)", ["udp"], "`udp` holds, which `not` excludes: protocol is UDP"),
    ("http.pcap", 3, "udp and (port 80 or port 81)", ["port 80", "port 81"], "source port is 40053"),
    ("http.pcap", 3, "ip[8] < 5", ["ip[8] < 5"], "`ip[8]` is 64 (0x40) (IPv4 time to live)"),
    ("http.pcap", 3, "udp[4:2] > 1000", ["udp[4:2] > 1000"], "(UDP length)"),
    ("http.pcap", 3, "len > 500", ["len > 500"], "`len` is 75"),
    ("http.pcap", 3, "greater 500", ["greater 500"], "the packet has 75 bytes on the wire"),
    ("http.pcap", 3, "less 20", ["less 20"], "75 bytes"),
    ("http.pcap", 3, "ether broadcast", ["ether broadcast"], "destination MAC address is 02:00:00:00:00:02"),
    ("http.pcap", 3, "ether multicast", ["ether multicast"], "destination MAC address is 02:00:00:00:00:02"),
    ("http.pcap", 3, "ether src 2:2:2:2:2:2", ["ether src 2:2:2:2:2:2"], "source MAC address is 02:00:00:00:00:01"),
    ("http.pcap", 3, "ip multicast", ["ip multicast"], "destination address is 192.0.2.53"),
    ("http.pcap", 3, "ether proto 0x88cc", ["ether proto 0x88cc"], "it is IPv4, not LLDP"),
    ("http.pcap", 3, "ip proto 89", ["ip proto 89"], "protocol is UDP, not OSPF"),
    ("http.pcap", 3, "byte 0 = 1", ["byte 0 = 1"], "destination MAC address is 02:00:00:00:00:02"),
    ("tls.pcap", 1, "port 80", ["port 80"], "source port is 51002, destination port is 443"),
    ("tls.pcap", 1, "tcp[13] & 16 != 0", ["tcp[13] & 16 != 0"], "`tcp[13] & 16` is 0 (TCP flags: SYN)"),
    ("tls.pcap", 3, "tcp[tcpflags] = tcp-syn", ["tcp[tcpflags] = tcp-syn"], "(TCP flags: ACK)"),
    ("ipv6.pcap", 1, "port 80", ["port 80"], "destination port is 443"),
    ("ipv6.pcap", 1, "udp", ["udp"], "next header is TCP, not UDP"),
    ("ipv6.pcap", 1, "host fe80::1", ["host fe80::1"], "source address is 2001:db8::10"),
    ("icmpv6.pcap", 1, "icmp6 and icmp6[0] = 135", ["icmp6[0] = 135"], "(ICMPv6 type: "),
    ("fragments.pcap", 2, "udp port 53", ["udp port 53"], "it is a later fragment, from byte 304 on"),
    ("llc.pcap", 1, "ip", ["ip"], "it is spanning tree, not IPv4"),
    ("null.pcap", 1, "ip6", ["ip6"], "it is IPv4, not IPv6"),
    ("raw.pcap", 1, "ip6", ["ip6"], "it is IPv4, not IPv6"),
    ("cooked.pcap", 1, "udp", ["udp"], "protocol is TCP, not UDP"),
    ("sctp.pcap", 1, "tcp", ["tcp"], "protocol is SCTP, not TCP"),
    ("vlan.pcap", 1, "tcp", ["tcp"], "it is VLAN-tagged, not IPv4 or IPv6"),
    ("mpls.pcap", 1, "mpls 5", ["mpls 5"], "it has label 100"),
    ("vlan.pcap", 1, "vlan 5", ["vlan 5"], "it is VLAN 100"),
    ("vxlan.pcap", 1, "vxlan 7", ["vxlan 7"], "network identifier is 42"),
]


@pytest.mark.parametrize(("name", "number", "expression", "failing", "said"), NEAR_MISSES)
def test_near_misses(name: str, number: int, expression: str, failing: list[str], said: str) -> None:
    found = explained(name, number, expression)
    assert not found.matched
    assert [clause.text for clause in found.clauses] == failing
    assert said in found.text, found.text
    assert all(clause.holds is clause.negated for clause in found.clauses)


# vxlan is unknown to older libpcaps.
@needs_libpcap
@pytest.mark.parametrize(
    ("name", "number", "expression", "failing"), [row[:4] for row in NEAR_MISSES if "vxlan" not in row[2]]
)
def test_near_misses_by_libpcap(name: str, number: int, expression: str, failing: list[str]) -> None:
    found = explained(name, number, expression)
    assert not libpcap.matches(CAPTURES / name, expression)[number - 1]
    for clause in found.clauses:
        assert libpcap.matches(CAPTURES / name, clause.text)[number - 1] == clause.holds


@pytest.mark.parametrize(
    ("name", "number", "expression", "deciding", "said"),
    [
        ("http.pcap", 3, "port 53", ["port 53"], "matched: `port 53` holds: destination port is 53"),
        ("http.pcap", 3, "arp or udp or port 53", ["udp"], "`udp` holds: protocol is UDP"),
        ("http.pcap", 3, "ip and udp", ["ip", "udp"], "`ip` (it is IPv4) and `udp` (protocol is UDP) hold"),
        ("http.pcap", 3, "not tcp", ["tcp"], "`tcp` does not hold, as `not` wants it: protocol is UDP, not TCP"),
        ("http.pcap", 3, "not (tcp and port 53)", ["tcp"], "as `not` wants it"),
        ("http.pcap", 3, "", [], "an empty expression matches every packet"),
        ("ipv6.pcap", 1, "net 2001:db8::/32", ["net 2001:db8::/32"], "source address is 2001:db8::10"),
        ("cooked.pcap", 1, "inbound", ["inbound"], "packet type is to us"),
    ],
)
def test_matches(name: str, number: int, expression: str, deciding: list[str], said: str) -> None:
    found = explained(name, number, expression)
    assert found.matched
    assert [clause.text for clause in found.clauses] == deciding
    assert said in found.text, found.text


@pytest.mark.parametrize(
    ("name", "number", "expression", "note"),
    [
        ("http.pcap", 19, "tcp[13] & 2 != 0", "`tcp[...]` sees IPv4 only"),
        ("http.pcap", 19, "ip6 and tcp[tcpflags] & tcp-syn != 0", "`tcp[...]` sees IPv4 only"),
        ("ipv6.pcap", 1, "udp[0:2] = 53", "`udp[...]` sees IPv4 only"),
        ("fragments.pcap", 2, "port 53", "only the first fragment of a packet has its ports"),
        ("fragments.pcap", 2, "udp[0:2] = 53", "only the first fragment of a packet has its transport header"),
        ("ipv6-extensions.pcap", 1, "tcp port 80", "an IPv6 hop-by-hop header comes first"),
        ("ipv6-extensions.pcap", 2, "tcp", "an IPv6 destination header comes first"),
        ("vlan.pcap", 1, "tcp port 80", "a VLAN tag is in front of it: `vlan and ...` looks behind that"),
        ("mpls.pcap", 1, "tcp", "an MPLS label is in front of it: `mpls and ...` looks behind that"),
        ("http.pcap", 3, "vlan or udp port 53", "`vlan` moves where all behind it looks by 4 bytes"),
        ("http.pcap", 3, "vlan or udp port 53", "in front of `vlan`, or without it, `udp port 53` would hold"),
        ("vlan.pcap", 1, "vlan 2 or vlan 100", "the packet has only 1 VLAN tag"),
        ("vlan.pcap", 1, "vlan 2 or vlan 100", "in front of `vlan`, or without it, `vlan 100` would hold"),
    ],
)
def test_the_classical_traps(name: str, number: int, expression: str, note: str) -> None:
    found = explained(name, number, expression)
    assert not found.matched
    assert note in [note for clause in found.clauses for note in clause.notes] or any(
        each.startswith(note) or note in each for clause in found.clauses for each in clause.notes
    )
    assert note[:1].upper() + note[1:] in found.text or note in found.text


@pytest.mark.parametrize("expression", ["tcp port 80", "udp", "arp", "host 10.0.0.1", "vlan and udp", "not tcp"])
def test_no_trap_is_sprung_without_reason(expression: str) -> None:
    found = explained("http.pcap", 3, expression)
    assert not [note for clause in found.clauses for note in clause.notes]


def test_what_a_truncated_packet_lacks() -> None:
    found = explained("truncated.pcap", 35, "tcp port 80")
    captured = "the packet has 34 captured bytes of 59"
    assert found.text == f"did not match: {captured}, and `tcp port 80` needs the TCP source port at bytes 34-35"
    assert found.missing == (34, 2, "TCP source port")
    assert found.clauses[0].holds is None
    radiotap = why("type mgt", NUMBERS["IEEE802_11_RADIO"], b"\0\0")
    assert "needs the radiotap length, little-endian" in radiotap.text


def test_a_division_by_zero() -> None:
    found = explained("http.pcap", 3, "1 / (ip[8] - ip[8]) = 1 or udp")
    assert "divides by zero" in found.text
    assert not found.matched


def test_a_foreign_packet() -> None:
    # a PPI header around something else than 802.11
    found = why("type mgt", NUMBERS["PPI"], b"\0\0\x08\0\x01\0\0\0" + bytes(60))
    assert not found.matched
    assert found.clauses == ()


def test_thousands_of_clauses_are_counted() -> None:
    expression = " or ".join(f"host 10.0.{number // 250}.{number % 250}" for number in range(800))
    found = explained("http.pcap", 3, expression)
    assert len(found.clauses) == 800
    assert "and 796 more holds" in found.text
    assert len(found.text) < 300


def test_what_no_packet_matches_is_explained() -> None:
    # cbpf.compile refuses this one
    assert "sees IPv4 only" in explained("ipv6.pcap", 1, "ip6 and tcp[13] = 2").text


def test_clauses_can_be_asked_again() -> None:
    clauses = Clauses("udp port 53", 1)
    each = packet("http.pcap", 3)
    assert why(clauses, 1, each.data) == why("udp port 53", 1, each.data)


@needs_corpus
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 4))])
def test_the_whole_corpus_is_explained(part: int) -> None:
    for seed, row in enumerate(accepted()[part::4]):
        netmask = None if row.netmask is None else int.from_bytes(bytes(map(int, row.netmask.split("."))))
        clauses = Clauses(row.expression, NUMBERS[row.linktype], netmask=netmask)
        for octets in random_packets(row.linktype, seed, 4):
            found = why(clauses, NUMBERS[row.linktype], octets)
            assert found.text.startswith("matched: " if found.matched else "did not match: ")
            assert found.text.isprintable()


@pytest.mark.parametrize("linktype", ["EN10MB", "LINUX_SLL", "IEEE802_11_RADIO", "PPP", "MTP2", "SUNATM"])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_anything_is_explained(linktype: str, data: st.DataObject) -> None:
    try:
        clauses = Clauses(data.draw(expressions(linktype)), NUMBERS[linktype], names=FixedNames(), netmask=0xFFFFFF00)
    except FilterError:
        return
    for octets in random_packets(linktype, data.draw(st.integers(0, 1000)), 4):
        found = why(clauses, NUMBERS[linktype], octets)
        verdict = clauses.ask(octets)
        assert found.matched == verdict.matched
        for clause in found.clauses:
            if clause.holds is not None:
                assert clause.holds is (found.matched is not clause.negated)
                assert clause.facts

"""Meanings in English: they have the structure of the expression, and everything that is in it."""

from __future__ import annotations

import re

import pytest

from cbpf.debug.english import Meaning, meaning, sentences
from cbpf.debug.subject import read
from cbpf.language.parser import parse
from cbpf.language.syntax import And, Expression, Not, Or
from cbpf.linktypes import linktype_number
from tests.expressions import EXPRESSIONS, TUNNELS
from tests.shared import accepted, needs_corpus

MASK = 0xFFFFFF00
NUMBER = re.compile(r"(?<![\w.:])(?:0x[0-9a-f]+|\d+)(?![\w.:/-])")


def said(expression: str, linktype: str = "EN10MB") -> Meaning | None:
    return meaning(read(expression, linktype_number(linktype), netmask=MASK))


def english(expression: str, linktype: str = "EN10MB") -> list[str]:
    return sentences(said(expression, linktype))


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        ("", "Matches every packet."),
        ("tcp", "Matches TCP over IPv4 or IPv6."),
        ("port 80", "Matches TCP, UDP or SCTP over IPv4 or IPv6, from or to port 80."),
        ("tcp src portrange 1-1023", "Matches TCP over IPv4 or IPv6, from a port of 1 to 1023."),
        ("not port 22", "Matches anything but TCP, UDP or SCTP over IPv4 or IPv6, from or to port 22."),
        ("dst host 10.0.0.1", "Matches IPv4, ARP or RARP to host 10.0.0.1."),
        ("src and dst net 10.0.0.0/8", "Matches IPv4, ARP or RARP both from and to the network 10.0.0.0/8."),
        ("ip6 src 2001:db8::1", "Matches IPv6 from host 2001:db8::1."),
        ("vlan 7 and arp", "Matches packets in VLAN 7; and ARP."),
        ("less 100 or udp", "Matches packets of at most 100 bytes; or UDP over IPv4 or IPv6."),
        ("tcp[tcpflags] & tcp-syn != 0", "Matches TCP over IPv4 with the flag SYN set."),
        ("tcp[13] & (tcp-syn|tcp-fin) != 0", "Matches TCP over IPv4 with any of the flags FIN, SYN set."),
        ("tcp[13] & 18 = 2", "Matches TCP over IPv4 with SYN set and ACK clear."),
        ("tcp[13] & 18 = 18", "Matches TCP over IPv4 with all of the flags SYN, ACK set."),
        ("tcp[13] & 3 = 0", "Matches TCP over IPv4 with none of the flags FIN, SYN set."),
        ("tcp[13] = 2", "Matches TCP over IPv4 with exactly the flags SYN set, and no others."),
        ("icmp[0] = 8", "Matches ICMP over IPv4 with ICMP type equal to 8 (icmp-echo)."),
        ("ip[8] < 5", "Matches IPv4 with TTL below 5."),
        ("ether[0] & 1 = 0", "Matches packets with (ether[0] & 1) equal to 0."),
        ("ether proto 0x88cc", "Matches frames that carry protocol 0x88cc."),
        ("proto 47", "Matches IP protocol 47 (GRE) over IPv4 or IPv6."),
    ],
)
def test_sentences(expression: str, line: str) -> None:
    assert english(expression) == [line]


def test_lists_are_nested_as_the_expression_is() -> None:
    assert english("tcp and (port 80 or not (host 10.0.0.1 or arp)) and not udp") == [
        "Matches what is all of these:",
        "  - TCP over IPv4 or IPv6",
        "  - what is any of these:",
        "    - TCP, UDP or SCTP over IPv4 or IPv6, from or to port 80",
        "    - what is none of these:",
        "      - IPv4, ARP or RARP from or to host 10.0.0.1",
        "      - ARP",
        "  - anything but UDP over IPv4 or IPv6",
    ]


KINDS: dict[type[object], str] = {And: "all", Or: "any", Not: "none"}


def structure(tree: Expression) -> object:
    match tree:
        case And(span, operands) | Or(span, operands):
            return KINDS[type(tree)], span, [structure(each) for each in operands]
        case Not(span, operand):
            return "none", span, [structure(operand)]
    return "", tree.span, []


def structure_said(part: Meaning) -> object:
    return part.joint, part.span, [structure_said(each) for each in part.parts]


def test_the_structure_is_that_of_the_tree() -> None:
    for linktype, expression in (EXPRESSIONS + TUNNELS)[::4]:
        tree, found = parse(expression), said(expression, linktype)
        assert (tree is None) == (found is None)
        if tree is not None and found is not None:
            assert structure_said(found) == structure(tree), expression


@needs_corpus
def test_every_number_is_said() -> None:
    """But for those that have a name, or that are part of an address or of arithmetic."""
    for row in accepted():
        if "[" in row.expression or "type" in row.expression or "portrange" in row.expression:
            continue
        words = " ".join(english(row.expression, row.linktype)).rstrip(".")
        values = {int(number, 0) for number in NUMBER.findall(words)}
        for number in NUMBER.findall(row.expression):
            if number.startswith("0") and not number.startswith("0x"):
                continue
            value = int(number, 0)
            as_address = ".".join(map(str, value.to_bytes(4)))
            assert value in values or as_address in words or f"network {value}." in words, (row.expression, words)


def test_nothing_is_too_deep() -> None:
    deep = "not (" * 2000 + "arp or udp" + ")" * 2000
    assert len(english(deep)) >= 1
    assert len(english("tcp" + "".join(f" {'and' if n % 2 else 'or'} port {n}" for n in range(500)))) > 500

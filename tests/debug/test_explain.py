"""Explanations: where an expression looks is where tcpdump's program looks; trees have the text that was written."""

from __future__ import annotations

import re
import subprocess

import pytest

from cbpf import FilterError
from cbpf.debug.explain import Explanation, Node, explain, notes
from cbpf.debug.layout import laid_out
from cbpf.errors import Span
from cbpf.linktypes import linktype_number
from tests.compiler.compiling import plain
from tests.expressions import EXPRESSIONS, TUNNELS
from tests.oracles import needs_tcpdump
from tests.shared import accepted, needs_corpus, refused

MASK = 0xFFFFFF00


def explained(expression: str, linktype: str = "EN10MB") -> Explanation:
    return explain(expression, linktype_number(linktype), netmask=MASK)


def loads(expression: str, linktype: str) -> list[int]:
    """The offsets that tcpdump's program loads from, in the order they are written there."""
    command = ["tcpdump", "-O", "-d", "-y", linktype, expression]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [int(number) for number in re.findall(r"ld[hb]?\s+\[(\d+)\]", listing)]


FIXED = ["EN10MB", "LINUX_SLL", "LINUX_SLL2", "PPP", "C_HDLC", "RAW", "NULL", "FDDI", "IEEE802", "SUNATM", "IPV4"]


@needs_tcpdump
@pytest.mark.parametrize("linktype", FIXED)
def test_the_network_header_is_where_tcpdump_finds_it(linktype: str) -> None:
    link = explained("ip src host 10.0.0.1", linktype).link
    assert link.network is not None
    assert link.network.behind is None
    assert loads("ip src host 10.0.0.1", linktype)[-1] == link.network.offset + 12


@needs_tcpdump
@pytest.mark.parametrize("linktype", ["EN10MB", "LINUX_SLL", "LINUX_SLL2", "PPP", "C_HDLC", "RAW", "NULL"])
def test_the_protocol_is_where_tcpdump_finds_it(linktype: str) -> None:
    link = explained("ip", linktype).link
    assert link.protocol is not None
    assert loads("ip", linktype)[0] == link.protocol.offset


@needs_tcpdump
@pytest.mark.parametrize(
    "keywords",
    ["vlan", "vlan 5", "vlan and vlan", "mpls", "mpls and mpls", "vlan and mpls", "pppoes", "vlan and pppoes"],
)
def test_encapsulation_moves_what_follows(keywords: str) -> None:
    found = explained(f"{keywords} and ip src host 10.0.0.1")
    last = found.shifts[-1].after
    assert last.network is not None
    assert loads(f"{keywords} and ip src host 10.0.0.1", "EN10MB")[-1] == last.network.offset + 12
    assert all(shift.always for shift in found.shifts)
    assert found.link.network is not None
    assert sum(shift.moved or 0 for shift in found.shifts) == last.network.offset - found.link.network.offset


def test_what_is_moved_is_what_is_written_after() -> None:
    expression = "ip and vlan 7 and (udp or vxlan and arp)"
    vlan, vxlan = explained(expression).shifts
    assert [text(expression, span) for span in vlan.affected] == ["udp", "vxlan", "arp"]
    assert [text(expression, span) for span in vxlan.affected] == ["arp"]
    assert (vlan.moved, vlan.always) == (4, True)
    assert (vxlan.moved, vxlan.always) == (None, False)
    assert vxlan.after.network is not None
    assert vxlan.after.network.behind == "the VXLAN header"
    assert not explained("ip and udp").shifts


def text(expression: str, span: Span) -> str:
    return expression[span.start : span.end]


def test_trees_have_the_text_that_was_written() -> None:
    for linktype, expression in (EXPRESSIONS + TUNNELS)[::4]:
        pending = [node for node in [explained(expression, linktype).tree] if node]
        while pending:
            node = pending.pop()
            assert (node.kind == "primitive") == (not node.operands)
            if node.kind != "primitive":
                assert node.text == " ".join(text(expression, node.span).split())
            pending.extend(node.operands)


def test_inherited_qualifiers_are_in_the_tree() -> None:
    assert explained("tcp dst port 80 or not 443").tree == Node(
        "or",
        Span(0, 26),
        "tcp dst port 80 or not 443",
        (
            Node("primitive", Span(0, 15), "tcp dst port 80"),
            Node("not", Span(23, 26), "443", (Node("primitive", Span(23, 26), "tcp dst port 443"),)),
        ),
    )


def test_notes_come_once() -> None:
    found = notes(explained("port 80 or port 443 or udp port 53").meaning)
    assert len(found) == len(set(found)) == 2


@needs_corpus
def test_the_corpus_is_explained() -> None:
    for row in accepted():
        netmask = None if row.netmask is None else int.from_bytes(bytes(map(int, row.netmask.split("."))))
        found = explain(row.expression, linktype_number(row.linktype), netmask=netmask)
        assert found.english


@needs_corpus
def test_what_does_not_compile_is_refused_in_the_same_way() -> None:
    for row in refused()[::10]:
        if row.reason == "matches-nothing":
            assert explained(row.expression, row.linktype).english
        else:
            with pytest.raises(FilterError) as caught:
                explain(row.expression, linktype_number(row.linktype))
            assert caught.value.expression == row.expression


@pytest.mark.parametrize(
    "expression", ["port 80", "vlan 5 and (udp port 53 or vxlan and ip6) and not host 10.1.2.3", "", "arp"]
)
def test_layout_changes_blanks_only(expression: str) -> None:
    form = explained(expression).qualified
    lines = laid_out(form)
    assert "".join("\n".join(lines).split()) == "".join(form.split())
    assert all(len(line) < 120 for line in lines)
    assert plain("\n".join(lines), "EN10MB") == plain(form, "EN10MB")

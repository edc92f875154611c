"""Expressions that must compile, and what those match that other compilers got wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cbpf import Program
from cbpf.engine import PythonEngine
from cbpf.machine import verify
from tests.shared import accepted, miscompiled, miscompiled_packets, needs_corpus

from .compiling import optimized, plain

# The table has what libpcap's development version makes of these without optimization, which forgets that the right
# operand of an operator implies IPv4, and TCP: only these match.
CORRECTED = {
    "0 = (0/ip[8]) or arp": "ip4tcp80syn ip4tcp443ack ip4udp53 ip4icmp ip4frag2 ip4frag1 ip4opts ip4sctp igmp arp "
    "vxlan_ip4tcp vxlan_arp geneve_ip4icmp",
    "2 * tcp[0] > 5": "ip4tcp80syn",
}


@needs_corpus
def test_the_corpus_compiles() -> None:
    rows = accepted()
    assert len({row.linktype for row in rows}) > 30
    for row in rows:
        verify(plain(row.expression, row.linktype, row.netmask))
        verify(optimized(row.expression, row.linktype, row.netmask))


@needs_corpus
@pytest.mark.parametrize("compiled", [plain, optimized], ids=["plain", "optimized"])
def test_what_others_compile_wrong(compiled: Callable[[str, str], Program]) -> None:
    packets = miscompiled_packets()
    rows = miscompiled()
    assert len(rows) > 30
    for row in rows:
        engine = PythonEngine(compiled(row.expression, "EN10MB"))
        found = {name for name, packet in packets.items() if engine.run(packet + bytes(row.padding))}
        right = CORRECTED.get(row.expression)
        assert found == (row.matches if right is None else set(right.split())), row

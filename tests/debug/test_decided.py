"""Clauses that are settled: how each came out is what it says when it is compiled alone; and they stay settled."""

from __future__ import annotations

import pytest

import cbpf
from cbpf.debug.clauses import Clauses
from cbpf.debug.decided import settled
from cbpf.engine import run, steps

from .samples import packets

EXPRESSIONS = [
    "tcp port 80 or udp port 53",
    "ip and (tcp or udp) and not src host 192.0.2.10",
    "ip[8] > 63 and tcp",
    "not (arp or icmp) and len > 100",
    "host 192.0.2.53 or tcp[13] & 2 != 0 or ip6",
    "tcp port 80 or udp port 80 or udp port 53",
]


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize(
    "name", ["http.pcap", pytest.param("ipv6-extensions.pcap", marks=pytest.mark.slow), "truncated.pcap"]
)
def test_settled_clauses_are_right_and_stay(name: str, expression: str, optimize: bool) -> None:
    program = cbpf.compile(expression, optimize=optimize).program
    clauses = Clauses(expression, 1)
    for packet in packets(name):
        made = list(steps(program, packet.data, packet.wirelen))
        way: list[int | None] = [step.pc for step in made]
        before: set[tuple[tuple[int, int], bool]] = set()
        for done in range(len(made) + 1):
            come_to = [*way, None][: done + 1]
            found = settled(clauses, program, come_to, packet.data, packet.wirelen)
            assert before <= set(found)
            before = set(found)
            if not done:
                assert all(span not in program.spans[made[0].pc] for span, _ in found)
            for (start, end), holds in found:
                alone = cbpf.compile(expression[start:end], optimize=False).program
                assert (run(alone, packet.data, packet.wirelen) > 0) == holds
        asked = {clause.span for clause in clauses.ask(packet.data, packet.wirelen).asked if clause.holds is not None}
        assert {span for span, _ in before} == asked


def test_without_spans_nothing_is_settled_before_the_verdict() -> None:
    expression = "tcp port 80 or udp port 53"
    bare = cbpf.machine.Program(list(cbpf.compile(expression).program))
    packet = packets("http.pcap")[6]
    clauses = Clauses(expression, 1)
    way: list[int | None] = [step.pc for step in steps(bare, packet.data, packet.wirelen)]
    assert settled(clauses, bare, way, packet.data, packet.wirelen) == ()
    assert settled(clauses, bare, [*way, None], packet.data, packet.wirelen) != ()

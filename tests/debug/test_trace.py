"""Traces: the interpreter's own way and verdict, the bytes as they are, and the clause an instruction came from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError, ProgramError
from cbpf.debug.listing import render, verdict
from cbpf.debug.trace import Trace, branches, trace
from cbpf.engine import run, steps
from cbpf.linktypes import NUMBERS
from cbpf.machine import Program, assemble
from cbpf.machine import opcodes as op
from tests import libpcap
from tests.expressions import FixedNames, expressions
from tests.oracles import libpcap_verdict, needs_libpcap
from tests.packets import packets as random_packets
from tests.programs import packets as any_packets
from tests.programs import valid_programs

from .samples import CAPTURES, READABLE, packet, packets


def assert_true(found: Trace, program: Program, octets: bytes) -> None:
    """The trace is the way that the interpreter goes, and what it says of bytes and jumps is so."""
    made = list(steps(program, octets, found.wirelen))
    assert [executed.pc for executed in found.executed] == [step.pc for step in made]
    assert [executed.after for executed in found.executed] == [step.after for step in made]
    assert found.verdict == run(program, octets, found.wirelen) == made[-1].verdict
    for executed in found.executed:
        read = executed.read
        if read is not None and read.value is not None:
            assert int.from_bytes(octets[read.offset : read.offset + read.size]) == read.value
        if read is not None and read.value is None:
            assert executed is found.executed[-1]
            assert read.offset + read.size > len(octets)
        if executed.taken is not None and executed.target is not None:
            jump = executed.instruction
            assert branches(jump)
            assert executed.target == executed.pc + 1 + (jump.jt if executed.taken else jump.jf)
    for color in (False, True):
        assert render(found, octets, color=color).endswith("\n")


@given(valid_programs, any_packets)
@settings(max_examples=150, deadline=None)
def test_any_program_is_followed(program: Program, octets: bytes) -> None:
    assert_true(trace(program, octets), program, octets)


@given(data=st.data(), optimize=st.booleans(), linktype=st.sampled_from(["EN10MB", "NULL", "IEEE802_11_RADIO"]))
@settings(max_examples=30, deadline=None)
def test_expressions_are_followed(data: st.DataObject, optimize: bool, linktype: str) -> None:
    expression = data.draw(expressions(linktype))
    try:
        program = cbpf.compile(expression, linktype, optimize=optimize, names=FixedNames()).program
    except FilterError:
        return
    for octets in random_packets(linktype, data.draw(st.integers(0, 1000)), 4):
        found = trace(program, octets)
        assert_true(found, program, octets)
        for executed in found.executed:
            for (start, end), text in executed.clauses:
                assert " ".join(expression[start:end].split()) == text


@needs_libpcap
@pytest.mark.parametrize("name", [name for name in READABLE if not name.startswith("truncated")])
def test_programs_of_others_are_followed_too(name: str) -> None:
    linktype = packets(name)[0].interface.linktype
    program = libpcap.compile_expression("tcp port 80 or udp or ip6", str(linktype))
    for each in packets(name):
        found = trace(program, each.data, each.wirelen, linktype=linktype)
        assert found.verdict == libpcap_verdict(program, each.data, each.wirelen)
        assert not any(executed.clauses for executed in found.executed)


def _names(found: Trace) -> list[str]:
    return list(dict.fromkeys(executed.read.name for executed in found.executed if executed.read is not None))


@pytest.mark.parametrize(
    ("name", "number", "expression", "fields"),
    [
        (
            "http.pcap",
            7,
            "tcp port 80",
            [
                "EtherType",
                "IPv4 protocol",
                "IPv4 version and header length",
                "TCP source port",
                "TCP destination port",
                "IPv4 fragment offset and flags",
            ],
        ),
        ("http.pcap", 1, "arp net 10", ["EtherType", "ARP sender protocol address", "ARP target protocol address"]),
        ("ipv6.pcap", 1, "dst port 443", ["IPv6 next header", "TCP destination port"]),
        ("vlan.pcap", 1, "vlan and ip", ["EtherType", "VLAN EtherType"]),
        ("mpls.pcap", 1, "mpls 100", ["EtherType", "MPLS label"]),
        ("null.pcap", 1, "tcp", ["address family", "IPv4 protocol"]),
        (
            "http.pcap",
            1,
            "ether host 1:2:3:4:5:6",
            ["source MAC address, bytes 2-5", "destination MAC address, bytes 2-5"],
        ),
    ],
)
def test_fields_have_their_names(name: str, number: int, expression: str, fields: list[str]) -> None:
    each = packet(name, number)
    program = cbpf.compile(expression, each.interface.linktype).program
    assert sorted(_names(trace(program, each.data, each.wirelen))) == sorted(fields)


def test_what_fell_off_the_end() -> None:
    each = packet("truncated.pcap", 36)
    found = trace(cbpf.compile("tcp port 80").program, each.data, each.wirelen)
    assert found.verdict == 0
    assert found.decided == len(found.executed) - 1
    read = found.executed[-1].read
    assert read is not None
    assert (read.offset, read.size, read.name, read.value) == (34, 2, "TCP source port", None)
    assert "bytes 34-35 are not within the 35 captured bytes" in verdict(found)


def test_what_decided() -> None:
    found = trace(cbpf.compile("ip and tcp dst port 80", optimize=False).program, packet("http.pcap", 3).data)
    assert [part.text for part in found.clauses] == ["tcp dst port 80"]
    assert found.read is not None
    assert found.read.name == "IPv4 protocol"
    assert trace(Program([(op.RET | op.K, 0, 0, 7)]), b"").decided is None


def test_a_division_by_zero_is_told() -> None:
    program = assemble("ldx #0\nld #1\ndiv x\nret a\n")
    assert "division by zero" in verdict(trace(program, b""))


def test_programs_that_jump_back_end_some_time() -> None:
    endless = Program([(op.JMP | op.JA, 0, 0, 0xFFFFFFFF), (op.RET | op.K, 0, 0, 0)])
    with pytest.raises(ProgramError, match="more than"):
        trace(endless, b"")


def test_linktypes_of_programs_and_packets() -> None:
    program = cbpf.compile("ip6", "RAW").program
    assert trace(program, packet("raw.pcap", 3).data).linktype == NUMBERS["RAW"]
    assert (CAPTURES / "raw.pcap").exists()


def test_the_bytes_that_were_read_are_marked() -> None:
    each = packet("http.pcap", 1)
    text = render(trace(cbpf.compile("ip").program, each.data), each.data, color=False)
    lines = text.splitlines()
    row = next(index for index, line in enumerate(lines) if line.startswith("0000  "))
    marked = [lines[row][at : at + 2] for at in range(0, len(lines[row + 1]), 1) if lines[row + 1][at : at + 2] == "^^"]
    assert marked == ["08", "06"]
    assert "bytes 12-13  EtherType = ARP" in lines
    assert "\x1b[" not in text
    assert "\x1b[" in render(trace(cbpf.compile("ip").program, each.data), each.data, color=True)

"""The interpreter against libpcap's, on programs both verifiers accept: on others libpcap may end the process."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbpf.engine import run
from cbpf.machine import Program, assemble, read_program, verify
from tests.oracles import libpcap_verdict, needs_libpcap, needs_tcpdump, tcpdump
from tests.programs import THOROUGH, packets, valid_programs

pytestmark = needs_libpcap

PACKET = bytes(range(1, 61))


@given(valid_programs, st.lists(packets, min_size=8, max_size=8), st.integers(0, 2000))
@THOROUGH
def test_random_programs(program: Program, captured: list[bytes], more: int) -> None:
    for packet in captured:
        wirelen = len(packet) + more
        assert run(program, packet, wirelen) == libpcap_verdict(program, packet, wirelen)


@pytest.mark.parametrize(
    "text",
    [
        "ld #1\n ldx #32\n lsh x",
        "ld #1\n ldx #31\n lsh x",
        "ld #-1\n ldx #32\n rsh x",
        "ld #-1\n ldx #-1\n rsh x",
        "ldx #-1\n ldb [x + 1]",
        "ldx #1\n ldb [x + 0xffffffff]",
        "ldx #0x80000000\n ldb [x + 0x80000000]",
        "ld [56]",
        "ld [57]",
        "ldh [58]",
        "ldh [59]",
        "ldb [60]",
        "ldx #57\n ld [x + 0]",
        "ldx 4*([59]&0xf)\n txa",
        "ldx 4*([60]&0xf)\n ld #1",
        "ldx 4*([0xffffffff]&0xf)\n ld #1",
        "ldb [0xfff00004]",
        "ld #10\n ldx #3\n ld xor_x",
        "ldb vlan_avail\n add #1",
        "ldb vlan_tci\n add #1",
        "ld proto\n add #1",
        "ld #5\n ldx #0\n div x\n ld #3",
        "ld #5\n ldx #0\n mod x\n ld #3",
        "ld #0x80000000\n neg",
        "ld len",
        "ldx len\n txa",
    ],
)
def test_corners(text: str) -> None:
    program = assemble(text + "\n ret a")
    verify(program)
    assert run(program, PACKET, 1500) == libpcap_verdict(program, PACKET, 1500)


@cache
def protochain() -> Program:
    return read_program(tcpdump("-y", "RAW", "-ddd", "ip6 protochain 6"))


# No authentication header, 51: what libpcap 1.10.3 compiles for it can jump back within the packet, for ever.
@needs_tcpdump
@given(st.lists(st.sampled_from([0, 43, 60, 44, 6, 1]), min_size=1, max_size=6), st.integers(0, 60))
def test_protochain_jumps_back(headers: list[int], cut: int) -> None:
    chain = b"".join(bytes([following, 0, *[0] * 6]) for following in headers[1:])
    packet = bytes([0x60, 0, 0, 0, 0, 0, headers[0], 64, *[0] * 32]) + chain + bytes(8)
    packet = packet[: len(packet) - cut]
    assert run(protochain(), packet) == libpcap_verdict(protochain(), packet, len(packet))

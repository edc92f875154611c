"""The interpreter against the running Linux kernel, which keeps what the verdict says, of the packet at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbpf.engine import run
from cbpf.machine import Program, assemble
from tests.oracles import kernel_verdicts, needs_kernel
from tests.programs import THOROUGH, packets, valid_programs

pytestmark = needs_kernel

PACKET = bytes(range(1, 61))


@given(valid_programs, st.lists(packets, min_size=8, max_size=8))
@THOROUGH
def test_random_programs(program: Program, sent: list[bytes]) -> None:
    verdicts = [run(program, packet, semantics="linux") for packet in sent]
    assert [min(verdict, len(packet)) for verdict, packet in zip(verdicts, sent, strict=True)] == kernel_verdicts(
        program, sent
    )


# Each leaves something in A that is small enough to be told apart by the number of bytes kept.
@pytest.mark.parametrize(
    "text",
    [
        "ld #1\n ldx #32\n lsh x",
        "ld #1\n ldx #37\n lsh x",
        "ld #48\n ldx #33\n rsh x",
        "ld #48\n ldx #0xffffffe1\n rsh x",
        "ldx #-1\n ldb [x + 1]",
        "ldx #-1\n ldb [x + 5]",
        "ldx #0x80000000\n ldb [x + 0x80000000]",
        "ldx #0x80000000\n ldb [x + 0]",
        "ldb [0xfff00004]",
        "ldh [0xfff00004]\n and #63",
        "ld [0xfff00039]\n and #63",
        "ld [0xfff00038]\n and #63",
        "ldx #0xfff00000\n ldb [x + 6]",
        "ldx #-6\n ldb [x + 0xfff00010]",
        "ldx 4*([0xfff00004]&0xf)\n txa",
        "ldx #0xfffff000\n ldb [x + 0]",
        "ldx #0xfffff000\n ldb [x + 48]",
        "ldb [0x80000000]",
        "ldb [0x7fffffff]",
        "ld #5\n ldx #0\n div x\n ld #3",
        "ld #5\n ldx #0\n mod x\n ld #3",
        "ld #5\n neg\n and #63",
        "ld len",
        "ldx len\n txa",
        "ld #10\n ldx #3\n ld xor_x",
        "ld #10\n ldx #3\n ldb xor_x",
        "ld proto\n add #1",
        "ld type\n add #1",
        "ld ifidx\n add #1",
        "ld nla\n add #1",
        "ld nlan\n add #1",
        "ld mark\n add #1",
        "ldh mark\n add #1",
        "ld queue\n add #1",
        "ld hatype\n add #1",
        "ld rxhash\n add #1",
        "ld vlan_tci\n add #1",
        "ld vlan_avail\n add #1",
        "ld vlan_tpid\n add #1",
        "ld poff\n add #1",
    ],
)
def test_corners(text: str) -> None:
    program = assemble(text + "\n ret a")
    assert [run(program, PACKET, semantics="linux")] == kernel_verdicts(program, [PACKET])


def test_a_verdict_beyond_the_packet_keeps_all_of_it() -> None:
    assert kernel_verdicts(assemble("ret #-1"), [PACKET]) == [len(PACKET)]

from __future__ import annotations

import pytest
from hypothesis import given

from cbpf.errors import ProgramError
from cbpf.machine import Program, assemble, disassemble, read_program
from cbpf.machine.opcodes import Ancillary
from tests.oracles import needs_tcpdump, tcpdump
from tests.programs import THOROUGH, canonical, valid_programs


def test_labels_stand_where_jumps_land() -> None:
    program = Program([(0x28, 0, 0, 12), (0x15, 0, 2, 0x86DD), (0x30, 0, 0, 20), (0x06, 0, 0, 65535), (0x06, 0, 0, 0)])
    assert disassemble(program) == ("    ldh [12]\n    jne #0x86dd, L4\n    ldb [20]\n    ret #65535\nL4: ret #0\n")


@given(valid_programs)
@THOROUGH
def test_assembling_the_text_gives_the_program_again(program: Program) -> None:
    assert assemble(disassemble(program)) == canonical(program)


@needs_tcpdump
@pytest.mark.parametrize("options", [["-ddd"], ["-O", "-ddd"]])
@pytest.mark.parametrize(
    "expression", ["tcp port 80", "ip[0:4] * len = 5", "ip6 protochain 6", "vlan and host 1.2.3.4"]
)
def test_compiled_programs_come_back(expression: str, options: list[str]) -> None:
    # libpcap's optimizer turns loads into tax and leaves the load's k behind.
    program = read_program(tcpdump("-y", "EN10MB", *options, expression))
    assert assemble(disassemble(program)) == canonical(program)


@pytest.mark.parametrize(
    "text",
    [
        "ret x",
        "ja L1\nL1: ret #0",
        "L0: ja L0\nret #0",
        "jeq #0x1, L1, L1\nL1: ret #0",
        "jset x, L2, L1\nL1: ret a\nL2: ret #5",
        "ldx len\nret a",
        "ld [0xfff00010]\nld [0xffe00010]\nret a",
        *(f"ld {number.name.lower()}\nret a" for number in Ancillary if number != Ancillary.ALU_XOR_X),
        "ld [0xfffff028]\nret a",
        "ld [4294967295]\nldh [x + 0x80000000]\nret a",
    ],
)
def test_rarities_come_back_exactly(text: str) -> None:
    program = assemble(text)
    assert assemble(disassemble(program)) == program


def test_offsets_with_a_meaning_keep_it_visible() -> None:
    assert disassemble(assemble("ldb vlan_pr\n ld xor_x\n ld [0xfff00000]\n ld [x + 0xfffff000]\n ret a")) == (
        "ldb vlan_avail\nld [0xfffff028]\nld [0xfff00000]\nld [x + -4096]\nret a\n"
    )


def test_an_opcode_without_a_spelling_is_named() -> None:
    with pytest.raises(ProgramError, match="0x99") as caught:
        disassemble(Program([(6, 0, 0, 0), (0x99, 0, 0, 0)]))
    assert caught.value.index == 1


@pytest.mark.parametrize("row", [(0x05, 0, 0, 7), (0x15, 0, 1, 0), (0x05, 0, 0, 0xFFFFFFF0)])
def test_a_jump_out_of_the_program_has_no_label(row: tuple[int, int, int, int]) -> None:
    with pytest.raises(ProgramError, match="instruction 0: jumps out of the program"):
        disassemble(Program([row, (6, 0, 0, 0)]))

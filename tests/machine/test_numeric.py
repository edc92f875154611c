from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbpf.errors import ProgramError
from cbpf.machine import Instruction, Program
from cbpf.machine.numeric import read_c, read_decimal, write_c, write_decimal, write_line
from tests.programs import instructions

ARP = Program([(40, 0, 0, 12), (21, 0, 1, 2054), (6, 0, 0, 4294967295), (6, 0, 0, 0)])

programs = st.builds(Program, st.lists(instructions, max_size=8))


# The example of the kernel's filter.rst, in the forms of tcpdump and of nfbpf_compile.
def test_the_forms() -> None:
    assert write_c(ARP) == (
        "{ 0x28, 0, 0, 0x0000000c },\n"
        "{ 0x15, 0, 1, 0x00000806 },\n"
        "{ 0x6, 0, 0, 0xffffffff },\n"
        "{ 0x6, 0, 0, 0x00000000 },\n"
    )
    assert write_decimal(ARP) == "4\n40 0 0 12\n21 0 1 2054\n6 0 0 4294967295\n6 0 0 0\n"
    assert write_line(ARP) == "4,40 0 0 12,21 0 1 2054,6 0 0 4294967295,6 0 0 0\n"


@given(programs)
def test_every_field_of_every_instruction_comes_back(program: Program) -> None:
    assert read_c(write_c(program)) == program
    assert read_decimal(write_decimal(program)) == program
    assert read_decimal(write_line(program)) == program


@pytest.mark.parametrize(
    "text",
    [
        "{ 0x28,  0,  0, 0x0000000c },\n{ 0x06,  0,  0, 0000000000 },",  # bpf_asm -c
        "/* { op, jt, jf, k }, */\n{ 0x28,  0,  0, 0x0000000c },\n{ 0x06,  0,  0, 0000000000 },\n",  # bpf_dbg's dump
        "struct sock_filter code[] = {\n\t{ 0x28, 0, 0, 12 }, // EtherType\n\t{ 6, 0, 0, 0u },\n};\n",
        "{{40,0,0,12},{6,0,0,0}}".replace("{{", "static struct bpf_insn insns[2] = {{"),
    ],
)
def test_arrays_as_others_write_them(text: str) -> None:
    assert list(read_c(text)) == [(40, 0, 0, 12), (6, 0, 0, 0)]


@pytest.mark.parametrize("text", ["2,40 0 0 12,6 0 0 0,", "2,40 0 0 12,6 0 0 0,\n", " 2\n40 0 0 12\n6 0 0 0\n\n"])
def test_lines_as_others_write_them(text: str) -> None:
    assert list(read_decimal(text)) == [Instruction(40, 0, 0, 12), Instruction(6, 0, 0, 0)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("{ 0x28, 0, 0, 12 },\n{ 6, 0, 0 },", 2, "expected { code, jt, jf, k }, found '{'"),
        ("{ 0x28, 0, 0, 12 },\nBPF_STMT(6, 0),", 2, "expected { code, jt, jf, k }, found 'B'"),
        ("/* one\n two */ { 0x28, 0, 0, 12 } x", 2, "found 'x'"),
        ("{ 0x28, 0, 0, 12y },", None, "'12y' is not a number"),
        ("{ 0x28, 0, 0, 0x100000000 },", None, "does not fit"),
    ],
)
def test_damaged_arrays(text: str, line: int | None, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        read_c(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "index", "message"),
    [
        ("", None, "found nothing"),
        ("2\n6 0 0 0\n", None, "the first number should be that of the instructions, 1, not 2"),
        ("1 2\n6 0 0 0\n", None, "not 1 2"),
        ("2,6 0 0 0,6 0 0", 1, "expected the four numbers code, jt, jf and k, found '6 0 0'"),
        ("1,6 0 0 0x5", 0, "found '6 0 0 0x5'"),
        ("1,6 0 0 4294967296", 0, "k is 4294967296"),
        ("1,6 0 256 0", 0, "jf is 256"),
    ],
)
def test_damaged_numbers(text: str, index: int | None, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        read_decimal(text)
    assert caught.value.index == index

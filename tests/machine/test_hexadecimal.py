"""Programs as bytes: what other tools make of them is read back, in both byte orders."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cbpf.errors import ProgramError
from cbpf.machine import Form, Program, Rules, assemble, read_program, recognise, verify
from tests.programs import valid_programs

ARP = assemble("ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0")
LITTLE, BIG = (b"".join(struct.pack(f"{order}HBBI", *each) for each in ARP) for order in "<>")

DUMPS = ["xxd", "xxd -p", "xxd -i", "xxd -c 8", "xxd -g 1", "xxd -u", "hexdump -C", "od -An -tx1"]


def _spelled(data: bytes, prefix: str, between: str) -> str:
    return between.join(f"{prefix}{byte:02x}" for byte in data)


def _c(data: bytes) -> str:
    return _spelled(data, "\\x", "")


@pytest.mark.parametrize("data", [LITTLE, BIG])
@pytest.mark.parametrize("dump", DUMPS)
def test_dumps_by_other_tools(dump: str, data: bytes) -> None:
    command = dump.split()
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    text = subprocess.run(command, input=data, capture_output=True, check=True, timeout=10).stdout.decode()
    assert recognise(text) is Form.HEX
    assert read_program(text) == ARP
    assert read_program(text.encode()) == ARP


@pytest.mark.parametrize("data", [LITTLE, BIG])
def test_spellings(data: bytes) -> None:
    for text in (
        data.hex(),
        data.hex().upper(),
        "0x" + data.hex(),
        data.hex(" ", 2),
        data.hex(" ", 8).replace(" ", "\r\n"),
        _spelled(data, "0x", ", "),
        f'"{_c(data)}";',
        f'"{_c(data[:16])}"\n  "{_c(data[16:])}"',
        " ".join(f"{byte:#x}" for byte in data),
    ):
        assert recognise(text) is Form.HEX, text
        assert read_program(text) == ARP, text


def test_an_array_that_is_damaged_is_refused_at_once() -> None:
    damaged = "{" + "0x6  0x0  " * 100 + "z}"
    assert recognise(damaged) is Form.C
    with pytest.raises(ProgramError):
        read_program(damaged)


@given(valid_programs, st.sampled_from("<>"))
def test_the_order_is_the_one_that_makes_a_valid_program(program: Program, order: str) -> None:
    data = b"".join(struct.pack(f"{order}HBBI", *each) for each in program)
    assume(b"\0" in data)
    found = read_program(data)
    assert found == read_program(data.hex())
    verify(found, Rules.LIBPCAP)
    if order == "<":
        assert found == program


def test_a_program_that_breaks_a_rule_is_read_in_the_likelier_order() -> None:
    broken = Program([(0x28, 0, 0, 12), (0x15, 0, 9, 0x800), (0x6, 0, 0, 0)])
    for order in "<>":
        assert read_program(b"".join(struct.pack(f"{order}HBBI", *each) for each in broken)) == broken


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("28000000" * 3, "an instruction has 8 bytes, and these are 12"),
        ("ff" * 16, "no opcode in these bytes exists"),
        (b"\xff" * 16, "no opcode in these bytes exists"),
        (b"\0" * 7, "an instruction has 8 bytes, and these are 7"),
        (b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0", "these are 23"),
    ],
)
def test_what_is_no_program(source: str | bytes, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        read_program(source)

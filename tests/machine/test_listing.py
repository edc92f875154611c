from __future__ import annotations

import pytest
from hypothesis import given

from cbpf.errors import ProgramError
from cbpf.machine import Form, Program, assemble, read_program, recognise, write
from tests.programs import canonical, valid_programs

ARP = assemble("ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0")


@given(valid_programs)
def test_every_form_is_recognised_and_read(program: Program) -> None:
    for form in Form:
        text = write(program, form)
        assert recognise(text) is form
        assert text.endswith("\n")
        expected = canonical(program) if form in {Form.TEXT, Form.ASM} else program
        assert read_program(text) == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('\n {"version": 1, "instructions": []}', Form.JSON),
        ("/* { op, jt, jf, k }, */\n{ 0x28, 0, 0, 12 },", Form.C),
        ("static struct sock_filter code[] = {", Form.C),
        ("\n(000) ldh [12]", Form.TEXT),
        ("4,40 0 0 12,", Form.LINE),
        ("4\r\n40 0 0 12\r\n", Form.DECIMAL),
        ("1", Form.DECIMAL),
        ("ldh [12] ; (000)", Form.ASM),
        ("# a comment\n/* another */ ret #0", Form.ASM),
        ("", Form.ASM),
        ("0600000000000000", Form.HEX),
        ("0600 0000 0000 0000\n", Form.HEX),
        ("16\n40 0 0 12\n", Form.DECIMAL),
    ],
)
def test_forms_are_recognised(text: str, form: Form) -> None:
    assert recognise(text) is form


@pytest.mark.parametrize("text", ["", "tcp port 80", "{", "{}", "(000)", "1,", "0x28", "\x00\xff"])
def test_what_is_no_program_is_a_program_error(text: str) -> None:
    with pytest.raises(ProgramError):
        read_program(text)


def test_line_ends_of_windows_do_no_harm() -> None:
    for form in Form:
        assert read_program(write(ARP, form).replace("\n", "\r\n")) == ARP


def test_asm_has_no_words_for_unknown_opcodes() -> None:
    with pytest.raises(ProgramError, match="0x99"):
        write(Program([(0x99, 0, 0, 0)]), Form.ASM)

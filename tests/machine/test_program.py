from __future__ import annotations

import pickle

import pytest

from cbpf.errors import ProgramError, Span
from cbpf.machine import Instruction, Program

LOAD = Instruction(40, 0, 0, 12)
KEEP = Instruction(6, 0, 0, 262144)


def test_a_program_is_a_sequence_of_instructions() -> None:
    program = Program([(40, 0, 0, 12), KEEP])
    assert list(program) == [LOAD, KEEP]
    assert len(program) == 2
    assert program[1].k == 262144
    assert program[-1:] == (KEEP,)
    assert LOAD in program


def test_equality_is_that_of_the_instructions() -> None:
    bare, full = Program([KEEP]), Program([KEEP], linktype=1, snaplen=96, spans=[(Span(0, 2),)], expression="ip")
    assert bare == full
    assert hash(bare) == hash(full)
    assert bare != Program([LOAD, KEEP])
    assert bare != [KEEP]


def test_a_program_cannot_be_changed() -> None:
    program = Program([KEEP])
    with pytest.raises(AttributeError):
        program.linktype = 1  # type: ignore[misc]


def test_a_program_survives_pickling_whole() -> None:
    program = pickle.loads(pickle.dumps(Program([KEEP], linktype=1, spans=[(Span(0, 2),)], expression="ip")))
    assert (program[0], program.linktype, program.spans, program.expression) == (KEEP, 1, ((Span(0, 2),),), "ip")


def test_repr_says_what_it_is_a_program_of() -> None:
    assert repr(Program([KEEP], linktype=1, expression="ip")) == (
        "<Program of 'ip': 1 instructions, linktype 1, snaplen 262144>"
    )


@pytest.mark.parametrize(
    "fields", [(0x10000, 0, 0, 0), (6, 256, 0, 0), (6, 0, 256, 0), (6, 0, 0, 1 << 32), (6, 0, 0, -1)]
)
def test_fields_that_do_not_fit_are_refused(fields: tuple[int, int, int, int]) -> None:
    with pytest.raises(ProgramError) as caught:
        Program([LOAD, fields])
    assert caught.value.index == 1


def test_spans_are_for_every_instruction_or_none() -> None:
    with pytest.raises(ProgramError, match="2 instructions cannot have 1 sets of spans"):
        Program([LOAD, KEEP], spans=[(Span(0, 1),)])


def test_packed_is_an_array_of_struct_sock_filter() -> None:
    packed = Program([(0x1234, 5, 6, 0x0708090A), KEEP]).packed()
    assert len(packed) == 16
    assert packed[2:4] == b"\x05\x06"
    assert sorted(packed[4:8]) == [7, 8, 9, 10]

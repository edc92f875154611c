from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbpf.engine import Load, Semantics, State, Step, run, steps
from cbpf.errors import ProgramError
from cbpf.machine import Instruction, Program, assemble
from tests.programs import THOROUGH, packets, valid_programs

EMPTY = State(0, 0, (0,) * 16)


def test_steps_show_what_every_instruction_did() -> None:
    program = assemble("ldx 4*([0]&0xf)\n ldh [x + 1]\n st M[2]\n jne #0x506, no\n ret #9\n no: ret #0")
    after_x = State(0, 4, (0,) * 16)
    after_a = State(0x506, 4, (0,) * 16)
    after_st = State(0x506, 4, (0, 0, 0x506, *[0] * 13))
    assert list(steps(program, b"\x41\x02\x03\x04\x05\x05\x06")) == [
        Step(0, Instruction(0xB1, 0, 0, 0), EMPTY, after_x, Load(0, 1), None),
        Step(1, Instruction(0x48, 0, 0, 1), after_x, after_a, Load(5, 2), None),
        Step(2, Instruction(0x02, 0, 0, 2), after_a, after_st, None, None),
        Step(3, Instruction(0x15, 0, 1, 0x506), after_st, after_st, None, None),
        Step(4, Instruction(0x06, 0, 0, 9), after_st, after_st, None, 9),
    ]


def test_a_load_out_of_range_is_the_last_step_and_says_where_it_looked() -> None:
    (step,) = steps(assemble("ldh [5]\n ret #1"), b"123456")
    assert step == Step(0, Instruction(0x28, 0, 0, 5), EMPTY, EMPTY, Load(5, 2), 0)


def test_a_division_by_zero_is_the_last_step() -> None:
    *_, step = steps(assemble("ld #5\n div x\n ret #1"), b"")
    assert (step.pc, step.loaded, step.verdict) == (1, None, 0)


def test_loads_of_no_packet_bytes_show_none() -> None:
    program = assemble("ld len\n ld mark\n ret a")
    assert [step.loaded for step in steps(program, b"123", semantics="linux")] == [None, None, None]


def test_an_invalid_program_is_refused_before_the_first_step() -> None:
    with pytest.raises(ProgramError, match="empty"):
        steps(Program([]), b"")


@pytest.mark.parametrize("semantics", ["libpcap", "linux"])
@given(program=valid_programs, packet=packets, more=st.integers(0, 9))
@THOROUGH
def test_steps_follow_one_another_to_the_verdict_of_run(
    semantics: Semantics, program: Program, packet: bytes, more: int
) -> None:
    trace = list(steps(program, packet, len(packet) + more, semantics=semantics))
    assert trace[0].before == EMPTY
    assert all(step.after == following.before for step, following in pairwise(trace))
    assert all(step.instruction == program[step.pc] for step in trace)
    assert [step.verdict for step in trace[:-1]] == [None] * (len(trace) - 1)
    assert trace[-1].verdict == run(program, packet, len(packet) + more, semantics=semantics)

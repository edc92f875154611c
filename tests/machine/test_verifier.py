from __future__ import annotations

import pytest
from hypothesis import given

from cbpf.errors import ProgramError
from cbpf.machine import Program, Rules, assemble, verify
from cbpf.machine.opcodes import CLASS_MASK, RET, SYNTAX
from tests.oracles import kernel_accepts, libpcap_accepts, needs_kernel, needs_libpcap
from tests.programs import THOROUGH, almost_valid_programs, valid_programs

RET_0 = (6, 0, 0, 0)


def accepts(program: Program, rules: Rules) -> bool:
    try:
        verify(program, rules)
    except ProgramError:
        return False
    return True


@given(valid_programs)
@THOROUGH
def test_generated_valid_programs_are_valid(program: Program) -> None:
    verify(program)


@pytest.mark.slow
@needs_kernel
@given(almost_valid_programs())
@THOROUGH
def test_linux_rules_are_the_kernels(program: Program) -> None:
    assert accepts(program, Rules.LINUX) == kernel_accepts(program)


@pytest.mark.slow
@needs_libpcap
@given(almost_valid_programs())
@THOROUGH
def test_libpcap_rules_are_its_validators_less_what_its_interpreter_aborts_on(program: Program) -> None:
    runs = all(code in SYNTAX for code, *_ in program)
    assert accepts(program, Rules.LIBPCAP) == (runs and libpcap_accepts(program))


@given(almost_valid_programs())
def test_all_rules_are_both_together(program: Program) -> None:
    assert accepts(program, Rules.ALL) == (accepts(program, Rules.LIBPCAP) and accepts(program, Rules.LINUX))


@pytest.mark.parametrize(
    ("rows", "index", "complaint"),
    [
        ([], None, "empty"),
        ([RET_0] * 4097, None, "4097 instructions"),
        ([(0x0E, 0, 0, 0)], 0, "unknown opcode 0x0e"),
        ([RET_0, (0x100, 0, 0, 0), RET_0], 1, "unknown opcode 0x100"),
        ([RET_0, (0x15, 0, 1, 0), RET_0], 1, "jumps to instruction 3, and the last one is 2"),
        ([(0x15, 2, 0, 0), RET_0], 0, "jumps to instruction 3"),
        ([(0x05, 0, 0, 1), RET_0], 0, "jumps to instruction 2"),
        ([RET_0, (0x05, 0, 0, 0xFFFFFFFE), RET_0], 1, "jumps back to instruction 0"),
        ([(0x05, 0, 0, 0xFFFFFFFE), RET_0], 0, "before the first"),
        ([(0x34, 0, 0, 0), RET_0], 0, "divides by zero"),
        ([(0x94, 0, 0, 0), RET_0], 0, "divides by zero"),
        ([(0x64, 0, 0, 32), RET_0], 0, "shifts by 32"),
        ([(0x74, 0, 0, 33), RET_0], 0, "shifts by 33"),
        ([(0x02, 0, 0, 16), RET_0], 0, r"no M\[16\]"),
        ([(0x61, 0, 0, 16), RET_0], 0, r"no M\[16\]"),
        ([(0x60, 0, 0, 3), RET_0], 0, r"reads M\[3\]"),
        ([RET_0, (0x00, 0, 0, 0)], 1, "last instruction is not a return"),
        ([(0x20, 0, 0, 0xFFFFF001), RET_0], 0, "no ancillary load number 1"),
    ],
)
def test_complaints_name_the_instruction_and_the_reason(
    rows: list[tuple[int, int, int, int]], index: int | None, complaint: str
) -> None:
    with pytest.raises(ProgramError, match=complaint) as caught:
        verify(Program(rows))
    assert caught.value.index == index


@pytest.mark.parametrize(
    "rows",
    [
        [RET_0] * 4097,
        [(0x64, 0, 0, 32), RET_0],
        [(0x60, 0, 0, 3), RET_0],
        [(0x20, 0, 0, 0xFFFFF001), RET_0],
        [RET_0, (0x05, 0, 0, 0xFFFFFFFE), RET_0],
    ],
)
def test_libpcap_asks_for_less(rows: list[tuple[int, int, int, int]]) -> None:
    verify(Program(rows), Rules.LIBPCAP)
    assert not accepts(Program(rows), Rules.LINUX)


@needs_kernel
def test_the_kernel_counts_a_return_as_running_on() -> None:
    text = "jeq #1, store\n ja drop\n store: st M[3]\n ja load\n drop: ret #0\n load: ld M[3]\n ret a"
    program = assemble(text)
    assert not kernel_accepts(program)
    assert not accepts(program, Rules.LINUX)


@needs_libpcap
def test_libpcaps_validator_takes_any_return_for_a_return() -> None:
    program = Program([(0x0E, 0, 0, 0)])
    assert program[0].code & CLASS_MASK == RET
    assert libpcap_accepts(program)
    assert not accepts(program, Rules.LIBPCAP)

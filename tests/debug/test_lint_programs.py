"""What is said about programs, against the interpreter: what runs, what is decided and what counts in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

import cbpf
from cbpf.debug.lint import ProgramFinding, Severity, lint_program
from cbpf.engine import run, steps
from cbpf.errors import ProgramError
from cbpf.machine import Instruction, Program, Rules, assemble, verify
from cbpf.machine import opcodes as op
from tests.programs import instructions, packets, valid_programs


def rules(text: str) -> set[tuple[str, int | None]]:
    return {(each.rule, each.instruction) for each in lint_program(assemble(text))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ldh [12]\n jne #0x800, no\n ret #1\n no: ret #0", set()),
        ("ld M[3]\n ret a", {("not-valid", 0), ("unwritten", 0)}),
        ("ld [0]\n ret #1", {("unused", 0), ("rejects-nothing", None)}),
        ("ld #7\n ret #0", {("unused", 0), ("accepts-nothing", None)}),
        ("ldb [0]\n jeq #1, a, a\n a: ret a", {("same-target", 1)}),
        ("jmp a\n ld #1\n ld #2\n a: ldb [0]\n ret a", {("unreachable", 1)}),
        ("ldb [0]\n tax\n ld #9\n div x\n ret a", {("division", 3)}),
        ("ldb [0]\n tax\n div x\n ldb [1]\n ret a", {("division", 2), ("unused", 2)}),
        ("ldb [0]\n jeq #1, a, b\n a: jeq #2, b, c\n b: ret #0\n c: ret #1", {("decided", 2)}),
        ("ldb [0]\n jgt #300, a, b\n a: ret #1\n b: ret #0", {("decided", 1)}),
        ("ldb [0]\n st M[1]\n ret a", {("unused", 1)}),
        ("ret #1\n ret #0", {("unreachable", 1), ("rejects-nothing", None)}),
        ("ldb [0]\n lsh #40\n ret a", {("not-valid", 1)}),
    ],
)
def test_findings(text: str, expected: set[tuple[str, int | None]]) -> None:
    assert rules(text) == expected


def test_lengths() -> None:
    for length, expected in ((64, 0), (65, 1), (512, 1), (513, 2), (4096, 2), (4097, 3)):
        program = Program([*[(op.LD | op.B | op.ABS, 0, 0, 0)] * (length - 1), (op.RET | op.A, 0, 0, 0)])
        found = [each for each in lint_program(program) if each.rule in ("too-long", "not-valid")]
        assert len(found) == expected
        assert any(each.severity is Severity.WARNING for each in found) is (length > 4096)


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("expression", ["tcp port 80", "host 192.0.2.1 and not vlan", "ip6 or arp", "len > 9"])
def test_what_is_compiled_is_valid(expression: str, optimize: bool) -> None:
    """And when it is optimized, it has nothing in it that does nothing."""
    found = lint_program(cbpf.compile(expression, optimize=optimize).program)
    kinds = {each.rule for each in found if each.severity is Severity.WARNING}
    assert not kinds & {"not-valid", "unreachable", "same-target", "unwritten"}
    assert not (optimize and kinds)


@given(valid_programs, packets)
@settings(max_examples=120, deadline=None)
def test_what_is_said_is_so(program: Program, octets: bytes) -> None:
    trace = list(steps(program, octets))
    followed = {
        step.pc: following for step, following in zip(trace, [*[each.pc for each in trace[1:]], None], strict=True)
    }
    verdict = run(program, octets)
    for finding in lint_program(program):
        at = finding.instruction
        if finding.rule == "unreachable":
            assert at not in followed
        elif finding.rule == "accepts-nothing":
            assert verdict == 0
        elif finding.rule == "decided" and at is not None and followed.get(at) is not None:
            assert finding.message.endswith(f"goes to {followed[at]}")
        elif finding.rule == "same-target" and at is not None and followed.get(at) is not None:
            assert f"goes to {followed[at]} whatever" in finding.message
        elif finding.rule == "unused" and finding.severity is Severity.WARNING and at is not None:
            assert run(without(program, at), octets) == verdict


def without(program: Program, at: int) -> Program:
    """The program with an instruction in the place of one, that puts something else where that does."""
    code = program[at].code
    nonsense = {
        op.LDX: Instruction(op.LDX | op.IMM, 0, 0, 12345),
        op.ST: Instruction(op.JMP | op.JA, 0, 0, 0),
        op.STX: Instruction(op.JMP | op.JA, 0, 0, 0),
        op.MISC: Instruction(op.LDX | op.IMM if code == op.MISC | op.TAX else op.LD | op.IMM, 0, 0, 12345),
    }
    other = nonsense.get(code & op.CLASS_MASK, Instruction(op.LD | op.IMM, 0, 0, 12345))
    return Program([*program[:at], other, *program[at + 1 :]])


@given(instructions, instructions)
@settings(max_examples=200, deadline=None)
def test_programs_that_nobody_takes_are_told_of(first: Instruction, second: Instruction) -> None:
    program = Program([first, second, (op.RET | op.K, 0, 0, 0)])
    messages = [each.message for each in lint_program(program) if each.rule == "not-valid"]
    for taken, said in ((Rules.LIBPCAP, "libpcap does not run it"), (Rules.LINUX, "Linux does not take it")):
        assert any(message.startswith(said) for message in messages) is not _is_valid(program, taken)


def _is_valid(program: Program, taken: Rules) -> bool:
    try:
        verify(program, taken)
    except ProgramError:
        return False
    return True


def _by_severity(found: tuple[ProgramFinding, ...]) -> Iterator[bool]:
    return (each.severity is Severity.NOTE for each in found)


@given(valid_programs)
@settings(max_examples=50, deadline=None)
def test_warnings_come_first(program: Program) -> None:
    order = list(_by_severity(lint_program(program)))
    assert order == sorted(order)

from __future__ import annotations

import pytest

from cbpf.engine import PythonEngine, Semantics, run, steps
from cbpf.errors import ProgramError
from cbpf.machine import Program, assemble
from tests.engine.running import verdict

BOTH: list[Semantics] = ["libpcap", "linux"]

OPPOSITES = {"jeq": "jne", "jgt": "jle", "jge": "jlt"}


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize(
    ("a", "mnemonic", "value", "jumps"),
    [
        (5, "jeq", 5, True),
        (5, "jeq", 6, False),
        (0xFFFFFFFF, "jeq", 0xFFFFFFFF, True),
        (5, "jgt", 4, True),
        (5, "jgt", 5, False),
        (0x80000000, "jgt", 0x7FFFFFFF, True),
        (5, "jge", 5, True),
        (5, "jge", 6, False),
        (0xFFFFFFFF, "jge", 1, True),
        (6, "jset", 4, True),
        (6, "jset", 9, False),
        (6, "jset", 0, False),
        (0x80000000, "jset", 0xFFFFFFFF, True),
    ],
)
def test_comparisons_are_unsigned(a: int, mnemonic: str, value: int, jumps: bool, semantics: Semantics) -> None:
    start, end = f"ld #{a}\n ldx #{value}\n", "\n no: ret #1\n yes: ret #2"
    expected = 2 if jumps else 1
    assert verdict(f"{start}{mnemonic} #{value}, yes, no{end}", semantics=semantics) == expected
    assert verdict(f"{start}{mnemonic} x, yes, no{end}", semantics=semantics) == expected
    assert verdict(f"{start}{mnemonic} #{value}, yes{end}", semantics=semantics) == expected
    if mnemonic in OPPOSITES:
        assert verdict(f"{start}{OPPOSITES[mnemonic]} #{value}, yes{end}", semantics=semantics) == 3 - expected


@pytest.mark.parametrize("semantics", BOTH)
def test_an_unconditional_jump_may_be_long(semantics: Semantics) -> None:
    text = "ja end\n" + "ret #1\n" * 1000 + "end: ret #2"
    assert verdict(text, semantics=semantics) == 2


@pytest.mark.parametrize("semantics", BOTH)
def test_both_ways_may_lead_to_one_place(semantics: Semantics) -> None:
    text = "ldb [0]\n jeq #1, there, there\n ret #1\n there: jgt #9, big\n add #10\n big: ret a"
    assert verdict(text, b"\x01", semantics=semantics) == 11
    assert verdict(text, b"\x20", semantics=semantics) == 0x20


# Counts down from the packet's first byte: a jump back, which libpcap's protochain needs.
COUNT_DOWN = "ldb [0]\n next: sub #1\n st M[0]\n jeq #0, end\n ld M[0]\n ja next\n end: ret #7"


def test_libpcap_jumps_back() -> None:
    assert verdict(COUNT_DOWN, b"\xff") == 7


def test_linux_refuses_to_jump_back() -> None:
    with pytest.raises(ProgramError, match="instruction 5: jumps back to instruction 1"):
        run(assemble(COUNT_DOWN), b"\xff", semantics="linux")


def test_an_endless_program_is_an_error_not_a_hang() -> None:
    endless = assemble("again: ja again\n ret #0")
    with pytest.raises(ProgramError, match="loops"):
        run(endless, b"")
    with pytest.raises(ProgramError, match="loops"):
        PythonEngine(endless).run(b"")


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize("rows", [[], [(0x15, 9, 0, 0), (6, 0, 0, 0)], [(0x0E, 0, 0, 0)], [(0, 0, 0, 0)]])
def test_invalid_programs_are_refused_at_once(rows: list[tuple[int, int, int, int]], semantics: Semantics) -> None:
    program = Program(rows)
    for attempt in (run, steps):
        with pytest.raises(ProgramError):
            attempt(program, b"", semantics=semantics)
    with pytest.raises(ProgramError):
        PythonEngine(program, semantics=semantics)

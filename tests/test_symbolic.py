"""The prover against the interpreter: what it calls equal must not differ on any packet tried, what it refutes must."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cbpf.engine import PythonEngine
from cbpf.machine import Program, assemble

from .programs import packets, valid_programs
from .symbolic import Claim, Loops, Undecided, equivalent, rejects_everything

ACCEPT = "ret #9"
REJECT = "ret #0"

EQUAL = [
    ("ldxb 4*([14]&0xf)\nldh [x+14]\nret a", "ldb [14]\nand #0xf\nlsh #2\ntax\nldh [x+14]\nret a"),
    ("ldb [0]\nmul #8\nret a", "ldb [0]\nlsh #3\nret a"),
    ("ld [0]\ndiv #16\nret a", "ld [0]\nrsh #4\nret a"),
    ("ld [0]\nmod #16\nret a", "ld [0]\nand #15\nret a"),
    ("ldx #32\nldb [0]\nlsh x\nret a", "ldb [0]\nret #0"),
    ("ldx #0\nld #5\ndiv x\nret #1", REJECT),
    ("ld [0xfffffffe]\nret #1", REJECT),
    ("ldx #0xffffffff\nldb [x+1]\nret #1", REJECT),
    ("ld M[3]\nret a", REJECT),
    ("ldb [4]\nldb [9]\nret #1", "ldb [9]\nret #1"),
    ("ld #0\nldb [0]\nneg\nneg\nret a", "ldb [0]\nret a"),
    ("ldx #3\nldb [x+2]\nst M[0]\nldb [5]\nldx M[0]\nsub x\njeq #0, y, n\ny: ret #1\nn: ret #2", "ldb [5]\nret #1"),
    ("ldb [0]\nadd #100\ntax\nldb [x+0]\nret #1", "ldb [0]\ntax\nldb [x+100]\nret #1"),
    (
        "ldb [0]\njne #7, n\ntax\nldb [x+0]\nret a\nn: ret #0",
        "ldb [0]\njne #7, n\nldb [7]\nret a\nn: ret #0",
    ),
    ("ldb [0]\ntax\nldb [x+0]\nst M[0]\nldb [0]\nadd #1\nsub #1\ntax\nldb [x+0]\nldx M[0]\nxor x\nret a", REJECT),
]
DIFFERENT = [
    (ACCEPT, REJECT),
    ("ret #8", ACCEPT),
    ("ldb [4]\nret #1", "ldb [3]\nret #1"),
    ("ld len\nret a", "ldb [0]\nld len\nret a"),
    ("ldb [0]\ntax\nldb [x+0]\nret a", "ldb [0]\nret a"),
    ("ld #1\nldx #1\ndiv x\nret a", "ld #2\nret a"),
    ("ld [0]\nmul #3\nret a", "ld [0]\nlsh #1\nret a"),
    ("ld [0]\njgt #5, y, n\ny: ret #1\nn: ret #0", "ld [0]\njge #5, y, n\ny: ret #1\nn: ret #0"),
    ("ld [0]\njset #5, y, n\ny: ret #1\nn: ret #0", "ld [0]\njset #7, y, n\ny: ret #1\nn: ret #0"),
]
ONLY_WHEN_LOADED = ("ldb [100]\nldb [0]\nret a", "ldb [0]\nret a")


@pytest.mark.parametrize(("first", "second"), EQUAL)
def test_equal_programs_are_proved_equal(first: str, second: str) -> None:
    assert equivalent(assemble(first), assemble(second)) is None


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_different_programs_are_told_apart_by_a_packet(first: str, second: str) -> None:
    left, right = assemble(first), assemble(second)
    found = equivalent(left, right)
    assert found is not None
    verdicts = tuple(PythonEngine(program).run(found.packet, found.wirelen) for program in (left, right))
    assert verdicts == found.verdicts
    assert verdicts[0] != verdicts[1]


def test_loads_out_of_range_may_be_set_aside() -> None:
    far, near = map(assemble, ONLY_WHEN_LOADED)
    assert equivalent(far, near) is not None
    assert equivalent(far, near, Claim.WHERE_LOADED) is None
    assert equivalent(near, far, Claim.WHERE_SECOND_LOADED) is None
    assert equivalent(far, near, Claim.WHERE_SECOND_LOADED) is not None


def test_what_rejects_everything() -> None:
    assert rejects_everything(assemble("ldb [0]\njgt #255, y, n\ny: ret #1\nn: ret #0")) is None
    assert rejects_everything(assemble("ldb [0]\njgt #254, y, n\ny: ret #1\nn: ret #0")) is not None


def test_a_loop_is_refused() -> None:
    with pytest.raises(Loops):
        equivalent(Program([(5, 0, 0, 0xFFFFFFFF), (6, 0, 0, 0)]), assemble(REJECT))


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Program, Program]:
    """A valid program, and one that differs in a constant, a jump or an operation of one instruction."""
    program = draw(valid_programs)
    rows = list(program)
    index = draw(st.integers(4, len(rows) - 1))
    code, jt, jf, k = rows[index]
    changed = draw(
        st.sampled_from([(code, jf, jt, k), (code ^ 8, jt, jf, k), (code, jt, jf, draw(st.integers(0, 70)))])
    )
    rows[index] = rows[index]._replace(**dict(zip(("code", "jt", "jf", "k"), changed, strict=True)))
    return program, Program(rows)


@settings(max_examples=200, deadline=None)
@given(neighbours(), st.lists(packets, min_size=20, max_size=20), st.integers(0, 9))
def test_nothing_proved_is_untrue(pair: tuple[Program, Program], tried: list[bytes], more: int) -> None:
    try:
        first, second = (PythonEngine(program) for program in pair)
    except ValueError:
        assume(False)
    try:
        found = equivalent(*pair, timeout=2)
    except Undecided:
        assume(False)
    if found is None:
        for packet in tried:
            for length in {len(packet), len(packet) // 2, 1}:
                head = packet[:length]
                assert first.run(head, length + more) == second.run(head, length + more)

"""Random programs and packets for hypothesis."""

from __future__ import annotations

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st

from cbpf.machine import Instruction, Program
from cbpf.machine.opcodes import (
    ABS,
    ALU,
    ANCILLARY_OFFSET,
    AND,
    CLASS_MASK,
    DIV,
    JA,
    JMP,
    LD,
    LDX,
    LSH,
    MEM,
    MISC,
    MOD,
    MODE_MASK,
    MSH,
    RET,
    RSH,
    ST,
    STX,
    SYNTAX,
    TXA,
    A,
    K,
)

Fields = tuple[int, int, int, int]

# Random programs are cheap; time is not what these tests are about.
THOROUGH: Final = settings(max_examples=1000, deadline=None)

EDGES: Final = (0xFFF, 0x7FFFFFFF, 0x80000000, 0xFFF00000, 0xFFFFF000, 0xFFFFFFFE, 0xFFFFFFFF)
_CELLS: Final = 4

bits8 = st.integers(0, 0xFF)
constants = st.one_of(st.integers(0, 70), st.sampled_from(EDGES), st.integers(0, 0xFFFFFFFF))
known_codes = st.sampled_from(sorted(SYNTAX))
any_codes = st.one_of(known_codes, bits8, st.integers(0, 0xFFFF))

instructions = st.builds(Instruction, any_codes, bits8, bits8, constants)
packets = st.binary(min_size=1, max_size=64)

_rows = st.tuples(known_codes, bits8, bits8, constants)
_endings = st.sampled_from(
    [
        [(RET | A, 0, 0, 0)],
        [(ALU | AND | K, 0, 0, 63), (RET | A, 0, 0, 0)],
        [(MISC | TXA, 0, 0, 0), (ALU | AND | K, 0, 0, 63), (RET | A, 0, 0, 0)],
        [(RET | K, 0, 0, 5)],
    ]
)


def _repaired(rows: list[Fields], ending: list[Fields]) -> Program:
    """Any rows, changed just enough to be a program that both Linux and libpcap accept."""
    start: list[Fields] = [(ST, 0, 0, cell) for cell in range(_CELLS)]
    length = len(start) + len(rows) + len(ending)
    body = [_repaired_row(row, length - index) for index, row in enumerate(rows, len(start) + 1)]
    return Program([*start, *body, *ending])


def _repaired_row(row: Fields, following: int) -> Fields:
    """``row`` such that it is valid with ``following`` instructions after it."""
    code, jt, jf, k = row
    if code == JMP | JA:
        return code, jt, jf, k % following
    if code & CLASS_MASK == JMP:
        return code, jt % following, jf % following, k
    if code in {ST, STX, LD | MEM, LDX | MEM}:
        return code, jt, jf, k % _CELLS
    if code in {ALU | LSH | K, ALU | RSH | K}:
        return code, jt, jf, k % 32
    if code in {ALU | DIV | K, ALU | MOD | K}:
        return code, jt, jf, k or 1
    # What offsets from 2**31 up mean depends on where a packet came from: see the tests of ancillary loads.
    if code & (CLASS_MASK | MODE_MASK) in {LD | ABS, LDX | MSH}:
        return code, jt, jf, k % 80
    return code, jt, jf, k


valid_programs = st.builds(_repaired, st.lists(_rows, max_size=24), _endings)


# Instructions that are valid or not depending on k, and on where they are.
_doubtful = st.one_of(
    st.builds(lambda code, k: (code, 0, 0, k), st.sampled_from([ALU | LSH | K, ALU | RSH | K]), st.integers(30, 34)),
    st.builds(lambda code, k: (code, 0, 0, k), st.sampled_from([ALU | DIV | K, ALU | MOD | K]), st.integers(0, 1)),
    st.builds(lambda code, k: (code, 0, 0, k), st.sampled_from([ST, STX, LD | MEM, LDX | MEM]), st.integers(0, 17)),
    st.builds(lambda number: (LD | ABS, 0, 0, ANCILLARY_OFFSET + number), st.integers(0, 80)),
    st.builds(lambda k: (JMP | JA, 0, 0, k & 0xFFFFFFFF), st.integers(-20, 20)),
    st.tuples(any_codes, bits8, bits8, constants),
)


@st.composite
def almost_valid_programs(draw: st.DrawFn) -> Program:
    """A valid program with a few instructions exchanged, its first stores often and its last return at times gone."""
    rows: list[Fields] = list(draw(valid_programs))
    for _ in range(draw(st.integers(0, 2))):
        rows[draw(st.integers(0, len(rows) - 1))] = draw(_doubtful)
    start, end = draw(st.integers(0, _CELLS)), draw(st.sampled_from([0, 0, 0, 0, 1]))
    return Program(rows[start : len(rows) - end])


def canonical(program: Program) -> Program:
    """``program`` with 0 in the fields that its instructions do not use."""
    return Program(_canonical(instruction) for instruction in program)


def _canonical(instruction: Instruction) -> Fields:
    code, jt, jf, k = instruction
    branches = code & CLASS_MASK == JMP and code != JMP | JA
    uses_k = "k" in SYNTAX[code][1].value or code == JMP | JA
    return code, jt * branches, jf * branches, k * uses_k

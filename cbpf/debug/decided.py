"""Which clauses of the expression are settled where the debugger stands, and how.

What a clause says of the packet is known from the expression. It is settled from where the program goes on with
something else and can come to nothing any more that is of this clause alone; and that stays so. Clauses that are not
asked of the packet are never settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from cbpf.debug.clauses import Clauses
from cbpf.errors import Span
from cbpf.machine import opcodes as op
from cbpf.machine.program import Program

_WORD: Final = 0xFFFFFFFF


class Settled(NamedTuple):
    """A clause by its characters, and whether it holds."""

    span: Span
    holds: bool


def settled(
    clauses: Clauses, program: Program, way: Iterable[int | None], packet: bytes, wirelen: int
) -> tuple[Settled, ...]:
    """The clauses that are settled on a packet, in order.

    ``way`` are the numbers of the instructions that were come to: the first one, that is next after each that was
    executed, and None behind the last.
    """
    asked = [clause for clause in clauses.ask(packet, wirelen).asked if clause.holds is not None]
    left = _left(program, program.spans, tuple(clause.span for clause in asked))
    open_ones = (1 << len(asked)) - 1
    for pc in way:
        open_ones &= 0 if pc is None else left[pc]
    return tuple(
        Settled(clause.span, bool(clause.holds)) for bit, clause in enumerate(asked) if not open_ones >> bit & 1
    )


@lru_cache(maxsize=64)
def _left(program: Program, spans: Sequence[Sequence[Span]], clauses: Sequence[Span]) -> Sequence[int]:
    """For every instruction, as bits, the clauses that are not settled in front of it.

    Those are the ones that it is of itself, and those that have an instruction of their own which it leads to.
    Programs of libpcap's may jump back: then once is not enough. ``spans`` are those of the program; equal programs
    may have others.
    """
    if not spans:
        return [(1 << len(clauses)) - 1] * len(program)
    own = [_bits(each, clauses) for each in spans]
    ahead = [bits if bits.bit_count() == 1 else 0 for bits in own]
    changed = True
    while changed:
        changed = False
        for pc in range(len(program) - 1, -1, -1):
            bits = ahead[pc]
            for target in following(program, pc):
                bits |= ahead[target]
            changed = changed or bits != ahead[pc]
            ahead[pc] = bits
    return [here | later for here, later in zip(own, ahead, strict=True)]


def _bits(spans: Sequence[Span], clauses: Sequence[Span]) -> int:
    return sum(
        1 << bit
        for bit, clause in enumerate(clauses)
        if any(clause.start < span.end and span.start < clause.end for span in spans)
    )


def following(program: Program, pc: int) -> tuple[int, ...]:
    """The numbers of the instructions that may be next after one."""
    code, jt, jf, k = program[pc]
    kind = code & op.CLASS_MASK
    if kind == op.RET:
        return ()
    if kind != op.JMP:
        return (pc + 1,)
    if code & op.OPERATION_MASK == op.JA:
        return ((pc + 1 + k) & _WORD,)
    return (pc + 1 + jt, pc + 1 + jf)

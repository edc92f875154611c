"""What programs do with packets, counted from the interpreter's steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cbpf.engine import steps
from cbpf.engine.counting import Counts
from cbpf.machine import Program
from cbpf.machine import opcodes as op


def told(program: Program, some: Iterable[tuple[bytes, int]]) -> Counts:
    """What the interpreter does with packets, each given with its length on the wire.

    Nothing follows from a jump that leads to the same place both ways: that it was taken is not counted.
    """
    executed, taken, cut = Counter[int](), Counter[int](), Counter[int]()
    count = matched = 0
    for packet, wirelen in some:
        count += 1
        made = list(steps(program, packet, wirelen))
        for step, following in zip(made, [*made[1:], None], strict=True):
            executed[step.pc] += 1
            code, jt, jf, _ = step.instruction
            if following is None:
                cut[step.pc] += code & op.CLASS_MASK != op.RET
                matched += step.verdict != 0
            elif code & op.CLASS_MASK == op.JMP and code != op.JMP | op.JA and jt != jf:
                taken[step.pc] += following.pc == step.pc + 1 + jt
    places = range(len(program))
    return Counts(count, matched, *(tuple(each[pc] for pc in places) for each in (executed, taken, cut)))

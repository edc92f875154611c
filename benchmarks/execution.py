"""Running programs and counting the instructions: by the reference interpreter's own table of meanings."""

from __future__ import annotations

from typing import NamedTuple

from cbpf import Program, ProgramError
from cbpf.engine import NO_ANCILLARY, STEP_LIMIT
from cbpf.engine.meaning import MEANINGS, Machine, Rejected


class Execution(NamedTuple):
    """A verdict (bytes to keep), how many instructions it took, and whether it was a load or division that rejected."""

    verdict: int
    instructions: int
    failed: bool


def execute(program: Program, packet: bytes, wirelen: int) -> Execution:
    """Run a valid program over a packet with libpcap's meaning. ProgramError if it loops."""
    machine = Machine(packet, wirelen, NO_ANCILLARY)
    for executed in range(1, STEP_LIMIT):
        instruction = program[machine.pc]
        machine.pc += 1
        try:
            MEANINGS[instruction.code](machine, instruction)
        except Rejected:
            return Execution(0, executed, True)
        if machine.verdict is not None:
            return Execution(machine.verdict, executed, False)
    raise ProgramError("the program loops", index=machine.pc)

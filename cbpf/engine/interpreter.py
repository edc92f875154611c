"""The reference interpreter: runs a program one instruction at a time. Every other way to run one must agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from cbpf.engine.meaning import MEANINGS, LinuxMachine, Load, Machine, Packet, Rejected
from cbpf.errors import ProgramError
from cbpf.machine.program import Instruction, Program
from cbpf.machine.verifier import Rules, verify

Semantics = Literal["libpcap", "linux"]

# Only protochain loops, a few dozen instructions for each header: no real packet comes near this many.
STEP_LIMIT: Final = 1_000_000

NO_ANCILLARY: Final[Mapping[int, int]] = MappingProxyType({})

RULES: Final[dict[Semantics, Rules]] = {"libpcap": Rules.LIBPCAP, "linux": Rules.LINUX}
_MACHINES: Final[dict[Semantics, type[Machine]]] = {"libpcap": Machine, "linux": LinuxMachine}


class State(NamedTuple):
    """The registers, each 32 bits unsigned: A, X and the sixteen cells of scratch memory."""

    a: int
    x: int
    scratch: tuple[int, ...]


class Step(NamedTuple):
    """One executed instruction.

    ``loaded`` is the part of the packet it read, or None. ``verdict`` is None except in a program's last step: there
    it is what a return returned, or 0 if the instruction is no return but rejected the packet: because ``loaded``
    is not within the captured bytes, because it divided by zero, or because Linux has no such ancillary data.
    """

    pc: int
    instruction: Instruction
    before: State
    after: State
    loaded: Load | None
    verdict: int | None


def run(
    program: Program,
    packet: Packet,
    wirelen: int | None = None,
    *,
    semantics: Semantics = "libpcap",
    ancillary: Mapping[int, int] = NO_ANCILLARY,
) -> int:
    """The verdict of ``program`` on ``packet``: how many bytes to keep (0 to 2**32 - 1), 0 if it is rejected.

    ``packet`` holds the captured bytes, from the link-layer header on; ``wirelen`` is the packet's length on the
    wire, by default as many. ``ancillary`` maps numbers of ``Ancillary`` to their values; only Linux knows of it.

    Raises ProgramError if the machine whose ``semantics`` these are would refuse the program, or if the program
    runs for STEP_LIMIT instructions. To run one program over many packets, make a ``PythonEngine``.
    """
    verify(program, RULES[semantics])
    return execute(program, packet, wirelen, semantics=semantics, ancillary=ancillary)


def execute(
    program: Program,
    packet: Packet,
    wirelen: int | None,
    *,
    semantics: Semantics,
    ancillary: Mapping[int, int],
) -> int:
    """``run`` for a program that is known to be valid."""
    machine = machine_of(packet, wirelen, semantics, ancillary)
    for _ in range(STEP_LIMIT):
        _step(machine, program[machine.pc])
        if machine.verdict is not None:
            return machine.verdict
    raise _endless(machine)


def steps(
    program: Program,
    packet: Packet,
    wirelen: int | None = None,
    *,
    semantics: Semantics = "libpcap",
    ancillary: Mapping[int, int] = NO_ANCILLARY,
) -> Iterator[Step]:
    """What ``run`` does, instruction by instruction; the last step, and no other, has the verdict.

    Arguments and errors are those of ``run``; an invalid program is refused at once, not at the first step.
    """
    verify(program, RULES[semantics])
    return steps_of(program, machine_of(packet, wirelen, semantics, ancillary))


def steps_of(program: Program, machine: Machine) -> Iterator[Step]:
    """The steps of a program that has been verified. Raises ProgramError if it does not end."""
    for _ in range(STEP_LIMIT):
        pc, before = machine.pc, _state(machine)
        _step(machine, program[pc])
        yield Step(pc, program[pc], before, _state(machine), machine.loaded, machine.verdict)
        if machine.verdict is not None:
            return
    raise _endless(machine)


def machine_of(packet: Packet, wirelen: int | None, semantics: Semantics, ancillary: Mapping[int, int]) -> Machine:
    """A machine with a packet, before its first step."""
    return _MACHINES[semantics](packet, len(packet) if wirelen is None else wirelen, ancillary)


def _step(machine: Machine, instruction: Instruction) -> None:
    machine.pc += 1
    machine.loaded = None
    try:
        MEANINGS[instruction.code](machine, instruction)
    except Rejected:
        machine.verdict = 0


def _state(machine: Machine) -> State:
    return State(machine.a, machine.x, tuple(machine.scratch))


def _endless(machine: Machine) -> ProgramError:
    return ProgramError(f"no verdict after {STEP_LIMIT} instructions: the program loops", index=machine.pc)

"""What a program did with one packet, instruction by instruction.

Each executed instruction is told with the registers before and after it, the bytes it read and what they are called,
the clause of the expression that it belongs to, and which way it went.

    >>> from cbpf import compile
    >>> found = trace(compile("ip").program, bytes(12) + b"\\x08\\x06" + bytes(46))
    >>> [(executed.text.split()[0], executed.read and executed.read.name) for executed in found.executed]
    [('ldh', 'EtherType'), ('jeq', None), ('ret', None)]
    >>> found.verdict, found.clauses[0].text
    (0, 'ip')
"""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

from cbpf.debug.fields import Header, field, headers, named
from cbpf.debug.wording import worded
from cbpf.engine.interpreter import Semantics, State, Step, steps
from cbpf.errors import ProgramError, Span
from cbpf.machine import opcodes as op
from cbpf.machine.listing import Form, write
from cbpf.machine.program import Instruction, Program

ETHERNET: Final = 1  # LINKTYPE_ETHERNET
MOST: Final = 100_000  # instructions; only programs that jump back get there


class Part(NamedTuple):
    """A part of the expression: its characters, and those in one line."""

    span: Span
    text: str


class Read(NamedTuple):
    """Bytes that an instruction read: ``size`` from byte ``offset``, and what they are called.

    ``value`` is the number they are, ``text`` that in the words of the field, if it has some. Both are None if they
    are not all captured: then the packet was rejected there.
    """

    offset: int
    size: int
    name: str
    value: int | None
    text: str | None


class Executed(NamedTuple):
    """One executed instruction.

    * ``pc``: its number; ``text``: its line in a listing, as ``tcpdump -d`` has it.
    * ``before``, ``after``: A, X and the cells of scratch memory.
    * ``taken``: whether the condition of a jump held; None for what is no conditional jump.
    * ``target``: the number of the next instruction, None behind the last.
    * ``clauses``: the parts of the expression it came from; none if that is not known.
    """

    pc: int
    instruction: Instruction
    text: str
    before: State
    after: State
    read: Read | None
    taken: bool | None
    target: int | None
    clauses: tuple[Part, ...]


class Trace(NamedTuple):
    """A program's way through a packet.

    * ``caplen`` and ``wirelen``: captured bytes, and bytes on the wire.
    * ``verdict``: how many bytes to keep, 0 if the packet was rejected.
    * ``decided``: the place in ``executed`` of what decided: the last jump that could have gone two ways, or what
      rejected the packet because it could not be computed; None for a program that always says the same.
    """

    linktype: int
    caplen: int
    wirelen: int
    headers: tuple[Header, ...]
    executed: tuple[Executed, ...]
    verdict: int
    decided: int | None

    @property
    def clauses(self) -> tuple[Part, ...]:
        """The parts of the expression that what decided came from; several where they share an instruction."""
        return () if self.decided is None else self.executed[self.decided].clauses

    @property
    def read(self) -> Read | None:
        """The bytes that decided: what was read into A last before. None if that was something else."""
        if self.decided is None:
            return None
        for executed in reversed(self.executed[: self.decided + 1]):
            code = executed.instruction.code
            if executed.read is not None and (code & op.CLASS_MASK == op.LD or executed.read.value is None):
                return executed.read
            if code & op.CLASS_MASK == op.LD or code == op.MISC | op.TXA:
                return None
        return None


def trace(
    program: Program,
    packet: bytes,
    wirelen: int | None = None,
    *,
    linktype: int | None = None,
    semantics: Semantics = "libpcap",
) -> Trace:
    """What ``program`` does with a packet: its captured bytes, and its length on the wire in bytes.

    The fields are called as those of a packet of ``linktype``, by default the program's, or else Ethernet. Raises
    ProgramError for a program that is not valid, and for one that jumps back and goes on for very long.
    """
    wirelen = len(packet) if wirelen is None else wirelen
    if linktype is None:
        linktype = ETHERNET if program.linktype is None else program.linktype
    context = headers(linktype, packet)
    made = list(islice(steps(program, packet, wirelen, semantics=semantics), MOST + 1))
    if len(made) > MOST:
        raise ProgramError(f"more than {MOST} instructions were executed: too long a way to tell")
    lines = [line.partition(" ")[2] for line in write(program, Form.TEXT).splitlines()]
    following = [step.pc for step in made[1:]]
    executed = tuple(
        Executed(
            step.pc,
            step.instruction,
            " ".join(lines[step.pc].split()),
            step.before,
            step.after,
            read_of(step, packet, context),
            _taken(step, target),
            target,
            clauses_of(program, step.pc),
        )
        for step, target in zip(made, [*following, None], strict=True)
    )
    verdict = made[-1].verdict
    assert verdict is not None
    return Trace(linktype, len(packet), wirelen, context, executed, verdict, _decided(executed))


def branches(instruction: Instruction) -> bool:
    """Whether an instruction is a jump that may go two ways."""
    is_jump = instruction.code & op.CLASS_MASK == op.JMP and instruction.code & op.OPERATION_MASK != op.JA
    return is_jump and instruction.jt != instruction.jf


def read_of(step: Step, packet: bytes, context: tuple[Header, ...]) -> Read | None:
    """What a step loaded, with the name of its field; None if it loaded nothing."""
    if step.loaded is None:
        return None
    offset, size = step.loaded
    name = field(offset, size, context)
    octets = packet[offset : offset + size]
    if len(octets) < size:
        return Read(offset, size, name, None, None)
    found = named(offset, size, context)
    whole = len(found) == 1 and (found[0].offset, found[0].size) == (offset, size)
    text = worded(found[0].kind, octets) if whole else None
    return Read(offset, size, name, int.from_bytes(octets), text)


def _taken(step: Step, target: int | None) -> bool | None:
    if not branches(step.instruction) or target is None:
        return None
    return target == step.pc + 1 + step.instruction.jt


def clauses_of(program: Program, pc: int) -> tuple[Part, ...]:
    """The innermost parts of the expression that an instruction came from, in order."""
    if not program.spans or program.expression is None:
        return ()
    spans = program.spans[pc]
    inner = [span for span in spans if not any(_inside(other, span) for other in spans)]
    return tuple(Part(span, " ".join(program.expression[span.start : span.end].split())) for span in inner)


def _inside(inner: Span, outer: Span) -> bool:
    return inner != outer and outer.start <= inner.start and inner.end <= outer.end


def _decided(executed: tuple[Executed, ...]) -> int | None:
    last = executed[-1]
    if last.instruction.code & op.CLASS_MASK != op.RET:
        return len(executed) - 1
    return next((index for index in range(len(executed) - 1, -1, -1) if executed[index].taken is not None), None)

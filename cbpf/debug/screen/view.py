"""What there is to be seen where the debugger stands, as plain values: what the panes show, before anybody draws it.

It is made of the session in one go, by whoever has just moved it, so that drawing needs nothing of the session.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Final, NamedTuple

from cbpf.debug.commands import Debugger
from cbpf.debug.debuggee import NOTHING_MATCHES, Made
from cbpf.debug.decided import Settled, settled
from cbpf.debug.fields import Header, field
from cbpf.debug.listing import place_of, with_value
from cbpf.debug.outcomes import Breakpoints
from cbpf.debug.replay import Replay
from cbpf.debug.session import Here, Session
from cbpf.debug.trace import branches, read_of
from cbpf.engine.interpreter import State, Step
from cbpf.errors import CbpfError, Span
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction, Program

_CLASS_OF_LOADS: Final = (op.LD, op.LDX)


class Line(NamedTuple):
    """An instruction in the listing.

    ``taken`` says which way a jump went on this packet, ``note`` what the instruction reads, or read, of it; ``clause``
    are the parts of the expression that it came from, in one line.
    """

    pc: int
    mnemonic: str
    operand: str
    jumps: tuple[int, int] | None
    note: str
    clause: str
    executed: bool
    taken: bool | None


class Register(NamedTuple):
    """``changed`` if the last instruction wrote another value."""

    name: str
    value: int
    changed: bool


class View(NamedTuple):
    """
    * ``expression``: None if there is a program in its place, or nothing; ``lit`` are the parts of it that the next
      instruction is of, ``settled`` the clauses that are.
    * ``pc``: the next instruction, or the last one if there is a verdict.
    * ``number``, ``data``, ``wirelen``, ``headers``: of the packet; number 0 if there is none.
    * ``loaded``: the bytes that were read last, first and end; ``load`` says what they are.
    * ``breakpoints``: a copy; ``of_clauses`` are the instructions of the clauses among them.
    * ``verdict``: bytes to keep, 0 if it was rejected, None before it is there.
    * ``trouble``: why there is no program, or none for this packet.
    * ``said``: what there is to be said of all this in a sentence.
    """

    expression: str | None = None
    lit: tuple[Span, ...] = ()
    settled: tuple[Settled, ...] = ()
    listing: tuple[Line, ...] = ()
    pc: int | None = None
    done: int = 0
    registers: tuple[Register, ...] = ()
    number: int = 0
    data: bytes = b""
    wirelen: int = 0
    headers: tuple[Header, ...] = ()
    loaded: tuple[int, int] | None = None
    load: str = ""
    breakpoints: Breakpoints = Breakpoints(set(), [], set())
    of_clauses: frozenset[int] = frozenset()
    verdict: int | None = None
    name: str = ""
    trouble: str = ""
    said: str = ""


def look(debugger: Debugger) -> View:
    """What is to be seen. Never raises CbpfError: that there is no filter, or no packet, is to be seen as well."""
    session, view = debugger.session, View()
    with suppress(CbpfError):
        view = view._replace(expression=session.debuggee.expression)
    instructions, clauses, packets = session.breakpoints
    view = view._replace(breakpoints=Breakpoints(set(instructions), list(clauses), set(packets)))
    try:
        if session.has_packets:
            view = _packet(view, session)
        made = session.made
    except CbpfError as error:
        return view._replace(trouble=str(getattr(error, "message", error)), said=_without(session, error))
    view = view._replace(of_clauses=frozenset().union(*map(made.of_words, clauses)))
    if not session.has_packets:
        said = "There are no packets: name a savefile with -r, or open one with o."
        return view._replace(listing=_listing(made, None, session), said=said)
    return _standing(view, debugger, made)


def _packet(view: View, session: Session) -> View:
    here = session.here
    number, data, wirelen = here.number, here.packet.data, here.packet.wirelen
    return view._replace(
        number=number, data=data, wirelen=wirelen, headers=here.headers, name=session.packets.name.rpartition("/")[2]
    )


def _without(session: Session, error: CbpfError) -> str:
    what = getattr(error, "message", str(error))
    return f"No program for packet {session.number}: {what}" if session.has_packets else f"{what[0].upper()}{what[1:]}"


def _standing(view: View, debugger: Debugger, made: Made) -> View:
    session = debugger.session
    here, replay = session.here, session.replay
    at = replay.upcoming or replay.last
    pc = replay.pc if replay.pc is not None or at is None else at.pc
    load = None if replay.load is None else read_of(replay.load, here.packet.data, here.headers)
    return view._replace(
        lit=() if pc is None else tuple(part.span for part in made.parts[pc]),
        settled=_settled(session, made),
        listing=_listing(made, replay, session),
        pc=pc,
        done=replay.done,
        registers=_registers(replay, made.program),
        loaded=None if load is None or load.value is None else (load.offset, load.offset + load.size),
        load="" if load is None else f"{place_of(load)}: {with_value(load)}",
        verdict=replay.verdict,
        said=_said(debugger, made),
    )


# The listing.


def _listing(made: Made, replay: Replay | None, session: Session) -> tuple[Line, ...]:
    executed = {} if replay is None else {step.pc: step for step in replay.executed}
    targets = {} if replay is None else _targets(replay)
    here = session.here if session.has_packets else None
    if replay is not None and replay.upcoming is not None:
        reading = {**executed, replay.upcoming.pc: replay.upcoming}
    else:
        reading = executed
    return tuple(
        _line(
            pc,
            made.lines[pc].partition(" ")[2],
            instruction,
            "" if here is None else _note(pc, instruction, reading.get(pc), here),
            " | ".join(part.text for part in made.parts[pc]),
            executed.get(pc),
            targets.get(pc),
        )
        for pc, instruction in enumerate(made.program)
    )


def _line(
    pc: int, text: str, instruction: Instruction, note: str, clause: str, executed: Step | None, target: int | None
) -> Line:
    words, _, jumps = text.partition(" jt ")
    mnemonic, _, operand = words.partition(" ")
    ways = None
    if jumps:
        ways = pc + 1 + instruction.jt, pc + 1 + instruction.jf
    taken = None
    if target is not None and branches(instruction):
        taken = target == pc + 1 + instruction.jt
    return Line(pc, mnemonic, operand, ways, note, clause, executed is not None, taken)


def _targets(replay: Replay) -> dict[int, int]:
    """Where each executed instruction led to the last time."""
    way = replay.executed
    following = [step.pc for step in way[1:]]
    if replay.pc is not None:
        following.append(replay.pc)
    return {step.pc: target for step, target in zip(way, following, strict=False)}


def _note(pc: int, instruction: Instruction, step: Step | None, here: Here) -> str:
    """What the bytes are called that are read: those that were, or those that always are."""
    if step is not None:
        read = read_of(step, here.packet.data, here.headers)
        if read is None:
            return ""
        return read.name if read.name != place_of(read) else ""
    place = _fixed(instruction)
    if place is None:
        return ""
    name = field(*place, here.headers)
    return "" if name.startswith("byte") else name


def _fixed(instruction: Instruction) -> tuple[int, int] | None:
    """The place and the number of the bytes that an instruction loads, if it says so itself."""
    code = instruction.code
    if code & op.CLASS_MASK == op.LD and code & op.MODE_MASK == op.ABS:
        return instruction.k, {op.W: 4, op.H: 2, op.B: 1}.get(code & op.SIZE_MASK, 1)
    if code & op.CLASS_MASK == op.LDX and code & op.MODE_MASK == op.MSH:
        return instruction.k, 1
    return None


# The rest.


def _registers(replay: Replay, program: Program) -> tuple[Register, ...]:
    """A, X, and the cells that the program uses, or that are not 0."""
    now = replay.state
    before = now if replay.last is None else replay.last.before
    cells = [cell for cell, value in enumerate(now.scratch) if value or cell in _used(program)]
    values, old = _values(now, cells), _values(before, cells)
    return tuple(Register(name, value, value != old[name]) for name, value in values.items())


def _values(state: State, cells: list[int]) -> dict[str, int]:
    return {"A": state.a, "X": state.x, **{f"M[{cell}]": state.scratch[cell] for cell in cells}}


@lru_cache(maxsize=8)
def _used(program: Program) -> frozenset[int]:
    """The cells of scratch memory that a program reads or writes."""
    return frozenset(
        k
        for code, _, _, k in program
        if code & op.CLASS_MASK in (op.ST, op.STX)
        or (code & op.CLASS_MASK in _CLASS_OF_LOADS and code & op.MODE_MASK == op.MEM)
    )


def _settled(session: Session, made: Made) -> tuple[Settled, ...]:
    replay, packet = session.replay, session.here.packet
    if session.debuggee.expression is None or not replay.done:
        return ()
    clauses = session.debuggee.clauses(packet.interface.linktype)
    way = [step.pc for step in replay.executed]
    return settled(clauses, made.program, [*way, replay.pc], packet.data, packet.wirelen)


def _said(debugger: Debugger, made: Made) -> str:
    """What happened last; at the verdict, why."""
    session = debugger.session
    replay = session.replay
    if replay.verdict is not None:
        kept = f"Accepted, {replay.verdict} bytes are kept" if replay.verdict else "Rejected"
        with suppress(CbpfError):
            kept += f": {''.join(debugger.execute('why')).rstrip()}"
        return kept
    if replay.last is None:
        return NOTHING_MATCHES[0].upper() + NOTHING_MATCHES[1:] if made.pointless else ""
    return _happened(replay, replay.last, session.here, made)


def _happened(replay: Replay, last: Step, here: Here, made: Made) -> str:
    text = made.lines[last.pc].partition(" jt ")[0]
    if branches(last.instruction) and replay.pc is not None:
        holds = replay.pc == last.pc + 1 + last.instruction.jt
        return f"{text}: {'yes' if holds else 'no'}, to {replay.pc:03}"
    read = read_of(last, here.packet.data, here.headers)
    if read is not None:
        return f"{text}: {with_value(read)}"
    return text

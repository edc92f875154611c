"""Where the debugger stands, as text: the next instruction, the registers, what was read last, the bytes of the packet.

Lines have a name, a colon, and what it is, so that scripts can pick them out.
"""

from __future__ import annotations

from typing import Final

from cbpf.debug.listing import place_of, plain, row_of, with_value
from cbpf.debug.session import Here, Session
from cbpf.debug.trace import Part, read_of
from cbpf.debug.wording import number
from cbpf.engine.interpreter import State, Step
from cbpf.linktypes import linktype_name

_ROW: Final = 16  # bytes in a line
_LONGEST: Final = 100  # characters of the clauses of an instruction
_WIDTH: Final = 9  # of a name and its colon


def position(session: Session) -> str:
    """Where it stands. Raises CbpfError if there is nothing to stand on."""
    here, replay, made = session.here, session.replay, session.made
    at = replay.upcoming or replay.last
    pc = replay.pc if at is None or replay.pc is not None else at.pc
    lines = [_packet(here, replay.done)]
    if pc is not None:
        lines.append(_line("pc", f"{made.lines[pc]}{_name(replay.upcoming, here)}"))
    lines += _registers(replay.state)
    if replay.load is not None:
        lines.append(_line("load", _loaded(replay.load, here)))
    if pc is not None and made.parts[pc]:
        lines.append(_line("clause", _clauses(made.parts[pc])))
    if replay.verdict is not None:
        lines.append(_line("verdict", verdict(replay.verdict)))
    return "".join(lines)


def packet(here: Here) -> str:
    """Which packet it is."""
    return _packet(here, None)


def verdict(value: int) -> str:
    return f"accepted: {value} bytes" if value else "rejected"


def registers(session: Session) -> str:
    """All registers, and the instruction that is next with its numbers, as bpf_dbg tells them."""
    replay = session.replay
    a, x, cells = replay.state
    lines = [_line("pc", "none: the verdict is there" if replay.pc is None else str(replay.pc))]
    if replay.upcoming is not None:
        code, jt, jf, k = replay.upcoming.instruction
        lines.append(_line("code", f"{code:#04x} jt {jt} jf {jf} k {k:#x}"))
    values = {"A": a, "X": x, **{f"M[{cell}]": value for cell, value in enumerate(cells)}}
    return "".join([*lines, *(_line(name, f"{value:#010x} {value}") for name, value in values.items())])


def octets(session: Session) -> str:
    """The bytes of the packet, in hexadecimal; under each row marks for those that were read last."""
    here, marked = session.here, frozenset[int]()
    load = None if here.replay is None else here.replay.load
    if load is not None and load.loaded is not None:
        offset, size = load.loaded
        marked = frozenset(range(offset, offset + size))
    data = here.packet.data
    rows = [line for start in range(0, len(data), _ROW) for line in row_of(data, start, set(marked), plain)]
    return "".join(f"{line.rstrip()}\n" for line in [packet(here).rstrip(), *rows])


def _line(name: str, text: str) -> str:
    return f"{f'{name}:':{_WIDTH}}{text}\n"


def _packet(here: Here, done: int | None) -> str:
    caplen, wirelen = len(here.packet.data), here.packet.wirelen
    of = f" of {wirelen}" if wirelen != caplen else ""
    what = f"{here.number}, {linktype_name(here.packet.interface.linktype)}, {caplen}{of} bytes"
    return _line("packet", what if done is None else f"{what}, {done} executed")


def _registers(state: State) -> list[str]:
    """A, X, and the cells that are not 0."""
    cells = ((f"M[{cell}]", value) for cell, value in enumerate(state.scratch) if value)
    return [_line(name, number(value)) for name, value in (("A", state.a), ("X", state.x), *cells)]


def _name(step: Step | None, here: Here) -> str:
    """What the bytes are called that an instruction is going to read."""
    read = None if step is None else read_of(step, here.packet.data, here.headers)
    return "" if read is None else f"  ; {read.name}"


def _loaded(step: Step, here: Here) -> str:
    read = read_of(step, here.packet.data, here.headers)
    assert read is not None
    return with_value(read) if read.name == place_of(read) else f"{place_of(read)}: {with_value(read)}"


def _clauses(parts: tuple[Part, ...]) -> str:
    text = " | ".join(part.text for part in parts)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

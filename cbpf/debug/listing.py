"""A trace as text for people: what was executed, and the bytes of the packet with those that were read marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cbpf.debug.trace import Executed, Read, Trace
from cbpf.debug.wording import number
from cbpf.machine import opcodes as op

_RESET: Final = "\x1b[0m"
_STYLES: Final = {"dim": "\x1b[2m", "good": "\x1b[32m", "bad": "\x1b[31m", "name": "\x1b[36m", "read": "\x1b[1;33m"}
_ROW: Final = 16  # bytes of a packet in a line
_REST: Final = 2  # rows behind the last byte that was read that are still shown
_LONGEST: Final = 40  # characters of a clause
_MOST_CLAUSES: Final = 3  # that share what decided

Paint = Callable[[str, str], str]


def paint(style: str, text: str) -> str:
    """Text in a style of ``_STYLES``, for terminals."""
    return f"{_STYLES[style]}{text}{_RESET}" if text else ""


def plain(_: str, text: str) -> str:
    """Text without any style."""
    return text


def render(trace: Trace, packet: bytes, *, color: bool) -> str:
    """The lines of a trace of ``packet``, each ended by a line feed: what was executed, the verdict, the bytes."""
    style = paint if color else plain
    lines = [*_executed(trace, style), "", verdict(trace, style), "", *_bytes(trace, packet, style)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def verdict(trace: Trace, style: Paint = plain) -> str:
    """What came of it, and what decided, in one sentence."""
    what = style("good", f"accepted: {trace.verdict} bytes") if trace.verdict else style("bad", "rejected")
    if trace.decided is None:
        return what
    by = trace.executed[trace.decided]
    clause = " | ".join(style("name", f"`{part.text}`") for part in trace.clauses[:_MOST_CLAUSES])
    clause = f", of {clause}" if clause else ""
    return f"{what}, decided by ({by.pc:03}) {by.text}{_why(trace, by)}{clause}"


def _why(trace: Trace, by: Executed) -> str:
    if by.read is not None and by.read.value is None:
        return (
            f": {place_of(by.read)} {'is' if by.read.size == 1 else 'are'} not within the {trace.caplen} captured bytes"
        )
    if by.taken is None:
        return ": division by zero"
    read = trace.read
    if read is not None and read.value == by.before.a:
        return f": {with_value(read)}"
    return f": A is {number(by.before.a)}{'' if read is None else f', from {with_value(read)}'}"


# What was executed.


def _executed(trace: Trace, style: Paint) -> list[str]:
    texts = [_instruction(executed) for executed in trace.executed]
    effects = [_effect(executed) for executed in trace.executed]
    clauses = [_shown_clauses(executed) for executed in trace.executed]
    widths = [max(map(len, column)) for column in (texts, effects)]
    lines, previous = [], ""
    for executed, text, effect, clause in zip(trace.executed, texts, effects, clauses, strict=True):
        shown = style(_effect_style(executed), effect) + " " * (widths[1] - len(effect))
        lines.append(f"{text:{widths[0]}}  {shown}  {style('name', clause if clause != previous else '')}")
        previous = clause
    return lines


def _instruction(executed: Executed) -> str:
    mnemonic, _, operand = executed.text.partition(" ")
    return f"({executed.pc:03}) {mnemonic:5} {operand.split(' jt ')[0]}"


def _effect(executed: Executed) -> str:
    """What an instruction did: which way it went, or what it changed, and what it read."""
    if executed.taken is not None:
        return f"{'yes' if executed.taken else 'no'}, to {executed.target:03}"
    if executed.target is None and (executed.read is None or executed.read.value is None):
        return "" if executed.read is None else f"not captured: {executed.read.name}, {place_of(executed.read)}"
    changes = ", ".join(_changes(executed))
    return f"{changes}  {_described(executed.read)}".rstrip() if executed.read is not None else changes


def _changes(executed: Executed) -> list[str]:
    """The register that was written, also if the same was in it before, and the cell."""
    a, x, cells = executed.after
    written = _WRITTEN.get(executed.instruction.code & op.CLASS_MASK, "")
    if written == "A or X":
        written = "A" if executed.instruction.code == op.MISC | op.TXA else "X"
    if written == "M":
        cell = executed.instruction.k
        return [f"M[{cell}] = {cells[cell]:#x}"]
    return [f"{written} = {(a if written == 'A' else x):#x}"] if written else []


# What instructions of a class write.
_WRITTEN: Final = {op.LD: "A", op.LDX: "X", op.ALU: "A", op.MISC: "A or X", op.ST: "M", op.STX: "M"}


def _described(read: Read) -> str:
    if read.text is None or read.text == f"{read.value:#x}":
        return read.name
    return f"{read.name}: {read.text}"


def _effect_style(executed: Executed) -> str:
    if executed.read is not None:
        return "bad" if executed.read.value is None else "read"
    return "dim"


def _shown_clauses(executed: Executed) -> str:
    """The clauses that share an instruction, as far as there is room for them."""
    text, rest = "", len(executed.clauses)
    for part in executed.clauses:
        if text and len(text) + len(part.text) > _LONGEST:
            return f"{text} | {rest} more"
        text, rest = f"{text} | {part.text}" if text else part.text, rest - 1
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST]}..."


# The bytes.


def _bytes(trace: Trace, packet: bytes, style: Paint) -> list[str]:
    """A hex dump; under each row marks for what was read, if there are no colours for it; and what it is called."""
    reads = {(read.offset, read.size): read for executed in trace.executed if (read := executed.read) is not None}
    marked = {
        at for read in reads.values() if read.value is not None for at in range(read.offset, read.offset + read.size)
    }
    end = min(len(packet), (max(marked, default=0) // _ROW + 1 + _REST) * _ROW)
    lines = []
    for start in range(0, end, _ROW):
        lines += row_of(packet, start, marked, style)
    if end < len(packet):
        lines.append(f"... {len(packet) - end} more bytes")
    ordered = sorted(reads.values())
    width = max((len(place_of(read)) for read in ordered), default=0)
    names = [f"{place_of(read):{width}}  {with_value(read)}" for read in ordered]
    return [*lines, "", *names] if names else lines


def row_of(packet: bytes, start: int, marked: set[int], style: Paint) -> list[str]:
    """A row of a hex dump, and one below it if some of its bytes are ``marked``."""
    row = packet[start : start + _ROW]
    octets = [style("read", f"{octet:02x}") if start + at in marked else f"{octet:02x}" for at, octet in enumerate(row)]
    text = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in row)
    line = f"{start:04x}  {' '.join(octets)}{'   ' * (_ROW - len(row))}  {text}"
    marks = "".join("^^ " if start + at in marked else "   " for at in range(len(row)))
    return [line, f"      {marks}"] if style is plain and marks.strip() else [line]


def with_value(read: Read) -> str:
    """The name of what was read, and its value in words."""
    if read.value is None:
        return f"{read.name}: not captured"
    return f"{read.name} = {read.text or number(read.value)}"


def place_of(read: Read) -> str:
    """The bytes that were read, by their numbers."""
    return f"byte {read.offset}" if read.size == 1 else f"bytes {read.offset}-{read.offset + read.size - 1}"

"""Every instruction as a line of Python, for ``cbpf.engine.translator``.

``packet``, ``wirelen``, ``ancillary``, the registers A and X and the scratch cells M0 to M15 are Python variables.
Python's own errors stand for rejecting the packet: IndexError outside the captured bytes, ZeroDivisionError, and
KeyError for the data of an absent device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cbpf.engine.interpreter import Semantics
from cbpf.engine.meaning import OF_A_DEVICE, WORD
from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction

# The statements, where {k} is the instruction's constant and {v} in an operation its second operand.

_PACKET_BYTES: Final = {
    op.W: "packet[{at}] << 24 | packet[{next} + 1] << 16 | packet[{next} + 2] << 8 | packet[{next} + 3]",
    op.H: "packet[{at}] << 8 | packet[{next} + 1]",
    op.B: "packet[{at}]",
}
_OPERATIONS: Final = {
    op.ADD: "(A + {v}) & 0xFFFFFFFF",
    op.SUB: "(A - {v}) & 0xFFFFFFFF",
    op.MUL: "(A * {v}) & 0xFFFFFFFF",
    op.DIV: "A // {v}",
    op.MOD: "A % {v}",
    op.AND: "A & {v}",
    op.OR: "A | {v}",
    op.XOR: "A ^ {v}",
    op.LSH: "(A << {v}) & 0xFFFFFFFF if {v} < 32 else 0",
    op.RSH: "A >> {v}",
}
_LINUX_OPERATIONS: Final = {**_OPERATIONS, op.LSH: "(A << ({v} & 31)) & 0xFFFFFFFF", op.RSH: "A >> ({v} & 31)"}
_COMPARISONS: Final = {
    op.JEQ: ("A == {v}", "A != {v}"),
    op.JGT: ("A > {v}", "A <= {v}"),
    op.JGE: ("A >= {v}", "A < {v}"),
    op.JSET: ("A & {v}", "not A & {v}"),
}
_SOURCES: Final = {op.K: "{k}", op.X: "X"}


def _statements(operations: Mapping[int, str], indirect: str) -> dict[int, str]:
    return {
        op.LD | op.W | op.IMM: "A = {k}",
        **{op.LD | size | op.ABS: "A = " + text.format(at="{k}", next="{k}") for size, text in _PACKET_BYTES.items()},
        **{op.LD | size | op.IND: "A = " + text.format(at=indirect, next="i") for size, text in _PACKET_BYTES.items()},
        op.LD | op.W | op.MEM: "A = M{k}",
        op.LD | op.W | op.LEN: _LENGTH.format(register="A"),
        op.LDX | op.W | op.IMM: "X = {k}",
        op.LDX | op.W | op.MEM: "X = M{k}",
        op.LDX | op.W | op.LEN: _LENGTH.format(register="X"),
        op.LDX | op.B | op.MSH: "X = (packet[{k}] & 15) * 4",
        op.ST: "M{k} = A",
        op.STX: "M{k} = X",
        **{
            op.ALU | code | source: "A = " + text.format(v=operand)
            for code, text in operations.items()
            for source, operand in _SOURCES.items()
        },
        op.ALU | op.NEG: "A = -A & 0xFFFFFFFF",
        op.MISC | op.TAX: "X = A",
        op.MISC | op.TXA: "A = X",
    }


_LENGTH: Final = "{register} = (len(packet) if wirelen is None else wirelen) & 0xFFFFFFFF"
RETURNS: Final = {op.RET | op.K: "return {k}", op.RET | op.A: "return A"}
CONDITIONS: Final = {
    op.JMP | code | source: (holds.format(v=operand), fails.format(v=operand))
    for code, (holds, fails) in _COMPARISONS.items()
    for source, operand in _SOURCES.items()
}
_LIBPCAP_STATEMENTS: Final = _statements(_OPERATIONS, "i := X + {k}")
_LINUX_STATEMENTS: Final = _statements(_LINUX_OPERATIONS, "i := offset(X + {k})")
_AT_CONSTANT_OFFSETS: Final = frozenset({*(op.LD | size | op.ABS for size in _PACKET_BYTES), op.LDX | op.B | op.MSH})


def _libpcap_statement(instruction: Instruction) -> str:
    return _LIBPCAP_STATEMENTS[instruction.code].format(k=instruction.k)


def _linux_statement(instruction: Instruction) -> str:
    code, _, _, k = instruction
    if code & op.CLASS_MASK == op.LD and code & op.MODE_MASK == op.ABS and k >= op.ANCILLARY_OFFSET:
        return _ancillary_statement(k - op.ANCILLARY_OFFSET)
    if code in _AT_CONSTANT_OFFSETS:
        k = linux_offset(k)
    return _LINUX_STATEMENTS[code].format(k=k)


def _ancillary_statement(number: int) -> str:
    if number == op.Ancillary.ALU_XOR_X:
        return "A = A ^ X"
    if number in OF_A_DEVICE:
        return f"A = ancillary[{number}] & 0xFFFFFFFF"
    return f"A = ancillary.get({number}, 0) & 0xFFFFFFFF"


def linux_offset(k: int) -> int:
    """The packet offset Linux means by ``k``, which may have grown beyond 32 bits."""
    k &= WORD
    for base in (op.NETWORK_OFFSET, op.LINK_OFFSET):
        if k >= base:
            return k - base
    return k


STATEMENTS: Final[dict[Semantics, Callable[[Instruction], str]]] = {
    "libpcap": _libpcap_statement,
    "linux": _linux_statement,
}

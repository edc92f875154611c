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
from cbpf.machine.opcodes import (
    ABS,
    ADD,
    ALU,
    ANCILLARY_OFFSET,
    AND,
    CLASS_MASK,
    DIV,
    IMM,
    IND,
    JEQ,
    JGE,
    JGT,
    JMP,
    JSET,
    LD,
    LDX,
    LEN,
    LINK_OFFSET,
    LSH,
    MEM,
    MISC,
    MOD,
    MODE_MASK,
    MSH,
    MUL,
    NEG,
    NETWORK_OFFSET,
    OR,
    RET,
    RSH,
    ST,
    STX,
    SUB,
    TAX,
    TXA,
    XOR,
    A,
    Ancillary,
    B,
    H,
    K,
    W,
    X,
)
from cbpf.machine.program import Instruction

# The statements, where {k} is the instruction's constant and {v} in an operation its second operand.

_PACKET_BYTES: Final = {
    W: "packet[{at}] << 24 | packet[{next} + 1] << 16 | packet[{next} + 2] << 8 | packet[{next} + 3]",
    H: "packet[{at}] << 8 | packet[{next} + 1]",
    B: "packet[{at}]",
}
_OPERATIONS: Final = {
    ADD: "(A + {v}) & 0xFFFFFFFF",
    SUB: "(A - {v}) & 0xFFFFFFFF",
    MUL: "(A * {v}) & 0xFFFFFFFF",
    DIV: "A // {v}",
    MOD: "A % {v}",
    AND: "A & {v}",
    OR: "A | {v}",
    XOR: "A ^ {v}",
    LSH: "(A << {v}) & 0xFFFFFFFF if {v} < 32 else 0",
    RSH: "A >> {v}",
}
_LINUX_OPERATIONS: Final = {**_OPERATIONS, LSH: "(A << ({v} & 31)) & 0xFFFFFFFF", RSH: "A >> ({v} & 31)"}
_COMPARISONS: Final = {
    JEQ: ("A == {v}", "A != {v}"),
    JGT: ("A > {v}", "A <= {v}"),
    JGE: ("A >= {v}", "A < {v}"),
    JSET: ("A & {v}", "not A & {v}"),
}
_SOURCES: Final = {K: "{k}", X: "X"}


def _statements(operations: Mapping[int, str], indirect: str) -> dict[int, str]:
    return {
        LD | W | IMM: "A = {k}",
        **{LD | size | ABS: "A = " + text.format(at="{k}", next="{k}") for size, text in _PACKET_BYTES.items()},
        **{LD | size | IND: "A = " + text.format(at=indirect, next="i") for size, text in _PACKET_BYTES.items()},
        LD | W | MEM: "A = M{k}",
        LD | W | LEN: _LENGTH.format(register="A"),
        LDX | W | IMM: "X = {k}",
        LDX | W | MEM: "X = M{k}",
        LDX | W | LEN: _LENGTH.format(register="X"),
        LDX | B | MSH: "X = (packet[{k}] & 15) * 4",
        ST: "M{k} = A",
        STX: "M{k} = X",
        **{
            ALU | code | source: "A = " + text.format(v=operand)
            for code, text in operations.items()
            for source, operand in _SOURCES.items()
        },
        ALU | NEG: "A = -A & 0xFFFFFFFF",
        MISC | TAX: "X = A",
        MISC | TXA: "A = X",
    }


_LENGTH: Final = "{register} = (len(packet) if wirelen is None else wirelen) & 0xFFFFFFFF"
RETURNS: Final = {RET | K: "return {k}", RET | A: "return A"}
CONDITIONS: Final = {
    JMP | code | source: (holds.format(v=operand), fails.format(v=operand))
    for code, (holds, fails) in _COMPARISONS.items()
    for source, operand in _SOURCES.items()
}
_LIBPCAP_STATEMENTS: Final = _statements(_OPERATIONS, "i := X + {k}")
_LINUX_STATEMENTS: Final = _statements(_LINUX_OPERATIONS, "i := offset(X + {k})")
_AT_CONSTANT_OFFSETS: Final = frozenset({*(LD | size | ABS for size in _PACKET_BYTES), LDX | B | MSH})


def _libpcap_statement(instruction: Instruction) -> str:
    return _LIBPCAP_STATEMENTS[instruction.code].format(k=instruction.k)


def _linux_statement(instruction: Instruction) -> str:
    code, _, _, k = instruction
    if code & CLASS_MASK == LD and code & MODE_MASK == ABS and k >= ANCILLARY_OFFSET:
        return _ancillary_statement(k - ANCILLARY_OFFSET)
    if code in _AT_CONSTANT_OFFSETS:
        k = linux_offset(k)
    return _LINUX_STATEMENTS[code].format(k=k)


def _ancillary_statement(number: int) -> str:
    if number == Ancillary.ALU_XOR_X:
        return "A = A ^ X"
    if number in OF_A_DEVICE:
        return f"A = ancillary[{number}] & 0xFFFFFFFF"
    return f"A = ancillary.get({number}, 0) & 0xFFFFFFFF"


def linux_offset(k: int) -> int:
    """The packet offset Linux means by ``k``, which may have grown beyond 32 bits."""
    k &= WORD
    for base in (NETWORK_OFFSET, LINK_OFFSET):
        if k >= base:
            return k - base
    return k


STATEMENTS: Final[dict[Semantics, Callable[[Instruction], str]]] = {
    "libpcap": _libpcap_statement,
    "linux": _linux_statement,
}

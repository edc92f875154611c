"""The machine as a kernel: programs that are too long for machine code of their own are interpreted by machine code.

A filter for ten thousand hosts has more than fifty thousand instructions, and a packet meets some forty of them. It
would take many seconds to compile all.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from cbpf.engine.interpreter import STEP_LIMIT as _STEP_LIMIT
from cbpf.engine.kernel import Buffer, load8, load16, load32, load64, store64, swap16, swap32
from cbpf.machine import opcodes as op
from cbpf.machine.program import Program

_INSTRUCTION: Final = Struct("=HBBI")

ENDLESS = 1 << 32
"""What is given instead of a verdict when the program would go on for ever."""

# Given for the types' sake: whether the program means what it means to Linux, or to libpcap; the byte order.
LINUX = 0
LITTLE = 1

_WORD = 0xFFFFFFFF
_OUTSIDE = 1 << 33
_CELLS = op.SCRATCH_CELLS
_CLASS, _MODE, _OPERATION, _X = op.CLASS_MASK, op.MODE_MASK, 0xF0, op.X
_LD, _LDX, _ST, _STX = op.LD, op.LDX, op.ST, op.STX
_ALU, _JMP, _RET, _MISC = op.ALU, op.JMP, op.RET, op.MISC
_IMM, _ABS, _IND, _MEM, _LEN, _MSH = op.IMM, op.ABS, op.IND, op.MEM, op.LEN, op.MSH
_SIZE, _H, _B = 0x18, op.H, op.B
_ADD, _SUB, _MUL, _DIV, _MOD = op.ADD, op.SUB, op.MUL, op.DIV, op.MOD
_AND, _OR, _XOR, _LSH, _RSH, _NEG = op.AND, op.OR, op.XOR, op.LSH, op.RSH, op.NEG
_JA, _JEQ, _JGT, _JGE = op.JA, op.JEQ, op.JGT, op.JGE
_RET_A, _TAX = op.RET | op.A, op.MISC | op.TAX
_NETWORK, _LINK, _ANCILLARY = op.NETWORK_OFFSET, op.LINK_OFFSET, op.ANCILLARY_OFFSET
_XOR_X, _IFIDX, _HATYPE = op.Ancillary.ALU_XOR_X, op.Ancillary.IFIDX, op.Ancillary.HATYPE


def encoded(program: Program) -> bytes:
    """A program for ``interpret``: of each instruction code, jt and jf, and k."""
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def interpret(code: Buffer, data: Buffer, start: int, caplen: int, wirelen: int, scratch: Buffer) -> int:
    """The verdict of a valid program on the packet of ``caplen`` bytes at ``start``, or ENDLESS."""
    cell = 0
    while cell < _CELLS:
        store64(scratch, 8 * cell, 0)
        cell += 1
    a = 0
    x = 0
    at = 0
    steps = 0
    while steps < _STEP_LIMIT:
        steps += 1
        opcode = load16(code, at)
        k = load32(code, at + 4)
        kind = opcode & _CLASS
        if kind == _JMP:
            if opcode & _OPERATION == _JA:
                at = (at // 8 + 1 + k & _WORD) * 8
            elif _holds(opcode, a, x if opcode & _X else k):
                at += 8 + 8 * load8(code, at + 2)
            else:
                at += 8 + 8 * load8(code, at + 3)
            continue
        if kind == _RET:
            return a if opcode == _RET_A else k
        if kind in (_LD, _LDX):
            value = _loaded(opcode, k, a, x, data, start, caplen, wirelen, scratch)
            if value == _OUTSIDE:
                return 0
            if kind == _LD:
                a = value
            else:
                x = value
        elif kind == _ALU:
            operand = x if opcode & _X else k
            if operand == 0 and opcode & _OPERATION in (_DIV, _MOD):
                return 0
            a = _calculated(opcode & _OPERATION, a, operand)
        elif kind == _ST:
            store64(scratch, 8 * k, a)
        elif kind == _STX:
            store64(scratch, 8 * k, x)
        elif opcode == _TAX:
            x = a
        else:
            a = x
        at += 8
    return ENDLESS


def _loaded(
    opcode: int, k: int, a: int, x: int, data: Buffer, start: int, caplen: int, wirelen: int, scratch: Buffer
) -> int:
    """What an instruction loads, or OUTSIDE."""
    mode = opcode & _MODE
    if mode == _IMM:
        return k
    if mode == _MEM:
        return load64(scratch, 8 * k)
    if mode == _LEN:
        return wirelen & _WORD
    if LINUX and mode == _ABS and k >= _ANCILLARY:
        if k - _ANCILLARY in (_IFIDX, _HATYPE):  # those of a device, which no packet here has met
            return _OUTSIDE
        return a ^ x if k - _ANCILLARY == _XOR_X else 0
    place = _place(x + k if mode == _IND else k)
    size = 1 if mode == _MSH or opcode & _SIZE == _B else 2 if opcode & _SIZE == _H else 4
    if place + size > caplen:
        return _OUTSIDE
    value = _bytes(data, start + place, size)
    return (value & 15) * 4 if mode == _MSH else value


def _holds(opcode: int, a: int, operand: int) -> int:
    operation = opcode & _OPERATION
    if operation == _JEQ:
        return 1 if a == operand else 0
    if operation == _JGT:
        return 1 if a > operand else 0
    if operation == _JGE:
        return 1 if a >= operand else 0
    return 1 if a & operand else 0


def _place(k: int) -> int:
    """Where in the packet a load is: Linux has sums modulo 2**32, and places that count from a header."""
    if LINUX:
        k &= _WORD
        if k >= _NETWORK:
            return k - _NETWORK
        if k >= _LINK:
            return k - _LINK
    return k


def _bytes(data: Buffer, offset: int, size: int) -> int:
    """So many bytes in network order."""
    if size == 1:
        return load8(data, offset)
    if size == 2:
        value = load16(data, offset)
        return swap16(value) if LITTLE else value
    value = load32(data, offset)
    return swap32(value) if LITTLE else value


def _calculated(operation: int, a: int, operand: int) -> int:
    """An operation of ALU on 32 bits; divisors are not 0."""
    if operation == _ADD:
        return a + operand & _WORD
    if operation == _SUB:
        return a + (_WORD + 1 - operand) & _WORD
    if operation == _MUL:
        return a * operand & _WORD
    if operation == _DIV:
        return a // operand
    if operation == _MOD:
        return a % operand
    if operation == _AND:
        return a & operand
    if operation == _OR:
        return a | operand
    if operation == _XOR:
        return a ^ operand
    if operation == _NEG:
        return _WORD + 1 - a & _WORD
    if LINUX:
        operand &= 31
    elif operand > 31:
        return 0
    return (a << operand) & _WORD if operation == _LSH else a >> operand

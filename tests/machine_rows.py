"""Random valid programs without hypothesis."""

from __future__ import annotations

from random import Random

from cbpf.machine import Program
from cbpf.machine import opcodes as op

_SIZES = (op.W, op.H, op.B)
_OPERATIONS = (op.ADD, op.SUB, op.MUL, op.DIV, op.MOD, op.AND, op.OR, op.XOR, op.LSH, op.RSH)
_JUMPS = (op.JEQ, op.JGT, op.JGE, op.JSET)
_CONSTANTS = (0, 1, 2, 12, 14, 23, 60, 70, 255, 2048, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def random_program(choose: Random, length: int = 25) -> Program:
    """Loads at all kinds of places, arithmetic on what they give, and jumps."""
    rows = []
    for left in range(length, 0, -1):
        k = choose.choice(_CONSTANTS)
        rows.append(
            choose.choice(
                (
                    (op.LD | choose.choice(_SIZES) | op.ABS, 0, 0, k),
                    (op.LD | choose.choice(_SIZES) | op.IND, 0, 0, k),
                    (op.LDX | op.B | op.MSH, 0, 0, k),
                    (op.ALU | choose.choice(_OPERATIONS) | op.X, 0, 0, 0),
                    (op.ALU | choose.choice((op.ADD, op.AND, op.OR)) | op.K, 0, 0, k),
                    (op.MISC | choose.choice((op.TAX, op.TXA)), 0, 0, 0),
                    (op.LDX | op.W | op.IMM, 0, 0, k),
                    (op.JMP | choose.choice(_JUMPS) | op.K, choose.randrange(left), choose.randrange(left), k),
                )
            )
        )
    return Program([*rows, (op.RET | op.A, 0, 0, 0)])

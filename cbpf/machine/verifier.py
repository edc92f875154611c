"""The verifier: which programs a machine agrees to run, and what is wrong with the others.

Two machines matter. The Linux kernel checks a program when it is attached to a socket (``bpf_check_classic``; what it
asks for is in ``Documentation/networking/filter.rst`` and in its answers). libpcap checks one before running it in
userland (``bpf_validate``), and asks for less: it lets pass backward unconditional jumps (which ``protochain``
needs), programs of any length, shifts by 32 and more, and scratch memory read before it is written.

libpcap's check also lets pass opcodes on which its interpreter then aborts the process, such as ``ret x``. Those are
refused here under every set of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from cbpf.errors import ProgramError
from cbpf.machine.opcodes import (
    ABS,
    ALU,
    ANCILLARY_OFFSET,
    CLASS_MASK,
    DIV,
    JA,
    JMP,
    LD,
    LDX,
    LSH,
    MAX_INSTRUCTIONS,
    MEM,
    MOD,
    MODE_MASK,
    RET,
    RSH,
    SCRATCH_CELLS,
    ST,
    STX,
    SYNTAX,
    Ancillary,
    K,
)
from cbpf.machine.program import Instruction, Program


class Rules(Enum):
    """Whose rules a program must keep: libpcap's, the Linux kernel's, or both together."""

    LIBPCAP = "libpcap"
    LINUX = "linux"
    ALL = "all"


# A check of one instruction: its number, itself and the length of the program in; the complaint out, or None.
_Check = Callable[[int, Instruction, int], str | None]

_DIVISIONS: Final = frozenset({ALU | DIV | K, ALU | MOD | K})
_SHIFTS: Final = frozenset({ALU | LSH | K, ALU | RSH | K})
_SCRATCH_READS: Final = frozenset({LD | MEM, LDX | MEM})
_SCRATCH_WRITES: Final = frozenset({ST, STX})
_ANCILLARY: Final = frozenset(ANCILLARY_OFFSET + number for number in Ancillary)
_REGISTER_BITS: Final = 32
_MODULUS: Final = 1 << 32


def verify(program: Program, rules: Rules = Rules.ALL) -> None:
    """Return if ``program`` may run under ``rules``; raise ProgramError, naming the first offender, if not."""
    if not program:
        raise ProgramError("the program is empty")
    if rules is not Rules.LIBPCAP and len(program) > MAX_INSTRUCTIONS:
        raise ProgramError(f"{len(program)} instructions are too many: Linux accepts {MAX_INSTRUCTIONS}")
    checks = _CHECKS[rules]
    for index, instruction in enumerate(program):
        for check in checks:
            complaint = check(index, instruction, len(program))
            if complaint is not None:
                raise ProgramError(complaint, index=index)
    if program[-1].code & CLASS_MASK != RET:
        raise ProgramError("the last instruction is not a return", index=len(program) - 1)
    if rules is not Rules.LIBPCAP:
        _verify_scratch(program)


def _opcode(_index: int, instruction: Instruction, _length: int) -> str | None:
    return None if instruction.code in SYNTAX else f"unknown opcode {instruction.code:#04x}"


def _branch(index: int, instruction: Instruction, length: int) -> str | None:
    code, jt, jf, _ = instruction
    if code & CLASS_MASK != JMP or code == JMP | JA:
        return None
    return _landing(index, max(jt, jf), length)


def _jump_forward(index: int, instruction: Instruction, length: int) -> str | None:
    code, _, _, k = instruction
    return _landing(index, k, length) if code == JMP | JA else None


def _jump_anywhere(index: int, instruction: Instruction, length: int) -> str | None:
    code, _, _, k = instruction
    if code != JMP | JA or (index + 1 + k) % _MODULUS < length:
        return None
    return _landing(index, k, length)


def _landing(index: int, offset: int, length: int) -> str | None:
    target = index + 1 + offset
    if target < length:
        return None
    if offset < _MODULUS // 2:
        return f"jumps to instruction {target}, and the last one is {length - 1}"
    if target < _MODULUS:
        return "jumps back to before the first instruction"
    return f"jumps back to instruction {target - _MODULUS}, and Linux only allows forward jumps"


def _divisor(_index: int, instruction: Instruction, _length: int) -> str | None:
    return "divides by zero" if instruction.code in _DIVISIONS and instruction.k == 0 else None


def _shift(_index: int, instruction: Instruction, _length: int) -> str | None:
    if instruction.code not in _SHIFTS or instruction.k < _REGISTER_BITS:
        return None
    return f"shifts by {instruction.k}, and registers have {_REGISTER_BITS} bits"


def _cell(_index: int, instruction: Instruction, _length: int) -> str | None:
    if instruction.code not in _SCRATCH_READS | _SCRATCH_WRITES or instruction.k < SCRATCH_CELLS:
        return None
    return f"there is no M[{instruction.k}]: scratch memory has {SCRATCH_CELLS} cells"


def _ancillary(_index: int, instruction: Instruction, _length: int) -> str | None:
    code, _, _, k = instruction
    if code & (CLASS_MASK | MODE_MASK) != LD | ABS or k < ANCILLARY_OFFSET or k in _ANCILLARY:
        return None
    return f"Linux has no ancillary load number {k - ANCILLARY_OFFSET}"


_COMMON: Final[tuple[_Check, ...]] = (_opcode, _branch, _divisor, _cell)
_LINUX: Final[tuple[_Check, ...]] = (*_COMMON, _jump_forward, _shift, _ancillary)
_LIBPCAP: Final[tuple[_Check, ...]] = (*_COMMON, _jump_anywhere)
_CHECKS: Final = {Rules.LIBPCAP: _LIBPCAP, Rules.LINUX: _LINUX, Rules.ALL: (*_LIBPCAP, *_LINUX)}


def _verify_scratch(program: Program) -> None:
    """Raise ProgramError if a scratch cell may be read before it is written.

    One pass is enough, since jumps go forward: ``written[i]`` is the set of cells written on every path to ``i``.
    """
    everything = frozenset(range(SCRATCH_CELLS))
    written = [frozenset[int](), *[everything] * (len(program) - 1)]
    for index, (code, _, _, k) in enumerate(program):
        if code in _SCRATCH_READS and k not in written[index]:
            raise ProgramError(f"reads M[{k}], which Linux does not see written on every path to here", index=index)
        after = written[index] | {k} if code in _SCRATCH_WRITES else written[index]
        for target in _successors(index, program[index]):
            if target < len(program):
                written[target] &= after


def _successors(index: int, instruction: Instruction) -> Iterator[int]:
    """Where the kernel thinks execution may continue: it lets even a return run on into the next instruction."""
    code, jt, jf, k = instruction
    if code == JMP | JA:
        yield index + 1 + k
    elif code & CLASS_MASK == JMP:
        yield index + 1 + jt
        yield index + 1 + jf
    else:
        yield index + 1

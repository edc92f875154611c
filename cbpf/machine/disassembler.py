"""The disassembler: programs in the language of bpf_asm, with labels where jumps land."""

from __future__ import annotations

from typing import Final

from cbpf.errors import ProgramError
from cbpf.machine.opcodes import (
    ANCILLARY_OFFSET,
    CLASS_MASK,
    JA,
    JMP,
    LINK_OFFSET,
    RET_X,
    SYNTAX,
    Ancillary,
    Operand,
)
from cbpf.machine.program import Instruction, Program
from cbpf.machine.syntax import write_operand

_EXTENSIONS: Final = {
    ANCILLARY_OFFSET + number: number.name.lower() for number in Ancillary if number != Ancillary.ALU_XOR_X
}
# Comparisons the machine does not have, for jumps that go on with the next instruction if true.
_OPPOSITES: Final = {"jeq": "jne", "jgt": "jle", "jge": "jlt"}
_MODULUS: Final = 1 << 32


def disassemble(program: Program) -> str:
    """The program as text for ``assemble``, one instruction a line, each line ended by a line feed.

    Written is what the instructions do: fields that an instruction does not use, such as jt of a load or k of tax,
    are left out. ``assemble`` makes the same program of the text again, with zeros in those fields.

    Raises ProgramError if an opcode has no spelling or a jump leaves the program.
    """
    texts = [_instruction(index, program) for index in range(len(program))]
    landings = {target for index in range(len(program)) for target in _targets(index, program)}
    labels = [f"L{index}: " if index in landings else "" for index in range(len(program))]
    width = max(map(len, labels), default=0)
    return "".join(f"{label:{width}}{text}\n" for label, text in zip(labels, texts, strict=True))


def _instruction(index: int, program: Program) -> str:
    instruction = program[index]
    code = instruction.code
    if code == RET_X:
        return "ret x"
    if code not in SYNTAX:
        raise ProgramError(f"no instruction has opcode {code:#04x}", index=index)
    mnemonic, _ = SYNTAX[code]
    operands = ", ".join([*_operand(instruction), *(f"L{target}" for target in _targets(index, program))])
    if code & CLASS_MASK == JMP and instruction.jt == 0 < instruction.jf and mnemonic in _OPPOSITES:
        mnemonic = _OPPOSITES[mnemonic]
    return f"{mnemonic} {operands}".rstrip()


def _operand(instruction: Instruction) -> list[str]:
    """The operand, without targets, as a list of one text or none."""
    code, _, _, k = instruction
    _, operand = SYNTAX[code]
    if operand in {Operand.NONE, Operand.LABEL}:
        return []
    if operand is Operand.LENGTH:
        return ["len"]
    if operand is Operand.ABSOLUTE and k >= LINK_OFFSET:
        return [_EXTENSIONS.get(k, f"[{k:#x}]")]
    return [write_operand(instruction)]


def _targets(index: int, program: Program) -> list[int]:
    """The instructions a jump has to name: the next one goes without saying, wherever it can."""
    code, jt, jf, k = program[index]
    mnemonic, _ = SYNTAX.get(code, ("", Operand.NONE))
    if code & CLASS_MASK != JMP:
        return []
    if code == JMP | JA:
        offsets = [k]
    elif jf == 0:
        offsets = [jt]
    elif jt == 0 and mnemonic in _OPPOSITES:
        offsets = [jf]
    else:
        offsets = [jt, jf]
    targets = [(index + 1 + offset) % _MODULUS for offset in offsets]
    if max(targets) >= len(program):
        raise ProgramError("jumps out of the program", index=index)
    return targets

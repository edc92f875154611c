"""The listing that ``tcpdump -d`` prints: numbered instructions, with jump targets as instruction numbers.

    (000) ldh      [12]
    (001) jeq      #0x800           jt 2	jf 3
    (002) ret      #262144
    (003) ret      #0

``unimp`` and an opcode stand for what has no line of its own here: every unknown instruction, and ``ldx len``.
"""

from __future__ import annotations

import re
from typing import Final

from cbpf.errors import ProgramError
from cbpf.machine.opcodes import (
    ABS,
    ANCILLARY_OFFSET,
    CLASS_MASK,
    JA,
    JMP,
    LD,
    LDX,
    LEN,
    MODE_MASK,
    RET,
    SYNTAX,
    A,
    Ancillary,
    Operand,
    W,
)
from cbpf.machine.program import Instruction, Program
from cbpf.machine.syntax import Tokens, read_operand, write_operand

_EXTENSIONS: Final = {
    **{ANCILLARY_OFFSET + number: number.name.lower() for number in Ancillary},
    ANCILLARY_OFFSET + Ancillary.ALU_XOR_X: "xor_x",
    ANCILLARY_OFFSET + Ancillary.VLAN_AVAIL: "vlanp",
    ANCILLARY_OFFSET + Ancillary.RAND: "random",
}
_UNIMPLEMENTED: Final = "unimp"
_NAMELESS: Final = LDX | W | LEN
_MODULUS: Final = 1 << 32


def write_text(program: Program) -> str:
    """The listing, one line for each instruction. Fields an instruction does not use are not shown."""
    return "".join(f"({index:03}) {_write(index, instruction)}\n" for index, instruction in enumerate(program))


def _write(index: int, instruction: Instruction) -> str:
    code, jt, jf, k = instruction
    if code not in SYNTAX or code == _NAMELESS:
        return f"{_UNIMPLEMENTED:8} {code:#x}"
    mnemonic, _ = SYNTAX[code]
    if code == JMP | JA:
        return f"{mnemonic:8} {_signed((index + 1 + k) % _MODULUS)}"
    if code & CLASS_MASK == JMP:
        return f"{mnemonic:8} {write_operand(instruction):16} jt {index + 1 + jt}\tjf {index + 1 + jf}"
    return f"{mnemonic:8} {_operand(instruction)}"


def _operand(instruction: Instruction) -> str:
    code, _, _, k = instruction
    if code == RET | A:
        return ""
    if code & (CLASS_MASK | MODE_MASK) == LD | ABS and k in _EXTENSIONS:
        return f"[{_EXTENSIONS[k]}]"
    return write_operand(instruction)


def _signed(value: int) -> int:
    return value - _MODULUS if value >= _MODULUS // 2 else value


_LINE: Final = re.compile(r"\s*\((\d+)\)\s*(.*)")
_CODES: Final = {spelling: code for code, spelling in SYNTAX.items()}


def read_text(text: str) -> Program:
    """The program of a listing; fields the listing does not show are 0.

    Raises ProgramError, with the line, for anything ``write_text`` would not write, and for jumps that are not
    between 0 and 255 instructions on.
    """
    instructions: list[Instruction] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None or int(match[1]) != len(instructions):
            raise ProgramError(f"expected instruction ({len(instructions):03}), found '{line.strip()}'", line=number)
        instructions.append(_read(len(instructions), Tokens(match[2], number)))
    return Program(instructions)


def _read(index: int, tokens: Tokens) -> Instruction:
    line = tokens.next.line
    mnemonic = tokens.word("an instruction")
    if mnemonic == _UNIMPLEMENTED:
        instruction = Instruction(tokens.number("an opcode"), 0, 0, 0)
    elif (mnemonic, Operand.LABEL) in _CODES:
        k = (tokens.number("an instruction's number") - index - 1) % _MODULUS
        instruction = Instruction(_CODES[mnemonic, Operand.LABEL], 0, 0, k)
    elif tokens.next.kind == "end":
        operand = Operand.REGISTER_A if mnemonic == "ret" else Operand.NONE
        instruction = Instruction(_code(mnemonic, operand, line), 0, 0, 0)
    else:
        operand, k = read_operand(tokens)
        code = _code(mnemonic, operand, line)
        jt, jf = _read_targets(index, tokens) if code & CLASS_MASK == JMP else (0, 0)
        instruction = Instruction(code, jt, jf, k)
    if tokens.next.kind != "end":
        raise tokens.error("the end of the line")
    return instruction


def _code(mnemonic: str, operand: Operand, line: int) -> int:
    if (mnemonic, operand) not in _CODES:
        raise ProgramError(f"there is no instruction '{mnemonic}' with {operand.value}", line=line)
    return _CODES[mnemonic, operand]


def _read_targets(index: int, tokens: Tokens) -> tuple[int, int]:
    tokens.expect("jt")
    jt = tokens.number("an instruction's number") - index - 1
    tokens.expect("jf")
    jf = tokens.number("an instruction's number") - index - 1
    if not (0 <= jt <= 0xFF and 0 <= jf <= 0xFF):
        raise ProgramError(f"a jump from {index} reaches {index + 1} to {index + 256} only", line=tokens.next.line)
    return jt, jf

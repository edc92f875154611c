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
    OPERATION_MASK,
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
    code, jt, jf, _ = instruction
    mnemonic, operand = _words(index, instruction)
    if _branches(code):
        return f"{mnemonic:8} {operand:16} jt {index + 1 + jt}\tjf {index + 1 + jf}"
    return f"{mnemonic:8} {operand}"


def _branches(code: int) -> bool:
    return code & CLASS_MASK == JMP and code & OPERATION_MASK != JA


def _words(index: int, instruction: Instruction) -> tuple[str, str]:
    """The mnemonic and the operand."""
    code, _, _, k = instruction
    if code not in SYNTAX or code == _NAMELESS:
        return _UNIMPLEMENTED, f"{code:#x}"
    mnemonic, _ = SYNTAX[code]
    if code == JMP | JA:
        return mnemonic, str(_signed((index + 1 + k) % _MODULUS))
    if code == RET | A:
        return mnemonic, ""
    if code & (CLASS_MASK | MODE_MASK) == LD | ABS and k in _EXTENSIONS:
        return mnemonic, f"[{_EXTENSIONS[k]}]"
    return mnemonic, write_operand(instruction)


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
    code, k = _read_words(index, tokens)
    jt, jf = _read_targets(index, tokens) if _branches(code) else (0, 0)
    if tokens.next.kind != "end":
        raise tokens.error("the end of the line")
    return Instruction(code, jt, jf, k)


def _read_words(index: int, tokens: Tokens) -> tuple[int, int]:
    """The opcode and k that the mnemonic and the operand mean."""
    line = tokens.next.line
    mnemonic = tokens.word("an instruction")
    if mnemonic == _UNIMPLEMENTED:
        return tokens.number("an opcode"), 0
    if (mnemonic, Operand.LABEL) in _CODES:
        k = (tokens.number("an instruction's number") - index - 1) % _MODULUS
        return _CODES[mnemonic, Operand.LABEL], k
    if tokens.next.kind == "end":
        return _code(mnemonic, Operand.REGISTER_A if mnemonic == "ret" else Operand.NONE, line), 0
    operand, k = read_operand(tokens)
    return _code(mnemonic, operand, line), k


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

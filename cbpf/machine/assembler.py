"""The assembler: programs from the language of bpf_asm, the assembler in the Linux kernel tree.

    ldh [12]              A = the EtherType
    jne #0x800, drop      go on only if it is IPv4
    ret #-1               keep the whole packet
    drop: ret #0

The language is the one of ``Documentation/networking/filter.rst``: free of line ends, with comments after ``;``, after
``#`` at the start of a line, and between ``/*`` and ``*/``. Numbers are decimal, hexadecimal (0x), binary (0b) or
octal (0). Taken as well: tcpdump's ``#pktlen`` and ``[proto]``; ``xor_x`` for the one ancillary load that bpf_asm has
no name for; a second label after ``jne``, ``jlt`` and ``jle``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cbpf.errors import ProgramError
from cbpf.machine.opcodes import CLASS_MASK, IMM, JA, JMP, LD, LDX, MSH, RET_X, SYNTAX, B, Operand, W
from cbpf.machine.program import DEFAULT_SNAPLEN, Instruction, Program
from cbpf.machine.syntax import Tokens, read_operand

_CODES: Final = {
    **{spelling: code for code, spelling in SYNTAX.items()},
    ("ret", Operand.REGISTER_X): RET_X,
    ("ldi", Operand.IMMEDIATE): LD | W | IMM,
    ("ldxi", Operand.IMMEDIATE): LDX | W | IMM,
    ("ldx", Operand.HEADER): LDX | B | MSH,
    ("jmp", Operand.LABEL): JMP | JA,
}
_MNEMONICS: Final = frozenset(mnemonic for mnemonic, _ in _CODES)
# Comparisons the machine does not have: the opposite one, with its two targets swapped.
_OPPOSITES: Final = {"jne": "jeq", "jneq": "jeq", "jlt": "jge", "jle": "jgt"}
# The mnemonics whose number bpf_asm takes without its '#' too.
_BARE: Final = frozenset({"ldi", "ldxi"})

_COMMENT: Final = re.compile(r"/\*.*?\*/|;[^\n]*|^[ \t]*#[^\n]*", re.DOTALL | re.MULTILINE)
_FARTHEST: Final = 255
_WORD: Final = 0xFFFFFFFF


class _Draft(NamedTuple):
    """An instruction whose jumps are still labels: where it goes if true, if false; None is the next instruction."""

    code: int
    k: int
    line: int
    taken: str | None = None
    other: str | None = None


def assemble(
    text: str, *, linktype: int | None = None, snaplen: int = DEFAULT_SNAPLEN, expression: str | None = None
) -> Program:
    """The program written in ``text``; the other arguments are those of ``Program``.

    Raises ProgramError with the line and what was expected there. The program is not verified: an unconditional
    jump may go backward, as libpcap's ``protochain`` does and Linux does not accept.
    """
    tokens = Tokens(_COMMENT.sub(_blank, text))
    drafts: list[_Draft] = []
    labels: dict[str, int] = {}
    while tokens.next.kind != "end":
        line = tokens.next.line
        word = tokens.word("an instruction or a label")
        if not tokens.accept(":"):
            drafts.append(_read_instruction(word, line, tokens))
        elif word in labels:
            raise ProgramError(f"label '{word}' is already taken", line=line)
        else:
            labels[word] = len(drafts)
    if not drafts:
        raise tokens.error("an instruction")
    for label, index in labels.items():
        if index == len(drafts):
            raise ProgramError(f"no instruction follows label '{label}'", line=tokens.next.line)
    instructions = [_resolve(index, draft, labels) for index, draft in enumerate(drafts)]
    return Program(instructions, linktype=linktype, snaplen=snaplen, expression=expression)


def _blank(comment: re.Match[str]) -> str:
    """What replaces a comment: a space, and its line ends, so that later lines keep their numbers."""
    return " " + "\n" * comment.group().count("\n")


def _read_instruction(word: str, line: int, tokens: Tokens) -> _Draft:
    mnemonic = _OPPOSITES.get(word, word)
    if mnemonic not in _MNEMONICS:
        raise ProgramError(f"there is no instruction '{word}'", line=line)
    if (mnemonic, Operand.NONE) in _CODES:
        return _Draft(_CODES[mnemonic, Operand.NONE], 0, line)
    if (mnemonic, Operand.LABEL) in _CODES:
        return _Draft(_CODES[mnemonic, Operand.LABEL], 0, line, tokens.word("a label"))
    code, k = _read_operand(mnemonic, tokens)
    if code & CLASS_MASK != JMP:
        return _Draft(code, k, line)
    tokens.expect(",")
    taken = tokens.word("a label")
    other = tokens.word("a label") if tokens.accept(",") else None
    return _Draft(code, k, line, other, taken) if word in _OPPOSITES else _Draft(code, k, line, taken, other)


def _read_operand(mnemonic: str, tokens: Tokens) -> tuple[int, int]:
    """The opcode that ``mnemonic`` and the operand it is given make, and k."""
    line = tokens.next.line
    forms = " or ".join(operand.value for name, operand in _CODES if name == mnemonic)
    if mnemonic in _BARE and tokens.next.kind == "number":
        operand, k = Operand.IMMEDIATE, tokens.number()
    else:
        operand, k = read_operand(tokens, forms)
    code = _CODES.get((mnemonic, operand))
    if code is None:
        raise ProgramError(f"{mnemonic} takes {forms}, not {operand.value}", line=line)
    return code, k


def _resolve(index: int, draft: _Draft, labels: dict[str, int]) -> Instruction:
    jt, jf = (_distance(index, label, draft.line, labels) for label in (draft.taken, draft.other))
    if draft.code == JMP | JA:
        return Instruction(draft.code, 0, 0, jt & _WORD)
    for distance, label in ((jt, draft.taken), (jf, draft.other)):
        if distance < 0:
            raise ProgramError(f"label '{label}' is behind, and a conditional jump only goes forward", line=draft.line)
        if distance > _FARTHEST:
            reach = f"and a conditional jump skips at most {_FARTHEST}"
            raise ProgramError(f"label '{label}' is {distance} instructions on, {reach}", line=draft.line)
    return Instruction(draft.code, jt, jf, draft.k)


def _distance(index: int, label: str | None, line: int, labels: dict[str, int]) -> int:
    """How many instructions lie between a jump and its label."""
    if label is None:
        return 0
    if label not in labels:
        raise ProgramError(f"there is no label '{label}'", line=line)
    return labels[label] - index - 1

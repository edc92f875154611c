"""Programs as bare numbers: tcpdump's -dd and -ddd, and the one line that iptables, tc and bpf_dbg take."""

from __future__ import annotations

import re
from typing import Final

from cbpf.errors import ProgramError
from cbpf.machine.program import Instruction, Program
from cbpf.machine.syntax import parse_number


def write_c(program: Program) -> str:
    """As ``tcpdump -dd``: a C initialiser a line."""
    return "".join(f"{{ {code:#x}, {jt}, {jf}, {k:#010x} }},\n" for code, jt, jf, k in program)


def write_decimal(program: Program) -> str:
    """As ``tcpdump -ddd``: the number of instructions, then four numbers a line."""
    return "\n".join(_numbers(program)) + "\n"


def write_line(program: Program) -> str:
    """As ``nfbpf_compile``: what ``write_decimal`` writes, with commas for the line feeds."""
    return ",".join(_numbers(program)) + "\n"


def _numbers(program: Program) -> list[str]:
    return [str(len(program)), *(f"{code} {jt} {jf} {k}" for code, jt, jf, k in program)]


_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_DECLARATION: Final = re.compile(r"[^{}]*=\s*\{")
_NUMBER: Final = r"\s*(\d\w*)\s*"
_ROW: Final = re.compile(rf"\{{{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER},?\s*\}}")
_JUNK: Final = re.compile(r"[^\s,};]")


def read_c(text: str) -> Program:
    """The program of a C array, with or without its declaration and comments.

    Raises ProgramError, with the line, for anything but rows of four numbers.
    """
    rows = _DECLARATION.sub(_newlines, _COMMENT.sub(_newlines, text), count=1)
    junk = _JUNK.search(_ROW.sub(_newlines, rows))
    if junk is not None:
        line = junk.string.count("\n", 0, junk.start()) + 1
        raise ProgramError(f"expected {{ code, jt, jf, k }}, found '{junk.group()}'", line=line)
    fields = [[parse_number(number.rstrip("uUlL")) for number in row] for row in _ROW.findall(rows)]
    return Program(Instruction(*row) for row in fields)


def _newlines(match: re.Match[str]) -> str:
    """What replaces a part already understood: its line ends alone, so that later lines keep their numbers."""
    return "\n" * match.group().count("\n")


_FIELDS: Final = 4


def read_decimal(text: str) -> Program:
    """The program of ``write_decimal`` or ``write_line``; a comma or blank line at the end does no harm.

    Raises ProgramError, with the number of the instruction, for anything but four numbers for each, and if they are
    more or fewer than the first number says.
    """
    items = [item.split() for item in re.split(r"[,\n]", text) if item.strip()]
    if not items:
        raise ProgramError("expected the number of instructions, found nothing")
    count, *rows = items
    instructions = [_read_row(index, row) for index, row in enumerate(rows)]
    if [str(len(rows))] != count:
        raise ProgramError(f"the first number should be that of the instructions, {len(rows)}, not {' '.join(count)}")
    return Program(instructions)


def _read_row(index: int, row: list[str]) -> Instruction:
    if len(row) != _FIELDS or not all(number.isdecimal() for number in row):
        raise ProgramError(f"expected the four numbers code, jt, jf and k, found '{' '.join(row)}'", index=index)
    code, jt, jf, k = map(int, row)
    return Instruction(code, jt, jf, k)

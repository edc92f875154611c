"""Programs as text, in every form that other tools write and read.

    TEXT      tcpdump -d      a listing to read, jump targets as instruction numbers
    C         tcpdump -dd     the initialiser of an array of struct bpf_insn or sock_filter
    DECIMAL   tcpdump -ddd    a line with the number of instructions, then a line for each
    LINE      DECIMAL with commas for line ends: what iptables -m bpf, tc and bpf_dbg take
    ASM       bpf_asm         what ``cbpf.machine.assembler`` reads
    JSON      one object, with all that a ``Program`` knows
    HEX       the bytes of the array of struct sock_filter, in hexadecimal digits

The first three are tcpdump's byte for byte. C, DECIMAL, LINE, JSON and HEX carry every field of every instruction; TEXT
and ASM leave out the fields an instruction does not use. Only JSON carries more than instructions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from cbpf.machine.assembler import assemble
from cbpf.machine.disassembler import disassemble
from cbpf.machine.exchange import read_json, write_json
from cbpf.machine.hexadecimal import is_hex, read_hex, read_packed, write_hex
from cbpf.machine.numeric import read_c, read_decimal, write_c, write_decimal, write_line
from cbpf.machine.program import Program
from cbpf.machine.tcpdump import read_text, write_text


class Form(StrEnum):
    """The forms a program can be written in; this module's docstring says what each is."""

    TEXT = "text"
    C = "c"
    DECIMAL = "decimal"
    LINE = "line"
    ASM = "asm"
    JSON = "json"
    HEX = "hex"


def write(program: Program, form: Form) -> str:
    """``program`` in ``form``; the text ends in a line feed.

    Raises ProgramError for a program that the form cannot express: ASM has no words for unknown opcodes.
    """
    return _WRITERS[form](program)


def read_program(source: str | bytes) -> Program:
    """The program that ``source`` lists in any of the forms, which is recognised by itself.

    Bytes are UTF-8 text, or the array of struct sock_filter itself: no text has a byte 0, and hardly a program has
    none. Raises ProgramError, with the line if it is known, for what is none of them or is damaged.
    """
    if isinstance(source, bytes):
        text = _text(source)
        if text is None:
            return read_packed(source)
        source = text
    return _READERS[recognise(source)](source)


def _text(data: bytes) -> str | None:
    """The text that bytes are, None if they are none."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def recognise(text: str) -> Form:
    """The form ``text`` seems to be in; ASM if it is no other's."""
    if is_hex(text):
        return Form.HEX
    text = _COMMENT.sub(" ", text)
    return next((form for form, pattern in _PATTERNS.items() if pattern.match(text)), Form.ASM)


_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
# Tried in this order.
_PATTERNS: Final = {
    Form.JSON: re.compile(r'\s*\{\s*["}]'),
    Form.C: re.compile(r"[^{]*\{"),
    Form.TEXT: re.compile(r"\s*\(\d+\)"),
    Form.LINE: re.compile(r"\s*\d+\s*,"),
    Form.DECIMAL: re.compile(r"\s*\d+\s*(\n|$)"),
}

_WRITERS: Final[dict[Form, Callable[[Program], str]]] = {
    Form.TEXT: write_text,
    Form.C: write_c,
    Form.DECIMAL: write_decimal,
    Form.LINE: write_line,
    Form.ASM: disassemble,
    Form.JSON: write_json,
    Form.HEX: write_hex,
}
_READERS: Final[dict[Form, Callable[[str], Program]]] = {
    Form.TEXT: read_text,
    Form.C: read_c,
    Form.DECIMAL: read_decimal,
    Form.LINE: read_decimal,
    Form.ASM: assemble,
    Form.JSON: read_json,
    Form.HEX: read_hex,
}

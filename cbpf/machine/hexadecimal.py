r"""Programs as bytes: the array of ``struct sock_filter`` that a kernel is given, raw or in hexadecimal digits.

An instruction is 8 bytes (linux/filter.h): code (16 bits), jt, jf (8 bits each), k (32 bits). Digits may be written as
``xxd -p``, ``xxd``, ``xxd -i`` and ``hexdump -C`` do, as a C string (``"\x28\0..."`` with all of its digits), or in any
other way in which two digits are a byte and there is nothing but blanks, commas, quotes, ``0x`` and ``\x`` between.

Nothing says in which byte order the numbers are. It is the one that makes a valid program of them; little-endian if
both do, and if neither does, the one in which more of the opcodes exist.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import Final

from cbpf.errors import ProgramError
from cbpf.machine.opcodes import SYNTAX
from cbpf.machine.program import Program
from cbpf.machine.verifier import Rules, verify

_LITTLE, _BIG = Struct("<HBBI"), Struct(">HBBI")
_SIZE: Final = 8  # bytes of an instruction
_SHORTEST: Final = 2 * _SIZE  # digits: what has fewer may be anything

_XXD: Final = re.compile(r"^[0-9a-f]{8,16}: ((?:[0-9a-f]{2,} ){1,16}) .*$", re.IGNORECASE | re.MULTILINE)
_HEXDUMP: Final = re.compile(r"^[0-9a-f]{7,16}  ([0-9a-f ]{2,49}) +\|.*\|\s*$", re.IGNORECASE | re.MULTILINE)
_LENGTH: Final = re.compile(r"^[0-9a-f]{7,16}\s*\Z", re.IGNORECASE | re.MULTILINE)  # the last line of hexdump -C
_ARRAY: Final = re.compile(r"[^{}]*\{((?:[\s,]|0x[0-9a-f]{1,2}(?![0-9a-fx]))+)\}[^{}]*", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[\s\"',;\\0-9a-fx]+", re.IGNORECASE)
_GROUP: Final = re.compile(r"(0x|\\x)?([0-9a-f]+)", re.IGNORECASE)


def write_hex(program: Program) -> str:
    """The bytes of the program, little-endian, an instruction a line."""
    return "".join(f"{_LITTLE.pack(*instruction).hex()}\n" for instruction in program)


def is_hex(text: str) -> bool:
    """Whether ``text`` is the bytes of at least one instruction in hexadecimal digits."""
    digits = _digits(text)
    return digits is not None and len(digits) >= _SHORTEST


def read_hex(text: str) -> Program:
    """The program whose bytes are written in ``text``. Raises ProgramError if it is not, or if there is none."""
    digits = _digits(text)
    if digits is None:
        raise ProgramError("expected hexadecimal digits, two for a byte")
    return read_packed(bytes.fromhex(digits))


def read_packed(data: bytes) -> Program:
    """The program that ``data`` is the array of. Raises ProgramError if that has no whole number of instructions, or
    if it has no opcode that exists.
    """
    if not data or len(data) % _SIZE:
        raise ProgramError(f"not a program: an instruction has {_SIZE} bytes, and these are {len(data)}")
    readings = [Program(order.iter_unpack(data)) for order in (_LITTLE, _BIG)]
    for program in readings:
        if _is_valid(program):
            return program
    program = max(readings, key=_known)
    if not _known(program):
        raise ProgramError("not a program: no opcode in these bytes exists, in either byte order")
    return program


def _is_valid(program: Program) -> bool:
    """Whether some machine takes it."""
    for rules in (Rules.LIBPCAP, Rules.LINUX):
        try:
            verify(program, rules)
        except ProgramError:
            continue
        return True
    return False


def _known(program: Program) -> int:
    """How many opcodes exist."""
    return sum(instruction.code in SYNTAX for instruction in program)


def _digits(text: str) -> str | None:
    """The digits of all bytes, two for each; None if this is no text of bytes."""
    array = _ARRAY.fullmatch(text)
    text = array[1] if array else _without_places(text)
    if _DIGITS.fullmatch(text) is None:
        return None
    digits: list[str] = []
    for group in re.split(r"[\s\"',;]+|(?=\\|0[xX])", text):
        if not group:
            continue
        found = _GROUP.fullmatch(group)
        if found is None or (len(found[2]) % 2 and not (found[1] and len(found[2]) == 1)):
            return None
        digits.append(found[2].zfill(2))
    return "".join(digits)


def _without_places(text: str) -> str:
    """A dump without the places and the characters beside the digits."""
    if _HEXDUMP.match(text):
        return _HEXDUMP.sub(r"\1 ", _LENGTH.sub("", text))
    return _XXD.sub(r"\1", text)

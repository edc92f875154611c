"""Tokens and operands: what bpf_asm's language and tcpdump's listings have in common, read and written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from cbpf.errors import ProgramError
from cbpf.machine.opcodes import (
    ALU,
    ANCILLARY_OFFSET,
    AND,
    CLASS_MASK,
    JMP,
    LD,
    LDX,
    OPERATION_MASK,
    OR,
    SYNTAX,
    XOR,
    Ancillary,
    Operand,
)
from cbpf.machine.program import Instruction

# Names of ancillary loads, as offsets: bpf_asm's, an alias it has, and those libpcap's listings spell otherwise.
EXTENSIONS: Final = {
    **{number.name.lower(): ANCILLARY_OFFSET + number for number in Ancillary if number != Ancillary.ALU_XOR_X},
    "vlan_pr": ANCILLARY_OFFSET + Ancillary.VLAN_AVAIL,
    "vlanp": ANCILLARY_OFFSET + Ancillary.VLAN_AVAIL,
    "random": ANCILLARY_OFFSET + Ancillary.RAND,
    "xor_x": ANCILLARY_OFFSET + Ancillary.ALU_XOR_X,
}
_LENGTHS: Final = frozenset({"len", "pktlen"})
_X: Final = frozenset({"x", "%x"})
_A: Final = frozenset({"a", "%a"})

_TOKEN: Final = re.compile(r"(?P<number>-?\d\w*)|(?P<word>%?[A-Za-z_]\w*)|(?P<mark>[][()#,:+*&])|(?P<space>\s+)")
_BASES: Final = {"0x": 16, "0X": 16, "0b": 2, "0B": 2}
_LOWEST: Final = -(1 << 31)
_WORD: Final = 0xFFFFFFFF


class Token(NamedTuple):
    """A number, word or mark (all as written), or the end of the text: ``kind`` "end"."""

    kind: str
    text: str
    line: int


class Tokens:
    """The tokens of a text, looked at one by one from the first to the end."""

    def __init__(self, text: str, first_line: int = 1) -> None:
        self._tokens = list(_tokens(text, first_line))
        self._at = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def take(self) -> Token:
        token = self.next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def accept(self, text: str) -> bool:
        """Take the next token if it is ``text``."""
        if self.next.text != text:
            return False
        self.take()
        return True

    def expect(self, *texts: str) -> None:
        """Take these tokens, or raise ProgramError at the first that differs."""
        for text in texts:
            if not self.accept(text):
                raise self.error(f"'{text}'")

    def word(self, wanted: str) -> str:
        if self.next.kind != "word":
            raise self.error(wanted)
        return self.take().text

    def number(self, wanted: str = "a number") -> int:
        """The next token as 32 bits, unsigned: -1 is 0xffffffff."""
        if self.next.kind != "number":
            raise self.error(wanted)
        token = self.take()
        return parse_number(token.text, token.line)

    def at_follower(self, text: str) -> bool:
        """Whether the token after the next one is ``text``."""
        return self._at + 1 < len(self._tokens) and self._tokens[self._at + 1].text == text

    def error(self, wanted: str) -> ProgramError:
        found = "the end of the text" if self.next.kind == "end" else f"'{self.next.text}'"
        return ProgramError(f"expected {wanted}, found {found}", line=self.next.line)


def _tokens(text: str, line: int) -> Iterator[Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ProgramError(f"'{text[position]}' has no meaning here", line=line)
        if match.lastgroup != "space":
            yield Token(match.lastgroup or "", match.group(), line)
        line += match.group().count("\n")
        position = match.end()
    yield Token("end", "", line)


def parse_number(text: str, line: int | None = None) -> int:
    """A number in decimal, 0x, 0b or octal as 32 bits, unsigned; ProgramError if ``text`` is none or too large."""
    digits = text.lstrip("-")
    base = _BASES.get(digits[:2]) or (8 if digits.startswith("0") else 10)
    try:
        value = int(digits, base)
    except ValueError:
        raise ProgramError(f"'{text}' is not a number", line=line) from None
    value = -value if text.startswith("-") else value
    if not _LOWEST <= value <= _WORD:
        raise ProgramError(f"{text} does not fit 32 bits", line=line)
    return value & _WORD


def read_operand(tokens: Tokens, wanted: str = "an operand") -> tuple[Operand, int]:
    """The operand that starts at the next token, and its k; labels and immediates without ``#`` are none.

    Raises ProgramError, saying that ``wanted`` was expected, if no operand starts there.
    """
    token = tokens.next
    if token.text in _X | _A:
        tokens.take()
        return (Operand.REGISTER_X if token.text in _X else Operand.REGISTER_A), 0
    if token.text == "M" and tokens.at_follower("["):
        tokens.expect("M", "[")
        return Operand.SCRATCH, _closed(tokens, tokens.number("the number of a scratch cell"))
    if tokens.accept("["):
        return _read_address(tokens)
    if tokens.accept("#"):
        if tokens.next.kind == "word":
            return _read_extension(tokens, "a number or the name of an extension")
        return Operand.IMMEDIATE, tokens.number("a number or the name of an extension")
    if token.kind == "word":
        return _read_extension(tokens, wanted)
    if token.kind == "number" and tokens.at_follower("*"):
        return Operand.HEADER, _read_header(tokens)
    raise tokens.error(wanted)


def _read_address(tokens: Tokens) -> tuple[Operand, int]:
    if tokens.next.text in _X:
        tokens.take()
        tokens.expect("+")
        return Operand.INDIRECT, _closed(tokens, tokens.number())
    if tokens.next.kind == "word":
        operand, k = _read_extension(tokens, "an offset, or x + an offset")
        return operand, _closed(tokens, k)
    return Operand.ABSOLUTE, _closed(tokens, tokens.number("an offset, or x + an offset"))


def _closed(tokens: Tokens, k: int) -> int:
    tokens.expect("]")
    return k


def _read_extension(tokens: Tokens, wanted: str) -> tuple[Operand, int]:
    name = tokens.next.text
    if name not in EXTENSIONS and name not in _LENGTHS:
        raise tokens.error(wanted)
    tokens.take()
    return (Operand.LENGTH, 0) if name in _LENGTHS else (Operand.ABSOLUTE, EXTENSIONS[name])


def _read_header(tokens: Tokens) -> int:
    """k of ``4*([k]&0xf)``: both numbers have to be these, but may be written in any base."""
    _expect_number(tokens, 4)
    tokens.expect("*", "(", "[")
    k = _closed(tokens, tokens.number("an offset"))
    tokens.expect("&")
    _expect_number(tokens, 0xF)
    tokens.expect(")")
    return k


def _expect_number(tokens: Tokens, value: int) -> None:
    error = tokens.error(f"the {value} of 4*([k]&0xf)")
    if tokens.number() != value:
        raise error


# Values made of bits rather than quantities: tcpdump writes these in hexadecimal, all others in decimal, signed.
_BITWISE: Final = frozenset({ALU | AND, ALU | OR, ALU | XOR})


def write_operand(instruction: Instruction) -> str:
    """The operand as tcpdump writes it, and bpf_asm reads it; for jumps without their targets."""
    code, _, _, k = instruction
    signed = k - (1 << 32) if k > _WORD >> 1 else k
    bitwise = code & CLASS_MASK in {LD, LDX, JMP} or code & (CLASS_MASK | OPERATION_MASK) in _BITWISE
    texts = {
        Operand.NONE: "",
        Operand.IMMEDIATE: f"#{k:#x}" if bitwise else f"#{signed}",
        Operand.ABSOLUTE: f"[{signed}]",
        Operand.INDIRECT: f"[x + {signed}]",
        Operand.SCRATCH: f"M[{signed}]",
        Operand.LENGTH: "#pktlen",
        Operand.HEADER: f"4*([{signed}]&0xf)",
        Operand.REGISTER_X: "x",
        Operand.REGISTER_A: "a",
    }
    return texts[SYNTAX[code][1]]

"""A program of the A/X machine: instructions, and what is known about where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final, NamedTuple, overload

from cbpf.errors import ProgramError, Span

DEFAULT_SNAPLEN: Final = 262144

_SOCK_FILTER: Final = Struct("=HBBI")
_LIMITS: Final = (0xFFFF, 0xFF, 0xFF, 0xFFFFFFFF)


class Instruction(NamedTuple):
    """One instruction, the fields of ``struct bpf_insn`` and of Linux's ``struct sock_filter``.

    ``code`` is the opcode (16 bits), ``jt`` and ``jf`` how many instructions a conditional jump skips when true and
    when false (8 bits each), ``k`` the constant (32 bits, unsigned).
    """

    code: int
    jt: int
    jf: int
    k: int


class Program(Sequence[Instruction]):
    """An immutable sequence of instructions.

    ``linktype`` is the LINKTYPE_ number (as savefile headers write it) of the packets it is for, or None if unknown;
    ``snaplen`` the number of bytes it was told to keep; ``expression`` the text it was compiled from.
    ``spans[i]`` holds the parts of the expression that instruction ``i`` came from; it is as long as the program, or
    empty when nothing is known.

    Two programs are equal when their instructions are: of everything else a listing carries nothing, so a program
    read back from its own listing must still equal the original.

    Being made does not mean being valid: ``cbpf.machine.verify`` decides that. ProgramError is raised only for what
    cannot be written down at all: a field that does not fit its bits, or ``spans`` of another length.
    """

    __slots__ = ("_expression", "_instructions", "_linktype", "_snaplen", "_spans")

    def __init__(
        self,
        instructions: Iterable[tuple[int, int, int, int]],
        *,
        linktype: int | None = None,
        snaplen: int = DEFAULT_SNAPLEN,
        spans: Iterable[tuple[Span, ...]] = (),
        expression: str | None = None,
    ) -> None:
        self._instructions = tuple(_checked(index, fields) for index, fields in enumerate(instructions))
        self._linktype = linktype
        self._snaplen = snaplen
        self._spans = tuple(spans)
        self._expression = expression
        if self._spans and len(self._spans) != len(self._instructions):
            raise ProgramError(f"{len(self._instructions)} instructions cannot have {len(self._spans)} sets of spans")

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        return self._instructions

    @property
    def linktype(self) -> int | None:
        return self._linktype

    @property
    def snaplen(self) -> int:
        return self._snaplen

    @property
    def spans(self) -> tuple[tuple[Span, ...], ...]:
        return self._spans

    @property
    def expression(self) -> str | None:
        return self._expression

    def packed(self) -> bytes:
        """The instructions as an array of ``struct sock_filter``, 8 bytes each, in this machine's byte order."""
        return b"".join(_SOCK_FILTER.pack(*instruction) for instruction in self._instructions)

    def __len__(self) -> int:
        return len(self._instructions)

    @overload
    def __getitem__(self, index: int) -> Instruction: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Instruction, ...]: ...
    def __getitem__(self, index: int | slice) -> Instruction | tuple[Instruction, ...]:
        return self._instructions[index]

    def __eq__(self, other: object) -> bool:
        return self._instructions == other._instructions if isinstance(other, Program) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._instructions)

    def __repr__(self) -> str:
        source = "" if self._expression is None else f" of {self._expression!r}"
        linktype = "" if self._linktype is None else f", linktype {self._linktype}"
        return f"<Program{source}: {len(self)} instructions{linktype}, snaplen {self._snaplen}>"


def _checked(index: int, fields: tuple[int, int, int, int]) -> Instruction:
    instruction = Instruction(*fields)
    for name, value, limit in zip(Instruction._fields, instruction, _LIMITS, strict=True):
        if not 0 <= value <= limit:
            raise ProgramError(f"{name} is {value}, and must be between 0 and {limit:#x}", index=index)
    return instruction

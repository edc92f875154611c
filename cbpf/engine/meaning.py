"""What every instruction means: the definition of the machine, one table from opcode to a small function.

A machine here is a packet, the registers A and X, sixteen cells of scratch memory and a program counter (McCanne &
Jacobson 1993). All registers hold 32 bits, unsigned; packet bytes are read in network order. Reading outside the
captured bytes and dividing by zero end the program with the verdict 0.

libpcap's interpreter and the Linux kernel agree on nearly everything. Where they do not, a method of ``Machine`` has
the one answer and ``LinuxMachine`` the other:

                                       libpcap                  Linux
    shift by X, X >= 32                0                        shifts by X modulo 32
    X + k of an indirect load          exact, so out of range   modulo 2**32
    ABS loads from 0xffe00000 up       out of range             relative to a header, or ancillary
    jumps back with JA                 yes                      refused by the verifier
    scratch read before written        0                        refused by the verifier
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from cbpf.machine import opcodes as op
from cbpf.machine.program import Instruction

Packet = bytes | bytearray | memoryview

WORD: Final = 0xFFFFFFFF
REGISTER_BITS: Final = 32

# Loads the kernel answers by rejecting a packet that never met a network device.
OF_A_DEVICE: Final = frozenset({op.Ancillary.IFIDX, op.Ancillary.HATYPE})


class Rejected(Exception):
    """The packet is rejected in the middle of the program: the verdict is 0."""


class Load(NamedTuple):
    """The part of the packet an instruction read, or tried to: ``size`` bytes from byte ``offset``."""

    offset: int
    size: int


class Machine:
    """A machine in the middle of a program, as libpcap runs it. Instructions change it in place."""

    __slots__ = ("a", "ancillary", "loaded", "packet", "pc", "scratch", "verdict", "wirelen", "x")

    def __init__(self, packet: Packet, wirelen: int, ancillary: Mapping[int, int]) -> None:
        self.packet = packet
        self.wirelen = wirelen & WORD
        self.ancillary = ancillary
        self.pc = 0
        self.a = 0
        self.x = 0
        self.scratch = [0] * op.SCRATCH_CELLS
        self.loaded: Load | None = None
        self.verdict: int | None = None

    def load(self, offset: int, size: int) -> int:
        """The ``size`` bytes at ``offset`` of the packet as a number; Rejected if it was captured too short."""
        self.loaded = Load(offset, size)
        if not 0 <= offset <= len(self.packet) - size:
            raise Rejected
        return int.from_bytes(self.packet[offset : offset + size], "big")

    def load_absolute(self, k: int, size: int) -> int:
        return self.load(k, size)

    def load_indirect(self, k: int, size: int) -> int:
        return self.load(self.x + k, size)

    def load_header(self, k: int) -> int:
        return self.load(k, 1)

    def shift_left(self, count: int) -> int:
        return self.a << count if count < REGISTER_BITS else 0

    def shift_right(self, count: int) -> int:
        return self.a >> count if count < REGISTER_BITS else 0


class LinuxMachine(Machine):
    """A machine in the middle of a program, as the Linux kernel runs it.

    Without ``ancillary`` data the packet is one that never met a network device: ancillary loads give 0, and those
    that ask for the device reject the packet, as the kernel does. Loads relative to the network or link header
    count from the start of the packet: which is true of the link header always, of the network header where
    packets have no link header (LINKTYPE_RAW, cooked sockets, ``xt_bpf``).
    """

    __slots__ = ()

    def load_absolute(self, k: int, size: int) -> int:
        return self._load_signed(k, size) if k < op.ANCILLARY_OFFSET else self._load_ancillary(k - op.ANCILLARY_OFFSET)

    def load_indirect(self, k: int, size: int) -> int:
        return self._load_signed((self.x + k) & WORD, size)

    def load_header(self, k: int) -> int:
        return self._load_signed(k, 1)

    def shift_left(self, count: int) -> int:
        return self.a << (count % REGISTER_BITS)

    def shift_right(self, count: int) -> int:
        return self.a >> (count % REGISTER_BITS)

    def _load_signed(self, k: int, size: int) -> int:
        for base in (op.NETWORK_OFFSET, op.LINK_OFFSET):
            if k >= base:
                return self.load(k - base, size)
        return self.load(k, size)

    def _load_ancillary(self, number: int) -> int:
        if number == op.Ancillary.ALU_XOR_X:
            return self.a ^ self.x
        if number in OF_A_DEVICE and number not in self.ancillary:
            raise Rejected
        return self.ancillary.get(number, 0) & WORD


# An instruction's meaning: changes the machine, whose pc already points at the next instruction.
Meaning = Callable[[Machine, Instruction], None]

_SIZES: Final = {op.W: 4, op.H: 2, op.B: 1}


def _load_immediate(m: Machine, i: Instruction) -> None:
    m.a = i.k


def _load_absolute(size: int) -> Meaning:
    def meaning(m: Machine, i: Instruction) -> None:
        m.a = m.load_absolute(i.k, size)

    return meaning


def _load_indirect(size: int) -> Meaning:
    def meaning(m: Machine, i: Instruction) -> None:
        m.a = m.load_indirect(i.k, size)

    return meaning


def _load_scratch(m: Machine, i: Instruction) -> None:
    m.a = m.scratch[i.k]


def _load_length(m: Machine, i: Instruction) -> None:
    m.a = m.wirelen


def _load_x_immediate(m: Machine, i: Instruction) -> None:
    m.x = i.k


def _load_x_scratch(m: Machine, i: Instruction) -> None:
    m.x = m.scratch[i.k]


def _load_x_length(m: Machine, i: Instruction) -> None:
    m.x = m.wirelen


def _load_x_header(m: Machine, i: Instruction) -> None:
    """X = the length of the IPv4 header at byte k: its low four bits count words of four bytes."""
    m.x = (m.load_header(i.k) & 0x0F) * 4


def _store(m: Machine, i: Instruction) -> None:
    m.scratch[i.k] = m.a


def _store_x(m: Machine, i: Instruction) -> None:
    m.scratch[i.k] = m.x


def _divide(m: Machine, divisor: int) -> int:
    if divisor == 0:
        raise Rejected
    return m.a // divisor


def _remainder(m: Machine, divisor: int) -> int:
    if divisor == 0:
        raise Rejected
    return m.a % divisor


_ARITHMETIC: Final[dict[int, Callable[[Machine, int], int]]] = {
    op.ADD: lambda m, value: m.a + value,
    op.SUB: lambda m, value: m.a - value,
    op.MUL: lambda m, value: m.a * value,
    op.DIV: _divide,
    op.MOD: _remainder,
    op.AND: lambda m, value: m.a & value,
    op.OR: lambda m, value: m.a | value,
    op.XOR: lambda m, value: m.a ^ value,
    op.LSH: lambda m, value: m.shift_left(value),
    op.RSH: lambda m, value: m.shift_right(value),
}


def _compute_k(operation: Callable[[Machine, int], int]) -> Meaning:
    def meaning(m: Machine, i: Instruction) -> None:
        m.a = operation(m, i.k) & WORD

    return meaning


def _compute_x(operation: Callable[[Machine, int], int]) -> Meaning:
    def meaning(m: Machine, i: Instruction) -> None:
        m.a = operation(m, m.x) & WORD

    return meaning


def _negate(m: Machine, i: Instruction) -> None:
    m.a = -m.a & WORD


def _jump(m: Machine, i: Instruction) -> None:
    # k counts modulo 2**32, so that libpcap's protochain can jump back.
    m.pc = (m.pc + i.k) & WORD


_COMPARISONS: Final[dict[int, Callable[[int, int], bool]]] = {
    op.JEQ: lambda a, value: a == value,
    op.JGT: lambda a, value: a > value,
    op.JGE: lambda a, value: a >= value,
    op.JSET: lambda a, value: a & value != 0,
}


def _branch_k(comparison: Callable[[int, int], bool]) -> Meaning:
    def meaning(m: Machine, i: Instruction) -> None:
        m.pc += i.jt if comparison(m.a, i.k) else i.jf

    return meaning


def _branch_x(comparison: Callable[[int, int], bool]) -> Meaning:
    def meaning(m: Machine, i: Instruction) -> None:
        m.pc += i.jt if comparison(m.a, m.x) else i.jf

    return meaning


def _return_k(m: Machine, i: Instruction) -> None:
    m.verdict = i.k


def _return_a(m: Machine, i: Instruction) -> None:
    m.verdict = m.a


def _move_a_to_x(m: Machine, i: Instruction) -> None:
    m.x = m.a


def _move_x_to_a(m: Machine, i: Instruction) -> None:
    m.a = m.x


MEANINGS: Final[dict[int, Meaning]] = {
    op.LD | op.W | op.IMM: _load_immediate,
    **{op.LD | code | op.ABS: _load_absolute(size) for code, size in _SIZES.items()},
    **{op.LD | code | op.IND: _load_indirect(size) for code, size in _SIZES.items()},
    op.LD | op.W | op.MEM: _load_scratch,
    op.LD | op.W | op.LEN: _load_length,
    op.LDX | op.W | op.IMM: _load_x_immediate,
    op.LDX | op.W | op.MEM: _load_x_scratch,
    op.LDX | op.W | op.LEN: _load_x_length,
    op.LDX | op.B | op.MSH: _load_x_header,
    op.ST: _store,
    op.STX: _store_x,
    **{op.ALU | code | op.K: _compute_k(operation) for code, operation in _ARITHMETIC.items()},
    **{op.ALU | code | op.X: _compute_x(operation) for code, operation in _ARITHMETIC.items()},
    op.ALU | op.NEG: _negate,
    op.JMP | op.JA: _jump,
    **{op.JMP | code | op.K: _branch_k(comparison) for code, comparison in _COMPARISONS.items()},
    **{op.JMP | code | op.X: _branch_x(comparison) for code, comparison in _COMPARISONS.items()},
    op.RET | op.K: _return_k,
    op.RET | op.A: _return_a,
    op.MISC | op.TAX: _move_a_to_x,
    op.MISC | op.TXA: _move_x_to_a,
}

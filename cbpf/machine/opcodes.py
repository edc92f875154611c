"""The instruction set: every number of the A/X machine, and the bpf_asm spelling of every operation.

An opcode is 16 bits: the class in the low three, the rest by class. The fields are those of McCanne & Jacobson
(1993), the numbers those of ``linux/bpf_common.h``; MOD, XOR and the ancillary loads are Linux's additions.

    class     other bits                     example
    LD, LDX   size (W H B) and mode          LD | H | ABS     A = the 16 bits at k
    ST, STX   none                           ST               M[k] = A
    ALU       operation, source (K or X)     ALU | AND | K    A &= k
    JMP       comparison, source (K or X)    JMP | JEQ | X    A == X?
    RET       what to return (K or A)        RET | K          the verdict is k
    MISC      TAX or TXA                     MISC | TAX       X = A
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

# Classes.
LD: Final = 0x00
LDX: Final = 0x01
ST: Final = 0x02
STX: Final = 0x03
ALU: Final = 0x04
JMP: Final = 0x05
RET: Final = 0x06
MISC: Final = 0x07
CLASS_MASK: Final = 0x07

# Sizes of a load.
W: Final = 0x00
H: Final = 0x08
B: Final = 0x10
SIZE_MASK: Final = 0x18

# Addressing modes of a load.
IMM: Final = 0x00
ABS: Final = 0x20
IND: Final = 0x40
MEM: Final = 0x60
LEN: Final = 0x80
MSH: Final = 0xA0
MODE_MASK: Final = 0xE0

# Arithmetic.
ADD: Final = 0x00
SUB: Final = 0x10
MUL: Final = 0x20
DIV: Final = 0x30
OR: Final = 0x40
AND: Final = 0x50
LSH: Final = 0x60
RSH: Final = 0x70
NEG: Final = 0x80
MOD: Final = 0x90
XOR: Final = 0xA0

# Jumps.
JA: Final = 0x00
JEQ: Final = 0x10
JGT: Final = 0x20
JGE: Final = 0x30
JSET: Final = 0x40
OPERATION_MASK: Final = 0xF0

# The second operand of arithmetic and jumps, and the value of a return. A is for returns alone.
K: Final = 0x00
X: Final = 0x08
A: Final = 0x10
SOURCE_MASK: Final = 0x08

# Moves between the registers.
TAX: Final = 0x00
TXA: Final = 0x80

SCRATCH_CELLS: Final = 16  # BPF_MEMWORDS
MAX_INSTRUCTIONS: Final = 4096  # BPF_MAXINSNS

# ABS offsets from here up are not packet offsets: Linux's SKF_AD_OFF, SKF_NET_OFF and SKF_LL_OFF.
ANCILLARY_OFFSET: Final = 0xFFFFF000
NETWORK_OFFSET: Final = 0xFFF00000
LINK_OFFSET: Final = 0xFFE00000


class Ancillary(IntEnum):
    """What Linux answers to a load at ANCILLARY_OFFSET + number instead of packet bytes.

    Names are bpf_asm's, in capitals; ALU_XOR_X, an operation A ^= X in a load's clothing, has none there.
    """

    PROTO = 0
    TYPE = 4
    IFIDX = 8
    NLA = 12
    NLAN = 16
    MARK = 20
    QUEUE = 24
    HATYPE = 28
    RXHASH = 32
    CPU = 36
    ALU_XOR_X = 40
    VLAN_TCI = 44
    VLAN_AVAIL = 48
    POFF = 52
    RAND = 56
    VLAN_TPID = 60


class Operand(Enum):
    """The addressing modes as they are written; the table of ``filter.rst`` in words."""

    NONE = "nothing"
    IMMEDIATE = "#k"
    ABSOLUTE = "[k]"
    INDIRECT = "[x+k]"
    SCRATCH = "M[k]"
    LENGTH = "len"
    HEADER = "4*([k]&0xf)"
    REGISTER_X = "x"
    REGISTER_A = "a"
    LABEL = "a label"


def _arithmetic() -> dict[int, tuple[str, Operand]]:
    names = {
        "add": ADD,
        "sub": SUB,
        "mul": MUL,
        "div": DIV,
        "mod": MOD,
        "and": AND,
        "or": OR,
        "xor": XOR,
        "lsh": LSH,
        "rsh": RSH,
    }
    sources = {K: Operand.IMMEDIATE, X: Operand.REGISTER_X}
    return {ALU | op | source: (name, operand) for name, op in names.items() for source, operand in sources.items()}


def _jumps() -> dict[int, tuple[str, Operand]]:
    names = {"jeq": JEQ, "jgt": JGT, "jge": JGE, "jset": JSET}
    sources = {K: Operand.IMMEDIATE, X: Operand.REGISTER_X}
    return {JMP | op | source: (name, operand) for name, op in names.items() for source, operand in sources.items()}


# Every operation that can run, as bpf_asm spells it. The Linux kernel accepts exactly these opcodes, and libpcap's
# interpreter runs exactly these.
SYNTAX: Final[dict[int, tuple[str, Operand]]] = {
    LD | W | IMM: ("ld", Operand.IMMEDIATE),
    LD | W | ABS: ("ld", Operand.ABSOLUTE),
    LD | H | ABS: ("ldh", Operand.ABSOLUTE),
    LD | B | ABS: ("ldb", Operand.ABSOLUTE),
    LD | W | IND: ("ld", Operand.INDIRECT),
    LD | H | IND: ("ldh", Operand.INDIRECT),
    LD | B | IND: ("ldb", Operand.INDIRECT),
    LD | W | MEM: ("ld", Operand.SCRATCH),
    LD | W | LEN: ("ld", Operand.LENGTH),
    LDX | W | IMM: ("ldx", Operand.IMMEDIATE),
    LDX | W | MEM: ("ldx", Operand.SCRATCH),
    LDX | W | LEN: ("ldx", Operand.LENGTH),
    LDX | B | MSH: ("ldxb", Operand.HEADER),
    ST: ("st", Operand.SCRATCH),
    STX: ("stx", Operand.SCRATCH),
    **_arithmetic(),
    ALU | NEG: ("neg", Operand.NONE),
    JMP | JA: ("ja", Operand.LABEL),
    **_jumps(),
    RET | K: ("ret", Operand.IMMEDIATE),
    RET | A: ("ret", Operand.REGISTER_A),
    MISC | TAX: ("tax", Operand.NONE),
    MISC | TXA: ("txa", Operand.NONE),
}

# What bpf_asm can spell though no machine runs it: only libpcap's validator lets it pass.
RET_X: Final = RET | X

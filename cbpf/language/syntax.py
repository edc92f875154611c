"""The syntax tree of a filter expression. Every node knows the characters it came from; nothing here has a meaning yet.

A tree is either a ``Primitive`` or ``And``, ``Or``, ``Not`` over trees. Numbers are unsigned 32-bit; addresses are kept
as tokens, because what they mean depends on the qualifiers in front of them and on the link type.
"""

from __future__ import annotations

from dataclasses import dataclass

from cbpf.errors import Span
from cbpf.language.tokens import Token


@dataclass(frozen=True, slots=True)
class Node:
    """What all nodes have: the span of the expression they came from."""

    span: Span


# Boolean operators.


@dataclass(frozen=True, slots=True)
class And(Node):
    """All operands hold; evaluated left to right, stopping at the first that does not."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """One of the operands holds; evaluated left to right, stopping at the first that does."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """The operand does not hold."""

    operand: Expression


# Primitives with qualifiers and a value: `tcp src port 80`, `net 10.0.0.0/8`, `ether host 0:1:2:3:4:5`.


@dataclass(frozen=True, slots=True)
class Qualifiers:
    """What stands before a value; None where nothing does.

    ``direction`` is ``src``, ``dst``, ``or``, ``and`` (both sides at once), or one of the 802.11 address names.
    """

    protocol: str | None = None
    direction: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a primitive: one token, for nets with a prefix length in bits or a mask (a dotted token)."""

    token: Token
    span: Span
    prefix: int | None = None
    mask: Token | None = None


@dataclass(frozen=True, slots=True)
class Qualified(Node):
    """``qualifiers value``; the qualifiers may be inherited from a primitive further left."""

    qualifiers: Qualifiers
    value: Value


# Primitives that are keywords, with arguments or without.


@dataclass(frozen=True, slots=True)
class Keyword(Node):
    """A keyword alone or with one optional number, under an optional protocol qualifier.

    Protocol abbreviations (``tcp``), ``broadcast``, ``multicast``, ``inbound``, ``outbound``, ``ifindex N``,
    ``less N``, ``greater N``, ``vlan [N]``, ``mpls [N]``, ``pppoed``, ``pppoes [N]``, ``geneve [N]``, ``vxlan [N]``,
    and the ATM and SS7 words.
    """

    word: str
    protocol: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Byte(Node):
    """``byte index operator value`` with operator one of ``= < > & |``."""

    index: int
    operator: str
    value: int


@dataclass(frozen=True, slots=True)
class Named(Node):
    """A keyword with a name or number of its own kind: ``llc rr``, ``reason match``, ``dir tods``, ``on em0``."""

    word: str
    argument: Token | None


@dataclass(frozen=True, slots=True)
class WlanType(Node):
    """802.11 ``type T``, ``type T subtype S`` or ``subtype S``."""

    type: Token | None
    subtype: Token | None


@dataclass(frozen=True, slots=True)
class Field(Node):
    """``vpi``, ``vci`` and the SS7 fields: any of ``alternatives``, each a relational operator and a number."""

    word: str
    alternatives: tuple[tuple[str, int], ...]


# Relations over packet data.


@dataclass(frozen=True, slots=True)
class Relation(Node):
    """``left operator right`` with operator one of ``= != < <= > >=``; all comparisons are unsigned."""

    operator: str
    left: Arithmetic
    right: Arithmetic


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A constant."""

    value: int


@dataclass(frozen=True, slots=True)
class Length(Node):
    """``len``: the packet's length on the wire, in bytes."""


@dataclass(frozen=True, slots=True)
class Index(Node):
    """``protocol[offset:size]``: ``size`` bytes (1, 2 or 4) as a big-endian number."""

    protocol: str
    offset: Arithmetic
    size: int


@dataclass(frozen=True, slots=True)
class Negate(Node):
    """Unary minus, modulo 2**32."""

    operand: Arithmetic


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """``left operator right`` with operator one of ``+ - * / % & | ^ << >>``, modulo 2**32."""

    operator: str
    left: Arithmetic
    right: Arithmetic


Arithmetic = Number | Length | Index | Negate | Binary
Primitive = Qualified | Keyword | Byte | Named | WlanType | Field | Relation
Expression = And | Or | Not | Primitive

"""The syntax tree of a filter expression. Every node knows the characters it came from; nothing here has a meaning yet.

A tree is either a ``Primitive`` or ``And``, ``Or``, ``Not`` over trees. Numbers are unsigned 32-bit; addresses are kept
as tokens, because what they mean depends on the qualifiers in front of them and on the link type. Named tuples rather
than data classes: they are made in a seventh of the time when the module is imported.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.errors import Span
from cbpf.language.tokens import Token

# Boolean operators.


class And(NamedTuple):
    """All operands hold; evaluated left to right, stopping at the first that does not."""

    span: Span
    operands: tuple[Expression, ...]


class Or(NamedTuple):
    """One of the operands holds; evaluated left to right, stopping at the first that does."""

    span: Span
    operands: tuple[Expression, ...]


class Not(NamedTuple):
    """The operand does not hold."""

    span: Span
    operand: Expression


# Primitives with qualifiers and a value: `tcp src port 80`, `net 10.0.0.0/8`, `ether host 0:1:2:3:4:5`.


class Qualifiers(NamedTuple):
    """What stands before a value; None where nothing does.

    ``direction`` is ``src``, ``dst``, ``or``, ``and`` (both sides at once), or one of the 802.11 address names.
    """

    protocol: str | None = None
    direction: str | None = None
    type: str | None = None


class Value(NamedTuple):
    """The value of a primitive: one token, for nets with a prefix length in bits or a mask (a dotted token).

    ``clause`` is the whole primitive if its qualifiers stand right in front of the value, so that all of it may be
    replaced by another primitive; None for a value in a list and one that inherits its qualifiers.
    """

    token: Token
    span: Span
    prefix: int | None = None
    mask: Token | None = None
    clause: Span | None = None


class Qualified(NamedTuple):
    """``qualifiers value``; the qualifiers may be inherited from a primitive further left."""

    span: Span
    qualifiers: Qualifiers
    value: Value


# Primitives that are keywords, with arguments or without.


class Keyword(NamedTuple):
    """A keyword alone or with one optional number, under an optional protocol qualifier.

    Protocol abbreviations (``tcp``), ``broadcast``, ``multicast``, ``inbound``, ``outbound``, ``ifindex N``,
    ``less N``, ``greater N``, ``vlan [N]``, ``mpls [N]``, ``pppoed``, ``pppoes [N]``, ``geneve [N]``, ``vxlan [N]``,
    and the ATM and SS7 words.
    """

    span: Span
    word: str
    protocol: str | None = None
    number: int | None = None


class Byte(NamedTuple):
    """``byte position operator value`` with operator one of ``= < > & |``."""

    span: Span
    position: int
    operator: str
    value: int


class Named(NamedTuple):
    """A keyword with a name or number of its own kind: ``llc rr``, ``reason match``, ``dir tods``, ``on em0``."""

    span: Span
    word: str
    argument: Token | None


class WlanType(NamedTuple):
    """802.11 ``type T``, ``type T subtype S`` or ``subtype S``."""

    span: Span
    type: Token | None
    subtype: Token | None


class Field(NamedTuple):
    """``vpi``, ``vci`` and the SS7 fields: any of ``alternatives``, each a relational operator and a number."""

    span: Span
    word: str
    alternatives: tuple[tuple[str, int], ...]


# Relations over packet data.


class Relation(NamedTuple):
    """``left operator right`` with operator one of ``= != < <= > >=``; all comparisons are unsigned."""

    span: Span
    operator: str
    left: Arithmetic
    right: Arithmetic


class Number(NamedTuple):
    """A constant."""

    span: Span
    value: int


class Length(NamedTuple):
    """``len``: the packet's length on the wire, in bytes."""

    span: Span


class Index(NamedTuple):
    """``protocol[offset:size]``: ``size`` bytes (1, 2 or 4) as a big-endian number."""

    span: Span
    protocol: str
    offset: Arithmetic
    size: int


class Negate(NamedTuple):
    """Unary minus, modulo 2**32."""

    span: Span
    operand: Arithmetic


class Binary(NamedTuple):
    """``left operator right`` with operator one of ``+ - * / % & | ^ << >>``, modulo 2**32."""

    span: Span
    operator: str
    left: Arithmetic
    right: Arithmetic


Arithmetic = Number | Length | Index | Negate | Binary
Primitive = Qualified | Keyword | Byte | Named | WlanType | Field | Relation
Expression = And | Or | Not | Primitive


def operands(node: Expression) -> tuple[Expression, ...]:
    """What a logical operator is about, in order; nothing for a primitive."""
    match node:
        case Not():
            return (node.operand,)
        case And() | Or():
            return node.operands
    return ()

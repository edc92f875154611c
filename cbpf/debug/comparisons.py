"""Comparisons of packet bytes in English: fields and flags by name.

Names are those of the RFCs and of IEEE 802.
"""

from __future__ import annotations

from collections.abc import Callable

from cbpf.compiler.values import calculate
from cbpf.debug.spelling import arithmetic
from cbpf.language.syntax import Arithmetic, Binary, Index, Length, Negate, Number, Relation
from cbpf.language.vocabulary import CONSTANTS

# By protocol, offset and size: RFC 791, 8200, 9293, 768, 792, 4443, 826 and IEEE 802.3.
NAMED_FIELDS = {
    ("ip", 1, 1): "type of service",
    ("ip", 2, 2): "IPv4 total length",
    ("ip", 4, 2): "IPv4 identification",
    ("ip", 6, 2): "IPv4 flags and fragment offset",
    ("ip", 8, 1): "TTL",
    ("ip", 9, 1): "IPv4 protocol",
    ("ip", 12, 4): "IPv4 source address",
    ("ip", 16, 4): "IPv4 destination address",
    ("ip6", 4, 2): "IPv6 payload length",
    ("ip6", 6, 1): "next header",
    ("ip6", 7, 1): "hop limit",
    **{(transport, 0, 2): "source port" for transport in ("tcp", "udp", "sctp")},
    **{(transport, 2, 2): "destination port" for transport in ("tcp", "udp", "sctp")},
    ("tcp", 4, 4): "sequence number",
    ("tcp", 8, 4): "acknowledgment number",
    ("tcp", 13, 1): "TCP flags",
    ("tcp", 14, 2): "window",
    ("udp", 4, 2): "UDP length",
    ("icmp", 0, 1): "ICMP type",
    ("icmp", 1, 1): "ICMP code",
    ("icmp6", 0, 1): "ICMPv6 type",
    ("icmp6", 1, 1): "ICMPv6 code",
    ("arp", 6, 2): "ARP operation",
}
_OPERATORS = {
    "=": "equal to",
    "!=": "other than",
    "<": "below",
    "<=": "of at most",
    ">": "above",
    ">=": "of at least",
}


def compared(tree: Relation, source: str, named: list[str]) -> str:
    """A comparison in English; ``named`` are the protocols whose bytes are compared, as one speaks of them."""
    flags = _flags(tree)
    if flags is not None:
        return f"{named[0]} with {flags}"
    left, right = (_said(side, source) for side in (tree.left, tree.right))
    what = " and ".join(named) or "packets"
    return f"{what} with {left} {_OPERATORS[tree.operator]} {_constant(tree, right)}"


def indexed(tree: Arithmetic) -> list[str]:
    """The protocols whose bytes are asked for."""
    match tree:
        case Index(_, protocol, offset, _):
            return [protocol, *indexed(offset)]
        case Negate(_, operand):
            return indexed(operand)
        case Binary(_, _, left, right):
            return [*indexed(left), *indexed(right)]
    return []


def divides(tree: Arithmetic) -> bool:
    """Whether something is divided by what the packet says."""
    match tree:
        case Index(_, _, offset, _):
            return divides(offset)
        case Negate(_, operand):
            return divides(operand)
        case Binary(_, operator, left, right):
            return (operator in "/%" and constant(right) is None) or divides(left) or divides(right)
    return False


def _said(tree: Arithmetic, source: str) -> str:
    """Arithmetic, with the names of fields that have one."""
    match tree:
        case Length():
            return "a length"
        case Index(_, protocol, Number(_, offset), size) if (protocol, offset, size) in NAMED_FIELDS:
            return NAMED_FIELDS[protocol, offset, size]
        case Binary(_, operator, left, right):
            return f"({_said(left, source)} {operator} {_said(right, source)})"
        case Negate(_, operand):
            return f"(- {_said(operand, source)})"
    return arithmetic(tree, source)


_CONSTANT_OF: dict[tuple[str, int], Callable[[str], bool]] = {
    ("icmp", 0): lambda name: name.startswith("icmp-"),
    ("icmp6", 0): lambda name: name.startswith("icmp6-"),
}


def _constant(tree: Relation, right: str) -> str:
    """The number that something is compared with, and its name if it has one there."""
    match tree:
        case Relation(_, _, Index(_, protocol, Number(_, offset), 1), Number(_, value)):
            belongs = _CONSTANT_OF.get((protocol, offset))
            names = [name for name, number in CONSTANTS.items() if number == value and belongs and belongs(name)]
            return f"{value} ({names[0]})" if names else right
    return right


# TCP flags: RFC 9293, from the lowest bit.
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


def _flags(tree: Relation) -> str | None:
    """A test of TCP's flags in words; None if it is none, or one that is better left as it is."""
    value = constant(tree.right)
    match tree.left:
        case Index(_, "tcp", Number(_, 13), 1) if value is not None and value < 256 and tree.operator == "=":
            return f"exactly the flags {flag_names(value) or 'none'} set, and no others"
        case Binary(_, "&", Index(_, "tcp", Number(_, 13), 1), mask_tree):
            mask = constant(mask_tree)
            if mask is None or value is None or not 0 < mask < 256 or value & ~mask:
                return None
            names = flag_names(mask)
            several = mask & (mask - 1)
            match tree.operator, value:
                case "!=", 0:
                    return f"{'any of the flags' if several else 'the flag'} {names} set"
                case "=", 0:
                    return f"{'none of the flags' if several else 'the flag'} {names} {'set' if several else 'clear'}"
                case "=", _ if value == mask:
                    return f"{'all of the flags' if several else 'the flag'} {names} set"
                case "=", _:
                    return f"{flag_names(value)} set and {flag_names(mask & ~value)} clear"
    return None


def flag_names(mask: int) -> str:
    return ", ".join(name for bit, name in enumerate(_FLAGS) if mask >> bit & 1)


def constant(tree: Arithmetic) -> int | None:
    """The value of arithmetic on numbers alone; None if it depends on the packet, or does not exist."""
    match tree:
        case Number(_, value):
            return value
        case Negate(_, operand):
            value_of = constant(operand)
            return None if value_of is None else calculate("-", 0, value_of)
        case Binary(_, operator, left, right):
            first, second = constant(left), constant(right)
            if first is None or second is None or (operator in "/%" and not second):
                return None
            return calculate(operator, first, second)
    return None

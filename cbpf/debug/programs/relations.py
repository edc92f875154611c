"""Tests as relations of the filter language, their bytes by one of the language's protocols: ``tcp[0:2] = 80``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.internet import ipv4_payload, ipv6_payload
from cbpf.compiler.layers import Layer
from cbpf.compiler.optimize.fold import fold_value
from cbpf.compiler.values import FARTHEST, WORD, Binary, Const, Length, Load, Members, Negate, Value

_OPERATORS: Final = {("=", True): "=", ("=", False): "!=", (">", True): ">", (">", False): "<="}
_AT_LEAST: Final = {True: ">=", False: "<"}
_BIT: Final = {True: "!= 0", False: "= 0"}
_NETWORKS: Final = ("ip", "ip6", "arp", "rarp")
_TRANSPORTS: Final = ("tcp", "udp", "icmp", "sctp", "igmp")
_FLAGS: Final = ("fin", "syn", "rst", "push", "ack", "urg", "ece", "cwr")  # RFC 9293, the lowest bit first
_ICMP: Final = {0: "echoreply", 3: "unreach", 5: "redirect", 8: "echo", 11: "timxceed"}  # RFC 792
_NAMED: Final = {("tcp", 13): "tcpflags", ("icmp", 0): "icmptype", ("icmp", 1): "icmpcode", ("icmp6", 0): "icmp6type"}
_LARGEST_DECIMAL: Final = 0xFFFF
_LITTLE: Final = 10
_LONGEST: Final = 400  # characters of a value


class Places(NamedTuple):
    """Where the language's protocols are in a packet: ``word`` names the packet's bytes from the first on, if any does.

    ``network`` is how many bytes into the packet the network header is, None if that differs.
    """

    word: str | None
    network: int | None
    ipv4: Value | None
    ipv6: int | None


def places(layer: Layer, ethernet: bool) -> Places:
    """For packets that begin with a layer."""
    header, net = layer.header, layer.net
    word = ("ether" if ethernet else "link") if header.base is None and not header.offset else None
    if word is None and layer.has("radio"):
        word = "radio"
    if layer.headless:
        word = None
    if net.base is not None or net.offset >= FARTHEST:
        return Places(word, None, None, None)
    payload, payload6 = ipv4_payload(layer), ipv6_payload(layer)
    ipv4 = None if payload.base is None else fold_value(payload.base)
    return Places(word, net.offset, ipv4, payload6.offset if payload6.base is None else None)


def words(test: Test, where: Places) -> Iterator[str]:
    """The protocols by which all bytes of a test may be called: those further in first."""
    loads = [load for value in test.values for load in _loads(value)]
    if not loads:
        if where.word is not None:
            yield where.word
        return
    if any(load.base is not None for load in loads):
        yield from _TRANSPORTS
    if where.ipv6 is not None and any(load.base is None and load.offset >= where.ipv6 for load in loads):
        yield "icmp6"
    yield from _NETWORKS
    if where.word is not None:
        yield where.word


def relation(test: Test, word: str, where: Places, holds: bool = True) -> str | None:
    """The relation that is true where a test ``holds`` (or not); None if ``word`` has no name for one of its bytes."""
    if isinstance(test.right, Members):
        return None
    left, right = _value(test.left, word, where), _value(test.right, word, where, _subject(test, word, where))
    if left is None or right is None or len(left) + len(right) > _LONGEST:
        return None
    if test.operator != "&":
        left = _bare(test.left, left)
    if test.operator == "&":
        return f"{left} & {right} {_BIT[holds]}"
    return f"{left} {_AT_LEAST[holds] if test.operator == '>=' else _OPERATORS[test.operator, holds]} {right}"


def computable(value: Value, where: Places) -> str | None:
    """A relation that is true of every packet of which a value can be computed."""
    text = None if where.word is None else _value(value, where.word, where)
    return None if text is None or len(text) > _LONGEST else f"{_bare(value, text)} >= 0"


def _loads(value: Value) -> Iterator[Load]:
    match value:
        case Load():
            yield value
        case Negate(operand):
            yield from _loads(operand)
        case Binary(_, left, right):
            yield from _loads(left)
            yield from _loads(right)


def _subject(test: Test, word: str, where: Places) -> str:
    """The field that a test is about, if its numbers have names; else the kind of test."""
    match test.left:
        case Load() | Binary("&", Load(), Const()):
            load = test.left if isinstance(test.left, Load) else test.left.left
            assert isinstance(load, Load)
            place = _place(load, word, where)
            if place is not None and place.isdecimal() and load.size == 1 and (word, int(place)) in _NAMED:
                return _NAMED[word, int(place)]
    if test.operator == "&":
        return "mask"
    return word if any(True for value in test.values for _ in _loads(value)) else ""


def _value(value: Value, word: str, where: Places, subject: str = "") -> str | None:
    """A value in the language, with parentheses around what is computed."""
    match value:
        case Const(number):
            return _number(number, subject)
        case Length():
            return "len"
        case Load():
            return _load(value, word, where)
        case Negate(operand):
            text = _value(operand, word, where)
            return None if text is None else f"(- {text})"
        case Binary(operator, left, right):
            about = "mask" if operator in "&|^" else ""
            if about and isinstance(left, Load) and _load(left, word, where) == "tcp[tcpflags]":
                about = "tcpflags"
            first, second = _value(left, word, where), _value(right, word, where, about)
            return None if first is None or second is None else f"({first} {operator} {second})"
    return None  # a variable: what is too large to be written again and again


def _number(number: int, subject: str) -> str:
    if subject == "tcpflags" and 0 < number <= 0xFF:
        names = [f"tcp-{name}" for bit, name in enumerate(_FLAGS) if number >> bit & 1]
        return names[0] if len(names) == 1 else f"({'|'.join(names)})"
    if subject == "icmptype" and number in _ICMP:
        return f"icmp-{_ICMP[number]}"
    hexadecimal = subject in ("mask", "ether", "link", "radio") or number > _LARGEST_DECIMAL
    return f"{number:#x}" if hexadecimal and number >= _LITTLE else str(number)


def _load(load: Load, word: str, where: Places) -> str | None:
    if word in _TRANSPORTS and load.base is None:  # of the IPv4 header in front of it
        word = "ip"
    place = _place(load, word, where)
    if place is None:
        return None
    if place.isdecimal() and load.size == 1:
        place = _NAMED.get((word, int(place)), place)
    return f"{word}[{place}]" if load.size == 1 else f"{word}[{place}:{load.size}]"


def _place(load: Load, word: str, where: Places) -> str | None:
    """Where a load is, counted from the beginning of a protocol's header."""
    begin = 0
    if word in (*_NETWORKS, *_TRANSPORTS):
        if where.network is None:
            return None
        begin = where.network
    elif word == "icmp6":
        if where.ipv6 is None:
            return None
        begin = where.ipv6
    if word in _TRANSPORTS:
        further = _behind_ipv4(load, where)
        if further is None or load.offset < begin:
            return None
        if isinstance(further, Const):
            return str(load.offset - begin)
        text, offset = _value(further, word, where), load.offset - begin
        return text if text is None else f"{text} + {offset}" if offset else _bare(further, text)
    if load.base is None:
        return str(load.offset - begin) if load.offset >= begin else None
    base = _value(load.base, word, where)
    if base is None or word == "icmp6":
        return None
    offset = (load.offset - begin) & WORD
    return f"{base} + {offset}" if offset else _bare(load.base, base)


def _behind_ipv4(load: Load, where: Places) -> Value | None:
    """How far behind the IPv4 header (0 as a constant, if not at all), beside its offset, a load is."""
    if load.base is None or where.ipv4 is None:
        return None
    match fold_value(load.base):
        case base if base == where.ipv4:
            return Const(0)
        case Binary("+", further, base) | Binary("+", base, further) if base == where.ipv4:
            return further
    return None


def _bare(value: Value, text: str) -> str:
    """The text of a value without the parentheses around all of it."""
    return text[1:-1] if isinstance(value, Binary | Negate) else text

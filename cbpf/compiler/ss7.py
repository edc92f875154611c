"""Signalling system 7: kinds of signal units, and the fields of the message transfer part (ITU-T Q.703, Q.704).

Every word has a variant for high-speed links, which begins with h: their sequence numbers and length indicator are two
bytes long each. Whether a signal unit is one that has the fields is not looked at.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.predicates import Predicate, all_of, any_of, equal, masked, negation
from cbpf.compiler.scope import Scope, not_here, within
from cbpf.compiler.values import Address, Binary, Const, Value
from cbpf.language.syntax import Field

_HIGH_SPEED = 3  # bytes that fields are further on


def signal_unit(scope: Scope, word: str) -> Predicate:
    """`fisu` (fill-in), `lssu` (link status) or `msu` (message), by the length indicator: 0, 1 to 2, more."""
    unit = _unit(scope, word)
    if word.startswith("h"):
        length, one = Binary("&", unit.half(4), Const(0xFF80)), 0x80
    else:
        length, one = Binary("&", unit.byte(2), Const(0x3F)), 1
    longer_than_two = Test(">", length, Const(2 * one))
    match word.removeprefix("h"):
        case "fisu":
            return equal(length, 0)
        case "lssu":
            return all_of(Test(">", length, Const(0)), negation(longer_than_two))
    return longer_than_two


class _Place(NamedTuple):
    """Where a field is: ``size`` bytes ``distance`` into the unit, of which it has the bits of ``mask``."""

    distance: int
    size: int
    mask: int
    largest: int


# The service information octet, and the routing label: 32 bits, least significant byte first, of which the destination
# has 14, the origin 14 and the signalling link selection 4.
_PLACES = {
    "sio": _Place(3, 1, 0xFF, 0xFF),
    "dpc": _Place(4, 2, 0xFF3F, 0x3FFF),
    "opc": _Place(4, 4, 0x00C0FF0F, 0x3FFF),
    "sls": _Place(7, 1, 0xF0, 0x0F),
}


def field(scope: Scope, tree: Field) -> Predicate:
    """`sio`, `opc`, `dpc` or `sls`, compared with numbers."""
    name = tree.word.removeprefix("h")
    unit = _unit(scope, tree.word).plus(0 if name == tree.word else _HIGH_SPEED)
    for _, number in tree.alternatives:
        within(number, _PLACES[name].largest, f"the {name.upper()}")
    return any_of(*(_compared(unit, name, operator, number) for operator, number in tree.alternatives))


def _compared(unit: Address, name: str, operator: str, number: int) -> Predicate:
    """Equality is tested on the bytes as they lie in the packet; more and less, on one after the other."""
    place = _PLACES[name]
    load = unit.load(place.distance, place.size)
    if operator in ("=", "!="):
        same = masked(load, place.mask, _as_loaded(name, number))
        return same if operator == "=" else negation(same)
    more = _more(unit, _DIGITS[name], number, or_equal=operator in (">=", "<"))
    return more if operator in (">", ">=") else negation(more)


def _as_loaded(name: str, number: int) -> int:
    """The bits of a field that has this number, in the big-endian number that a load of its bytes gives."""
    match name:
        case "dpc":
            return int.from_bytes(number.to_bytes(2, "little"))
        case "opc":
            return int.from_bytes((number << 14).to_bytes(4, "little"))
        case "sls":
            return number << 4
    return number


class _Digit(NamedTuple):
    """Part of a field: the bits of ``mask`` in the byte at ``distance``, which are ``shift`` bits up in the number."""

    distance: int
    mask: int
    shift: int


# The bytes of each field, the most significant first, which is also the last in the packet. In the last digit bits
# that belong to other fields are below the field's own.
_DIGITS = {
    "sio": (_Digit(3, 0xFF, 0),),
    "dpc": (_Digit(5, 0x3F, 8), _Digit(4, 0xFF, 0)),
    "opc": (_Digit(7, 0x0F, 10), _Digit(6, 0xFF, 2), _Digit(5, 0xC0, -6)),
    "sls": (_Digit(7, 0xF0, -4),),
}


def _more(unit: Address, digits: tuple[_Digit, ...], number: int, *, or_equal: bool) -> Predicate:
    """Whether the field is more than ``number``, or also equal to it: the first digit that differs decides."""
    (distance, mask, shift), *less_significant = digits
    byte = unit.byte(distance)
    digit = (number >> shift if shift >= 0 else number << -shift) & mask
    if not less_significant:
        return Test(">=", byte, Const(digit)) if or_equal else Test(">", byte, Const(digit | ~mask & 0xFF))
    own: Value = byte if mask == 0xFF else Binary("&", byte, Const(mask))
    rest = _more(unit, tuple(less_significant), number, or_equal=or_equal)
    return any_of(Test(">", own, Const(digit)), all_of(equal(own, digit), rest))


def _unit(scope: Scope, word: str) -> Address:
    """Where the signal unit begins."""
    if scope.layer.signalling is None:
        raise not_here(scope, f"'{word}'", lambda layer: layer.signalling)
    return scope.layer.signalling

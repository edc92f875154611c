"""Signalling system 7: kinds of signal units, and the fields of the message transfer part (ITU-T Q.703, Q.704).

Every word has a variant for high-speed links, which begins with h: their sequence numbers and length indicator are two
bytes long each. Whether a signal unit is one that has the fields is not looked at.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.predicates import Predicate, all_of, any_of, equal, masked, negation
from cbpf.compiler.relations import compare
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
    """Equality is tested on the bytes as they lie in the packet; what is more or less, on the number they stand for."""
    place = _PLACES[name]
    load = unit.load(place.distance, place.size)
    if operator in ("=", "!="):
        same = masked(load, place.mask, _as_loaded(name, number))
        return same if operator == "=" else negation(same)
    return compare(operator, _number(name, load), Const(number))


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


def _number(name: str, load: Value) -> Value:
    """The number that a field has, from the load of its bytes."""
    match name:
        case "dpc":
            return Binary("|", Binary(">>", load, Const(8)), _bits(load, 0x3F, 8))
        case "opc":
            low = Binary("&", Binary(">>", load, Const(22)), Const(0x03))
            middle = Binary(">>", Binary("&", load, Const(0xFF00)), Const(6))
            return Binary("|", Binary("|", low, middle), _bits(load, 0x0F, 10))
        case "sls":
            return Binary(">>", load, Const(4))
    return load


def _bits(load: Value, mask: int, shift: int) -> Value:
    return Binary("<<", Binary("&", load, Const(mask)), Const(shift))


def _unit(scope: Scope, word: str) -> Address:
    """Where the signal unit begins."""
    if scope.layer.signalling is None:
        raise not_here(scope, f"'{word}'", lambda layer: layer.signalling)
    return scope.layer.signalling

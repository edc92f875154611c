"""What a primitive is read in: the layer it applies to and the answers it may ask for."""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.layers import Layer
from cbpf.compiler.predicates import Predicate, all_of, any_of
from cbpf.errors import Edit, FilterError, Reason
from cbpf.language.names import Names
from cbpf.language.syntax import Value


class Scope(NamedTuple):
    """``netmask`` is that of the captured network, 32 bits, None if unknown; ``place`` makes variable names unique."""

    layer: Layer
    names: Names
    netmask: int | None = None
    place: int = 0


def sides(direction: str | None, source: Predicate, destination: Predicate) -> Predicate:
    """Source, destination, both, or (without a direction) either: the source is tried first."""
    match direction:
        case "src":
            return source
        case "dst":
            return destination
        case "and":
            return all_of(source, destination)
    return any_of(source, destination)


def mismatch(message: str, hint: str | None = None, edit: Edit | None = None) -> FilterError:
    """Qualifiers that do not go together, or not with this kind of value; ``hint`` is for where there is no edit."""
    return FilterError(spoken(message), reason=Reason.QUALIFIER_MISMATCH, hint=None if edit else hint, edit=edit)


def spoken(message: str) -> str:
    """With the name for the link layer that people use, of the many it has."""
    return message.replace("'link'", "'ether'")


def bad_address(message: str, hint: str | None = None, edit: Edit | None = None) -> FilterError:
    """A value that is no address, or not of the kind that is needed; ``hint`` is for where there is no edit."""
    return FilterError(message, reason=Reason.BAD_ADDRESS, hint=None if edit else hint, edit=edit)


_SIDES = {"or": "src or dst", "and": "src and dst", "link": "ether"}


def instead(value: Value, *words: str | None) -> Edit | None:
    """These words in place of the primitive of ``value``; None if it shares its qualifiers with others."""
    if value.clause is None:
        return None
    return Edit(value.clause, " ".join(_SIDES.get(word, word) for word in words if word))


def not_here(scope: Scope, what: str) -> FilterError:
    """Something the current link layer does not have."""
    return FilterError(f"{what} does not exist on {scope.layer.name}", reason=Reason.NOT_ON_THIS_LINKTYPE)


def within(value: int, largest: int, what: str) -> int:
    """``value``, or an error if it is over ``largest``."""
    if value > largest:
        raise FilterError(f"{what} {value} is over {largest}", reason=Reason.OUT_OF_RANGE)
    return value

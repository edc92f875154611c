"""What a primitive is read in: the layer it applies to and the answers it may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from cbpf.compiler.layers import Layer
from cbpf.compiler.links import LAYERS
from cbpf.compiler.predicates import Predicate, all_of, any_of
from cbpf.errors import Edit, FilterError, Reason
from cbpf.language.names import Names
from cbpf.language.syntax import Value
from cbpf.language.tokens import Kind, Token
from cbpf.linktypes import linktype_name

_Meaning = TypeVar("_Meaning")
_MOST_NAMED = 6  # link types, in a hint


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


def wrong_station(token: Token, message: str, edit: Edit | None = None) -> FilterError:
    """A link-layer address where there can be none."""
    return mismatch(message, edit=edit) if token.kind is Kind.LINK8 else bad_address(message, edit=edit)


def not_here(scope: Scope, what: str, has: Callable[[Layer], object]) -> FilterError:
    """Something that the current link layer does not have; ``has`` tells which do: if they are few, they are named."""
    names = [linktype_name(number) for number, layer in sorted(LAYERS.items()) if has(layer)]
    hint = f"{' and '.join(', '.join(names).rsplit(', ', 1))} {'has' if len(names) == 1 else 'have'} it."
    return FilterError(
        f"{what} does not exist on {scope.layer.name}",
        reason=Reason.NOT_ON_THIS_LINKTYPE,
        hint=hint if 0 < len(names) <= _MOST_NAMED else None,
    )


def needs(scope: Scope, feature: str, what: str) -> None:
    """FilterError unless the current link layer has a feature."""
    if not scope.layer.has(feature):
        raise not_here(scope, what, lambda layer: layer.has(feature))


def named(token: Token, table: Mapping[str, _Meaning], what: str) -> _Meaning:
    """What a name means by ``table``, in whatever case it is written."""
    meaning = table.get(token.text.lower())
    if meaning is None:
        raise FilterError(
            f"{what} is called '{token.text}'",
            token.span,
            reason=Reason.UNKNOWN_NAME,
            hint=f"There are {', '.join(table)}.",
        )
    return meaning


def within(value: int, largest: int, what: str) -> int:
    """``value``, or an error if it is over ``largest``."""
    if value > largest:
        raise FilterError(f"{what} {value} is over {largest}", reason=Reason.OUT_OF_RANGE)
    return value

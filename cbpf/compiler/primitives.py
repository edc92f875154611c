"""One primitive of the syntax tree, read in a layer: the predicate it means, and the layer it leaves."""

from __future__ import annotations

from cbpf.compiler import addresses, internet, ports, relations
from cbpf.compiler.encapsulation import MOVES, llc
from cbpf.compiler.layers import Layer
from cbpf.compiler.predicates import Predicate, equal, negation
from cbpf.compiler.scope import Scope, bad_address, mismatch, not_here
from cbpf.errors import NOWHERE, FilterError, Reason
from cbpf.language.syntax import Byte, Field, Keyword, Named, Primitive, Qualified, Relation, WlanType
from cbpf.language.tokens import Kind
from cbpf.language.vocabulary import LLC_KINDS, PROTOCOLS


def predicate(scope: Scope, primitive: Primitive) -> tuple[Predicate, Layer]:
    """What ``primitive`` means in ``scope``, and the layer for what follows it. Raises FilterError with its span."""
    try:
        if isinstance(primitive, Keyword) and primitive.word in MOVES:
            return MOVES[primitive.word](scope, primitive.number)
        return _predicate(scope, primitive), scope.layer
    except FilterError as error:
        if error.span == NOWHERE:
            error.span = primitive.span
        raise


def _predicate(scope: Scope, primitive: Primitive) -> Predicate:
    match primitive:
        case Qualified():
            return _qualified(scope, primitive)
        case Keyword():
            return _keyword(scope, primitive)
        case Relation():
            return relations.relation(scope, primitive)
        case Byte():
            return relations.byte(scope, primitive)
        case Named():
            return _named(scope, primitive)
        case WlanType():
            raise not_here(scope, "an 802.11 frame type")
        case Field():
            raise not_here(scope, f"'{primitive.word}'")


def _qualified(scope: Scope, primitive: Qualified) -> Predicate:
    qualifiers, value = primitive.qualifiers, primitive.value
    protocol, direction = qualifiers.protocol, qualifiers.direction
    match qualifiers.type:
        case "net":
            return addresses.net(scope, protocol, direction, value)
        case "port":
            return ports.port(scope, protocol, direction, value)
        case "portrange":
            return ports.portrange(scope, protocol, direction, value)
        case "proto" | "protochain" as kind:
            return _proto(scope, kind, primitive)
        case "gateway":
            return _gateway(scope, primitive)
    return addresses.host(scope, protocol, direction, value)


def _proto(scope: Scope, kind: str, primitive: Qualified) -> Predicate:
    token, protocol = primitive.value.token, primitive.qualifiers.protocol
    if token.kind in (Kind.MAC, Kind.LINK8):
        raise bad_address(f"a {token.kind.value} is no protocol")
    if token.kind in (Kind.IPV4, Kind.IPV6):
        raise mismatch(f"an {token.kind.value} is no protocol")
    if protocol == "decnet":
        raise mismatch(f"'decnet' goes with 'host' only, not with '{kind}'")
    number = token.value
    if token.kind is Kind.NAME:
        number = internet.protocol_number(scope, protocol if kind == "proto" else None, token.text)
    return (internet.proto if kind == "proto" else internet.protochain)(scope, protocol, number)


def _gateway(scope: Scope, primitive: Qualified) -> Predicate:
    token = primitive.value.token
    if token.kind in (Kind.MAC, Kind.LINK8):
        raise bad_address("'gateway' takes a host's name, not a link-layer address")
    if token.kind is not Kind.NAME:
        raise mismatch("'gateway' takes a host's name", "The name must be in the ethers database and resolve to IPv4.")
    return addresses.gateway(scope, primitive.qualifiers.protocol, token.text)


def _keyword(scope: Scope, primitive: Keyword) -> Predicate:
    word, number = primitive.word, primitive.number
    if word in PROTOCOLS:
        return internet.abbreviation(scope, word)
    match word:
        case "broadcast":
            return addresses.broadcast(scope, primitive.protocol)
        case "multicast":
            return addresses.multicast(scope, primitive.protocol)
        case "less" | "greater":
            assert number is not None
            return relations.length(word, number)
        case "inbound" | "outbound":
            return _direction(scope, word)
        case "ifindex":
            assert number is not None
            if not scope.layer.has("ifindex"):
                raise not_here(scope, "the interface's index")
            return equal(scope.layer.header.word(4), number)
    raise not_here(scope, f"'{word}'")


_OUTGOING = 4  # linux/if_packet.h


def _direction(scope: Scope, word: str) -> Predicate:
    if scope.layer.packet_type is None:
        raise not_here(scope, f"'{word}'")
    outgoing = equal(scope.layer.packet_type, _OUTGOING)
    return outgoing if word == "outbound" else negation(outgoing)


def _named(scope: Scope, primitive: Named) -> Predicate:
    if primitive.word != "llc":
        raise not_here(scope, f"'{primitive.word}'")
    if primitive.argument is None:
        return llc(scope, 0, 0)
    kind = LLC_KINDS.get(primitive.argument.text.lower())
    if kind is None:
        raise FilterError(
            f"802.2 has no frames of type '{primitive.argument.text}'",
            primitive.argument.span,
            reason=Reason.UNKNOWN_NAME,
            hint=f"It has {', '.join(LLC_KINDS)}.",
        )
    return llc(scope, *kind)

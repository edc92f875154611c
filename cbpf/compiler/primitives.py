"""One primitive of the syntax tree, read in a layer: the predicate it means, and the layer it leaves."""

from __future__ import annotations

from cbpf.compiler import addresses, atm, frames, internet, pflog, ports, relations, ss7
from cbpf.compiler.encapsulation import MOVES, Case, Cases
from cbpf.compiler.flow import Listed
from cbpf.compiler.predicates import Predicate, any_of, equal
from cbpf.compiler.scope import Scope, mismatch, not_here, wrong_station
from cbpf.compiler.sets import union
from cbpf.errors import NOWHERE, FilterError
from cbpf.language.syntax import Byte, Field, Keyword, Named, Primitive, Qualified, Relation, WlanType
from cbpf.language.tokens import Kind
from cbpf.language.vocabulary import ATM_FIELDS, ATM_WORDS, PROTOCOLS, SS7_WORDS


def cases(scope: Scope, primitive: Primitive | Listed) -> Cases:
    """What ``primitive`` means in ``scope``, and the layer for what follows it. Raises FilterError with its span."""
    if isinstance(primitive, Listed):
        return (Case(_any_of_list(scope, primitive), scope.layer),)
    try:
        if isinstance(primitive, Keyword) and primitive.word in MOVES:
            return MOVES[primitive.word](scope, primitive.number)
        return (Case(_predicate(scope, primitive), scope.layer),)
    except FilterError as error:
        if error.span == NOWHERE:
            error.span = primitive.span
        raise


def _any_of_list(scope: Scope, primitive: Listed) -> Predicate:
    """Any of the parts. The first stands alone: see ``union``."""
    parts = [(cases(scope, part)[0].meaning, part.span) for part in primitive.parts]
    alike = union(parts)
    return any_of(parts[0][0], alike) if alike is not None else any_of(*(part for part, _ in parts))


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
            return frames.frame_type(scope, primitive)
        case Field(word=word) if word in ATM_FIELDS:
            return atm.field(scope, primitive)
        case Field():
            return ss7.field(scope, primitive)


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
        raise wrong_station(token, f"a {token.kind.value} is no protocol")
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
        raise wrong_station(token, "'gateway' takes a host's name, not a link-layer address")
    if token.kind is not Kind.NAME:
        raise mismatch("'gateway' takes a host's name", "The name must be in the ethers database and resolve to IPv4.")
    return addresses.gateway(scope, primitive.qualifiers.protocol, token.text)


def _keyword(scope: Scope, primitive: Keyword) -> Predicate:
    word, number = primitive.word, primitive.number
    if word in PROTOCOLS:
        return internet.abbreviation(scope, word)
    if word in ATM_WORDS:
        return atm.circuit(scope, word)
    if word in SS7_WORDS:
        return ss7.signal_unit(scope, word)
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
            return _interface(scope, number)
    return pflog.number(scope, primitive)


_LINUX_KNOWS = "Where a filter runs in Linux it can be had: compile it with the target 'linux'."


def _direction(scope: Scope, word: str) -> Predicate:
    direction = scope.layer.direction
    if direction is None:
        error = not_here(scope, f"'{word}'", lambda layer: layer.direction)
        error.hint = _LINUX_KNOWS
        raise error
    return direction.inbound if word == "inbound" else direction.outbound


def _interface(scope: Scope, number: int | None) -> Predicate:
    if scope.layer.ifindex is None:
        error = not_here(scope, "the interface's index", lambda layer: layer.ifindex)
        error.hint = f"{error.hint} {_LINUX_KNOWS}"
        raise error
    assert number is not None
    return equal(scope.layer.ifindex, number)


def _named(scope: Scope, primitive: Named) -> Predicate:
    if primitive.word == "llc":
        return frames.llc(scope, primitive.argument)
    if primitive.word == "dir":
        assert primitive.argument is not None
        return frames.frame_direction(scope, primitive.argument)
    return pflog.logged(scope, primitive)

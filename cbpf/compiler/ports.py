"""`port` and `portrange`: TCP, UDP or SCTP over IPv6 without extension headers or over an IPv4 first fragment."""

from __future__ import annotations

from cbpf.compiler.internet import (
    PROTOCOL,
    first_fragment,
    ipv4_payload,
    ipv4_protocol,
    ipv6_next_header,
    ipv6_payload,
)
from cbpf.compiler.predicates import Predicate, all_of, any_of, at_least, at_most, equal
from cbpf.compiler.scope import Scope, instead, mismatch, sides, within
from cbpf.compiler.values import Address
from cbpf.errors import Edit, FilterError, Reason
from cbpf.language.syntax import Value
from cbpf.language.tokens import Kind, decimal_value, number_value
from cbpf.language.vocabulary import WLAN_DIRECTIONS

TRANSPORTS = ("tcp", "udp", "sctp")
_LARGEST = 0xFFFF

_Range = tuple[int, int, str | None]  # lowest and highest port, and the transport a service's name restricts it to


def port(scope: Scope, protocol: str | None, direction: str | None, value: Value) -> Predicate:
    _judge(protocol, direction, "port", value)
    if value.token.kind is Kind.NUMBER:
        number, transport = within(value.token.value, _LARGEST, "the port"), None
    else:
        number, transport = _service(scope, value.token.text, _as_range(protocol, direction, value))
    return _in_range(scope, protocol, direction, (number, number, transport))


def portrange(scope: Scope, protocol: str | None, direction: str | None, value: Value) -> Predicate:
    _judge(protocol, direction, "portrange", value)
    if value.token.kind is Kind.NUMBER:
        number = within(value.token.value, _LARGEST, "the port")
        return _in_range(scope, protocol, direction, (number, number, None))
    halves = value.token.text.split("-")
    if len(halves) != 2 or not all(halves):
        known = len(halves) == 1 and scope.names.service(value.token.text)
        meant = instead(value, protocol, direction, "port", value.token.text) if known else None
        raise FilterError(
            f"'{value.token.text}' is not a range of ports",
            reason=Reason.UNKNOWN_NAME if len(halves) == 1 else Reason.SYNTAX,
            edit=meant,
            hint=None if meant else "It has two ends with one hyphen between them and no blanks, as in 6000-6063.",
        )
    (first, restriction), (last, other) = (_end_of_range(scope, half) for half in halves)
    transport = restriction if restriction == other else None
    return _in_range(scope, protocol, direction, (min(first, last), max(first, last), transport))


def _judge(protocol: str | None, direction: str | None, kind: str, value: Value) -> None:
    """What no port may have in front of it, and what no port is."""
    if value.token.kind not in (Kind.NUMBER, Kind.NAME):
        meant, hint = _as_host(protocol, direction, value), "Addresses go with 'host' and 'net'."
        raise mismatch(f"{_article(value.token.kind)} is no port", hint, meant)
    if protocol not in (None, *TRANSPORTS):
        meant = _as_port_of_any(protocol, direction, kind, value)
        raise mismatch(f"'{protocol}' has no ports", "Ports belong to tcp, udp and sctp.", meant)
    if direction in WLAN_DIRECTIONS:
        raise mismatch(f"'{direction}' goes with 802.11 addresses, not with ports")


# What was meant.


def _article(kind: Kind) -> str:
    return f"an {kind.value}" if kind in (Kind.IPV4, Kind.IPV6, Kind.LINK8) else f"a {kind.value}"


def _as_host(protocol: str | None, direction: str | None, value: Value) -> Edit | None:
    if direction in WLAN_DIRECTIONS or value.prefix is not None or value.mask is not None:
        return None
    if value.token.kind is Kind.MAC and protocol is None:
        return instead(value, "link", direction, "host", value.token.text)
    if value.token.kind in (Kind.IPV4, Kind.IPV6) and protocol in (None, *TRANSPORTS):
        return instead(value, protocol and f"{protocol} and", direction, "host", value.token.text)
    return None


def _as_port_of_any(protocol: str, direction: str | None, kind: str, value: Value) -> Edit | None:
    """Every transport's port, in packets of the network protocol that was named."""
    if protocol in ("ip", "ip6"):
        return instead(value, f"{protocol} and", direction, kind, value.token.text)
    return instead(value, direction, kind, value.token.text) if protocol == "link" else None


def _as_range(protocol: str | None, direction: str | None, value: Value) -> Edit | None:
    ends = [decimal_value(half, _LARGEST) for half in value.token.text.split("-")]
    return (
        instead(value, protocol, direction, "portrange", value.token.text)
        if len(ends) == 2 and None not in ends
        else None
    )


# Numbers.


def _service(scope: Scope, name: str, edit: Edit | None = None) -> tuple[int, str | None]:
    service = scope.names.service(name)
    if service is None:
        raise FilterError(f"no TCP or UDP service is called '{name}'", reason=Reason.UNKNOWN_NAME, edit=edit)
    return service.port, service.transport


def _end_of_range(scope: Scope, text: str) -> tuple[int, str | None]:
    """A number (decimal, octal with a leading 0, hexadecimal with 0x) or the name of a service."""
    number = number_value(text)
    return _service(scope, text) if number is None else (within(number, _LARGEST, "the port"), None)


def _in_range(scope: Scope, protocol: str | None, direction: str | None, ports: _Range) -> Predicate:
    lowest, highest, restriction = ports
    if restriction and protocol and restriction != protocol:
        raise mismatch(f"this is a service of {restriction}, not of {protocol}")
    chosen = protocol or restriction
    numbers = tuple(PROTOCOL[transport] for transport in ((chosen,) if chosen else TRANSPORTS))
    layer = scope.layer
    over_ip6 = all_of(
        layer.is_ip6, ipv6_next_header(layer, *numbers), _at(ipv6_payload(layer), direction, lowest, highest)
    )
    over_ip = all_of(
        layer.is_ip,
        ipv4_protocol(layer, *numbers),
        first_fragment(layer),
        _at(ipv4_payload(layer), direction, lowest, highest),
    )
    return any_of(over_ip6, over_ip)


def _at(transport: Address, direction: str | None, lowest: int, highest: int) -> Predicate:
    """The source port is at 0 and the destination port at 2 in TCP, UDP and SCTP alike."""

    def match(distance: int) -> Predicate:
        field = transport.half(distance)
        if lowest == highest:
            return equal(field, lowest)
        return all_of(at_least(field, lowest), at_most(field, highest))

    return sides(direction, match(0), match(2))

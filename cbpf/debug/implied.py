"""What primitives imply, in the language's own words: protocols, fragments, sides, networks as text.

Everything here gives text that stands for itself: a word, or something in parentheses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cbpf.compiler.addresses import Network
from cbpf.compiler.internet import IPV4_ONLY, PROTOCOL
from cbpf.compiler.scope import Scope
from cbpf.compiler.values import WORD
from cbpf.debug.spelling import arithmetic
from cbpf.language.syntax import Arithmetic, Binary, Byte, Index, Negate, Relation, Value
from cbpf.language.tokens import Kind, number_value


def all_of(*parts: str) -> str:
    return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"


def any_of(*parts: str) -> str:
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def sides(direction: str | None, part: Callable[[str], str]) -> str:
    """A part for the source and for the destination, joined as a direction says."""
    if direction in ("src", "dst"):
        return part(direction)
    return (all_of if direction == "and" else any_of)(part("src"), part("dst"))


FIRST_FRAGMENT = "((ip[6:2] & 0x1fff) = 0)"
MULTICAST = {
    "link": "(ether multicast)",
    "ip": "(ip and (ip[16] & 0xf0) = 0xe0)",
    "ip6": "(ip6 and ip6[24] = 0xff)",
}


def ip_proto(number: int) -> str:
    return f"(ip and (ip[9] = {number}))"


def ip6_proto(number: int) -> str:
    """Behind a Fragment header (44), too."""
    return f"(ip6 and ((ip6[6] = {number}) or ((ip6[6] = 44) and (ip6[40] = {number}))))"


def abbreviation(word: str) -> str:
    number = PROTOCOL[word]
    if word == "icmp6":
        return ip6_proto(number)
    return ip_proto(number) if word in IPV4_ONLY else any_of(ip_proto(number), ip6_proto(number))


def ipv4(leg: str, direction: str | None, networks: Iterable[Network]) -> str:
    """Any of these networks in the addresses of IPv4 or ARP, or of whatever has some if ``leg`` is empty."""
    before = f"{leg} " if leg else ""
    texts = [ipv4_network(*network) for network in networks]
    return any_of(*(both_sides(direction, before, text) for text in texts))


def ipv6(direction: str | None, networks: Iterable[Network]) -> str:
    return any_of(*(both_sides(direction, "ip6 ", ipv6_network(*network)) for network in networks))


def both_sides(direction: str | None, before: str, after: str) -> str:
    """The direction between qualifiers and a value, as far as there is one."""
    return sides(direction, lambda side: f"({before}{side} {after})")


def ipv4_network(address: int, mask: int) -> str:
    """A network as `host` or `net` has it."""
    from ipaddress import IPv4Address

    if mask == WORD:
        return f"host {IPv4Address(address)}"
    ones = mask.bit_count()
    if mask == (WORD << 32 - ones) & WORD:
        return f"net {IPv4Address(address)}/{ones}"
    return f"net {IPv4Address(address)} mask {IPv4Address(mask)}"


def ipv6_network(address: int, mask: int) -> str:
    from ipaddress import IPv6Address

    ones = mask.bit_count()
    return f"host {IPv6Address(address)}" if ones == 128 else f"net {IPv6Address(address)}/{ones}"


def ports_of(scope: Scope, kind: str, value: Value) -> tuple[str, str | None]:
    """`port` or `portrange` with numbers, and the transport that the names of services restrict it to."""
    token = value.token
    if token.kind is Kind.NUMBER:
        return f"port {token.value}", None
    halves = token.text.split("-") if kind == "portrange" else [token.text]
    found = [_port(scope, half) for half in halves]
    transports = {transport for _, transport in found}
    numbers = "-".join(str(number) for number, _ in found)
    return f"{kind} {numbers}", transports.pop() if len(transports) == 1 else None


def _port(scope: Scope, text: str) -> tuple[int, str | None]:
    number = number_value(text)
    service = scope.names.service(text)
    return (service.port, service.transport) if number is None and service else (number or 0, None)


# Relations.


def relation(tree: Relation, source: str) -> str:
    """A comparison behind all that it implies, the right side's first: that is the order of the tests."""
    left, right = (arithmetic(side, source) for side in (tree.left, tree.right))
    implied = dict.fromkeys(check for side in (tree.right, tree.left) for check in _implied(side))
    return all_of(*implied, f"({left} {tree.operator} {right})")


def _implied(tree: Arithmetic) -> Iterator[str]:
    match tree:
        case Index(_, protocol, offset, _):
            yield from _implied(offset)
            yield from _implied_by(protocol)
        case Negate(_, operand):
            yield from _implied(operand)
        case Binary(_, _, left, right):
            yield from _implied(left)
            yield from _implied(right)


def _implied_by(protocol: str) -> tuple[str, ...]:
    """What must hold for the bytes of a protocol to be there."""
    if protocol in ("link", "radio"):
        return ()
    if protocol == "icmp6":
        return "ip6", f"(ip6[6] = {PROTOCOL[protocol]})"
    if protocol in PROTOCOL:
        return "ip", f"(ip[9] = {PROTOCOL[protocol]})", FIRST_FRAGMENT
    return (protocol,)


def byte_relation(tree: Byte) -> str:
    if tree.operator in ("&", "|"):
        return f"((ether[{tree.position}] {tree.operator} {tree.value}) != 0)"
    return f"(ether[{tree.position}] {tree.operator} {tree.value})"


# ATM circuits with a name of their own, all of path 0, and the types of messages on them.
CIRCUITS = {
    "metac": (1,),
    "bcc": (2,),
    "oamf4sc": (3,),
    "oamf4ec": (4,),
    "oam": (3, 4),
    "oamf4": (3, 4),
    "sc": (5,),
} | {
    "ilmic": (16,),
    "connectmsg": (5,),
    "metaconnect": (1,),
}
_MESSAGES = {"connectmsg": (0x5A, 0x4D, 0x0F, 0x07, 0x05, 0x02), "metaconnect": (0x5A, 0x4D, 0x07, 0x05, 0x02)}


def circuit(word: str) -> str:
    channels = any_of(*(f"(vci = {channel})" for channel in CIRCUITS[word]))
    messages = [any_of(*(f"(ether[9] = {kind:#04x})" for kind in _MESSAGES[word]))] if word in _MESSAGES else []
    return all_of("(vpi = 0)", channels, *messages)

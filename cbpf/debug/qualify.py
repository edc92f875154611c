"""The fully qualified form: an expression that means the same, with everything that was implied written out.

Protocols, directions, fragments, inherited qualifiers, the addresses of names and the order of evaluation become
visible. What is written is what the compiler tests, in the order in which it does, so that the same packets match,
truncated ones included: of a packet that is too short, what counts is which bytes are looked at on the way.

What the language has no other words for stays as it is: `vlan 7`, `llc`, `ether multicast`, ...
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.addresses import Network, networks_of
from cbpf.compiler.internet import ISIS_GROUPS, OSI_PROTOCOL, PROTOCOL, protocol_number
from cbpf.compiler.ports import TRANSPORTS
from cbpf.compiler.primitives import cases
from cbpf.compiler.scope import Scope
from cbpf.compiler.values import WORD
from cbpf.debug.implied import (
    CIRCUITS,
    FIRST_FRAGMENT,
    MULTICAST,
    abbreviation,
    all_of,
    any_of,
    byte_relation,
    circuit,
    ip6_proto,
    ip_proto,
    ipv4,
    ipv6,
    ports_of,
    relation,
    sides,
)
from cbpf.debug.spelling import written
from cbpf.debug.subject import MOVERS, TUNNELS, Joint, Reading, Subject, fold
from cbpf.language.syntax import (
    And,
    Byte,
    Field,
    Keyword,
    Not,
    Primitive,
    Qualified,
    Relation,
    Value,
    WlanType,
)
from cbpf.language.tokens import Kind
from cbpf.language.vocabulary import WLAN_DIRECTIONS

_IPV6_ONES = (1 << 128) - 1


def qualify(subject: Subject) -> str:
    """The fully qualified form of an expression; empty for an empty one."""
    if subject.tree is None:
        return ""
    readings = iter(subject.readings)
    uncertain = _layer_depends_on_packet(subject)

    def primitive(_: Primitive) -> str:
        reading = next(readings)
        return _Form(subject, reading, reading.primitive in uncertain).text()

    def joint(node: Joint, parts: list[str]) -> str:
        if isinstance(node, Not):
            return f"(not {parts[0]})"
        return all_of(*parts) if isinstance(node, And) else any_of(*parts)

    return fold(subject.tree, primitive, joint)


def _layer_depends_on_packet(subject: Subject) -> frozenset[Primitive]:
    """Primitives that a tunnel makes be read in one layer or another, where those have different protocols.

    What is ARP's on Ethernet is nobody's behind MPLS, so that what an address implies differs from packet to packet.
    """
    words = [each.primitive.word if isinstance(each.primitive, Keyword) else "" for each in subject.readings]
    if not TUNNELS.intersection(words) or not MOVERS.intersection(words):
        return frozenset()
    first = next(place for place, word in enumerate(words) if word in TUNNELS)
    return frozenset(each.primitive for each in subject.readings[first + 1 :])


class _Form(NamedTuple):
    """Writes one primitive."""

    subject: Subject
    reading: Reading
    uncertain: bool

    @property
    def scope(self) -> Scope:
        return Scope(self.reading.layer, self.subject.names, self.subject.netmask)

    def text(self) -> str:
        primitive = self.reading.primitive
        match primitive:
            case Qualified():
                return self._qualified(primitive)
            case Keyword():
                return self._keyword(primitive)
            case Relation():
                return relation(primitive, self.subject.expression)
            case Byte():
                return byte_relation(primitive)
            case WlanType():
                return self._frame_type(primitive)
            case Field(_, word, alternatives):
                return any_of(*(f"({word} {operator} {number})" for operator, number in alternatives))
        return written(primitive, self.subject.expression)

    # Primitives with a value.

    def _qualified(self, primitive: Qualified) -> str:
        protocol, direction, kind = primitive.qualifiers
        value = primitive.value
        match kind:
            case "port" | "portrange":
                return self._ports(protocol, direction, kind, value)
            case "proto" | "protochain":
                return self._proto(protocol, kind, value)
            case "gateway":
                return self._gateway(protocol, value.token.text)
        if protocol == "decnet":
            return sides(direction, lambda side: f"decnet {side} host {value.token.text}")
        if protocol == "link" or value.token.kind in (Kind.MAC, Kind.LINK8):
            return self._station(direction, value)
        networks4, networks6 = self._networks(kind or "host", value)
        return self._internet(protocol, direction, networks4, networks6)

    def _ports(self, protocol: str | None, direction: str | None, kind: str, value: Value) -> str:
        """Over IPv6 behind no extension header, or over IPv4 if it is no later fragment."""
        ends, restriction = ports_of(self.scope, kind, value)
        chosen = protocol or restriction
        written = f"{chosen} " if chosen else ""

        def match(side: str) -> str:
            return f"({written}{side} {ends})"

        numbers = [PROTOCOL[transport] for transport in ((chosen,) if chosen else TRANSPORTS)]
        over_ip6 = all_of("ip6", any_of(*(f"(ip6[6] = {number})" for number in numbers)), sides(direction, match))
        over_ip = all_of(
            "ip",
            any_of(*(f"(ip[9] = {number})" for number in numbers)),
            FIRST_FRAGMENT,
            sides(direction, match),
        )
        return any_of(over_ip6, over_ip)

    def _proto(self, protocol: str | None, kind: str, value: Value) -> str:
        token = value.token
        number = token.value
        if token.kind is Kind.NAME:
            number = protocol_number(self.scope, protocol if kind == "proto" else None, token.text)
        if kind == "protochain":
            return any_of(*(f"({each} protochain {number})" for each in ((protocol,) if protocol else ("ip", "ip6"))))
        match protocol:
            case None:
                return any_of(ip_proto(number), ip6_proto(number))
            case "ip":
                return ip_proto(number)
            case "ip6":
                return ip6_proto(number)
            case "link":
                return f"(ether proto {number:#06x})"
        return f"({protocol} proto {number:#04x})"

    def _gateway(self, protocol: str | None, name: str) -> str:
        addresses, _ = self.subject.names.hosts(name)
        networks = [(address, WORD) for address in addresses]
        legs = (protocol,) if protocol else ("ip", "arp", "rarp")
        station = sides(None, lambda side: f"(ether {side} host {self._mac(name)})")
        return all_of(station, any_of(*(all_of(leg, f"(not {ipv4(leg, None, networks)})") for leg in legs)))

    def _station(self, direction: str | None, value: Value) -> str:
        address = self._mac(value.token.text) if value.token.kind is Kind.NAME else value.token.text
        if direction in WLAN_DIRECTIONS:
            return f"(ether {direction} host {address})"
        return sides(direction, lambda side: f"(ether {side} host {address})")

    def _mac(self, name: str) -> str:
        return (self.subject.names.ethernet(name) or 0).to_bytes(6).hex(":")

    def _networks(self, kind: str, value: Value) -> tuple[list[Network], list[Network]]:
        token = value.token
        if token.kind is not Kind.NAME:
            return networks_of(value, lambda _: None, whole=kind == "host")
        if kind == "net":
            number = self.subject.names.network(token.text) or 0
            as_number = value._replace(token=token._replace(kind=Kind.NUMBER, value=number))
            return networks_of(as_number, lambda _: None, whole=False)
        addresses4, addresses6 = self.subject.names.hosts(token.text)
        return [(each, WORD) for each in addresses4], [(each, _IPV6_ONES) for each in addresses6]

    def _internet(
        self, protocol: str | None, direction: str | None, networks4: list[Network], networks6: list[Network]
    ) -> str:
        parts = []
        if networks4 and protocol != "ip6":
            if self.uncertain and protocol is None:
                parts.append(ipv4("", direction, networks4))
            else:
                every = ("ip",) if self.reading.layer.labels else ("ip", "arp", "rarp")
                legs = (protocol,) if protocol else every
                parts += [all_of(leg, ipv4(leg, direction, networks4)) for leg in legs]
        if networks6 and protocol in (None, "ip6"):
            parts.append(all_of("ip6", ipv6(direction, networks6)))
        return any_of(*parts)

    # Keywords.

    def _keyword(self, primitive: Keyword) -> str:
        word, protocol, number = primitive.word, primitive.protocol, primitive.number
        if word in PROTOCOL:
            return abbreviation(word)
        if word in OSI_PROTOCOL:
            return f"(iso proto {OSI_PROTOCOL[word]:#04x})"
        if word in ISIS_GROUPS:
            return any_of(*(f"(isis proto {kind})" for kind in ISIS_GROUPS[word]))
        match word:
            case "less":
                return f"(len <= {number})"
            case "greater":
                return f"(len >= {number})"
            case "broadcast":
                return self._broadcast(protocol)
            case "multicast":
                return MULTICAST[protocol or "link"]
            case "pppoed":
                return "(ether proto 0x8863)"
        if word in CIRCUITS:
            return circuit(word)
        return f"({word} {number})" if number is not None else word

    def _broadcast(self, protocol: str | None) -> str:
        if protocol == "ip":
            assert self.subject.netmask is not None
            local = ~self.subject.netmask & WORD
            return f"(ip and ((ip[16:4] & {local:#x}) = 0 or (ip[16:4] & {local:#x}) = {local:#x}))"
        stations = self.reading.layer.stations
        assert stations is not None
        address = f"${stations.broadcast:02x}" if stations.size == 1 else "ff:ff:ff:ff:ff:ff"
        return f"(ether dst host {address})"

    def _frame_type(self, primitive: WlanType) -> str:
        """A subtype without a type implies the type."""
        if primitive.type is None and primitive.subtype is not None:
            for kind in ("mgt", "ctl", "data"):
                with_type = primitive._replace(type=primitive.subtype._replace(text=kind))
                if _meaning(self.scope, with_type) == _meaning(self.scope, primitive):
                    return f"(type {kind} subtype {primitive.subtype.text})"
        return f"({written(primitive, self.subject.expression)})"


def _meaning(scope: Scope, primitive: Primitive) -> object:
    """The predicate of a primitive; None where it has none."""
    from cbpf.errors import FilterError

    try:
        return cases(scope, primitive)[0].meaning
    except FilterError:
        return None

"""What is said about IPv4 and IPv6 headers: protocols, fragments, and where the transport header begins."""

from __future__ import annotations

from cbpf.compiler.layers import ETHERTYPE, SAP, Layer
from cbpf.compiler.predicates import Bind, Predicate, all_of, any_of, equal, masked, no_bit, one_of
from cbpf.compiler.scope import Scope, mismatch, spoken, within
from cbpf.compiler.values import Address, Binary, Const, Value, Variable, add
from cbpf.errors import FilterError, Reason

# IANA Assigned Internet Protocol Numbers.
PROTOCOL = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "igrp": 9,
    "udp": 17,
    "esp": 50,
    "ah": 51,
    "icmp6": 58,
    "pim": 103,
    "vrrp": 112,
    "carp": 112,
    "sctp": 132,
}
IPV4_ONLY = frozenset({"icmp", "igmp", "igrp", "vrrp", "carp"})
IPV6_FRAGMENT = 44
IPV6_HEADER = 40  # RFC 8200, bytes

# ISO 9577 network layer protocol identifiers.
OSI_PROTOCOL = {"clnp": 0x81, "esis": 0x82, "isis": 0x83}

# IS-IS PDU types (ISO 10589), in the order they are tried.
ISIS_GROUPS = {
    "l1": (26, 24, 18, 15, 17),
    "l2": (27, 25, 20, 16, 17),
    "iih": (17, 15, 16),
    "lsp": (18, 20),
    "snp": (27, 26, 24, 25),
    "csnp": (24, 25),
    "psnp": (26, 27),
}


def header_length(header: Address) -> Value:
    """Bytes in an IPv4 header: the low four bits of its first byte count words of four (RFC 791)."""
    return Binary("<<", Binary("&", header.byte(), Const(0x0F)), Const(2))


def ipv4_payload(layer: Layer) -> Address:
    """Where the transport header begins behind an IPv4 header."""
    net = layer.net
    return net.plus_value(header_length(net))


def ipv6_payload(layer: Layer) -> Address:
    """Where the transport header begins in an IPv6 packet without extension headers."""
    return layer.net.plus(IPV6_HEADER)


def ipv4_protocol(layer: Layer, *numbers: int) -> Predicate:
    return one_of(layer.net.byte(9), numbers)


def ipv6_next_header(layer: Layer, *numbers: int) -> Predicate:
    return one_of(layer.net.byte(6), numbers)


def first_fragment(layer: Layer) -> Predicate:
    """An IPv4 packet that is whole, or the first fragment of one: the fragment offset is 0."""
    return no_bit(layer.net.half(6), 0x1FFF)


def ip_proto(layer: Layer, number: int) -> Predicate:
    """An IPv4 packet, fragment or not, of this protocol."""
    return all_of(layer.is_ip, ipv4_protocol(layer, number))


def ip6_proto(layer: Layer, number: int) -> Predicate:
    """An IPv6 packet with this next header, at once or behind a Fragment header."""
    behind_fragment = all_of(ipv6_next_header(layer, IPV6_FRAGMENT), equal(ipv6_payload(layer).byte(), number))
    return all_of(layer.is_ip6, any_of(ipv6_next_header(layer, number), behind_fragment))


def iso_proto(layer: Layer, number: int) -> Predicate:
    """An OSI packet with this network layer protocol identifier."""
    if layer.osi is not None:
        return layer.osi(layer, number)
    return all_of(layer.carries(SAP["iso"]), equal(layer.osi_header.byte(), number))


def isis_proto(layer: Layer, *types: int) -> Predicate:
    """An IS-IS packet of one of these PDU types, the low five bits of its fifth byte."""
    isis, kind = iso_proto(layer, OSI_PROTOCOL["isis"]), layer.osi_header.byte(4)
    return any_of(*(all_of(isis, masked(kind, 0x1F, number)) for number in types))


def abbreviation(scope: Scope, word: str) -> Predicate:
    """A protocol keyword on its own."""
    layer = scope.layer
    if word in ETHERTYPE or word in SAP:
        return layer.carries(ETHERTYPE.get(word) or SAP[word])
    if word in PROTOCOL:
        number = PROTOCOL[word]
        if word == "icmp6":
            return ip6_proto(layer, number)
        return ip_proto(layer, number) if word in IPV4_ONLY else _proto(layer, number)
    if word in OSI_PROTOCOL:
        return iso_proto(layer, OSI_PROTOCOL[word])
    if word in ISIS_GROUPS:
        return isis_proto(layer, *ISIS_GROUPS[word])
    raise FilterError(spoken(f"'{word}' alone says nothing"), hint="It is a qualifier, as in 'ether host', or indexed.")


# `proto` and `protochain`, and the names they know.

_LINK_PROTOCOLS = {**ETHERTYPE, **SAP, "lldp": 0x88CC, "loopback": 0x9000, "slow": 0x8809}


def protocol_number(scope: Scope, qualifier: str | None, name: str) -> int:
    """The number of a protocol's name under a qualifier. Names are looked up before the qualifier is judged."""
    table = {"link": _LINK_PROTOCOLS, "iso": OSI_PROTOCOL, "isis": {}}.get(qualifier or "")
    number = scope.names.protocol(name) if table is None else table.get(name)
    if number is None:
        raise FilterError(
            spoken(f"no protocol is called '{name}'" + (f" under '{qualifier}'" if qualifier else "")),
            reason=Reason.UNKNOWN_NAME,
        )
    return number


def proto(scope: Scope, qualifier: str | None, number: int) -> Predicate:
    layer = scope.layer
    match qualifier:
        case None:
            return _proto(layer, within(number, 0xFF, "the IP protocol"))
        case "ip":
            return ip_proto(layer, within(number, 0xFF, "the IP protocol"))
        case "ip6":
            return ip6_proto(layer, within(number, 0xFF, "the IPv6 next header"))
        case "link":
            return layer.carries(number)
        case "iso":
            return iso_proto(layer, within(number, 0xFF, "the OSI protocol"))
        case "isis":
            return isis_proto(layer, within(number, 0x1F, "the IS-IS PDU type"))
    raise mismatch(f"'proto' cannot be asked of '{qualifier}'", "It goes with ip, ip6, ether, iso and isis.")


def _proto(layer: Layer, number: int) -> Predicate:
    return any_of(ip_proto(layer, number), ip6_proto(layer, number))


# How many extension headers `protochain` walks through. RFC 8200 (4.1) recommends an order with eight headers in
# all; a chain of more is no traffic that anybody's stack sends.
LONGEST_CHAIN = 8

_AUTHENTICATION = 51
_OPTIONS_LIKE = (0, 60, 43, 44)  # hop-by-hop, destination options, routing, fragment


def protochain(scope: Scope, qualifier: str | None, number: int) -> Predicate:
    """Whether the chain of headers from the IP header on has one of this protocol among the first ``LONGEST_CHAIN``.

    libpcap compiles a loop, which no kernel takes; this is the same walk, laid out step by step.
    """
    if qualifier not in (None, "ip", "ip6"):
        raise mismatch(f"'protochain' cannot be asked of '{qualifier}'", "It goes with ip and ip6.")
    within(number, 0xFF, "the IP protocol")
    layer = scope.layer
    if layer.payload.base is not None:
        raise FilterError("'protochain' needs a link-layer header of fixed length", reason=Reason.NOT_ON_THIS_LINKTYPE)
    over_ip = all_of(layer.is_ip, _walk(layer.net.byte(9), ipv4_payload(layer), number, f"{scope.place} ip", ()))
    over_ip6 = all_of(
        layer.is_ip6, _walk(layer.net.byte(6), ipv6_payload(layer), number, f"{scope.place} ip6", _OPTIONS_LIKE)
    )
    return any_of(*{"ip": (over_ip,), "ip6": (over_ip6,)}.get(qualifier or "", (over_ip, over_ip6)))


def _walk(
    header: Value, place: Address, wanted: int, name: str, options_like: tuple[int, ...], depth: int = 1
) -> Predicate:
    """``header`` says what stands at ``place``; go on from there until it is what is wanted, or the walk must end."""
    found = equal(header, wanted)
    if depth == LONGEST_CHAIN:
        return found
    following = Variable(f"header {depth + 1} of {name}", limit=0xFFFF)
    move = any_of(
        all_of(one_of(header, options_like), Bind(following, _behind(place, words=1, unit=3))),
        all_of(equal(header, _AUTHENTICATION), Bind(following, _behind(place, words=2, unit=2))),
    )
    return any_of(found, all_of(move, _walk(place.byte(), Address(following), wanted, name, options_like, depth + 1)))


def _behind(place: Address, words: int, unit: int) -> Value:
    """Behind the header at ``place``: its second byte counts units of ``2**unit`` bytes, less ``words``."""
    length = Binary("<<", add(place.byte(1), Const(words)), Const(unit))
    return add(length, place.value())

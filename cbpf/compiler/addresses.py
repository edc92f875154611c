"""Hosts, networks and link-layer addresses: `host`, `net`, `gateway`, `ether host`, `decnet`, broadcast, multicast."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cbpf.compiler.layers import ETHERTYPE, Layer
from cbpf.compiler.predicates import Predicate, all_of, any_of, equal, masked, negation
from cbpf.compiler.scope import Scope, bad_address, instead, mismatch, not_here, sides, wrong_station
from cbpf.compiler.stations import Question, Stations, is_station
from cbpf.compiler.values import WORD
from cbpf.errors import Edit, FilterError, Reason
from cbpf.language.syntax import Value
from cbpf.language.tokens import Kind, Token, decimal_value
from cbpf.language.vocabulary import WLAN_DIRECTIONS

Network = tuple[int, int]  # an address and its mask, both of the family's width

MOST_ADDRESSES = 100  # of one family for one name

# Hints.
_MAC_FORM = "It has six groups, as in 00:1b:21:3c:9d:f8."
_NETWORKS = "Use 'net' for networks."


def host(scope: Scope, protocol: str | None, direction: str | None, value: Value) -> Predicate:
    """`host`, or a direction with nothing behind it."""
    token = value.token
    if protocol == "decnet" and token.kind in (Kind.IPV4, Kind.NUMBER, Kind.NAME):
        return _decnet(scope, direction, value)
    if token.kind is Kind.MAC:
        if protocol != "link":
            raise bad_address("a MAC address goes with 'ether host'", edit=_as_station(direction, value))
        return _station(scope, direction, 6, token.value)
    if token.kind is Kind.LINK8:
        return _link8_host(scope, protocol, direction, token)
    if token.kind is Kind.NAME:
        return _named_host(scope, protocol, direction, value)
    fitting = partial(_fitting, protocol, direction, value)
    networks4, networks6 = networks_of(value, fitting, whole=True)
    if protocol == "link" and networks4:
        raise bad_address("'ether host' takes a MAC address", _MAC_FORM, fitting("host"))
    return _internet(scope, protocol, direction, networks4, networks6, partial(fitting, "host"))


def net(scope: Scope, protocol: str | None, direction: str | None, value: Value) -> Predicate:
    """`net`."""
    token = value.token
    if token.kind is Kind.NAME:
        number = scope.names.network(token.text)
        if number is None:
            raise FilterError(f"no network is called '{token.text}'", token.span, reason=Reason.UNKNOWN_NAME)
        return _internet(
            scope, protocol, direction, [_justified(number)], [], partial(_fitting, protocol, direction, value, "net")
        )
    if token.kind in (Kind.MAC, Kind.LINK8):
        meant = _as_station(direction, value) if token.kind is Kind.MAC else None
        raise wrong_station(token, "'net' takes an IPv4 or IPv6 network", edit=meant)
    fitting = partial(_fitting, protocol, direction, value)
    networks4, networks6 = networks_of(value, fitting, whole=False)
    if protocol == "link" and networks4:
        raise bad_address("link-layer addresses have no networks", edit=fitting("net"))
    return _internet(scope, protocol, direction, networks4, networks6, partial(fitting, "net"))


def gateway(scope: Scope, protocol: str | None, name: str) -> Predicate:
    """`gateway`: a frame of this station, an IPv4 or ARP packet of neither of its addresses."""
    if protocol not in (None, "ip", "arp", "rarp"):
        raise mismatch(f"'gateway' cannot be asked of '{protocol}'")
    layer = scope.layer
    if layer.labels or layer.tunnelled:
        where = "'mpls'" if layer.labels else "a tunnel"
        raise FilterError(f"'gateway' does not go behind {where}", reason=Reason.NOT_ON_THIS_LINKTYPE)
    _stations(scope, 6, "'gateway'")
    station = scope.names.ethernet(name)
    if station is None:
        raise FilterError(f"no Ethernet station is called '{name}'", reason=Reason.UNKNOWN_NAME)
    addresses, _ = scope.names.hosts(name)
    if not addresses:
        raise FilterError(f"no host with an IPv4 address is called '{name}'", reason=Reason.UNKNOWN_NAME)
    hosts = [(address, WORD) for address in addresses]
    legs = [
        all_of(
            layer.carries(ETHERTYPE[leg]), negation(any_of(*(_ipv4_sides(scope, leg, None, *pair) for pair in hosts)))
        )
        for leg in (("ip", "arp", "rarp") if protocol is None else (protocol,))
    ]
    return all_of(_station(scope, None, 6, station), any_of(*legs))


# IPv4 and IPv6.


def networks_of(
    value: Value, fitting: Callable[[str], Edit | None], *, whole: bool
) -> tuple[list[Network], list[Network]]:
    """The IPv4 and IPv6 networks a value stands for; ``whole`` for `host`, whose numbers and addresses have no mask.

    ``fitting`` says what to write in place of a primitive that has one, with the type that it is asked for.
    """
    token = value.token
    if token.kind is Kind.IPV6:
        prefix = 128 if value.prefix is None else value.prefix
        if prefix > 128:
            raise bad_address(f"an IPv6 prefix has at most 128 bits, not {prefix}")
        if whole and prefix != 128:
            raise mismatch("'host' takes no prefix length", _NETWORKS, fitting("net"))
        return [], [_checked(token.value, _mask(prefix, 128), value, fitting)]
    if token.kind is Kind.NUMBER:
        return [(token.value, WORD) if whole else _justified(token.value)], []
    address, bits = dotted(token)
    if value.prefix is not None or value.mask is not None:
        if whole:
            raise mismatch("'host' takes no prefix length or mask", _NETWORKS, fitting("net"))
        if value.mask is not None:
            return [_checked(address, dotted(value.mask)[0], value, fitting)], []
        bits = value.prefix or 0
        if bits > 32:
            raise bad_address(f"an IPv4 prefix has at most 32 bits, not {bits}")
    return [_checked(address, _mask(bits, 32), value, fitting)], []


def dotted(token: Token) -> tuple[int, int]:
    """A dotted address of two, three or four groups, left-justified, and how many bits of it are written."""
    groups = [decimal_value(group, 0xFF) for group in token.groups]
    if None in groups:
        raise FilterError(
            f"'{token.text}' is not a valid IPv4 address",
            token.span,
            reason=Reason.BAD_ADDRESS,
            hint="Each group is a decimal number of at most 255.",
        )
    return int.from_bytes(bytes(group or 0 for group in groups).ljust(4, b"\0")), 8 * len(groups)


def _checked(address: int, mask: int, value: Value, fitting: Callable[[str], Edit | None]) -> Network:
    if address & ~mask:
        meant = fitting("net") or Edit(value.span, _cleared(value))
        raise bad_address("the address has bits set outside its network", edit=meant)
    return address, mask


def _cleared(value: Value) -> str:
    """A network as it is written, without the bits that are outside it."""
    from ipaddress import IPv4Address, IPv6Address

    token, mask = value.token, value.mask
    if token.kind is Kind.IPV6:
        prefix = min(128 if value.prefix is None else value.prefix, 128)
        return f"{IPv6Address(token.value & _mask(prefix, 128))}/{prefix}"
    if token.kind is not Kind.IPV4:
        return token.text
    address, bits = dotted(token)
    if mask is not None:
        return f"{IPv4Address(address & dotted(mask)[0])} mask {mask.text}"
    bits = min(bits if value.prefix is None else value.prefix, 32)
    return f"{IPv4Address(address & _mask(bits, 32))}/{bits}"


def _mask(bits: int, width: int) -> int:
    return (1 << width) - (1 << width - bits)


def _justified(number: int) -> Network:
    """A network as one plain number: shifted up until its first byte is set, the mask shrinking along."""
    mask = WORD
    while number and not number >> 24:
        number, mask = number << 8, mask << 8 & WORD
    return number, mask


def _named_host(scope: Scope, protocol: str | None, direction: str | None, value: Value) -> Predicate:
    name = value.token.text
    if protocol == "link":
        station = scope.names.ethernet(name)
        if station is None:
            raise FilterError(f"no Ethernet station is called '{name}'", reason=Reason.UNKNOWN_NAME)
        return _station(scope, direction, 6, station)
    fitting = partial(_fitting, protocol, direction, value, "host")
    _families(protocol, fitting)
    addresses4, addresses6 = scope.names.hosts(name)
    if not addresses4 and not addresses6:
        raise FilterError(f"no host is called '{name}'", reason=Reason.UNKNOWN_NAME)
    if max(len(addresses4), len(addresses6)) > MOST_ADDRESSES:
        raise FilterError(f"'{name}' has more than {MOST_ADDRESSES} addresses")
    return _internet(
        scope,
        protocol,
        direction,
        [(address, WORD) for address in addresses4],
        [(address, _mask(128, 128)) for address in addresses6],
        fitting,
        f"'{name}' has no address of the family that '{protocol}' needs",
    )


# What has hosts of a version only because it is in an IP packet.
_CARRIED = {
    **dict.fromkeys(("tcp", "udp", "sctp", "pim", "ah", "esp"), (Kind.IPV4, Kind.IPV6, Kind.NAME)),
    **dict.fromkeys(("icmp", "igmp", "igrp", "vrrp", "carp"), (Kind.IPV4,)),
    "icmp6": (Kind.IPV6,),
}


_VERSION = {Kind.IPV4: "ip", Kind.IPV6: "ip6"}


def _fitting(protocol: str | None, direction: str | None, value: Value, kind: str) -> Edit | None:
    """The primitive of type ``kind`` under a protocol that its address goes with; None if none is likely."""
    token = value.token
    version = _VERSION.get(token.kind)
    written = _cleared(value) if kind == "net" else token.text
    if direction in WLAN_DIRECTIONS:
        return None
    if token.kind in _CARRIED.get(protocol or "", ()):
        return instead(value, f"{protocol} and", direction, kind, written)
    if version == "ip" and protocol in (None, "arp", "rarp", "link"):
        return instead(value, None if protocol == "link" else protocol, direction, kind, written)
    if version and protocol in (None, "ip", "ip6", "link"):
        return instead(value, protocol and version, direction, kind, written)
    return None


def _as_station(direction: str | None, value: Value) -> Edit | None:
    """The primitive for a MAC address."""
    return None if direction in WLAN_DIRECTIONS else instead(value, "link", direction, "host", value.token.text)


def _families(protocol: str | None, fitting: Callable[[], Edit | None]) -> tuple[bool, bool]:
    """Whether IPv4 and IPv6 addresses go with a protocol qualifier."""
    if protocol in (None, "ip", "arp", "rarp", "ip6"):
        return protocol != "ip6", protocol in (None, "ip6")
    if protocol == "link":
        raise mismatch("a link-layer address is a MAC address", _MAC_FORM, fitting())
    hint = "They go with ip, ip6, arp, rarp, ether and decnet."
    raise mismatch(f"'{protocol}' has no hosts or networks", hint, fitting())


def _internet(
    scope: Scope,
    protocol: str | None,
    direction: str | None,
    networks4: list[Network],
    networks6: list[Network],
    fitting: Callable[[], Edit | None],
    none_left: str = "",
) -> Predicate:
    """Packets from or to any of these networks. Those of the family that the qualifier excludes do not count.

    ``fitting`` says what to write in place of the primitive if it excludes all.
    """
    takes4, takes6 = _families(protocol, fitting)
    if not ((takes4 and networks4) or (takes6 and networks6)):
        version = 4 if networks4 else 6
        raise mismatch(none_left or f"an IPv{version} address does not go with '{protocol}'", edit=fitting())
    if direction in WLAN_DIRECTIONS:
        raise FilterError(
            f"'{direction}' goes with 802.11 addresses only, not with IP addresses", reason=Reason.DIRECTION_NEEDS_WLAN
        )
    parts = []
    if takes4 and networks4:
        legs = ("ip",) if scope.layer.labels else ("ip", "arp", "rarp")
        for leg in legs if protocol is None else (protocol,):
            matches = (_ipv4_sides(scope, leg, direction, *network) for network in networks4)
            parts.append(all_of(scope.layer.carries(ETHERTYPE[leg]), any_of(*matches)))
    if takes6 and networks6:
        matches = (_ipv6_sides(scope, direction, *network) for network in networks6)
        parts.append(all_of(scope.layer.is_ip6, any_of(*matches)))
    return any_of(*parts)


# Where the addresses are: RFC 791, and RFC 826 (RFC 903) with six-byte hardware addresses.
_IPV4_AT = {"ip": (12, 16), "arp": (14, 24), "rarp": (14, 24)}


def _ipv4_sides(scope: Scope, leg: str, direction: str | None, address: int, mask: int) -> Predicate:
    source, destination = (masked(scope.layer.net.word(at), mask, address) for at in _IPV4_AT[leg])
    return sides(direction, source, destination)


def _ipv6_sides(scope: Scope, direction: str | None, address: int, mask: int) -> Predicate:
    """RFC 8200: source at 8, destination at 24; compared in words of 32 bits, those outside the mask left alone."""

    def match(at: int) -> Predicate:
        words = ((address >> shift & WORD, mask >> shift & WORD) for shift in (96, 64, 32, 0))
        return all_of(*(masked(scope.layer.net.word(at + 4 * n), part, word) for n, (word, part) in enumerate(words)))

    return sides(direction, match(8), match(24))


# Link-layer addresses.


def _stations(scope: Scope, size: int, what: str) -> Stations:
    """How addresses of this size look in the current layer."""

    def has(layer: Layer) -> bool:
        return layer.stations is not None and layer.stations.size == size

    if scope.layer.stations is None or not has(scope.layer):
        raise not_here(scope, what, has)
    return scope.layer.stations


def _station(scope: Scope, direction: str | None, size: int, address: int) -> Predicate:
    """`link host`: an address of six bytes, or of one."""
    stations = _stations(scope, size, "'ether host'" if size == 6 else "an 8-bit address")
    question = is_station(size, address)
    if direction in WLAN_DIRECTIONS:
        if stations.particular is None:
            raise FilterError(f"'{direction}' exists on 802.11 only", reason=Reason.DIRECTION_NEEDS_WLAN)
        return all_of(scope.layer.framed, stations.particular(direction)(scope.layer.header, question))
    header = scope.layer.header
    ends = sides(direction, stations.source(header, question), stations.destination(header, question))
    return all_of(scope.layer.framed, ends)


def _to(scope: Scope, stations: Stations, question: Question) -> Predicate:
    """A frame to an address of which the question can be answered with yes."""
    return all_of(scope.layer.framed, stations.destination(scope.layer.header, question))


def _link8_host(scope: Scope, protocol: str | None, direction: str | None, token: Token) -> Predicate:
    if protocol != "link":
        raise mismatch("an 8-bit address goes with 'link host'", f"Did you mean 'link host {token.text}'?")
    if direction in WLAN_DIRECTIONS:
        raise FilterError(f"'{direction}' exists on 802.11 only", reason=Reason.DIRECTION_NEEDS_WLAN)
    return _station(scope, direction, 1, token.value)


def broadcast(scope: Scope, protocol: str | None) -> Predicate:
    if protocol in (None, "link"):
        stations = scope.layer.stations
        if stations is None:
            raise not_here(scope, "'broadcast'", lambda layer: layer.stations)
        return _to(scope, stations, is_station(stations.size, stations.broadcast))
    if protocol != "ip":
        raise mismatch(f"'{protocol}' has no broadcast")
    if scope.netmask in (None, WORD):
        raise FilterError(
            "'ip broadcast' needs to know the netmask of the network", hint="Give it, as in --netmask 255.255.255.0."
        )
    local = ~scope.netmask & WORD
    destination = scope.layer.net.word(16)
    return all_of(scope.layer.is_ip, any_of(masked(destination, local, 0), masked(destination, local, local)))


def multicast(scope: Scope, protocol: str | None) -> Predicate:
    """The group bit of a MAC address; 224.0.0.0/4 (RFC 5771); ff00::/8 (RFC 4291)."""
    net = scope.layer.net
    if protocol in (None, "link"):
        stations = scope.layer.stations
        if stations is None or stations.multicast is None:
            raise not_here(scope, "'multicast'", lambda layer: layer.stations and layer.stations.multicast)
        return _to(scope, stations, stations.multicast)
    if protocol == "ip":
        return all_of(scope.layer.is_ip, masked(net.byte(16), 0xF0, 0xE0))
    if protocol == "ip6":
        return all_of(scope.layer.is_ip6, equal(net.byte(24), 0xFF))
    raise mismatch(f"'{protocol}' has no multicast")


# DECnet Phase IV: an area of 6 bits and a node of 10, little-endian in the packet. A routing header is short or
# long, and a padding byte may stand in front of it; the flags tell (DECnet Routing Layer Functional Specification).
_DECNET_FORMS = (  # flags: size of the load at 2, mask, value; then where the destination and the source are
    (1, 0x07, 0x02, 3, 5),
    (2, 0xFF07, 0x8102, 4, 6),
    (1, 0x07, 0x06, 9, 17),
    (2, 0xFF07, 0x8106, 10, 18),
)


def _decnet(scope: Scope, direction: str | None, value: Value) -> Predicate:
    token = value.token
    if direction in WLAN_DIRECTIONS:
        raise FilterError(f"'{direction}' exists on 802.11 only", reason=Reason.DIRECTION_NEEDS_WLAN)
    if len(token.groups) != 2 or value.prefix is not None or value.mask is not None:
        raise bad_address("a DECnet address is AREA.NODE, as in 10.15")
    area, node = decimal_value(token.groups[0], 63), decimal_value(token.groups[1], 1023)
    if area is None or node is None:
        raise bad_address("a DECnet area is at most 63 and a node at most 1023, both in decimal")
    address = int.from_bytes((area << 10 | node).to_bytes(2, "little"))
    net = scope.layer.net

    def match(which: int) -> Predicate:
        return any_of(
            *(
                all_of(masked(net.load(2, form[0]), form[1], form[2]), equal(net.half(form[which]), address))
                for form in _DECNET_FORMS
            )
        )

    return all_of(scope.layer.carries(ETHERTYPE["decnet"]), sides(direction, match(4), match(3)))

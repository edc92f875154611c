"""Keywords that look into an encapsulation, and the layer that they leave for what follows them.

VLAN tags, MPLS labels, PPPoE sessions and LAN emulation move the layer for everything written after them, whether they
matched or not: that is the language. Geneve and VXLAN have an inner layer only in packets that really are such
tunnels, so what follows them is read in the inner layer on the paths where they matched, in the outer one elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cbpf.compiler import linux
from cbpf.compiler.graph import Test
from cbpf.compiler.internet import PROTOCOL, first_fragment, ipv4_payload, ipv4_protocol, ipv6_next_header, ipv6_payload
from cbpf.compiler.layers import Layer
from cbpf.compiler.links import ETHERNET, ppp
from cbpf.compiler.predicates import TRUE, Bind, Predicate, all_of, any_of, equal, masked, negation, no_bit
from cbpf.compiler.scope import Scope, needs, not_here, within
from cbpf.compiler.values import FARTHEST, Address, Binary, Const, Variable
from cbpf.errors import FilterError, Reason

TAG_PROTOCOLS = (0x8100, 0x88A8, 0x9100)  # IEEE 802.1Q, 802.1ad, and what QinQ used before it
TAG = 4  # bytes
LABEL = 4  # bytes, RFC 3032
PPPOE_DISCOVERY, PPPOE_SESSION = 0x8863, 0x8864  # RFC 2516
GENEVE_PORT, VXLAN_PORT = 6081, 4789  # RFC 8926, RFC 7348
TRANSPARENT_ETHERNET = 0x6558
UDP_HEADER = VXLAN_HEADER = GENEVE_HEADER = 8  # bytes

# Where something is behind headers that have been read: they are in the packet, and themselves of limited length.
_FARTHEST_PLACE = FARTHEST + 0xFFFF


class Case(NamedTuple):
    """What a primitive means where ``condition`` holds, and the layer that it leaves there."""

    meaning: Predicate
    moved: Layer
    condition: Predicate = TRUE


Cases = tuple[Case, ...]
"""The first whose condition holds counts; that of the last one always holds."""


def vlan(scope: Scope, identifier: int | None) -> Cases:
    """A tag behind the addresses; but the first one of a frame that Linux has may be beside it, which moves nothing."""
    layer = scope.layer
    if layer.labels:
        raise FilterError("no VLAN tag comes behind an MPLS label", reason=Reason.NOT_ON_THIS_LINKTYPE)
    needs(scope, "vlan", "a VLAN tag")
    if identifier is not None:
        within(identifier, 0x0FFF, "the VLAN")
    tagged = any_of(*(layer.carries(protocol) for protocol in TAG_PROTOCOLS))
    if identifier is not None:
        tagged = all_of(tagged, masked(layer.net.half(), 0x0FFF, identifier))
    behind = layer._replace(protocol=layer.protocol.plus(TAG), payload=layer.payload.plus(TAG))
    if layer.tag != "unread":
        return (Case(tagged, behind),)
    is_it = TRUE if identifier is None else linux.tag_is(0x0FFF, identifier)
    beside = Case(is_it, layer._replace(tag="read"), linux.TAG_IS_BESIDE)
    return beside, Case(tagged, behind._replace(tag="read"))


def mpls(scope: Scope, label: int | None) -> Cases:
    layer = scope.layer
    if layer.labels:
        labelled = no_bit(layer.net.plus(-2).byte(), 1)  # the label before is not the bottom of the stack
    elif layer.mpls is not None:
        labelled = layer.carries(layer.mpls)
    else:
        raise not_here(scope, "'mpls'", lambda layer: layer.mpls)
    if label is not None:
        within(label, 0xFFFFF, "the MPLS label")
        labelled = all_of(labelled, masked(layer.net.word(), 0xFFFFF000, label << 12))
    moved = layer._replace(
        network=layer.network + LABEL, osi_network=layer.osi_network + LABEL, labels=layer.labels + 1
    )
    return (Case(labelled, moved),)


def pppoed(scope: Scope, _: int | None) -> Cases:
    return (Case(scope.layer.carries(PPPOE_DISCOVERY), scope.layer),)


def pppoes(scope: Scope, session: int | None) -> Cases:
    """Six bytes of PPPoE header, then PPP."""
    layer = scope.layer
    in_session = layer.carries(PPPOE_SESSION)
    if session is not None:
        within(session, 0xFFFF, "the PPPoE session")
        in_session = all_of(in_session, equal(layer.net.half(2), session))
    return (Case(in_session, _inside(layer, ppp(layer.net.plus(6)))),)


def lane(scope: Scope, _: int | None) -> Cases:
    """LAN emulation over ATM: two bytes, then Ethernet; but not the frames that control the emulation."""
    needs(scope, "atm", "'lane'")
    layer = scope.layer
    emulated = masked(layer.header.byte(), 0x0F, 1)
    data = negation(equal(layer.payload.half(), 0xFF00))
    return (Case(emulated, _inside(layer, _ethernet(layer.payload.plus(2), data)._replace(guard=data))),)


def _ethernet(header: Address, framed: Predicate = TRUE) -> Layer:
    """An Ethernet frame inside something else."""
    return ETHERNET._replace(header=header, protocol=header.plus(12), payload=header.plus(14), framed=framed)


def _inside(outer: Layer, inner: Layer) -> Layer:
    """Linux knows as much of what is inside a packet as of the packet."""
    return linux.with_metadata(inner) if outer.live else inner


# Tunnels over UDP.


def vxlan(scope: Scope, network: int | None) -> Cases:
    """Flags must be exactly 8, a network identifier and nothing else; an Ethernet frame follows."""
    start = Variable(f"VXLAN header at {scope.place}", _FARTHEST_PLACE)
    header = Address(start)
    tunnel = all_of(
        _over_udp(scope.layer, VXLAN_PORT, start), equal(header.byte(), 0x08), _virtual_network(header, network)
    )
    return _tunnelled(scope, tunnel, _ethernet(header.plus(VXLAN_HEADER)))


def geneve(scope: Scope, network: int | None) -> Cases:
    """Version 0; options of up to 63 words; then an Ethernet frame or, by the protocol field, something else."""
    names = (f"Geneve {part} at {scope.place}" for part in ("header", "frame", "protocol", "payload"))
    start, frame, protocol, payload = (Variable(name, _FARTHEST_PLACE) for name in names)
    header, inner = Address(start), Address(frame)
    options = Binary("<<", Binary("&", header.byte(), Const(0x3F)), Const(2))
    with_ethernet = all_of(
        equal(header.half(2), TRANSPARENT_ETHERNET),
        Bind(protocol, inner.plus(12).value()),
        Bind(payload, inner.plus(14).value()),
    )
    without = all_of(Bind(protocol, header.plus(2).value()), Bind(payload, frame))
    tunnel = all_of(
        _over_udp(scope.layer, GENEVE_PORT, start),
        no_bit(header.byte(), 0xC0),
        _virtual_network(header, network),
        Bind(frame, header.plus_value(options).plus(GENEVE_HEADER).value()),
        any_of(with_ethernet, without),
    )
    framed = negation(Test("=", frame, payload))
    inside = _ethernet(inner, framed)._replace(protocol=Address(protocol), payload=Address(payload))
    return _tunnelled(scope, tunnel, inside)


def _tunnelled(scope: Scope, tunnel: Predicate, inside: Layer) -> Cases:
    return (Case(tunnel, _inside(scope.layer, inside)._replace(tunnelled=True)),)


def _over_udp(layer: Layer, port: int, start: Variable) -> Predicate:
    """A UDP datagram to this port, over IPv4 or else IPv6; ``start`` is bound to where its payload begins."""

    def datagram(place: Address) -> Predicate:
        return all_of(equal(place.half(2), port), Bind(start, place.plus(UDP_HEADER).value()))

    over_ip = (ipv4_protocol(layer, PROTOCOL["udp"]), first_fragment(layer), datagram(ipv4_payload(layer)))
    over_ip6 = (ipv6_next_header(layer, PROTOCOL["udp"]), datagram(ipv6_payload(layer)))
    return any_of(all_of(layer.is_ip, *over_ip), all_of(layer.is_ip6, *over_ip6))


def _virtual_network(place: Address, network: int | None) -> Predicate:
    """Both headers have a 24-bit network identifier at 4."""
    if network is None:
        return TRUE
    within(network, 0xFFFFFF, "the virtual network")
    return masked(place.word(4), 0xFFFFFF00, network << 8)


MOVES: dict[str, Callable[[Scope, int | None], Cases]] = {
    "vlan": vlan,
    "mpls": mpls,
    "pppoed": pppoed,
    "pppoes": pppoes,
    "lane": lane,
    "geneve": geneve,
    "vxlan": vxlan,
}
TUNNELS = frozenset({"geneve", "vxlan"})

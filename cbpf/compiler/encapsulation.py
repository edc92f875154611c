"""Keywords that look into an encapsulation, and the layer that they leave for what follows them.

VLAN tags, MPLS labels and PPPoE sessions move the layer for everything written after them, whether they matched or
not: that is the language. Geneve and VXLAN have an inner layer only in packets that really are such tunnels, so
what follows them is read in the inner layer on the paths where they matched, in the outer one elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from cbpf.compiler.graph import Test
from cbpf.compiler.internet import PROTOCOL, first_fragment, ipv4_payload, ipv4_protocol, ipv6_next_header, ipv6_payload
from cbpf.compiler.layers import LARGEST_LENGTH, Layer, ethernet, ppp
from cbpf.compiler.predicates import TRUE, Bind, Predicate, all_of, any_of, at_most, equal, masked, negation, no_bit
from cbpf.compiler.scope import Scope, not_here, within
from cbpf.compiler.values import Address, Binary, Const, Variable
from cbpf.errors import FilterError, Reason

TAG_PROTOCOLS = (0x8100, 0x88A8, 0x9100)  # IEEE 802.1Q, 802.1ad, and what QinQ used before it
TAG = 4  # bytes
MPLS_UNICAST = 0x8847  # EtherType
PPP_MPLS = 0x0281  # PPP protocol number
LABEL = 4  # bytes, RFC 3032
PPPOE_DISCOVERY, PPPOE_SESSION = 0x8863, 0x8864  # RFC 2516
GENEVE_PORT, VXLAN_PORT = 6081, 4789  # RFC 8926, RFC 7348
TRANSPARENT_ETHERNET = 0x6558
UDP_HEADER = VXLAN_HEADER = GENEVE_HEADER = 8  # bytes

Moved = tuple[Predicate, Layer]


def vlan(scope: Scope, identifier: int | None) -> Moved:
    layer = scope.layer
    if layer.labels:
        raise FilterError("no VLAN tag comes behind an MPLS label", reason=Reason.NOT_ON_THIS_LINKTYPE)
    if not layer.has("vlan"):
        raise not_here(scope, "a VLAN tag")
    tagged = any_of(*(layer.carries(protocol) for protocol in TAG_PROTOCOLS))
    if identifier is not None:
        within(identifier, 0x0FFF, "the VLAN")
        tagged = all_of(tagged, masked(layer.net.half(), 0x0FFF, identifier))
    return tagged, layer._replace(protocol=layer.protocol.plus(TAG), payload=layer.payload.plus(TAG))


def mpls(scope: Scope, label: int | None) -> Moved:
    layer = scope.layer
    if layer.labels:
        labelled = no_bit(layer.net.plus(-2).byte(), 1)  # the label before is not the bottom of the stack
    elif layer.has("mpls"):
        labelled = layer.carries(PPP_MPLS if layer.family == "PPP" else MPLS_UNICAST)
    else:
        raise not_here(scope, "'mpls'")
    if label is not None:
        within(label, 0xFFFFF, "the MPLS label")
        labelled = all_of(labelled, masked(layer.net.word(), 0xFFFFF000, label << 12))
    return labelled, layer._replace(
        network=layer.network + LABEL, llc_network=layer.llc_network + LABEL, labels=layer.labels + 1
    )


def pppoed(scope: Scope, _: int | None) -> Moved:
    return scope.layer.carries(PPPOE_DISCOVERY), scope.layer


def pppoes(scope: Scope, session: int | None) -> Moved:
    """Six bytes of PPPoE header, then PPP."""
    layer = scope.layer
    in_session = layer.carries(PPPOE_SESSION)
    if session is not None:
        within(session, 0xFFFF, "the PPPoE session")
        in_session = all_of(in_session, equal(layer.net.half(2), session))
    return in_session, ppp(layer.net.plus(6))


# Tunnels over UDP.


def vxlan(scope: Scope, network: int | None) -> Moved:
    """Flags must be exactly 8, a network identifier and nothing else; an Ethernet frame follows."""
    start = Variable(f"VXLAN header at {scope.place}", limit=0xFFFF)
    header = Address(start)
    inner = header.plus(VXLAN_HEADER)
    tunnel = all_of(
        _over_udp(scope.layer, VXLAN_PORT, start), equal(header.byte(), 0x08), _virtual_network(header, network)
    )
    return tunnel, ethernet(inner, inner.plus(12), inner.plus(14))


def geneve(scope: Scope, network: int | None) -> Moved:
    """Version 0; options of up to 63 words; then an Ethernet frame or, by the protocol field, something else."""
    names = (f"Geneve {part} at {scope.place}" for part in ("header", "frame", "protocol", "payload"))
    start, frame, protocol, payload = (Variable(name, limit=0xFFFF) for name in names)
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
    return tunnel, ethernet(inner, Address(protocol), Address(payload), framed)


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


MOVES: dict[str, Callable[[Scope, int | None], Moved]] = {
    "vlan": vlan,
    "mpls": mpls,
    "pppoed": pppoed,
    "pppoes": pppoes,
    "geneve": geneve,
    "vxlan": vxlan,
}
TUNNELS = frozenset({"geneve", "vxlan"})


def llc(scope: Scope, mask: int, value: int) -> Predicate:
    """A frame with an 802.2 header whose control byte is of this kind."""
    layer = scope.layer
    if not layer.has("llc"):
        raise not_here(scope, "'llc'")
    # A length in the type field, and not Novell's IPX, which has a length and no 802.2 header.
    framed = all_of(at_most(layer.protocol.half(), LARGEST_LENGTH), negation(equal(layer.payload.half(), 0xFFFF)))
    return all_of(framed, masked(layer.payload.byte(2), mask, value))

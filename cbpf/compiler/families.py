"""How each family of link types names the protocol of its payload.

A recogniser takes a layer and a protocol, an EtherType or an 802.2 SAP below 1501, and says what must hold of a packet
that carries it. Some families are functions, most are tables. Protocols that a family cannot carry are constantly
false, so that their tests and loads disappear; FilterError without a span where a number makes no sense.
"""

from __future__ import annotations

from collections.abc import Mapping

from cbpf.compiler.layers import ETHERTYPE, IP_VERSION, SAP, Layer, Recogniser
from cbpf.compiler.predicates import FALSE, TRUE, Predicate, all_of, any_of, at_most, equal, masked, one_of
from cbpf.compiler.values import Address
from cbpf.errors import FilterError, Reason

IP, IP6, ARP, RARP, ATALK = (ETHERTYPE[name] for name in ("ip", "ip6", "arp", "rarp", "atalk"))
ISO, IPX = SAP["iso"], SAP["ipx"]
IPX_ETHERTYPE = 0x8137
LARGEST_LENGTH = 1500  # IEEE 802.3: up to here the field is the frame's length, and 802.2 follows

# EtherTypes and 802.2.


def ethernet(layer: Layer, protocol: int) -> Predicate:
    """IEEE 802.3: an EtherType, or a length of at most 1500 with an 802.2 header behind it."""
    _reject_length(protocol)
    if protocol > LARGEST_LENGTH:
        return _ethertype_or_snap(layer, protocol)
    if protocol == IPX:
        # Four encapsulations: Ethernet II, SNAP, 802.2, and Novell's own, IPX straight behind the 802.3 length.
        llc = any_of(_snap(layer, OUI_ENCAPSULATED_ETHERNET, IPX_ETHERTYPE), _sap(layer, IPX), novell(layer))
        return any_of(equal(layer.protocol.half(), IPX_ETHERTYPE), all_of(has_length(layer), llc))
    return all_of(has_length(layer), _sap(layer, protocol))


def has_length(layer: Layer) -> Predicate:
    """Where an EtherType could be is a length: an 802.2 header follows."""
    return at_most(layer.protocol.half(), LARGEST_LENGTH)


def novell(layer: Layer) -> Predicate:
    """IPX without any 802.2 header, as Novell first had it: its checksum is never used."""
    return equal(layer.payload.half(), 0xFFFF)


# Linux's cooked captures put these in the protocol field of frames without an EtherType (linux/if_ether.h).
_COOKED_NOVELL = 0x0001
_COOKED_LLC = 0x0004


def cooked(layer: Layer, protocol: int) -> Predicate:
    _reject_length(protocol)
    if protocol > LARGEST_LENGTH:
        return _ethertype_or_snap(layer, protocol)
    if protocol == IPX:
        field = layer.protocol.half()
        in_llc = any_of(_sap(layer, protocol), _snap(layer, OUI_ENCAPSULATED_ETHERNET, IPX_ETHERTYPE))
        return any_of(equal(field, IPX_ETHERTYPE), equal(field, _COOKED_NOVELL), all_of(is_cooked_llc(layer), in_llc))
    return all_of(is_cooked_llc(layer), _sap(layer, protocol))


def cooked2(layer: Layer, protocol: int) -> Predicate:
    """As in version 1, except that what is neither a SAP nor an EtherType is compared with the field as it is."""
    if 0xFF < protocol <= LARGEST_LENGTH:
        return equal(layer.protocol.half(), protocol)
    return cooked(layer, protocol)


def is_cooked_llc(layer: Layer) -> Predicate:
    return equal(layer.protocol.half(), _COOKED_LLC)


def llc(layer: Layer, protocol: int) -> Predicate:
    """Nothing but 802.2. Of SNAP, for most protocols, only the two bytes of the EtherType are looked at."""
    _reject_length(protocol)
    if protocol <= LARGEST_LENGTH:
        return _sap(layer, protocol)
    if protocol == ATALK:
        return _snap(layer, OUI_APPLETALK, ATALK)
    return equal(layer.payload.half(SNAP - 2), protocol)


def ways_to_carry(layer: Layer, protocol: int) -> list[tuple[Predicate, Address]]:
    """Each way the payload can be of this protocol, and where its network header is then."""
    if layer.mixed is None or protocol not in _SNAP_ORGANIZATION or layer.labels:
        return [(layer.carries(protocol), layer.net)]
    return [
        (all_of(layer.guard, equal(layer.protocol.half(), protocol)), layer.net),
        (all_of(layer.guard, _in_snap(layer, protocol)), layer.payload.plus(SNAP)),
    ]


OUI_ENCAPSULATED_ETHERNET = 0x000000
OUI_APPLETALK = 0x080007
_SNAP_ORGANIZATION = {ATALK: OUI_APPLETALK, ETHERTYPE["aarp"]: OUI_ENCAPSULATED_ETHERNET}
SNAP = 8  # bytes, the 802.2 header included


def _ethertype_or_snap(layer: Layer, protocol: int) -> Predicate:
    """AppleTalk and its ARP are also looked for behind SNAP; every other EtherType only in the type field."""
    direct = equal(layer.protocol.half(), protocol)
    return any_of(direct, _in_snap(layer, protocol)) if protocol in _SNAP_ORGANIZATION else direct


def _in_snap(layer: Layer, protocol: int) -> Predicate:
    assert layer.mixed is not None
    return all_of(layer.mixed(layer), _snap(layer, _SNAP_ORGANIZATION[protocol], protocol))


SAP_OF_IP = 0x06  # IEEE 802.2: ARPANET's Internet Protocol


def _sap(layer: Layer, sap: int) -> Predicate:
    """802.2: destination SAP, and for protocols that use the same on both sides also the source SAP."""
    if sap in (ISO, SAP["netbeui"], SAP_OF_IP):
        return equal(layer.payload.half(), sap << 8 | sap)
    return equal(layer.payload.byte(), sap)


def _snap(layer: Layer, organization: int, protocol: int) -> Predicate:
    """802.2 SNAP: SAPs 0xaa, control 3, three bytes of organization, two of protocol."""
    return all_of(
        equal(layer.payload.word(4), (organization & 0xFFFF) << 16 | protocol),
        equal(layer.payload.word(), 0xAAAA0300 | organization >> 16),
    )


def _reject_length(protocol: int) -> None:
    """Between the SAPs and the EtherTypes there are no protocols."""
    if 0xFF < protocol <= LARGEST_LENGTH:
        raise FilterError(
            f"{protocol} is no protocol: 802.2 SAPs end at 255 and EtherTypes begin at {LARGEST_LENGTH + 1}",
            reason=Reason.OUT_OF_RANGE,
        )
    _limit(protocol, 0xFFFF)


def _limit(protocol: int, largest: int) -> None:
    if protocol > largest:
        raise FilterError(f"the protocol {protocol} is over {largest}", reason=Reason.OUT_OF_RANGE)


# Tables: protocols, and the numbers that stand for them.

_Table = Mapping[int, tuple[int, ...]]


def numbered(table: _Table) -> Recogniser:
    """A 16-bit protocol field with numbers of its own for some protocols; all others are what the field says."""

    def recognise(layer: Layer, protocol: int) -> Predicate:
        _limit(protocol, 0xFFFF)
        return one_of(layer.protocol.half(), table.get(protocol, (protocol,)))

    return recognise


def listed(size: int, table: _Table) -> Recogniser:
    """A protocol field of ``size`` bytes that can name these protocols and no others."""

    def recognise(layer: Layer, protocol: int) -> Predicate:
        return one_of(layer.protocol.load(0, size), table.get(protocol, ()))

    return recognise


def only(carried: int) -> Recogniser:
    """Every packet is of this protocol."""

    def recognise(_: Layer, protocol: int) -> Predicate:
        return TRUE if protocol == carried else FALSE

    return recognise


ethertype = numbered({})

cisco_hdlc = numbered({ISO: (0xFEFE,)})

_PPP = {  # IANA PPP DLL Protocol Numbers
    IP: (0x0021,),
    IP6: (0x0057,),
    ETHERTYPE["decnet"]: (0x0027,),
    ATALK: (0x0029,),
    0x0600: (0x0025,),  # Xerox NS IDP
    ISO: (0x0023,),
    SAP["stp"]: (0x0031,),
    IPX: (0x002B,),
}
ppp = numbered(_PPP)
ppp_with_compression = numbered({**_PPP, IP: (0x0021, 0x002D, 0x002F)})  # Van Jacobson's (RFC 1144) two

arcnet = listed(1, {IP: (212,), ARP: (213,), RARP: (214,), ATALK: (221,), IP6: (196,)})  # RFC 1201, ATA 878.2

# Address families as BSD systems write them: AF_INET everywhere; AF_INET6 of Darwin, NetBSD and OpenBSD, and FreeBSD.
_FAMILY = {IP: (2,), IP6: (30, 24, 28)}
_SWAPPED = {
    protocol: tuple(int.from_bytes(family.to_bytes(4, "little")) for family in families)
    for protocol, families in _FAMILY.items()
}
family_byte = listed(1, _FAMILY)
family_in_network_order = listed(4, _FAMILY)
family_in_any_order = listed(4, {protocol: _FAMILY[protocol] + _SWAPPED[protocol] for protocol in _FAMILY})
solaris_family = listed(1, {IP: (2,), IP6: (26,)})

# Frame relay: control 3 (unnumbered information), then the network layer protocol identifier (RFC 2427, ISO 9577).
_UI = 0x0300
frame_relay = listed(2, {IP: (_UI | 0xCC,), IP6: (_UI | 0x8E,), ISO: (_UI | 0x81, _UI | 0x82, _UI | 0x83)})


def frame_relay_osi(layer: Layer, identifier: int) -> Predicate:
    return equal(layer.protocol.half(), _UI | identifier)


def raw_ip(layer: Layer, protocol: int) -> Predicate:
    """The version in the first four bits tells IPv4 from IPv6, and there is nothing else."""
    version = IP_VERSION.get(protocol)
    return FALSE if version is None else masked(layer.payload.byte(), 0xF0, version << 4)


def juniper(layer: Layer, _: int) -> Predicate:
    """Only that it is such a record is known: "MGC" in front."""
    return masked(layer.header.word(), 0xFFFFFF00, 0x4D474300)

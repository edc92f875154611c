"""Link layers as data: where a link type keeps what filters ask for, and how it names the protocol it carries.

A ``Layer`` is one immutable description. Encapsulation keywords derive a new one from it for what follows them.
Offsets are from the start of the packet; all loads are big-endian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cbpf.compiler.predicates import FALSE, TRUE, Predicate, all_of, any_bit, any_of, at_most, equal, masked, one_of
from cbpf.compiler.values import Address, Load
from cbpf.errors import FilterError, Reason
from cbpf.linktypes import NUMBERS, linktype_name

# IEEE 802 EtherTypes, and 802.2 service access points (SAPs, all below 256).
ETHERTYPE = {
    "ip": 0x0800,
    "arp": 0x0806,
    "rarp": 0x8035,
    "ip6": 0x86DD,
    "atalk": 0x809B,
    "aarp": 0x80F3,
    "decnet": 0x6003,
    "lat": 0x6004,
    "sca": 0x6007,
    "moprc": 0x6002,
    "mopdl": 0x6001,
}
SAP = {"iso": 0xFE, "stp": 0x42, "ipx": 0xE0, "netbeui": 0xF0}
IPX_ETHERTYPE = 0x8137
LARGEST_LENGTH = 1500  # IEEE 802.3: up to here the field is the frame's length, and LLC follows

OUI_ENCAPSULATED_ETHERNET = 0x000000
OUI_APPLETALK = 0x080007


class Layer(NamedTuple):
    """Where things are for the next primitive.

    ``header`` is where the link-layer header begins, ``protocol`` where the field that names the payload's protocol
    is, ``payload`` where the payload begins (the 802.2 header if there is one). The network header is ``network``
    bytes into the payload behind SNAP or directly, ``llc_network`` bytes behind LLC without SNAP. ``family`` says how
    a protocol is recognised. ``labels`` counts the MPLS labels passed. ``features`` are the keywords the link
    type takes, ``packet_type`` what Linux's cooked captures say about the direction. In a tunnel, ``framed`` holds if
    there is an Ethernet header.
    """

    name: str
    family: str
    header: Address
    protocol: Address
    payload: Address
    network: int = 0
    llc_network: int = 0
    labels: int = 0
    features: frozenset[str] = frozenset()
    packet_type: Load | None = None
    inside_tunnel: bool = False
    framed: Predicate = TRUE

    @property
    def net(self) -> Address:
        """The network-layer header."""
        return self.payload.plus(self.network)

    @property
    def osi(self) -> Address:
        """The OSI network header, where no SNAP header stands in front of it."""
        return self.payload.plus(self.llc_network)

    def has(self, feature: str) -> bool:
        return feature in self.features

    def carries(self, protocol: int) -> Predicate:
        """Whether the payload is of this protocol: an EtherType, or an 802.2 SAP if below 1501.

        FilterError without a span if the protocol cannot be asked for here.
        """
        if self.labels:
            return _under_labels(self, protocol)
        return FAMILIES[self.family](self, protocol)

    def ways_to_carry(self, protocol: int) -> list[tuple[Predicate, Address]]:
        """Each way the payload can be of this protocol, and where its network header is then."""
        if self.family not in _WITH_SNAP or protocol not in _SNAP_ORGANIZATION or self.labels:
            return [(self.carries(protocol), self.net)]
        return [(equal(self.protocol.half(), protocol), self.net), (_in_snap(self, protocol), self.payload.plus(SNAP))]

    @property
    def is_ip(self) -> Predicate:
        return self.carries(ETHERTYPE["ip"])

    @property
    def is_ip6(self) -> Predicate:
        return self.carries(ETHERTYPE["ip6"])


def layer_for(linktype: int) -> Layer:
    """The layer a packet of this LINKTYPE number begins with. FilterError if the link type is not supported yet."""
    if linktype not in _LAYERS:
        raise FilterError(
            f"the link type {linktype_name(linktype)} is not yet supported",
            reason=Reason.NOT_YET_SUPPORTED,
            hint=f"Supported are {', '.join(linktype_name(number) for number in sorted(_LAYERS))}.",
        )
    return _LAYERS[linktype]


def ethernet(header: Address, protocol: Address, payload: Address, framed: Predicate = TRUE) -> Layer:
    """Ethernet in a tunnel, with its parts at these places."""
    return _ETHERNET._replace(header=header, protocol=protocol, payload=payload, framed=framed, inside_tunnel=True)


def ppp(header: Address) -> Layer:
    """PPP behind a PPPoE session header: two bytes of protocol, then the payload."""
    return Layer("PPP", "PPP", header, header, header.plus(2), features=frozenset({"mpls"}))


# How each family of link types names the protocol of its payload.


def _ethernet_carries(layer: Layer, protocol: int) -> Predicate:
    """IEEE 802.3: an EtherType, or a length of at most 1500 with an 802.2 header behind it."""
    field = layer.protocol.half()
    _reject_length(protocol)
    if protocol > LARGEST_LENGTH:
        return _ethertype_or_snap(layer, protocol)
    if protocol == SAP["ipx"]:
        # Four encapsulations: Ethernet II, SNAP, 802.2, and Novell's own, IPX straight behind the 802.3 length.
        novell = equal(layer.payload.half(), 0xFFFF)
        llc = any_of(_snap(layer, OUI_ENCAPSULATED_ETHERNET, IPX_ETHERTYPE), _sap(layer, protocol), novell)
        return any_of(equal(field, IPX_ETHERTYPE), all_of(_has_llc(layer), llc))
    return all_of(_has_llc(layer), _sap(layer, protocol))


# Linux's cooked captures put these in the protocol field of frames without an EtherType (linux/if_ether.h).
_COOKED_NOVELL = 0x0001
_COOKED_LLC = 0x0004


def _cooked_carries(layer: Layer, protocol: int) -> Predicate:
    field = layer.protocol.half()
    _reject_length(protocol)
    if protocol > LARGEST_LENGTH:
        return _ethertype_or_snap(layer, protocol)
    if protocol == SAP["ipx"]:
        in_llc = any_of(_sap(layer, protocol), _snap(layer, OUI_ENCAPSULATED_ETHERNET, IPX_ETHERTYPE))
        return any_of(equal(field, IPX_ETHERTYPE), equal(field, _COOKED_NOVELL), all_of(_has_llc(layer), in_llc))
    return all_of(_has_llc(layer), _sap(layer, protocol))


def _cooked2_carries(layer: Layer, protocol: int) -> Predicate:
    """As in version 1, except that what is neither a SAP nor an EtherType is compared with the field as it is."""
    if 0xFF < protocol <= LARGEST_LENGTH:
        return equal(layer.protocol.half(), protocol)
    return _cooked_carries(layer, protocol)


_PPP_PROTOCOL = {  # IANA PPP DLL Protocol Numbers
    ETHERTYPE["ip"]: 0x0021,
    ETHERTYPE["ip6"]: 0x0057,
    ETHERTYPE["decnet"]: 0x0027,
    ETHERTYPE["atalk"]: 0x0029,
    0x0600: 0x0025,  # Xerox NS IDP
    SAP["iso"]: 0x0023,
    SAP["stp"]: 0x0031,
    SAP["ipx"]: 0x002B,
}


def _ppp_carries(layer: Layer, protocol: int) -> Predicate:
    _limit(protocol, 0xFFFF)
    return equal(layer.protocol.half(), _PPP_PROTOCOL.get(protocol, protocol))


def _raw_ip_carries(layer: Layer, protocol: int) -> Predicate:
    """No header at all: the version in the first four bits tells IPv4 from IPv6, and there is nothing else."""
    version = {ETHERTYPE["ip"]: 4, ETHERTYPE["ip6"]: 6}.get(protocol)
    return FALSE if version is None else masked(layer.payload.byte(), 0xF0, version << 4)


def _only_ip_carries(layer: Layer, protocol: int) -> Predicate:
    return TRUE if protocol == ETHERTYPE["ip"] else FALSE


def _only_ip6_carries(layer: Layer, protocol: int) -> Predicate:
    return TRUE if protocol == ETHERTYPE["ip6"] else FALSE


# Address families as BSD systems write them: AF_INET everywhere; AF_INET6 of Darwin, NetBSD and OpenBSD, and FreeBSD.
_FAMILY = {ETHERTYPE["ip"]: (2,), ETHERTYPE["ip6"]: (30, 24, 28)}


def _loop_carries(layer: Layer, protocol: int) -> Predicate:
    """A four-byte address family in network byte order."""
    return one_of(layer.header.word(), _FAMILY.get(protocol, ()))


def _null_carries(layer: Layer, protocol: int) -> Predicate:
    """A four-byte address family in the byte order of whoever captured."""
    families = _FAMILY.get(protocol, ())
    swapped = tuple(int.from_bytes(family.to_bytes(4, "little")) for family in families)
    return one_of(layer.header.word(), families + swapped)


FAMILIES: dict[str, Callable[[Layer, int], Predicate]] = {
    "ethernet": _ethernet_carries,
    "cooked": _cooked_carries,
    "cooked2": _cooked2_carries,
    "PPP": _ppp_carries,
    "raw IP": _raw_ip_carries,
    "IPv4": _only_ip_carries,
    "IPv6": _only_ip6_carries,
    "NULL": _null_carries,
    "LOOP": _loop_carries,
}

# What the families share.


def _under_labels(layer: Layer, protocol: int) -> Predicate:
    """Behind MPLS labels nothing names the protocol: below the last label, the version field must do (RFC 4928)."""
    version = {ETHERTYPE["ip"]: 4, ETHERTYPE["ip6"]: 6}.get(protocol)
    if version is None:
        raise FilterError("behind 'mpls' only IPv4 and IPv6 can be recognised", reason=Reason.NOT_ON_THIS_LINKTYPE)
    bottom_of_stack = any_bit(layer.net.plus(-2).byte(), 1)
    return all_of(bottom_of_stack, masked(layer.net.byte(), 0xF0, version << 4))


_WITH_SNAP = frozenset({"ethernet", "cooked", "cooked2"})
_SNAP_ORGANIZATION = {ETHERTYPE["atalk"]: OUI_APPLETALK, ETHERTYPE["aarp"]: OUI_ENCAPSULATED_ETHERNET}
SNAP = 8  # bytes, the 802.2 header included


def _ethertype_or_snap(layer: Layer, protocol: int) -> Predicate:
    """AppleTalk and its ARP are also looked for behind SNAP; every other EtherType only in the type field."""
    direct = equal(layer.protocol.half(), protocol)
    return any_of(direct, _in_snap(layer, protocol)) if protocol in _SNAP_ORGANIZATION else direct


def _in_snap(layer: Layer, protocol: int) -> Predicate:
    return all_of(_has_llc(layer), _snap(layer, _SNAP_ORGANIZATION[protocol], protocol))


def _has_llc(layer: Layer) -> Predicate:
    """An 802.2 header follows: on Ethernet the type field is a length, on cooked captures it says so."""
    field = layer.protocol.half()
    return at_most(field, LARGEST_LENGTH) if layer.family == "ethernet" else equal(field, _COOKED_LLC)


def _sap(layer: Layer, sap: int) -> Predicate:
    """802.2: destination SAP, and for protocols that use the same on both sides also the source SAP."""
    if sap in (SAP["iso"], SAP["netbeui"], 0x06):
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


_START = Address()
_ETHERNET = Layer(
    "Ethernet",
    "ethernet",
    header=_START,
    protocol=_START.plus(12),
    payload=_START.plus(14),
    llc_network=3,
    features=frozenset({"mac", "broadcast", "multicast", "vlan", "mpls", "llc"}),
)

# By LINKTYPE number. Link types without a protocol field have one here all the same; their families do not look at it.
_LAYERS: dict[int, Layer] = {
    NUMBERS["EN10MB"]: _ETHERNET,
    NUMBERS["LINUX_SLL"]: Layer(
        "LINUX_SLL",
        "cooked",
        header=_START,
        protocol=_START.plus(14),
        payload=_START.plus(16),
        llc_network=3,
        packet_type=_START.half(),
    ),
    NUMBERS["LINUX_SLL2"]: Layer(
        "LINUX_SLL2",
        "cooked2",
        header=_START,
        protocol=_START,
        payload=_START.plus(20),
        llc_network=3,
        features=frozenset({"ifindex"}),
        packet_type=_START.byte(10),
    ),
    NUMBERS["NULL"]: Layer("NULL", "NULL", _START, _START, _START.plus(4)),
    NUMBERS["LOOP"]: Layer("LOOP", "LOOP", _START, _START, _START.plus(4)),
    NUMBERS["RAW"]: Layer("RAW", "raw IP", _START, _START, _START),
    NUMBERS["IPV4"]: Layer("IPV4", "IPv4", _START, _START, _START),
    NUMBERS["IPV6"]: Layer("IPV6", "IPv6", _START, _START, _START),
}

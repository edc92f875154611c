"""The table of link types: a ``Layer`` for every one of which a filter can ask more than lengths and bytes.

From the registry at https://www.tcpdump.org/linktypes.html and the formats described there. Where a format leaves
something open, or captures differ from it, it is as tcpdump's users know it.
"""

from __future__ import annotations

from cbpf.compiler import families
from cbpf.compiler.layers import Direction, Layer, Recogniser
from cbpf.compiler.predicates import Bind, Predicate, equal, masked, negation, one_of
from cbpf.compiler.stations import Stations, at, mac
from cbpf.compiler.values import WORD, Address, Binary, Const, Load, Variable, upper_bound
from cbpf.compiler.wlan import BEHIND_AVS, BEHIND_PPI, BEHIND_PRISM, BEHIND_RADIOTAP, wlan
from cbpf.linktypes import NUMBERS, linktype_name

MPLS_UNICAST = 0x8847  # EtherType
PPP_MPLS = 0x0281  # PPP protocol number

_PACKET = Address()


def _link(
    recognise: Recogniser,
    protocol: int,
    payload: int,
    *features: str,
    header: int = 0,
    osi: int = 0,
    osi_protocol: Recogniser | None = None,
    mpls: int | None = None,
    stations: Stations | None = None,
    direction: Direction | None = None,
    ifindex: Load | None = None,
) -> Layer:
    """A link type with everything at its place, ``osi`` bytes from the payload to an OSI header.

    Where nothing in particular names the protocol, ``protocol`` is where ``recognise`` looks.
    """
    return Layer(
        "",
        header=_PACKET.plus(header),
        protocol=_PACKET.plus(protocol),
        payload=_PACKET.plus(payload),
        osi_network=osi,
        recognise=recognise,
        osi=osi_protocol,
        mpls=mpls,
        stations=stations,
        direction=direction,
        ifindex=ifindex,
        features=frozenset(features),
    )


def _ethernet(header: int, *features: str, tag: int = 0, direction: Direction | None = None) -> Layer:
    """Ethernet behind something else, with ``tag`` bytes between the addresses and the type field."""
    protocol = header + 12 + tag
    link = _link(
        families.ethernet,
        protocol,
        protocol + 2,
        "vlan",
        *features,
        header=header,
        osi=3,
        mpls=MPLS_UNICAST,
        stations=mac(6, 0),
        direction=direction,
    )
    return link._replace(mixed=families.has_length)


def _llc(payload: int, *features: str, stations: Stations | None = None, guard: Predicate | None = None) -> Layer:
    """Nothing but 802.2 at ``payload``: an OSI header behind it, other network headers behind SNAP."""
    link = _link(families.llc, payload, payload, *features, osi=3, stations=stations)._replace(network=families.SNAP)
    return link if guard is None else link._replace(guard=guard)


def _cooked(recognise: Recogniser, protocol: int, payload: int, packet_type: Load, ifindex: Load | None) -> Layer:
    """Linux's own header in place of what the device had (linux/if_packet.h: packet type 4 is what was sent)."""
    outgoing = equal(packet_type, 4)
    direction = Direction(negation(outgoing), outgoing)
    link = _link(recognise, protocol, payload, osi=3, direction=direction, ifindex=ifindex)
    return link._replace(mixed=families.is_cooked_llc)


def _pflog() -> Layer:
    """The first byte counts the header's, without the padding to a multiple of four."""
    length = Binary("&", Binary("+", _PACKET.byte(), Const(3)), Const(WORD - 3))
    payload = Variable("PFLOG payload", upper_bound(length))
    link = _link(families.family_byte, 1, 0, "pflog", direction=_one_byte(60, inbound=1, outbound=2))
    return link._replace(payload=Address(payload), computed=((payload, Bind(payload, length)),))


def _one_byte(place: int, inbound: int, outbound: int) -> Direction:
    return Direction(equal(_PACKET.byte(place), inbound), equal(_PACKET.byte(place), outbound))


_ARCNET = Stations(1, at(0), at(1), 0, lambda address: equal(address.byte(), 0))
_BACNET = Stations(1, at(4), at(3), 0xFF, None)

# IPNET's hook types (Solaris, inet/ipnet.h): arriving, departing, and from another zone of the same computer.
_HOOK = _PACKET.half(2)
_ARRIVING, _DEPARTING, _FROM_ANOTHER_ZONE = 0, 1, 2

# The first byte of switch tags of Broadcom (direction in three bits) and Marvell (frame mode in two).
_TAG = _PACKET.byte(12)
_BROADCOM = Direction(masked(_TAG, 0xE0, 0x00), masked(_TAG, 0xE0, 0x20))
_MARVELL = Direction(masked(_TAG, 0x40, 0x00), masked(_TAG, 0xC0, 0x40))

_LINKS: dict[str, Layer] = {
    # LANs
    "EN10MB": _ethernet(0, "llc"),
    "NETANALYZER": _ethernet(4),
    "NETANALYZER_TRANSPARENT": _ethernet(12),
    "DSA_TAG_BRCM": _ethernet(0, "llc", tag=4, direction=_BROADCOM),
    "DSA_TAG_DSA": _ethernet(0, "llc", tag=4, direction=_MARVELL),
    "IEEE802": _llc(14, "llc", stations=mac(8, 2)),
    "FDDI": _llc(13, "llc", stations=mac(7, 1)),
    "IP_OVER_FC": _llc(16, stations=mac(10, 2)),
    "ARCNET": _link(families.arcnet, 2, 6, stations=_ARCNET),
    "ARCNET_LINUX": _link(families.arcnet, 4, 8, stations=_ARCNET),
    "LTALK": _link(families.only(families.ATALK), 0, 0),
    "APPLE_IP_OVER_IEEE1394": _link(families.ethertype, 16, 18),
    "BACNET_MS_TP": Layer("", stations=_BACNET),
    # radio
    "IEEE802_11": wlan("", None, "vlan"),
    "PRISM_HEADER": wlan("", BEHIND_PRISM, "vlan", "radio"),
    "IEEE802_11_RADIO": wlan("", BEHIND_RADIOTAP, "vlan", "radio", padding=True),
    "IEEE802_11_RADIO_AVS": wlan("", BEHIND_AVS, "vlan", "radio"),
    # PPI says what is inside in little-endian: only 105, LINKTYPE_IEEE802_11, is read
    "PPI": wlan("", BEHIND_PPI, required=equal(_PACKET.word(4), 105 << 24)),
    # ATM
    "ATM_RFC1483": _llc(0, "llc"),
    "ATM_CLIP": _llc(0),
    "SUNATM": _llc(4, "llc", "atm", guard=masked(_PACKET.byte(), 0x0F, 2)),
    # serial lines
    "PPP": _link(families.ppp, 2, 4, mpls=PPP_MPLS),
    "PPP_SERIAL": _link(families.ppp, 2, 4),
    "PPP_PPPD": _link(families.ppp, 2, 4, direction=_one_byte(0, inbound=0, outbound=1)),
    "PPP_ETHER": _link(families.ppp, 6, 8),
    "PPP_BSDOS": _link(families.ppp_with_compression, 5, 24),
    "C_HDLC": _link(families.cisco_hdlc, 2, 4, osi=1, mpls=MPLS_UNICAST),
    "HDLC": _link(families.cisco_hdlc, 2, 4, osi=1, mpls=MPLS_UNICAST),
    # the identifier of the network layer protocol is the first byte of an OSI header
    "FRELAY": _link(families.frame_relay, 2, 4, osi=-1, osi_protocol=families.frame_relay_osi),
    "SLIP": _link(families.raw_ip, 16, 16, direction=_one_byte(0, inbound=0, outbound=1)),
    "SLIP_BSDOS": _link(families.raw_ip, 24, 24),
    # signalling system 7
    "MTP2": Layer("", signalling=_PACKET),
    "MTP2_WITH_PHDR": Layer("", signalling=_PACKET.plus(4)),
    "ERF": Layer("", signalling=_PACKET.plus(20)),  # a record and a channel header; that it is MTP2 is not looked at
    # what systems put in front of packets
    "NULL": _link(families.family_in_any_order, 0, 4),
    "LOOP": _link(families.family_in_network_order, 0, 4),
    "ENC": _link(families.family_in_any_order, 0, 12),
    "PFLOG": _pflog(),
    "LINUX_SLL": _cooked(families.cooked, 14, 16, _PACKET.half(), None),
    "LINUX_SLL2": _cooked(families.cooked2, 0, 20, _PACKET.byte(10), _PACKET.word(4)),
    "IPNET": _link(
        families.solaris_family,
        1,
        24,
        direction=Direction(one_of(_HOOK, (_ARRIVING, _FROM_ANOTHER_ZONE)), equal(_HOOK, _DEPARTING)),
    ),
    "SYMANTEC_FIREWALL": _link(families.ethertype, 6, 44),
    # nothing
    "RAW": _link(families.raw_ip, 0, 0),
    "IPV4": _link(families.only(families.IP), 0, 0),
    "IPV6": _link(families.only(families.IP6), 0, 0),
}

# Juniper's records have headers that vary, and are taken to be of a fixed length: where the payload is, and how far
# into it network headers and OSI headers are. Of some nobody knows; nothing is found in them.
_UNKNOWN = (-1, -1, -1)
_JUNIPER = {
    "MLPPP": (4, 0, 0),
    "MLFR": (4, 0, 0),
    "MFR": (4, 0, 0),
    "PPP": (4, 0, 0),
    "FRELAY": (4, 0, 0),
    "CHDLC": (4, 0, 0),
    "PPPOE_ATM": (6, 0, 0),
    "GGSN": (12, 0, 0),
    "MONITOR": (12, 0, 0),
    "ATM1": (4, 0, 10),
    "ATM2": (8, 0, 10),
    "PPPOE": (14, 18, 21),
    "ETHER": (14, 18, 21),
    **dict.fromkeys(("ES", "SERVICES", "VP", "ISM", "ST", "VS", "SRX_E2E", "FIBRECHANNEL", "ATM_CEMIC"), _UNKNOWN),
}
_RECEIVED = Direction(masked(_PACKET.byte(3), 0x01, 1), masked(_PACKET.byte(3), 0x01, 0))
for _name, (_payload, _network, _osi) in _JUNIPER.items():
    _juniper = _link(families.juniper, 0, _payload, osi=_osi, direction=_RECEIVED)
    _LINKS[f"JUNIPER_{_name}"] = _juniper._replace(network=_network)

LAYERS: dict[int, Layer] = {
    NUMBERS[name]: layer._replace(name="Ethernet" if name == "EN10MB" else name) for name, layer in _LINKS.items()
}


def layer_for(linktype: int) -> Layer:
    """The layer a packet of this LINKTYPE number begins with; of most link types nothing is known but their name."""
    return LAYERS.get(linktype) or Layer(linktype_name(linktype))


# What encapsulations have inside.

ETHERNET = LAYERS[NUMBERS["EN10MB"]]


def ppp(header: Address) -> Layer:
    """PPP behind a PPPoE session header: two bytes of protocol, then the payload."""
    return Layer("PPP", header=header, protocol=header, payload=header.plus(2), recognise=families.ppp, mpls=PPP_MPLS)

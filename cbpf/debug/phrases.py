"""One primitive in English: words that can follow "matches", and notes about what nobody would guess.

Names of protocols, fields and flags are those of the RFCs and of IEEE 802; tables, and a function for each kind.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.addresses import networks_of
from cbpf.compiler.internet import PROTOCOL
from cbpf.debug.comparisons import compared, indexed
from cbpf.debug.implied import ipv4_network
from cbpf.debug.subject import Reading, Subject
from cbpf.language.syntax import (
    Byte,
    Field,
    Keyword,
    Named,
    Qualified,
    Relation,
    Value,
    WlanType,
)
from cbpf.language.tokens import Kind

NO_LATER_FRAGMENTS = "of a fragmented IPv4 packet only the first fragment has ports"
NO_EXTENSION_HEADERS = "IPv6 packets with extension headers are not recognised"
IPV4_ONLY_INDEX = "{0}[...] is looked for in IPv4 only, and not in later fragments"
ONE_FRAGMENT_HEADER = "in IPv6, behind no extension header but one Fragment header"


class Phrase(NamedTuple):
    words: str
    notes: tuple[str, ...] = ()


def phrase(subject: Subject, reading: Reading) -> Phrase:
    """What a primitive says."""
    primitive = reading.primitive
    match primitive:
        case Qualified():
            return _qualified(subject, reading, primitive)
        case Keyword():
            return _keyword(primitive)
        case Relation():
            return _relation(primitive, subject.expression)
        case Byte(_, position, operator, value):
            return Phrase(_BYTE[operator].format(f"byte {position} of the link-layer header", f"{value:#04x}"))
        case Named():
            return _named(primitive)
        case WlanType(_, kind, subtype):
            words = [f"{word} {token.text}" for token, word in ((kind, "type"), (subtype, "subtype")) if token]
            return Phrase(f"802.11 frames of {', '.join(words)}")
        case Field(_, word, alternatives):
            values = " or ".join(f"{operator} {number}".removeprefix("= ") for operator, number in alternatives)
            return Phrase(f"packets whose {_FIELDS.get(word, word.upper())} is {values}")


# Values with qualifiers.

_OVER_BOTH = "over IPv4 or IPv6"


def _qualified(subject: Subject, reading: Reading, primitive: Qualified) -> Phrase:
    protocol, direction, kind = primitive.qualifiers
    value, written_value = primitive.value, subject.text(primitive.value.span)
    match kind:
        case "port" | "portrange":
            return _ports(subject, protocol, direction, written_value)
        case "proto":
            return Phrase(*_proto(protocol, written_value))
        case "protochain":
            over = {"ip": "IPv4", "ip6": "IPv6"}.get(protocol or "", "IPv4 or IPv6")
            return Phrase(f"{over} with {_protocol(written_value)} among the headers that follow the IP header")
        case "gateway":
            return Phrase(f"packets from or to the station of {written_value}, but not from or to its IPv4 addresses")
    if protocol == "decnet":
        return Phrase(f"DECnet {_sided(direction, 'node ' + written_value)}")
    if protocol == "link" or value.token.kind in (Kind.MAC, Kind.LINK8):
        return Phrase(_stations(direction, written_value))
    what = _network(value, written_value) if kind == "net" else _host(subject, primitive, written_value)
    return Phrase(f"{_family(reading, primitive)} {_sided(direction, what)}")


def _host(subject: Subject, primitive: Qualified, written_value: str) -> str:
    token = primitive.value.token
    if token.kind is Kind.NUMBER:
        return f"host {'.'.join(str(octet) for octet in token.value.to_bytes(4))}"
    if token.kind is Kind.IPV4 and len(token.groups) < 4:
        return f"the network {written_value}.* (a short address is a prefix)"
    if token.kind is Kind.NAME:
        addresses = [len(found) for found in subject.names.hosts(token.text)]
        return f"host {written_value} ({addresses[0]} IPv4 and {addresses[1]} IPv6 addresses when it was looked up)"
    return f"host {written_value}"


def _network(value: Value, written_value: str) -> str:
    if value.token.kind is not Kind.NUMBER:
        return f"the network {written_value}"
    networks, _ = networks_of(value, lambda _: None, whole=False)
    return " or ".join(ipv4_network(*network).replace("net", "the network") for network in networks)


_FAMILIES = {"ip": "IPv4", "ip6": "IPv6", "arp": "ARP", "rarp": "RARP"}


def _family(reading: Reading, primitive: Qualified) -> str:
    protocol, kind = primitive.qualifiers.protocol, primitive.value.token.kind
    if protocol is not None:
        return _FAMILIES[protocol]
    if kind is Kind.IPV6:
        return "IPv6"
    either = "IPv4" if reading.layer.labels else "IPv4, ARP or RARP"
    return f"{either} (or IPv6)" if kind is Kind.NAME else either


def _sided(direction: str | None, what: str) -> str:
    match direction:
        case "src":
            return f"from {what}"
        case "dst":
            return f"to {what}"
        case "and":
            return f"both from and to {what}"
    return f"from or to {what}"


_WLAN_SIDES = {"ra": "receiver address", "ta": "transmitter address"} | {
    f"addr{n}": f"address {n}" for n in range(1, 5)
}


def _stations(direction: str | None, address: str) -> str:
    if direction in _WLAN_SIDES:
        return f"802.11 frames with the {_WLAN_SIDES[direction]} {address}"
    return f"frames {_sided(direction, f'station {address}')}"


def _ports(subject: Subject, protocol: str | None, direction: str | None, written_value: str) -> Phrase:
    halves = written_value.lstrip("\\").split("-")
    numbers, transports = [], set()
    for half in halves if not subject.names.service(written_value) else [written_value.lstrip("\\")]:
        service = None if half[:1].isdigit() else subject.names.service(half)
        numbers.append(f"{half} ({service.port})" if service else half)
        transports.add(service.transport if service else None)
    only = transports.pop() if len(transports) == 1 else None
    transport = (protocol or only or "").upper() or "TCP, UDP or SCTP"
    what = f"port {numbers[0]}" if len(numbers) == 1 else f"a port of {' to '.join(numbers)}"
    return Phrase(f"{transport} {_OVER_BOTH}, {_sided(direction, what)}", (NO_LATER_FRAGMENTS, NO_EXTENSION_HEADERS))


def _proto(protocol: str | None, value: str) -> tuple[str, tuple[str, ...]]:
    match protocol:
        case None:
            return f"{_protocol(value)} {_OVER_BOTH}", (ONE_FRAGMENT_HEADER,)
        case "ip":
            return f"{_protocol(value)} over IPv4", ()
        case "ip6":
            return f"{_protocol(value)} over IPv6", (ONE_FRAGMENT_HEADER,)
        case "link":
            return f"frames that carry protocol {value.lstrip(_ESCAPE)}", ()
    return f"{_WORDS[protocol]} of type {value.lstrip(_ESCAPE)}", ()


_ESCAPE = "\\"
_BY_NUMBER = {str(number): name.upper() for name, number in PROTOCOL.items()} | {
    "4": "IP-in-IP",
    "41": "IPv6-in-IP",
    "47": "GRE",
    "89": "OSPF",
    "112": "VRRP or CARP",
}


def _protocol(value: str) -> str:
    name = _BY_NUMBER.get(value)
    return f"IP protocol {value} ({name})" if name else f"IP protocol {value.lstrip(_ESCAPE)}"


# Keywords.

_WORDS = {
    "ip": "IPv4",
    "ip6": "IPv6",
    "arp": "ARP",
    "rarp": "RARP",
    "icmp": "ICMP over IPv4",
    "icmp6": "ICMPv6",
    "igmp": "IGMP over IPv4",
    "igrp": "IGRP over IPv4",
    "vrrp": "VRRP over IPv4",
    "carp": "CARP over IPv4",
    "atalk": "AppleTalk",
    "aarp": "AppleTalk ARP",
    "decnet": "DECnet",
    "lat": "DEC LAT",
    "sca": "DEC SCA",
    "moprc": "DEC MOP remote console",
    "mopdl": "DEC MOP dump and load",
    "iso": "ISO (OSI) packets",
    "clnp": "ISO CLNP",
    "esis": "ISO ES-IS",
    "isis": "IS-IS",
    "stp": "spanning tree frames",
    "ipx": "IPX",
    "netbeui": "NetBEUI",
    "l1": "IS-IS of level 1",
    "l2": "IS-IS of level 2",
    "iih": "IS-IS hellos",
    "lsp": "IS-IS link state packets",
    "snp": "IS-IS sequence number packets",
    "csnp": "IS-IS complete sequence number packets",
    "psnp": "IS-IS partial sequence number packets",
    "inbound": "packets received by the computer that captured",
    "outbound": "packets sent by the computer that captured",
    "lane": "ATM LAN emulation",
    "metac": "ATM metasignalling",
    "bcc": "ATM broadcast signalling",
    "oam": "ATM operation and maintenance",
    "oamf4": "ATM operation and maintenance",
    "oamf4ec": "ATM end-to-end operation and maintenance",
    "oamf4sc": "ATM segment operation and maintenance",
    "sc": "ATM point-to-point signalling",
    "ilmic": "ATM interim local management",
    "connectmsg": "ATM messages that set up or clear connections",
    "metaconnect": "ATM metasignalling that sets up or clears connections",
    **{f"{before}{word}": f"SS7 {text}{after}" for before, after in (("", ""), ("h", " (high speed)")) for word, text in
       (("fisu", "fill-in signal units"), ("lssu", "link status signal units"), ("msu", "message signal units"))},
}  # fmt: skip

# With a number and without, and notes.
_ENCAPSULATIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "vlan": (
        "packets in VLAN {}",
        "packets tagged with a VLAN",
        ("what is written after it is looked for behind the tag",),
    ),
    "mpls": (
        "packets with the MPLS label {}",
        "packets with an MPLS label",
        ("what is written after it is looked for behind the label",),
    ),
    "pppoes": (
        "packets in PPPoE session {}",
        "packets in a PPPoE session",
        ("what is written after it is looked for in the PPP frame",),
    ),
    "pppoed": ("", "PPPoE discovery", ()),
    "geneve": (
        "packets in Geneve tunnel {}",
        "packets in a Geneve tunnel (UDP port 6081)",
        ("where it matches, what is written after it is looked for inside the tunnel",),
    ),
    "vxlan": (
        "packets in VXLAN {}",
        "packets in a VXLAN tunnel (UDP port 4789)",
        ("where it matches, what is written after it is looked for inside the tunnel",),
    ),
}
_GROUPS = {
    "link": "the group bit in their destination station",
    "ip": "an IPv4 destination in 224.0.0.0/4",
    "ip6": "an IPv6 destination in ff00::/8",
}


def _keyword(primitive: Keyword) -> Phrase:
    word, protocol, number = primitive.word, primitive.protocol, primitive.number
    if word in _WORDS:
        note = (ONE_FRAGMENT_HEADER,) if word == "icmp6" else ()
        return Phrase(_WORDS[word], note)
    if word in PROTOCOL:
        return Phrase(f"{word.upper()} {_OVER_BOTH}", (ONE_FRAGMENT_HEADER,))
    if word in _ENCAPSULATIONS:
        with_number, without, notes = _ENCAPSULATIONS[word]
        return Phrase(without if number is None else with_number.format(number), notes)
    match word:
        case "less":
            return Phrase(f"packets of at most {number} bytes")
        case "greater":
            return Phrase(f"packets of at least {number} bytes")
        case "broadcast":
            whom = "the broadcast address of their network" if protocol == "ip" else "all stations"
            return Phrase(f"{'IPv4' if protocol == 'ip' else 'frames'} to {whom} (broadcast)")
        case "multicast":
            return Phrase(f"packets with {_GROUPS[protocol or 'link']} (multicast)")
        case "ifindex":
            return Phrase(f"packets captured on the interface with index {number}")
    return Phrase(f"packets logged by rule {number}" if word == "rnr" else f"packets logged by sub-rule {number}")


def _named(primitive: Named) -> Phrase:
    word, name = primitive.word, primitive.argument.text if primitive.argument else None
    if word == "llc":
        return Phrase("frames with an 802.2 header" if name is None else f"802.2 frames of kind {name.upper()}")
    return Phrase(f"packets whose {_FIELDS.get(word, word)} is {name}")


_FIELDS = {
    "vpi": "virtual path",
    "vci": "virtual channel",
    "on": "interface",
    "rset": "rule set",
    "reason": "reason for being logged",
    "action": "verdict of the packet filter",
    "dir": "802.11 direction",
}
_BYTE = {
    "=": "packets with {0} equal to {1}",
    "<": "packets with {0} below {1}",
    ">": "packets with {0} above {1}",
    "&": "packets with a bit of {1} set in {0}",
    "|": "packets with {0} | {1} not 0",
}


# Relations.


def _relation(tree: Relation, source: str) -> Phrase:
    protocols = list(dict.fromkeys([*indexed(tree.left), *indexed(tree.right)]))
    notes = tuple(IPV4_ONLY_INDEX.format(name) for name in protocols if name in PROTOCOL and name != "icmp6")
    named = [_subject_of(name) for name in protocols if name not in ("link", "radio")]
    return Phrase(compared(tree, source, named), notes)


def _subject_of(protocol: str) -> str:
    if protocol == "icmp6":
        return "ICMPv6 directly in IPv6"
    return f"{protocol.upper()} over IPv4" if protocol in PROTOCOL else _WORDS[protocol]

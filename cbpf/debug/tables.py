"""The headers that have names here, as tables: for each field where it is, how long it is, what it is called and how
its value is written. From the standards that each table names."""

from __future__ import annotations

from typing import Final, NamedTuple


class Field(NamedTuple):
    """A field ``size`` bytes long, ``offset`` bytes into its header; ``kind`` says how values are written."""

    offset: int
    size: int
    name: str
    kind: str = "number"


class Table(NamedTuple):
    """The fields of a header, in order. ``prefix`` is put in front of their names where headers are mixed."""

    prefix: str
    fields: tuple[Field, ...]
    size: int  # bytes, without options


def _table(prefix: str, *rows: str) -> Table:
    """Rows of ``size name`` or ``size name / kind``; a name of "-" is a gap."""
    fields, offset = [], 0
    for row in rows:
        size, _, rest = row.partition(" ")
        name, _, kind = rest.partition(" / ")
        if name != "-":
            fields.append(Field(offset, int(size), name, kind or "number"))
        offset += int(size)
    return Table(prefix, tuple(fields), offset)


_ICMP: Final = ("1 type / {}", "1 code", "2 checksum / hex", "2 identifier", "2 sequence number")
_ARP: Final = (
    "2 hardware type",
    "2 protocol type / ethertype",
    "1 hardware address length",
    "1 protocol address length",
    "2 operation / operation",
    "6 sender hardware address / mac",
    "4 sender protocol address / ipv4",
    "6 target hardware address / mac",
    "4 target protocol address / ipv4",
)

TABLES: Final[dict[str, Table]] = {
    # IEEE 802.3, 802.1Q, 802.2; RFC 1042 (SNAP)
    "Ethernet": _table("", "6 destination MAC address / mac", "6 source MAC address / mac", "2 EtherType / ethertype"),
    "VLAN tag": _table("VLAN", "2 tag / tag", "2 EtherType / ethertype"),
    "802.2": _table("802.2", "1 DSAP / hex", "1 SSAP / hex", "1 control / hex"),
    "SNAP": _table("SNAP", "3 organization / hex", "2 EtherType / ethertype"),
    # IEEE 802.11, 9.2, and radiotap.org
    "802.11": _table(
        "802.11",
        "1 type and subtype / wlan",
        "1 flags / hex",
        "2 duration",
        "6 address 1 / mac",
        "6 address 2 / mac",
        "6 address 3 / mac",
        "2 sequence control",
    ),
    "radiotap": _table("radiotap", "1 version", "1 pad", "2 length, little-endian / little", "4 fields present / hex"),
    # https://www.tcpdump.org/linktypes.html
    **{f"link-layer protocol {size}": _table("", f"{size} link-layer protocol / naming") for size in (1, 2, 4)},
    "cooked": _table(
        "",
        "2 packet type / direction",
        "2 hardware type",
        "2 link-layer address length",
        "8 link-layer address / hex",
        "2 protocol / ethertype",
    ),
    "cooked 2": _table(
        "",
        "2 protocol / ethertype",
        "2 reserved",
        "4 interface index",
        "2 hardware type",
        "1 packet type / direction",
        "1 link-layer address length",
        "8 link-layer address / hex",
    ),
    "loopback": _table("", "4 address family / naming"),
    "SunATM": _table("ATM", "1 flags / hex", "1 VPI", "2 VCI"),
    "PPP address": _table("PPP", "1 address / hex", "1 control / hex", "2 protocol / naming"),
    # RFC 3032, RFC 2516, RFC 1661
    "MPLS": _table("MPLS", "4 label / label"),
    "PPPoE": _table("PPPoE", "1 version and type / hex", "1 code / hex", "2 session", "2 length"),
    "PPP": _table("PPP", "2 protocol / naming"),
    # RFC 791, RFC 8200, RFC 826, RFC 903
    "IPv4": _table(
        "IPv4",
        "1 version and header length / version",
        "1 type of service / hex",
        "2 total length",
        "2 identification",
        "2 fragment offset and flags / fragment",
        "1 time to live",
        "1 protocol / protocol",
        "2 checksum / hex",
        "4 source address / ipv4",
        "4 destination address / ipv4",
    ),
    "IPv6": _table(
        "IPv6",
        "4 version, traffic class and flow label / hex",
        "2 payload length",
        "1 next header / protocol",
        "1 hop limit",
        "16 source address / ipv6",
        "16 destination address / ipv6",
    ),
    "ARP": _table("ARP", *_ARP),
    "RARP": _table("RARP", *_ARP),
    # RFC 8200: extension headers
    "hop-by-hop": _table("IPv6 hop-by-hop", "1 next header / protocol", "1 length"),
    "routing": _table("IPv6 routing", "1 next header / protocol", "1 length"),
    "fragment": _table(
        "IPv6 fragment", "1 next header / protocol", "1 reserved", "2 offset and flags / hex", "4 identification"
    ),
    "destination": _table("IPv6 destination", "1 next header / protocol", "1 length"),
    "AH": _table("AH", "1 next header / protocol", "1 length", "2 reserved", "4 security parameters index / hex"),
    "ESP": _table("ESP", "4 security parameters index / hex", "4 sequence number"),
    # RFC 9293, RFC 768, RFC 9260, RFC 792, RFC 4443, RFC 3376
    "TCP": _table(
        "TCP",
        "2 source port / port",
        "2 destination port / port",
        "4 sequence number",
        "4 acknowledgment number",
        "1 data offset / hex",
        "1 flags / flags",
        "2 window",
        "2 checksum / hex",
        "2 urgent pointer",
    ),
    "UDP": _table("UDP", "2 source port / port", "2 destination port / port", "2 length", "2 checksum / hex"),
    "SCTP": _table(
        "SCTP",
        "2 source port / port",
        "2 destination port / port",
        "4 verification tag / hex",
        "4 checksum / hex",
    ),
    "ICMP": _table("ICMP", *(row.format("icmp") for row in _ICMP)),
    "ICMPv6": _table("ICMPv6", *(row.format("icmp6") for row in _ICMP)),
    "IGMP": _table("IGMP", "1 type / hex", "1 maximum response time", "2 checksum / hex", "4 group address / ipv4"),
    "GRE": _table("GRE", "2 flags and version / hex", "2 protocol type / ethertype"),
    # RFC 7348, RFC 8926
    "VXLAN": _table("VXLAN", "1 flags / hex", "3 reserved", "3 network identifier", "1 reserved"),
    "Geneve": _table(
        "Geneve",
        "1 version and options length / hex",
        "1 flags / hex",
        "2 protocol type / ethertype",
        "3 network identifier",
        "1 reserved",
    ),
}

# Which of these an IP protocol number means (IANA Assigned Internet Protocol Numbers).
TRANSPORTS: Final = {
    1: "ICMP",
    2: "IGMP",
    6: "TCP",
    17: "UDP",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    132: "SCTP",
}
EXTENSIONS: Final = {0: "hop-by-hop", 43: "routing", 44: "fragment", 60: "destination", 51: "AH"}

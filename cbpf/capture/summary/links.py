"""The link layers of a summary, and the tags, labels and sessions between them and the network layer."""

from __future__ import annotations

from typing import Final

from cbpf.capture.summary.line import (
    ETHERNET,
    IPV4,
    IPV6,
    MAXIMUM_8023_LENGTH,
    SHORT,
    WORD,
    Dissector,
    Line,
    mac_text,
)

_UNNUMBERED_INFORMATION: Final = 0x03
_UNNUMBERED: Final = 0x03  # both low bits of the control field
_VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_APPLETALK: Final = frozenset({0x809B, 0x80F3})
_ETHERNET_OUIS: Final = {0: "Ethernet", 0xF8: "Cisco bridged"}

_SAP_NAMES: Final = {0x42: "STP", 0xE0: "IPX", 0xF0: "NetBEUI"}
# As tcpdump's -e has them.
_SAP_HEADERS: Final = {0x00: "Null", 0x06: "IP", 0x42: "STP", 0xAA: "SNAP", 0xE0: "IPX", 0xF0: "NetBeui", 0xFE: "OSI"}
_OSI_NAMES: Final = {0x81: "CLNP", 0x82: "ES-IS", 0x83: "IS-IS"}
_PPPOE_CODES: Final = {0x07: "PADO", 0x09: "PADI", 0x19: "PADR", 0x65: "PADS", 0xA7: "PADT"}
_PPP_NAMES: Final = {
    0x21: "IP",
    0x57: "IP6",
    0x8021: "IPCP",
    0x8057: "IP6CP",
    0x80FD: "CCP",
    0xC021: "LCP",
    0xC023: "PAP",
    0xC025: "LQR",
    0xC223: "CHAP",
}
_PPP_ETHERTYPES: Final = {0x21: IPV4, 0x57: IPV6, 0x281: 0x8847}
_PPP_UNCOMPRESSED: Final = 0xFF03  # the address and control fields, which may be left out
_PACKET_TYPES: Final = {0: "In", 1: "B", 2: "M", 3: "P", 4: "Out"}
# AF_INET everywhere; AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
_FAMILIES: Final = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
_FAMILY_NAMES: Final = {IPV4: "IPv4", IPV6: "IPv6"}
_IP_VERSIONS: Final = {4: IPV4, 6: IPV6}

_ETHERTYPE_HEADERS: Final = {
    0x0800: "IPv4",
    0x0806: "ARP",
    0x6003: "DN",
    ETHERNET: "TEB",
    0x8035: "Reverse ARP",
    0x809B: "Appletalk",
    0x80F3: "Appletalk ARP",
    0x8100: "802.1Q",
    0x8137: "IPX",
    0x86DD: "IPv6",
    0x8808: "MPCP",
    0x8809: "Slow Protocols",
    0x8847: "MPLS unicast",
    0x8848: "MPLS multicast",
    0x8863: "PPPoE D",
    0x8864: "PPPoE S",
    0x888E: "EAPOL",
    0x88A2: "AoE",
    0x88A8: "802.1Q-QinQ",
    0x88CC: "LLDP",
    0x88E5: "802.1AE MACsec",
    0x88F7: "PTP",
    0x8902: "CFM",
    0x9000: "Loopback",
    0x9100: "802.1Q-9100",
}


def ethertype_name(kind: int) -> str:
    """An EtherType as a link-level header shows it."""
    return f"ethertype {_ETHERTYPE_HEADERS.get(kind, 'Unknown')} ({kind:#06x})"


def ethernet(line: Line) -> int | None:
    """Ethernet II and 802.3. The addresses are shown if no network addresses will be."""
    data, at = line.data, line.at
    (kind,) = SHORT(data, at + 12)
    if line.headers:
        header = _ethernet_header(kind, line)
        line.out.append(f"{mac_text(data[at + 6 : at + 12])} > {mac_text(data[at : at + 6])}, {header}: ")
    elif kind not in _ADDRESSED:
        line.out.append(f"{mac_text(data[at + 6 : at + 12])} > {mac_text(data[at : at + 6])}: ")
    line.skip(14)
    return int(kind)


def _ethernet_header(kind: int, line: Line) -> str:
    """What the header has behind the addresses."""
    if kind <= MAXIMUM_8023_LENGTH:
        return f"802.3, length {kind}"
    name = _ETHERTYPE_HEADERS.get(kind, f"Unknown Ethertype ({kind:#06x})") if line.quick else ethertype_name(kind)
    return f"{name}, length {line.length}"


def vlan(line: Line) -> int | None:
    """802.1Q and 802.1ad tags, which are shown as parts of the link-level header only."""
    line.deeper()
    (tag,), (kind,) = SHORT(line.data, line.at), SHORT(line.data, line.at + 2)
    line.skip(4)
    if line.headers:
        eligible = ", DEI" if tag & 0x1000 else ""
        following = f"length {kind}" if kind <= MAXIMUM_8023_LENGTH else ethertype_name(kind)
        line.out.append(f"vlan {tag & 0xFFF}, p {tag >> 13}{eligible}, {following}, ")
    return int(kind)


def mpls(line: Line) -> int | None:
    """A label stack (RFC 3032). Nothing tells what is behind it but its first four bits."""
    line.out.append("MPLS ")
    bottom = 0
    while not bottom:
        line.deeper()
        (entry,) = WORD(line.data, line.at)
        bottom = entry & 0x100
        stack = ", [S]" if bottom else ""
        line.out.append(f"(label {entry >> 12}, tc {entry >> 9 & 7}{stack}, ttl {entry & 0xFF}) ")
        line.skip(4)
    kind = _IP_VERSIONS.get(line.data[line.at] >> 4)
    if kind is None:
        line.say("unknown payload")
    return kind


def pppoe_discovery(line: Line) -> int | None:
    """PPPoE discovery (RFC 2516)."""
    code, session = line.data[line.at + 1], SHORT(line.data, line.at + 2)[0]
    number = f" [ses {session:#x}]" if session else ""
    line.say(f"PPPoE {_PPPOE_CODES.get(code, f'code {code:#04x}')}{number}")
    return None


def pppoe_session(line: Line) -> int | None:
    """PPPoE session (RFC 2516), and the PPP protocol field in it."""
    line.out.append(f"PPPoE  [ses {SHORT(line.data, line.at + 2)[0]:#x}] ")
    line.skip(6)
    return _ppp_protocol(line, line.length)


def ppp(line: Line) -> int | None:
    """PPP (RFC 1661), with or without the fields of HDLC (RFC 1662)."""
    length = line.length
    if SHORT(line.data, line.at)[0] == _PPP_UNCOMPRESSED:
        line.skip(2)
    return _ppp_protocol(line, length)


def _ppp_protocol(line: Line, length: int) -> int | None:
    """PPP's protocol field, in one byte or two; ``length`` is that of the frame."""
    protocol, size = line.data[line.at], 1
    if protocol & 1 == 0:
        protocol, size = SHORT(line.data, line.at)[0], 2
    line.skip(size)
    if line.headers:
        line.out.append(f"{_PPP_NAMES.get(protocol, 'unknown')} ({protocol:#06x}), length {length}: ")
    if protocol not in _PPP_ETHERTYPES:
        line.say(_PPP_NAMES.get(protocol, f"PPP {protocol:#06x}"))
    return _PPP_ETHERTYPES.get(protocol)


def llc(line: Line) -> int | None:
    """802.2 LLC, and SNAP."""
    data, at = line.data, line.at
    dsap, ssap, control = data[at], data[at + 1], data[at + 2]
    if dsap == ssap == 0xFF:  # Novell's IPX frames without LLC begin with a checksum of all ones
        line.say("IPX")
        return None
    if line.headers:
        line.out.append(f"LLC, dsap {_sap(dsap)} {'Group' if dsap & 1 else 'Individual'}, ")
        line.out.append(f"ssap {_sap(ssap)} {'Response' if ssap & 1 else 'Command'}, ctrl {_control(line)}: ")
    line.skip(3)
    if dsap == 0xAA and control == _UNNUMBERED_INFORMATION:
        return _snap(line)
    if dsap == 0xFE and control == _UNNUMBERED_INFORMATION:
        line.say(_OSI_NAMES.get(data[at + 3], "OSI"))
    else:
        line.say(_SAP_NAMES.get(dsap, f"LLC dsap {dsap:#04x} ssap {ssap:#04x} control {control:#04x}"))
    return None


def _sap(point: int) -> str:
    return f"{_SAP_HEADERS.get(point & ~1, 'Unknown')} ({point & ~1:#04x})"


def _control(line: Line) -> str:
    control = line.data[line.at + 2]
    if control & _UNNUMBERED == _UNNUMBERED:
        return f"{control:#04x}"
    return f"{int.from_bytes(line.data[line.at + 2 : line.at + 4], 'little'):#06x}"


def _snap(line: Line) -> int | None:
    oui, kind = WORD(line.data, line.at)[0] >> 8, SHORT(line.data, line.at + 3)[0]
    # Ethernet, bridged Ethernet, and Apple's own two.
    known = kind > MAXIMUM_8023_LENGTH and (oui in _ETHERNET_OUIS or kind in _APPLETALK)
    if line.headers:
        what = ethertype_name(kind) if known else f"pid Unknown ({kind:#06x})"
        line.out.append(f"oui {_ETHERNET_OUIS.get(oui, 'Unknown')} ({oui:#08x}), {what}, length {line.length - 5}: ")
    line.skip(5)
    if known:
        return int(kind)
    line.say(f"SNAP oui {oui:#08x} pid {kind:#06x}")
    return None


def linux_sll(line: Line) -> int | None:
    """Linux cooked capture, first version."""
    data, at = line.data, line.at
    kind, size, protocol = SHORT(data, at)[0], SHORT(data, at + 4)[0], SHORT(data, at + 14)[0]
    if line.headers:
        address = f"{mac_text(data[at + 6 : at + 12])} " if size == 6 else ""
        line.out.append(f"{_PACKET_TYPES.get(kind, f'type {kind}'):>3} {address}{_cooked_header(protocol, line)}")
    line.skip(16)
    return _cooked(line, protocol)


def linux_sll2(line: Line) -> int | None:
    """Linux cooked capture, second version, which has the interface's index."""
    data, at = line.data, line.at
    protocol, index, kind, size = SHORT(data, at)[0], WORD(data, at + 4)[0], data[at + 10], data[at + 11]
    line.out.append(f"{f'if{index}':<5} {_PACKET_TYPES.get(kind, f'type {kind}'):<3} ")
    if line.headers:
        address = f"{mac_text(data[at + 12 : at + 18])} " if size == 6 else ""
        line.out.append(f"ifindex {index} {address}{_cooked_header(protocol, line)}")
    line.skip(20)
    return _cooked(line, protocol)


def _cooked_header(protocol: int, line: Line) -> str:
    if line.quick:
        return ""
    name = "802.2" if protocol == 4 else f"protocol {protocol:#06x}"
    return f"{ethertype_name(protocol) if protocol > MAXIMUM_8023_LENGTH else name}, length {line.length}: "


def _cooked(line: Line, protocol: int) -> int | None:
    """Protocol numbers below the EtherTypes have a meaning of their own here."""
    if protocol == 4:
        return llc(line)
    if protocol > MAXIMUM_8023_LENGTH:
        return protocol
    line.say("IPX" if protocol == 1 else f"protocol {protocol:#06x}")
    return None


def null(line: Line) -> int | None:
    """BSD loopback: the family is in either byte order, and all known ones fit one byte."""
    (family,) = WORD(line.data, line.at)
    return _family(line, family if family <= 0xFFFF else int.from_bytes(line.data[line.at : line.at + 4], "little"))


def loop(line: Line) -> int | None:
    """OpenBSD loopback: the family is in network byte order."""
    return _family(line, WORD(line.data, line.at)[0])


def _family(line: Line, family: int) -> int | None:
    kind = _FAMILIES.get(family)
    if line.headers and kind is not None:
        line.out.append(f"AF {_FAMILY_NAMES[kind]} ({family}), length {line.length}: ")
    line.skip(4)
    if kind is None:
        line.say(f"address family {family}")
    return kind


def raw(line: Line) -> int | None:
    """IPv4 or IPv6 without a link header."""
    version = line.data[line.at] >> 4
    _no_header(line)
    if version not in _IP_VERSIONS:
        line.say(f"IP version {version}")
    return _IP_VERSIONS.get(version)


def raw_ipv4(line: Line) -> int | None:
    """IPv4 without a link header."""
    _no_header(line)
    return IPV4


def raw_ipv6(line: Line) -> int | None:
    """IPv6 without a link header."""
    _no_header(line)
    return IPV6


def _no_header(line: Line) -> None:
    if line.headers:
        line.out.append("ip: ")


LINKS: Final[dict[int, Dissector]] = {
    0: null,
    1: ethernet,
    9: ppp,
    12: raw,  # what some systems wrote for RAW
    101: raw,
    108: loop,
    113: linux_sll,
    228: raw_ipv4,
    229: raw_ipv6,
    276: linux_sll2,
}
"""By LINKTYPE number."""

ETHERTYPES: Final[dict[int, Dissector]] = {
    0x8847: mpls,
    0x8848: mpls,
    0x8863: pppoe_discovery,
    0x8864: pppoe_session,
    ETHERNET: ethernet,
    **dict.fromkeys(_VLAN_TAGS, vlan),
}
"""The headers of this module by EtherType."""

_ADDRESSED: Final = frozenset({IPV4, IPV6, 0x0806, 0x8035, *ETHERTYPES})

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
_VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_APPLETALK: Final = frozenset({0x809B, 0x80F3})

_SAP_NAMES: Final = {0x42: "STP", 0xE0: "IPX", 0xF0: "NetBEUI"}
_OSI_NAMES: Final = {0x81: "CLNP", 0x82: "ES-IS", 0x83: "IS-IS"}
_PPPOE_CODES: Final = {0x07: "PADO", 0x09: "PADI", 0x19: "PADR", 0x65: "PADS", 0xA7: "PADT"}
_PPP_NAMES: Final = {0x8021: "IPCP", 0x8057: "IPV6CP", 0x80FD: "CCP", 0xC021: "LCP", 0xC023: "PAP", 0xC223: "CHAP"}
_PPP_ETHERTYPES: Final = {0x21: IPV4, 0x57: IPV6}
_PACKET_TYPES: Final = {0: "In", 1: "B", 2: "M", 3: "P", 4: "Out"}
# AF_INET everywhere; AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
_FAMILIES: Final = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
_IP_VERSIONS: Final = {4: IPV4, 6: IPV6}


def ethernet(line: Line) -> int | None:
    """Ethernet II and 802.3. The addresses are shown if no network addresses will be."""
    data, at = line.data, line.at
    (kind,) = SHORT(data, at + 12)
    line.skip(14)
    if kind not in _ADDRESSED:
        line.words.append(f"{mac_text(data[at + 6 : at + 12])} > {mac_text(data[at : at + 6])}:")
    return int(kind)


def vlan(line: Line) -> int | None:
    """802.1Q and 802.1ad tags."""
    line.add(f"vlan {SHORT(line.data, line.at)[0] & 0xFFF}")
    (kind,) = SHORT(line.data, line.at + 2)
    line.skip(4)
    return int(kind)


def mpls(line: Line) -> int | None:
    """A label stack (RFC 3032). Nothing tells what is behind it but its first four bits."""
    bottom = 0
    while not bottom:
        (entry,) = WORD(line.data, line.at)
        line.add(f"mpls {entry >> 12}")
        bottom = entry & 0x100
        line.skip(4)
    kind = _IP_VERSIONS.get(line.data[line.at] >> 4)
    if kind is None:
        line.say("unknown payload")
    return kind


def pppoe_discovery(line: Line) -> int | None:
    """PPPoE discovery (RFC 2516)."""
    code = line.data[line.at + 1]
    line.say(f"pppoed {_PPPOE_CODES.get(code, f'code {code:#04x}')}")
    return None


def pppoe_session(line: Line) -> int | None:
    """PPPoE session (RFC 2516), and the PPP protocol field in it."""
    line.words.append(f"pppoes {SHORT(line.data, line.at + 2)[0]}")
    (protocol,) = SHORT(line.data, line.at + 6)
    line.skip(8)
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
    if dsap == 0xAA and control == _UNNUMBERED_INFORMATION:
        line.skip(3)
        return _snap(line)
    line.skip(3)
    if dsap == 0xFE and control == _UNNUMBERED_INFORMATION:
        line.say(_OSI_NAMES.get(data[at + 3], "OSI"))
    else:
        line.say(_SAP_NAMES.get(dsap, f"LLC dsap {dsap:#04x} ssap {ssap:#04x} control {control:#04x}"))
    return None


def _snap(line: Line) -> int | None:
    oui, kind = WORD(line.data, line.at)[0] >> 8, SHORT(line.data, line.at + 3)[0]
    line.skip(5)
    # Ethernet, bridged Ethernet, and Apple's own two.
    if kind > MAXIMUM_8023_LENGTH and (oui in (0, 0xF8) or kind in _APPLETALK):
        return int(kind)
    line.say(f"SNAP oui {oui:#08x} pid {kind:#06x}")
    return None


def linux_sll(line: Line) -> int | None:
    """Linux cooked capture, first version."""
    kind, protocol = SHORT(line.data, line.at)[0], SHORT(line.data, line.at + 14)[0]
    line.words.append(_PACKET_TYPES.get(kind, f"type {kind}"))
    line.skip(16)
    return _cooked(line, protocol)


def linux_sll2(line: Line) -> int | None:
    """Linux cooked capture, second version, which has the interface's index."""
    protocol, index, kind = SHORT(line.data, line.at)[0], WORD(line.data, line.at + 4)[0], line.data[line.at + 10]
    line.words.append(f"if{index} {_PACKET_TYPES.get(kind, f'type {kind}')}")
    line.skip(20)
    return _cooked(line, protocol)


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
    line.skip(4)
    if family not in _FAMILIES:
        line.say(f"address family {family}")
    return _FAMILIES.get(family)


def raw(line: Line) -> int | None:
    """IPv4 or IPv6 without a link header."""
    version = line.data[line.at] >> 4
    if version not in _IP_VERSIONS:
        line.say(f"IP version {version}")
    return _IP_VERSIONS.get(version)


def raw_ipv4(line: Line) -> int | None:
    """IPv4 without a link header."""
    return IPV4


def raw_ipv6(line: Line) -> int | None:
    """IPv6 without a link header."""
    return IPV6


LINKS: Final[dict[int, Dissector]] = {
    0: null,
    1: ethernet,
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

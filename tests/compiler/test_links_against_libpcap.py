"""What we compile for the less usual link types against what libpcap 1.10.3 compiles, without optimization, by proof.

Where the two need not agree, there is the reason in a table here. Link types of which libpcap knows too little, or
places of which it knows wrongly, are judged by ``test_framing`` and ``test_corrections`` instead.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from cbpf import FilterError
from tests import libpcap
from tests.oracles import needs_libpcap
from tests.symbolic import Claim, equivalent

from .compiling import plain

VERSION: Final = "1.10.3"
NETMASK: Final = "255.255.255.0"
pytestmark = [
    needs_libpcap,
    pytest.mark.skipif(needs_libpcap.args[0] or libpcap.version() != VERSION, reason=f"not libpcap {VERSION}"),
]

_ANY = (
    "ip",
    "ip6 or arp",
    "rarp",
    "iso",
    "stp",
    "ipx",
    "netbeui",
    "atalk",
    "aarp",
    "tcp",
    "udp or icmp6",
    "port 80",
    "host 10.0.0.1",
    "net 10.0.0.0/8 and not tcp",
    "net 2001:db8::/32",
    "clnp",
    "iso proto 0x80",
    "link proto 0x88cc or link proto 6 or link proto 0x21",
    "link[0] = 1",
    "byte 3 > 5",
    "tcp[13] & 7 != 0",
    "ip[0] & 15 > 5",
    "decnet[0] = 1",
    "decnet host 1.2",
    "pppoed or pppoes 7",
    "pppoes 7 and ip and tcp port 80",
    "ip6[6] = 58 or icmp6[0] = 3",
    "ip broadcast",
    "inbound",
    "outbound and ip",
)
_STATIONS = (
    "link host 1:2:3:4:5:6",
    "link src 1:2:3:4:5:6 or link dst 6:5:4:3:2:1",
    "link src and dst 1:2:3:4:5:6",
    "broadcast",
    "multicast and not ip",
    "link broadcast or ip broadcast",
)
_TAGS = ("vlan", "vlan 5", "vlan and ip", "vlan 5 and vlan 6 and tcp port 80", "not vlan 5 or arp")
_LABELS = ("mpls", "mpls 5 and ip", "mpls and mpls and tcp", "not mpls")
_LLC = ("llc", "llc u", "llc rr or llc i", "not llc xid")
_WLAN = (
    *(f"wlan {name} 1:2:3:4:5:6" for name in ("addr1", "addr2", "addr3", "addr4", "ra", "ta")),
    "type data",
    "type mgt subtype beacon",
    "subtype ack or subtype null",
    "dir tods",
    "type 4 and not dir dstods",
    "type mgt and dir tods or type mgt and dir fromds",
    "ip or type mgt",
    "type 12 subtype 0xf0",
)
_ATM = (
    *"metac bcc sc oam oamf4 oamf4sc oamf4ec ilmic connectmsg metaconnect".split(),
    "vpi 5",
    "vpi > 5 and vci <= 9",
    "vci (5 or 9 or 1000)",
    "lane",
    "lane and ip",
    "lane and link host 1:2:3:4:5:6",
    "lane and (broadcast or multicast)",
    "lane and vlan 5 and arp",
    "lane and mpls and ip",
    "lane and llc",
    "lane and stp",
    "lane and pppoes and ip",
    "oam or lane and ip",
)
_SS7 = (
    *"fisu lssu lsu msu hfisu hlssu hmsu".split(),
    *(f"{field} {number}" for field, number in (("sio", 3), ("opc", 5000), ("dpc", 7000), ("sls", 3))),
    *(f"h{field} {number}" for field, number in (("sio", 3), ("opc", 5000), ("dpc", 7000), ("sls", 3))),
    "sls > 3",
    "sio <= 3 and msu",
    "sio (3 or 4)",
    "opc 16383 or dpc 0",
    "opc > 5",
    "hdpc >= 300",
)
_PFLOG = (
    "on em0",
    "on e",
    "rset abcdefg or ruleset abcdefghijklmno",
    "rnr 5 or srnr 6",
    "reason match",
    "reason 300",
    "reason 14 and action drop",
    "on em0 and tcp",
    "rulenum 5 or port 80",
)
_STATION8 = ("link host $05", "link src $05 and link dst $06", "broadcast", "multicast and not ip")

EXPRESSIONS: Final = {
    "IEEE802": _ANY + _STATIONS + _LLC,
    "FDDI": _ANY + _STATIONS + _LLC,
    "IP_OVER_FC": _ANY + _STATIONS,
    "NETANALYZER": _ANY + _STATIONS + _TAGS + _LABELS,
    "NETANALYZER_TRANSPARENT": _ANY + _STATIONS + _TAGS + _LABELS,
    "ARCNET": _ANY + _STATION8,
    "ARCNET_LINUX": _ANY + _STATION8,
    "LTALK": (*_ANY, "atalk[0] = 1"),
    "APPLE_IP_OVER_IEEE1394": _ANY,
    "SYMANTEC_FIREWALL": _ANY,
    "ATM_RFC1483": _ANY + _LLC,
    "ATM_CLIP": _ANY,
    "SUNATM": _ANY + _LLC + _ATM,
    "PPP": _ANY + _LABELS,
    "PPP_SERIAL": _ANY,
    "PPP_PPPD": _ANY,
    "PPP_ETHER": _ANY,
    "PPP_BSDOS": _ANY,
    "C_HDLC": (*_ANY, *_LABELS, "isis", "esis"),
    "HDLC": _ANY + _LABELS,
    "FRELAY": _ANY,
    "SLIP": ("inbound", "link[0] = 1 and byte 3 > 5"),
    "ENC": _ANY,
    "IPNET": _ANY,
    "PFLOG": _ANY + _PFLOG,
    "JUNIPER_MFR": _ANY,
    "JUNIPER_ATM1": _ANY,
    "JUNIPER_ATM2": _ANY,
    "JUNIPER_ETHER": _ANY,
    "JUNIPER_PPPOE_ATM": _ANY,
    "JUNIPER_GGSN": _ANY,
    "JUNIPER_ES": _ANY,
    "MTP2": _SS7,
    "MTP2_WITH_PHDR": _SS7,
    "ERF": _SS7,
    "IEEE802_11": _ANY + _STATIONS + _TAGS + _LLC + _WLAN,
    "IEEE802_11_RADIO": (*_ANY, *_STATIONS, *_TAGS, *_LLC, *_WLAN, "radio[0] = 1"),
    "IEEE802_11_RADIO_AVS": (*_ANY, *_STATIONS, *_TAGS, *_LLC, *_WLAN, "radio[0] = 1"),
    "PRISM_HEADER": (*_ANY, *_STATIONS, *_TAGS, *_LLC, *_WLAN, "radio[0] = 1"),
    "PPI": _ANY + _STATIONS + _LLC,
    "USB_LINUX": ("link[0] = 1 and byte 3 > 5", "len > 100"),
}

# Packets that libpcap 1.10.3 knows too much or too little of: they are left out, by a condition in front.
WITHIN_REACH = {
    "ARCNET": ("byte 2 < 240", "RFC 1051's codes, which carry neither IP nor ARP as RFC 1201 has them"),
    "ARCNET_LINUX": ("byte 4 < 240", "the same"),
    "ENC": ("byte 3 = 0", "address families in the other byte order"),
    "PFLOG": ("byte 1 < 10", "address families of other systems"),
}

# Where the two differ, by link type and expression.
EXCUSES = {
    r"JUNIPER_(MFR|PPPOE_ATM|GGSN) (clnp|iso proto)": "an OSI header one byte before the payload",
    r"FRELAY .*(tcp|udp|port|host|net |ip\[|icmp6|ip broadcast)": "an IP header at the start of the frame",
    r"IPNET inbound": "only what comes from another zone",
    r"(IEEE802_11|PPI|PRISM).* wlan (ra|ta)": "no control frames",
    r"(RADIO|PRISM|PPI).*pppoes 7": "loses where the 802.11 header begins",
    r"ARCNET.* link (host|src)": "takes $05 for another number",
    r"(MTP2|ERF).* (opc >|hdpc >)": "orders numbers by their bytes, the wrong way round",
}
LOADS_MORE = {
    r"net 2001:db8::/32": "words of which the mask leaves nothing",
    r"(MTP2|ERF).* h?dpc|opc 16383 or dpc": "all of the routing label, of which two bytes tell",
    r"(PRISM|AVS).* (byte|link\[|dir|wlan addr4)": "the place one byte before the start, by an index that wraps",
    r"JUNIPER_ES ip6\[6\]": "an index that wraps",
}
# Where z3 takes minutes.
NOT_PROVED = r"(PRISM|AVS).* (port 80|decnet host|vlan 5 and vlan 6|not vlan|pppoes 7 and|tcp\[|net |vlan and ip)"


def _listed(table: dict[str, str], linktype: str, expression: str) -> bool:
    return any(re.search(pattern, f"{linktype} {expression}") for pattern in table)


def _in_reach(linktype: str, expression: str) -> str:
    return f"{WITHIN_REACH[linktype][0]} and ({expression})" if linktype in WITHIN_REACH else expression


def _difference(linktype: str, row: str, claim: Claim) -> str | None:
    expression = _in_reach(linktype, row)
    try:
        theirs = libpcap.compile_expression(expression, linktype, netmask=0xFFFFFF00)
    except libpcap.Refused as refused:
        with pytest.raises(FilterError):
            plain(expression, linktype, NETMASK)
        assert "syntax" not in str(refused)
        return None
    found = equivalent(plain(expression, linktype, NETMASK), theirs, claim)
    return None if found is None else f"{linktype} {row!r}: {found}"


@pytest.mark.parametrize("linktype", EXPRESSIONS)
def test_the_same_verdict_on_every_packet(linktype: str) -> None:
    found = []
    for row in EXPRESSIONS[linktype]:
        if not (_listed(EXCUSES, linktype, row) or re.search(NOT_PROVED, f"{linktype} {row}")):
            claim = Claim.WHERE_SECOND_LOADED if _listed(LOADS_MORE, linktype, row) else Claim.EVERYWHERE
            found.append(_difference(linktype, row, claim))
    assert [difference for difference in found if difference] == []


@pytest.mark.parametrize("pattern", [*EXCUSES, *LOADS_MORE])
def test_every_excuse_is_needed(pattern: str) -> None:
    rows = [(linktype, row) for linktype, table in EXPRESSIONS.items() for row in table]
    excused = [row for row in rows if re.search(pattern, " ".join(row)) and not re.search(NOT_PROVED, " ".join(row))]
    assert any(_difference(*row, Claim.EVERYWHERE) for row in excused)

"""Keywords of the less usual link types, said in bytes: where they are, as the formats have it. By proof.

``@12`` stands for the twelfth byte of what the link type is about, behind whatever header comes before it.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.linktypes import FEATURES
from tests.symbolic import Claim, equivalent

from .compiling import optimized, plain

_MAC = "00:11:22:33:44:55"

# ITU-T Q.704: the routing label is least significant byte first, the destination in its low 14 bits.
_DESTINATION = "(@{0} | (@{1} & 0x3f) << 8)"
_ORIGIN = "(@{1} >> 6 | @{2} << 2 | (@{3} & 0x0f) << 10)"
_LABEL = ("4", "5", "6", "7")
_HIGH_SPEED_LABEL = ("7", "8", "9", "10")

_SS7: Final = [
    ("fisu", "@2 & 0x3f = 0"),
    ("lssu", "@2 & 0x3f > 0 and @2 & 0x3f <= 2"),
    ("msu", "not @2 & 0x3f <= 2"),
    ("hfisu", "@4:2 & 0xff80 = 0"),
    ("hlssu", "@4:2 & 0xff80 != 0 and @4:2 & 0xff80 <= 0x100"),
    ("hmsu", "@4:2 & 0xff80 > 0x100"),
    ("sio (3 or 131)", "@3 = 3 or @3 = 0x83"),
    ("hsio != 5", "@6 != 5"),
    ("sls > 7", "@7 >> 4 > 7"),
    ("hsls = 3", "@10 & 0xf0 = 0x30"),
    *((f"dpc {relation} 300", f"{_DESTINATION.format(*_LABEL)} {relation} 300") for relation in ("=", "!=", "<", ">=")),
    *((f"opc {relation} 300", f"{_ORIGIN.format(*_LABEL)} {relation} 300") for relation in ("=", "!=", "<=", ">")),
    ("hdpc > 0x1234", f"{_DESTINATION.format(*_HIGH_SPEED_LABEL)} > 0x1234"),
    ("hopc < 0x1234", f"{_ORIGIN.format(*_HIGH_SPEED_LABEL)} < 0x1234"),
]

_WLAN: Final = [
    ("type mgt", "@0 & 0x0c = 0"),
    ("type ctl", "@0 & 0x0c = 4"),
    ("type data", "@0 & 0x0c = 8"),
    ("subtype beacon", "@0 & 0xfc = 0x80"),
    ("subtype ba", "@0 & 0xfc = 0x94"),
    ("type data subtype qos-data", "@0 & 0xfc = 0x88"),
    ("dir fromds", "@1 & 3 = 2"),
    ("llc", "@0 & 0x0c = 8"),
    (f"wlan addr1 {_MAC}", "@6:4 = 0x22334455 and @4:2 = 0x0011"),
    (f"wlan addr3 {_MAC}", "@0 & 0x0c != 4 and @18:4 = 0x22334455 and @16:2 = 0x0011"),
    (f"wlan addr4 {_MAC}", "@1 & 3 = 3 and @26:4 = 0x22334455 and @24:2 = 0x0011"),
    (f"wlan ra {_MAC}", "@0 & 0x0c != 0 and @6:4 = 0x22334455 and @4:2 = 0x0011"),
    (
        f"wlan addr2 {_MAC}",
        "(@0 & 0x0c != 4 or (@0 & 0xf0 != 0xc0 and @0 & 0xf0 != 0xd0)) and @12:4 = 0x22334455 and @10:2 = 0x0011",
    ),
    (
        f"wlan ta {_MAC}",
        "@0 & 0x0c != 0 and (@0 & 0x0c != 4 or (@0 & 0xf0 != 0xc0 and @0 & 0xf0 != 0xd0)) "
        "and @12:4 = 0x22334455 and @10:2 = 0x0011",
    ),
    (
        "multicast",
        "@0 & 4 = 0 and (@0 & 8 = 0 or @1 & 1 = 0) and @4 & 1 = 1 or (@0 & 12 = 8 and @1 & 1 = 1 and @16 & 1 = 1)",
    ),
]

_ETHERNET: Final = [
    ("ip", "@12:2 = 0x800"),
    (f"ether src {_MAC}", "@8:4 = 0x22334455 and @6:2 = 0x0011"),
    ("broadcast", "@2:4 = 0xffffffff and @0:2 = 0xffff"),
    ("multicast", "@0 & 1 = 1"),
    ("stp", "@12:2 <= 1500 and @14 = 0x42"),
    ("vlan 5 and arp", "(@12:2 = 0x8100 or @12:2 = 0x88a8 or @12:2 = 0x9100) and @14:2 & 0xfff = 5 and @16:2 = 0x806"),
    ("mpls 18", "@12:2 = 0x8847 and @14:4 & 0xfffff000 = 0x12000"),
    ("iso proto 0x83", "@12:2 <= 1500 and @14:2 = 0xfefe and @17 = 0x83"),
]

_ATM: Final = [
    ("lane", "@0 & 15 = 1"),
    ("llc", "@0 & 15 = 2"),
    ("vpi > 7", "@1 > 7"),
    ("vci != 33", "@2:2 != 33"),
    ("vci (1 or 5)", "@2:2 = 1 or @2:2 = 5"),
    ("metac", "@1 = 0 and @2:2 = 1"),
    ("bcc", "@1 = 0 and @2:2 = 2"),
    ("oamf4sc", "@1 = 0 and @2:2 = 3"),
    ("oamf4ec", "@1 = 0 and @2:2 = 4"),
    ("oam", "@1 = 0 and (@2:2 = 3 or @2:2 = 4)"),
    ("sc", "@1 = 0 and @2:2 = 5"),
    ("ilmic", "@1 = 0 and @2:2 = 16"),
    ("connectmsg", "sc and (@9 = 0x5a or @9 = 0x4d or @9 = 15 or @9 = 7 or @9 = 5 or @9 = 2)"),
    ("metaconnect", "metac and (@9 = 0x5a or @9 = 0x4d or @9 = 7 or @9 = 5 or @9 = 2)"),
    ("lane and ip", "@0 & 15 = 1 and @4:2 != 0xff00 and @18:2 = 0x800"),
    ("lane and multicast", "@0 & 15 = 1 and @4:2 != 0xff00 and @6 & 1 = 1"),
    ("lane and ether[0] = 5", "@0 & 15 = 1 and @6 = 5"),
    ("ip", "@0 & 15 = 2 and @10:2 = 0x800"),
]

_PFLOG: Final = [
    ("reason 7", "@3 = 7"),
    ("reason state-mismatch", "@3 = 10"),
    ("action block", "@2 = 1"),
    ("action rdr", "@2 = 8"),
    ("on em1", "@4:2 = 0x656d and @6 = 0x31"),
    ("rset abcd", "@20:4 = 0x61626364"),
    ("rnr 5", "@36:4 = 5"),
    ("srnr 7", "@40:4 = 7"),
    ("inbound", "@60 = 1"),
    ("outbound", "@60 = 2"),
]

# By link type: the pairs, and where what they are about begins.
SYNONYMS: Final = {
    "MTP2": (_SS7, 0),
    "MTP2_WITH_PHDR": (_SS7, 4),
    "ERF": (_SS7, 20),
    **dict.fromkeys(FEATURES["wlan"], (_WLAN, 0)),
    "NETANALYZER": (_ETHERNET, 0),
    "NETANALYZER_TRANSPARENT": (_ETHERNET, 0),
    "SUNATM": (_ATM, 0),
    "PFLOG": (_PFLOG, 0),
    "BACNET_MS_TP": (
        [("broadcast", "@3 = 255"), ("ether src $21", "@4 = 0x21"), ("ether dst $3", "@3 = 3")],
        0,
    ),
    "ARCNET": (
        [
            ("ip", "@2 = 212"),
            ("ip6", "@2 = 196"),
            ("atalk", "@2 = 221"),
            ("ether src $8c", "@0 = 0x8c"),
            ("multicast", "@1 = 0"),
        ],
        0,
    ),
    "ARCNET_LINUX": (
        [("arp", "@4 = 213"), ("rarp", "@4 = 214"), ("ether dst $8c", "@1 = 0x8c"), ("broadcast", "@1 = 0")],
        0,
    ),
    "DSA_TAG_BRCM": ([("inbound", "@12 & 0xe0 = 0"), ("outbound", "@12 & 0xe0 = 0x20")], 0),
    "DSA_TAG_DSA": (
        [
            ("inbound", "@12 & 0x40 = 0"),
            ("outbound", "@12 & 0xc0 = 0x40"),
            ("llc u", "@16:2 <= 1500 and @18:2 != 0xffff and @20 & 3 = 3"),
            (f"ether src {_MAC}", "@8:4 = 0x22334455 and @6:2 = 0x0011"),
        ],
        0,
    ),
    "JUNIPER_PPP": (
        [("inbound", "@3 & 1 = 1"), ("outbound", "@3 & 1 = 0"), ("arp", "@0:4 & 0xffffff00 = 0x4d474300")],
        0,
    ),
    "SLIP": (
        [("inbound", "@0 = 0"), ("outbound", "@0 = 1"), ("ip", "@16 & 0xf0 = 0x40"), ("ip[9] = 6", "ip and @25 = 6")],
        0,
    ),
    "PPP_PPPD": ([("inbound", "@0 = 0"), ("outbound", "@0 = 1"), ("ip", "@2:2 = 0x21"), ("stp", "@2:2 = 0x31")], 0),
    "PPP_BSDOS": ([("ip", "@5:2 = 0x21 or @5:2 = 0x2d or @5:2 = 0x2f"), ("ip[9] = 6", "ip and @33 = 6")], 0),
    "IPNET": ([("inbound", "@2:2 = 0 or @2:2 = 2"), ("outbound", "@2:2 = 1"), ("ip6", "@1 = 26")], 0),
    "FRELAY": (
        [("ip[9] = 6", "@2:2 = 0x3cc and @13 = 6"), ("iso proto 0x81", "@2:2 = 0x381"), ("ip6", "@2:2 = 0x38e")],
        0,
    ),
    "C_HDLC": (
        [
            ("isis", "@2:2 = 0xfefe and @5 = 0x83"),
            ("isis proto 20", "isis and @9 & 0x1f = 20"),
            ("mpls", "@2:2 = 0x8847"),
        ],
        0,
    ),
    "LTALK": ([("atalk", "len = len"), ("atalk[2] = 1", "@2 = 1"), ("not ip", "len = len")], 0),
    "ENC": ([("ip", "@0:4 = 2 or @0:4 = 0x02000000"), ("ip[9] = 6", "ip and @21 = 6")], 0),
    "LINUX_SLL2": ([("ifindex 7", "@4:4 = 7"), ("outbound", "@10 = 4"), ("stp", "@0:2 = 4 and @20 = 0x42")], 0),
}


def _in_bytes(text: str, start: int) -> str:
    """``@`` and a number, and perhaps a size, as an index of the link layer."""

    def index(found: re.Match[str]) -> str:
        return f"link[{int(found[1]) + start}{found[2] or ''}]"

    return re.sub(r"@(\d+)(:\d)?", index, text)


@pytest.mark.parametrize("linktype", sorted(SYNONYMS))
def test_the_same_in_bytes(linktype: str) -> None:
    pairs, start = SYNONYMS[linktype]
    for keyword, text in pairs:
        # What is loaded on the way may differ; what is in the packet as a whole may not.
        found = equivalent(
            plain(keyword, linktype), optimized(_in_bytes(text, start), linktype), Claim.WHERE_LOADED, timeout=60
        )
        assert found is None, f"{keyword!r} and {_in_bytes(text, start)!r}: {found}"

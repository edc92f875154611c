"""Where what we compile need not be what libpcap 1.10.3 compiles without optimization, and what to compare instead.

Excuses are for a part of an expression, on some link types or all. Where libpcap cannot do at all what newer versions
do, its program for another link type may be used, with its loads moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from cbpf import Program
from cbpf.linktypes import NUMBERS
from cbpf.machine import Instruction
from cbpf.machine import opcodes as op
from tests import libpcap
from tests.linktypes import FEATURES, KNOWN

VERSION: Final = "1.10.3"


class Excuse(NamedTuple):
    """Expressions with a part that matches ``pattern`` are not compared on these link types (all, if none is named)."""

    pattern: str
    reason: str
    linktypes: frozenset[str] = frozenset()

    def holds(self, expression: str, linktype: str) -> bool:
        return (not self.linktypes or linktype in self.linktypes) and bool(re.search(self.pattern, expression))


def listed(table: tuple[Excuse, ...], expression: str, linktype: str) -> bool:
    return any(excuse.holds(expression, linktype) for excuse in table)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _numbered(linktype: str) -> bool:
    """Whether it has a number of the continuous range that this version knows."""
    return 104 <= NUMBERS[linktype] <= 289


_MOVING_HEADER: Final = FEATURES["wlan"] - {"IEEE802_11"}
_EARLY_OSI: Final = _names(
    " ".join(f"JUNIPER_{name}" for name in "GGSN MONITOR PPPOE_ATM PPP CHDLC FRELAY MFR MLFR MLPPP".split())
)
LONG_HEADER: Final = _names("PRISM_HEADER IEEE802_11_RADIO_AVS")  # its length has 32 bits

# What libpcap does not compile.
UNKNOWN: Final = (
    Excuse(r"\bvxlan\b", "a keyword since 1.11"),
    Excuse(r"\blldp\b", "a name since 1.11"),
    Excuse(r"subtype ba", "names since 1.11", FEATURES["wlan"]),
    Excuse(
        r"action (defer|divert|rt|afrt|nodummynet|nat64|nonat64)|reason (state-locked|translate|no-route)",
        "of other systems",
    ),
    Excuse(r"\b(in|out)bound\b", "no direction since 1.11", _names("DSA_TAG_BRCM DSA_TAG_DSA")),
    Excuse(r"1 << \(32 - 1\)", "takes the first constant of a shift's right operand for its value"),
    Excuse(r"^(ether|link) .*\$|broadcast", "addresses since 1.11", _names("BACNET_MS_TP")),
    Excuse("", "no link types to it", frozenset(name for name in NUMBERS if name not in KNOWN and not _numbered(name))),
)

# What libpcap compiles though it makes no sense, and its next version refuses.
LENIENT: Final = (
    Excuse(
        r"\b(lane|pppoes)\b.*\b(lane|vpi|vci|oam|oamf4sc|metac|bcc|sc|ilmic|connectmsg|metaconnect)\b",
        "takes bytes of the frame inside for those of the ATM cells",
        _names("SUNATM"),
    ),
)

# What means something else to libpcap.
FAULTS: Final = (
    Excuse(
        r"\b(l1|l2|iih|lsp|c?snp|psnp)\b(?! [<>])|isis proto",
        "compares all of the PDU type byte; three of its bits are reserved",
    ),
    Excuse(r"\bip multicast", "takes 240.0.0.0/4 for multicast"),
    Excuse(r"\bbyte \d+ &", "'byte N & M' never matches"),
    Excuse(r"\bbyte \d+ \|", "'byte N | M' always matches, without a load"),
    Excuse(
        r"1 \+ tcp\[0\]|^0 - ip\[0\]|len [/%] \(?ip\[|\(0/ip\[8\]\)|1 << ip\[|ether\[4:4\] \^ ip6|0&tcp\[9\]",
        "forgets what the right operand of an operator implies",
    ),
    Excuse(r"\b(clnp|esis|isis)\b", "looks for the OSI protocol at the DSAP", _names("LINUX_SLL LINUX_SLL2")),
    Excuse(
        r"\b(atalk|aarp|iso|ipx|netbeui|stp)\b|ether proto 6\b",
        "compares SAPs with the protocol field",
        _names("LINUX_SLL2"),
    ),
    Excuse(r"\b(clnp|iso proto)\b", "looks for the OSI protocol one byte before the payload", _EARLY_OSI),
    Excuse(r"\$", "reads the digits of addresses wrongly", _names("ARCNET ARCNET_LINUX")),
    Excuse(r"\boutbound\b", "takes every direction but 0 for that", _names("SLIP")),
    Excuse(r"\binbound\b", "leaves out what arrives from this host", _names("IPNET")),
    Excuse(r"\b(vpi|vci|h?sio|h?sls|h?opc|h?dpc) !=", "takes != for =", FEATURES["ss7"] | FEATURES["atm"]),
    Excuse(r"\bh?(opc|dpc) [<>]", "compares numbers whose bytes are swapped", FEATURES["ss7"]),
    Excuse(r"\bwlan (ra|ta)\b", "control frames have no such addresses", FEATURES["wlan"]),
    Excuse(r"\bgeneve\b", "reads where the payload begins from where it never was stored", FEATURES["variable header"]),
    Excuse(r"\bpppoes\b", "reads where the header begins from where it never was stored", _MOVING_HEADER),
    Excuse(r"^radio.* and (tcp|type)", "keeps an operand where it kept where the payload begins", _MOVING_HEADER),
    Excuse(r"geneve", "computes offsets, which cannot be moved here", _names("DSA_TAG_BRCM DSA_TAG_DSA")),
    Excuse(r"geneve|isis|^ip\[0\].*link", "looks for the network header at the start", _names("FRELAY")),
)

# What libpcap loads more of, so that it rejects some packets that are cut short.
LOADS_MORE: Final = (
    Excuse(
        r"(net|dst|src) [0-9a-f]+:[0-9a-f:.]*/([1-9]|[1-8]\d|9[0-6])\b|net ::/0",
        "words of which the mask leaves nothing",
    ),
    Excuse(r"ip\[-2:2\]", "an index that wraps, which its interpreter refuses"),
    Excuse(r"^ether\[len - 4:4\]", "an index that wraps, as before", _names("NETANALYZER_TRANSPARENT")),
    Excuse(
        r"^dir |link\[2:2\]|addr4",
        "behind a header of nearly 4 GB, which wraps, as before",
        LONG_HEADER,
    ),
    Excuse(r"^mpls and geneve and ip$", "a bottom-of-stack bit inside the tunnel, where there are no labels"),
    Excuse(
        "protochain",
        "at an index that wraps, as before",
        _names(
            "JUNIPER_ES JUNIPER_SERVICES JUNIPER_VP JUNIPER_ST JUNIPER_ISM JUNIPER_VS JUNIPER_SRX_E2E "
            "JUNIPER_FIBRECHANNEL JUNIPER_ATM_CEMIC"
        ),
    ),
    Excuse(r"^h?dpc\b", "all of the routing label", FEATURES["ss7"]),
)

# Where z3 cannot tell in reasonable time, or programs loop: those are run instead.
NOT_PROVED: Final = (
    Excuse("protochain", "is a loop"),
    Excuse("^geneve and geneve", "has too many unknown offsets"),
    Excuse(r"\bport|tcp\[|decnet|^icmp6|^host", "has too many loads at offsets of 32 bits", LONG_HEADER),
    Excuse(r"tcp\[13\].*udp", "has too many unknown offsets", _MOVING_HEADER),
)

# What libpcap knows less of: leave out the packets that it is wrong about, by a condition.
_REACH: Final = {
    # only the byte order of the file
    "NULL": "byte 3 = 0",
    "ENC": "byte 3 = 0",
    # RFC 1051's system codes are not RFC 1201's
    "ARCNET": "byte 2 < 240",
    "ARCNET_LINUX": "byte 4 < 240",
    # looks for the version of IP in the first byte of the link-layer header
    "SLIP": "link[0] & 0xf0 = link[16] & 0xf0",
    "SLIP_BSDOS": "link[0] & 0xf0 = link[24] & 0xf0",
    # of IPv6 only this computer's number
    "PFLOG": "byte 1 = 2",
}


def within_reach(expression: str, linktype: str) -> str:
    """The expression for those packets only about which both are to agree."""
    return f"{_REACH[linktype]} and ({expression})" if linktype in _REACH and expression else expression


def libpcap_program(expression: str, linktype: str, netmask: int) -> Program:
    """What libpcap compiles without optimization, or would if it knew the link type well. Refused if it does not."""
    if linktype in ("DSA_TAG_BRCM", "DSA_TAG_DSA"):
        # Ethernet with four bytes more before the type field
        ethernet = libpcap.compile_expression(expression, "EN10MB", netmask=netmask)
        return _moved(ethernet, lambda load: load.k >= 12, 4)
    if linktype == "FRELAY" and not re.search(r"link|byte|ether|fddi|geneve", expression):
        # the network header is four bytes behind the start; only what is in it is announced at 2
        theirs = libpcap.compile_expression(expression, linktype, netmask=netmask)
        return _moved(theirs, lambda load: load != (op.LD | op.H | op.ABS, 0, 0, 2), 4)
    if linktype == "PPI" and re.search(r"\b(type|subtype|dir)\b", expression):
        # its length is where radiotap's is, and the inner link type where radiotap says which fields there are
        both = f"({expression}) and radio[4:4] = 0x69000000"
        return libpcap.compile_expression(both, "IEEE802_11_RADIO", netmask=netmask)
    return libpcap.compile_expression(expression, linktype, netmask=netmask)


_LOADS: Final = {op.LD | size | mode for size in (op.W, op.H, op.B) for mode in (op.ABS, op.IND)}
_LOADS.add(op.LDX | op.B | op.MSH)


def _moved(program: Program, chosen: Callable[[Instruction], bool], distance: int) -> Program:
    """The program with the chosen ones of its loads from the packet so many bytes further behind."""
    return Program(
        insn._replace(k=insn.k + distance) if insn.code in _LOADS and chosen(insn) else insn for insn in program
    )

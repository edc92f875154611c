"""Expressions that libpcap 1.10.3 gives another meaning than cbpf does.

Their programs do different work, so comparing their sizes says little. The table has what occurs in the collection;
``check`` finds what it lacks, and what it has wrongly.
"""

from __future__ import annotations

import re
from typing import Final

# Link types, expressions (both as regular expressions, of which the first must match all), and what libpcap does.
_TABLE: Final = [
    (".*", r"\bip multicast\b", "240.0.0.0/4 is multicast too"),
    (".*", r"\bbyte \w+ &", "never matches"),
    (".*", r"\bbyte \w+ \|", "always matches, and loads nothing"),
    (".*", r"\bisis proto\b|\b(l1|l2|iih|lsp|snp|csnp|psnp)\b", "the upper bits of the PDU type count"),
    ("NULL", r"\bip6?\b", "address families in one byte order only"),
    ("PFLOG", r"\b(ip6|icmp6)\b", "Linux's address family only"),
    ("ARCNET.*", r"\\(ip|arp)\b", "the protocol numbers of RFC 1051 too"),
    ("SLIP", r"\boutbound\b", "any direction but 0"),
    ("SLIP", r"\\ip6?\b", "the version is read in the link-layer header"),
    ("IPNET", r"\binbound\b", "arriving packets do not count"),
    ("IEEE802_11.*|PRISM_HEADER|PPI", r"\b[rt]a\b", "control frames have no such address"),
    ("DSA_TAG.*", r"\b(in|out)bound\b", "asks the kernel, not the tag"),
    ("MTP2|SUNATM", r"\b(vpi|vci|h?sio|h?opc|h?dpc|h?sls) !=", "as if it were ="),
    ("MTP2", r"\bh?[od]pc [<>]", "compares with the bytes of the number swapped"),
]


def known_difference(linktype: str, expression: str) -> str:
    """What libpcap's program does that it should not; empty if nothing is known."""
    for linktypes, pattern, difference in _TABLE:
        if re.fullmatch(linktypes, linktype) and re.search(pattern, expression):
            return difference
    return ""

"""Expressions that libpcap 1.10.3, optimizing, gives another meaning than cbpf does.

Their programs do different work, so comparing their sizes says little. ``known_difference`` knows them by a table.
"""

from __future__ import annotations

import re
from typing import Final

# Link types, expressions (both as regular expressions, of which the first must match all), and what libpcap does.
_TABLE: Final = [
    (".*", r"\bip multicast\b", "240.0.0.0/4 is multicast too"),
    (".*", r"\bbyte \w+ [&|]", "`byte I & V` never matches and `byte I | V` always does"),
]


def known_difference(linktype: str, expression: str) -> str:
    """What is different about libpcap's program; empty if nothing is known to be."""
    for linktypes, pattern, difference in _TABLE:
        if re.fullmatch(linktypes, linktype) and re.search(pattern, expression):
            return difference
    return ""

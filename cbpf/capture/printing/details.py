"""More about a packet than fits on a line, by scapy: its summary, or the tree of all its fields.

scapy is imported when the first packet is asked about. It raises whatever it likes on packets that are damaged: such
ones, and those of link types it does not know, are shown as bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from cbpf.capture.printing.dumps import hexadecimal

_TREE: Final = 2  # times -v


def details(linktype: int, data: bytes, times: int) -> str:
    """Indented lines about the bytes of a packet, as -v given so many times wants. Never raises."""
    layer = _layers()(linktype)
    if layer is None or not data:
        return hexadecimal(data)
    try:
        packet = layer(data)
        text = packet.show(dump=True) if times >= _TREE else packet.summary()
    except Exception:  # whatever is wrong in there is no reason to end here
        return hexadecimal(data)
    lines = str(text).rstrip().split("\n")
    return "".join(f"\t{_printable(line)}\n" for line in lines)


def _printable(line: str) -> str:
    """Without what could move a terminal's cursor, which packets may hold."""
    return line if line.isprintable() else "".join(char if char.isprintable() else "." for char in line)


@cache
def _layers() -> Callable[[int], Any]:
    """What finds scapy's layer for a LINKTYPE number, None if there is none."""
    for name in ("scapy.loading", "scapy.runtime"):  # its warnings are about itself, not about the packet
        logging.getLogger(name).setLevel(logging.CRITICAL)
    import scapy.layers.all  # noqa: F401 -- what knows the link types registers itself
    from scapy.config import conf

    def find(linktype: int) -> Any:
        return conf.l2types.get(linktype, None)

    return find

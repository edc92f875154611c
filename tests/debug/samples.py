"""Packets to explain: those of the sample captures, and those that compilers have been wrong about."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from cbpf.capture import Packet, open_savefile

CAPTURES: Final = Path(__file__).resolve().parents[2] / "captures"

# Those that end in damage, and those that libpcap does not read.
_UNREADABLE: Final = {"damaged.pcap", "two-interfaces.pcapng", "big-endian.pcapng"}
READABLE: Final = tuple(sorted(path.name for path in CAPTURES.glob("*.pcap*") if path.name not in _UNREADABLE))
ON_ETHERNET: Final = tuple(
    name for name in READABLE if not name.startswith(("cooked", "raw", "ipv4", "ipv6.", "null", "loop", "big", "nano"))
)


@cache
def packets(name: str) -> tuple[Packet, ...]:
    """The packets of a sample capture."""
    with open_savefile(str(CAPTURES / name)) as savefile:
        return tuple(savefile)


def packet(name: str, number: int) -> Packet:
    """One of them, counted from 1."""
    return packets(name)[number - 1]

"""The savefile formats in a few lines of struct, for samples no other writer would make.

Sources: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Times are nanoseconds since the epoch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple


class Record(NamedTuple):
    """One packet of a sample: when, its bytes, how many of them are captured, and on which interface."""

    time: int
    packet: bytes
    caplen: int
    interface: int = 0


def pcap(
    linktype: int, records: Iterable[Record], *, order: str = "<", nano: bool = False, snaplen: int = 262144
) -> bytes:
    """A pcap file: ``order`` is "<" or ">", ``nano`` gives nanosecond timestamps."""
    magic, unit = (0xA1B23C4D, 1) if nano else (0xA1B2C3D4, 1000)
    parts = [struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, snaplen, linktype)]
    for time, packet, caplen, _ in records:
        seconds, rest = divmod(time, 10**9)
        parts.append(struct.pack(order + "IIII", seconds, rest // unit, min(caplen, len(packet)), len(packet)))
        parts.append(packet[:caplen])
    return b"".join(parts)


def pcapng(interfaces: Iterable[tuple[int, str]], records: Iterable[Record], *, order: str = "<") -> bytes:
    """A pcapng section with (link type, name) interfaces, microsecond timestamps and no snapshot limit."""
    parts = [_block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))]
    for linktype, name in interfaces:
        option = struct.pack(order + "HH", 2, len(name)) + _padded(name.encode()) + bytes(4)
        parts.append(_block(order, 1, struct.pack(order + "HHI", linktype, 0, 0) + option))
    for time, packet, caplen, interface in records:
        high, low = divmod(time // 1000, 2**32)
        captured = packet[:caplen]
        header = struct.pack(order + "IIIII", interface, high, low, len(captured), len(packet))
        parts.append(_block(order, 6, header + _padded(captured)))
    return b"".join(parts)


def _block(order: str, kind: int, body: bytes) -> bytes:
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def _padded(text: bytes) -> bytes:
    return text + bytes(-len(text) % 4)

"""What the tests of this room share: where captures are, tcpdump as the oracle, and files made by hand."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from cbpf.capture import Packet, open_savefile
from cbpf.errors import SavefileError

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = sorted((REPOSITORY / "captures").glob("*.pcap*"))
# A collection of real captures beside the repository, if there is one.
SHARED = sorted((REPOSITORY / "../shared/captures").resolve().glob("*"))

SECOND = 10**9


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip a test when a program it compares with is not installed."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


class Outcome(NamedTuple):
    """What reading a file gave: (timestamp modulo what pcap can hold, wire length, bytes), and the error if any."""

    records: list[tuple[int, int, bytes]]
    error: str | None


def read(path: Path | str) -> Outcome:
    """Read a file with the code under test."""
    records: list[tuple[int, int, bytes]] = []
    try:
        with open_savefile(str(path)) as savefile:
            records.extend(reduced(packet) for packet in savefile)
    except SavefileError as error:
        return Outcome(records, str(error))
    return Outcome(records, None)


def reduced(packet: Packet) -> tuple[int, int, bytes]:
    """The parts of a packet a pcap file can hold."""
    return packet.timestamp % (2**32 * SECOND), packet.wirelen, packet.data


@cache
def tcpdump(path: Path, *options: str) -> tuple[bytes, str]:
    """The file tcpdump makes of ``path``, and what it complains about."""
    done = subprocess.run(["tcpdump", "-r", path, "-w", "-", *options], capture_output=True, check=False)
    lines = done.stderr.decode(errors="replace").splitlines()
    return done.stdout, "\n".join(line for line in lines if line.startswith("tcpdump: "))


def tcpdump_records(path: Path) -> Outcome:
    """Read a file with tcpdump, in nanoseconds."""
    written, complaint = tcpdump(path, "--nano")
    records = []
    at = 24
    while at < len(written):
        seconds, fraction, caplen, wirelen = struct.unpack_from("=IIII", written, at)
        records.append((seconds * SECOND + fraction, wirelen, written[at + 16 : at + 16 + caplen]))
        at += 16 + caplen
    return Outcome(records, complaint or None)


def pcap_file(
    records: Iterable[bytes],
    *,
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    version: tuple[int, int] = (2, 4),
    snaplen: int = 65535,
    link: int = 1,
) -> bytes:
    """A pcap file of ready-made records."""
    return struct.pack(order + "IHHIIII", magic, *version, 0, 0, snaplen, link) + b"".join(records)


def record(data: bytes, *, order: str = "<", wirelen: int | None = None, caplen: int | None = None) -> bytes:
    """A pcap record at second 1, microsecond 2; the lengths are true unless given."""
    lengths = (len(data) if caplen is None else caplen, len(data) if wirelen is None else wirelen)
    return struct.pack(order + "IIII", 1, 2, *lengths) + data


def block(kind: int, body: bytes, *, order: str = "<") -> bytes:
    """A pcapng block; ``body`` is padded."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(*, order: str = "<", version: tuple[int, int] = (1, 0)) -> bytes:
    """A pcapng section header."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1), order=order)


def description(linktype: int = 1, snaplen: int = 0, options: bytes = b"", *, order: str = "<") -> bytes:
    """A pcapng interface description."""
    return block(1, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order=order)


def option(code: int, value: bytes, *, order: str = "<") -> bytes:
    """A pcapng option."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(
    data: bytes,
    *,
    interface: int = 0,
    ticks: int = 0,
    caplen: int | None = None,
    wirelen: int | None = None,
    order: str = "<",
) -> bytes:
    """A pcapng enhanced packet block."""
    lengths = (len(data) if caplen is None else caplen, len(data) if wirelen is None else wirelen)
    fixed = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, *lengths)
    return block(6, fixed + data, order=order)

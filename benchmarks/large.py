"""A large capture, made of the packets that come with the project: the same one every time.

Those are short. In networks most packets are, but most of the bytes are in long ones: in a mixed capture many packets
stay as they are, and others get a payload of a few hundred bytes or of as many as a frame has.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from struct import Struct
from typing import Final

from cbpf.capture import Interface, Packet, PcapWriter, open_savefile

_SAMPLES: Final = Path(__file__).resolve().parents[1] / "captures"
_NAMES: Final = ("arp-rarp", "dns", "http", "icmp", "icmpv6", "ipv6-extensions", "sctp", "tls", "vlan")
_ETHERNET: Final = 1
_LENGTHS: Final = ((0, 0), (200, 600), (1514, 1514))  # ranges; 0 leaves a packet as it is
_WEIGHTS: Final = (55, 30, 15)
_POOL: Final = 4096  # different packets
_BATCH: Final = 8192  # packets that are written at once
_RECORD: Final = Struct("=IIII")
_EPOCH: Final = 1_700_000_000
_SPACING: Final = 200  # most microseconds between two packets


def write_large_capture(path: Path, size: int, *, mixed: bool) -> int:
    """Write a pcap file of about ``size`` bytes (a packet more at the most); how many packets it has."""
    random = Random(7)
    pool = list(_pool(random, mixed=mixed))
    written = count = 0
    time = _EPOCH * 1_000_000
    with PcapWriter(str(path), Interface(linktype=_ETHERNET)) as writer:
        while written < size:
            pieces = []
            for data in random.choices(pool, k=_BATCH):
                time += random.randrange(_SPACING)
                pieces += [_RECORD.pack(*divmod(time, 1_000_000), len(data), len(data)), data]
                written += _RECORD.size + len(data)
                count += 1
                if written >= size:
                    break
            writer.put(b"".join(pieces))
    return count


def _pool(random: Random, *, mixed: bool) -> Iterator[bytes]:
    samples = [packet.data for name in _NAMES for packet in _packets(_SAMPLES / f"{name}.pcap")]
    for _ in range(_POOL):
        data = random.choice(samples)
        low, high = random.choices(_LENGTHS, _WEIGHTS)[0] if mixed else (0, 0)
        yield _lengthened(data, random.randint(low, high), random) if low else data


def _packets(path: Path) -> Iterator[Packet]:
    with open_savefile(str(path)) as savefile:
        yield from (packet for packet in savefile if packet.interface.linktype == _ETHERNET)


def _lengthened(data: bytes, length: int, random: Random) -> bytes:
    """With more payload, if it is IPv4: the lengths in the headers are not looked at by anybody here but IPv4's."""
    if data[12:14] != b"\x08\0" or len(data) >= length:
        return data
    return data[:16] + (length - 14).to_bytes(2) + data[18:] + random.randbytes(length - len(data))

"""Host-order fields of packets from hosts of the other byte order, against tcpdump and by hand."""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cbpf.capture.byteorder import HOST_ORDER, converter

from .tools import description, enhanced, needs, pcap_file, read, record, section, tcpdump_records

OTHER = ">" if HOST_ORDER == "<" else "<"


def noise(chance: random.Random, length: int) -> bytearray:
    return bytearray(chance.randbytes(length))


def sll(chance: random.Random) -> bytes:
    data = noise(chance, 40)
    data[14:16] = struct.pack(">H", chance.choice([0x000C, 0x000D, 0x0800, 0x0004]))
    return bytes(data)


def sll2(chance: random.Random) -> bytes:
    data = noise(chance, 40)
    data[0:2] = struct.pack(">H", chance.choice([0x000C, 0x000D, 0x0800, 0x0004]))
    return bytes(data)


def usb(chance: random.Random) -> bytes:
    data = noise(chance, 64 + 16 * 5)
    data[9] = chance.choice([0, 0, 1, 2, 3])
    data[60:64] = struct.pack(OTHER + "i", chance.choice([0, 1, 3, 5, 2**30, -1]))
    return bytes(data)


def pflog(chance: random.Random) -> bytes:
    data = noise(chance, 80)
    data[0] = chance.choice([40, 44, 47, 48, 51, 52, 56, 60, 61, 64])
    return bytes(data)


def nflog(chance: random.Random) -> bytes:
    data = bytearray([2, chance.choice([0, 0, 0, 1]), 0, 0])
    for _ in range(chance.randrange(6)):
        length = chance.choice([0, 3, 4, 5, 8, 11, 30])
        data += struct.pack(OTHER + "HH", length, chance.randrange(16)) + noise(
            chance, -length % 4 + max(0, length - 4)
        )
    return bytes(data + noise(chance, chance.randrange(8)))


MAKERS: dict[int, Callable[[random.Random], bytes]] = {
    113: sll,
    117: pflog,
    189: usb,
    220: usb,
    239: nflog,
    276: sll2,
}


def packets(linktype: int) -> list[tuple[bytes, int]]:
    """Packets cut at many lengths, with the wire length sometimes shorter still."""
    chance = random.Random(linktype)
    made = []
    for _ in range(400):
        data = MAKERS[linktype](chance)
        if chance.random() < 0.5:
            data = data[: chance.randrange(len(data) + 1)]
        wirelen = chance.choice([len(data), len(data), len(data) + 100, chance.randrange(len(data) + 1)])
        made.append((data, wirelen))
    return made


@needs("tcpdump")
@pytest.mark.parametrize("linktype", MAKERS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_packets_are_those_of_tcpdump(linktype: int, order: str, tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    records = [record(data, order=order, wirelen=wirelen) for data, wirelen in packets(linktype)]
    path.write_bytes(pcap_file(records, order=order, link=linktype))
    assert read(path) == tcpdump_records(path)
    stored = [data for data, _ in packets(linktype)]
    assert ([data for _, _, data in read(path).records] == stored) == (order == HOST_ORDER)


@needs("tcpdump")
@pytest.mark.parametrize("linktype", MAKERS)
def test_pcapng_packets_are_those_of_tcpdump(linktype: int, tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    blocks = [enhanced(data, wirelen=wirelen, order=OTHER) for data, wirelen in packets(linktype)]
    path.write_bytes(section(order=OTHER) + description(linktype, order=OTHER) + b"".join(blocks))
    assert read(path) == tcpdump_records(path)


def test_can_xl_has_three_fields() -> None:
    """Protocol 0x000e, which libpcap 1.10 leaves alone and later versions convert."""
    convert = converter(113, OTHER)
    assert convert is not None
    payload = bytes(range(20))
    data = bytes(14) + b"\0\x0e" + payload
    expected = payload[3::-1] + payload[4:6] + payload[7:5:-1] + payload[11:7:-1] + payload[12:]
    assert convert(data, len(data)) == data[:16] + expected


@pytest.mark.parametrize("linktype", [0, 1, 101, 109, 190, 227])
def test_other_link_types_are_not_converted(linktype: int) -> None:
    assert converter(linktype, OTHER) is None


@pytest.mark.parametrize("linktype", MAKERS)
def test_files_in_host_order_are_not_converted(linktype: int) -> None:
    assert converter(linktype, HOST_ORDER) is None
    assert (sys.byteorder == "little") == (HOST_ORDER == "<")


@pytest.mark.parametrize("linktype", MAKERS)
def test_any_cut_keeps_its_length(linktype: int) -> None:
    convert = converter(linktype, OTHER)
    assert convert is not None
    for data, wirelen in packets(linktype):
        assert len(convert(data, wirelen)) == len(data)

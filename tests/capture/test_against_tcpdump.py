"""Reading and writing must give what tcpdump gives, packet by packet and byte by byte."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from cbpf.capture import PcapWriter, open_savefile

from .tools import (
    SAMPLES,
    SHARED,
    block,
    description,
    enhanced,
    needs,
    option,
    pcap_file,
    read,
    record,
    section,
    tcpdump,
    tcpdump_records,
)

pytestmark = needs("tcpdump")

# libpcap refuses a second link type, which is what these two samples are for.
MIXED = {"two-interfaces.pcapng", "big-endian.pcapng"}
# Their fractions of a second exceed a second: here they carry over, tcpdump copies them or overflows.
OVERFULL = {"atm-oam-loopback-print-overrun.pcap", "timestamp_invalid_micro.pcap", "timestamp_invalid_nano.pcap"}
CAPTURES = [path for path in [*SAMPLES, *SHARED] if path.name not in MIXED]


def name(path: object) -> str:
    return path.name if isinstance(path, Path) else str(path)


def assert_same(path: Path) -> None:
    ours, theirs = read(path), tcpdump_records(path)
    assert ours.records == theirs.records
    assert (ours.error is None) == (theirs.error is None), (ours.error, theirs.error)


@pytest.mark.parametrize("path", CAPTURES, ids=name)
def test_packets_are_those_of_tcpdump(path: Path) -> None:
    if path.name not in OVERFULL:
        assert_same(path)
        return
    ours, theirs = read(path), tcpdump_records(path)
    assert [each[1:] for each in ours.records] == [each[1:] for each in theirs.records]
    assert ours.error is theirs.error is None


@pytest.mark.parametrize("path", [path for path in CAPTURES if path.name not in {*OVERFULL, "damaged.pcap"}], ids=name)
def test_written_pcap_is_that_of_tcpdump(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with open_savefile(str(path)) as savefile, PcapWriter(str(out), savefile.interfaces[0]) as writer:
        for packet in savefile:
            writer.write(packet)
    options = ["--nano"] if savefile.interfaces[0].nanoseconds else []
    assert out.read_bytes() == tcpdump(path, *options)[0]


def mutations(seed: int, count: int) -> list[bytes]:
    """Small samples with a few bytes changed, words replaced by telling ones, pieces cut out, or the end cut off."""
    chance = random.Random(seed)
    originals = [path.read_bytes() for path in SAMPLES if path.name not in MIXED and path.stat().st_size < 4000]
    options = option(9, b"\6") + option(14, bytes(8)) + option(0, b"")
    packets = b"".join(enhanced(bytes(length), ticks=10**15 + length) for length in (0, 1, 2, 60))
    simple = block(3, struct.pack("<I", 9) + bytes(9))
    obsolete = block(2, struct.pack("<HHIIII", 0, 1, 2, 3, 5, 6) + bytes(5))
    # pcapng has more to go wrong, so half of the originals are of that format.
    originals += [section() + description(1, 128, options) + packets + simple + obsolete] * len(originals)
    made = []
    for _ in range(count):
        data = bytearray(chance.choice(originals))
        for _ in range(chance.choice([1, 1, 2, 3])):
            at = chance.randrange(min(len(data), chance.choice([40, 200, 10**6])))
            action = chance.randrange(4)
            if action == 0:
                data[at] = chance.choice([0, 1, 2, 3, 4, 6, 128, 255])
            elif action == 1:
                word = chance.choice([0, 1, 2, 3, 6, 12, 16, 28, 32, 129, 2**31, 2**32 - 1, 262144, 262145, 0x0A0D0D0A])
                data[at & ~3 : (at & ~3) + 4] = struct.pack("<I", word)
            elif action == 2:
                del data[at : at + chance.choice([1, 2, 4, 8])]
            else:
                del data[max(1, at) :]
        made.append(bytes(data))
    return made


# Complaints of tcpdump that are not about damage.
NOT_DAMAGE = ("unknown data link type", "different from the", "has no Interface Description Blocks", "isn't supported")


@pytest.mark.parametrize("seed", range(6))
def test_damage_is_found_where_tcpdump_finds_it(seed: int, tmp_path: Path) -> None:
    compared = 0
    for number, data in enumerate(mutations(seed, 60)):
        path = tmp_path / f"{number}.pcap"
        path.write_bytes(data)
        ours, theirs = read(path), tcpdump_records(path)
        if theirs.error and any(text in theirs.error for text in NOT_DAMAGE):
            continue
        compared += 1
        assert [each[1:] for each in ours.records] == [each[1:] for each in theirs.records], data.hex()
        assert (ours.error is None) == (theirs.error is None), (data.hex(), ours.error, theirs.error)
    assert compared > 30


PACKET = bytes(range(60))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {"snaplen": 0},
        {"snaplen": 2**31 - 1},
        {"snaplen": 2**31},
        {"snaplen": 2**32 - 1},
        {"snaplen": 0, "link": 231},
        {"snaplen": 0, "link": 249},
        {"snaplen": 40},
        {"snaplen": 59},
        {"magic": 0xA1B23C4D},
        {"version": (2, 0)},
        {"version": (2, 2)},
        {"version": (2, 3)},
        {"version": (2, 5)},
        {"version": (1, 2)},
        {"version": (543, 0)},
        {"version": (543, 1)},
        {"link": 1 | 0x24000000},
        {"link": 1 | 0xF8000000},
        {"link": 1 | 0x08000000},
        {"link": 1 | 0x00010000},
        {"link": 11},
        {"link": 12},
        {"link": 15},
        {"link": 16},
        {"link": 19},
        {"link": 106},
        {"link": 147},
    ],
    ids=str,
)
def test_odd_file_headers(order: str, options: dict[str, object], tmp_path: Path) -> None:
    records = [record(PACKET, order=order), record(PACKET[:20], order=order, wirelen=60)]
    path, out = tmp_path / "in.pcap", tmp_path / "out.pcap"
    path.write_bytes(pcap_file(records, order=order, **options))  # type: ignore[arg-type]
    assert_same(path)
    if read(path).error is None:
        with open_savefile(str(path)) as savefile, PcapWriter(str(out), savefile.interfaces[0]) as writer:
            for packet in savefile:
                writer.write(packet)
        assert out.read_bytes() == tcpdump(path, *["--nano"] * ("magic" in options))[0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("link", [1, 101])
def test_modified_format(order: str, link: int, tmp_path: Path) -> None:
    """Eight more bytes in each record header, and 14 more of snapshot length on Ethernet."""
    path = tmp_path / "modified.pcap"
    header = record(PACKET, order=order)[:16] + struct.pack(order + "IHBB", 3, 0x800, 4, 0)
    path.write_bytes(pcap_file([header + PACKET] * 3, order=order, magic=0xA1B2CD34, snaplen=50, link=link))
    assert_same(path)
    assert len(read(path).records[0][2]) == {1: 60, 101: 50}[link]


@pytest.mark.parametrize("caplen", [262144, 262145, 2**31, 2**32 - 1])
@pytest.mark.parametrize("snaplen", [65535, 262144, 10**6])
def test_believable_lengths(caplen: int, snaplen: int, tmp_path: Path) -> None:
    path = tmp_path / "long.pcap"
    data = bytes(262144)
    path.write_bytes(pcap_file([record(b"first"), record(data, caplen=caplen)], snaplen=snaplen))
    assert_same(path)


@pytest.mark.parametrize("exponent", [0, 3, 5, 6, 7, 9, 10, 12, 19, 20, 0x80, 0x8A, 0x94, 0x9E, 0xBF, 0xC0])
@pytest.mark.parametrize("offset", [0, 1_000_000, -5])
def test_timestamp_resolutions(exponent: int, offset: int, tmp_path: Path) -> None:
    """The fraction is small: with more than 34 binary digits tcpdump's arithmetic overflows."""
    path = tmp_path / "resolution.pcapng"
    units = 2 ** (exponent & 0x7F) if exponent & 0x80 else 10**exponent
    options = option(9, bytes([exponent])) + option(14, struct.pack("<q", offset)) + option(0, b"")
    ticks = max(0, min(100, 2**64 // units - 1)) * units + min(units - 1, 2**33)
    path.write_bytes(section() + description(options=options) + enhanced(PACKET, ticks=ticks))
    assert_same(path)

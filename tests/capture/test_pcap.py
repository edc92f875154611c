"""pcap files made by hand: what is read, what is refused and where."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from cbpf.capture import Interface, Packet, open_savefile
from cbpf.errors import SavefileError

from .tools import SECOND, pcap_file, read, record


def write(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "in.pcap"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_a_packet_and_its_interface(order: str, magic: int, unit: int, tmp_path: Path) -> None:
    records = [record(b"abcd", order=order, wirelen=1500)]
    path = write(tmp_path, pcap_file(records, order=order, magic=magic, snaplen=96, link=113))
    with open_savefile(path) as savefile:
        interface = Interface(linktype=113, snaplen=96, resolution=SECOND // unit)
        assert savefile.interfaces == [interface]
        assert (savefile.format, savefile.path, savefile.size) == ("pcap", path, 24 + 16 + 4)
        assert list(savefile) == [Packet(SECOND + 2 * unit, 1500, b"abcd", interface)]
        assert savefile.bytes_read == savefile.size
    assert interface.nanoseconds == (unit == 1)


def test_fcs_length_and_reserved_bits_of_the_link_word(tmp_path: Path) -> None:
    with open_savefile(write(tmp_path, pcap_file([], link=0x2C000001))) as savefile:
        (interface,) = savefile.interfaces
    assert (interface.linktype, interface.fcslen, interface.linkbits) == (1, 4, 0x2C000000)
    with open_savefile(write(tmp_path, pcap_file([], link=0x20000001))) as savefile:
        assert savefile.interfaces[0].fcslen is None


def test_seconds_after_2038_are_not_negative(tmp_path: Path) -> None:
    late = struct.pack("<IIII", 2**32 - 1, 999999, 0, 0)
    assert read(write(tmp_path, pcap_file([late]))).records == [((2**32 - 1) * SECOND + 999_999_000, 0, b"")]


def test_an_overfull_fraction_carries_over(tmp_path: Path) -> None:
    overfull = struct.pack("<IIII", 10, 2_500_000, 0, 0)
    assert read(write(tmp_path, pcap_file([overfull]))).records == [(12 * SECOND + 500_000_000, 0, b"")]


@pytest.mark.parametrize(
    ("data", "offset", "message"),
    [
        (b"", None, "the file is empty"),
        (b"\xd4\xc3", None, "too short for a savefile: 2 bytes"),
        (pcap_file([])[:23], 0, "the file header is cut short: 23 of 24 bytes"),
        (b"GET / HTTP/1.1", None, "not a pcap or pcapng savefile: it begins with 47 45 54 20"),
        (pcap_file([], version=(1, 4)), 0, "pcap version 1.4 is too old to be read"),
        (pcap_file([], version=(2, 5)), 0, "pcap version 2.5 is not known"),
        (pcap_file([], link=0x00400001), 0, "the reserved bits of the link-type word 0x00400001 are not zero"),
        (b"\x1f\x8b\x08\0", None, "cannot read: the gzip data is damaged"),
        (b"\x28\xb5\x2f\xfd", None, "cannot read: the zstd data is damaged"),
        (b"BZh9", None, "cannot read: the bzip2 data is damaged"),
    ],
)
def test_files_that_cannot_be_opened(data: bytes, offset: int | None, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, data)
    with pytest.raises(SavefileError) as caught:
        open_savefile(path)
    assert message in caught.value.message
    assert (caught.value.path, caught.value.offset) == (path, offset)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (record(b"12345678")[:15], "the file ends inside a record header: 15 of 16 bytes"),
        (record(b"12345678")[:20], "the file ends inside a packet: 4 of 8 captured bytes"),
        (record(b"", caplen=300_000), "a record claims 300000 captured bytes; the most there can be is 262144"),
    ],
)
def test_damage_ends_the_packets_with_one_error(last: bytes, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, pcap_file([record(b"good")] * 3 + [last]))
    with open_savefile(path) as savefile:
        packets = iter(savefile)
        assert [next(packets).data for _ in range(3)] == [b"good"] * 3
        with pytest.raises(SavefileError) as caught:
            next(packets)
        assert list(packets) == []
    assert (caught.value.message, caught.value.offset) == (message, 24 + 3 * 20)
    assert str(caught.value) == f"{path}: {message} (at byte 84)"


@pytest.mark.parametrize(
    ("link", "most"), [(1, 262144), (231, 128 * 1024 * 1024), (279, 8 * 1024 * 1024), (249, 1024 * 1024)]
)
def test_the_longest_packet_depends_on_the_link_type(link: int, most: int, tmp_path: Path) -> None:
    for caplen, text in ((most, "the file ends inside a packet"), (most + 1, f"the most there can be is {most}")):
        error = read(write(tmp_path, pcap_file([record(b"x", caplen=caplen)], link=link))).error
        assert error is not None
        assert text in error


def test_what_is_longer_than_the_snapshot_length_is_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path, pcap_file([record(b"12345678"), record(b"90")], snaplen=4))
    assert [each[1:] for each in read(path).records] == [(8, b"1234"), (2, b"90")]

"""pcapng files made by hand: sections, interfaces, every packet block, options, and damage."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from cbpf.capture import Interface, Packet, open_savefile
from cbpf.capture.savefile import Savefile
from cbpf.errors import SavefileError

from .tools import SECOND, block, description, enhanced, option, read, section

END = option(0, b"")


def opened(tmp_path: Path, *blocks: bytes) -> Savefile:
    path = tmp_path / "in.pcapng"
    path.write_bytes(b"".join(blocks))
    return open_savefile(str(path))


def test_interfaces_of_different_link_types_and_snapshot_lengths(tmp_path: Path) -> None:
    first, second = description(1, 0, option(2, b"eth0") + END), description(113, 96, option(2, b"any") + END)
    blocks = [section(), first, enhanced(b"one"), second, enhanced(b"two", interface=1), enhanced(b"three")]
    with opened(tmp_path, *blocks) as savefile:
        assert savefile.format == "pcapng"
        assert savefile.interfaces == [Interface(name="eth0")]
        packets = list(savefile)
        any_ = Interface(linktype=113, snaplen=96, name="any", number=1)
        assert savefile.interfaces == [Interface(name="eth0"), any_]
    assert [packet.data for packet in packets] == [b"one", b"two", b"three"]
    assert [packet.interface.linktype for packet in packets] == [1, 113, 1]
    assert packets[1] == Packet(0, 3, b"two", any_)


def test_sections_of_either_byte_order_begin_their_interfaces_anew(tmp_path: Path) -> None:
    blocks: list[bytes] = []
    for order, linktype in (("<", 1), (">", 101), ("<", 228)):
        blocks += [section(order=order), description(linktype, order=order), enhanced(b"packet", order=order)]
    with opened(tmp_path, *blocks) as savefile:
        packets = list(savefile)
    assert [packet.interface.linktype for packet in packets] == [1, 101, 228]
    assert [packet.interface.number for packet in packets] == [0, 1, 2]


@pytest.mark.parametrize("order", ["<", ">"])
def test_all_packet_blocks(order: str, tmp_path: Path) -> None:
    simple = block(3, struct.pack(order + "I", 100) + b"12345678", order=order)
    obsolete = block(2, struct.pack(order + "HHIIII", 0, 7, 1, 2, 3, 60) + b"old", order=order)
    unknown = block(0x80000BAD, b"whatever", order=order)
    blocks = [section(order=order), description(1, 8, order=order), simple, unknown, obsolete]
    with opened(tmp_path, *blocks) as savefile:
        found = [packet[:3] for packet in savefile]
    assert found == [(0, 100, b"12345678"), ((2**32 + 2) * 1000, 60, b"old")]


@pytest.mark.parametrize(
    ("options", "ticks", "expected"),
    [
        (b"", 1_500_000, 1_500_000_000),
        (option(9, b"\x09"), 5, 5),
        (option(9, b"\x00"), 5, 5 * SECOND),
        (option(9, b"\x03"), 5, 5_000_000),
        (option(9, b"\x0c"), 123_456, 123),
        (option(9, b"\x81"), 3, 1_500_000_000),
        (option(9, b"\xa0"), 2**31, SECOND // 2),
        (option(14, struct.pack("<q", 7)), 1, 7 * SECOND + 1000),
        (option(14, struct.pack("<q", -7)), 8_000_000, SECOND),
        (option(9, b"\x09") + option(14, struct.pack("<q", 2)), 1, 2 * SECOND + 1),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else str(value),
)
def test_timestamps(options: bytes, ticks: int, expected: int, tmp_path: Path) -> None:
    with opened(tmp_path, section(), description(options=options + END), enhanced(b"", ticks=ticks)) as savefile:
        assert [packet.timestamp for packet in savefile] == [expected]


@pytest.mark.parametrize(
    ("exponent", "finer"), [(0, False), (6, False), (7, True), (9, True), (0x86, False), (0x87, True), (0x94, True)]
)
def test_whether_microseconds_are_enough(exponent: int, finer: bool, tmp_path: Path) -> None:
    with opened(tmp_path, section(), description(options=option(9, bytes([exponent])) + END)) as savefile:
        assert savefile.interfaces[0].nanoseconds is finer


@pytest.mark.parametrize(("stored", "length"), [(4, 4), (32, 4), (0, 0), (16, 2)])
def test_fcs_length_in_bits_or_bytes(stored: int, length: int, tmp_path: Path) -> None:
    with opened(tmp_path, section(), description(options=option(13, bytes([stored])) + END)) as savefile:
        assert savefile.interfaces[0].fcslen == length


def test_the_first_of_two_names_counts(tmp_path: Path) -> None:
    with opened(tmp_path, section(), description(options=option(2, b"eth0") + option(2, b"eth1") + END)) as savefile:
        assert savefile.interfaces[0].name == "eth0"


def test_a_file_without_interfaces_is_an_empty_capture(tmp_path: Path) -> None:
    with opened(tmp_path, section(), block(5, b"statistics")) as savefile:
        assert savefile.interfaces == []
        assert list(savefile) == []


GOOD = section() + description(1, 100) + enhanced(b"good")
WRONG_TRAILER = enhanced(b"bad")[:-4] + struct.pack("<I", 40)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (b"\6\0\0\0", "the file ends inside a block header: 4 of 8 bytes"),
        (enhanced(b"bad")[:-1], "the file ends inside a block: 35 of 36 bytes"),
        (struct.pack("<II", 6, 8), "a block claims a length of 8 bytes, not a multiple of 4 in 12..16777216"),
        (struct.pack("<II", 6, 34), "a block claims a length of 34 bytes, not a multiple of 4 in 12..16777216"),
        (struct.pack("<II", 6, 2**25), "a block claims a length of 33554432 bytes"),
        (WRONG_TRAILER, "a block begins with the length 36 and ends with 40"),
        (enhanced(b"bad", interface=1), "a packet names interface 1, which its section does not describe"),
        (enhanced(b"bad", caplen=101), "a packet claims 101 captured bytes; the snapshot length is 100"),
        (enhanced(bytes(104), caplen=101), "a packet claims 101 captured bytes; the snapshot length is 100"),
        (enhanced(b"bad", caplen=5), "a packet claims 5 captured bytes; its block has 4"),
        (block(6, bytes(16)), "a packet block is too short"),
        (block(2, bytes(16)), "a packet block is too short"),
        (block(3, b""), "a packet block is too short"),
        (block(3, struct.pack("<I", 50) + b"abcd"), "a packet claims 50 captured bytes; its block has 4"),
        (block(1, bytes(4)), "an interface description is too short"),
        (description(options=struct.pack("<HH", 2, 9)), "interface option 2 claims 9 bytes; 0 are there"),
        (description(options=option(9, b"66")), "interface option 9 has 2 bytes, not 1"),
        (description(options=option(14, b"6")), "interface option 14 has 1 bytes, not 8"),
        (description(options=option(0, b"x")), "interface option 0 has 1 bytes, not 0"),
        (description(options=option(9, b"\6") * 2), "interface option 9 is there twice"),
        (description(options=option(9, b"\x14")), "a timestamp resolution of 10**-20 s is too fine"),
        (description(options=option(9, b"\xc0")), "a timestamp resolution of 2**-64 s is too fine"),
        (section(version=(2, 0)), "pcapng version 2.0 is not known"),
        (block(0x0A0D0D0A, b"\1\2\3\4" + bytes(12)), "a section header has the unknown byte-order magic 01020304"),
        (section()[:8], "the file ends inside a section header: 8 bytes"),
        (section() + enhanced(b"bad"), "a packet names interface 0, which its section does not describe"),
    ],
)
def test_damage_ends_the_packets_with_one_error(last: bytes, message: str, tmp_path: Path) -> None:
    with opened(tmp_path, GOOD, last) as savefile:
        packets = iter(savefile)
        assert next(packets).data == b"good"
        with pytest.raises(SavefileError) as caught:
            next(packets)
        assert list(packets) == []
    assert message in caught.value.message
    assert caught.value.offset in (len(GOOD), len(GOOD) + len(section()))


def test_a_bad_first_section_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SavefileError, match=r"pcapng version 0.9 is not known \(at byte 0\)"):
        opened(tmp_path, section(version=(0, 9)))


def test_version_1_2_is_read_as_1_0(tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(section(version=(1, 2)) + description() + enhanced(b"packet"))
    assert read(path).records == [(0, 6, b"packet")]

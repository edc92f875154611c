"""Properties that hold for all packets and all files, however broken."""

from __future__ import annotations

import io
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.capture import Interface, Packet, PcapngWriter, PcapWriter, open_savefile, summarize
from cbpf.capture.savefile import Savefile
from cbpf.errors import SavefileError

from .tools import SAMPLES, SECOND, description, enhanced, option, pcap_file, record, section

LINKTYPES = st.sampled_from([0, 1, 12, 101, 108, 113, 147, 228, 229, 276, 65535])
INTERFACES = st.builds(
    Interface,
    linktype=LINKTYPES,
    snaplen=st.integers(200, 262144),
    resolution=st.sampled_from([10**exponent for exponent in range(10)]),
    name=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    fcslen=st.none() | st.integers(0, 30),
    number=st.just(0),
    linkbits=st.just(0),
)


def packets_of(interface: Interface) -> st.SearchStrategy[Packet]:
    """Packets whose timestamps the interface's resolution holds exactly."""
    unit = SECOND // interface.resolution
    times = st.integers(0, 2**32 * interface.resolution - 1).map(lambda ticks: ticks * unit)
    return st.builds(
        Packet,
        timestamp=times,
        wirelen=st.integers(0, 2**32 - 1),
        data=st.binary(max_size=200),
        interface=st.just(interface),
    )


@st.composite
def captures(draw: st.DrawFn, most: int) -> list[Packet]:
    """Packets of up to ``most`` interfaces, numbered in order of appearance as a reader does."""
    found: list[Interface] = []
    packets: list[Packet] = []
    candidates = draw(st.lists(INTERFACES, min_size=1, max_size=most))
    for candidate in draw(st.lists(st.sampled_from(candidates), max_size=8)):
        known = [interface for interface in found if interface._replace(number=0) == candidate]
        if not known:
            known = [candidate._replace(number=len(found))]
            found += known
        packets.append(draw(packets_of(known[0])))
    return packets


@given(captures(4))
def test_pcapng_gives_back_what_was_written(packets: list[Packet]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/out.pcapng"
        with PcapngWriter(path) as writer:
            for packet in packets:
                writer.write(packet)
        with open_savefile(path) as savefile:
            assert list(savefile) == packets


@given(captures(1), st.integers(0, 63))
def test_pcap_gives_back_what_was_written(packets: list[Packet], bits: int) -> None:
    linktypes = {12: 101}
    with tempfile.TemporaryDirectory() as folder:
        interface = (packets[0].interface if packets else Interface())._replace(linkbits=bits << 26)
        path = f"{folder}/out.pcap"
        with PcapWriter(path, interface) as writer:
            for packet in packets:
                writer.write(packet)
        with open_savefile(path) as savefile:
            assert [packet[:3] for packet in savefile] == [packet[:3] for packet in packets]
            (found,) = savefile.interfaces
    assert found.linktype == linktypes.get(interface.linktype, interface.linktype)
    assert (found.snaplen, found.linkbits) == (interface.snaplen, interface.linkbits)
    assert found.fcslen == (2 * (bits >> 2) if bits & 1 else None)


PCAP = pcap_file([record(b"12345678")] * 2, link=113)
PCAPNG_OPTIONS = option(2, b"eth0") + option(9, b"\x09") + option(0, b"")
PCAPNG = b"".join(
    [
        *(section(), description(1, 64, PCAPNG_OPTIONS), enhanced(b"12345"), enhanced(b"678", ticks=2**40)),
        *(section(order=">"), description(113, order=">"), enhanced(b"abcd", order=">")),
    ]
)
SMALL = [PCAP, PCAPNG, *(path.read_bytes() for path in SAMPLES if path.stat().st_size < 1500)]


@st.composite
def broken_files(draw: st.DrawFn) -> bytes:
    """A small file with bytes changed, inserted, and removed."""
    data = bytearray(draw(st.sampled_from(SMALL)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)) | st.integers(0, 60))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8) | st.just(b"\xff\xff\xff\xff"))
    return bytes(data)


@given(broken_files() | st.binary(max_size=300))
@settings(max_examples=500)
def test_reading_ends_and_raises_only_savefile_errors(data: bytes) -> None:
    packets, error = outcome(data)
    for packet in packets:
        assert len(packet.data) <= min(len(data), packet.interface.snaplen)
        assert summarize(packet).isprintable()
    if error is not None:
        assert error.path == "memory"
        assert error.offset is None or 0 <= error.offset <= len(data)


def outcome(data: bytes) -> tuple[list[Packet], SavefileError | None]:
    packets: list[Packet] = []
    try:
        packets.extend(Savefile(io.BytesIO(data), "memory"))
    except SavefileError as error:
        return packets, error
    return packets, None


def block_ends(data: bytes) -> list[int]:
    """Where the blocks of a pcapng file end, walking their lengths backwards from the trailers."""
    found = [len(data)]
    while found[-1]:
        end = found[-1]
        length = min(int.from_bytes(data[end - 4 : end], "little"), int.from_bytes(data[end - 4 : end], "big"))
        found.append(end - length)
    return found[-2::-1]


@pytest.mark.parametrize(
    ("data", "whole", "counts"),
    [(PCAP, [24, 48, 72], [0, 1, 2]), (PCAPNG, block_ends(PCAPNG), [0, 0, 1, 2, 2, 2, 3])],
    ids=["pcap", "pcapng"],
)
def test_a_cut_file_gives_its_whole_records_then_one_error(data: bytes, whole: list[int], counts: list[int]) -> None:
    everything, _ = outcome(data)
    for length in range(len(data) + 1):
        complete = [end for end in whole if end <= length]
        packets, error = outcome(data[:length])
        assert packets == everything[: counts[len(complete) - 1] if complete else 0]
        assert (error is None) == (length in whole), length
        if error is not None and complete:
            assert error.offset == complete[-1]


@given(
    st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 9, 65535]),
    st.binary(max_size=120),
    st.integers(0, 2**32 - 1),
    st.integers(-(2**80), 2**80),
)
@settings(max_examples=500)
def test_summaries_of_noise(linktype: int, data: bytes, wirelen: int, timestamp: int) -> None:
    line = summarize(Packet(timestamp, wirelen, data, Interface(linktype=linktype)))
    assert line.isprintable()
    assert len(line) < 2000


SAMPLE_PACKETS = [packet for path in SAMPLES if path.name != "damaged.pcap" for packet in open_savefile(str(path))]


@given(st.data())
@settings(max_examples=500)
def test_summaries_of_broken_packets(data: st.DataObject) -> None:
    packet = data.draw(st.sampled_from(SAMPLE_PACKETS))
    broken = bytearray(packet.data)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(broken)))
        broken[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    line = summarize(packet._replace(data=bytes(broken)))
    assert line.isprintable()


@pytest.mark.parametrize(
    ("linktype", "piece"),
    [
        (1, bytes(12) + b"\x81\0\0\1" * 16000),
        (1, bytes(12) + b"\x88\x47" + b"\0\1\0\x40" * 16000),
        (229, bytes.fromhex("6000000000000000") + bytes(32) + bytes(64000)),
        (228, (bytes.fromhex("4500000000000000 4004 0000") + bytes(8)) * 3000),
        (229, (bytes.fromhex("60000000 0000 2940") + bytes(32)) * 1600),
    ],
    ids=["vlan", "mpls", "hop-by-hop", "ipip", "ip6ip6"],
)
def test_headers_without_end_make_a_short_line(linktype: int, piece: bytes) -> None:
    line = summarize(Packet(0, len(piece), piece, Interface(linktype=linktype)))
    assert len(line) < 2000
    assert line.endswith("[malformed]")

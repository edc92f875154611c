"""Writing savefiles: what other programs read in them, what is refused, and what happens when the disk is full."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import dpkt
import pytest
from scapy.utils import RawPcapNgReader, RawPcapReader, wrpcap

from cbpf.capture import Interface, Packet, PcapngWriter, PcapWriter, open_savefile, open_writer
from cbpf.errors import SavefileError

from .tools import REPOSITORY, SAMPLES, SECOND, description, enhanced, needs, option, read, reduced, section

ETHERNET = Interface()
COOKED = Interface(linktype=113, snaplen=96, resolution=SECOND, name="any", number=1)
DATA = bytes(range(60))


def packets() -> list[Packet]:
    return [
        Packet(1_795_168_800 * SECOND + 123_456_000, 1500, DATA, ETHERNET),
        Packet(1_795_168_801 * SECOND + 123_456_789, 60, DATA[:33], COOKED),
        Packet(1_795_168_802 * SECOND, 0, b"", ETHERNET),
    ]


def write_pcapng(path: Path, wanted: list[Packet]) -> None:
    with PcapngWriter(str(path)) as writer:
        for packet in wanted:
            writer.write(packet)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_pcapng_keeps_everything(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    kept: list[Packet] = []
    try:
        with open_savefile(str(path)) as savefile, open_writer(str(out), savefile.interfaces[0]) as writer:
            for packet in savefile:
                writer.write(packet)
                kept.append(packet)
    except SavefileError:
        assert path.name == "damaged.pcap"
    with open_savefile(str(out)) as copy:
        assert list(copy) == kept
        assert copy.interfaces == savefile.interfaces


def test_pcapng_byte_by_byte(tmp_path: Path) -> None:
    """As the draft has it: blocks, options and packets padded with zeros to four bytes."""
    path = tmp_path / "out.pcapng"
    interface = Interface(linktype=113, snaplen=96, resolution=SECOND, name="any", fcslen=4)
    write_pcapng(path, [Packet(2**32 + 5, 9, bytes(range(1, length + 1)), interface) for length in range(5)])
    options = option(2, b"any") + option(9, b"\x09") + option(13, b"\x20") + option(0, b"")
    blocks = [section(), description(113, 96, options)]
    blocks += [enhanced(bytes(range(1, length + 1)), ticks=2**32 + 5, wirelen=9) for length in range(5)]
    if sys.byteorder == "little":
        assert path.read_bytes() == b"".join(blocks)
    assert len(path.read_bytes()) == len(b"".join(blocks))


@needs("tshark")
def test_tshark_reads_our_pcapng(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    write_pcapng(path, packets())
    fields = ("frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type", "frame.interface_id")
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *(part for field in fields for part in ("-e", field))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["1795168800.123456000", "1500", "60", "1", "0"],
        ["1795168801.123456789", "60", "33", "25", "1"],
        ["1795168802.000000000", "0", "0", "1", "0"],
    ]


@needs("capinfos")
def test_capinfos_reads_our_interfaces(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    write_pcapng(path, packets())
    done = subprocess.run(["capinfos", str(path)], capture_output=True, text=True, check=True)
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "Number of packets = 2" in lines
    assert "Number of packets = 1" in lines
    assert "Name = any" in lines
    assert "Capture length = 96" in lines
    assert "Time precision = nanoseconds (9)" in lines
    assert "Time precision = microseconds (6)" in lines


def test_dpkt_and_scapy_read_our_files(tmp_path: Path) -> None:
    wanted = [packet for packet in packets() if packet.interface is ETHERNET]
    pcap, pcapng = tmp_path / "out.pcap", tmp_path / "out.pcapng"
    with open_writer(str(pcap), ETHERNET) as writer:
        for packet in wanted:
            writer.write(packet)
    write_pcapng(pcapng, wanted)
    for path, reader in ((pcap, dpkt.pcap.Reader), (pcapng, dpkt.pcapng.Reader)):
        with path.open("rb") as stream:
            found = [(round(time * 10**6), data) for time, data in reader(stream)]
        assert found == [(packet.timestamp // 1000, packet.data) for packet in wanted]
    with RawPcapReader(str(pcap)) as raw:
        assert [(data, meta.wirelen) for data, meta in raw] == [(packet.data, packet.wirelen) for packet in wanted]
    with RawPcapNgReader(str(pcapng)) as parsed:
        assert [data for data, _ in parsed] == [packet.data for packet in wanted]


def test_we_read_files_of_dpkt_and_scapy(tmp_path: Path) -> None:
    path = tmp_path / "in"
    with path.open("wb") as stream:
        writer = dpkt.pcap.Writer(stream, nano=True, linktype=101, snaplen=1000)
        writer.writepkt(DATA, ts=12.5)
    assert read(path).records == [(12 * SECOND + SECOND // 2, 60, DATA)]
    with path.open("wb") as stream:
        dpkt.pcapng.Writer(stream).writepkt(DATA, ts=12.5)
    assert read(path).records == [(12 * SECOND + SECOND // 2, 60, DATA)]
    wrpcap(str(path), [DATA], linktype=228, endianness=">", nano=True)
    with open_savefile(str(path)) as savefile:
        assert savefile.interfaces[0].linktype == 228
        assert [packet.data for packet in savefile] == [DATA]


@needs("editcap")
@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "modpcap", "pcapng"])
def test_we_read_files_of_editcap(kind: str, tmp_path: Path) -> None:
    source, path = REPOSITORY / "captures/nanoseconds.pcap", tmp_path / "in"
    subprocess.run(["editcap", "-F", kind, source, path], check=True, capture_output=True)
    unit = 1000 if kind in ("pcap", "modpcap") else 1
    expected = [(time // unit * unit, wirelen, data) for time, wirelen, data in read(source).records]
    assert read(path) == (expected, None)


def test_the_ending_of_the_name_chooses_the_format(tmp_path: Path) -> None:
    found = []
    for name in ("a.pcap", "b.pcapng", "c.PCAPNG", "d", "e.pcapng.old"):
        with open_writer(str(tmp_path / name), ETHERNET):
            pass
        with open_savefile(str(tmp_path / name)) as savefile:
            found.append(savefile.format)
            assert savefile.interfaces == [ETHERNET]
    assert found == ["pcap", "pcapng", "pcapng", "pcap", "pcap"]


def test_pcap_refuses_a_second_link_type(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    with PcapWriter(str(path), ETHERNET) as writer:
        writer.write(packets()[0])
        with pytest.raises(SavefileError, match=r"this one has EN10MB, the packet has LINUX_SLL; write"):
            writer.write(packets()[1])
    assert len(read(path).records) == 1


@pytest.mark.parametrize("ending", ["pcap", "pcapng"])
def test_a_packet_longer_than_the_snapshot_length_is_refused(ending: str, tmp_path: Path) -> None:
    short = Interface(snaplen=10)
    with (
        open_writer(str(tmp_path / f"out.{ending}"), short) as writer,
        pytest.raises(SavefileError, match="60 captured bytes does not fit the snapshot length 10"),
    ):
        writer.write(Packet(0, 60, DATA, short))


def test_pcap_keeps_nanoseconds_only_if_the_interface_has_them(tmp_path: Path) -> None:
    packet = Packet(1_234_567_891, 0, b"", ETHERNET)
    found = []
    for resolution in (10**6, 10**9, 2**30, 10, 2**6):
        with PcapWriter(str(tmp_path / "out.pcap"), ETHERNET._replace(resolution=resolution)) as writer:
            writer.write(packet)
        found.append(read(tmp_path / "out.pcap").records[0][0])
    assert found == [1_234_567_000, 1_234_567_891, 1_234_567_891, 1_234_567_000, 1_234_567_000]


def test_pcapng_has_no_room_for_times_before_1970(tmp_path: Path) -> None:
    with (
        PcapngWriter(str(tmp_path / "out.pcapng")) as writer,
        pytest.raises(SavefileError, match="no room for the timestamp -1 ns"),
    ):
        writer.write(Packet(-1, 0, b"", ETHERNET))


@pytest.mark.parametrize("ending", ["pcap", "pcapng"])
@pytest.mark.parametrize("how", ["same", "hard", "symbolic", "stdin"])
def test_an_input_is_not_overwritten(ending: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    source.write_bytes((REPOSITORY / "captures/http.pcap").read_bytes())
    before = source.read_bytes()
    named = str(source)
    if how == "hard":
        out.hardlink_to(source)
    elif how == "symbolic":
        out.symlink_to(source)
    else:
        out = source
    with source.open("rb") as stream:
        if how == "stdin":
            named = "-"
            monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(SavefileError, match="is being read; it is not overwritten"):
            open_writer(str(out), ETHERNET, inputs=["nowhere.pcap", named])
    assert source.read_bytes() == before


def test_another_file_is_emptied_first(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    out.write_bytes(bytes(1000))
    with open_writer(str(out), ETHERNET, inputs=[str(REPOSITORY / "captures/http.pcap")]):
        pass
    assert out.stat().st_size == 24


def test_errors_name_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SavefileError, match=r"cannot write: (Is a directory|No such file)"):
        open_writer(str(tmp_path), ETHERNET)
    with pytest.raises(SavefileError, match="cannot write: No such file"):
        open_writer(str(tmp_path / "missing/out.pcap"), ETHERNET)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_reported() -> None:
    writer = open_writer("/dev/full", ETHERNET)
    with pytest.raises(SavefileError, match="/dev/full: cannot write: No space left on device"):
        writer.flush()
    with pytest.raises(SavefileError, match="No space left on device"):
        writer.close()
    writer.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_gets_full_is_reported() -> None:
    def fill() -> None:
        with open_writer("/dev/full", ETHERNET) as writer:
            while True:
                writer.write(Packet(0, 60, DATA, ETHERNET))

    with pytest.raises(SavefileError, match="No space left on device"):
        fill()


def test_a_reader_who_left_is_no_savefile_error() -> None:
    reading, writing = os.pipe()
    writer = open_writer(f"/dev/fd/{writing}", ETHERNET)
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        writer.flush()
    with pytest.raises(BrokenPipeError):
        writer.close()
    os.close(writing)


def test_standard_output_stays_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=stream))
    with open_writer("-", ETHERNET) as writer:
        writer.write(packets()[0])
    copy = tmp_path / "copy.pcap"
    copy.write_bytes(stream.getvalue())
    assert read(copy).records == [reduced(packets()[0])]


def test_packets_are_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = os.openpty()
    with os.fdopen(terminal, "wb") as stream:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=stream))
        with pytest.raises(SavefileError, match="packets are not written to a terminal; redirect them"):
            open_writer("-", ETHERNET)
    os.close(controller)

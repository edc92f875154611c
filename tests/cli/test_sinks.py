"""Writing packets: formats, what the header of a pcap file must have room for, and files that are spared."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from cbpf.capture import Interface, Packet, PcapngWriter, PcapWriter, open_savefile

from .tools import CAPTURES, DNS, HTTP, MIXED, cbpf, packets, process


def make(path: Path, *packets: Packet) -> Path:
    """A savefile of these packets, in the format its name says."""
    interface = packets[0].interface
    with PcapngWriter(str(path)) if path.suffix == ".pcapng" else PcapWriter(str(path), interface) as writer:
        for packet in packets:
            writer.write(packet)
    return path


def test_pcapng_keeps_every_interface(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    assert cbpf("filter", "-r", MIXED, "-w", out, "ip6 or arp") == (0, b"", "")
    found = packets(out)
    assert len(found) > 3
    assert [packet for packet in packets(MIXED) if packet in found] == found
    assert {packet.interface.linktype for packet in found} == {1, 113}


def test_pcap_holds_one_link_type(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    result = cbpf("filter", "-r", MIXED, "-w", out)
    assert result.status == 1
    assert result.err.startswith(f"cbpf: {out}: a pcap file holds one link type")
    kept = packets(out)
    assert kept
    assert [packet.data for packet in kept] == [packet.data for packet in packets(MIXED)[: len(kept)]]


@pytest.mark.parametrize("name", ["out.pcap", "out.pcapng"])
def test_nothing_matched_is_an_empty_savefile(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    assert cbpf("filter", "-r", CAPTURES / "cooked.pcap", "-w", out, "tcp port 9") == (0, b"", "")
    with open_savefile(str(out)) as savefile:
        assert [interface.linktype for interface in savefile.interfaces] == [113]
        assert list(savefile) == []


@pytest.mark.parametrize("expression", ["", "tcp port 9"])
def test_an_empty_pcapng_is_an_empty_savefile(expression: str, tmp_path: Path) -> None:
    path, out = tmp_path / "in.pcapng", tmp_path / "out.pcap"
    with PcapngWriter(str(path)) as writer:
        writer.add_interface(Interface(linktype=101))
    assert cbpf("filter", "-r", path, "-w", out, expression) == (0, b"", "")
    with open_savefile(str(out)) as savefile:
        assert [interface.linktype for interface in savefile.interfaces] == [101]
    assert cbpf("filter", "-r", path, "--count", "vlan").status == 2


def test_interfaces_without_packets_are_not_compiled_for(tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    with PcapngWriter(str(path)) as writer:
        writer.add_interface(Interface(linktype=101, name="tun"))
        for packet in packets(CAPTURES / "vlan.pcap"):
            writer.write(packet)
    assert cbpf("filter", "-r", path, "--count", "vlan").status == 0


def test_standard_output() -> None:
    result = process("filter", "-r", HTTP, "-w", "-")
    assert (result.status, result.err) == (0, "")
    assert result.out == Path(HTTP).read_bytes()


def test_count_and_copy(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", HTTP, "-w", out, "--count", "arp") == (0, b"2 packets\n", "")
    assert len(packets(out)) == 2


def test_room_for_the_packets_of_later_files(tmp_path: Path) -> None:
    short, out = CAPTURES / "snaplen-96.pcap", tmp_path / "out.pcap"
    assert cbpf("filter", "-r", short, "-r", HTTP, "-w", out) == (0, b"", "")
    assert [packet.data for packet in packets(out)] == [p.data for path in (short, HTTP) for p in packets(path)]


def test_room_for_the_packets_of_a_stream(tmp_path: Path) -> None:
    short, out = CAPTURES / "snaplen-96.pcap", tmp_path / "out.pcap"
    assert cbpf("filter", "-r", short, "-r", "-", "-w", out, stdin=Path(HTTP).read_bytes()) == (0, b"", "")
    assert [packet.data for packet in packets(out)] == [p.data for path in (short, HTTP) for p in packets(path)]


def test_bad_files_need_no_room(tmp_path: Path) -> None:
    bad, out = tmp_path / "bad.pcap", tmp_path / "out.pcap"
    bad.write_text("Not packets.")
    result = cbpf("filter", "-r", CAPTURES / "snaplen-96.pcap", "-r", bad, "-w", out)
    assert (result.status, result.err.count("\n")) == (1, 1)
    assert struct.unpack_from("=I", out.read_bytes(), 16) == (96,)


def test_room_for_later_interfaces_of_one_file(tmp_path: Path) -> None:
    narrow, wide = Interface(snaplen=64, number=0), Interface(snaplen=1500, number=1)
    path = make(tmp_path / "in.pcapng", Packet(1000, 60, bytes(60), narrow), Packet(2000, 900, bytes(900), wide))
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", path, "-w", out) == (0, b"", "")
    assert [len(packet.data) for packet in packets(out)] == [60, 900]


def test_room_for_nanoseconds_of_later_files(tmp_path: Path) -> None:
    early = make(tmp_path / "micro.pcap", Packet(1000, 60, bytes(60), Interface()))
    late = make(tmp_path / "nano.pcap", Packet(1001, 60, bytes(60), Interface(resolution=10**9)))
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", early, "-r", late, "-w", out) == (0, b"", "")
    assert [packet.timestamp for packet in packets(out)] == [1000, 1001]


def test_one_file_keeps_its_header(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", CAPTURES / "snaplen-96.pcap", "-w", out).status == 0
    assert struct.unpack_from("=I", out.read_bytes(), 16) == (96,)


@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "dotted"])
def test_inputs_are_spared(link: str, tmp_path: Path) -> None:
    path, out = tmp_path / "in.pcap", tmp_path / "out.pcap"
    path.write_bytes(Path(HTTP).read_bytes())
    match link:
        case "same":
            out = path
        case "symbolic":
            out.symlink_to(path)
        case "hard":
            os.link(path, out)
        case "dotted":
            out = tmp_path / "." / ".." / tmp_path.name / "in.pcap"
    result = cbpf("filter", "-r", DNS, "-r", path, "-w", out)
    assert (result.status, result.out) == (1, b"")
    assert result.err.startswith(f"cbpf: {out}: is being read")
    assert path.read_bytes() == Path(HTTP).read_bytes()


def test_the_expression_is_spared(tmp_path: Path) -> None:
    path = tmp_path / "expression"
    path.write_text("arp")
    assert cbpf("filter", "-r", HTTP, "-F", path, "-w", path).status == 1
    assert path.read_text() == "arp"


@pytest.mark.parametrize("name", ["path", "-"])
def test_inputs_are_spared_by_standard_output(name: str, tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(Path(HTTP).read_bytes())
    with path.open("rb") as reading, path.open("ab") as appending:
        arguments = ["filter", "-r", str(path) if name == "path" else "-", "-w", "-"]
        result = process(*arguments, stdout=appending, stdin=reading)
    assert result.status == 1
    assert result.err.startswith("cbpf: standard output is ")
    assert path.read_bytes() == Path(HTTP).read_bytes()


def test_outputs_are_replaced_by_force(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    out.write_bytes(bytes(100_000))
    assert cbpf("filter", "-r", HTTP, "-w", out) == (1, b"", f"cbpf: {out}: exists; --force overwrites it\n")
    assert out.read_bytes() == bytes(100_000)
    assert cbpf("filter", "-r", HTTP, "-w", out, "--force") == (0, b"", "")
    assert out.read_bytes() == Path(HTTP).read_bytes()


def test_outputs_may_be_empty_files(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    out.touch()
    assert cbpf("filter", "-r", HTTP, "-w", out) == (0, b"", "")
    assert out.read_bytes() == Path(HTTP).read_bytes()


def test_a_run_without_any_input_leaves_the_output_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    out.write_text("precious")
    assert cbpf("filter", "-r", tmp_path / "missing", "-w", out).status == 1
    assert cbpf("filter", "-r", HTTP, "-w", out, "tcp prt 80").status == 2
    assert out.read_text() == "precious"

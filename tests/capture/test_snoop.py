"""snoop captures, as editcap writes them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from cbpf.capture import Packet, open_savefile
from cbpf.errors import NotASavefile, SavefileError
from tests.cli.tools import CAPTURES, HTTP, cbpf, packets

HEADER = b"snoop\0\0\0" + struct.pack(">II", 2, 4)


def record(data: bytes, wirelen: int, padding: int = 0) -> bytes:
    return struct.pack(">IIIIII", wirelen, len(data), 24 + len(data) + padding, 0, 5, 7) + data + bytes(padding)


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
@pytest.mark.parametrize("name", ["http", "vlan", "truncated", "icmpv6"])
def test_what_editcap_makes_of_a_capture(name: str, tmp_path: Path) -> None:
    made = tmp_path / "made.snoop"
    subprocess.run(["editcap", "-F", "snoop", CAPTURES / f"{name}.pcap", made], check=True)
    expected = [packet._replace(interface=None) for packet in packets(CAPTURES / f"{name}.pcap")]  # type: ignore[arg-type]
    assert [packet._replace(interface=None) for packet in packets(made)] == expected  # type: ignore[arg-type]
    compressed = subprocess.run(["gzip", "-c", made], check=True, capture_output=True).stdout
    assert packets(compressed) == packets(made)


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
def test_filtering(tmp_path: Path) -> None:
    made = tmp_path / "made.snoop"
    subprocess.run(["editcap", "-F", "snoop", HTTP, made], check=True)
    assert cbpf("filter", "-r", made, "tcp port 80").text == cbpf("filter", "-r", HTTP, "tcp port 80").text
    assert cbpf("filter", "-r", "-", "--count", "tcp", stdin=made.read_bytes()).text == "27 packets\n"


def test_lengths_and_padding(tmp_path: Path) -> None:
    path = tmp_path / "made.snoop"
    path.write_bytes(HEADER + record(b"abc", 100, 1) + record(b"defgh", 5, 3) + record(b"", 9))
    found = packets(path)
    assert [(packet.timestamp, packet.wirelen, packet.data) for packet in found] == [
        (5_000_007_000, 100, b"abc"),
        (5_000_007_000, 5, b"defgh"),
        (5_000_007_000, 9, b""),
    ]
    assert found[0].interface.linktype == 1


@pytest.mark.parametrize("cut", range(16, 16 + 28 + 32))
def test_one_that_is_cut(cut: int, tmp_path: Path) -> None:
    """The packets before are there; the error comes after them."""
    path = tmp_path / "cut.snoop"
    path.write_bytes((HEADER + record(b"abc", 100, 1) + record(b"defgh", 5, 3))[:cut])
    found: list[Packet] = []
    with open_savefile(str(path)) as savefile:
        try:
            found.extend(savefile)
            whole = True
        except SavefileError:
            whole = False
    assert len(found) == (cut >= 43) + (cut >= 44 + 29)
    assert whole == (cut in (16, 43, 44) or cut >= 44 + 29)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"snoop\0\0\0", "too short"),
        (b"snoop\0\0\0" + struct.pack(">II", 3, 4), "version 3"),
        (b"snoop\0\0\0" + struct.pack(">II", 2, 99), "link type 99"),
        (b"snoopy dog", "begins with 73 6e 6f 6f"),
    ],
)
def test_what_is_none(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "none"
    path.write_bytes(content)
    with pytest.raises(NotASavefile, match=message):
        open_savefile(str(path))


def test_lengths_that_lie(tmp_path: Path) -> None:
    path = tmp_path / "lies"
    for wirelen, caplen, length in ((5, 5, 5), (5, 0xFFFFFFFF, 0xFFFFFFFF), (5, 5, 0)):
        path.write_bytes(HEADER + record(b"abc", 3) + struct.pack(">IIIIII", wirelen, caplen, length, 0, 0, 0))
        with open_savefile(str(path)) as savefile, pytest.raises(SavefileError, match="snoop data is damaged"):
            list(savefile)

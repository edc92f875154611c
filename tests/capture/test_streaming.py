"""Reading in pieces, from pipes and standard input, and from files that lie about their size."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from cbpf.capture import Interface, Packet, open_savefile, open_writer
from cbpf.capture.savefile import Savefile
from cbpf.errors import SavefileError

from .tools import REPOSITORY, SAMPLES, description, enhanced, pcap_file, read, record, section


class Drip(io.BytesIO):
    """A stream that gives few bytes at a time, as a slow pipe does."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(self.most)


@pytest.mark.parametrize("most", [1, 7, 100])
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_pieces_make_no_difference(path: Path, most: int) -> None:
    def all_of(savefile: Savefile) -> tuple[list[Packet], str | None]:
        packets: list[Packet] = []
        try:
            packets.extend(savefile)
        except SavefileError as error:
            return packets, error.message
        return packets, None

    with open_savefile(str(path)) as whole:
        assert all_of(Savefile(Drip(path.read_bytes(), most), "drip")) == all_of(whole)


def test_packets_come_out_of_a_pipe_before_it_ends() -> None:
    """A live capture in a pipe must not wait for the buffer to fill."""
    reading, writing = os.pipe()
    os.write(writing, pcap_file([record(b"first")]))
    got: list[bytes] = []

    def consume() -> None:
        with open_savefile(f"/dev/fd/{reading}") as savefile:
            assert savefile.size is None
            for packet in savefile:
                got.append(packet.data)
                more.set()

    more = threading.Event()
    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    assert more.wait(10)
    assert got == [b"first"]
    more.clear()
    os.write(writing, record(b"second"))
    assert more.wait(10)
    os.close(writing)
    thread.join(10)
    os.close(reading)
    assert got == [b"first", b"second"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(pcap_file([record(b"packet")]))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    with open_savefile("-") as savefile:
        assert [packet.data for packet in savefile] == [b"packet"]
    assert not stream.closed


def test_closed_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``<&-`` and ``>&-`` in a shell."""
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SavefileError, match="standard input is closed"):
        open_savefile("-")
    with pytest.raises(SavefileError, match="standard output is closed"):
        open_writer("-", Interface(), inputs=["-"])


def test_errors_name_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SavefileError, match=r"missing.pcap: cannot open: No such file or directory"):
        open_savefile(str(tmp_path / "missing.pcap"))
    with pytest.raises(SavefileError, match=r"cannot (open|read): Is a directory"):
        open_savefile(str(tmp_path))


def test_lying_lengths_cost_no_memory(tmp_path: Path) -> None:
    """A record of 128 MiB, and a block as long as one may be, in files of a few bytes."""
    path = tmp_path / "liar"
    block = bytearray(enhanced(b"x"))
    block[4:8] = (128 * 1024 * 1024).to_bytes(4, "little")
    for data in (
        pcap_file([record(b"x", caplen=128 * 1024 * 1024)], link=231),
        section() + description(231) + bytes(block),
    ):
        path.write_bytes(data)
        tracemalloc.start()
        outcome = read(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert outcome.error is not None
        assert "the file ends inside" in outcome.error
        assert peak < 2_000_000


def test_a_closed_savefile_does_not_stay_open(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap_file([record(b"packet")]))
    savefile = open_savefile(str(path))
    savefile.close()
    savefile.close()
    with pytest.raises(ValueError, match="closed"):
        list(savefile)


def test_asking_twice_for_the_packets_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap_file([record(b"1"), record(b"2"), record(b"3")]))
    with open_savefile(str(path)) as savefile:
        assert next(iter(savefile)).data == b"1"
        assert [packet.data for packet in savefile] == [b"2", b"3"]


def test_importing_the_room_is_light() -> None:
    """Start-up time matters: nothing heavy may come in with it."""
    code = "import sys, cbpf.capture; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert not {"scapy", "dpkt", "llvmlite", "z3"} & set(done.stdout.split())

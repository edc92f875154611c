"""What arrives in a file: compressed or not, when the disk is full, and when whoever writes is stopped or killed."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cbpf.capture import Interface, Packet, PcapngWriter, PcapWriter, Writer, open_writer
from cbpf.capture.writing.output import Output
from cbpf.errors import SavefileError

from .tools import REPOSITORY, SECOND, needs, pcap_file, read, record, reduced

ETHERNET = Interface(linktype=1, snaplen=65535)
TOOLS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".lz4": "lz4"}
PACKAGES = {".zst": "zstandard", ".lz4": "lz4.frame"}
FILES = ["out.pcap", "out.pcapng"]


def numbered(number: int, length: int = 60) -> Packet:
    """A packet that can be told from all others."""
    return Packet(number * SECOND, length, struct.pack(">I", number).ljust(length, b"\0"), ETHERNET)


def fill(writer: Writer, count: int, *, length: int = 60) -> None:
    for number in range(count):
        writer.write(numbered(number, length))


def numbers(path: Path) -> list[int]:
    """Of the packets that tcpdump finds in a file, without a complaint."""
    done = subprocess.run(["tcpdump", "-r", path, "-w", "-"], capture_output=True, check=False)
    complaints = [line for line in done.stderr.decode().splitlines() if not line.startswith(("reading ", "Warning"))]
    assert (done.returncode, complaints) == (0, [])
    found, at = [], 24
    while at < len(done.stdout):
        (caplen,) = struct.unpack_from("=I", done.stdout, at + 8)
        found.append(struct.unpack_from(">I", done.stdout, at + 16)[0])
        at += 16 + caplen
    return found


# Compressed files.


@pytest.mark.parametrize("count", [0, 1, 30_000])
@pytest.mark.parametrize("ending", TOOLS)
@pytest.mark.parametrize("name", FILES)
def test_the_tool_of_each_compression_reads_it(name: str, ending: str, count: int, tmp_path: Path) -> None:
    pytest.importorskip(PACKAGES.get(ending, "zlib"))
    plain, packed = tmp_path / name, tmp_path / (name + ending)
    for path in (plain, packed):
        with open_writer(str(path), ETHERNET) as writer:
            fill(writer, count)
    if count:
        assert packed.stat().st_size < plain.stat().st_size or count == 1
    tool = shutil.which(TOOLS[ending])
    if tool is not None:
        done = subprocess.run([tool, "-dc", packed], capture_output=True, check=True)
        assert done.stdout == plain.read_bytes()
    assert read(packed) == read(plain)


def test_the_compression_may_be_given(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.pcap", "b.pcap.gz", "c.PCAPNG.GZ")]
    compressions = ("gzip", "none", None)
    for path, compression in zip(paths, compressions, strict=True):
        with open_writer(str(path), ETHERNET, compression=compression) as writer:  # type: ignore[arg-type]
            fill(writer, 3)
    assert [path.read_bytes()[:2] for path in paths] == [b"\x1f\x8b", b"\xd4\xc3", b"\x1f\x8b"]
    assert zlib.decompress(paths[2].read_bytes(), 31)[:4] == b"\n\r\r\n"


def _unfinished(ending: str, data: bytes) -> bytes:
    """What libraries find in a compressed file that has no end yet."""
    if ending == ".gz":
        return zlib.decompressobj(31).decompress(data)
    if ending in (".bz2", ".xz"):
        whole: bytes = (bz2 if ending == ".bz2" else lzma).decompress(data)  # streams, each of which has its end
        return whole
    if ending == ".zst":
        return bytes(pytest.importorskip("zstandard").ZstdDecompressor().decompressobj().decompress(data))
    found = b""
    with suppress(EOFError), pytest.importorskip("lz4.frame").LZ4FrameFile(io.BytesIO(data)) as stream:
        while piece := stream.read1(1000):
            found += bytes(piece)
    return found


@pytest.mark.parametrize("ending", TOOLS)
def test_flush_makes_everything_so_far_readable(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.pcap{ending}"
    pytest.importorskip(PACKAGES.get(ending, "zlib"))
    expected = pcap_file([], snaplen=65535)
    with PcapWriter(str(path), ETHERNET) as writer:
        assert _unfinished(ending, path.read_bytes()) == expected
        for number in range(5):
            writer.write(numbered(number))
            writer.flush()
            expected += struct.pack("<IIII", number, 0, 60, 60) + numbered(number).data
            assert _unfinished(ending, path.read_bytes()) == expected
        writer.flush()
    assert len(read(path).records) == 5


@pytest.mark.parametrize(("module", "ending"), [("zstandard", ".zst"), ("lz4", ".lz4")])
def test_a_missing_package_is_said_before_a_file_is_touched(
    module: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.frame", None)
    path = tmp_path / f"out.pcap{ending}"
    with pytest.raises(SavefileError, match=r"to write (zstd|lz4), install cbpf\[compression\]"):
        open_writer(str(path), ETHERNET)
    assert not path.exists()


# Files that are spared.


def test_what_has_something_in_it_is_spared(tmp_path: Path) -> None:
    path, link = tmp_path / "out.pcap", tmp_path / "link.pcap"
    path.write_text("precious")
    link.symlink_to(path)
    for name in (path, link):
        for kind in (PcapWriter, PcapngWriter):
            arguments = (ETHERNET,) if kind is PcapWriter else ()
            with pytest.raises(SavefileError, match="exists; --force overwrites it"):
                kind(str(name), *arguments, force=False)
    assert path.read_text() == "precious"
    with open_writer(str(path), ETHERNET, force=True):
        pass
    assert path.stat().st_size == 24


def test_what_has_nothing_in_it_is_taken(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for name in (str(empty), os.devnull, str(tmp_path / "new")):
        with open_writer(name, ETHERNET, force=False) as writer:
            fill(writer, 3)
    assert len(read(empty).records) == 3


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.pcap.gz"
    os.mkfifo(fifo)
    with subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE) as reader:
        with open_writer(str(fifo), ETHERNET, force=False) as writer:
            fill(writer, 1000)
        out, _ = reader.communicate(timeout=20)
    copy = tmp_path / "copy"
    copy.write_bytes(out)
    assert [packet[2] for packet in read(copy).records] == [numbered(number).data for number in range(1000)]


# Whole records only.


def test_a_file_is_a_savefile_from_the_first_moment(tmp_path: Path) -> None:
    for name in FILES:
        with open_writer(str(tmp_path / name), ETHERNET):
            assert read(tmp_path / name) == ([], None)


@needs("tcpdump")
@pytest.mark.parametrize("name", FILES)
def test_records_arrive_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with open_writer(str(path), ETHERNET) as writer:
        for number in range(9000):
            writer.write(numbered(number, 77))
            if number % 1500 == 700:
                found = numbers(path)
                assert found == list(range(len(found)))
    assert numbers(path) == list(range(9000))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=False).returncode:
        pytest.skip("nobody may mount here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def one_by_one(writer: Writer, number: int) -> None:
    writer.write(numbered(number, 1001))


def many_at_once(writer: Writer, number: int) -> None:
    """As a scan has them: encoded, many in one piece."""
    packets = [numbered(number * 700 + each, 1001) for each in range(700)]
    place = writer.place(ETHERNET)
    pieces = []
    for timestamp, wirelen, data, _ in packets:
        if isinstance(writer, PcapWriter):
            pieces.append(struct.pack("=IIII", timestamp // SECOND, 0, len(data), wirelen) + data)
        else:
            ticks = timestamp // place.unit
            head = struct.pack("=IIIII", place.number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wirelen)
            body = head + data + bytes(-len(data) % 4)
            length = struct.pack("=I", len(body) + 12)
            pieces.append(struct.pack("=I", 6) + length + body + length)
    writer.put(b"".join(pieces))


@needs("tcpdump")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("write", [one_by_one, many_at_once])
def test_a_full_disk_leaves_whole_packets(name: str, write: Callable[[Writer, int], None], small_disk: Path) -> None:
    path = small_disk / name

    def until_full() -> None:
        with open_writer(str(path), ETHERNET) as writer:
            for number in range(5000):
                write(writer, number)

    with pytest.raises(SavefileError, match="cannot write: No space left on device"):
        until_full()
    found = numbers(path)
    assert found == list(range(len(found)))
    assert 1024 * 1024 - path.stat().st_size < 4096 + 1040  # no more than a packet and a page are given up


@needs("tcpdump")
def test_a_disk_that_is_full_already(small_disk: Path) -> None:
    with (small_disk / "other").open("wb", buffering=0) as other, suppress(OSError):
        for _ in range(1000):
            other.write(bytes(4096))
    with pytest.raises(SavefileError, match="No space left on device"):
        open_writer(str(small_disk / "out.pcap"), ETHERNET)
    assert (small_disk / "out.pcap").stat().st_size == 0


def _limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def script(body: str, *arguments: str | Path) -> list[str | Path]:
    """A command that runs ``body`` in a Python of its own, with the names of this module."""
    return [sys.executable, "-c", f"import sys\nfrom tests.capture.test_output import *\n{body}", *arguments]


@needs("tcpdump")
@pytest.mark.parametrize("redirected", [False, True])
def test_a_file_that_may_not_grow_has_whole_packets(redirected: bool, tmp_path: Path) -> None:
    """setrlimit(2), RLIMIT_FSIZE: EFBIG after a short write."""
    path = tmp_path / "out.pcap"
    body = "fill(open_writer(sys.argv[1], ETHERNET), 10**6)"
    with path.open("wb") as stream:
        done = subprocess.run(
            script(body, "-" if redirected else path),
            stdout=stream if redirected else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_limited(1_000_003),
            check=False,
            cwd=REPOSITORY,
        )
    assert b"cannot write: File too large" in done.stderr
    found = numbers(path)
    assert found == list(range(len(found)))
    assert 0 <= 1_000_003 - path.stat().st_size < 76


def test_standard_output_may_have_something_before(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("before")
    body = "with open_writer('-', ETHERNET) as writer: fill(writer, 9000)"
    with path.open("ab") as stream:
        subprocess.run(script(body), stdout=stream, check=True, cwd=REPOSITORY)
    expected = tmp_path / "out.pcap"
    with open_writer(str(expected), ETHERNET) as writer:
        fill(writer, 9000)
    assert path.read_bytes() == b"before" + expected.read_bytes()


# Interrupted in the middle.

WRITE_FOR_EVER = """
number = 0
writer = open_writer(sys.argv[1], ETHERNET)
try:
    print("ready", flush=True)
    while True:
        writer.write(numbered(number, 300 if number % 2 else 1000))
        number += 1
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    writer.close()
    print(number)
"""


def stopped(path: Path, how: signal.Signals, delay: float) -> int:
    """Write packets to a file until a signal comes; how many there should be at least."""
    default = lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None  # noqa: E731
    with subprocess.Popen(
        script(WRITE_FOR_EVER, path),
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        preexec_fn=default,  # noqa: PLW1509 -- no threads
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.send_signal(how)
        rest = process.stdout.read()
    return int(rest or 0)


@needs("tcpdump")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("delay", [0, 0.013, 0.12, 0.31])
def test_a_killed_writer_leaves_a_savefile(name: str, delay: float, tmp_path: Path) -> None:
    path = tmp_path / name
    stopped(path, signal.SIGKILL, delay)
    records, error = read(path)
    assert error is None or "cut short" in error or "truncated" in error or "ends" in error, error
    assert [struct.unpack_from(">I", data)[0] for _, _, data in records] == list(range(len(records)))
    if error is None and records:
        assert numbers(path) == list(range(len(records)))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FILES, "out.pcap.gz", "out.pcap.bz2", "out.pcap.xz"])
def test_a_stopped_writer_loses_nothing(name: str, tmp_path: Path) -> None:
    choose = random.Random(name)
    for _ in range(3):
        path = tmp_path / name
        count = stopped(path, signal.SIGINT, choose.random() / 5)
        records, error = read(path)
        assert error is None
        assert count <= len(records) <= count + 1
        assert [struct.unpack_from(">I", data)[0] for _, _, data in records] == list(range(len(records)))


class Interrupting:
    """``os.write`` as it may be when a signal comes: a part is written, and how much nobody is told."""

    def __init__(self, choose: random.Random) -> None:
        self._choose = choose
        self._write = os.write

    def __call__(self, number: int, data: memoryview) -> int:
        if self._choose.random() < 0.4:
            self._write(number, data[: self._choose.randrange(len(data) + 1)])
            raise KeyboardInterrupt
        return self._write(number, data)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("seed", range(4))
def test_interrupted_writes_are_gone_on_with(
    seed: int, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is put arrives once, even if every other write is interrupted."""
    choose = random.Random(seed)
    path = tmp_path / f"out.pcap{ending}"
    output = Output(str(path), lambda data: 0)
    monkeypatch.setattr("os.write", Interrupting(choose))
    expected = b""
    for _ in range(60):
        piece = choose.randbytes(choose.choice((100, 100_000, 400_000)))
        expected += piece
        with suppress(KeyboardInterrupt):
            output.put(piece)
    for _ in range(100):
        try:
            output.close()
            break
        except KeyboardInterrupt:
            pass
    content = path.read_bytes()
    assert (zlib.decompress(content, 31) if ending else content) == expected


def test_the_size_is_that_of_the_file(tmp_path: Path) -> None:
    for name in ("plain", "packed.gz"):
        output = Output(str(tmp_path / name), len)
        for _ in range(50):
            output.put(record(random.Random(0).randbytes(9000)))
        output.close()
        assert output.size == (tmp_path / name).stat().st_size


def test_packets_are_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng.gz"
    with open_writer(str(path), ETHERNET) as writer:
        fill(writer, 50)
    assert read(path).records == [reduced(numbered(number)) for number in range(50)]

"""Savefiles that an enemy made: little ones that become large, and lengths and numbers that lie."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import resource
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from cbpf.capture import pcapng
from tests.capture.tools import block, description, enhanced, option, pcap_file, record, section
from tests.cli.tools import HTTP, REPOSITORY, cbpf, packets

MIB: Final = 1024 * 1024
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")


# Little files that become large.

_LAUNCHER: Final = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
out, err = done.stdout.decode(), done.stderr.decode()
json.dump([done.returncode, out[-10000:], err[-10000:], usage.ru_maxrss * 1024, usage.ru_utime], sys.stdout)
"""


class Cost(NamedTuple):
    """What a run came to, and its price: bytes of memory at the most, and seconds of the processor."""

    status: int
    text: str
    err: str
    memory: int
    seconds: float


def measured(*arguments: str | Path) -> Cost:
    """Run ``cbpf`` as a child of a small process, not of this one, whose memory the child would be charged with."""
    command = [sys.executable, "-c", _LAUNCHER, sys.executable, "-m", "cbpf", *arguments]
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (4 << 30, 4 << 30))  # should it go wrong
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=REPOSITORY, preexec_fn=limit)
    return Cost(*json.loads(done.stdout))


def _zstd(data: bytes) -> bytes:
    return pytest.importorskip("zstandard").compress(data)  # type: ignore[no-any-return]


def _lz4(data: bytes) -> bytes:
    return pytest.importorskip("lz4.frame").compress(data, block_size=7)  # type: ignore[no-any-return]


COMPRESSIONS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": partial(lzma.compress, preset=1),
    "zstd": _zstd,
    "lz4": _lz4,
}
_HEADER: Final = pcap_file([])
_PACKET: Final = record(bytes(240))
_UNIT: Final = 16 * MIB // len(_PACKET)  # packets


def _bomb(path: Path, name: str, units: int, *, zeros: bool = False) -> None:
    """A compressed file of so many times 16 MiB: streams one after the other, which all of the formats may have."""
    compress = COMPRESSIONS[name]
    content = bytes(16 * MIB) if zeros else _PACKET * _UNIT
    path.write_bytes(compress(_HEADER) + compress(content) * units)


@needs_linux
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_bombs_take_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    _bomb(path, name, 15)
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, f"{15 * _UNIT} packets\n", "")
    assert cost.memory < 200 * MIB


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_large_bombs(name: str, zeros: bool, tmp_path: Path) -> None:
    """Two gigabytes. Zeros are records without a byte in them."""
    path = tmp_path / "bomb"
    _bomb(path, name, 128, zeros=zeros)
    assert path.stat().st_size < 10 * MIB
    cost = measured("filter", "-r", path, "-w", "/dev/null", "greater 1")
    assert (cost.status, cost.err) == (0, "")
    assert cost.memory < 200 * MIB


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_single_stream_is_no_worse(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(COMPRESSIONS[name](_HEADER + bytes(300 * MIB)))
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, f"{300 * MIB // 16} packets\n", "")
    assert cost.memory < 160 * MIB


@needs_linux
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_what_is_no_savefile_is_not_read_on(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    compress = COMPRESSIONS[name]
    path.write_bytes(compress(bytes(16 * MIB)) * 1000)
    cost = measured("filter", "-r", path)
    assert cost.status == 1
    assert cost.err.startswith(f"cbpf: {path}: not a pcap or pcapng savefile")
    assert cost.memory < 160 * MIB


@needs_linux
def test_dictionaries_are_limited(tmp_path: Path) -> None:
    """An xz file says how much memory it needs: here 4 GiB, and it would use them (xz file format, 5.3.1)."""
    path = tmp_path / "bomb.xz"
    data = lzma.compress(_HEADER + bytes(MIB))
    size = (data[12] + 1) * 4
    header = bytearray(data[12 : 12 + size])
    header[header.index(b"\x21\x01") + 2] = 40
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    path.write_bytes(data[:12] + bytes(header) + data[12 + size :])
    cost = measured("filter", "-r", path)
    assert (cost.status, cost.text) == (1, "")
    assert "bytes of memory" in cost.err
    assert cost.memory < 100 * MIB


@needs_linux
def test_as_much_memory_as_the_tool_wants_is_granted(tmp_path: Path) -> None:
    path = tmp_path / "large.xz"
    path.write_bytes(lzma.compress(Path(HTTP).read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    assert cbpf("filter", "--count", "-r", path).lines == cbpf("filter", "--count", "-r", HTTP).lines


@pytest.mark.parametrize("inner", COMPRESSIONS)
@pytest.mark.parametrize("outer", COMPRESSIONS)
def test_what_is_compressed_twice_is_not_followed(inner: str, outer: str, tmp_path: Path) -> None:
    path = tmp_path / "twice"
    path.write_bytes(COMPRESSIONS[outer](COMPRESSIONS[inner](Path(HTTP).read_bytes())))
    result = cbpf("filter", "-r", path)
    assert (result.status, result.out) == (1, b"")
    assert result.err.startswith(f"cbpf: {path}: not a pcap or pcapng savefile: it begins with ")


@pytest.mark.parametrize("between", [0, 4, 400_000])
def test_streams_of_xz_may_have_zeros_between_them(between: int, tmp_path: Path) -> None:
    """xz file format, 2.2: stream padding."""
    path = tmp_path / "two.xz"
    content = Path(HTTP).read_bytes()
    path.write_bytes(bytes(between).join((lzma.compress(content[:1000]), lzma.compress(content[1000:]), b"")))
    assert cbpf("filter", "--count", "-r", path).lines == cbpf("filter", "--count", "-r", HTTP).lines


# Lengths and numbers that lie.

_LENGTHS: Final = (0, 1, 3, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def _lying_block(kind: int, length: int) -> bytes:
    return struct.pack("<II", kind, length) + bytes(40) + struct.pack("<I", length)


def _options_without_end() -> bytes:
    return block(1, struct.pack("<HHI", 1, 0, 0) + option(0xFFFF, b"") * (4 * MIB // 4 - 8))


LIARS: Final[dict[str, Callable[[], bytes]]] = {
    **{f"caplen {n:#x}": partial(lambda n: pcap_file([record(b"x", caplen=n)]), n) for n in _LENGTHS[2:]},
    **{
        f"D-Bus caplen {n:#x}": partial(lambda n: pcap_file([record(b"x", caplen=n)], link=231), n)
        for n in _LENGTHS[2:]
    },
    **{f"section of {n:#x}": partial(lambda n: _lying_block(0x0A0D0D0A, n), n) for n in _LENGTHS},
    **{f"block of {n:#x}": partial(lambda n: section() + description() + _lying_block(6, n), n) for n in _LENGTHS},
    **{f"unknown of {n:#x}": partial(lambda n: section() + description() + _lying_block(77, n), n) for n in _LENGTHS},
    "no interface": lambda: section() + enhanced(b"x"),
    "interface 2**32-1": lambda: section() + description() + enhanced(b"x", interface=0xFFFFFFFF),
    "captured 2**32-1": lambda: section() + description() + enhanced(b"x", caplen=0xFFFFFFFF),
    "option that is too long": lambda: section() + description(options=struct.pack("<HH", 2, 0xFFFF)),
}


@pytest.mark.parametrize("name", LIARS)
def test_lies_cost_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "liar"
    path.write_bytes(LIARS[name]())
    tracemalloc.start()
    try:
        result = cbpf("filter", "-r", path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.status, result.out) == (1, b"")
    assert result.err.startswith(f"cbpf: {path}: ")
    assert result.err.count("\n") == 1
    assert most < 8 * MIB


@pytest.mark.parametrize("snaplen", _LENGTHS)
@pytest.mark.parametrize("format", ["pcap", "pcapng"])
def test_any_snapshot_length(format: str, snaplen: int, tmp_path: Path) -> None:
    path, out = tmp_path / "in", tmp_path / f"out.{format}"
    if format == "pcap":
        path.write_bytes(pcap_file([record(b"abc" * 20)], snaplen=snaplen))
    else:
        path.write_bytes(section() + description(1, snaplen) + enhanced((b"abc" * 20)[: snaplen or None]))
    result = cbpf("filter", "-r", path, "-w", out)
    assert (result.status, result.err) == (0, "")
    assert [packet.data for packet in packets(out)] == [(b"abc" * 20)[: snaplen or None]]
    assert out.stat().st_size < 1000
    assert cbpf("filter", "-s", str(snaplen), "-r", HTTP, "--count", "-c", "3").text == "3 packets\n"


@pytest.mark.parametrize("exponent", [0, 6, 9, 19, 0x80, 0x80 | 10, 0x80 | 63])
@pytest.mark.parametrize("ticks", [0, 1, 2**32, 2**63, 2**64 - 1])
def test_any_time(exponent: int, ticks: int, tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    options = option(9, bytes([exponent])) + option(14, struct.pack("<q", -(2**63) if ticks else 2**63 - 1))
    path.write_bytes(section() + description(1, 0, options) + enhanced(b"x" * 60, ticks=ticks))
    for arguments in ([], ["-tt"], ["-ttt"], ["-tttt"], ["-ttttt"], ["--json"], ["--count"], ["--after", "1999-01-01"]):
        result = cbpf("filter", "-r", path, *arguments)
        assert (result.status, result.err) == (0, "")
    for name in ("out.pcap", "out.pcapng"):
        result = cbpf("filter", "-r", path, "-w", tmp_path / name)
        assert result.status in (0, 1)
        assert "Traceback" not in result.err
    result = cbpf("filter", "-r", path, "-w", tmp_path / "%Y.pcapng", "-G", "1", "--force")
    assert result.status in (0, 1)


@needs_linux
def test_options_without_end_end(tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(section() + _options_without_end() + enhanced(b"x"))
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, "1 packet\n", "")
    assert cost.memory < 200 * MIB


@pytest.mark.slow
@needs_linux
@pytest.mark.parametrize("used", [False, True], ids=["described", "used"])
def test_many_interfaces_take_time_for_each_and_no_more(used: bool, tmp_path: Path) -> None:
    """Twice as many must not take four times as long, in calls of functions rather than in seconds."""
    counts = []
    for interfaces in (1000, 2000):
        path = tmp_path / f"{interfaces}.pcapng"
        path.write_bytes(
            section()
            + b"".join(
                description() + (enhanced(b"x", interface=number) if used else b"") for number in range(interfaces)
            )
            + enhanced(b"x", interface=interfaces - 1)
        )
        counts.append(_steps(path))
    assert counts[1] < 3 * counts[0]


def _steps(path: Path) -> int:
    """How many functions a scan calls and leaves."""
    steps = 0

    def step(*_: Any) -> None:
        nonlocal steps
        steps += 1

    from cbpf.capture import open_savefile, walk
    from cbpf.capture.scan import NoOutput, Scan
    from cbpf.capture.walks import Walks
    from cbpf.machine import Program

    program = Program([(0x06, 0, 0, 0xFFFF)])
    with open_savefile(str(path)) as savefile:
        scan = Scan(savefile, lambda _: (program,), NoOutput(walk.COUNT), Walks())
        sys.setprofile(step)
        try:
            for _ in scan:
                pass
        finally:
            sys.setprofile(None)
    return steps


def test_interfaces_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all sections, since all are remembered."""
    monkeypatch.setattr(pcapng, "MAXIMUM_INTERFACES", 999)
    path = tmp_path / "in.pcapng"
    once = section() + description() * 500
    for content, status in ((once, 0), (once * 2, 1), (section() + description() * 999, 0), (once[:28] * 5000, 0)):
        path.write_bytes(content)
        result = cbpf("filter", "--count", "-r", path)
        assert result.status == status
        assert ("describes more than 999 interfaces" in result.err) == bool(status)


@needs_linux
@pytest.mark.slow
def test_very_many_interfaces_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng.gz"
    many = gzip.compress(description() * 2**16)
    path.write_bytes(gzip.compress(section()) + many * 2000)
    cost = measured("filter", "--count", "-r", path)
    assert (cost.status, cost.text) == (1, "0 packets\n")
    assert "describes more than 262144 interfaces" in cost.err
    assert cost.memory < 400 * MIB


@pytest.mark.slow
@needs_linux
def test_long_names_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "names.pcapng.gz"
    named = description(1, 0, option(2, b"A" * 65_532))
    packet = enhanced(b"x", interface=1)
    path.write_bytes(gzip.compress(section()) + gzip.compress(named * 100) * 60 + gzip.compress(packet))
    assert path.stat().st_size < MIB
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, "1 packet\n", "")
    assert cost.memory < 200 * MIB

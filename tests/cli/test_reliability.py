"""What may go wrong around a run: it is killed, the disk is full, files vanish or are damaged, and there are many."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import pytest

from ..capture.tools import needs
from .tools import DAMAGED, DNS, HTTP, MIXED, REPOSITORY, Result, cbpf, large, packets, process, start, tcpdump

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files, pipes and signals are those of POSIX")

NOBODY: Final = 65534
needs_root = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root may do that")
_CONTENT: Final = Path(HTTP).read_bytes()
_ENDINGS: Final = {".pcap": "cat", ".pcapng": "cat", ".pcap.gz": "gzip", ".pcap.zst": "zstd", ".pcap.lz4": "lz4"}


def _numbered(first: int, count: int) -> bytes:
    """Records of a pcap file, each with its number in front of 400 bytes."""
    lengths = struct.pack("<II", 400, 400)
    return b"".join(
        struct.pack("<II", n, 0) + lengths + struct.pack(">I", n) * 100 for n in range(first, first + count)
    )


def _numbers(content: bytes) -> list[int]:
    """The numbers of the packets that tcpdump finds. It may complain that the last is not whole, of nothing else."""
    done = subprocess.run(["tcpdump", "-r", "-", "-w", "-"], input=content, capture_output=True, check=False)
    complaints = [line for line in done.stderr.decode().splitlines() if line.startswith("tcpdump: ")]
    assert all(re.search("truncated .*dump file", line) for line in complaints), complaints
    records = done.stdout[24:]
    assert len(records) % 416 == 0
    return [struct.unpack_from(">I", records, at + 16)[0] for at in range(0, len(records), 416)]


def _unpacked(path: Path, tool: str) -> bytes:
    """What a tool gets out of a file that may end early."""
    if tool == "cat":
        return path.read_bytes()
    return subprocess.run([tool, "-dc"], stdin=path.open("rb"), capture_output=True, check=False).stdout


# Killed.


def _feed(stream: IO[bytes], stop: threading.Event) -> None:
    """Packets without end, until nobody takes them."""
    first = 0
    try:
        stream.write(_CONTENT[:24])
        while not stop.is_set():
            stream.write(_numbered(first, 500))
            first += 500
    except OSError:
        pass


@needs("tcpdump")
@pytest.mark.parametrize("ending", _ENDINGS)
@pytest.mark.parametrize("options", [[], ["-U"]], ids=["", "-U"])
def test_what_a_killed_run_has_written_can_be_read(ending: str, options: list[str], tmp_path: Path) -> None:
    tool = _ENDINGS[ending]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    out, stop = tmp_path / f"out{ending}", threading.Event()
    with start("filter", "-r", "-", "-w", out, *options, "greater 1") as running:
        feeder = threading.Thread(target=_feed, args=(running.stdin, stop))
        feeder.start()
        _until(lambda: out.exists() and out.stat().st_size > 30_000)
        running.kill()
        assert running.wait(30) == -signal.SIGKILL
        stop.set()
        feeder.join()
        assert running.stderr.read() == b""
        # What is left in the pipe cannot be written any more.
        running.stdin = None
    found = _numbers(_unpacked(out, tool))
    assert found == list(range(len(found)))
    assert len(found) > 50


@needs("tcpdump")
def test_a_killed_run_over_a_large_file_leaves_what_it_has(tmp_path: Path) -> None:
    path, out = tmp_path / "in.pcap", tmp_path / "out.pcap"
    path.write_bytes(_CONTENT[:24] + _numbered(0, 500) * 300)
    with start("filter", "-r", path, "-w", out) as running:
        _until(lambda: out.exists() and out.stat().st_size > 100_000)
        running.kill()
        assert running.wait(30) in (-signal.SIGKILL, 0)
    found = _numbers(out.read_bytes())
    assert found == [number % 500 for number in range(len(found))]


def _until(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.002)


# A disk that is full.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nobody may mount here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@needs("tcpdump")
@pytest.mark.parametrize("name", ["out.pcap", "out.pcapng"])
@pytest.mark.parametrize("options", [[], ["-U"], ["-C", "200k"], ["--print"]], ids=str)
def test_a_full_disk(name: str, options: list[str], small_disk: Path, tmp_path: Path) -> None:
    path, done = tmp_path / "in.pcap", tmp_path / "done"
    path.write_bytes(_CONTENT[:24] + _numbered(0, 5000))
    command = tmp_path / "command"
    command.write_text(f'#!/bin/sh\necho "$1" >> {done}\n')
    command.chmod(0o755)
    result = process("filter", "-r", path, "-w", small_disk / name, "-z", command, *options)
    written = sorted(small_disk.iterdir(), key=lambda path: int(path.name.removeprefix(name) or 0))
    assert result.status == 1
    assert result.err == f"cbpf: {written[-1]}: cannot write: No space left on device\n"
    found = [number for each in written for number in _numbers(each.read_bytes())]
    assert found == list(range(len(found)))
    assert len(found) > 1000
    tcpdump("-r", written[-1], "-w", "/dev/null")  # without a complaint
    # The command does not get what is not all there.
    finished = done.read_text().splitlines() if done.exists() else []
    assert sorted(finished) == sorted(map(str, written[:-1]))


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst", ".lz4"])
def test_a_full_disk_under_compression(ending: str, small_disk: Path, tmp_path: Path) -> None:
    pytest.importorskip({".zst": "zstandard", ".lz4": "lz4.frame"}.get(ending, "zlib"))
    path, out = tmp_path / "in.pcap", small_disk / f"out.pcap{ending}"
    noise = b"".join(struct.pack("<IIII", 0, 0, 60_000, 60_000) + os.urandom(60_000) for _ in range(60))
    path.write_bytes(_CONTENT[:24] + noise)
    result = process("filter", "-r", path, "-w", out)
    assert (result.status, result.err) == (1, f"cbpf: {out}: cannot write: No space left on device\n")


def test_a_full_disk_under_several_outputs(small_disk: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(_CONTENT[:24] + _numbered(0, 5000))
    halves = ["--split-by-filter", "even=ether[3] & 1 = 0", "--split-by-filter", "odd=ether[3] & 1 = 1"]
    result = process("filter", "-r", path, "-w", small_disk / "out.pcap", *halves)
    assert result.status == 1
    assert result.err.count("\n") == 1
    assert result.err.endswith(": cannot write: No space left on device\n")
    for parity, name in enumerate(("even", "odd")):
        found = _numbers((small_disk / f"out-{name}.pcap").read_bytes())
        assert found == list(range(parity, parity + 2 * len(found), 2))


# Files that cannot be read, or are gone.


def test_files_vanish_while_it_runs(tmp_path: Path) -> None:
    """The list is read first; a pipe in it is waited for, and then the files behind it are not there any more."""
    fifo, kept, gone = tmp_path / "fifo", tmp_path / "kept.pcap", tmp_path / "gone.pcap"
    os.mkfifo(fifo)
    for path in (kept, gone):
        shutil.copy(DNS, path)
    names = tmp_path / "list"
    names.write_text("".join(f"{path}\n" for path in (HTTP, fifo, gone, kept)))
    with start("filter", "-V", names, "--count") as running:
        with open(fifo, "wb") as stream:
            gone.unlink()
            stream.write(_CONTENT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert err.decode() == f"cbpf: {gone}: cannot open: No such file or directory\n"
    assert out.decode().splitlines() == [
        f"{HTTP}: 35 packets",
        f"{fifo}: 35 packets",
        f"{kept}: 6 packets",
        "76 packets",
    ]


def test_a_file_may_be_removed_while_it_is_read(tmp_path: Path) -> None:
    path = large(tmp_path / "in.pcap")
    with start("filter", "-r", path, "-w", "-") as running:
        first = running.stdout.read(1000)
        path.unlink()
        assert first + running.stdout.read() == _CONTENT[:24] + _CONTENT[24:] * 1000
        assert (running.wait(30), running.stderr.read()) == (0, b"")


def test_a_file_may_be_cut_while_it_is_read(tmp_path: Path) -> None:
    """To its beginning, as log rotation does: what is there no more is no damage, or is said to be."""
    path = large(tmp_path / "in.pcap")
    with start("filter", "-r", path, "-w", "-") as running:
        running.stdout.read(1000)
        os.truncate(path, 500)
        running.stdout.read()
        err = running.stderr.read().decode()
        assert running.wait(30) in (0, 1)
        assert "Traceback" not in err
        assert err.count("\n") <= 1


def as_nobody(*arguments: str | Path) -> Result:
    """Run ``cbpf`` inside a process that has loaded it already, and is nobody then: it might not be able to read it."""
    script = f"""
import os, sys
from cbpf.cli.application import run
run(["filter", "-r", {HTTP!r}, "-c", "1", "-w", "/dev/null"])
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.exit(run(sys.argv[1:]))
"""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, check=False, cwd=REPOSITORY)
    return Result(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may write to. Those of pytest cannot even be looked into by others."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@needs_root
@pytest.mark.parametrize(
    "option",
    [
        "-r",
        "-V",
        "--recursive",
    ],
)
def test_what_may_not_be_read_leaves_the_others(option: str, open_folder: Path) -> None:
    secret = open_folder / "1.pcap"
    files = [secret, open_folder / "2.pcap", open_folder / "3.pcap"]
    for path in files:
        shutil.copy(DNS, path)
        path.chmod(0o644)
    secret.chmod(0o600)
    names = Path(f"{open_folder}/list")
    names.write_text("".join(f"{path}\n" for path in files))
    names.chmod(0o644)
    arguments: dict[str, list[str | Path]] = {
        "-r": [each for path in files for each in ("-r", path)],
        "-V": ["-V", names],
        "--recursive": ["--recursive", "-r", open_folder],
    }
    result = as_nobody("filter", *arguments[option], "--count")
    assert (result.status, result.err) == (1, f"cbpf: {secret}: cannot open: Permission denied\n")
    assert result.lines == [f"{path}: 6 packets" for path in files[1:]] + ["12 packets"]


@needs_root
def test_folders_that_may_not_be_searched(open_folder: Path) -> None:
    locked, free = open_folder / "a", open_folder / "b"
    for folder in (locked, free):
        folder.mkdir()
        folder.chmod(0o755)
        shutil.copy(DNS, folder / "in.pcap")
        (folder / "in.pcap").chmod(0o644)
    locked.chmod(0o700)
    result = as_nobody("filter", "--recursive", "-r", open_folder, "--count")
    assert result.text == "6 packets\n"
    assert result.err == f"cbpf: {locked}: cannot be searched: Permission denied\n"
    assert result.status == 1


@needs_root
@pytest.mark.parametrize(
    "mode",
    [0o400, 0o200],
)
def test_output_needs_no_right_to_read(mode: int, open_folder: Path) -> None:
    out = open_folder / "out.pcap"
    out.touch()
    os.chown(out, NOBODY, NOBODY)
    out.chmod(mode)
    source = Path(shutil.copy(HTTP, open_folder / "in.pcap"))
    source.chmod(0o644)
    result = as_nobody("filter", "-r", source, "-w", out)
    if mode & 0o200:
        assert (result.status, result.err) == (0, "")
    else:
        assert (result.status, result.err) == (1, f"cbpf: {out}: cannot write: Permission denied\n")


def test_folders_sockets_and_devices(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        path = tmp_path / "s"
        listener.bind(os.path.relpath(path))
        result = cbpf("filter", "--count", "-r", tmp_path, "-r", path, "-r", "/dev/null", "-r", HTTP)
    assert result.status == 1
    assert result.lines == ["35 packets"]
    complaints = result.err.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in complaints] == [
        str(tmp_path),
        str(path),
        "/dev/null",
    ]


def test_a_search_takes_no_pipes(tmp_path: Path) -> None:
    """Nobody may ever write to them."""
    os.mkfifo(tmp_path / "fifo")
    shutil.copy(DNS, tmp_path / "in.pcap")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken").symlink_to("nothing")
    (tmp_path / "text").write_text("no packets")
    assert process("filter", "--recursive", "-r", tmp_path, "--count") == (0, b"6 packets\n", "")


# Damage.


def _end_of_record(number: int) -> int:
    """Where a record of the HTTP sample ends."""
    end = 24
    for _ in range(number):
        (caplen,) = struct.unpack_from("<I", _CONTENT, end + 8)
        end += 16 + caplen
    return end


def _damaged(kind: str) -> bytes:
    middle, blocks = _end_of_record(17), Path(MIXED).read_bytes()
    return {
        "cut": _CONTENT[:-7],
        "garbage": _CONTENT[:middle] + b"\xff" * 64 + _CONTENT[middle:],
        "pcapng": blocks[: len(blocks) // 2] + b"\xff" * 512,
        "header": _CONTENT[:20],
        "zeros": bytes(5000),
    }[kind]


@pytest.mark.parametrize("kind", ["cut", "garbage", "pcapng", "header", "zeros"])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_one_damaged_file_of_many(kind: str, place: int, tmp_path: Path) -> None:
    files = []
    for number in range(7):
        path = tmp_path / f"{number}.pcap"
        path.write_bytes(_damaged(kind) if number == place else Path(DNS).read_bytes())
        files.append(path)
    alone = cbpf("filter", "-r", files[place])
    assert (alone.status, alone.err.count("\n")) == (1, 1)
    arguments = [each for path in files for each in ("-r", path)]
    expected = [cbpf("filter", "-r", path).out for path in files]

    printed = cbpf("filter", *arguments)
    assert (printed.status, printed.err) == (1, alone.err)
    assert printed.out == b"".join(expected)

    counted = cbpf("filter", "--count", *arguments)
    assert (counted.status, counted.err) == (1, alone.err)
    assert counted.lines[-1] == f"{len(printed.lines)} packets"

    for name in ("out.pcapng", "out.pcapng.gz"):
        written = cbpf("filter", "-w", tmp_path / name, *arguments)
        assert (written.status, written.err) == (1, alone.err)
        assert len(packets(tmp_path / name)) == len(printed.lines)


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("options", [["--count"], ["-w", "{}/out.pcap"], ["--json"]], ids=str)
def test_damage_in_the_middle_of_a_large_file(options: list[str], threads: str, tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    good = _CONTENT[24:] * 1500
    path.write_bytes(_CONTENT[:24] + good + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0) + good)
    arguments = [option.format(tmp_path) for option in options]
    result = cbpf("filter", "-r", path, "-r", DNS, "--threads", threads, *arguments, "arp or port 53")
    in_front = len(packets_of("arp or port 53", HTTP)) * 1500
    behind = len(packets_of("arp or port 53", DNS))
    assert result.status == 1
    assert result.err == (
        f"cbpf: {path}: a record claims 4294967295 captured bytes; the most there can be is 262144 "
        f"(at byte {24 + len(good)})\n"
    )
    if options == ["--count"]:
        assert result.lines[-1] == f"{in_front + behind} packets"
    elif options == ["--json"]:
        assert len(result.lines) == in_front + behind
    else:
        assert len(packets(tmp_path / "out.pcap")) == in_front + behind


def packets_of(expression: str, path: str) -> list[bytes]:
    """What tcpdump prints, a line for each packet that matches."""
    return tcpdump("-n", "-q", "-t", "-r", path, expression).splitlines()


# Readers that leave.


@pytest.mark.parametrize(
    "options",
    [["--json"], ["-e", "-X"], ["--stats"], ["--print", "-w", "{}/out.pcap"], ["-w", "-", "--format", "pcapng"]],
    ids=str,
)
@pytest.mark.parametrize("damaged", [False, True])
def test_a_reader_that_leaves(options: list[str], damaged: bool, tmp_path: Path) -> None:
    """The exit status is that of what happened before."""
    first = DAMAGED if damaged else DNS
    arguments = [option.format(tmp_path) for option in options]
    with start("filter", "-r", first, "-r", large(tmp_path / "large.pcap"), *arguments) as running:
        assert running.stdout.read(100_000)
        running.stdout.close()
        said = running.stderr.read().decode().splitlines()
        assert running.wait(30) == int(damaged)
    assert len([line for line in said if DAMAGED in line]) == int(damaged)
    assert len(said) == int(damaged) + 2 * ("--stats" in options)


def test_a_pipe_into_a_command_that_takes_one_line(tmp_path: Path) -> None:
    """As a shell does it, with the status of both."""
    path = large(tmp_path / "large.pcap")
    line = f"{sys.executable} -m cbpf filter -r {path} | head -n 1; echo ${{PIPESTATUS[*]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, cwd=REPOSITORY)
    assert done.stderr == b""
    assert done.stdout.splitlines()[-1] == b"0 0"


# Very many files.

_MANY: Final = 10_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with so many files, all of them one and the same with many names; and a list of them."""
    folder = tmp_path_factory.mktemp("many")
    content = folder / "content"
    content.write_bytes(Path(DNS).read_bytes())
    files = folder / "files"
    files.mkdir()
    (folder / "list").write_text("".join(f"{files}/{number // 100:02}/{number:05}.pcap\n" for number in range(_MANY)))
    for number in range(_MANY):
        if number % 100 == 0:
            (files / f"{number // 100:02}").mkdir()
        os.link(content, files / f"{number // 100:02}" / f"{number:05}.pcap")
    return folder


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


@pytest.mark.parametrize("option", ["-V", "--recursive"])
def test_very_many_files(option: str, many: Path) -> None:
    inputs: list[Any] = ["-V", many / "list"] if option == "-V" else ["--recursive", "-r", many / "files"]
    result = process("filter", "--count", *inputs, "udp", prepare=_few_descriptors)
    assert (result.status, result.err) == (0, "")
    assert result.lines == [f"{path}: 6 packets" for path in (many / "list").read_text().split()] + ["60000 packets"]


@needs("tcpdump")
@pytest.mark.parametrize("name", ["out.pcap", "out.pcapng.gz"])
@pytest.mark.slow
def test_very_many_files_into_one(name: str, many: Path, tmp_path: Path) -> None:
    out = tmp_path / name
    result = process("filter", "-V", many / "list", "-w", out, "port 53", prepare=_few_descriptors)
    assert (result.status, result.out, result.err) == (0, b"", "")
    assert cbpf("filter", "--count", "-r", out).text == "60000 packets\n"
    if name == "out.pcap":
        assert out.read_bytes()[24:] == Path(DNS).read_bytes()[24:] * _MANY


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [[], ["--json"], ["-w", "{}/o-{{name}}.pcap", "--split-by-filter", "a=udp"]], ids=str
)
def test_very_many_files_in_other_ways(options: list[str], many: Path, tmp_path: Path) -> None:
    arguments = [option.format(tmp_path) for option in options]
    result = process("filter", "-V", many / "list", *arguments, prepare=_few_descriptors)
    assert (result.status, result.err) == (0, "")
    assert len(result.lines) == (0 if "-w" in options else 6 * _MANY)


def test_very_many_files_of_which_some_cannot_be_read(many: Path, tmp_path: Path) -> None:
    """Each of those is complained about, and costs no descriptor either."""
    names = (many / "list").read_text().split()[:600]
    bad = [tmp_path / f"{number}" for number in range(300)]
    for number, path in enumerate(bad):
        if number % 3:
            path.write_bytes(_CONTENT[:90] if number % 3 == 1 else b"no packets")
    mixed = [name for pair in zip(names, map(str, [*bad, *bad]), strict=True) for name in pair]
    (tmp_path / "list").write_text("\n".join(mixed))
    result = process("filter", "-V", tmp_path / "list", "--count", "udp", prepare=_few_descriptors)
    assert result.status == 1
    assert result.err.count("\n") == 600
    assert "Too many open files" not in result.err
    assert result.lines[-1] == "3600 packets"


def test_very_many_outputs(tmp_path: Path) -> None:
    """More than there are descriptors, one after the other, and a command for each."""
    path = large(tmp_path / "in.pcap")
    result = process(
        "filter", "-r", path, "-w", tmp_path / "out.pcap", "-C", "4k", "-c", "4000", prepare=_few_descriptors
    )
    assert (result.status, result.err) == (0, "")
    written = sorted(tmp_path.glob("out.pcap*"), key=lambda path: int(path.name.removeprefix("out.pcap") or 0))
    assert len(written) > 90
    assert (
        b"".join(path.read_bytes()[24:] for path in written)
        == path.read_bytes()[24:][: sum(path.stat().st_size - 24 for path in written)]
    )


def test_more_outputs_than_descriptors_are_refused_in_one_message(tmp_path: Path) -> None:
    filters = [each for number in range(100) for each in ("--split-by-filter", f"f{number}=port {number}")]
    result = process("filter", "-r", HTTP, "-w", tmp_path / "out.pcap", *filters, prepare=_few_descriptors)
    assert result.status == 1
    assert result.err.endswith(": cannot write: Too many open files\n")
    assert result.err.count("\n") == 1

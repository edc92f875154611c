"""Packets into savefiles: the same as tcpdump writes, and what it does not do."""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import pytest

import cbpf
from cbpf.capture import Interface, Packet, PcapngWriter, open_savefile, scan, walk
from cbpf.capture.piece import NOTHING, Batch, Match
from cbpf.capture.scan import Scan
from cbpf.capture.walks import Walks
from cbpf.cli.copies import Copies, Written
from cbpf.cli.target import Target
from cbpf.errors import SavefileError

from .tools import CAPTURES, HTTP, MIXED, packets

SECOND = 10**9
NOON = 1_700_000_000
needs_tcpdump = pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
PLAIN = sorted(path for path in CAPTURES.glob("*.pcap") if path.name != "damaged.pcap")


def copy(
    target: Target, *paths: Path | str, expression: str = "", threads: int = 1, unbuffered: bool = False
) -> Copies:
    """Write the matching packets of savefiles, as ``cbpf filter`` does."""
    copies = Copies(target, [str(path) for path in paths], unbuffered=unbuffered, complain=complaints.append)

    def choose(interface: Interface) -> tuple[cbpf.Program]:
        copies.expect(interface)
        return (cbpf.compile(expression, interface.linktype).program,)

    with copies:
        for path in paths:
            with open_savefile(str(path)) as savefile:
                for batch in Scan(savefile, choose, copies, Walks(), threads=threads):
                    copies.take(batch)
                    if copies.done:
                        return copies
    return copies


complaints: list[str] = []


@pytest.fixture(autouse=True)
def _no_complaints() -> Iterator[None]:
    complaints.clear()
    yield
    assert complaints == []


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some megabytes of packets of all lengths, a hundred in a second."""
    choose = random.Random(1)
    path = tmp_path_factory.mktemp("copies") / "big.pcap"
    records = []
    for number in range(7000):
        length = choose.randrange(1515)
        head = struct.pack("=IIII", NOON + number // 100, number % 100 * 10_000, length, length + choose.randrange(3))
        records.append(head + choose.randbytes(length))
    path.write_bytes(struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records))
    return path


def tcpdump(path: Path, out: str, *options: str) -> None:
    # Files are not written under another user's name.
    subprocess.run(["tcpdump", "-Z", "root", "-r", path, "-w", out, *options], check=True, capture_output=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(params=["python", "native", "threads"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How a file is scanned."""
    if request.param != "python":
        pytest.importorskip("llvmlite")
        monkeypatch.setattr(scan, "IN_PYTHON", -1)
        monkeypatch.setattr(scan, "PART", 300_000)
    return 2 if request.param == "threads" else 1


# As tcpdump does it.


@needs_tcpdump
@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_a_copy_is_that_of_tcpdump(path: Path, tmp_path: Path) -> None:
    for name in ("theirs", "ours"):
        (tmp_path / name).touch()
    tcpdump(path, str(tmp_path / "theirs"), *(["--nano"] if path.name == "nanoseconds.pcap" else []))
    copies = copy(Target(str(tmp_path / "ours")), path)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert copies.written == Written(len(packets(path)), (tmp_path / "ours").stat().st_size)


@needs_tcpdump
@pytest.mark.parametrize("resolution", ["micro", "nano"])
@pytest.mark.parametrize("name", ["http.pcap", "nanoseconds.pcap"])
def test_resolutions_are_those_of_tcpdump(name: str, resolution: str, tmp_path: Path, threads: int) -> None:
    path = CAPTURES / name
    tcpdump(path, str(tmp_path / "theirs"), f"--time-stamp-precision={resolution}")
    copy(Target(str(tmp_path / "ours"), resolution=resolution), path)  # type: ignore[arg-type]
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    unit = 1000 if resolution == "micro" else 1
    copy(Target(str(tmp_path / "ours.pcapng"), resolution=resolution), path)  # type: ignore[arg-type]
    found = packets(tmp_path / "ours.pcapng")
    assert [each.timestamp for each in found] == [each.timestamp // unit * unit for each in packets(path)]
    assert {each.interface.resolution for each in found} == {SECOND // unit}


@needs_tcpdump
@pytest.mark.parametrize(
    ("options", "limits"),
    [
        (["-C", "1"], {"size": 1_000_000}),
        (["-C", "2"], {"size": 2_000_000}),
        (["-C", "1", "-W", "1"], {"size": 1_000_000, "files": 1}),
        (["-C", "1", "-W", "3"], {"size": 1_000_000, "files": 3}),
        (["-C", "1", "-W", "11"], {"size": 1_000_000, "files": 11}),
        (["-C", "1", "-G", "999999"], {"size": 1_000_000, "seconds": 999_999}),
        (["-C", "1", "-G", "999999", "-W", "3"], {"size": 1_000_000, "seconds": 999_999, "files": 3}),
    ],
    ids=lambda value: "".join(value) if isinstance(value, list) else "",
)
def test_files_are_divided_as_by_tcpdump(
    options: list[str], limits: dict[str, int], big: Path, tmp_path: Path, threads: int
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    tcpdump(big, str(theirs / "x.pcap"), *options)
    copies = copy(Target(str(ours / "x.pcap"), **limits), big, threads=threads)  # type: ignore[arg-type]
    assert contents(ours) == contents(theirs)
    assert sorted(copies.paths) == sorted(str(path) for path in ours.iterdir())
    assert copies.written.packets == 7000


@needs_tcpdump
def test_a_file_of_just_the_size_is_not_larger(tmp_path: Path, threads: int) -> None:
    path, theirs, ours = tmp_path / "in.pcap", tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    lengths = [*[984] * 999, 960, *[984] * 1500]  # with their headers, 999,976 bytes and then some
    records = [struct.pack("=IIII", NOON, 0, length, length) + bytes(length) for length in lengths]
    path.write_bytes(struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records))
    tcpdump(path, str(theirs / "x"), "-C", "1")
    copy(Target(str(ours / "x"), size=1_000_000), path, threads=threads)
    assert contents(ours) == contents(theirs)
    assert (ours / "x").stat().st_size == 1_001_000
    sink = Copies(Target(str(ours / "y"), size=1_000_000), [], unbuffered=False, complain=complaints.append)
    with sink:
        for packet in packets(path):  # one by one, as a live capture has them
            sink.expect(packet.interface)
            match = Match(0, packet.timestamp, packet.wirelen, memoryview(packet.data), packet.interface)
            sink.take(Batch(1, NOTHING, (match,)))
    assert [path.read_bytes() for path in sorted(ours.glob("y*"))] == [
        path.read_bytes() for path in sorted(theirs.iterdir())
    ]


# Periods.


def by_period(path: Path, seconds: int) -> list[list[Packet]]:
    """What should be in each file."""
    found: dict[int, list[Packet]] = {}
    for packet in packets(path):
        found.setdefault((packet.timestamp // SECOND - NOON) // seconds, []).append(packet)
    return list(found.values())


@pytest.mark.parametrize("ending", [".pcap", ".pcapng", ".pcap.gz", ".pcapng.zst"])
def test_files_are_divided_by_time(ending: str, big: Path, tmp_path: Path, threads: int) -> None:
    if ending.endswith("zst"):
        pytest.importorskip("zstandard")
    copies = copy(Target(str(tmp_path / f"x-%s{ending}"), seconds=13), big, threads=threads)
    expected = by_period(big, 13)
    assert [Path(path).name for path in copies.paths] == [
        f"x-{NOON + 13 * number}{ending}" for number in range(len(expected))
    ]
    assert [packets(path) for path in copies.paths] == expected
    assert copies.written == Written(7000, sum(os.path.getsize(path) for path in copies.paths))
    assert not copies.done


def test_after_so_many_periods_it_is_done(big: Path, tmp_path: Path, threads: int) -> None:
    copies = copy(Target(str(tmp_path / "x-%s.pcap"), seconds=13, files=2), big, threads=threads)
    assert copies.done
    assert [packets(path) for path in copies.paths] == by_period(big, 13)[:2]
    assert copies.written.packets == 2600
    assert len(os.listdir(tmp_path)) == 2


def test_time_goes_on_from_file_to_file(big: Path, tmp_path: Path) -> None:
    """What is older than the present file is put into it."""
    copies = copy(Target(str(tmp_path / "x-%s.pcap"), seconds=50), big, HTTP, big)
    assert [len(packets(path)) for path in copies.paths][:1] == [5000]
    assert copies.written.packets == 14_000 + len(packets(HTTP))


def test_odd_packets_are_divided_as_well(tmp_path: Path) -> None:
    """Those that a scan hands over one by one: here, of a resolution that is no power of ten."""
    path = tmp_path / "in.pcapng"
    interfaces = [Interface(resolution=2**10, number=0), Interface(number=1)]
    with PcapngWriter(str(path)) as writer:
        for number in range(200):
            writer.write(Packet((NOON + number) * SECOND, 60, bytes(60), interfaces[number % 3 == 0]))
    for ending in (".pcap", ".pcapng"):
        copies = copy(Target(str(tmp_path / f"%s{ending}"), seconds=30), path)
        assert [len(packets(name)) for name in copies.paths] == [30] * 6 + [20]
        sized = copy(Target(str(tmp_path / f"x{ending}"), size=2000), path)
        found = [each.timestamp for name in sized.paths for each in packets(name)]
        assert found == [(NOON + number) * SECOND for number in range(200)]
        assert all(2000 < os.path.getsize(name) < 2200 for name in sized.paths[:-1])
    # A pcap file has one resolution, which the first interface decides; once a run it is said what is lost.
    assert [each.rpartition(": ")[2] for each in complaints] == ["see --nano"] * 2
    complaints.clear()


def test_every_file_of_a_mixture_can_be_read_alone(tmp_path: Path, threads: int) -> None:
    copies = copy(Target(str(tmp_path / "x.pcapng"), size=700), MIXED, expression="ip or ip6", threads=threads)
    assert len(copies.paths) > 3
    single = tmp_path / "single.pcapng"
    assert copies.written.packets == copy(Target(str(single)), MIXED, expression="ip or ip6").written.packets
    assert [each for path in copies.paths for each in packets(path)] == packets(single)


# Formats and compressions.


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst", ".lz4"])
@pytest.mark.parametrize("format", ["pcap", "pcapng"])
def test_compressed_copies(format: str, ending: str, big: Path, tmp_path: Path) -> None:
    pytest.importorskip({".zst": "zstandard", ".lz4": "lz4"}.get(ending, "zlib"))
    plain, packed = tmp_path / f"x.{format}", tmp_path / f"y.{format}{ending}"
    copy(Target(str(plain)), big)
    copies = copy(Target(str(packed)), big, unbuffered=True)
    with open_savefile(str(packed)) as savefile:
        assert savefile.format == format
    assert packets(packed) == packets(plain)
    assert copies.written.bytes == packed.stat().st_size
    assert copies.form == (walk.PCAPNG if format == "pcapng" else walk.PCAP)


def test_format_and_compression_may_be_said(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng.gz"
    copy(Target(str(path), format="pcap", compression="none"), HTTP)
    assert path.read_bytes() == Path(HTTP).read_bytes()
    other = tmp_path / "x.pcap"
    copy(Target(str(other), format="pcapng", compression="bzip2"), HTTP)
    assert other.read_bytes()[:3] == b"BZh"
    assert packets(other) == packets(HTTP)


def test_room_in_a_compressed_file(tmp_path: Path) -> None:
    """Its header cannot be changed later, so all files are looked into before."""
    short, out = CAPTURES / "snaplen-96.pcap", tmp_path / "out.pcap.gz"
    copy(Target(str(out)), short, HTTP)
    assert [packet.data for packet in packets(out)] == [p.data for path in (short, HTTP) for p in packets(path)]


def test_room_in_a_row_of_files(tmp_path: Path) -> None:
    """Files after the one that was widened are as wide."""
    short = CAPTURES / "snaplen-96.pcap"
    for name, limits in (("out.pcap", {"size": 3000}), ("%s.pcap", {"seconds": 1})):
        copies = copy(Target(str(tmp_path / name), **limits), short, HTTP)  # type: ignore[arg-type]
        assert len(copies.paths) > 1 or name == "%s.pcap"
        found = [packet.data for path in copies.paths for packet in packets(path)]
        assert found == [p.data for path in (short, HTTP) for p in packets(path)]


# Files that are spared.


def test_files_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_text("precious")
    with pytest.raises(SavefileError, match=r"x\.pcap: exists; --force overwrites it"):
        copy(Target(str(path)), HTTP)
    assert path.read_text() == "precious"
    copy(Target(str(path), force=True), HTTP)
    assert path.read_bytes() == Path(HTTP).read_bytes()


def test_inputs_are_spared_by_rotation(big: Path, tmp_path: Path) -> None:
    source = tmp_path / "x1"
    source.write_bytes(big.read_bytes())
    with pytest.raises(SavefileError, match="x1: is being read; it is not overwritten"):
        copy(Target(str(tmp_path / "x"), size=1_000_000, force=True), source)
    assert source.read_bytes() == big.read_bytes()


def test_standard_output_that_is_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.pcap"
    source.write_bytes(Path(HTTP).read_bytes())
    with source.open("ab") as stream:
        monkeypatch.setattr(sys, "stdout", os.fdopen(os.dup(stream.fileno()), "w"))
        with pytest.raises(click.ClickException, match=r"standard output is .*, which is being read"):
            copy(Target("-"), source)
        sys.stdout.close()
    assert source.read_bytes() == Path(HTTP).read_bytes()


def test_the_file_is_opened_when_an_interface_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    copies = Copies(Target(str(path)), [], unbuffered=False, complain=complaints.append)
    assert not path.exists()
    copies.expect(Interface(linktype=113))
    with open_savefile(str(path)) as savefile:
        assert savefile.interfaces[0].linktype == 113
    copies.close()
    assert (copies.paths, copies.written, copies.failed) == ([str(path)], Written(0, 24), False)


def test_a_run_without_interfaces_has_no_file(tmp_path: Path) -> None:
    with Copies(Target(str(tmp_path / "x")), [], unbuffered=False, complain=complaints.append) as copies:
        assert (copies.paths, copies.written, copies.done) == ([], Written(), False)
    assert os.listdir(tmp_path) == []


# Signals.


@contextmanager
def alarms(handler: Callable[[], None], after: float, every: float) -> Iterator[None]:
    """Have a signal handler do something in the middle of whatever is being done."""
    before = signal.signal(signal.SIGALRM, lambda _number, _frame: handler())
    signal.setitimer(signal.ITIMER_REAL, after, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("ending", ["pcap", "pcapng", "pcap.gz", "pcap.xz", "pcap.zst", "pcap.lz4"])
def test_flushing_by_signals(ending: str, big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip({"zst": "zstandard", "lz4": "lz4"}.get(ending.rpartition(".")[2], "zlib"))
    made: list[Copies] = []
    expect = Copies.expect

    def expected(copies: Copies, interface: Interface) -> None:
        made.append(copies)
        expect(copies, interface)

    monkeypatch.setattr(Copies, "expect", expected)
    with alarms(lambda: made[-1].flush() if made else None, 0.001, 0.002):
        copies = copy(Target(str(tmp_path / f"x.{ending}"), size=1_500_000), big)
    assert [each for path in copies.paths for each in packets(path)] == packets(big)


class Stopped(BaseException):
    """As by Ctrl-C."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may come in a callback
@pytest.mark.parametrize("ending", ["pcap", "pcapng", "pcap.gz", "pcap.bz2"])
@pytest.mark.parametrize("delay", [0.003, 0.009, 0.017, 0.031, 0.055])
def test_a_run_that_is_stopped_leaves_whole_files(delay: float, ending: str, big: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise Stopped

    target = Target(str(tmp_path / f"x.{ending}"), size=200_000)
    with suppress(Stopped), alarms(stop, delay, 0):
        copy(target, big)
    paths = sorted(tmp_path.iterdir(), key=lambda path: (len(path.name), path.name))
    if paths and not paths[-1].stat().st_size:  # it was just being opened
        paths.pop()
    found = [each for path in paths for each in packets(path)]
    assert found == packets(big)[: len(found)]


# Commands.


def test_a_command_gets_every_file_that_is_finished(big: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder; touch $(gone)"
    folder.mkdir()
    command = tmp_path / "one two"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" >> "{tmp_path}/log"\nexec gzip "$1"\n')
    command.chmod(0o755)
    copies = copy(Target(str(folder / "x y.pcap"), size=2_000_000, command=str(command)), big)
    assert not copies.failed
    names = [f"x y.pcap{number}" for number in ("", 1, 2)]
    assert [Path(path).name for path in copies.paths] == names
    log = (tmp_path / "log").read_text().splitlines()
    assert sorted(log) == sorted(["1"] * 3 + copies.paths)
    assert sorted(os.listdir(folder)) == sorted(f"{name}.gz" for name in names)
    assert [each for path in copies.paths for each in packets(f"{path}.gz")] == packets(big)
    assert sorted(os.listdir(tmp_path)) == sorted([folder.name, "log", "one two"])


def test_a_command_for_a_single_file(tmp_path: Path) -> None:
    copies = copy(Target(str(tmp_path / "x"), command="gzip"), HTTP)
    assert not copies.failed
    assert packets(tmp_path / "x.gz") == packets(HTTP)


def test_a_file_is_not_begun_again_before_its_command_has_ended(big: Path, tmp_path: Path) -> None:
    command = tmp_path / "slow"
    command.write_text(f'#!/bin/sh\nsleep 0.05\ncat "$1" >> "{tmp_path}/all"\n')
    command.chmod(0o755)
    copies = copy(Target(str(tmp_path / "x"), size=1_000_000, files=1, command=str(command)), big)
    header = struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    everything = (tmp_path / "all").read_bytes()
    assert header + everything.replace(header, b"") == big.read_bytes()
    assert copies.paths == [str(tmp_path / "x")]


def test_commands_that_fail(tmp_path: Path) -> None:
    for command, complaint in (("false", "false: ended with status 1 on "), ("/nowhere", "/nowhere: cannot run: ")):
        copies = copy(Target(str(tmp_path / "x"), command=command, force=True), HTTP)
        assert copies.failed
        assert len(complaints) == 1
        assert complaints.pop().startswith(complaint)
    assert (tmp_path / "x").read_bytes() == Path(HTTP).read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_no_command_for_what_could_not_be_written(tmp_path: Path) -> None:
    link = tmp_path / "x"
    link.symlink_to("/dev/full")
    with pytest.raises(SavefileError, match="No space left on device"):
        copy(Target(str(link), command="/nowhere"), HTTP)

"""Signals, readers that leave, outputs that meet: nothing is lost, written twice, or written without end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.tools import CAPTURES, HTTP, MIXED, cbpf, large, packets, process, start

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there are no such signals")
needs_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may become somebody else")


def test_an_empty_input_that_is_the_output_too(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.touch()
    result = cbpf("filter", "-r", HTTP, "-r", empty, "-w", empty)
    assert result.status == 1
    assert "is being read" in result.err
    assert empty.stat().st_size == 0


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_an_input_that_only_comes_to_be_as_an_output(force: list[str], tmp_path: Path) -> None:
    new = tmp_path / "new.pcap"
    result = cbpf("filter", "-r", HTTP, "-r", new, "-w", new, *force)
    assert result.status == 1
    assert not new.exists() or new.stat().st_size == 0
    rotated = tmp_path / "out1"
    result = cbpf("filter", "-r", HTTP, "-r", rotated, "-w", tmp_path / "out", "-C", "1k", *force)
    assert result.status == 1
    assert not rotated.exists() or rotated.stat().st_size == 0


@needs_signals
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_signals_while_a_slow_reader_reads(unbuffered: str, tmp_path: Path) -> None:
    """Not a byte is lost, and no question stays without an answer that comes too late."""
    path = large(tmp_path / "large.pcap")
    expected = process("filter", "-r", path).out
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered, "TZ": "UTC"}
    with start("filter", "-r", path, env=environment) as running:
        found = running.stdout.read(1000)
        for number in range(150):
            if running.poll() is None:
                running.send_signal((signal.SIGUSR1, signal.SIGUSR2)[number % 2])
            found += running.stdout.read1(3000)
        found += running.stdout.read()
        said = running.stderr.read().decode()
        assert running.wait(20) == 0
    assert found == expected
    assert {line.split()[1] for line in said.splitlines()} <= {"read", "matched"}


@needs_signals
def test_interrupted_while_commands_run_all_outputs_are_whole(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nsleep 3\n")
    slow.chmod(0o755)
    split = ["--split-by-filter", "a=tcp", "--split-by-filter", "b=tcp"]
    with start("filter", "-r", HTTP, "-w", tmp_path / "{name}.pcap", *split, "-z", slow) as running:
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
    assert len(packets(tmp_path / "a.pcap")) == len(packets(tmp_path / "b.pcap")) == 27


@needs_root
def test_a_ring_belongs_to_whom_the_rights_are_given_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o001 == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o001)
    path = large(tmp_path / "large.pcap")
    path.chmod(0o644)
    result = process("filter", "-r", path, "-w", tmp_path / "ring", "-C", "100k", "-W", "3", "-Z", "nobody")
    assert (result.status, result.err) == (0, "")
    assert {name.stat().st_uid for name in tmp_path.glob("ring*")} == {65534}


def test_who_does_not_read_lines_any_more_gets_a_whole_file(tmp_path: Path) -> None:
    path, out = large(tmp_path / "large.pcap"), tmp_path / "out.pcap"
    with start("filter", "-r", path, "-w", out, "--print") as running:
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(20) == 0
    assert out.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--after", "3000-01-01"], 0),
        (["--after", "99999999999"], 0),
        (["--before", "9999-12-31"], 35),
        (["--before", "1900-01-01"], 0),
        (["-c", str((1 << 63) - 1)], 35),
        (["--range", f"1-{10**18 - 1}"], 35),
        (["--sample", f"1/{10**18 - 1}"], 1),
    ],
)
def test_numbers_as_large_as_may_be(arguments: list[str], count: int) -> None:
    assert cbpf("filter", "-r", HTTP, "--count", *arguments).lines == [f"{count} packet{'s' * (count != 1)}"]


def test_a_second_link_type_that_never_matches(tmp_path: Path) -> None:
    """A pcap file holds one, which only matters for packets that are written."""
    out = tmp_path / "out.pcap"
    everything = packets(MIXED)
    first = everything[0].interface.linktype
    only = next(len(packet.data) for packet in everything if packet.interface.linktype == first)
    lengths = {packet.wirelen for packet in everything if packet.interface.linktype != first}
    assert only not in lengths
    result = cbpf("filter", "-r", MIXED, "-w", out, f"len = {only}")
    assert (result.status, result.err) == (0, "")
    assert {packet.interface.linktype for packet in packets(out)} == {first}
    result = cbpf("filter", "-r", MIXED, "-w", out, "--force")
    assert result.status == 1
    assert "a pcap file holds one link type" in result.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_names_that_the_output_has_no_letters_for(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    split = ["--split-by-filter", "日é=tcp"]
    run = subprocess.run(
        [sys.executable, "-m", "cbpf", "filter", "-r", HTTP, "--count", *split],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert run.stdout.endswith(b": 27 packets\n")
    assert b"\\u65e5" in run.stdout


def test_what_is_counted_is_what_is_written(tmp_path: Path) -> None:
    path = large(tmp_path / "large.pcap")
    result = cbpf("filter", "-r", path, "-w", tmp_path / "%s.pcap", "-G", "1000", "-W", "1", "--count")
    (written,) = tmp_path.glob("[0-9]*.pcap")
    assert result.lines == [f"{len(packets(written))} packets"]


def test_a_file_with_the_name_of_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for make in (Path("-").touch, Path("-").mkdir):
        make()
        result = cbpf("filter", "-r", "-", "-w", "out.pcap", "--force", stdin=Path(HTTP).read_bytes())
        assert (result.status, result.err) == (0, "")
        assert packets("out.pcap") == packets(HTTP)
        if Path("-").is_file():
            Path("-").unlink()


@pytest.mark.parametrize(
    "arguments",
    [
        ["-w", "out", "-C", "1", "--split-by-filter", "a=tcp", "--split-by-filter", "a1=udp"],
        ["-w", "{name}", "--split-by-filter", "-=tcp"],
        ["-w", "x", "--split-by-filter", "unmatched=tcp", "--unmatched", "y"],
        ["-w", "x", "--split-by-filter", "a=tcp", "--unmatched", "-"],
    ],
)
def test_outputs_that_would_meet(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cbpf("filter", "-r", HTTP, *arguments).status == 2
    assert not list(tmp_path.iterdir())


def test_names_of_filters_are_no_templates(tmp_path: Path) -> None:
    split = ["--split-by-filter", "50%Y=tcp"]
    written: list[str | Path] = ["-w", tmp_path / "%Y-{name}", "-G", "60", "--force"]
    assert cbpf("filter", "-r", CAPTURES / "http.pcap", *written, *split).status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["2026-50%Y"]

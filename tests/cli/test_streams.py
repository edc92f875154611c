"""Streams that break: readers that leave, disks that are full, terminals, interrupts, names that are not text."""

from __future__ import annotations

import os
import signal
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from .tools import DNS, HTTP, large, packets, process, start

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
SHELL_LIKE = {"filter": ["filter", "-r", HTTP], "copy": ["filter", "-r", HTTP, "-w", "-"], "compile": ["compile", "ip"]}
SHELL_LIKE |= {"count": ["filter", "-r", HTTP, "--count"], "help": ["filter", "--help"], "version": ["--version"]}


@pytest.mark.parametrize("options", [[], ["-w", "-"], ["-U"], ["-U", "-w", "-"]])
def test_a_reader_that_leaves_ends_it_quietly(options: list[str], tmp_path: Path) -> None:
    with start("filter", "-r", large(tmp_path / "large.pcap"), *options) as running:
        assert len(running.stdout.read(20)) == 20
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 0


def test_failures_before_the_reader_leaves_are_not_forgotten(tmp_path: Path) -> None:
    with start("filter", "-r", tmp_path / "missing", "-r", large(tmp_path / "large.pcap")) as running:
        running.stdout.read(20)
        running.stdout.close()
        assert running.stderr.read().count(b"\n") == 1
        assert running.wait(30) == 1


@pytest.mark.parametrize("arguments", SHELL_LIKE.values(), ids=SHELL_LIKE)
def test_a_reader_that_was_never_there(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = process(*arguments, stdout=writing)
    os.close(writing)
    assert (result.status, result.err) == (0, "")


@needs_full
@pytest.mark.parametrize("arguments", SHELL_LIKE.values(), ids=SHELL_LIKE)
def test_a_full_disk(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        result = process(*arguments, stdout=full)
    complaint = result.err.replace("standard output: cannot write: ", "")
    assert (result.status, complaint) == (1, "cbpf: No space left on device\n")


@needs_full
@pytest.mark.parametrize("options", [[], ["-U"], ["-w", "-"]])
def test_a_full_disk_in_the_middle(options: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        result = process("filter", "-r", large(tmp_path / "large.pcap"), *options, stdout=full)
    assert (result.status, result.err) == (1, "cbpf: standard output: cannot write: No space left on device\n")


@needs_full
def test_a_full_disk_under_a_savefile() -> None:
    result = process("filter", "-r", HTTP, "-w", "/dev/full")
    assert (result.status, result.err) == (1, "cbpf: /dev/full: cannot write: No space left on device\n")


@pytest.mark.parametrize(
    ("number", "arguments", "status"),
    [
        (0, ["filter", "-r", "-"], 1),
        (0, ["compile", "-F", "-"], 1),
        (0, ["run", "-", "-r", HTTP], 1),
        (0, ["compile", "ip"], 0),
        (1, ["filter", "-r", HTTP], 1),
        (1, ["filter", "-r", HTTP, "--count"], 1),
        (1, ["filter", "-r", HTTP, "-w", "-"], 1),
        (1, ["compile", "ip"], 1),
        (2, ["compile", "ip"], 0),
        (2, ["compile", "tcp prt 80"], 2),
        (2, ["filter", "-r", "/nonexistent"], 1),
    ],
)
def test_streams_that_are_closed(number: int, arguments: list[str], status: int) -> None:
    result = process(*arguments, prepare=lambda: os.close(number))
    assert result.status == status
    assert "Traceback" not in result.err
    assert bool(result.err) is (status != 0 and number != 2)


def test_packets_are_not_written_to_a_terminal() -> None:
    controller, terminal = os.openpty()
    result = process("filter", "-r", HTTP, "-w", "-", stdout=terminal)
    os.close(terminal)
    os.close(controller)
    assert result.status == 1
    assert "terminal" in result.err


def following(*options: str | Path, **streams: Any) -> Any:
    """``cbpf filter`` that has been given the HTTP sample, and waits for more."""
    running = start("filter", "-r", "-", *options, **streams)
    running.stdin.write(Path(HTTP).read_bytes())
    running.stdin.flush()
    return running


def test_unbuffered_lines_come_at_once() -> None:
    with following("-U", "tcp port 443") as running:
        lines = [running.stdout.readline() for _ in range(3)]
        assert all(b"443" in line for line in lines)
        running.stdin.close()
        assert running.wait(30) == 0


def test_unbuffered_packets_come_at_once() -> None:
    with following("-U", "-w", "-") as running:
        expected = Path(HTTP).read_bytes()
        assert running.stdout.read(len(expected)) == expected
        running.stdin.close()
        assert running.wait(30) == 0


def test_the_limit_does_not_wait_for_more() -> None:
    with following("-c", "3", "tcp port 443") as running:
        assert running.wait(30) == 0
        assert len(running.stdout.read().splitlines()) == 3


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_are_quiet(number: signal.Signals, status: int) -> None:
    with following("-U", "arp") as running:
        running.stdout.readline()
        running.send_signal(number)
        assert running.wait(30) == status
        assert running.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_lose_no_packets(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with start("filter", "-r", DNS, "-r", tmp_path / "missing", "-r", "-", "-w", out) as running:
        assert b"missing" in running.stderr.readline()
        running.send_signal(number)
        assert running.wait(30) > 128
    assert [packet.data for packet in packets(out)] == [packet.data for packet in packets(DNS)]


def test_one_socket_may_be_both_streams() -> None:
    """As for a service that inetd starts."""
    ours, its = socket.socketpair()
    with ours, its, start("filter", "-r", "-", "-w", "-", stdin=its, stdout=its) as running:
        ours.sendall(Path(HTTP).read_bytes())
        ours.shutdown(socket.SHUT_WR)
        assert running.wait(30) == 0
        assert ours.recv(100_000) == Path(HTTP).read_bytes()


def test_names_that_are_not_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.pcap"
    Path(os.fsdecode(path)).write_bytes(Path(HTTP).read_bytes())
    result = process("filter", "--count", "-r", path, "-r", path, "arp")
    assert (result.status, result.err) == (0, "")
    assert result.out == path + b": 2 packets\n" + path + b": 2 packets\n4 packets\n"
    missing = process("filter", "-r", path + b"x")
    assert missing.status == 1
    assert missing.err.endswith("caf\\udce9.pcapx: cannot open: No such file or directory\n")


def test_expressions_that_are_not_text() -> None:
    result = process("compile", b"host caf\xe9")
    assert result.status == 2
    assert result.err.startswith("cbpf: ")


def test_a_packet_may_come_in_pieces() -> None:
    header, length = Path(HTTP).read_bytes()[:24], 60
    with start("filter", "-U", "-r", "-") as running:
        for piece in (header, struct.pack("=IIII", 0, 0, length, length), bytes(30), bytes(30)):
            running.stdin.write(piece)
            running.stdin.flush()
        assert running.stdout.readline().endswith(b"\n")
        running.stdin.close()
        assert running.wait(30) == 0

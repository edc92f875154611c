"""How far a long run is."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cbpf.cli.progress import State, amount, line
from tests.cli.tools import HTTP, cbpf


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (123_456, "123 kB"), (4_000_000_000_000, "4 TB")],
)
def test_amounts(count: int, text: str) -> None:
    assert amount(count) == text


def test_what_is_said() -> None:
    assert line(State(500, 1000, 1234), 2.0) == "50%, 500 B of 1 kB, 1,234 packets, 250 B/s, 0:02 left"
    assert line(State(500, None, 1), 1.0) == "500 B, 1 packets, 500 B/s"
    many = State(500, 1000, 1234, (3, 4000))
    assert line(many, 2.0) == "3 of 4,000 files, 50%, 500 B of 1 kB, 1,234 packets, 250 B/s, 0:02 left"
    assert line(State(0, None, 0, (0, 0)), 2.0) == "getting ready"


def _on_a_terminal(*arguments: str) -> str:
    """What is written to stderr, a terminal, while a pipe is read that is in no hurry."""
    controlling, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cbpf", "filter", "-r", "-", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as running:
        assert running.stdin is not None
        os.close(terminal)
        running.stdin.write(Path(HTTP).read_bytes())
        running.stdin.flush()
        time.sleep(2.5)
        running.stdin.close()
        assert running.wait(20) == 0
    said = b""
    while True:
        try:
            piece = os.read(controlling, 4096)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(controlling)
    return said.decode()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals here")
def test_on_a_terminal() -> None:
    said = _on_a_terminal("--count", "tcp")
    assert re.search(r"\r3\.\d+ kB, 3\d packets, .* kB/s\x1b\[K", said)
    assert said.endswith("\r\x1b[K")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals here")
def test_quiet() -> None:
    assert _on_a_terminal("--count", "-q", "tcp") == ""


def test_statistics() -> None:
    result = cbpf("filter", "-r", HTTP, "-r", HTTP, "--count", "--stats", "tcp")
    assert result.status == 0
    said = result.err.splitlines()
    assert re.fullmatch(r"cbpf: read 2 files, 6.63 kB, 70 packets in \d+\.\d\d s \(.*/s\)", said[0])
    assert said[1] == "cbpf: matched 54 packets (77.14%)"

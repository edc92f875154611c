"""``cbpf debug`` on a real terminal: tmux is the terminal, and says what is on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from .tools import HTTP, REPOSITORY

pytest.importorskip("textual")
pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

_NUMBERS = count()  # for each terminal a server of its own
EXPRESSION = "tcp port 80 or udp port 53"


class Terminal:
    """A terminal with a shell; ``text`` is what is to be seen on it."""

    def __init__(self, name: str, columns: int, lines: int) -> None:
        self._name = name
        size = ("-x", str(columns), "-y", str(lines))
        environment = {**os.environ, "TERM": "screen-256color", "LC_ALL": "C.UTF-8"}
        for unwanted in ("TMUX", "NO_COLOR", "COLUMNS", "LINES"):
            environment.pop(unwanted, None)
        shell = "timeout --foreground -s KILL 300 sh"  # tests that are killed leave no terminal behind for good
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, shell, environment=environment)
        self.until(lambda text: bool(text.strip()))  # a prompt

    def _tmux(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        command = ["tmux", "-u", "-L", self._name, *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=20, cwd=REPOSITORY, env=environment
        ).stdout

    def text(self, *options: str) -> str:
        return self._tmux("capture-pane", "-p", *options)

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def until(self, seen: Callable[[str], bool]) -> str:
        """What is on it as soon as it is as it should be."""
        end = time.monotonic() + 30
        while not seen(text := self.text()):
            assert time.monotonic() < end, text
            time.sleep(0.05)
        return text

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    columns, lines = getattr(request, "param", (100, 30))
    made = Terminal(f"cbpf-{os.getpid()}-{next(_NUMBERS)}", columns, lines)
    yield made
    made.close()


def debug(terminal: Terminal, *, before: str = "", options: str = "", expression: str = EXPRESSION) -> None:
    terminal.keys("clear", "Enter")  # nothing of before is to be taken for something of now
    terminal.until(lambda text: "clear" not in text and "status" not in text)
    terminal.type(f"{before} {sys.executable} -m cbpf debug {options} -r {HTTP} '{expression}'; echo status $?")
    terminal.keys("Enter")


def marked(text: str) -> list[str]:
    """The lines with the mark of the present place, of the program and of the packets."""
    return [line for line in text.splitlines() if line[2:3] == "▶"]


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [(80, 24), (120, 40)], indirect=True)
def test_a_session(terminal: Terminal) -> None:
    debug(terminal)
    terminal.until(lambda text: "q quit" in text and "▶000 ldh" in text)
    terminal.keys("n", "s", "s")
    terminal.until(lambda text: "2 executed" in text and "no, to " in text)
    terminal.keys("b")
    terminal.until(lambda text: "1 executed" in text and "▶001 jeq" in text)
    terminal.keys("Down", "Space")
    terminal.until(lambda text: "● 002" in text)
    terminal.keys("r")
    terminal.until(lambda text: "breakpoint: instruction 2" in text and "●▶002" in text)
    terminal.keys("e")
    terminal.until(lambda text: " expression tcp port 80" in text)
    terminal.keys("C-u")
    terminal.until(lambda text: " expression tcp" not in text)
    terminal.type("udp port 53 and foo")
    terminal.keys("Enter")
    text = terminal.until(lambda text: "^^^" in text)
    assert "udp port 53 and foo" in text
    assert "tcp port 80" in text
    terminal.keys("Escape")
    terminal.until(lambda text: "^^^" not in text)
    terminal.resize(90, 26)
    terminal.until(lambda text: "q quit" in text and len(text.splitlines()[0]) == 90 and len(marked(text)) == 2)
    terminal.keys("q")
    text = terminal.until(lambda text: "status 0" in text)
    assert "q quit" not in text
    terminal.type("echo still $((40 + 2))")
    terminal.keys("Enter")
    terminal.until(lambda text: "still 42" in text)


@pytest.mark.slow
def test_without_colours_and_in_lines(terminal: Terminal) -> None:
    debug(terminal, before="NO_COLOR=1")
    terminal.until(lambda text: "q quit" in text and "▶000 ldh" in text)
    assert "\x1b[38;" not in terminal.text("-e")
    assert "\x1b[48;" not in terminal.text("-e")
    terminal.keys("q")
    terminal.until(lambda text: "status 0" in text)
    debug(terminal, options="--plain")
    terminal.until(lambda text: "\n>" in text and "clause:" in text)
    terminal.type("quit")
    terminal.keys("Enter")
    terminal.until(lambda text: "status 0" in text)
    debug(terminal, before="TERM=dumb")
    terminal.until(lambda text: "\n>" in text and "clause:" in text)
    terminal.keys("C-d")
    terminal.until(lambda text: "status 0" in text)


@pytest.mark.slow
def test_without_textual(terminal: Terminal, tmp_path: Path) -> None:
    code = "import sys; sys.modules['textual'] = None; from cbpf.cli import main; sys.argv[0] = 'cbpf'; main()"
    (tmp_path / "without.py").write_text(code)
    terminal.type(f"PYTHONPATH=. {sys.executable} {tmp_path}/without.py debug -r {HTTP} ip")
    terminal.keys("Enter")
    text = terminal.until(lambda text: "\n>" in text and "clause:" in text)
    assert "pip install 'cbpf[debugger]'" in text

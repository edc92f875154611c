"""The README is true: its commands run and print what it says they print, its Python runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text()


class Session(NamedTuple):
    """A command after a ``$``, and the output shown under it."""

    command: str
    shown: str


def sessions() -> list[Session]:
    """All of the README's commands of ours; those that need other programs are left out."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            if command.startswith("cbpf"):
                found.append(Session(command, shown.strip("\n")))
    return found


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """An empty folder with the sample captures in it, and ``cbpf`` on the path of a shell that is started there."""
    (tmp_path / "captures").symlink_to(REPOSITORY / "captures")
    (tmp_path / "bin").mkdir()
    launcher = tmp_path / "bin" / "cbpf"
    launcher.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} -m cbpf "$@"\n')
    launcher.chmod(0o755)
    return tmp_path


def test_readme_shows_commands() -> None:
    assert len(sessions()) >= 8


def test_commands_print_what_is_shown(workplace: Path) -> None:
    environment = {**os.environ, "PATH": f"{workplace / 'bin'}:{os.environ['PATH']}", "TZ": "UTC"}
    environment |= {"HOME": str(workplace), "XDG_CONFIG_HOME": ""}
    for session in sessions():
        done = subprocess.run(
            session.command,
            shell=True,
            cwd=workplace,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert "Traceback" not in done.stdout, session.command
        expected = 2 if session.shown.startswith("cbpf:") else int(session.shown.startswith("warning:"))
        assert done.returncode == expected, (session.command, done.stdout)
        if session.shown:
            assert done.stdout.strip("\n") == session.shown, session.command


def test_python_runs(workplace: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=workplace, env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout

"""Running a command on files: what it gets, how it runs, and what is said when it fails."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cbpf.cli import commands as module
from cbpf.cli.commands import Commands

REPORTER = f"""#!{sys.executable}
import json, os, sys
print("hello", flush=True)
with open(sys.argv[1] + ".report", "w") as report:
    json.dump({{
        "arguments": sys.argv[1:],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "stdin": sys.stdin.read(),
        "group": os.getpgrp() == os.getpid(),
    }}, report)
"""


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def unexpected(message: str) -> None:
    raise AssertionError(message)


def run(command: str, *paths: Path) -> tuple[bool, list[str]]:
    """Whether it failed, and the complaints."""
    complaints: list[str] = []
    commands = Commands(command, complaints.append)
    for path in paths:
        commands.run(str(path))
    commands.wait()
    return commands.failed, complaints


@pytest.mark.parametrize("name", ["plain", "two words", "$(touch gone) `touch gone`; touch gone & '\"*?", "-x"])
def test_the_name_is_the_only_argument(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = program(tmp_path / "my reporter $HOME", REPORTER)
    assert run(command, Path(name)) == (False, [])
    report = json.loads((tmp_path / f"{name}.report").read_text())
    assert report == {"arguments": [name], "priority": 19, "stdin": "", "group": True}
    assert sorted(os.listdir(tmp_path)) == sorted([f"{name}.report", "my reporter $HOME"])
    assert capfd.readouterr() == ("hello\n", "")


def test_it_is_a_program_and_no_command_line(tmp_path: Path) -> None:
    assert run("true -x", tmp_path) == (True, ["true -x: cannot run: No such file or directory"])


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("false", "false: ended with status 1 on FILE"),
        ("/nowhere/at/all", "/nowhere/at/all: cannot run: No such file or directory"),
        ("/", "/: cannot run: Permission denied"),
        ("", ": cannot run: "),
        ("a\0b", "a\0b: cannot run: embedded null byte"),
    ],
)
def test_failures_are_said(command: str, complaint: str, tmp_path: Path) -> None:
    failed, complaints = run(command, tmp_path / "file")
    assert failed
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint.replace("FILE", str(tmp_path / "file")))


def test_a_signal_is_named(tmp_path: Path) -> None:
    command = program(tmp_path / "suicide", f"#!/bin/sh\nkill -{signal.SIGKILL} $$\n")
    path = tmp_path / "file"
    assert run(command, path) == (True, [f"{command}: ended by SIGKILL on {path}"])


def until(happens: Callable[[], bool]) -> None:
    """Wait for something that takes a moment."""
    end = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_is_not_waited_for(tmp_path: Path) -> None:
    """The command needs what comes after it has been begun."""
    command = program(tmp_path / "patient", '#!/bin/sh\nuntil [ -e "$1.go" ]; do sleep 0.01; done; touch "$1.done"\n')
    commands = Commands(command, unexpected)
    paths = [tmp_path / str(number) for number in range(3)]
    for path in paths:
        commands.run(str(path))
    assert not list(tmp_path.glob("*.done"))
    Path(f"{paths[1]}.go").touch()
    commands.wait_for(str(paths[1]))
    assert [path.name for path in tmp_path.glob("*.done")] == ["1.done"]
    for path in paths:
        Path(f"{path}.go").touch()
    commands.wait()
    assert len(list(tmp_path.glob("*.done"))) == 3
    assert not commands.failed


def test_few_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    command = program(tmp_path / "slow", '#!/bin/sh\ntouch "$1.begun"; sleep 0.05; rm "$1.begun"; touch "$1.done"\n')
    commands = Commands(command, unexpected)
    for number in range(8):
        commands.run(str(tmp_path / str(number)))
        assert len(list(tmp_path.glob("*.begun"))) <= 2
    commands.wait()
    assert len(list(tmp_path.glob("*.done"))) == 8


def test_none_is_left_as_a_zombie(tmp_path: Path) -> None:
    commands = Commands("true", unexpected)
    for number in range(5):
        commands.run(str(tmp_path / str(number)))
    until(lambda: all(process.poll() is not None for process in commands._running.values()))
    commands.run(str(tmp_path / "last"))
    assert len(commands._running) == 1
    commands.wait()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)

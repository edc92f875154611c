"""The command itself: starting, help, versions, completion."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cbpf.version import __version__

from .tools import cbpf, process


def test_version() -> None:
    assert cbpf("--version") == (0, f"cbpf {__version__}\n".encode(), "")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_the_commands(option: str) -> None:
    result = cbpf(option)
    assert (result.status, result.err) == (0, "")
    assert {"filter", "compile", "run"} <= {line.split()[0] for line in result.lines if line.strip()}


@pytest.mark.parametrize("command", ["filter", "compile", "run"])
def test_every_command_has_help_with_examples(command: str) -> None:
    result = cbpf(command, "-h")
    assert (result.status, result.err) == (0, "")
    assert f"Usage: cbpf {command} " in result.text
    assert f"Examples:\n    cbpf {command} " in result.text


@pytest.mark.parametrize(
    ("arguments", "message", "command"),
    [
        ([], "Missing command", "cbpf"),
        (["frobnicate"], "frobnicate", "cbpf"),
        (["--frobnicate"], "--frobnicate", "cbpf"),
        (["compile", "--frobnicate"], "--frobnicate", "cbpf compile"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, command: str) -> None:
    result = cbpf(*arguments)
    assert (result.status, result.out) == (2, b"")
    complaint, hint = result.err.splitlines()
    assert complaint.startswith("cbpf: ")
    assert message in complaint
    assert hint == f"cbpf: try '{command} --help'"


def test_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CBPF_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "cbpf co")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert cbpf() == (0, b"plain,compile\nplain,completion\n", "")


def test_as_a_module() -> None:
    assert process("--version").out == f"cbpf {__version__}\n".encode()


# What must not be loaded to run a command: it would make every start slower.
UNNEEDED = {
    "compile": "scapy dpkt json asyncio click.testing cbpf.capture cbpf.debug cbpf.cli.delivery cbpf.cli.filter",
    "filter": "scapy dpkt json asyncio click.testing cbpf.cli.compile",
    "run": "scapy dpkt json asyncio click.testing cbpf.cli.compile",
}


@pytest.mark.parametrize("command", UNNEEDED)
def test_starting_loads_what_is_needed(command: str) -> None:
    arguments = {"compile": ["ip"], "filter": ["-r", "/nonexistent"], "run": ["/nonexistent", "-r", "-"]}[command]
    code = f"import sys; from cbpf.cli.application import run; run({[command, *arguments]!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert f"cbpf.cli.{command}" in loaded
    assert loaded.isdisjoint(UNNEEDED[command].split())

"""What shells complete, and the manual page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cbpf.cli import manual
from cbpf.cli.application import group
from tests.cli.tools import REPOSITORY, cbpf

_PAGE = REPOSITORY / "cbpf" / "cli" / "cbpf.1"


def completed(*words: str) -> list[str]:
    """What bash is told about the last word."""
    environment = {**os.environ, "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-m", "cbpf"]
    run = subprocess.run(
        command, env={**environment, "_CBPF_COMPLETE": "bash_complete"}, capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_those_that_the_shell_understands(shell: str, tmp_path: Path) -> None:
    result = cbpf("completion", shell)
    assert (result.status, result.err) == (0, "")
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_bytes(result.out)
    subprocess.run([shell, "-n", str(script)], check=True)


def test_link_types_options_commands_and_keywords() -> None:
    assert "plain,EN10MB" in completed("cbpf", "compile", "-y", "EN1")
    assert {"plain,--after", "plain,--before"} <= set(completed("cbpf", "filter", "--"))
    assert {"plain,filter", "plain,compile"} <= set(completed("cbpf", ""))
    assert {"plain,icmp", "plain,icmp6", "plain,icmp-echo"} <= set(completed("cbpf", "filter", "icmp"))


@pytest.mark.skipif(not os.path.isdir("/sys/class/net"), reason="asks the Linux kernel")
def test_interfaces() -> None:
    assert {f"plain,{name}" for name in os.listdir("/sys/class/net")} <= set(completed("cbpf", "filter", "-i", ""))


def test_the_manual_page_is_that_of_the_commands() -> None:
    assert _PAGE.read_text() == manual.page(), "make it anew: python -m cbpf.cli.manual > cbpf/cli/cbpf.1"


def test_the_manual_page_has_all_options() -> None:
    page = manual.page().replace("\\-", "-")
    import click

    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert all(option in page for option in parameter.opts)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_page_is_proper_troff() -> None:
    run = subprocess.run(["groff", "-man", "-ww", "-z", _PAGE], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")

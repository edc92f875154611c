"""``cbpf explain``: what it prints, in which form, for which link type, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiler.compiling import plain
from tests.symbolic import equivalent

from .tools import CAPTURES, HTTP, REPOSITORY, cbpf

FILTERS = REPOSITORY / "filters"


def test_what_it_prints() -> None:
    result = cbpf("explain", "tcp", "port", "80")
    assert result.status == 0
    assert result.lines[0] == "Matches TCP over IPv4 or IPv6, from or to port 80."
    headings = [line for line in result.lines if line and not line.startswith(" ")]
    assert headings[1:] == ["Implied:", "In full:", "Tree:", "Where it looks (EN10MB):"]
    assert result.err == ""


def test_the_full_form_can_be_compiled() -> None:
    expression = "vlan 5 and (udp port 53 or tcp[13] & 2 != 0) and not host 10.1.2.3"
    lines = cbpf("explain", expression).lines
    form = "\n".join(lines[lines.index("In full:") + 1 : lines.index("Tree:")])
    assert equivalent(plain(expression, "EN10MB"), plain(form, "EN10MB")) is None


def test_json() -> None:
    result = cbpf("explain", "--json", "vlan 5 and ip")
    found = json.loads(result.text)
    assert found["expression"] == "vlan 5 and ip"
    assert found["linktype"] == "EN10MB"
    assert [each["span"] for each in found["tree"]["operands"]] == [{"start": 0, "end": 6}, {"start": 11, "end": 13}]
    assert found["link"]["network"] == {"offset": 14, "behind": None}
    assert found["shifts"][0]["moved"] == 4
    assert found["meaning"]["joint"] == "all"
    assert equivalent(plain(found["qualified"], "EN10MB"), plain("vlan 5 and ip", "EN10MB")) is None
    assert len(result.lines) == 1


def test_the_link_type() -> None:
    assert "(RAW)" in cbpf("explain", "-y", "RAW", "ip").text
    assert "(RAW)" in cbpf("explain", "-r", CAPTURES / "raw.pcap", "ip").text
    assert "(EN10MB)" in cbpf("explain", "-r", HTTP, "ip").text


def test_an_expression_in_a_file() -> None:
    result = cbpf("explain", "-F", FILTERS / "late-fragments.pcapfilter")
    assert result.status == 0
    assert "next header equal to 44" in result.text
    assert cbpf("explain", "-F", "-", stdin="arp # what asks").lines[0] == "Matches ARP."


def test_what_never_matches_is_explained() -> None:
    result = cbpf("explain", "tcp and udp")
    assert (result.status, result.lines[0]) == (0, "Matches TCP over IPv4 or IPv6; and UDP over IPv4 or IPv6.")


def test_an_empty_expression() -> None:
    assert cbpf("explain").lines[0] == "Matches every packet."


def test_color() -> None:
    assert "\x1b[" not in cbpf("explain", "ip").text
    assert "\x1b[1mTree:\x1b[0m" in cbpf("explain", "--color", "always", "ip").text
    assert "\x1b[" not in cbpf("explain", "--color", "always", "--json", "ip").text


@pytest.mark.parametrize("command", ["explain", "lint"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tcp prt 80"], "Did you mean 'port'?"),
        (["-y", "NOWHERE", "ip"], "NOWHERE"),
        (["-y", "RAW", "-r", HTTP, "ip"], "use one"),
        (["-F", "-", "ip"], "not from both"),
        (["-F", "-", "-r", "-"], "standard input can only be read once"),
        (["ip broadcast"], "netmask"),
        (["--netmask", "255.0.0", "ip"], "netmask"),
        (["-y", "USB_LINUX", "tcp"], "does not say"),
    ],
)
def test_what_is_refused(command: str, arguments: list[str], message: str) -> None:
    result = cbpf(command, *arguments)
    assert result.status == 2
    assert message in result.err
    assert result.out == b""
    assert "Traceback" not in result.err


@pytest.mark.parametrize("command", ["explain", "lint"])
def test_files_that_cannot_be_read(command: str, tmp_path: Path) -> None:
    for option in ("-r", "-F"):
        result = cbpf(command, option, tmp_path / "nowhere")
        assert result.status == 1
        assert result.err.startswith("cbpf: ")
        assert result.out == b""


@pytest.mark.parametrize("command", ["explain", "lint"])
def test_depth(command: str) -> None:
    """Deeper than Python's stack: an answer, or one sentence."""
    deep = "".join(f"(port {n} {'and' if n % 2 else 'or'} " for n in range(1, 400)) + "udp" + ")" * 399
    for options in ([], ["--json"]):
        result = cbpf(command, *options, deep)
        assert result.status in (0, 1)
        assert "Traceback" not in result.err
        assert result.out or "too deeply" in result.err


@pytest.mark.parametrize("arguments", [["explain", "tcp port 80"], ["lint", "vlan 2 or vlan 3 and port 80"]])
def test_nothing_heavy_is_loaded(arguments: list[str]) -> None:
    heavy = {"llvmlite", "scapy", "z3", "numpy", "rich", "json", "asyncio"}
    code = (
        "import sys; from cbpf.cli.application import run; "
        f"run({arguments!r}); print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.splitlines()[-1] == "[]"

"""``cbpf trace``, as people and programs use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cbpf.engine import steps
from cbpf.machine import read_program

from .tools import HTTP, REPOSITORY, cbpf, packets


def test_a_listing() -> None:
    done = cbpf("trace", "-r", HTTP, "-n", "3", "tcp port 80")
    assert done.status == 0
    assert done.lines[0].startswith("packet 3: EN10MB, 75 bytes: Ethernet, IPv4, UDP")
    assert any(line.startswith("(002) ldb   [23]") and "IPv4 protocol: UDP" in line for line in done.lines)
    assert any(line.startswith("rejected, decided by (003) jeq #0x6") for line in done.lines)
    assert done.lines[-1] == "packet 3 did not match: `tcp port 80` failed: protocol is UDP, not TCP"


def test_without_a_number_it_is_the_first_packet() -> None:
    assert cbpf("trace", "-r", HTTP, "ip").lines[0].startswith("packet 1: ")
    several = cbpf("trace", "-r", HTTP, "-n", "2-3", "ip").text
    assert several.count("\n\npacket 3: ") == 1


@pytest.mark.parametrize("option", [(), ("-O",)])
def test_json_is_the_way_of_the_interpreter(option: tuple[str, ...]) -> None:
    expression = "tcp port 80 or udp port 53"
    program = read_program(cbpf("compile", *option, "--format", "json", "-r", HTTP, expression).text)
    done = cbpf("trace", "-r", HTTP, "-n", "1-", *option, "--json", expression)
    found = [json.loads(line) for line in done.lines]
    assert len(found) == len(packets(HTTP))
    for each, packet in zip(found, packets(HTTP), strict=True):
        made = list(steps(program, packet.data, packet.wirelen))
        assert [executed["pc"] for executed in each["executed"]] == [step.pc for step in made]
        assert [executed["after"]["a"] for executed in each["executed"]] == [step.after.a for step in made]
        assert each["verdict"] == made[-1].verdict
        assert each["why"].startswith("matched" if each["verdict"] else "did not match")


def test_programs_have_fields_and_no_clauses(tmp_path: Path) -> None:
    file = tmp_path / "filter.bpf"
    file.write_bytes(cbpf("compile", "-ddd", "tcp port 80").out)
    done = cbpf("trace", "-r", HTTP, "-n", "7", "--program", file)
    assert "TCP destination port: 80" in done.text
    assert "`" not in done.text
    from_stdin = cbpf("trace", "-r", HTTP, "-n", "7", "--program", "-", stdin=file.read_bytes())
    assert from_stdin.text == done.text


def test_a_program_for_another_link_type(tmp_path: Path) -> None:
    file = tmp_path / "filter.json"
    file.write_bytes(cbpf("compile", "--format", "json", "-y", "RAW", "tcp").out)
    done = cbpf("trace", "-r", HTTP, "--program", file)
    assert done.status == 2
    assert "the program is for RAW" in done.err


def test_what_no_packet_can_match_is_shown_without_optimization() -> None:
    done = cbpf("trace", "-r", HTTP, "-n", "1", "ip6 and tcp[13] = 2")
    assert done.status == 0
    assert "no packet can match this expression" in done.err
    assert "EtherType: ARP" in done.text


def test_bad_programs(tmp_path: Path) -> None:
    file = tmp_path / "bad.bpf"
    file.write_text("ldh [12]\n")
    done = cbpf("trace", "-r", HTTP, "--program", file)
    assert done.status == 2
    assert str(file) in done.err


def test_colours() -> None:
    assert "\x1b[" not in cbpf("trace", "-r", HTTP, "ip").text
    colored = cbpf("trace", "-r", HTTP, "--color", "always", "ip").text
    assert "\x1b[" in colored
    assert "^^" not in colored


@pytest.mark.parametrize("command", ["trace", "why"])
def test_nothing_heavy_is_imported(command: str) -> None:
    code = (
        "import sys; from cbpf.cli.application import run\n"
        f"run([{command!r}, '-r', {HTTP!r}, '-n', '3', 'tcp port 80'])\n"
        "print(*sorted({'scapy', 'llvmlite', 'zstandard', 'lz4', 'json', 'dpkt', 'asyncio'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.splitlines()[-1] == ""

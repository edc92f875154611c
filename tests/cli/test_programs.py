"""``--program FILE`` of ``filter`` and ``compile``: whatever has been compiled is as good as an expression."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cbpf.machine import Program, read_program
from tests.oracles import needs_tcpdump

from .tools import DNS, HTTP, MIXED, cbpf, packets, tcpdump

FORMS = ("text", "c", "decimal", "line", "json", "asm", "hex")
WEB = "tcp port 80 and greater 60"


@needs_tcpdump
@pytest.mark.parametrize("form", ["-d", "-dd", "-ddd"])
def test_filter_by_a_program_of_tcpdump(form: str) -> None:
    program = tcpdump("-y", "EN10MB", form, WEB)
    assert cbpf("filter", "--program", "-", "-r", HTTP, stdin=program).lines == cbpf("filter", "-r", HTTP, WEB).lines


def test_filter_by_bytes(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(read_program(cbpf("compile", WEB).text).packed())
    expected = cbpf("filter", "-r", HTTP, "--count", WEB)
    assert cbpf("filter", "--program", path, "-r", HTTP, "--count") == expected
    assert cbpf("run", path, "-r", HTTP, "--count") == expected


def test_filter_inverted_and_with_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(cbpf("compile", WEB).out)
    assert cbpf("filter", "--program", path, "-r", HTTP, "--invert").lines == (
        cbpf("filter", "-r", HTTP, "--invert", WEB).lines
    )
    assert len(cbpf("filter", "--program", path, "-r", HTTP, "-c", "3").lines) == 3


def test_filter_names_of_files_behind_r_are_files(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text("ret #-1")
    result = cbpf("filter", "--count", "-r", HTTP, DNS, "--program", path)
    assert result.lines[-1] == f"{len(packets(HTTP)) + len(packets(DNS))} packets"


def test_filter_a_json_program_is_for_its_link_type() -> None:
    program = cbpf("compile", "--format", "json", "ip6").out
    assert cbpf("filter", "--program", "-", "-r", MIXED, "--count", stdin=program) == (
        cbpf("run", "-", "-r", MIXED, "--count", stdin=program)
    )


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_compile_converts(source: str, target: str) -> None:
    given = cbpf("compile", "--format", source, WEB).out
    converted = cbpf("compile", "--program", "-", "--format", target, stdin=given)
    assert (converted.status, converted.err) == (0, "")
    if target != "json":
        assert converted.out == cbpf("compile", "--format", target, WEB).out
    assert read_program(converted.out) == read_program(given)


def test_compile_json_keeps_what_is_known() -> None:
    given = cbpf("compile", "--format", "json", "-y", "RAW", "-s", "96", "udp").out
    assert cbpf("compile", "--program", "-", "--format", "json", stdin=given).out == given
    retargeted = cbpf("compile", "--program", "-", "-y", "PPP", "--format", "json", stdin=given).text
    assert json.loads(retargeted) == {**json.loads(given), "linktype": 9}
    assert json.loads(cbpf("compile", "--program", "-", "-r", HTTP, "--format", "json", stdin="ret #0").text)[
        "linktype"
    ] == (packets(HTTP)[0].interface.linktype)


def test_compile_converts_programs_that_are_not_valid() -> None:
    assert cbpf("compile", "--program", "-", "-ddd", stdin="ld M[3]\n ret a") == (0, b"2\n96 0 0 3\n22 0 0 0\n", "")
    refused = cbpf("compile", "--program", "-", "--format", "asm", stdin="1,153 0 0 0,")
    assert (refused.status, refused.out) == (2, b"")
    assert "no instruction has opcode 0x99" in refused.err


@pytest.mark.parametrize("command", ["filter", "compile"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ip"], "an expression and --program are two ways"),
        (["-F", "x"], "an expression and --program are two ways"),
        (["-s", "96"], "-s is about compiling"),
        (["-O"], "-O is about compiling"),
        (["--netmask", "255.0.0.0"], "--netmask is about compiling"),
    ],
)
def test_what_does_not_go_together(command: str, arguments: list[str], message: str) -> None:
    files = ["-r", HTTP] if command == "filter" else []
    refused = cbpf(command, "--program", "-", *files, *arguments, stdin="ret #1")
    assert (refused.status, refused.out) == (2, b"")
    assert message in refused.err


@pytest.mark.parametrize(
    ("program", "status", "message"),
    [
        (b"tcp port 80", 2, "standard input: line 1: there is no instruction 'tcp'"),
        (b"\xff\xfe", 2, "standard input: not a program"),
        (b"ld [0]", 2, "standard input: instruction 0: the last instruction is not a return"),
        (b"ld M[3]\n ret a", 2, "standard input: instruction 0: reads M[3]"),
    ],
)
def test_filter_refuses_bad_programs(program: bytes, status: int, message: str) -> None:
    refused = cbpf("filter", "--program", "-", "-r", HTTP, stdin=program)
    assert (refused.status, refused.out) == (status, b"")
    assert message in refused.err


def test_filter_refuses_a_second_filter() -> None:
    refused = cbpf("filter", "--program", "-", "-r", HTTP, "--split-by-filter", "a=ip", "-w", "x", stdin="ret #1")
    assert refused.status == 2
    assert "there is no other expression" in refused.err


def test_filter_writes_no_file_that_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text("ret #1")
    refused = cbpf("filter", "--program", path, "-r", HTTP, "-w", path, "--force")
    assert refused.status != 0
    assert path.read_text() == "ret #1"


def test_one_reader_of_standard_input() -> None:
    refused = cbpf("filter", "--program", "-", "-r", "-", stdin=b"")
    assert refused.status == 2
    assert "only be read once" in refused.err


def test_programs_are_read_as_bytes() -> None:
    program = Program([(6, 0, 0, 1)])
    assert cbpf("graph", "--program", "-", stdin=program.packed()).status == 0


def test_explain_says_what_a_program_asks() -> None:
    program = cbpf("compile", "tcp port 80").out
    told = cbpf("explain", "--program", "-", stdin=program)
    assert (told.status, told.err) == (0, "")
    assert told.lines[0] == cbpf("explain", "tcp port 80").lines[0]
    assert "  tcp port 80" in told.lines
    assert "  (000) ldh [12]                  EtherType" in told.lines
    assert "  EtherType = IPv4 (0x800)?" in told.lines


def test_explain_takes_the_link_type_of_the_program() -> None:
    program = cbpf("compile", "--format", "json", "-y", "RAW", "ip6").out
    told = json.loads(cbpf("explain", "--json", "--program", "-", stdin=program).text)
    assert (told["linktype"], told["expression"], told["exact"]) == ("RAW", "ip6", True)
    other = json.loads(cbpf("explain", "--json", "-y", "EN10MB", "--program", "-", stdin=program).text)
    assert other["linktype"] == "EN10MB"


def test_explain_of_what_cannot_be_said() -> None:
    program = "ldb [0]\n jeq #1, a\n ret #0\n a: ret #5"
    told = cbpf("explain", "--program", "-", stdin=program).lines
    assert "  ether[0] = 0x1" in told or "  ether[0] = 1" in told
    assert cbpf("explain", "--program", "-", stdin="ret #0").lines[0] == "Accepts no packet."
    assert cbpf("explain", "--program", "-", stdin="ret #9").lines[0] == "Accepts every packet."
    assert cbpf("explain", "--program", "-", stdin="ld [0]").status == 2


def test_lint_of_programs() -> None:
    fine = cbpf("lint", "--program", "-", stdin=cbpf("compile", "tcp port 80").out)
    assert fine == (0, b"", "")
    found = cbpf("lint", "--program", "-", stdin="ld M[3]\n ld #5\n ret #0")
    assert found.status == 1
    assert "warning: Linux does not take it: reads M[3], which Linux does not see" in found.text
    assert "  (000) ld M[3]" in found.lines
    answer = json.loads(cbpf("lint", "--json", "--program", "-", stdin="ldb [0]\n tax\n div x\n ret a").text)
    assert answer["instructions"] == 4
    assert [(each["rule"], each["instruction"]) for each in answer["findings"]] == [("division", 2)]
    assert cbpf("lint", "--no-notes", "--program", "-", stdin="ldb [0]\n tax\n div x\n ret a") == (0, b"", "")


def test_linux_is_another_target() -> None:
    assert "inbound" in cbpf("explain", "--target", "linux", "inbound").text
    assert cbpf("explain", "inbound").status == 2
    assert "no link-layer header in Linux" in cbpf("explain", "--target", "linux", "-y", "LINUX_SLL", "ip").text
    assert cbpf("lint", "--target", "linux", "inbound").status == 0
    assert cbpf("lint", "inbound").status == 2
    told = cbpf("explain", "--target", "linux", "--program", "-", stdin=cbpf("compile", "--target", "linux", "ip").out)
    assert "  ip" in told.lines
    live = cbpf("compile", "--target", "linux", "outbound and tcp and ifindex 3").out
    told = cbpf("explain", "--target", "linux", "--json", "--program", "-", stdin=live)
    assert set(json.loads(told.text)["expression"].split(" and ")) == {"outbound", "tcp", "ifindex 3"}

"""``cbpf run``: programs in every form, link types, semantics, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracles import needs_tcpdump

from .tools import CAPTURES, DNS, HTTP, LINUX_SLL, MIXED, cbpf, packets, tcpdump

UDP = """
    ldh [12]
    jne #0x800, drop
    ldb [23]
    jne #17, drop
    ret #42
drop: ret #0
"""


@needs_tcpdump
@pytest.mark.parametrize("form", ["-d", "-dd", "-ddd"])
@pytest.mark.parametrize("expression", ["tcp port 80", "ip6 and tcp", "not ip", "ip[2:2] > 100 or arp"])
def test_programs_by_tcpdump(form: str, expression: str) -> None:
    program = tcpdump("-y", "EN10MB", form, expression)
    counted = tcpdump("-r", HTTP, "--count", expression)
    assert cbpf("run", "-", "-r", HTTP, "--count", stdin=program) == (0, counted, "")
    assert counted != b"0 packets\n"


@pytest.mark.parametrize("form", ["text", "c", "decimal", "line", "json", "asm", "hex"])
def test_every_form_that_compile_writes(form: str, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(cbpf("compile", "--format", form, "arp").out)
    assert cbpf("run", path, "-r", HTTP, "--count") == (0, b"2 packets\n", "")


def test_packets_are_cut_to_the_verdict(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert cbpf("run", "-", "-r", DNS, "-w", out, stdin=UDP).status == 0
    theirs = [packet for packet in packets(DNS) if packet.data[12:14] == b"\x08\0"]
    assert [packet.data for packet in packets(out)] == [packet.data[:42] for packet in theirs]


def test_output_options_are_those_of_filter() -> None:
    assert cbpf("run", "-", "-r", DNS, "-r", HTTP, "-c", "5", stdin=UDP).lines == (
        cbpf("filter", "-r", DNS, "-r", HTTP, "-c", "5", "-s", "42", "ip and udp").lines
    )


def test_a_program_of_a_link_type_is_for_that_only() -> None:
    program = cbpf("compile", "--format", "json", "ip6").out
    refused = cbpf("run", "-", "-r", CAPTURES / "cooked.pcap", "--count", stdin=program)
    assert (refused.status, refused.out) == (2, b"0 packets\n")
    assert "interface 0 (LINUX_SLL): the program is for EN10MB" in refused.err
    mixed = cbpf("run", "-", "-r", MIXED, "--count", stdin=program)
    expected = [p for p in packets(MIXED) if p.interface.linktype != LINUX_SLL and p.data[12:14] == b"\x86\xdd"]
    assert (mixed.status, mixed.text) == (1, f"{len(expected)} packets\n")


def test_old_numbers_of_a_link_type_are_the_same_link_type(tmp_path: Path) -> None:
    path = tmp_path / "raw.pcap"
    data = bytearray((CAPTURES / "raw.pcap").read_bytes())
    assert data[20:24] == (101).to_bytes(4, "little")
    data[20:24] = (12).to_bytes(4, "little")
    path.write_bytes(data)
    program = cbpf("compile", "--format", "json", "-y", "RAW", "ip6").out
    expected = len([packet for packet in packets(path) if packet.data[0] >> 4 == 6])
    assert cbpf("run", "-", "-r", path, "--count", stdin=program) == (0, f"{expected} packets\n".encode(), "")


def test_other_programs_run_on_whatever_there_is() -> None:
    assert cbpf("run", "-", "-r", MIXED, "--count", stdin="ret #1").text == f"{len(packets(MIXED))} packets\n"


def test_semantics() -> None:
    shifts = "ldx #32\n ld #1\n lsh x\n ret a"  # 0 in libpcap, 1 in Linux
    assert cbpf("run", "-", "-r", DNS, "--count", stdin=shifts).text == "0 packets\n"
    assert cbpf("run", "-", "-r", DNS, "--count", "--semantics", "linux", stdin=shifts).text == "6 packets\n"


def test_rules_are_those_of_both_machines_or_of_the_one_named() -> None:
    unwritten = "ld M[3]\n ret #1"
    alone = cbpf("run", "-", "-r", DNS, "--count", "--semantics", "libpcap", stdin=unwritten)
    assert alone.text == "6 packets\n"
    for semantics in ([], ["--semantics", "linux"]):
        refused = cbpf("run", "-", "-r", DNS, "--count", *semantics, stdin=unwritten)
        assert (refused.status, refused.out) == (2, b"")
        assert refused.err.startswith("cbpf: standard input: instruction 0: reads M[3]")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("ldh [12]\njeq #1, nowhere\nret #0", "standard input: line 2: "),
        ("", "standard input: "),
        ("1\n6 0 0", "standard input: "),
        ('{"version": 1}', "standard input: "),
        ("ldh [12]", "standard input: instruction 0: the last instruction is not a return"),
        ("2\n5 0 0 7\n6 0 0 0", "standard input: instruction 0: jumps to instruction 8"),
        (b"\xff\xfe", "standard input: not a program: an instruction has 8 bytes, and these are 2"),
    ],
)
def test_bad_programs(program: str | bytes, message: str) -> None:
    result = cbpf("run", "-", "-r", HTTP, stdin=program)
    assert (result.status, result.out) == (2, b"")
    assert result.err.startswith(f"cbpf: {message}")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "Missing argument 'PROGRAM'"),
        (["-"], 2, "name a savefile with -r"),
        (["-", "-r", "-"], 2, "standard input can only be read once"),
        (["/nonexistent", "-r", HTTP], 1, "/nonexistent: cannot read: No such file or directory"),
        ([str(CAPTURES), "-r", HTTP], 1, f"{CAPTURES}: cannot read: Is a directory"),
        ([HTTP, "-r", HTTP], 2, f"{HTTP}: not a program"),
        (["-", "-r", HTTP, "--semantics", "bsd"], 2, "bsd"),
    ],
)
def test_refusals(arguments: list[str], status: int, message: str) -> None:
    result = cbpf("run", *arguments, stdin="ret #1")
    assert (result.status, result.out) == (status, b"")
    assert result.err.startswith("cbpf: ")
    assert message in result.err


def test_the_program_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text(UDP)
    assert cbpf("run", path, "-r", DNS, "-w", path).status == 1
    assert path.read_text() == UDP

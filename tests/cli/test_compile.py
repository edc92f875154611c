"""``cbpf compile``: forms, options, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cbpf.machine import assemble, read_program
from tests.oracles import needs_tcpdump

from .tools import CAPTURES, DAMAGED, HTTP, cbpf, tcpdump

IP = [(0x28, 0, 0, 12), (0x15, 0, 1, 0x800), (6, 0, 0, 262144), (6, 0, 0, 0)]

# Where both compilers make the same program, for a filter has few ways to ask one question.
SAME = [
    "",
    "ip",
    "arp",
    "ether proto 0x1234",
    "ip6[6] = 6",
    "ether src 0:1:2:3:4:5",
    "ip6 host 2001:db8::1",
    "ip[0] & 0xf != 5",
]


@needs_tcpdump
@pytest.mark.parametrize("form", ["-d", "-dd", "-ddd"])
@pytest.mark.parametrize("expression", SAME)
def test_forms_are_those_of_tcpdump(form: str, expression: str) -> None:
    assert cbpf("compile", form, expression).out == tcpdump(form, "-y", "EN10MB", expression)


@needs_tcpdump
@pytest.mark.parametrize(
    "options", [["-s", "96"], ["-s", "0"], ["-O"], ["-y", "RAW"], ["-y", "LINUX_SLL"], ["-y", "NULL"]]
)
def test_options_are_those_of_tcpdump(options: list[str]) -> None:
    expression = "ip" if "NULL" not in options else ""
    default = [] if "-y" in options else ["-y", "EN10MB"]
    assert cbpf("compile", "-ddd", *options, expression).out == tcpdump("-ddd", *default, *options, expression)


@needs_tcpdump
@pytest.mark.parametrize("name", ["http.pcap", "snaplen-96.pcap", "cooked2.pcap", "raw.pcap"])
def test_for_the_packets_of_a_savefile(name: str) -> None:
    path = CAPTURES / name
    assert cbpf("compile", "-r", path, "-d", "ip").out == tcpdump("-r", path, "-d", "ip")


def test_snapshot_length_wins_over_that_of_the_savefile() -> None:
    assert "ret      #7\n" in cbpf("compile", "-r", CAPTURES / "snaplen-96.pcap", "-s", "7", "ip").text


def test_text_is_the_default() -> None:
    expected = (
        "(000) ldh      [12]\n(001) jeq      #0x800           jt 2\tjf 3\n(002) ret      #262144\n(003) ret      #0\n"
    )
    assert cbpf("compile", "ip") == (0, expected.encode(), "")


@pytest.mark.parametrize(
    ("form", "beginning"),
    [
        ("text", "(000) ldh      [12]\n"),
        ("c", "{ 0x28, 0, 0, 0x0000000c },\n"),
        ("decimal", "4\n40 0 0 12\n"),
        ("line", "4,40 0 0 12,21 0 1 2048,"),
        ("asm", ""),
        ("json", "{"),
        ("hex", "280000000c000000\n"),
    ],
)
def test_forms_by_name(form: str, beginning: str) -> None:
    text = cbpf("compile", "--format", form, "ip").text
    assert text.startswith(beginning)
    assert text.endswith("\n")
    assert list(read_program(text)) == IP


def test_assembler_is_not_a_listing() -> None:
    assert list(assemble(cbpf("compile", "--format", "asm", "ip").text)) == IP


def test_json_knows_where_it_came_from() -> None:
    fields = json.loads(cbpf("compile", "--format", "json", "-y", "RAW", "-s", "64", "udp", "port", "53").text)
    assert (fields["linktype"], fields["snaplen"], fields["expression"]) == (101, 64, "udp port 53")


def test_more_than_three_d_are_three() -> None:
    assert cbpf("compile", "-d", "-ddd", "ip").text.startswith("4\n40 0 0 12\n")


def test_words_are_joined_and_options_may_come_last() -> None:
    assert cbpf("compile", "ip", "proto", "17", "-ddd").out == cbpf("compile", "-ddd", "--", "ip proto 17").out


def test_an_expression_may_begin_with_a_dash() -> None:
    assert cbpf("compile", "--", "-1", "+", "len", ">", "100").status == 0


def test_link_types_by_number() -> None:
    assert cbpf("compile", "-y", "101", "ip").out == cbpf("compile", "-y", "DLT_RAW", "ip").out
    assert cbpf("compile", "-y", "101", "ip").out != cbpf("compile", "ip").out


def test_netmask() -> None:
    refused = cbpf("compile", "ip", "broadcast")
    assert (refused.status, refused.out) == (2, b"")
    assert "--netmask" in refused.err
    assert "#0x3ff" in cbpf("compile", "--netmask", "255.255.252.0", "ip broadcast").text


def test_no_optimizer() -> None:
    assert cbpf("compile", "ip and ip").text.count("ldh") == 1
    assert cbpf("compile", "-O", "ip and ip").text.count("ldh") == 2


def test_expression_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "expression"
    path.write_text("# all of it\nip proto  # the protocol,\n  17 # which is UDP\n")
    assert cbpf("compile", "-F", path).out == cbpf("compile", "ip proto 17").out
    assert cbpf("compile", "-F", "-", stdin=path.read_bytes()).out == cbpf("compile", "ip proto 17").out


@needs_tcpdump
def test_comments_are_those_of_tcpdump(tmp_path: Path) -> None:
    path = tmp_path / "expression"
    path.write_text("#arp\nip#proto 6\n#")
    path.chmod(0o644)
    assert cbpf("compile", "-d", "-F", path).out == tcpdump("-y", "EN10MB", "-d", "-F", path)


def test_errors_point_into_the_expression() -> None:
    result = cbpf("compile", "tcp", "prt", "80")
    assert (result.status, result.out) == (2, b"")
    first, expression, caret, *_ = result.err.splitlines()
    assert first.startswith("cbpf: ")
    assert (expression, caret) == ("  tcp prt 80", "      ^^^")


def test_errors_point_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "expression"
    path.write_text("ip # or\nand port\nhttpp")
    _, expression, caret, *_ = cbpf("compile", "-F", path).err.splitlines()
    marked = expression[caret.index("^") : caret.rindex("^") + 1]
    assert marked.endswith("httpp")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["ip and ip6"], 2, "no packet can match"),
        (["host nosuchhost.invalid"], 2, "nosuchhost.invalid"),
        (["-y", "RWA", "ip"], 2, "did you mean RAW?"),
        (["-y", "9999", "ip"], 2, "9999"),
        (["-y", "RAW", "vlan"], 2, "RAW"),
        (["--netmask", "255.255.256.0", "ip"], 2, "'255.255.256.0' is not a netmask"),
        (["-s", "-1", "ip"], 2, "-1"),
        (["-s", "4294967296", "ip"], 2, "4294967296"),
        (["--format", "xml", "ip"], 2, "xml"),
        (["-d", "--format", "c", "ip"], 2, "use one"),
        (["-y", "RAW", "-r", HTTP, "ip"], 2, "use one"),
        (["-F", "-", "-r", "-"], 2, "standard input can only be read once"),
        (["-F", HTTP, "ip"], 2, "not from both"),
        (["-F", HTTP], 2, f"{HTTP}: not UTF-8 text: 0xd4 at byte 0"),
        (["-F", "/nonexistent"], 1, "/nonexistent: cannot read: No such file or directory"),
        (["-F", str(CAPTURES)], 1, f"{CAPTURES}: cannot read: Is a directory"),
        (["-F", "/dev/zero"], 1, "/dev/zero: has more than"),
        (["-r", "/nonexistent", "ip"], 1, "/nonexistent: cannot open: No such file or directory"),
        (["-r", "-", "ip"], 1, "standard input: the file is empty"),
        (["-x", "ip"], 2, "-x"),
    ],
)
def test_refusals(arguments: list[str], status: int, message: str) -> None:
    result = cbpf("compile", *arguments)
    assert (result.status, result.out) == (status, b"")
    assert result.err.startswith("cbpf: ")
    assert message in result.err


def test_an_empty_pcapng_has_no_link_type(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcapng"
    path.write_bytes(bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000"))
    result = cbpf("compile", "-r", path, "ip")
    assert (result.status, result.err) == (1, f"cbpf: {path}: the file describes no interface\n")


def test_a_damaged_savefile_still_has_a_link_type() -> None:
    assert cbpf("compile", "-r", DAMAGED, "ip").status == 0


def test_for_the_kernel() -> None:
    assert read_program(cbpf("compile", "--target", "linux", "-ddd", "outbound").out.decode())[0].k == 0xFFFFF004
    assert (
        cbpf("compile", "--target", "savefile", "-y", "SLIP", "outbound").out
        == cbpf("compile", "-y", "SLIP", "outbound").out
    )
    assert "--target" in cbpf("compile", "--target", "windows", "outbound").err
    refused = cbpf("compile", "outbound")
    assert (refused.status, "the target 'linux'" in refused.err) == (2, True)

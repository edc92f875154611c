"""``cbpf annotate``: counts in text and JSON, over all files that are read, and what happens to wrong ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from .tools import CAPTURES, DAMAGED, DNS, HTTP, MIXED, cbpf, large, process

EXPRESSION = "tcp port 80 or (udp and not port 53)"


def told(*arguments: str | Path, status: int = 0, stdin: bytes = b"") -> Any:
    result = cbpf("annotate", "--json", *arguments, stdin=stdin)
    assert result.status == status, result.err
    assert len(result.lines) == 1
    return json.loads(result.text)


def matched(*arguments: str | Path) -> int:
    return int(cbpf("filter", "--count", *arguments).lines[-1].split()[0])


def test_an_object_has_all_that_is_known() -> None:
    found = told("-r", HTTP, EXPRESSION)
    assert list(found) == ["expression", "files", "packets", "matched", "linktypes"]
    assert (found["expression"], found["files"], found["packets"]) == (EXPRESSION, [HTTP], 35)
    (ethernet,) = found["linktypes"]
    assert (ethernet["linktype"], ethernet["packets"], ethernet["unread"]) == ("EN10MB", 35, 0)
    assert ethernet["matched"] == found["matched"] == matched("-r", HTTP, EXPRESSION)
    first = ethernet["clauses"][0]
    assert (first["text"], first["span"]) == ("tcp port 80", {"start": 0, "end": 11})
    assert first["reached"] == first["passed"] + first["failed"] + first["cut"] == 35
    assert [group["operator"] for group in ethernet["groups"]] == ["or", "and", "not"]
    jump = ethernet["instructions"][1]
    assert jump["text"].startswith("jeq #0x800")
    assert jump["executed"] == jump["taken"] + jump["not_taken"] == 35
    assert jump["clauses"][0]["text"] == "tcp port 80"
    assert ethernet["instructions"][0]["taken"] is None


def test_the_text_has_the_expression_and_the_listing() -> None:
    result = cbpf("annotate", "-r", HTTP, EXPRESSION)
    assert result.status == 0
    assert result.lines[0] == "EN10MB: 35 packets, 20 matched"
    assert result.lines[2] == "reached  passed  failed  cut"
    assert result.lines[3] == "     35      20      15    0  tcp port 80"
    headings = result.lines.index("executed  yes  no  cut")
    listing = cbpf("compile", "-d", EXPRESSION).lines
    assert len(result.lines) == headings + 1 + len(listing)
    for counted, line in zip(result.lines[headings + 1 :], listing, strict=True):
        assert " ".join(line.split()) in " ".join(counted.split())
    assert "EtherType = IPv4 (0x800)" in result.text
    assert "<-- never reached" in result.text


def test_one_part_only() -> None:
    whole = cbpf("annotate", "-r", HTTP, EXPRESSION).text
    clauses = cbpf("annotate", "-r", HTTP, "--clauses", EXPRESSION).text
    listing = cbpf("annotate", "-r", HTTP, "--listing", EXPRESSION).text
    assert clauses + listing.partition("\n")[2] == whole
    assert "instructions" not in told("-r", HTTP, "--clauses", "tcp")["linktypes"][0]
    assert "clauses" not in told("-r", HTTP, "--listing", "tcp")["linktypes"][0]


def test_colours_are_all_that_colour_adds() -> None:
    plain = cbpf("annotate", "-r", HTTP, EXPRESSION).text
    coloured = cbpf("annotate", "--color", "always", "-r", HTTP, EXPRESSION).text
    assert "\x1b[31m" in coloured
    for code in ("2", "31", "32", "36", "1;33", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert [line.rstrip() for line in coloured.splitlines()] == plain.splitlines()


def test_many_files_are_counted_together(tmp_path: Path) -> None:
    found = told("-r", HTTP, "-r", DNS, MIXED, "udp")
    assert found["files"] == [HTTP, DNS, MIXED]
    assert [each["linktype"] for each in found["linktypes"]] == ["EN10MB", "LINUX_SLL"]
    assert found["matched"] == matched("-r", HTTP, "-r", DNS, "-r", MIXED, "udp")
    names = tmp_path / "names"
    names.write_text(f"{HTTP}\n{DNS}\n{MIXED}\n")
    assert told("-V", names, "udp") == found
    text = cbpf("annotate", "-r", HTTP, "-r", MIXED, "udp").text
    assert "\n\nLINUX_SLL: " in text


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "one.pcap.gz").write_bytes(gzip.compress(Path(HTTP).read_bytes()))
    (tmp_path / "two.pcap").write_bytes(Path(DNS).read_bytes())
    (tmp_path / "notes.txt").write_text("no savefile")
    found = told("--recursive", "-r", tmp_path, "udp")
    assert found["packets"] == 35 + told("-r", DNS, "udp")["packets"]
    assert found["matched"] == matched("--recursive", "-r", tmp_path, "udp")


def test_standard_input() -> None:
    data = Path(HTTP).read_bytes()
    assert told("-r", "-", EXPRESSION, stdin=data) == {**told("-r", HTTP, EXPRESSION), "files": ["standard input"]}


def test_a_damaged_file_is_counted_as_far_as_it_goes() -> None:
    result = cbpf("annotate", "--json", "-r", DAMAGED, "-r", HTTP, "tcp")
    assert result.status == 1
    assert "damaged.pcap: " in result.err
    found = json.loads(result.text)
    assert found["packets"] > 35
    assert found["matched"] == matched("-r", DAMAGED, "-r", HTTP, "tcp")


def test_a_file_without_packets_has_a_program(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(Path(HTTP).read_bytes()[:24])
    found = told("-r", path, "tcp")
    assert (found["packets"], found["linktypes"][0]["linktype"]) == (0, "EN10MB")
    assert cbpf("annotate", "-r", path, "tcp").text.startswith("EN10MB: 0 packets, 0 matched\n")


def test_programs(tmp_path: Path) -> None:
    path = tmp_path / "filter.bpf"
    path.write_text(cbpf("compile", "-ddd", "tcp port 80").text)
    found = told("-r", HTTP, "--program", path)
    assert found["expression"] is None
    of_expression = told("-r", HTTP, "tcp port 80")
    assert found["matched"] == of_expression["matched"]
    counts = ("pc", "text", "executed", "taken", "not_taken", "cut")
    for here, there in zip(
        found["linktypes"][0]["instructions"], of_expression["linktypes"][0]["instructions"], strict=True
    ):
        assert [here[name] for name in counts] == [there[name] for name in counts]
    path.write_text(cbpf("compile", "--format", "json", "-y", "RAW", "tcp port 80").text)
    refused = cbpf("annotate", "-r", HTTP, "--program", path)
    assert (refused.status, refused.out) == (2, b"")
    assert "the program is for RAW" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tcp"], "name a savefile with -r"),
        (["-r", HTTP, "--program", "x", "tcp"], "an expression and --program are two ways"),
        (["-r", HTTP, "--clauses", "--program", str(CAPTURES / "README.md")], "README.md"),
        (["-r", HTTP, "tcp prt 80"], "Did you mean 'port'?"),
        (["-r", HTTP, "host nowhere.invalid"], "nowhere.invalid"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    result = cbpf("annotate", *arguments)
    assert (result.status, result.out) == (2, b"")
    assert message in result.err


def test_clauses_of_a_program_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "filter.bpf"
    path.write_text(cbpf("compile", "-ddd", "tcp port 80").text)
    result = cbpf("annotate", "-r", HTTP, "--clauses", "--program", path)
    assert result.status == 2
    assert "of a program there is only the listing" in result.err


def test_a_missing_file_is_reported_and_the_rest_counted() -> None:
    result = cbpf("annotate", "--json", "-r", "/nowhere.pcap", "-r", HTTP, "tcp")
    assert result.status == 1
    assert "/nowhere.pcap" in result.err
    assert json.loads(result.text)["files"] == [HTTP]


def test_what_no_packet_can_match_says_so() -> None:
    result = cbpf("annotate", "-r", HTTP, "ip and arp")
    assert result.status == 0
    assert "no packet can match" in result.err
    assert result.lines[0] == "EN10MB: 35 packets, 0 matched"


def test_large_files_and_pipes_come_to_the_same(tmp_path: Path) -> None:
    """Machine code and several threads, machine code and one, and Python."""
    path = large(tmp_path / "large.pcap")
    found = told("-r", path, EXPRESSION)
    assert found["packets"] == 35_000
    piped = process("annotate", "--json", "-r", "-", EXPRESSION, stdin=path.read_bytes())
    assert json.loads(piped.text) == {**found, "files": ["standard input"]}
    small = told("-r", HTTP, EXPRESSION)
    for many, once in zip(found["linktypes"][0]["clauses"], small["linktypes"][0]["clauses"], strict=True):
        assert many["reached"] == 1000 * once["reached"]
        assert many["passed"] == 1000 * once["passed"]


def test_without_llvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBPF_ENGINE", "interpreter")
    path = tmp_path / "some.pcap"
    data = Path(HTTP).read_bytes()
    path.write_bytes(data[:24] + data[24:] * 100)
    result = cbpf("annotate", "--json", "-r", path, "tcp")
    assert result.status == 0
    assert json.loads(result.text)["packets"] == 3500
    assert "without machine code" in result.err

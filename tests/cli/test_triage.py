"""``cbpf triage``, as people and programs use it."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shlex
import shutil
import signal
import subprocess
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

import cbpf as library
from cbpf.cli.chosen import chosen
from cbpf.triage.report.model import AskedFilter
from cbpf.triage.result import FileResult

from .tools import CAPTURES, DAMAGED, DNS, HTTP, MIXED, cbpf, packets, start

WEB = ("--filters", "web=tcp port 80")


@pytest.fixture
def heap(tmp_path: Path) -> Path:
    """A folder with captures and what is none."""
    folder = tmp_path / "heap"
    (folder / "below").mkdir(parents=True)
    for source, name in ((HTTP, "http.pcap"), (DNS, "below/dns one.pcap"), (MIXED, "two.pcapng")):
        shutil.copy(source, folder / name)
    (folder / "notes.txt").write_text("not a capture\n")
    return folder


def matrix(*arguments: str | Path) -> dict[tuple[str, str], dict[str, str]]:
    done = cbpf("triage", "--csv", *arguments)
    rows = csv.DictReader(io.StringIO(done.text, newline=""))
    return {(row["path"], row["filter"]): row for row in rows}


def choice_of(*wanted: str) -> Sequence[AskedFilter]:
    """The filters that values of --filters choose."""
    with click.Context(click.Command("triage")):
        return chosen(wanted).filters


def embedded(page: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The data in a page: what it shows at once, and of each file."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    chunks = re.search(r'<script type="text/plain" id="details">(.*?)</script>', page, re.DOTALL)
    assert data
    assert chunks
    details = [json.loads(zlib.decompress(base64.b64decode(line), -15)) for line in chunks[1].split()]
    return json.loads(data[1]), [file for chunk in details for file in chunk]


def test_text_of_a_folder(heap: Path) -> None:
    done = cbpf("triage", *WEB, "--filters", "arp=arp", heap)
    assert (done.status, done.err) == (0, "")
    every = sum(library.count(str(path)).packets for path in heap.rglob("*.pcap*"))
    assert done.lines[0].startswith(f"3 files, {every} packets, ")
    assert "2 of 2 filters matched" in done.lines[0]
    assert f"    cbpf filter -r {heap}/two.pcapng -r {heap}/http.pcap -w all-web.pcapng 'tcp port 80'" in done.lines
    assert "notes.txt" not in done.text


def test_cells_are_what_count_says_and_their_commands_give(heap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(heap)
    found = matrix(*WEB, "--filters", "names=port 53", "--filters", "two=ether[0] & 1 = 0 and ip", heap)
    assert len(found) == 9
    expressions = {"web": "tcp port 80", "names": "port 53", "two": "ether[0] & 1 = 0 and ip"}
    for (path, name), row in found.items():
        expected = library.count(path, {name: expressions[name]})[name]
        assert (int(row["packets"]), int(row["bytes"])) == expected[:2]
        if not expected.packets:
            assert row["command"] == ""
            continue
        before = set(heap.iterdir())
        cbpf(*shlex.split(row["command"])[1:])
        (written,) = set(heap.iterdir()) - before
        assert len(packets(written)) == expected.packets
        written.unlink()


def test_the_library_is_asked_if_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = json.loads(cbpf("triage", "--json", "--no-hashes", HTTP).text)
    listed = cbpf("filters", "list", "--json").lines
    assert [each["name"] for each in found["filters"]] == [json.loads(line)["name"] for line in listed]
    assert all(each["title"] and each["tags"] for each in found["filters"])
    assert found["files"][0]["facts"]["sha256"] is None


def test_filters_by_name_pattern_tag_and_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.pcapfilter").write_text("# title: Ours\n# tags: ours\ntcp # all of it\n")
    (tmp_path / "more.pcapfilter").write_text("# tags: ours\n@mine and port 80\n")
    own = "--filters", str(tmp_path)
    assert {name for _, name in matrix("--filters", "dns", HTTP)} >= {"dns"}
    for choice in ("mine", "@mine", "min?"):
        found = matrix(*own, "--filters", choice, HTTP)
        assert [name for _, name in found] == ["mine"]
        row = found[HTTP, "mine"]
        assert int(row["packets"]) == library.count(HTTP, "tcp").packets
        assert row["command"] == f"cbpf filter --filters {tmp_path} -r {HTTP} -w http-mine.pcap @mine"
    assert {name for _, name in matrix(*own, "--filters", "ours", HTTP)} == {"mine", "more"}
    assert {each.name for each in choice_of(str(tmp_path))} > {"mine", "more", "dns"}
    included = matrix(*own, "--filters", "x=@more or arp", HTTP)
    assert int(included[HTTP, "x"]["packets"]) == library.count(HTTP, "tcp port 80 or arp").packets


def test_wrong_choices_are_refused() -> None:
    for arguments, message in (
        (("--filters", "dsn"), "Did you mean 'dns'?"),
        (("--filters", "x=tcp", "--filters", "x=udp"), "there are two filters 'x'"),
        (("--filters", "x=tcp port"), "filter 'x': "),
        (("--resume",), "--resume goes on with a file of --results"),
        (("--force",), "--force is about the file of --html"),
        (("--html", "-", "--csv"), "standard output has either"),
    ):
        done = cbpf("triage", *arguments, HTTP)
        assert (done.status, done.out) == (2, b"")
        assert message in done.err
    assert cbpf("triage").status == 2


def test_filters_of_the_library_that_are_wrong_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cbpf.library.folders.shipped", lambda: None)  # quicker without
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "good.pcapfilter").write_text("tcp\n")
    (tmp_path / "wrong.pcapfilter").write_text("tcp port\n")
    done = cbpf("triage", "--filters", tmp_path, HTTP)
    assert done.status == 0
    assert "wrong.pcapfilter: left out: " in done.err
    (tmp_path / "wrong.pcapfilter").write_text("1 / 0 = 1\n")  # which only the compiler sees
    done = cbpf("triage", "--filters", tmp_path, "--csv", HTTP)
    assert done.status == 0
    assert "filter 'wrong': left out: " in done.err
    assert ",wrong," not in done.text


def test_damaged_and_missing_files_are_reported_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "text.pcap").write_text("no savefile")
    done = cbpf("triage", *WEB, DAMAGED, tmp_path / "gone.pcap", tmp_path / "text.pcap", HTTP)
    assert done.status == 1
    assert "3 files could not be read to the end" in done.err
    assert re.search(r"^damaged     \S*damaged\.pcap: ", done.text, re.MULTILINE)
    assert re.search(r"^unreadable  \S*gone\.pcap: ", done.text, re.MULTILINE)
    assert re.search(r"^unreadable  \S*text\.pcap: ", done.text, re.MULTILINE)
    row = matrix(*WEB, DAMAGED)[DAMAGED, "web"]
    assert row["state"] == "damaged"
    counted = cbpf("filter", "--count", "-r", DAMAGED, "tcp port 80").lines
    assert counted == [f"{row['packets']} packets"]


def test_nothing_to_report(tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("nothing")
    done = cbpf("triage", *WEB, tmp_path)
    assert (done.status, done.err) == (1, "cbpf: there are no captures\n")
    assert done.lines[0].startswith("0 files, 0 packets")


def test_files_as_csv() -> None:
    done = cbpf("triage", "--csv-files", *WEB, HTTP, MIXED)
    rows = list(csv.DictReader(io.StringIO(done.text, newline="")))
    assert [row["path"] for row in rows] == sorted([HTTP, MIXED])
    for row in rows:
        assert int(row["packets"]) == library.count(row["path"]).packets
        assert row["sha256"] == subprocess.run(
            ["sha256sum", row["path"]], capture_output=True, check=True, text=True
        ).stdout.split()[0]  # fmt: skip


def test_the_page_is_written_whole_and_spares_what_is_there(heap: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    done = cbpf("triage", *WEB, "--html", path, heap)
    assert (done.status, done.text, done.err) == (0, "", "")
    data, details = embedded(path.read_text())
    assert data["files"]["path"] == sorted(str(each) for each in heap.rglob("*.pcap*"))
    assert data["packets"] == sum(data["files"]["packets"])
    assert [each["read"] for each in details] == [
        f"'{each}'" if " " in each else each for each in data["files"]["path"]
    ]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text())
    refused = cbpf("triage", *WEB, "--html", path, heap)
    assert (refused.status, refused.err) == (1, f"cbpf: {path}: exists; --force overwrites it\n")
    assert cbpf("triage", *WEB, "--force", "--html", path, HTTP).status == 0
    assert embedded(path.read_text())[0]["files"]["path"] == [HTTP]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["heap", "report.html"]
    capture = heap / "http.pcap"
    before = capture.read_bytes()
    assert cbpf("triage", *WEB, "--force", "--html", capture, heap / "http.pcap").status == 1
    assert cbpf("triage", *WEB, "--force", "--html", capture, heap).status == 1
    assert capture.read_bytes() == before
    assert cbpf("triage", *WEB, "--html", tmp_path / "no" / "r.html", HTTP).status == 1
    shown = cbpf("triage", *WEB, "--html", "-", HTTP)
    assert embedded(shown.text)[0]["files"]["path"] == [HTTP]


def test_both_a_page_and_text(tmp_path: Path) -> None:
    done = cbpf("triage", *WEB, "--json", "--html", tmp_path / "r.html", HTTP)
    assert json.loads(done.text)["files"][0]["path"] == HTTP
    assert (tmp_path / "r.html").exists()


def test_results_are_kept_and_taken_up_again(heap: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    first = cbpf("triage", *WEB, "--json", "--results", results, heap)
    again = cbpf("triage", *WEB, "--json", "--results", results, "--resume", heap)
    one, other = (json.loads(each.text) for each in (first, again))
    assert one["files"] == other["files"]
    assert one["summary"]["filters"] == other["summary"]["filters"]


def test_top_says_how_much_is_listed() -> None:
    for top, count in (
        ("3", 3),
        ("0", len(json.loads(cbpf("triage", *WEB, "--json", HTTP).text)["summary"]["talkers"])),
    ):
        lines = cbpf("triage", *WEB, "--top", top, CAPTURES / "http.pcap").lines
        begin = lines.index("Talkers") + 2
        assert len([line for line in lines[begin : lines.index("", begin)] if not line.startswith("...")]) <= count


def test_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was found before Ctrl-C is reported, in all forms."""
    from cbpf.triage import run

    def some(*arguments: Any, **options: Any) -> Iterator[FileResult]:
        yield next(run_all(*arguments, **options))
        raise KeyboardInterrupt

    run_all = run.triage
    monkeypatch.setattr(run, "triage", some)
    page = tmp_path / "report.html"
    done = cbpf("triage", *WEB, "--json", "--html", page, HTTP, DNS)
    assert (done.status, done.err) == (130, "cbpf: interrupted; this is what was found so far\n")
    found = json.loads(done.text)
    assert len(found["files"]) == 1
    assert not found["complete"]
    assert not embedded(page.read_text())[0]["complete"]
    assert "interrupted: not all files" in cbpf("triage", *WEB, HTTP, DNS).text


@pytest.mark.slow
def test_interrupted_by_a_signal(tmp_path: Path) -> None:
    data = Path(HTTP).read_bytes()
    for number in range(4):
        (tmp_path / f"{number}.pcap").write_bytes(data[:24] + data[24:] * 30_000)
    results = tmp_path / "results"
    with start("triage", *WEB, "--json", "--results", results, *tmp_path.glob("*.pcap")) as running:
        while not results.exists() or not results.read_bytes():
            assert running.poll() is None
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (130, b"cbpf: interrupted; this is what was found so far\n")
    assert not json.loads(out)["complete"]


def test_tags_and_names_are_chosen_together() -> None:
    assert [each.name for each in choice_of("@dns")] == ["dns"]
    assert {each.name for each in choice_of("dns")} > {"dns"}

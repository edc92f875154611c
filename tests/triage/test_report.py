"""The reports: what they say is what the results say, and their commands give the packets that they promise."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cbpf
from cbpf.counts import Count
from cbpf.triage.report import csv as commas
from cbpf.triage.report import json as objects
from cbpf.triage.report import text
from cbpf.triage.report.commands import extract, extract_below, quoted, safe
from cbpf.triage.report.model import AskedFilter, Gathering, Matched, Report, matched, most, share
from cbpf.triage.report.table import bar, clipped, columns, sparkline, width, wrapped
from cbpf.triage.report.units import duration, iso, moment, percent, shown, size
from cbpf.triage.result import Facts, FileResult, Summary

from .made_up import HOSTILE, file_result, filters, merged, report, unreadable

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=12) | st.sampled_from(
    HOSTILE
)


@pytest.fixture(scope="module")
def small() -> Report:
    return report(30, 12, hostile=True)


# CSV


def rows(lines: Iterable[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(lines), newline="")))


def test_the_matrix_as_csv(small: Report) -> None:
    found = rows(commas.matrix(small))
    assert len(found) == len(small.files) * len(small.filters)
    for place, row in enumerate(found):
        file, filter = small.files[place // len(small.filters)], small.filters[place % len(small.filters)]
        count = file.summary.filters.get(filter.name, Count())
        assert (row["path"].removeprefix("'"), row["filter"]) == (file.path, filter.name)
        assert (int(row["packets"]), int(row["bytes"])) == count[:2]
        assert float(row["share"]) == pytest.approx(share(count, file.summary.packets), rel=1e-8)
        assert row["command"] == (extract([file], filter) if count.packets else "")
        assert bool(row["first"]) == (count.first is not None)


def test_nothing_in_csv_is_a_formula(small: Report) -> None:
    evil = small._replace(filters=[AskedFilter("=1+1", "arp", "arp"), AskedFilter("@SUM", "arp", "arp")])
    for lines in (commas.matrix(evil), commas.files(evil)):
        for row in csv.reader(io.StringIO("".join(lines), newline="")):
            assert not [cell for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_the_files_as_csv(small: Report) -> None:
    for row, file in zip(rows(commas.files(small)), small.files, strict=True):
        assert int(row["packets"]) == file.summary.packets.packets
        assert row["state"] == ("unreadable" if file.facts is None else "damaged" if file.trouble else "whole")
        assert row["trouble"] == (file.trouble or "")
        if file.facts is not None:
            assert row["sha256"] == file.facts.sha256
            assert row["in_order"] == ("yes" if file.facts.in_order else "no")


# JSON


def test_json_has_everything() -> None:
    named = filters(6)
    results = [file_result(number, named) for number in range(4)] + [unreadable("gone.pcap")]
    together = merged(each.summary for each in results)
    found = json.loads("".join(objects.pieces(Report(results, named, together, made=5, version="1"))))
    assert [each["name"] for each in found["filters"]] == [each.name for each in named]
    for file, result in zip(found["files"], results, strict=True):
        summary = result.summary
        assert file["packets"] == summary.packets._asdict()
        assert file["facts"] == (None if result.facts is None else {**result.facts._asdict(), "linktypes": ["EN10MB"]})
        for name, count in summary.filters.items():
            cell = file["filters"][name]
            assert {key: cell[key] for key in count._fields} == count._asdict()
            assert ("command" in cell) == (count.packets > 0)
        for name in ("talkers", "ports", "protocols"):
            assert file[name] == {key: each._asdict() for key, each in getattr(summary, name).items()}
        assert len(file["conversations"]) == len(summary.conversations)
        assert sum(each[1] for each in file["timeline"]["intervals"]) == sum(
            each[0] for each in summary.timeline.intervals.values()
        )
    assert found["summary"]["packets"] == together.packets._asdict()


# Commands


def counted(paths: Iterable[Path], asked: Iterable[AskedFilter]) -> list[FileResult]:
    """What there is to report about some files, without the engine of triage."""
    named = {each.name: each.expression for each in asked}
    results = []
    for path in paths:
        counts = cbpf.count(str(path), {**named, "every": ""})
        total = counts.pop("every")
        facts = Facts("pcap", None, ("EN10MB",), 65535, total.bytes, True, None)
        results.append(FileResult(str(path), path.stat().st_size, 0, facts, None, Summary(total, counts)))
    return results


def written(command: str, folder: Path) -> int:
    """How many packets the file has that a command in a shell writes."""
    before = set(folder.iterdir())
    script = f'cbpf() {{ {sys.executable} -m cbpf "$@"; }}\n{command}'
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    (made,) = set(folder.iterdir()) - before
    found = cbpf.count(str(made)).packets
    made.unlink()
    return found


def test_commands_give_what_cells_say(tmp_path: Path) -> None:
    asked = [
        AskedFilter("web", "tcp port 80", "tcp port 80"),
        AskedFilter("small", "- 100 + len < 0", "- 100 + len < 0"),
        AskedFilter('it\'s "odd"; $(touch pwned)', "arp or\n(udp)", "arp or\n(udp)"),
    ]
    names = [*(name.replace("/", "_") for name in HOSTILE), "plain.pcap"]
    for name, sample in zip(names, ("http", "dns", "vlan", "icmp", "http") * 3, strict=False):
        (tmp_path / name).write_bytes((CAPTURES / f"{sample}.pcap").read_bytes())
    results = [each._replace(path=Path(each.path).name) for each in counted(sorted(tmp_path.iterdir()), asked)]
    everything = Report(results, asked, merged(each.summary for each in results), (".",))
    cells = [
        (file, each, count) for file in results for each in asked if (count := file.summary.filters[each.name]).packets
    ]
    assert len(cells) >= 12
    for file, each, count in cells[::3]:  # a third of them takes long enough
        assert written(extract([file], each), tmp_path) == count.packets
    for found in matched(everything):
        assert written(extract(found.files, found.filter), tmp_path) == found.total.packets
        assert written(extract_below(everything, found), tmp_path) == found.total.packets


def test_what_is_extracted_is_not_searched_again(tmp_path: Path) -> None:
    """Whoever is in the folder that was searched can extract one filter after the other."""
    heap = tmp_path / "heap"
    heap.mkdir()
    for place in range(4):
        (heap / f"{place}.pcap").write_bytes((CAPTURES / "http.pcap").read_bytes())
    asked = [AskedFilter(each, each, each) for each in ("tcp", "udp", "ip")]
    results = counted(sorted(heap.iterdir()), asked)
    whole = Report(results, asked, merged(each.summary for each in results), (".",), (), str(heap))
    commands = [extract_below(whole, found) for found in matched(whole)]
    script = "\n".join([f'cbpf() {{ {sys.executable} -m cbpf "$@"; }}', *commands])
    subprocess.run(["bash", "-ec", script], cwd=heap, check=True)
    for found in matched(whole):
        assert cbpf.count(str(tmp_path / f"all-{found.filter.name}.pcap")).packets == found.total.packets


@pytest.mark.parametrize(
    ("paths", "where", "way"),
    [
        (("heap",), "/a", ""),
        (("/a/b", "c.pcap"), "/a", ""),
        ((".",), "/a/b", "../"),
        (("/a",), "/a/b/c", "../../../"),
        (("/a/b",), "/a/bc", ""),
        (("/",), "/a/b", ""),
        ((".",), "/", ""),
    ],
)
def test_where_extracted_packets_go(paths: tuple[str, ...], where: str, way: str) -> None:
    asked = AskedFilter("web", "port 80", "@web")
    made = Report([], [asked], Summary(), paths, (), where)
    assert f" -w {way}all-web.pcap @web" in extract_below(made, Matched(asked, Count(), []))


@given(NAMES)
def test_commands_are_one_line_that_can_be_seen(name: str) -> None:
    file = file_result(1, [], path=name)
    command = extract([file], AskedFilter(name, name, name), [name])
    assert command.isprintable()


@given(st.lists(NAMES, min_size=1, max_size=20))
def test_quoted_words_come_out_of_a_shell_as_they_are(words: list[str]) -> None:
    script = "".join(f"printf '%s\\0' {quoted(word)}\n" for word in words)
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout.split(b"\0")[:-1] == [word.encode(errors="surrogateescape") for word in words]


@given(NAMES)
def test_names_of_written_files_are_safe(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", safe(name))


def test_several_files_are_not_written_over_one_of_them() -> None:
    one, other = (file_result(1, [], path=path) for path in ("dns.pcap", "http.pcap"))
    words = shlex.split(extract([one, other], AskedFilter("dns", "port 53", "@dns")))
    assert words[words.index("-w") + 1] not in ("dns.pcap", "http.pcap")


def test_several_link_types_need_pcapng() -> None:
    one, other = file_result(1, []), file_result(2, [])
    assert other.facts is not None
    other = other._replace(facts=other.facts._replace(linktypes=("RAW",)))
    asked = AskedFilter("web", "port 80", "@web")
    assert "-w all-web.pcapng @web" in extract([one, other], asked)
    assert "-w all-web.pcap @web" in extract([one, one], asked)
    assert extract([one], asked, ["my filters"]).startswith("cbpf filter --filters 'my filters' -r ")


# Text


def test_text_fits_its_width_where_it_can(small: Report) -> None:
    plain = list(text.lines(small, text.Look(120, 10)))
    assert all(line.isprintable() for line in plain)
    for title in ("Damage", "Filters that matched", "Files and filters", "Talkers", "Ports", "Protocols"):
        assert title in plain
    colored = "\n".join(text.lines(small, text.Look(120, 10, color=True)))
    assert re.sub(r"\x1b\[\d*m", "", colored) == "\n".join(plain)


def test_text_says_what_was_found(small: Report) -> None:
    lines = list(text.lines(small, text.Look(200, None)))
    start = lines.index("Filters that matched") + 2
    listed = [line for line in lines[start : lines.index("", start)] if not line.startswith(" ")]
    for line, each in zip(listed, matched(small), strict=True):
        name, packets, part, *_ = line.split()
        assert (name, int(packets.replace(",", ""))) == (each.filter.name, each.total.packets)
        assert part == percent(share(each.total, small.summary.packets))
    commands = [line.strip() for line in lines if line.startswith("    cbpf filter")]
    assert len(commands) == len(matched(small))


@pytest.mark.parametrize("top", [2, 10, None])
def test_the_protocol_tree_adds_up(small: Report, top: int | None) -> None:
    many = {f"eth/ip/udp/{place}": Count(1 + place, 100) for place in range(50)} | {"eth/ip": Count(9000, 1)}
    summary = small.summary._replace(protocols={**small.summary.protocols, **many})
    lines = list(text.lines(small._replace(summary=summary), text.Look(120, top)))
    start = lines.index("Protocols") + 1
    sums: dict[int, int] = {}
    for line in lines[start : lines.index("", start)]:
        found = re.match(r"( *)(.*?) +([\d,]+)  +\S+%", line)
        assert found
        depth, packets = len(found[1]) // 2, int(found[3].replace(",", ""))
        sums[depth] = sums.get(depth, 0) + packets
        assert top is None or not found[2].isdigit() or packets >= 9
    assert sums[0] == sum(count.packets for count in summary.protocols.values())
    shown_all = not any("... " in line for line in lines[start : lines.index("", start)])
    assert shown_all == (top is None)


def test_a_matrix_in_text() -> None:
    few = report(5, 4, density=1.0)
    lines = list(text.lines(few, text.Look(160, 10)))
    start = lines.index("Files and filters") + 1
    head, *body = lines[start : start + 6]
    names = head.split()
    assert sorted(names) == sorted(each.name for each in few.filters)
    for line, file in zip(body, few.files, strict=True):
        path, *cells = line.split()
        assert path == file.path
        assert [int(cell.replace(",", "")) for cell in cells] == [file.summary.filters[name].packets for name in names]


def test_nothing_at_all() -> None:
    empty = Report([], filters(2), Summary())
    assert list(text.lines(empty, text.Look())) == ["0 files, 0 packets, 0 B on the network, 0 of 2 filters matched"]
    assert json.loads("".join(objects.pieces(empty)))["files"] == []
    assert rows(commas.matrix(empty)) == rows(commas.files(empty)) == []


def test_an_interrupted_report_says_so(small: Report) -> None:
    assert any("interrupted" in line for line in text.lines(small._replace(complete=False), text.Look()))


# The sum, and what it is made of


def test_gathering_in_batches_is_adding_all_at_once() -> None:
    results = [file_result(number, filters(5)) for number in range(150)]
    gathering = Gathering(merged)
    for result in results:
        gathering.take(result)
    together = merged(each.summary for each in results)
    found = gathering.summary()
    assert gathering.files == results
    assert found._replace(timeline=together.timeline, timelines={}) == together._replace(timelines={})


def test_most_is_by_bytes_in_both_directions() -> None:
    summary = file_result(3, []).summary
    ranked = [traffic.bytes + traffic.bytes_back for _, traffic in most(summary.talkers, None)]
    assert ranked == sorted(ranked, reverse=True)
    assert len(most(summary.talkers, 3)) == 3


# Units and tables


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1258291, "1.2 MiB"),
        (150 << 20, "150 MiB"),
        (1 << 60, "1024 PiB"),
    ],
)
def test_sizes(value: int, expected: str) -> None:
    assert size(value) == expected


def test_times() -> None:
    assert moment(1_764_151_200_123_456_789, digits=3) == "2025-11-26 10:00:00.123"
    assert iso(1_764_151_200_123_456_789) == "2025-11-26T10:00:00.123456789Z"
    assert (moment(None), iso(None), moment(1 << 62)) == ("-", "", "2116-02-20 23:53:38")
    assert moment(10**30).endswith(" s")
    spans = [1500, 12_345_678, 4_560_000_000, 187 * 10**9, 18187 * 10**9, 90061 * 10**9, 999_600, 999_999_999]
    expected = ["1.5 µs", "12.3 ms", "4.56 s", "3:07 min", "5:03:07 h", "1 d 1:01 h", "1 ms", "1 s"]
    assert list(map(duration, spans)) == expected


def test_shares_never_look_like_nothing_or_all() -> None:
    assert [percent(each) for each in (0, 1e-9, 0.001, 0.5, 1 - 1e-9, 1)] == [
        "0.0%", "<0.1%", "0.1%", "50.0%", ">99.9%", "100.0%",
    ]  # fmt: skip


@given(NAMES)
def test_shown_names_do_nothing_to_a_terminal(name: str) -> None:
    assert shown(name).isprintable()
    assert name.isprintable() == (shown(name) == name)


def test_columns_line_up() -> None:
    lines = columns([("a", "1"), ("日本", "22"), ("e\u0301", "333")], "lr")
    assert {width(line) for line in lines} == {4 + 2 + 3}
    assert width(clipped("日本日本日本", 5)) <= 5
    assert clipped("short", 10) == "short"
    assert unicodedata.normalize("NFC", lines[2])[0] == "é"


@given(st.floats(0, 1), st.integers(1, 40))
def test_bars_are_never_wider_than_their_place(part: float, wide: int) -> None:
    drawn = bar(part, wide)
    assert len(drawn) <= wide
    assert bool(drawn) == (part > 0)


def test_sparklines_show_something_for_everything() -> None:
    assert sparkline([0, 1, 1000]) == " ▁█"
    assert sparkline([]) == ""


@given(st.lists(st.text("ab", min_size=1, max_size=9), max_size=30))
def test_wrapping_loses_nothing(parts: list[str]) -> None:
    lines = wrapped(parts, 30, "  ")
    assert all(len(line) <= 31 for line in lines)
    assert [each for line in lines for each in re.split(", ?", line.strip()) if each] == parts

"""What triage finds in a file, against capinfos and tcpdump; and that findings can be put together in any way."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.capture import open_savefile, open_writer
from cbpf.counts import Count
from cbpf.errors import SavefileError
from cbpf.scanning import FilterSet
from cbpf.triage import findings
from cbpf.triage.merge import FILTER_SLOTS, SLOTS, merged, shortened, widened
from cbpf.triage.record import from_json, to_json
from cbpf.triage.result import Conversation, FileResult, Summary, Timeline, Traffic
from cbpf.triage.survey import Examiner, _Digest, triage_file
from tests.capture.tools import SAMPLES, needs
from tests.shared import CAPTURES

FILTERS = {
    "everything": "",
    "web": "tcp port 80 or tcp port 443",
    "dns": "udp port 53",
    "arp": "arp",
    "v6": "ip6",
    "broadcast": "ether broadcast",
    "radio": "wlan addr1 02:00:00:00:00:01",
}
SOME = [*SAMPLES, *CAPTURES[::9]]


@cache
def found(path: Path) -> FileResult:
    return triage_file(str(path), FILTERS)


@needs("capinfos")
@pytest.mark.parametrize("path", SOME[::2], ids=lambda path: path.name)
def test_facts_are_those_of_capinfos(path: Path) -> None:
    result = found(path)
    done = subprocess.run(["capinfos", "-TmQ", "-M", path], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode or result.trouble or result.facts is None:
        pytest.skip("one of the two finds it damaged")
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert row["SHA256"] == result.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert int(row["Number of packets"]) == result.summary.packets.packets
    assert int(row["Data size (bytes)"]) == result.summary.packets.bytes
    if not path.name.startswith("timestamp_invalid"):  # capinfos has numbers with a sign there
        assert (row["Strict time order"] == "True") == result.facts.in_order
    assert int(row["File size (bytes)"]) == result.size


@needs("tcpdump")
@pytest.mark.parametrize("path", SOME[::4], ids=lambda path: path.name)
def test_filters_count_what_tcpdump_counts(path: Path) -> None:
    result = found(path)
    for name, expression in FILTERS.items():
        command = ["tcpdump", "-n", "-r", str(path), "--count", expression]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode == 0:
            assert int(done.stdout.split()[0]) == result.summary.filters[name].packets, name
        elif "only on" in done.stderr or "link-layer" in done.stderr:
            assert result.summary.filters[name] == Count(), name


@pytest.mark.parametrize("path", SOME, ids=lambda path: path.name)
def test_a_result_is_whole(path: Path) -> None:
    result = found(path)
    if result.facts is None:
        assert result.trouble
        return
    summary = result.summary
    packets = summary.packets
    assert list(summary.filters) == list(FILTERS)
    assert summary.filters["everything"] == packets
    assert sum(summary.sizes) == packets.packets
    assert _sum(summary.protocols.values()) == packets[:2]
    assert _sum(Count(*pair) for pair in summary.timeline.intervals.values()) == packets[:2]
    for name, count in summary.filters.items():
        line = summary.timelines.get(name, Timeline())
        assert _sum(Count(*pair) for pair in line.intervals.values()) == count[:2]
    if not summary.more:
        sent = sum(traffic.packets for traffic in summary.talkers.values())
        assert sent == sum(traffic.packets_back for traffic in summary.talkers.values())
        assert sent == sum(traffic.packets + traffic.packets_back for traffic in summary.conversations.values())
    for protocol, _, _, _, _ in summary.conversations:
        assert any(protocol in name.split("/") for name in summary.protocols), protocol
    assert from_json(to_json(result)) == result


def _sum(counts: object) -> tuple[int, int]:
    assert isinstance(counts, Iterator) or hasattr(counts, "__iter__")
    rows = list(counts)
    return sum(row.packets for row in rows), sum(row.bytes for row in rows)


def test_filters_without_a_meaning_are_told() -> None:
    assert found(SAMPLES[0]).meaningless == ("radio",)


def test_conversations_are_told_from_who_began() -> None:
    (path,) = (path for path in SAMPLES if path.name == "http.pcap")
    talks = [talk for talk in found(path).summary.conversations if talk.protocol == "tcp"]
    assert talks
    assert all(talk.port_b in (80, 443) for talk in talks)


# What is wrong with a file.


def test_a_file_that_is_not_there() -> None:
    result = triage_file("/nonexistent", FILTERS)
    assert (result.facts, result.trouble) == (None, "cannot open: No such file or directory")


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam")
    assert (triage_file(str(path), FILTERS).trouble or "").startswith("not a pcap or pcapng savefile")
    os.mkfifo(tmp_path / "pipe")
    assert triage_file(str(tmp_path / "pipe"), FILTERS).trouble == "not a regular file"


def test_standard_input_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SAMPLES[0], tmp_path / "-")
    monkeypatch.chdir(tmp_path)
    assert triage_file("-", FILTERS).trouble == "standard input is no file: save it to one"
    assert triage_file("./-", FILTERS).summary == found(SAMPLES[0]).summary


def test_progress_is_told_where_nothing_matches() -> None:
    told: list[int] = []
    path = next(path for path in SAMPLES if path.name == "http.pcap")
    result = Examiner(FilterSet({"nothing": "port 1"})).examine(str(path), tell=told.append).result
    assert result.summary.filters["nothing"] == Count()
    assert told[-1] == path.stat().st_size


def test_whoever_leaves_does_not_wait_for_the_hash(tmp_path: Path) -> None:
    path = tmp_path / "hole"
    path.touch()
    os.truncate(path, 1 << 40)  # which would take an hour
    with pytest.raises(KeyboardInterrupt), _Digest(str(path), 1 << 40, wanted=True):
        raise KeyboardInterrupt


@pytest.mark.parametrize("cut", [30, 100, 500, 1000])
def test_what_is_before_the_damage_stands(tmp_path: Path, cut: int) -> None:
    (whole,) = (path for path in SAMPLES if path.name == "http.pcap")
    path = tmp_path / "cut.pcap"
    path.write_bytes(whole.read_bytes()[:cut])
    result = triage_file(str(path), FILTERS)
    assert result.facts is not None
    assert result.trouble is not None
    assert "at byte" in result.trouble
    with open_savefile(str(path)) as savefile:
        number = 0
        with pytest.raises(SavefileError):
            for number, _ in enumerate(savefile, 1):  # noqa: B007
                pass
    assert result.summary.packets.packets == number


@pytest.mark.parametrize("compression", ["gzip", "bz2", "lzma"])
def test_compressed_files(tmp_path: Path, compression: str) -> None:
    module = pytest.importorskip(compression)
    (whole,) = (path for path in SAMPLES if path.name == "http.pcap")
    path = tmp_path / "packed"
    path.write_bytes(module.compress(whole.read_bytes()))
    result = triage_file(str(path), FILTERS)
    assert result.summary == found(whole).summary
    assert result.facts is not None
    assert result.facts.compression == {"bz2": "bzip2", "lzma": "xz"}.get(compression, compression)
    assert result.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes()[:-20])
    assert triage_file(str(path), FILTERS).trouble


def test_hashes_are_left_out_if_nobody_wants_them() -> None:
    facts = triage_file(str(SAMPLES[0]), FILTERS, hashes=False).facts
    assert facts is not None
    assert facts.sha256 is None


def test_no_filters_at_all() -> None:
    assert triage_file(str(SAMPLES[0]), {}).summary.packets == found(SAMPLES[0]).summary.packets


def test_large_tables_are_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = (path for path in SAMPLES if path.name == "http.pcap")
    whole = triage_file(str(path), FILTERS).summary
    assert len(whole.talkers) > 4
    monkeypatch.setattr(findings, "MOST_KEPT", 2)
    cut = triage_file(str(path), FILTERS).summary
    assert cut == shortened(whole, 2)
    assert cut.more["talkers"] == len(whole.talkers) - 2
    monkeypatch.setattr(findings, "MOST_IN_MEMORY", 4)
    tight = triage_file(str(path), FILTERS).summary
    assert tight.protocols == whole.protocols
    assert len(tight.talkers) == 2


# Putting findings together.


@pytest.mark.parametrize("name", ["http.pcap", "ipv6-extensions.pcap", "cooked.pcap"])
@pytest.mark.parametrize("parts", [2, 5])
def test_parts_of_a_file_come_to_the_whole(tmp_path: Path, name: str, parts: int) -> None:
    (path,) = (path for path in SAMPLES if path.name == name)
    with open_savefile(str(path)) as savefile:
        interface, packets = savefile.interfaces[0], list(savefile)
    cuts = [len(packets) * part // parts for part in range(parts + 1)]
    summaries = []
    for begin, end in pairwise(cuts):
        part = tmp_path / f"{begin}.pcap"
        with open_writer(str(part), interface) as writer:
            for packet in packets[begin:end]:
                writer.write(packet)
        summaries.append(triage_file(str(part), FILTERS).summary)
    together, whole = merged(reversed(summaries)), found(path).summary
    assert together._replace(timelines={}) == whole._replace(timelines={})
    assert {
        name: _sum(Count(*pair) for pair in line.intervals.values()) for name, line in together.timelines.items()
    } == {name: whole.filters[name][:2] for name in whole.timelines}


_NAMES = st.sampled_from(["a", "b", "c"])
_NUMBERS = st.integers(0, 9)
_TIMES = st.one_of(st.integers(0, 3), st.integers(1_700_000_000 * 10**9, 1_800_000_000 * 10**9))


@st.composite
def _counts(draw: st.DrawFn) -> Count:
    first = draw(_TIMES)
    return Count(draw(st.integers(1, 9)), draw(_NUMBERS), first, first + draw(_NUMBERS))


@st.composite
def _traffic(draw: st.DrawFn) -> Traffic:
    first = draw(_TIMES)
    return Traffic(draw(_NUMBERS), draw(_NUMBERS), draw(_NUMBERS), draw(_NUMBERS), first, first + draw(_NUMBERS))


@st.composite
def _lines(draw: st.DrawFn, slots: int) -> Timeline:
    """A timeline as triage makes them: its intervals are within so many."""
    shift = draw(st.integers(20, 40))
    begin = draw(_TIMES) >> shift
    numbers = draw(st.sets(st.integers(begin, begin + slots - 1), max_size=4))
    return Timeline(shift, {number: (draw(st.integers(1, 9)), draw(_NUMBERS)) for number in numbers})


_TALKS = st.builds(
    Conversation, st.just("tcp"), _NAMES, st.sampled_from([None, 1, 2]), _NAMES, st.sampled_from([None, 1])
)


@st.composite
def _talks(draw: st.DrawFn) -> dict[Conversation, Traffic]:
    """Conversations, each from one end only."""
    table: dict[Conversation, Traffic] = {}
    for talk, traffic in draw(st.dictionaries(_TALKS, _traffic(), max_size=4)).items():
        back = Conversation(talk.protocol, talk.b, talk.port_b, talk.a, talk.port_a)
        if back == talk or back not in table:
            table[talk] = traffic
    return table


_SUMMARIES = st.builds(
    Summary,
    packets=st.one_of(st.just(Count()), _counts()),
    filters=st.dictionaries(_NAMES, st.one_of(st.just(Count()), _counts())),
    talkers=st.dictionaries(_NAMES, _traffic()),
    conversations=_talks(),
    ports=st.dictionaries(_NAMES, _counts()),
    protocols=st.dictionaries(_NAMES, _counts()),
    sizes=st.one_of(st.just(()), st.tuples(*[_NUMBERS] * 8)),
    timeline=_lines(SLOTS),
    timelines=st.dictionaries(_NAMES, _lines(FILTER_SLOTS)),
    more=st.dictionaries(_NAMES, _NUMBERS),
)


@settings(max_examples=60, deadline=None)
@given(_SUMMARIES, _SUMMARIES, _SUMMARIES)
def test_merging_is_associative_and_commutative(a: Summary, b: Summary, c: Summary) -> None:
    whole = merged([a, b, c])
    assert merged([merged([a, b]), c]) == whole
    assert merged([a, merged([b, c])]) == whole
    assert merged([c, a, b]) == whole


@settings(max_examples=40, deadline=None)
@given(_SUMMARIES)
def test_an_empty_summary_changes_nothing(summary: Summary) -> None:
    alone = merged([summary])
    assert merged([Summary(), summary]) == merged([summary, Summary()]) == alone
    assert alone == summary
    assert merged([]) == Summary()


@settings(max_examples=40, deadline=None)
@given(_SUMMARIES)
def test_results_survive_json(summary: Summary) -> None:
    result = FileResult("a\udcffb\n", 3, 4, None, "what", summary, ("x",))
    line = to_json(result)
    assert "\n" not in line
    assert from_json(line) == result


@given(_lines(SLOTS), st.integers(20, 60))
def test_wider_intervals_have_the_same_packets(line: Timeline, shift: int) -> None:
    wide = widened(line, shift)
    assert wide.shift == max(line.shift, shift)
    assert sum(packets for packets, _ in wide.intervals.values()) == sum(pair[0] for pair in line.intervals.values())


_NO_TIMELINE = '["a",1,2,null,null,[[0,0,null,null],{},{},[],{},{},[],[],{},{}],[]]'


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[1,2]", "null", '["a",1,2,null,null,[],[]]', "nonsense", _NO_TIMELINE, "[" * 99_999]
)
def test_what_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(text)

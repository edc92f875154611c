"""Times, ranges and samples on the command line, against editcap's and plain arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from cbpf.cli.choosing import nanoseconds
from tests.cli.tools import CAPTURES, DNS, HTTP, cbpf, packets

BILLION = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1700000000.000000001", 1_700_000_000 * BILLION + 1),
        ("-5", -5 * BILLION),
        ("1e3", 1000 * BILLION),
        ("1970-01-02T00:00Z", 86400 * BILLION),
        ("2026-11-20 10:00:00.5Z", int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * BILLION + BILLION // 2),
        ("2026-11-20T12:00+02:00", int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * BILLION),
        ("2026-11-20T08:00:01-0200", int(datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC).timestamp()) * BILLION),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


def test_times_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        expected = datetime(2026, 11, 20, tzinfo=timezone(timedelta(hours=5, minutes=30)))
        assert nanoseconds("2026-11-20") == int(expected.timestamp()) * BILLION
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "nan", "inf", "1e400", "10:00", "2026-11-20T25:00"])
def test_what_is_no_time(text: str) -> None:
    result = cbpf("filter", "-r", HTTP, "--after", text)
    assert result.status == 2
    assert "'--after'" in result.err


def test_neighbouring_times_share_no_packet() -> None:
    everything = packets(Path(HTTP))
    middle = everything[len(everything) // 2].timestamp
    text = f"{middle // BILLION}.{middle % BILLION:09}"
    before, after = (cbpf("filter", "-r", HTTP, option, text, "-w", "-").out for option in ("--before", "--after"))
    assert packets(before) == [packet for packet in everything if packet.timestamp < middle]
    assert packets(after) == [packet for packet in everything if packet.timestamp >= middle]


@pytest.mark.parametrize(
    ("numbers", "expected"), [("3", slice(2, 3)), ("2-5", slice(1, 5)), ("30-", slice(29, None)), ("-4", slice(0, 4))]
)
def test_ranges(numbers: str, expected: slice) -> None:
    assert packets(cbpf("filter", "-r", HTTP, "--range", numbers, "-w", "-").out) == packets(Path(HTTP))[expected]


def test_ranges_are_those_of_each_file() -> None:
    result = cbpf("filter", "-r", HTTP, "-r", DNS, "--range", "2-3", "--count")
    assert result.lines == [f"{HTTP}: 2 packets", f"{DNS}: 2 packets", "4 packets"]


@pytest.mark.parametrize("numbers", ["", "0", "0-3", "5-2", "a", "1-2-3", "-", "1.5"])
def test_what_is_no_range(numbers: str) -> None:
    assert cbpf("filter", "-r", HTTP, "--range", numbers).status == 2


@pytest.mark.parametrize("text", ["1/4", "4"])
def test_samples(text: str) -> None:
    everything = [*packets(Path(HTTP)), *packets(Path(DNS))]
    assert packets(cbpf("filter", "-r", HTTP, "-r", DNS, "--sample", text, "-w", "-").out) == everything[::4]


@pytest.mark.parametrize("text", ["0", "1/0", "2/3", "half"])
def test_what_is_no_sample(text: str) -> None:
    assert cbpf("filter", "-r", HTTP, "--sample", text).status == 2


@pytest.mark.parametrize("expression", ["tcp port 80", "tcp[0] >= 0", "len > 100"])
def test_inverted_is_the_rest(expression: str) -> None:
    """Also of packets that are cut too short for the expression, which both it and its negation reject."""
    for path in (HTTP, str(CAPTURES / "truncated.pcap")):
        everything = packets(Path(path))
        some = packets(cbpf("filter", "-r", path, "-w", "-", expression).out)
        rest = packets(cbpf("filter", "-r", path, "--invert", "-w", "-", expression).out)
        assert len(some) + len(rest) == len(everything)
        assert sorted(some + rest) == sorted(everything)


def test_inverted_packets_are_cut(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", HTTP, "--invert", "-s", "20", "-w", out, "arp").status == 0
    assert {len(packet.data) for packet in packets(out)} == {20}

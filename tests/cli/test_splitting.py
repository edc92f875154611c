"""Several filters in one pass: against one run for each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.tools import CAPTURES, HTTP, MIXED, cbpf, packets

FILTERS = {"web": "tcp port 80", "arp": "arp", "big": "len > 200", "none": "port 7"}
SPLIT = [word for name, expression in FILTERS.items() for word in ("--split-by-filter", f"{name}={expression}")]


@pytest.mark.parametrize("name", ["out.pcap", "out.pcapng", "out.pcap.gz", "out", "a.b/out.x.pcap", ".hidden"])
def test_files(name: str, tmp_path: Path) -> None:
    """Each is what a run with that filter alone writes, byte for byte unless it is compressed."""
    target = tmp_path / name
    target.parent.mkdir(exist_ok=True)
    rest = tmp_path / "rest.pcap"
    result = cbpf("filter", "-r", HTTP, "-w", target, *SPLIT, "--unmatched", rest)
    assert (result.status, result.err, result.out) == (0, "", b"")
    stem, dot, extension = name.rpartition("/")[2].partition(".")
    for filter, expression in FILTERS.items():
        middle = f"{stem}-{filter}{dot}{extension}" if stem else f"{name}-{filter}"
        found, alone = target.parent / middle, tmp_path / f"alone.{extension or 'pcap'}"
        assert cbpf("filter", "-r", HTTP, "--force", "-w", alone, expression).status == 0
        assert packets(found) == packets(alone)
        assert name.endswith("gz") or found.read_bytes() == alone.read_bytes()
    others = " or ".join(f"({expression})" for expression in FILTERS.values())
    assert packets(rest) == packets(cbpf("filter", "-r", HTTP, "--invert", "-w", "-", others).out)


def test_the_place_of_the_name(tmp_path: Path) -> None:
    assert cbpf("filter", "-r", HTTP, "-w", tmp_path / "{name}.pcap", *SPLIT).status == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(FILTERS)


def test_cut_packets(tmp_path: Path) -> None:
    assert cbpf("filter", "-r", HTTP, "-s", "33", "-w", tmp_path / "{name}.pcap", *SPLIT).status == 0
    assert {len(packet.data) for packet in packets(tmp_path / "web.pcap")} == {33}


def test_counts() -> None:
    result = cbpf("filter", "-r", HTTP, "--count", *SPLIT)
    singles = [cbpf("filter", "-r", HTTP, "--count", expression).text for expression in FILTERS.values()]
    assert result.lines == [f"{name}: {text.strip()}" for name, text in zip(FILTERS, singles, strict=True)]


def test_lines_have_the_names() -> None:
    found = cbpf("filter", "-r", HTTP, *SPLIT).lines
    plain = cbpf("filter", "-r", HTTP, "port 80 or arp or len > 200").lines
    assert [line.split("]", 1)[1] for line in found] == [line.split(" ", 1)[1] and line[15:] for line in plain]
    assert {"[arp]", "[web]"} <= {line.split()[1] for line in found}


def test_several_link_types(tmp_path: Path) -> None:
    """A filter that means nothing on one of them matches nothing there."""
    target = tmp_path / "{name}.pcapng"
    split = ["--split-by-filter", "ether=ether src 02:00:00:00:00:01", "--split-by-filter", "all="]
    result = cbpf("filter", "-r", MIXED, "-w", target, *split)
    assert (result.status, result.err) == (0, "")
    assert packets(tmp_path / "all.pcapng") == packets(cbpf("filter", "-r", MIXED, "-w", "-", "--format", "pcapng").out)
    assert packets(tmp_path / "ether.pcapng")


def test_limit_is_for_all_together() -> None:
    assert len(cbpf("filter", "-r", HTTP, "-c", "5", *SPLIT).lines) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split-by-filter", "web"], "NAME=EXPRESSION"),
        (["--split-by-filter", "=tcp"], "NAME=EXPRESSION"),
        (["--split-by-filter", "a/b=tcp"], "NAME=EXPRESSION"),
        (["--split-by-filter", "a=tcp", "--split-by-filter", "a=udp"], "two filters 'a'"),
        (["--split-by-filter", "a=tcp", "udp"], "no other expression"),
        (["--split-by-filter", "a=tcp prt 80"], "unexpected name"),
        (["--split-by-filter", "a=tcp", "-w", "-"], "a file of its own"),
        (["--split-by-filter", "a=tcp", "--invert"], "--invert is for a single filter"),
        (["--unmatched", "x.pcap"], "--unmatched is for packets"),
        (["--split-by-filter", "a=tcp", "--unmatched", "x.pcap"], "--unmatched is for packets"),
        (["--split-by-filter", "a=tcp", "-w", "x.pcap", "--unmatched", "x-a.pcap"], "a file of its own"),
    ],
)
def test_refusals(arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = cbpf("filter", "-r", HTTP, *arguments)
    assert result.status == 2
    assert message in result.err
    assert not list(tmp_path.iterdir())


def test_the_name_of_a_filter_is_in_what_is_wrong_with_it() -> None:
    result = cbpf("filter", "-r", CAPTURES / "raw.pcap", "--split-by-filter", "a=tcp", "--split-by-filter", "bad=vlan")
    assert result.status == 0
    result = cbpf("filter", "-r", CAPTURES / "raw.pcap", "--split-by-filter", "bad=vlan")
    assert result.status == 2
    assert "filter 'bad'" in result.err

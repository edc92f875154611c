"""The shipped filters: each compiles, is described, and selects what tcpdump selects with it from the samples."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import cbpf
from cbpf.capture import open_savefile
from cbpf.cli.options import without_comments
from tests.oracles import needs_tcpdump

REPOSITORY = Path(__file__).resolve().parents[1]
FILTERS = sorted((REPOSITORY / "filters").glob("*.pcapfilter"))
SAMPLES = ["http.pcap", "icmp.pcap", "icmpv6.pcap", "fragments.pcap", "ipv6-extensions.pcap"]


def selected(file: Path, sample: str) -> int:
    compiled = cbpf.compile(without_comments(file.read_text()))
    with open_savefile(str(REPOSITORY / "captures" / sample)) as packets:
        return sum(1 for packet in packets if compiled.match(packet.data, packet.wirelen))


def test_every_filter_is_described() -> None:
    described = (REPOSITORY / "filters" / "README.md").read_text()
    assert FILTERS
    assert all(f"`{file.name}`" in described for file in FILTERS)


@pytest.mark.parametrize("file", FILTERS, ids=lambda file: file.stem)
def test_something_matches_and_something_does_not(file: Path) -> None:
    counts = {sample: selected(file, sample) for sample in SAMPLES}
    assert any(counts.values())
    assert not all(counts.values())


@needs_tcpdump
@pytest.mark.parametrize("file", FILTERS, ids=lambda file: file.stem)
def test_tcpdump_selects_the_same(file: Path) -> None:
    for sample in SAMPLES:
        command = ["tcpdump", "--count", "-r", str(REPOSITORY / "captures" / sample), "-F", str(file)]
        counted = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert int(counted.split()[0]) == selected(file, sample), sample

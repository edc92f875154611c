"""What a survey notes of packets, against tshark and capinfos; and machine code against the same kernels in Python."""

from __future__ import annotations

import csv
import re
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cbpf.capture import open_savefile, survey
from cbpf.capture.scan import Scan
from cbpf.capture.surveyor import LAYOUTS, Flow, Survey, SurveyOutput, fitting
from cbpf.capture.walks import Kind, Walk, Walks
from cbpf.counts import Count
from cbpf.errors import SavefileError
from cbpf.scanning import FilterSet
from cbpf.triage.naming import address
from cbpf.triage.result import SIZES
from tests.shared import CAPTURES, needs_captures

from .tools import SAMPLES, SECOND, block, description, enhanced, needs, pcap_file, read, section

FILTERS = {"everything": "", "tcp": "tcp", "names": "port 53", "long": "greater 100"}
PYTHON = 1 << 60  # bytes that are scanned without machine code
MACHINE = 0
# tshark looks into tunnels, wants more than the ports, and does not know the number of Linux for IPv6.
COMPARED = [path for path in SAMPLES if path.stem not in ("vxlan", "geneve", "damaged", "truncated", "null", "loop")]


class Noted:
    """A survey of a file."""

    def __init__(self, path: Path, patience: int) -> None:
        self.flows: list[Flow] = []
        filters = FilterSet(FILTERS)
        self.survey = Survey(len(filters), self.flows.extend)
        self.error: str | None = None
        with open_savefile(str(path)) as savefile:
            self.scan = Scan(
                savefile,
                lambda interface: filters.programs(interface.linktype),
                SurveyOutput(),
                Walks(len(filters), note=pytest.fail),
                survey=self.survey,
                patience=patience,
            )
            try:
                for _ in self.scan:
                    pass
            except SavefileError as error:
                self.error = str(error)
        self.survey.drain()

    def all(self) -> tuple[object, ...]:
        what = self.survey
        times = what.shift, what.times, what.filter_times
        counted = tuple(sorted(self.flows)), self.scan.counts, self.scan.seen, self.error
        return what.count, what.captured, what.in_order, what.sizes, times, counted


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if path.stat().st_size > 2000][::3], ids=lambda path: path.name
)
def test_machine_code_notes_what_python_notes(path: Path) -> None:
    assert Noted(path, MACHINE).all() == Noted(path, PYTHON).all()


@pytest.mark.slow
@needs_captures
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_machine_code_notes_what_python_notes_of_real_captures(path: Path) -> None:
    try:
        noted = Noted(path, PYTHON)
    except SavefileError:
        return
    assert Noted(path, MACHINE).all() == noted.all()


@pytest.mark.parametrize("path", [*SAMPLES, *CAPTURES[::7]], ids=lambda path: path.name)
def test_sums_are_those_of_the_packets(path: Path) -> None:
    try:
        noted = Noted(path, PYTHON)
        records = read(path)
    except SavefileError:
        return
    packets = records.records
    what = noted.survey
    assert what.count.packets == noted.scan.seen == len(packets)
    assert what.count.bytes == sum(wirelen for _, wirelen, _ in packets)
    assert what.captured == sum(len(data) for _, _, data in packets)
    classes = Counter(max(at for at, size in enumerate(SIZES) if wirelen >= size) for _, wirelen, _ in packets)
    assert what.sizes == tuple(classes[at] for at in range(len(SIZES)))
    assert sum(flow.packets + flow.packets_back for flow in noted.flows) == len(packets)
    assert sum(flow.bytes + flow.bytes_back for flow in noted.flows) == what.count.bytes
    assert what.times == _intervals(packets, what.shift)
    for times, count in zip(what.filter_times, noted.scan.counts, strict=True):
        assert (sum(pair[0] for pair in times.values()), sum(pair[1] for pair in times.values())) == count[:2]
    assert noted.scan.counts[0] == what.count


def _intervals(packets: list[tuple[int, int, bytes]], shift: int) -> dict[int, tuple[int, int]]:
    times: dict[int, tuple[int, int]] = {}
    for time, wirelen, _ in packets:
        had = times.get(time >> shift, (0, 0))
        times[time >> shift] = had[0] + 1, had[1] + wirelen
    return times


# tshark's conversations and endpoints.

_TABLES = {6: "TCP", 17: "UDP", 132: "SCTP"}  # by IP's protocol
_ROW = re.compile(r"(\S+) +<-> +(\S+) +(\d+) +(.+?) +(\d+) +(\S+ \S+) +\d+ +\S+ \S+ +[\d.]+ +[\d.]+$")


@needs("tshark")
@pytest.mark.parametrize("path", COMPARED, ids=lambda path: path.name)
def test_conversations_are_those_of_tshark(path: Path) -> None:
    ours: Counter[tuple[str, frozenset[str]]] = Counter()
    for flow in Noted(path, PYTHON).flows:
        if flow.ports and flow.protocol in _TABLES:
            ours[_TABLES[flow.protocol], frozenset(_ends(flow))] += flow.packets + flow.packets_back
    assert ours == Counter(dict(_tshark(path)))


def _ends(flow: Flow) -> Iterator[str]:
    yield f"{address(flow.ends, flow.a)}:{flow.port_a}"
    yield f"{address(flow.ends, flow.b)}:{flow.port_b}"


def _tshark(path: Path) -> Iterator[tuple[tuple[str, frozenset[str]], int]]:
    """The packets of each conversation: in what, and between whom."""
    tables = [option for name in _TABLES.values() for option in ("-z", f"conv,{name.lower()}")]
    options = ["-n", "-q", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", *tables]
    command = ["tshark", "-r", str(path), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    name = ""
    for line in done.stdout.splitlines():
        if line.endswith(" Conversations"):
            name = line.split()[0]
        elif match := _ROW.match(line):
            yield (name, frozenset(match.group(1, 2))), int(match[3]) + int(match[5])


@needs("capinfos")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_order_and_size_are_those_of_capinfos(path: Path) -> None:
    done = subprocess.run(["capinfos", "-TmQ", "-cdo", path], capture_output=True, text=True, check=False, timeout=60)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    noted = Noted(path, PYTHON)
    if done.returncode == 0 and noted.error is None:
        assert int(rows[0]["Number of packets"]) == noted.survey.count.packets
        assert int(rows[0]["Data size (bytes)"]) == noted.survey.count.bytes
        assert (rows[0]["Strict time order"] == "True") == noted.survey.in_order


# Corners.


def test_classes_are_those_of_the_result() -> None:
    assert len(SIZES) == survey.CLASSES
    for at, size in enumerate(SIZES):
        assert survey.survey_class(size) == at
        assert size == 0 or survey.survey_class(size - 1) == at - 1


@pytest.mark.parametrize("patience", [PYTHON, MACHINE])
@pytest.mark.parametrize("wanted", ["flows", "times"])
def test_rooms_that_are_full_are_emptied(tmp_path: Path, patience: int, wanted: str) -> None:
    """More flows than there is room for, or times further apart, and packets of them again in the end."""
    number = survey.MOST_FLOWS + 100 if wanted == "flows" else 60
    once = [_udp(each) for each in range(number)]
    step = 10**6 if wanted == "flows" else 10**11
    records = [
        struct.pack("<IIII", *divmod((at * at * step) // 1000, 10**6), len(data), len(data)) + data
        for at, data in enumerate([*once, *once[:50]] if wanted == "times" else [*once[:200], *once, *once[:50]])
    ]
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap_file(records))
    if wanted == "flows" and patience == PYTHON:
        records = records[:400]
    noted = Noted(path, patience)
    found: Counter[tuple[int, int]] = Counter()
    for flow in noted.flows:
        found[flow.a, flow.port_a] += flow.packets + flow.packets_back
    assert sum(found.values()) == noted.survey.count.packets == noted.scan.seen
    assert set(found.values()) <= {1, 2, 3}
    packets = read(path).records
    assert noted.survey.times == _intervals(packets, noted.survey.shift)
    first, last = min(time for time, _, _ in packets), max(time for time, _, _ in packets)
    narrowest = survey.FINEST + survey.FILTER_WIDER
    assert noted.survey.shift == survey.FINEST + fitting(first >> narrowest, last >> narrowest, survey.FILTER_TIMES)


def _udp(number: int) -> bytes:
    """A packet from an address and a port that follow from a number."""
    ends = struct.pack(">II", 0x0A000000 + number, 0xC0000201)
    return (
        bytes(12)
        + b"\x08\0\x45"
        + bytes(8)
        + b"\x11"
        + bytes(2)
        + ends
        + struct.pack(">HH", number & 0xFFFF, 53)
        + bytes(4)
    )


def test_impossible_times_are_moved_to_where_there_are_some(tmp_path: Path) -> None:
    data = _udp(1)
    path = tmp_path / "late.pcapng"
    blocks = [enhanced(data, ticks=ticks) for ticks in (1, (1 << 64) - 1, 2)]
    path.write_bytes(section() + description() + b"".join(blocks) + block(3, struct.pack("<I", len(data)) + data))
    noted = Noted(path, PYTHON)
    assert noted.survey.count == Count(4, 4 * len(data), 0, (1 << 64) - 1)
    assert not noted.survey.in_order
    assert sum(packets for packets, _ in noted.survey.times.values()) == 4


@pytest.mark.parametrize("linktype", sorted({*LAYOUTS, 147, 65000}))
def test_no_packet_is_too_short(linktype: int) -> None:
    """Packets that end anywhere are noted, and nothing behind their end is looked at."""
    frames = [packet[2] for path in SAMPLES for packet in read(path).records[:2]]
    taken: list[Flow] = []
    whole = Survey(0, taken.extend)
    from cbpf.capture.packet import Interface

    for frame in frames[::5]:
        for length in range(0, min(len(frame), 80), 3):
            whole.packet(frame[:length], len(frame), SECOND, Interface(linktype), 0)
    whole.drain()
    assert sum(flow.packets + flow.packets_back for flow in taken) == whole.count.packets > 0


_TAGS = (0x8100, 0x88A8, 0x9100, 0x8847, 0x8848, 0x8864)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_what_is_cut_off_has_no_name_of_its_own(path: Path) -> None:
    """A packet that ends anywhere is of the whole packet's kind, or of the tag's that it ends in, or of none."""
    try:
        with open_savefile(str(path)) as savefile:
            packets = list(savefile)[:12]
    except SavefileError:
        return
    for _, wirelen, data, interface in packets:
        taken: list[Flow] = []
        for length in range(min(len(data), 60), -1, -1):
            one = Survey(0, taken.extend)
            one.packet(data[:length], wirelen, SECOND, interface, 0)
            one.drain()
        assert {flow.kind for flow in taken} <= {0, taken[0].kind, *_TAGS}


def test_machine_code_is_not_made_for_each_link_type_that_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be made of all judges each time."""
    made = []

    def native(walks: Walks, kind: Kind) -> Walk:
        made.append(walks.judges)
        return walks._python(kind)

    monkeypatch.setattr(Walks, "_native", native)
    linktypes = (1, 101, 113, 0, 9, 276)
    packets = [enhanced(bytes(60), interface=number, ticks=1) for number in range(len(linktypes))]
    path = tmp_path / "mixture.pcapng"
    path.write_bytes(section() + b"".join(map(description, linktypes)) + b"".join(packets))
    noted = Noted(path, 1)
    assert noted.survey.count.packets == len(packets)
    assert made == [1]

"""What is selected beside the filter, and outputs for each filter of a set: against plain loops over all packets."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import cbpf
from cbpf.capture import Interface, Packet, PcapngWriter, PcapWriter, open_savefile, scan, walk
from cbpf.capture.packet import Place
from cbpf.capture.scan import Batch, NoOutput, Scan
from cbpf.capture.selection import NEVER, Selection
from cbpf.capture.walks import Walks
from cbpf.machine import Program
from tests.packets import packets as packets_of

EXPRESSIONS = ("tcp", "udp or icmp", "greater 100", "tcp[0] > 200")
SELECTIONS = {
    "all": Selection(),
    "after": Selection(after=1_700_000_000_000_400_000),
    "before": Selection(before=1_700_000_000_000_399_999),
    "between": Selection(after=1_700_000_000_000_100_000, before=1_700_000_000_000_200_000),
    "range": Selection(first=100, last=250),
    "from": Selection(first=700),
    "sample": Selection(every=7),
    "sample of a range": Selection(first=3, last=500, every=2),
    "far": Selection(first=10**9),
}
WAYS = ("python", "native", "threads")


@pytest.fixture(params=[pytest.param("pcap", marks=pytest.mark.slow), "pcapng"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A savefile of packets of all kinds, a microsecond apart; some have been cut."""
    choose = random.Random(5)
    interface = Interface(snaplen=200)
    name = tmp_path / f"some.{request.param}"
    writer = PcapWriter(str(name), interface) if request.param == "pcap" else PcapngWriter(str(name))
    with writer:
        for number, data in enumerate(packets_of("EN10MB", 9, 1000)):
            cut = data[: choose.choice((200, 200, 33))]
            writer.write(Packet(1_700_000_000_000_000_000 + 1000 * number, len(data), cut, interface))
    return name


@pytest.fixture(params=WAYS)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    if request.param != "python":
        pytest.importorskip("llvmlite")
        monkeypatch.setattr(scan, "IN_PYTHON", 0)
    if request.param == "threads":
        monkeypatch.setattr(scan, "PART", 8000)
    return 3 if request.param == "threads" else 1


def all_packets(path: Path) -> list[Packet]:
    with open_savefile(str(path)) as savefile:
        return list(savefile)


def chosen(path: Path, selection: Selection) -> Iterator[Packet]:
    """Those in the range and between the times."""
    for number, packet in enumerate(all_packets(path), 1):
        if selection.first <= number <= selection.last and selection.after <= packet.timestamp <= selection.before:
            yield packet


def program(expression: str) -> Program:
    return cbpf.compile(expression, snaplen=90).program


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("form", [walk.COUNT, walk.DATA])
@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_one_filter(path: Path, threads: int, selection: Selection, form: int, *, inverted: bool) -> None:
    judge = program("udp or tcp[0] > 200")
    reference = cbpf.engine.PythonEngine(judge)
    matching = [
        packet for packet in chosen(path, selection) if bool(reference.run(packet.data, packet.wirelen)) != inverted
    ]
    expected = [(packet.timestamp, packet.data[:90]) for packet in matching[:: selection.every]]
    walks = Walks(inverted=90 if inverted else None)
    with open_savefile(str(path)) as savefile:
        scanning = Scan(savefile, lambda _: (judge,), NoOutput(form), walks, threads=threads, selection=selection)
        found = [(match.timestamp, bytes(match.data)) for batch in scanning for match in batch.matches]
    assert scanning.found == len(expected)
    assert form == walk.COUNT or found == expected
    assert scanning.seen == min(selection.last, 1000)


@pytest.mark.parametrize("limit", [1, 5])
def test_a_sample_goes_on_in_the_next_file(path: Path, threads: int, limit: int) -> None:
    judge = program("udp")
    wanted = Selection(every=10)
    phase, found = 0, []
    for count in (limit, None):
        with open_savefile(str(path)) as savefile:
            scanning = Scan(
                savefile,
                lambda _: (judge,),
                NoOutput(walk.DATA),
                Walks(),
                limit=count,
                threads=threads,
                selection=wanted,
                phase=phase,
            )
            found += [match.offset for batch in scanning for match in batch.matches]
            phase = scanning.phase
    with open_savefile(str(path)) as savefile:
        everything = [
            match.offset
            for batch in Scan(savefile, lambda _: (judge,), NoOutput(walk.DATA), Walks())
            for match in batch.matches
        ]
    assert found == everything[::10][:limit] + everything[9::10]


class Encoded:
    """An output of encoded packets, which are only collected."""

    def __init__(self, form: int) -> None:
        self.form = form

    def place(self, interface: Interface) -> Place:
        return Place(0, 1000)


@pytest.mark.parametrize("filters", [70])
@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("form", [walk.PCAP, walk.PCAPNG])
@pytest.mark.parametrize("size", [600])
def test_an_output_for_each_filter(
    path: Path, threads: int, filters: int, form: int, size: int, monkeypatch: pytest.MonkeyPatch, *, rest: bool
) -> None:
    """Each has the records that a single filter would have, also where there is hardly room for one."""
    from cbpf.capture import piece

    monkeypatch.setattr(piece, "OUTPUT", size)
    monkeypatch.setattr(piece, "_LEAST_SHARE", 300)
    wanted = Selection(keep=77, after=1_700_000_000_000_001_000)
    programs = [program(EXPRESSIONS[number % 4] if number else "arp") for number in range(filters)]
    outputs = _shares(path, programs, form, threads, wanted, rest=rest)
    engines = [cbpf.engine.PythonEngine(each) for each in programs]
    left = list(chosen(path, wanted))
    for number, engine in enumerate(engines):
        matching = [packet for packet in chosen(path, wanted) if engine.run(packet.data, packet.wirelen)]
        assert outputs[number] == _written(matching, form, path)
        left = [packet for packet in left if not engine.run(packet.data, packet.wirelen)]
    assert len(outputs) == filters + rest
    assert not rest or outputs[-1] == _written(left, form, path)


def _shares(
    path: Path, programs: Sequence[Program], form: int, threads: int, wanted: Selection, *, rest: bool
) -> list[bytes]:
    outputs, packets = [b""] * (len(programs) + rest), [0] * (len(programs) + rest)
    walks = Walks(len(programs), rest=rest)
    with open_savefile(str(path)) as savefile:
        scanning = Scan(savefile, lambda _: programs, Encoded(form), walks, threads=threads, selection=wanted)
        for batch in scanning:
            for number, share in enumerate(batch.shares):
                outputs[number] += share.encoded
                packets[number] += share.found
            assert not batch.matches
    assert packets == [count.packets for count in scanning.counts]
    return outputs


def _written(found: Sequence[Packet], form: int, path: Path) -> bytes:
    """What a writer makes of packets, without what comes before them."""
    name = str(path.with_suffix(".out"))
    interface = Interface(snaplen=200)
    writer = PcapWriter(name, interface) if form == walk.PCAP else PcapngWriter(name)
    with writer:
        writer.place(interface)
        writer.flush()
        begin = Path(name).stat().st_size
        for packet in found:
            writer.write(packet._replace(data=packet.data[:77], interface=interface))
    return Path(name).read_bytes()[begin:]


def test_what_is_selected_is_told_from_what_is_not() -> None:
    assert not Selection(keep=5, inverted=True).chooses
    assert not Selection(after=5).in_order
    assert Selection(every=2).in_order
    assert Selection(last=NEVER - 1).in_order
    assert isinstance(Batch(0, memoryview(b""), ()).shares, tuple)

"""The scan against the readers and the interpreter: the same packets, in Python and as machine code, in any pieces."""

from __future__ import annotations

import io
import random
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cbpf
from cbpf import FilterError, LinkTypeError, Program, ProgramError
from cbpf.capture import Interface, Packet, PcapngWriter, PcapWriter, open_savefile, scan, walk
from cbpf.capture import piece as pieces
from cbpf.capture.savefile import Savefile
from cbpf.capture.scan import NoOutput, Scan
from cbpf.capture.walks import Walks
from cbpf.engine import PythonEngine
from cbpf.engine.kernel import store64
from cbpf.engine.llvm import NoNativeCode, available
from cbpf.errors import CbpfError, SavefileError
from cbpf.machine import opcodes as op

from .tools import SAMPLES, SHARED, description, enhanced, option, pcap_file, record, section

EXPRESSIONS = ("tcp or udp port 53", "greater 80", "")
# Every file with one of them; making machine code takes its time.
CAPTURES = [(path, EXPRESSIONS[number % 3]) for number, path in enumerate([*SAMPLES, *SHARED[::3]])]


def _native() -> bool:
    try:
        available()
    except NoNativeCode:
        return False
    return True


needs_llvm = pytest.mark.skipif(not _native(), reason="no llvmlite")
WAYS = [pytest.param(False, id="python"), pytest.param(True, id="native", marks=needs_llvm)]


@pytest.fixture(params=WAYS)
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Small files are scanned as large ones are, or large ones as small ones."""
    monkeypatch.setattr(scan, "IN_PYTHON", -1 if request.param else 1 << 60)
    return bool(request.param)


EVERYTHING = Program([(6, 0, 0, 0xFFFFFFFF)])


class Result(NamedTuple):
    """What came of a savefile: the packets, and the complaint about its damage."""

    packets: list[Packet]
    complaint: str | None


def program(expression: str, interface: Interface) -> Program | None:
    try:
        return cbpf.compile(expression, interface.linktype, snaplen=70).program
    except CbpfError:
        return None


def by_reading(savefile: Savefile, expression: str) -> Result:
    engines: dict[int, PythonEngine | None] = {}  # by link type
    found: list[Packet] = []
    try:
        for packet in savefile:
            linktype = packet.interface.linktype
            if linktype not in engines:
                judge = program(expression, packet.interface)
                engines[linktype] = None if judge is None else PythonEngine(judge)
            engine = engines[linktype]
            verdict = engine.run(packet.data, packet.wirelen) if engine else 0
            if verdict:
                found.append(packet._replace(data=packet.data[:verdict]))
    except SavefileError as error:
        return Result(found, str(error))
    return Result(found, None)


def scanned(savefile: Savefile, expression: str, **options: Any) -> Result:
    def choose(interface: Interface) -> tuple[Program] | None:
        judge = program(expression, interface)
        return None if judge is None else (judge,)

    scanning = Scan(savefile, choose, NoOutput(walk.DATA), Walks(), **options)
    found: list[Packet] = []
    complaint = None
    try:
        for batch in scanning:
            assert batch.found == len(batch.matches)
            found += [match.packet() for match in batch.matches]
    except SavefileError as error:
        complaint = str(error)
    assert scanning.found == len(found)
    return Result(found, complaint)


@pytest.mark.parametrize(("path", "expression"), CAPTURES, ids=lambda value: getattr(value, "name", ""))
def test_the_packets_are_those_that_the_readers_read(path: Path, expression: str, native: bool) -> None:
    try:
        with open_savefile(str(path)) as savefile:
            expected = by_reading(savefile, expression)
    except SavefileError:
        return
    with open_savefile(str(path)) as savefile:
        assert scanned(savefile, expression) == expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("piece", [64, pytest.param(100, marks=pytest.mark.slow), 1000])
def test_pieces_make_no_difference(path: Path, piece: int, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", piece)
    with open_savefile(str(path)) as savefile:
        expected = by_reading(savefile, "")
    with open_savefile(str(path)) as savefile:
        assert scanned(savefile, "") == expected
    for limit in (None, 5):
        assert counted(path, limit) == len(expected.packets[:limit])


def counted(path: Path, limit: int | None) -> int:
    """How many packets a scan finds that only counts."""
    with open_savefile(str(path)) as savefile:
        scanning = Scan(savefile, lambda _: (EVERYTHING,), NoOutput(walk.COUNT), Walks(), limit=limit)
        with suppress(SavefileError):
            for _ in scanning:
                pass
    return scanning.found


class Drip(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def readinto1(self, room: memoryview, /) -> int:  # type: ignore[override]
        return self.readinto(room[:37])


@pytest.mark.parametrize("path", SAMPLES[::4], ids=lambda path: path.name)
def test_streams_may_be_slow(path: Path, native: bool) -> None:
    with open_savefile(str(path)) as savefile:
        expected = by_reading(savefile, "")
    slow = scanned(Savefile(Drip(path.read_bytes()), str(path)), "")
    assert slow == expected


@pytest.mark.parametrize("path", [*SAMPLES, *SHARED[::12]], ids=lambda path: path.name)
@pytest.mark.parametrize("suffix", [".pcap", ".pcapng"])
def test_what_is_encoded_is_what_the_writers_write(path: Path, suffix: str, native: bool, tmp_path: Path) -> None:
    with open_savefile(str(path)) as savefile:
        expected = by_reading(savefile, "")
        interfaces = savefile.interfaces
    if suffix == ".pcap" and len({interface.linktype for interface in interfaces}) != 1:
        return

    def writer(name: str) -> PcapWriter | PcapngWriter:
        where = str(tmp_path / (name + suffix))
        return PcapWriter(where, interfaces[0]) if suffix == ".pcap" else PcapngWriter(where)

    with writer("slow") as slow:
        for packet in expected.packets:
            slow.write(packet)
    with writer("fast") as fast, open_savefile(str(path)) as savefile:
        form = walk.PCAP if suffix == ".pcap" else walk.PCAPNG
        output = NoOutput(form)
        output.place = fast.place  # type: ignore[method-assign]
        try:
            for batch in Scan(
                savefile, lambda each: [cbpf.compile("", each.linktype, snaplen=70).program], output, Walks()
            ):
                fast.put(batch.encoded)
                for match in batch.matches:
                    fast.write(match.packet())
        except SavefileError as error:
            assert str(error) == expected.complaint
    assert (tmp_path / f"fast{suffix}").read_bytes() == (tmp_path / f"slow{suffix}").read_bytes()


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_limits(limit: int, native: bool) -> None:
    for path in SAMPLES[:12]:
        try:
            with open_savefile(str(path)) as savefile:
                expected = by_reading(savefile, "").packets[:limit]
        except SavefileError:
            continue
        with open_savefile(str(path)) as savefile:
            assert scanned(savefile, "", limit=limit).packets == expected
        assert counted(path, limit) == len(expected)


# Several threads.


def _misleading(count: int, format: str, tmp_path: Path) -> Path:
    """A file whose packets look like parts of savefiles, so that most guesses are wrong."""
    choose = random.Random(count)
    path = tmp_path / f"misleading.{format}"
    inner = b"".join(record(bytes(choose.randrange(1, 30))) for _ in range(40))
    with PcapngWriter(str(path)) if format == "pcapng" else PcapWriter(str(path), Interface()) as writer:
        for number in range(count):
            data = choose.choice((inner, bytes(choose.randrange(200)), choose.randbytes(90)))
            writer.write(Packet(number * 10**9, len(data), data, Interface()))
    return path


@needs_llvm
@pytest.mark.parametrize("format", ["pcap", "pcapng"])
@pytest.mark.parametrize("part", [500, 3000, 40_000])
@pytest.mark.parametrize("damaged", [False, True])
def test_parts_make_no_difference(
    format: str, part: int, damaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "IN_PYTHON", -1)
    monkeypatch.setattr(scan, "PART", part)
    monkeypatch.setattr(pieces, "PIECE", 2000)
    path = _misleading(400, format, tmp_path)
    if damaged:
        content = path.read_bytes()
        middle = len(content) * 2 // 3
        path.write_bytes(content[:middle] + b"\xff" * 40 + content[middle:])
    with open_savefile(str(path)) as savefile:
        expected = by_reading(savefile, "greater 50")
    for threads in (1, 2, 5):
        with open_savefile(str(path)) as savefile:
            assert scanned(savefile, "greater 50", threads=threads) == expected


@needs_llvm
def test_interfaces_that_come_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "IN_PYTHON", -1)
    monkeypatch.setattr(scan, "PART", 4000)
    path = tmp_path / "many.pcapng"
    with PcapngWriter(str(path)) as writer:
        for number in range(900):
            interface = Interface(linktype=(1, 101, 113)[number // 300], number=number // 300)
            writer.write(Packet(number * 1000, 60, bytes(60), interface))
    with open_savefile(str(path)) as savefile:
        expected = by_reading(savefile, "")
    assert len(expected.packets) == 900
    for threads in (1, 3):
        with open_savefile(str(path)) as savefile:
            assert scanned(savefile, "", threads=threads) == expected


# Sets of filters, and the face.

SET = {"web": "tcp port 80", "arp": "arp", "names": "udp port 53", "all": "", "none": "udp port 9", "tag": "vlan"}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_sets_count_what_their_filters_match(path: Path, native: bool) -> None:
    try:
        counted = cbpf.count(str(path), SET)
    except SavefileError:
        return
    for name, expression in SET.items():
        with open_savefile(str(path)) as savefile:
            found = by_reading(savefile, expression).packets
        times = [packet.timestamp for packet in found]
        first, last = (min(times), max(times)) if times else (None, None)
        assert counted[name] == (len(found), sum(packet.wirelen for packet in found), first, last), name


def test_sets_keep_all_of_a_packet(native: bool) -> None:
    path = str(next(path for path in SAMPLES if path.name == "http.pcap"))
    single = [match.packet() for batch in cbpf.scan(path, "greater 5") for match in batch]
    both = [match.packet() for batch in cbpf.scan(path, {"a": "greater 5", "b": "greater 5"}) for match in batch]
    assert both == single


def test_no_filters_at_all(native: bool) -> None:
    path = str(SAMPLES[0])
    assert cbpf.count(path, {}) == {}
    assert [match for batch in cbpf.scan(path, {}) for match in batch] == []


@pytest.mark.parametrize("offset", [0, -100, 1 << 62, -(1 << 62)])
@pytest.mark.parametrize("resolution", [6, 9, 0x81, 0x83, 0])
def test_times_of_all_kinds(offset: int, resolution: int, native: bool, tmp_path: Path) -> None:
    path = tmp_path / "times.pcapng"
    options = option(9, bytes([resolution])) + option(14, offset.to_bytes(8, "little", signed=True))
    blocks = [enhanced(bytes(60), ticks=ticks) for ticks in (5, 1 << 40, 1 << 60, (1 << 64) - 1, 7)]
    path.write_bytes(b"".join([section(), description(options=options), *blocks]))
    with open_savefile(str(path)) as savefile:
        expected = by_reading(savefile, "")
    assert len(expected.packets) == 5
    with open_savefile(str(path)) as savefile:
        assert scanned(savefile, "") == expected
    times = [packet.timestamp for packet in expected.packets]
    assert cbpf.count(str(path)) == (5, 300, min(times), max(times))


def test_programs_in_sets_that_do_not_end(native: bool, tmp_path: Path) -> None:
    """What comes before the packet that a program does not end on is had, whatever the filters are."""
    path = tmp_path / "some.pcap"
    path.write_bytes(pcap_file([record(bytes([number])) for number in (1, 1, 0, 1)]))
    back = Program(
        [(op.LD | op.B | op.ABS, 0, 0, 0), (op.JMP | op.JEQ, 0, 1, 0), (op.JMP | op.JA, 0, 0, (1 << 32) - 2)]
    )
    endless = Program([*back, (op.RET | op.K, 0, 0, 9)])
    for filters in (None, 1, 2):
        with open_savefile(str(path)) as savefile:
            judges = [endless] * (filters or 1)
            scanning = Scan(savefile, lambda _, judges=judges: judges, NoOutput(walk.DATA), Walks(filters))  # type: ignore[misc]
            with pytest.raises(ProgramError, match="loops"):
                list(scanning)
            assert scanning.found == 2


def test_many_interfaces(native: bool, tmp_path: Path) -> None:
    path = tmp_path / "many.pcapng"
    with PcapngWriter(str(path)) as writer:
        for number in range(1500):
            interface = Interface(name=f"eth{number}", number=number)
            for _ in range(3):
                writer.write(Packet(number * 1000, 60, bytes(60), interface))
    assert cbpf.count(str(path)).packets == 4500


@needs_llvm
def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could be read is there, whether one thread reads or several, and one error names the file."""
    monkeypatch.setattr(scan, "IN_PYTHON", -1)
    monkeypatch.setattr(scan, "PART", 30_000)
    monkeypatch.setattr(pieces, "PIECE", 1000)
    path = _misleading(2000, "pcap", tmp_path)
    content = path.read_bytes()

    def failing(self: pieces.Piece, number: int) -> bool:
        if self.end_offset >= 500_000:
            raise OSError(5, "Input/output error")
        more = read(self, number)
        self.filled(min(0, 500_000 - self.end_offset))
        return more

    def beginning(self: pieces.Piece, task: pieces.Task, limit: int, stop: int, before: int) -> None:
        begin(self, task, limit, stop, before)
        store64(self.buffers.state, walk.DESCRIPTOR, walk.NOWHERE)  # no reading but here

    read, begin = pieces.Piece.read_at, pieces.Piece.begin
    monkeypatch.setattr(pieces.Piece, "begin", beginning)
    monkeypatch.setattr(pieces.Piece, "read_at", failing)
    assert len(content) > 600_000
    results = []
    for threads in (1, 3):
        with open_savefile(str(path)) as savefile:
            results.append(scanned(savefile, "", threads=threads))
    assert results[0] == results[1]
    assert results[0].complaint == f"{path}: cannot read: Input/output error"
    assert len(results[0].packets) > 50


def test_large_sets(native: bool, tmp_path: Path) -> None:
    """More than the 64 filters that one number has bits for."""
    path = tmp_path / "ports.pcap"
    frames = [bytes(12) + b"\x08\0\x45" + bytes(8) + b"\x11" + bytes(12) + port.to_bytes(2) for port in range(150)]
    path.write_bytes(pcap_file([record(frame) for frame in frames]))
    filters = cbpf.FilterSet({f"port {port}": f"udp dst port {port}" for port in range(150)} | {"udp": "udp"})
    counted = cbpf.count(str(path), filters)
    assert {name: each.packets for name, each in counted.items()} == {f"port {port}": 1 for port in range(150)} | {
        "udp": 150
    }
    matches = [match for batch in cbpf.scan(str(path), filters) for match in batch]
    assert [filters.matching(match.filters) for match in matches] == [[f"port {port}", "udp"] for port in range(150)]


def test_matches_are_kept(native: bool) -> None:
    """The bytes of a match are its own: they do not change when the scan goes on."""
    path = next(path for path in SAMPLES if path.name == "http.pcap")
    content = path.read_bytes()
    batches = list(cbpf.scan(str(path), "tcp"))
    for match in (match for batch in batches for match in batch):
        assert match.data.readonly
        assert content[match.offset + 16 :][: len(match.data)] == match.data


def test_errors_of_the_face() -> None:
    path = str(next(path for path in SAMPLES if path.name == "raw.pcap"))
    with pytest.raises(FilterError):
        cbpf.count(path, "tcp prt 80")
    with pytest.raises(FilterError):
        cbpf.FilterSet({"wrong": "port 99999"})
    with pytest.raises(LinkTypeError, match="EN10MB"):
        cbpf.count(path, cbpf.compile("tcp"))
    with pytest.raises(SavefileError):
        next(cbpf.scan("/nonexistent"))
    for wrong in (None, 5, ["tcp"], {"a": None}):
        with pytest.raises(TypeError, match="an expression, a Filter, or names"):
            cbpf.count(path, wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="thread"):
        cbpf.count(path, "tcp", threads=0)
    assert cbpf.count(path, {"arp": "vlan"}) == {"arp": (0, 0, None, None)}
    assert cbpf.count(path, cbpf.compile("", "RAW")) == cbpf.count(path)


def test_programs_that_do_not_end(native: bool, tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap_file([record(b"packet"), record(b"packet")]))
    endless = Program([(op.JMP | op.JA, 0, 0, 0xFFFFFFFF), (op.RET | op.K, 0, 0, 1)])
    with open_savefile(str(path)) as savefile, pytest.raises(ProgramError, match="loops"):
        list(Scan(savefile, lambda _: (endless,), NoOutput(walk.COUNT), Walks()))


def test_packets_larger_than_the_buffers(native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 128)
    path = tmp_path / "large.pcap"
    path.write_bytes(pcap_file([record(bytes(size)) for size in (10, 5000, 3, 200_000, 60)]))
    with open_savefile(str(path)) as savefile:
        assert scanned(savefile, "") == by_reading_again(path)


def by_reading_again(path: Path) -> Result:
    with open_savefile(str(path)) as savefile:
        return by_reading(savefile, "")

"""Savefiles in a row: what they are called, which packets are in them, and which files are spared."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from cbpf.capture import Interface, Packet, open_savefile
from cbpf.capture.writing.encoding import Encoding, PcapEncoding, PcapngEncoding
from cbpf.capture.writing.rotation import Limits, Series, number_width
from cbpf.errors import SavefileError

from .tools import SECOND, needs, read

ETHERNET = Interface()
COOKED = Interface(linktype=113, snaplen=96, resolution=SECOND, name="any", number=1)
NOON = 1_700_000_000


def packet(time: float, length: int = 60, interface: Interface = ETHERNET) -> Packet:
    return Packet(int(time * SECOND), length, bytes(length), interface)


def encoding(path: Path, *interfaces: Interface) -> Encoding:
    made: Encoding = PcapngEncoding(str(path)) if ".pcapng" in path.name else PcapEncoding(str(path), ETHERNET)
    for interface in interfaces or (ETHERNET,):
        made.describe(interface)
    return made


def written(path: Path, limits: Limits, packets: list[Packet], *, force: bool = False) -> Series:
    """A series of these packets, a part of them encoded before."""
    kind = encoding(path)
    series = Series(str(path), kind, limits, force=force)
    series.open()
    choose = random.Random(0)
    while packets:
        count = choose.randrange(1, 40)
        some, packets = packets[:count], packets[count:]
        if choose.randrange(2):
            series.put(memoryview(b"".join(map(kind.encode, some))), len(some))
        else:
            for each in some:
                series.write(each)
    series.close()
    return series


def times(path: Path) -> list[int]:
    return [time for time, _, _ in read(path).records]


def date(second: int, format: str) -> str:
    done = subprocess.run(["date", "-d", f"@{second}", f"+{format}"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@needs("date")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize("ending", [".pcap", ".pcapng"])
def test_every_period_with_packets_has_a_file(
    ending: str, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first packet's second on, in local time; packets from the past are put into the present file."""
    monkeypatch.setenv("TZ", zone)
    time = pytest.importorskip("time")
    time.tzset()
    try:
        choose = random.Random(ending)
        moments = [NOON + 0.75]
        for _ in range(800):
            moments.append(moments[-1] + choose.choice((-0.4, 0.001, 0.3, 0.9, 7)))
        expected: dict[str, list[int]] = {}
        latest = 0
        for moment in moments:
            latest = max(latest, (int(moment) - NOON) // 5)
            name = f"x-{latest}"
            expected.setdefault(name, []).append(int(moment * SECOND) // 1000 * 1000)
        series = written(tmp_path / f"%F_%T{ending}", Limits(seconds=5), [packet(moment) for moment in moments])
        assert [times(Path(path)) for path in series.paths] == list(expected.values())
        for path, name in zip(series.paths[:20], expected, strict=False):
            assert Path(path).name == date(NOON + 5 * int(name[2:]), f"%F_%T{ending}")
        assert series.packets == len(moments)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_there_is_no_file_before_the_first_packet(tmp_path: Path) -> None:
    assert written(tmp_path / "%s.pcap", Limits(seconds=5), []).paths == []
    assert os.listdir(tmp_path) == []
    assert written(tmp_path / "one.pcap", Limits(size=5), []).paths == [str(tmp_path / "one.pcap")]
    assert read(tmp_path / "one.pcap") == ([], None)


@pytest.mark.parametrize("ending", [".pcap", ".pcapng"])
def test_a_series_is_done_after_so_many_files(ending: str, tmp_path: Path) -> None:
    packets = [packet(NOON + second) for second in range(100)]
    series = written(tmp_path / f"%s{ending}", Limits(seconds=10, files=3), packets)
    assert series.done
    assert series.packets == 30
    assert [len(times(Path(path))) for path in series.paths] == [10, 10, 10]
    assert len(os.listdir(tmp_path)) == 3


def test_numbers_begin_anew_in_each_period(tmp_path: Path) -> None:
    packets = [packet(NOON + number / 10, 984) for number in range(200)]
    series = written(tmp_path / "%s", Limits(size=30_000, seconds=10), packets)
    names = [f"{NOON + period}{count}" for period in (0, 10) for count in ("", 1, 2, 3)]
    assert [Path(path).name for path in series.paths] == names
    assert [len(times(tmp_path / name)) for name in names] == [30, 30, 30, 10] * 2
    ring = written(tmp_path / "ring-%s", Limits(size=30_000, seconds=10, files=2), packets)
    assert [Path(path).name for path in ring.paths] == [
        f"ring-{NOON + period}{count}" for period in (0, 10) for count in (0, 1)
    ]
    assert not ring.done


def test_periods_of_the_same_name_get_numbers(tmp_path: Path) -> None:
    packets = [packet(NOON + second) for second in range(50)]
    series = written(tmp_path / "same", Limits(seconds=10), packets)
    assert [Path(path).name for path in series.paths] == ["same", "same1", "same2", "same3", "same4"]
    forced = written(tmp_path / "forced", Limits(seconds=10), packets, force=True)
    assert [Path(path).name for path in forced.paths] == ["forced"]  # as tcpdump does
    assert times(tmp_path / "forced") == [each.timestamp for each in packets[40:]]


def test_a_template_may_come_round(tmp_path: Path) -> None:
    """Every hour the same sixty names, and the files of this run only."""
    packets = [packet(NOON + 60 * minute) for minute in range(130)]
    series = written(tmp_path / "%M", Limits(seconds=60), packets)
    assert len(series.paths) == 60
    assert sorted(time for path in series.paths for time in times(Path(path))) == [
        each.timestamp for each in packets[70:]
    ]


@pytest.mark.parametrize(
    ("limits", "taken"), [(Limits(size=1000), "x1"), (Limits(size=1000, files=3), "x2"), (Limits(seconds=1), "x1")]
)
def test_what_others_wrote_is_spared(limits: Limits, taken: str, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("precious")
    packets = [packet(NOON + number, 600) for number in range(20)]
    with pytest.raises(SavefileError, match=f"{taken}: exists; --force overwrites it"):
        written(tmp_path / "x", limits, packets)
    assert (tmp_path / taken).read_text() == "precious"
    whole = [name for name in sorted(os.listdir(tmp_path)) if name != taken]
    kept = [time for name in whole for time in times(tmp_path / name)]
    assert kept == [each.timestamp for each in packets[: len(kept)]]
    written(tmp_path / "x", limits, packets, force=True)


def test_a_ring_goes_round(tmp_path: Path) -> None:
    packets = [packet(NOON + number, 984) for number in range(100)]
    series = written(tmp_path / "x", Limits(size=10_000, files=3), packets)
    assert [Path(path).name for path in series.paths] == ["x0", "x1", "x2"]
    assert [len(times(Path(path))) for path in series.paths] == [10, 10, 10]
    assert sorted(time for path in series.paths for time in times(Path(path))) == [
        each.timestamp for each in packets[70:]
    ]


def test_every_pcapng_file_describes_all_interfaces_so_far(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    kind = encoding(path, ETHERNET)
    series = Series(str(path), kind, Limits(size=2000))
    series.open()
    for number in range(60):
        if number == 30:
            series.describe(COOKED)
        series.write(packet(NOON + number, 90, COOKED if number % 2 and number >= 30 else ETHERNET))
    series.close()
    found = []
    for name in series.paths:
        with open_savefile(name) as savefile:
            found += list(savefile)
            assert savefile.interfaces in ([ETHERNET], [ETHERNET, COOKED])
    assert [each.interface.linktype for each in found] == [1] * 30 + [1, 113] * 15
    assert [each.timestamp for each in found] == [(NOON + number) * SECOND for number in range(60)]
    assert len(series.paths) > 3


@needs("capinfos")
def test_capinfos_reads_every_pcapng_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    kind = encoding(path, ETHERNET, COOKED)
    series = Series(str(path), kind, Limits(size=2000))
    series.open()
    series.put(memoryview(b"".join(kind.encode(packet(NOON, 90, COOKED)) for _ in range(60))), 60)
    series.close()
    done = subprocess.run(["capinfos", "-T", "-c", *series.paths], capture_output=True, text=True, check=True)
    assert sum(int(line.split("\t")[1]) for line in done.stdout.splitlines()[1:]) == 60


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst", "lz4"])
def test_compressed_files_are_divided_by_their_own_size(ending: str, tmp_path: Path) -> None:
    pytest.importorskip({"zst": "zstandard", "lz4": "lz4"}.get(ending, "zlib"))
    choose = random.Random(0)
    packets = [Packet(NOON * SECOND, 1000, choose.randbytes(500) + bytes(500), ETHERNET) for _ in range(4000)]
    series = written(tmp_path / f"x.pcap.{ending}", Limits(size=300_000), list(packets))
    sizes = [os.path.getsize(path) for path in series.paths]
    assert all(300_000 < size < 700_000 for size in sizes[:-1])
    assert [each for path in series.paths for each in read(path).records] == [
        (each.timestamp, each.wirelen, each.data) for each in packets
    ]
    assert series.size == sum(sizes)


def test_who_is_told_of_files(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "x"
    series = Series(
        str(path),
        encoding(path),
        Limits(size=100, files=2),
        closed=lambda name: told.append(f"closed {name[-1]} of {os.path.getsize(name)}"),
        reused=lambda name: told.append(f"reused {name[-1]}"),
    )
    series.open()
    for _ in range(3):
        series.write(packet(NOON, 100))
    series.close()
    series.close()
    assert told == ["closed 0 of 140", "closed 1 of 140", "reused 0", "closed 0 of 140"]


def test_times_that_no_calendar_has(tmp_path: Path) -> None:
    path = tmp_path / "%F"
    series = Series(str(path), encoding(path), Limits(seconds=5))
    with pytest.raises(SavefileError, match="there is no local time for the second 9223372036854775808"):
        series.write(packet(1 << 63))


def test_numbers_are_as_wide_as_the_highest() -> None:
    assert [number_width(files) for files in (None, 1, 2, 10, 11, 100, 101)] == [0, 0, 1, 1, 2, 2, 3]

"""The scan measured against other ways to filter a savefile: whole processes, from the shell to their end.

    python -m benchmarks.scan                     a capture of 1 GiB, made in a temporary folder
    python -m benchmarks.scan --size 4096 single  only single filters, on 4 GiB

from the project's root. Every number is the median of several runs, and ratios are of numbers from the same run. The
files are to fit into memory: they are read once before. Peers that are not installed are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import click

import cbpf
from benchmarks.large import write_large_capture
from benchmarks.tables import NONE, Cell, table

_PARTS: Final = ("single", "many", "python", "calls", "growth")
_CBPF: Final = str(Path(sys.executable).with_name("cbpf"))
_SINGLE: Final = ("tcp port 443", "udp port 53", "ip[8] < 20 or icmp6")
_SPARSE: Final = ("icmp and greater 700", "tcp dst port 443 and len > 1500", "arp")
_MANY: Final = (
    *("tcp port 443", "udp port 53", "arp", "icmp", "ip6", "vlan", "tcp[tcpflags] & tcp-syn != 0", "host 192.0.2.10"),
    *("net 198.51.100.0/24", "port 80", "len > 1000", "tcp", "udp", "sctp", "icmp6", "ether broadcast", "greater 500"),
    *("src port 443", "dst port 443", "ip[8] < 20"),
)
_MEBIBYTE: Final = 1024 * 1024
_HEAD: Final = 6 * _MEBIBYTE  # bytes of a capture that is just worth machine code
_SMALL: Final = 32 * _MEBIBYTE  # bytes of a capture for peers that take long


class Run(NamedTuple):
    """The median seconds of a command, and the most memory that it had resident, in MB."""

    seconds: float
    memory: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option("--size", default=1024, show_default=True, help="MiB of the capture.")
@click.option(
    "--packets",
    type=click.Choice(["samples", "mixed"]),
    default="samples",
    show_default=True,
    help="The project's packets as they are, which are short, or with long ones among them.",
)
@click.option("--repeat", default=5, show_default=True, help="Runs of each command.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to make the captures, instead of a new folder.")
def main(parts: tuple[str, ...], size: int, packets: str, repeat: int, folder: Path | None) -> None:
    """Measure cbpf's scan against its peers: PARTS of it, or all."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path, small, head = (Path(made) / f"{name}.pcap" for name in ("large", "small", "head"))
        count = write_large_capture(path, size * _MEBIBYTE, mixed=packets == "mixed")
        write_large_capture(small, min(_SMALL, size * _MEBIBYTE), mixed=packets == "mixed")
        write_large_capture(head, _HEAD, mixed=packets == "mixed")
        length = path.stat().st_size
        click.echo(f"{length:,} bytes, {count:,} packets, {length / count:.0f} bytes each; {os.cpu_count()} processors")
        measures: dict[str, Callable[[], list[str]]] = {
            "single": lambda: _single(path, head, repeat),
            "many": lambda: _many(path, repeat),
            "python": lambda: _python(small, repeat),
            "calls": _calls,
            "growth": lambda: _growth(Path(made), size, packets, repeat),
        }
        for name in parts or _PARTS:
            click.echo("\n".join(["", f"== {name}", "", *measures[name]()]))


def _single(path: Path, head: Path, repeat: int) -> list[str]:
    """One filter: counting, and writing what matches. The scan of ``head`` takes as long to start."""
    tiny = Path(__file__).resolve().parents[1] / "captures" / "http.pcap"
    limit = _time(["cat", str(path)], repeat).seconds
    bare = limit - _time(["cat", str(head)], repeat).seconds
    rows: list[list[Cell]] = [["cat", "", limit, NONE, NONE, NONE]]
    for what, filters in (("count", _SINGLE), ("write", _SPARSE)):
        for expression in filters:
            target = ["--count"] if what == "count" else ["-w", str(path.with_name("out.pcap"))]
            force = [] if what == "count" else ["--force"]
            ours = _time([_CBPF, "filter", "-r", str(path), *target, *force, expression], repeat)
            one = [
                _time([_CBPF, "filter", "--threads", "1", "-r", str(each), *target, *force, expression], repeat)
                for each in (path, head)
            ]
            alone = one[0].seconds - one[1].seconds
            rows.append([f"cbpf {what}", expression, ours.seconds, NONE, ours.seconds / limit, ours.memory])
            rows.append([f"cbpf {what}, 1 thread, scan alone", expression, alone, NONE, alone / bare, one[0].memory])
            if shutil.which("tcpdump"):
                theirs = _time(["tcpdump", "-r", str(path), *target, expression], repeat)
                ratio = theirs.seconds / ours.seconds
                rows.append(
                    [f"tcpdump {what}", expression, theirs.seconds, ratio, theirs.seconds / limit, theirs.memory]
                )
    start = _time([_CBPF, "filter", "--count", "-r", str(tiny), "tcp"], repeat)
    rows.append(["cbpf, a tiny file", "tcp", start.seconds, NONE, NONE, start.memory])
    return table("what filter seconds cbpf_is_faster of_cat MB", rows)


def _many(path: Path, repeat: int) -> list[str]:
    """Many filters in one pass."""
    text = f"import cbpf; cbpf.count({str(path)!r}, {{each: each for each in {_MANY!r}}})"
    ours = _time([sys.executable, "-c", text], repeat)
    singles = sum(_time([_CBPF, "filter", "--count", "-r", str(path), each], 1).seconds for each in _MANY)
    rows: list[list[Cell]] = [[f"cbpf, {len(_MANY)} filters in one pass", ours.seconds, NONE]]
    rows.append([f"cbpf, {len(_MANY)} runs", singles, singles / ours.seconds])
    if shutil.which("tcpdump"):
        theirs = sum(_time(["tcpdump", "-r", str(path), "--count", each], 1).seconds for each in _MANY)
        rows.append([f"tcpdump, {len(_MANY)} runs", theirs, theirs / ours.seconds])
    return table("what seconds one_pass_is_faster", rows)


def _python(path: Path, repeat: int) -> list[str]:
    """What takes longer, on a small capture."""
    expression, name = _SINGLE[0], str(path)
    ours = _time([_CBPF, "filter", "--count", "-r", name, expression], repeat).seconds
    rows: list[list[Cell]] = [["cbpf", ours, NONE]]
    if shutil.which("tshark"):
        command = ["tshark", "-r", name, "-Y", "tcp.port == 443"]
        rows.append(["tshark -Y", theirs := _time(command, 1).seconds, theirs / ours])
    sniffing = f"from scapy.all import sniff; len(sniff(offline={name!r}, filter={expression!r}, store=False) or [])"
    if shutil.which("tcpdump"):
        rows.append(["scapy sniff", theirs := _time([sys.executable, "-c", sniffing], 1).seconds, theirs / ours])
    if find_spec("pcapy"):
        looping = (
            "import dpkt, pcapy\n"
            f"judge = pcapy.compile(pcapy.DLT_EN10MB, 65535, {expression!r}, 1, 0)\n"
            f"print(sum(1 for _, data in dpkt.pcap.Reader(open({name!r}, 'rb')) if judge.filter(data)))"
        )
        rows.append(["dpkt and pcapy-ng", theirs := _time([sys.executable, "-c", looping], 1).seconds, theirs / ours])
    return table("what seconds cbpf_is_faster", rows)


def _calls() -> list[str]:
    """One packet after the other, from Python."""
    packet, number = bytes(12) + b"\x08\0\x45" + bytes(8) + b"\6" + bytes(10) + b"\0\x50" + bytes(20), 200_000

    def nanoseconds(match: Callable[[bytes], int]) -> float:
        return min(timeit.repeat(lambda: [match(packet) for _ in range(100)], number=number // 100)) / number * 1e9

    found = cbpf.compile("tcp port 80")
    ours = nanoseconds(found.match)
    rows: list[list[Cell]] = [["Filter.match", ours, NONE]]
    if find_spec("pcapy"):
        import pcapy

        theirs = nanoseconds(pcapy.compile(pcapy.DLT_EN10MB, 65535, "tcp port 80", 1, 0).filter)
        rows.append(["pcapy-ng BPFProgram.filter", theirs, theirs / ours])
    return table("what nanoseconds cbpf_is_faster", rows)


def _growth(folder: Path, size: int, packets: str, repeat: int) -> list[str]:
    """Files of half the size and a quarter of it, and sets of filters."""
    rows: list[list[Cell]] = []
    for part in (4, 2, 1):
        path = folder / f"part{part}.pcap"
        write_large_capture(path, size * _MEBIBYTE // part, mixed=packets == "mixed")
        run = _time([_CBPF, "filter", "--count", "-r", str(path), _SINGLE[0]], repeat)
        rows.append([f"{size // part} MiB, 1 filter", run.seconds, run.memory])
        if part == 4:
            for filters in (1, 5, 20):
                text = f"import cbpf; cbpf.count({str(path)!r}, {{each: each for each in {_MANY[:filters]!r}}})"
                run = _time([sys.executable, "-c", text], repeat)
                rows.append([f"{size // part} MiB, {filters} in a set", run.seconds, run.memory])
        path.unlink()
    return table("what seconds MB", rows)


def _time(command: Sequence[str], repeat: int) -> Run:
    """Run a command once for nothing, and then as often as it takes."""
    seconds, memory = [], 0.0
    for turn in range(repeat + (repeat > 1)):
        start = perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if turn or repeat == 1:
            seconds.append(perf_counter() - start)
        memory = max(memory, usage.ru_maxrss / 1024)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise click.ClickException(f"{' '.join(command)} failed")
    return Run(median(seconds), memory)


if __name__ == "__main__":
    main()

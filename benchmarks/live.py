"""How many packets a second live capture brings to a file without loss. As root, from the project's root:

    python -m benchmarks.live                                  several rates
    python -m benchmarks.live --rate 100000 --seconds 60       one, for longer
    python -m benchmarks.live --filter "udp port 54"           packets that match nothing

The packets go over a virtual cable in a network namespace of their own: one process sends at a steady rate, another
captures to a pcap file. tcpdump does the same afterwards. The rates that the sender achieved are stated as well.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final, NamedTuple

import click

import cbpf
from benchmarks.tables import NONE, Cell, table
from cbpf.capture.live import open_live
from cbpf.capture.writer import PcapWriter

_NEAR, _FAR = "near0", "far0"
_CLONE_NEWNET: Final = 0x40000000
_SOL_PACKET: Final = 263
_PACKET_QDISC_BYPASS: Final = 20
_BATCH: Final = 32  # packets in a system call
_RATES: Final = (50_000, 100_000, 150_000, 200_000, 300_000, 400_000)


class Outcome(NamedTuple):
    """What a capture made of what was sent: packets in the file, and those that the kernel dropped."""

    written: int
    received: int
    dropped: int
    processor: float  # seconds


class Sent(NamedTuple):
    """What was sent, and in how many seconds."""

    packets: int
    seconds: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rate", "rates", type=int, multiple=True, help="Packets a second; several are possible.")
@click.option("--seconds", default=5.0, show_default=True, help="How long to send at each rate.")
@click.option("--length", default=200, show_default=True, help="Bytes of a frame.")
@click.option("--filter", "expression", default="udp port 53", show_default=True, help="What to capture.")
@click.option("--buffer", type=int, help="Bytes of the kernel's buffer.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to write, instead of a new folder.")
def main(
    rates: tuple[int, ...], seconds: float, length: int, expression: str, buffer: int | None, folder: Path | None
) -> None:
    """Send packets at some rates, capture them to a file, and count what is missing."""
    _cable()
    rows: list[list[Cell]] = []
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for rate in rates or _RATES:
            path = Path(made) / "out.pcap"
            outcome, sent = _cbpf(path, expression, buffer, rate, seconds, length)
            rows.append(_row("cbpf", rate, sent, outcome))
            if shutil.which("tcpdump"):
                outcome, sent = _tcpdump(path, expression, buffer, rate, seconds, length)
                rows.append(_row("tcpdump", rate, sent, outcome))
    click.echo(f"{length} bytes each, {expression!r}, {seconds:g} seconds; {os.cpu_count()} processors")
    click.echo("\n".join(table("what asked/s sent/s sent received dropped written processor_us", rows)))


def _row(what: str, rate: int, sent: Sent, outcome: Outcome) -> list[Cell]:
    each = outcome.processor / outcome.written * 1e6 if outcome.written else NONE
    achieved = round(sent.packets / sent.seconds)
    numbers = (achieved, sent.packets, outcome.received, outcome.dropped, outcome.written)
    return [what, f"{rate:,}", *(f"{number:,}" for number in numbers), each]


def _cable() -> None:
    """Move to a new network namespace, which goes with this process, and lay a cable there."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise click.ClickException(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    for end in ("default", "all"):
        silent = Path(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6")
        if silent.exists():
            silent.write_text("1")
    subprocess.run(["ip", "link", "add", _NEAR, "type", "veth", "peer", "name", _FAR], check=True)
    for name in (_NEAR, _FAR):
        subprocess.run(["ip", "link", "set", name, "up"], check=True)


def _cbpf(
    path: Path, expression: str, buffer: int | None, rate: int, seconds: float, length: int
) -> tuple[Outcome, Sent]:
    """The capture under test, in a process of its own."""
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    results, answers = context.Pipe(duplex=False)

    def capture() -> None:
        answers.send(_capture(path, expression, buffer, ready, done))

    process = context.Process(target=capture)
    process.start()
    try:
        if not ready.wait(30):
            raise click.ClickException("the capture does not begin")
        sent = _send(rate, seconds, length)
        done.set()
        outcome: Outcome = results.recv()
    finally:
        done.set()
        process.join()
    return outcome, sent


def _capture(path: Path, expression: str, buffer: int | None, ready: Event, done: Event) -> Outcome:
    """Capture until it is done."""
    written = 0
    with open_live(_NEAR, buffer_size=buffer) as live, PcapWriter(str(path), live.interface) as writer:
        live.attach(cbpf.compile(expression, live.interface.linktype, target="linux").program)
        ready.set()
        before, write = time.process_time(), writer.write
        while not done.is_set():
            packets = live.read(0.1)
            written += len(packets)
            for packet in packets:
                write(packet)
        for packets in live.finish():
            written += len(packets)
            for packet in packets:
                write(packet)
        processor = time.process_time() - before
    statistics = live.statistics()
    return Outcome(written, statistics.received, statistics.dropped, processor)


def _tcpdump(
    path: Path, expression: str, buffer: int | None, rate: int, seconds: float, length: int
) -> tuple[Outcome, Sent]:
    """The same with tcpdump, and as much memory."""
    memory = (buffer or 32 * 1024 * 1024) // 1024
    command = ["tcpdump", "-Z", "root", "-n", "-i", _NEAR, "-B", str(memory), "-w", str(path), expression]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "listening on" not in process.stderr.readline():
        if process.poll() is not None:
            raise click.ClickException("tcpdump does not begin")
    sent = _send(rate, seconds, length)
    time.sleep(1.2)  # for the last block
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    counts = {line.split(" packet", 1)[1]: int(line.split()[0]) for line in said.splitlines() if " packet" in line}
    written, received, dropped = (
        next((count for text, count in counts.items() if word in text), 0)
        for word in (" captured", " received by filter", " dropped by kernel")
    )
    return Outcome(written, received, dropped, usage.ru_utime + usage.ru_stime), sent


class _Sender:
    """Sends one frame many times in a system call: sendmmsg(2)."""

    def __init__(self, frame: bytes) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((_FAR, 0))
        self._socket.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        self._frame = ctypes.create_string_buffer(frame, len(frame))
        self._vector = ctypes.create_string_buffer(struct.pack("@PN", ctypes.addressof(self._frame), len(frame)))
        # struct mmsghdr: a struct msghdr of which only the vector is of interest, and the number of bytes sent.
        message = struct.pack("@PIPNPNi0P", 0, 0, ctypes.addressof(self._vector), 1, 0, 0, 0) + struct.pack("@I0P", 0)
        self._messages = ctypes.create_string_buffer(message * _BATCH)
        self._call: Callable[..., int] = ctypes.CDLL(None, use_errno=True).sendmmsg

    def send(self) -> int:
        """Send a batch; how many packets were taken."""
        return max(0, self._call(self._socket.fileno(), self._messages, _BATCH, 0))

    def close(self) -> None:
        self._socket.close()


def _send(rate: int, seconds: float, length: int) -> Sent:
    """Send packets at a steady rate, or as fast as it goes."""
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length - 14, 1, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    header = bytes(6) + b"\2" + bytes(5) + b"\x08\0" + header + struct.pack(">HHHH", 4000, 53, length - 34, 0)
    sender = _Sender(header + bytes(length - len(header)))
    wanted, sent, begin = round(rate * seconds), 0, time.perf_counter()
    while sent < wanted:
        ahead = sent / rate - (time.perf_counter() - begin)
        if ahead > 0:
            time.sleep(ahead)
        sent += sender.send()
    taken = time.perf_counter() - begin
    sender.close()
    return Sent(sent, taken)


if __name__ == "__main__":
    main()

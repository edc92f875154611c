"""What tests of live capture share: a network namespace of their own, senders, and tcpdump listening beside.

A namespace belongs to a thread, so tests move to a new one themselves, and what they start is in it as well. It goes
when nobody is in it any more (unshare(2), setns(2)).
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cbpf
from cbpf.capture.live import Live, open_live
from cbpf.capture.sockets import listener

from .tools import SECOND

_CLONE_NEWNET = 0x40000000
_IS_ROOT = sys.platform == "linux" and os.geteuid() == 0

NEAR, FAR = "near0", "far0"  # two ends of one cable
HOST_A, HOST_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


class Record(NamedTuple):
    """A packet without its time."""

    wirelen: int
    data: bytes


def ip(*arguments: str) -> str:
    """Run ip(8)."""
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@contextmanager
def namespace() -> Iterator[None]:
    """Be in a new network namespace, in which there are the loopback interface and a cable, and nothing is said."""
    if not _IS_ROOT or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root, Linux and ip(8)")
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before:
        if libc.unshare(_CLONE_NEWNET):
            pytest.skip(f"no network namespace can be made here: {os.strerror(ctypes.get_errno())}")
        try:
            silent = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")  # it would speak up by itself
            if silent.exists():
                silent.write_text("1")
            ip("link", "set", "lo", "up")
            lay_cable()
            yield
        finally:
            if libc.setns(before.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "cannot return to the namespace of the host")


def lay_cable() -> None:
    """Make the two ends, unless they are there."""
    if subprocess.run(["ip", "link", "show", NEAR], check=False, capture_output=True).returncode:
        ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR)
    for end in (NEAR, FAR):
        ip("link", "set", end, "up")


def ethernet(payload: bytes, kind: int = 0x0800, *, tags: Iterable[tuple[int, int]] = ()) -> bytes:
    """A frame, with VLAN tags (TPID, TCI) if given."""
    inner = b"".join(struct.pack(">HH", *tag) for tag in tags)
    return HOST_A + HOST_B + inner + kind.to_bytes(2, "big") + payload


def udp(port: int, length: int = 60) -> bytes:
    """An IPv4 packet of ``length`` bytes that carries UDP to a port."""
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 1, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return header + struct.pack(">HHHH", 4000, port, length - 20, 0) + bytes(n % 251 for n in range(length - 28))


FRAMES = (
    ethernet(udp(53)),
    ethernet(udp(53, 900)),
    ethernet(udp(80, 28)),
    ethernet(bytes(46), 0x0806),
    ethernet(udp(53), tags=[(0x8100, 7)]),
    ethernet(udp(53, 300), tags=[(0x8100, 0xE007)]),
    ethernet(udp(80), tags=[(0x88A8, 9)]),
    ethernet(udp(53), tags=[(0x88A8, 9), (0x8100, 7)]),
    ethernet(udp(53), tags=[(0x8100, 0)]),
    ethernet(bytes(range(100)), 0x88B5),
    ethernet(b""),
)


def send(interface: str, frames: Iterable[bytes]) -> int:
    """Send frames; how many there were."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((interface, 0))
        return sum(1 for frame in frames if out.send(frame))


def everywhere() -> None:
    """Something from each end of the cable, and through the loopback interface, one packet of which is long."""
    send(FAR, FRAMES)
    send(NEAR, FRAMES)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for length in (1, 700, 50_000):
            out.sendto(bytes(length), ("127.0.0.1", 9))


@pytest.fixture(autouse=True, scope="module")
def in_namespace() -> Iterator[None]:
    with namespace():
        yield


@pytest.fixture(params=["ring", "messages"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to fetch packets; the second is for kernels that do not make a ring."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EINVAL, "no ring")

    if request.param == "messages":
        monkeypatch.setattr(listener, "Ring", refuse)
    return str(request.param)


def opened(name: str, *, immediate: bool = True, **options: Any) -> Live:
    """A capture that need not wait, as there are many of them here."""
    return open_live(name, immediate=immediate, **options)


def judged_by(live: Live, expression: str) -> Live:
    live.attach(cbpf.compile(expression, live.interface.linktype, live.interface.snaplen, target="linux").program)
    return live


def finished(live: Live) -> list[Record]:
    """All that the capture has, and its end."""
    with live:
        packets = [packet for batch in live.finish() for packet in batch]
    now = time.time_ns()
    assert all(now - 60 * SECOND < packet.timestamp <= now for packet in packets)
    assert all(packet.interface is live.interface for packet in packets)
    return [Record(packet.wirelen, packet.data) for packet in packets]


class Beside:
    """tcpdump, listening from when it is made until ``stop``."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._path = folder / "tcpdump.pcap"
        folder.mkdir(exist_ok=True)
        command = ["tcpdump", "-Z", "root", "-B", "16384", "-U", "-n", "-w", str(self._path), *arguments]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        self.said = ""
        for line in self._process.stderr:
            self.said += line
            if "listening on" in line:
                return
        pytest.fail(f"tcpdump does not listen: {self.said}")

    def stop(self, expected: int) -> tuple[int, list[Record]]:
        """The link type and the packets it wrote. It gets time for as many as expected, and for one more."""
        wait_for(lambda: len(self._records()[1]) >= expected, 5)
        time.sleep(0.05)
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=10)
        return self._records()

    def _records(self) -> tuple[int, list[Record]]:
        written, at, records = self._path.read_bytes(), 24, []
        while at + 16 <= len(written):
            _, _, caplen, wirelen = struct.unpack_from("=IIII", written, at)
            at += 16 + caplen
            records.append(Record(wirelen, written[at - caplen : at]))
        return int.from_bytes(written[20:24], sys.byteorder), records


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition comes true within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True

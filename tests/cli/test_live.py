"""``cbpf filter -i``: beside tcpdump, on a cable of the tests' own."""

from __future__ import annotations

import ctypes
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from cbpf.capture import open_savefile
from tests.capture.live_tools import FAR, FRAMES, NEAR, Beside, ethernet, ip, lay_cable, namespace, send, udp, wait_for
from tests.cli.tools import Result, packets, start

_PR_CAPBSET_DROP = 24  # linux/prctl.h
_CAP_NET_RAW = 13  # linux/capability.h

TOTALS = re.compile(r"cbpf: (\d+) captured, (\d+) matched in (the kernel|this process), (\d+) dropped by kernel\n")


@pytest.fixture(autouse=True, scope="module")
def in_namespace() -> Iterator[None]:
    with namespace():
        yield


class Running:
    """``cbpf filter -i``, which is listening."""

    def __init__(self, process: subprocess.Popen[bytes], before: list[str]) -> None:
        self.process = process
        self.before = before  # what it said before it listened

    def end(self, number: int = signal.SIGINT) -> Result:
        """Stop it, and take all it says."""
        self.process.send_signal(number)
        return self.result()

    def result(self) -> Result:
        out, err = self.process.communicate(timeout=20)
        return Result(self.process.returncode, out, err.decode())

    @property
    def errors(self) -> IO[bytes]:
        assert self.process.stderr is not None
        return self.process.stderr


@contextmanager
def listening(*arguments: str | Path, interface: str = NEAR, **streams: Any) -> Iterator[Running]:
    with start("filter", "-i", interface, *arguments, **streams) as process:
        before: list[str] = []
        for line in process.stderr:
            if b"listening on" in line:
                yield Running(process, before)
                break
            before.append(line.decode())
        else:
            pytest.fail(f"it does not listen: {before}")
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("expression", ["", "udp port 53", "vlan 7 and udp", "not ip"])
def test_what_tcpdump_captures(expression: str, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    beside = Beside(tmp_path / "beside", "-i", NEAR, *([expression] if expression else []))
    with listening("-w", out, expression) as running:
        send(FAR, FRAMES)
        send(NEAR, FRAMES)
        time.sleep(0.3)
        result = running.end()
    found = [(packet.wirelen, packet.data) for packet in packets(out)]
    linktype, expected = beside.stop(len(found))
    assert linktype == 1
    assert found == [tuple(record) for record in expected]
    totals = TOTALS.fullmatch(result.err)
    assert totals
    assert (result.status, totals[2], totals[3]) == (0, str(len(found)), "the kernel")


def test_what_only_the_kernel_knows(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with listening("-w", out, "inbound") as running:
        send(NEAR, FRAMES)
        send(FAR, FRAMES[:3])
        time.sleep(0.3)
        running.end()
    assert [packet.data for packet in packets(out)] == list(FRAMES[:3])


def test_lines_come_at_once() -> None:
    with listening("-c", "2", "udp port 53", stdout=subprocess.PIPE) as running:
        send(FAR, [ethernet(udp(53)), ethernet(udp(54)), ethernet(udp(53, 100)), ethernet(udp(53))])
        result = running.result()
    assert result.status == 0
    assert [line[line.index("IP") :] for line in result.lines] == [
        f"IP 10.0.0.1.4000 > 10.0.0.2.53: {rest}" for rest in (line.split(": ", 1)[1] for line in result.lines)
    ]
    assert len(result.lines) == 2


def test_json() -> None:
    with listening("--json", "-c", "1", "--split-by-filter", "dns=port 53", "--split-by-filter", "v=vlan") as running:
        send(FAR, [ethernet(udp(54)), ethernet(udp(53))])
        result = running.result()
    found = json.loads(result.text)
    assert (found["dport"], found["filters"], found["file"], found["interface"]) == (53, ["dns"], NEAR, NEAR)


def test_a_program_that_the_kernel_refuses(tmp_path: Path) -> None:
    """It is run here then, and that is said once."""
    out = tmp_path / "out.pcap"
    expression = " or ".join(f"(src host 10.0.{n // 256}.{n % 256} and dst port {n})" for n in range(2, 500))
    with listening("-w", out, "-F", "-", stdin=_piped(f"({expression}) or vlan 7", tmp_path)) as running:
        send(FAR, FRAMES)
        time.sleep(0.3)
        result = running.end()
    assert len(running.before) == 1
    assert "filtering in this process" in running.before[0]
    totals = TOTALS.fullmatch(result.err)
    assert totals
    assert (totals[2], totals[3]) == ("2", "this process")
    assert [packet.data for packet in packets(out)] == [FRAMES[4], FRAMES[5]]


def _piped(text: str, folder: Path) -> Any:
    path = folder / "expression"
    path.write_text(text)
    return path.open("rb")


def test_inverted_and_sampled(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with listening("-w", out, "--invert", "--sample", "1/2", "udp port 53") as running:
        send(FAR, FRAMES)
        time.sleep(0.3)
        running.end()
    others = [frame for frame in FRAMES if frame not in (FRAMES[0], FRAMES[1]) or frame[12:14] != b"\x08\0"]
    assert [packet.data for packet in packets(out)] == others[::2]


def test_numbers_while_it_runs() -> None:
    with listening("--count", "udp port 53", stdout=subprocess.PIPE) as running:
        send(FAR, FRAMES)
        time.sleep(0.3)
        running.process.send_signal(signal.SIGUSR1)
        said = TOTALS.fullmatch(running.errors.readline().decode())
        assert said
        assert (said[1], said[2]) == ("5", "5")  # the kernel takes VLAN tags off
        result = running.end(signal.SIGTERM)
    assert (result.status, result.text) == (0, "5 packets\n")
    assert TOTALS.fullmatch(result.err)


def test_the_end_of_the_time() -> None:
    with listening("--duration", "0.5", "--count") as running:
        assert running.result().status == 0


def test_packets_of_before_a_flush_can_be_read(tmp_path: Path) -> None:
    """With -U without delay, else on SIGUSR2; and after kill -9."""
    for options, number in (["-U"], None), ([], signal.SIGUSR2):
        out = tmp_path / f"{number}.pcap"
        with listening("-w", out, *options) as running:
            send(FAR, FRAMES)
            time.sleep(0.3)
            if number:
                running.process.send_signal(number)
            assert wait_for(lambda out=out: out.exists() and len(packets(out)) == len(FRAMES), 5)  # type: ignore[misc]
            running.process.kill()
        assert len(packets(out)) == len(FRAMES)


def test_rotation(tmp_path: Path) -> None:
    template = tmp_path / "%s.pcap"
    with listening("-w", template, "-G", "1", "-W", "2") as running:
        for _ in range(40):
            if running.process.poll() is not None:
                break
            send(FAR, FRAMES)
            time.sleep(0.1)
        assert running.result().status == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_the_interface_goes(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    try:
        with listening("-w", out) as running:
            send(FAR, FRAMES)
            time.sleep(0.3)
            ip("link", "del", NEAR)
            result = running.result()
        assert result.status == 1
        assert f"cbpf: {NEAR}: " in result.err
        assert TOTALS.search(result.err)
        assert len(packets(out)) == len(FRAMES)
    finally:
        lay_cable()


def test_no_privileges() -> None:
    def drop() -> None:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_NET_RAW, 0, 0, 0)

    with start("filter", "-i", NEAR, prepare=drop) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, b"")
    assert b"CAP_NET_RAW" in err
    assert err.count(b"\n") == 1


def test_becoming_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    out = tmp_path / "out.pcap"
    with listening("-w", out, "-Z", "nobody") as running:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        send(FAR, FRAMES)
        time.sleep(0.3)
        assert running.end().status == 0
    user = re.search(r"^Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)$", status, re.MULTILINE)
    assert user
    assert set(user.groups()) == {"65534"}
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert len(packets(out)) == len(FRAMES)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-i", "nowhere"], 1, "there is no such interface"),
        (["-i", NEAR, "-r", "x.pcap"], 2, "use -r or -i"),
        (["-i", NEAR, "--range", "1-5"], 2, "--range counts the packets of a file"),
        (["-r", "x.pcap", "-Q", "in"], 2, "-Q is for a live capture"),
        (["-i", NEAR, "tcp prt 80"], 2, "unexpected name"),
        (["-i", NEAR, "-Z", "no such user"], 2, "there is no user"),
    ],
)
def test_refusals(arguments: list[str], status: int, message: str) -> None:
    with start("filter", *arguments) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert message in err.decode()


def test_any_is_all_of_them(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with listening("-w", out, "udp port 53", interface="any") as running:
        send(FAR, FRAMES[:1])
        time.sleep(0.3)
        running.end()
    with open_savefile(str(out)) as savefile:
        assert savefile.interfaces[0].linktype in (113, 276)
        assert len(list(savefile)) == 2  # as it goes and as it comes

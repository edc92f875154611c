"""Running ``cbpf``: inside this process, which is fast, or as a process of its own, which has real streams."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from click.testing import CliRunner

from cbpf.capture import Packet, PcapWriter, Savefile, open_savefile
from cbpf.cli.application import run

REPOSITORY = Path(__file__).resolve().parents[2]
CAPTURES = REPOSITORY / "captures"
HTTP = str(CAPTURES / "http.pcap")
DNS = str(CAPTURES / "dns.pcap")
DAMAGED = str(CAPTURES / "damaged.pcap")
MIXED = str(CAPTURES / "two-interfaces.pcapng")

LINUX_SLL = 113


class Result(NamedTuple):
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def cbpf(*arguments: str | Path, stdin: bytes | str = b"") -> Result:
    """Run ``cbpf`` inside this process."""
    with CliRunner().isolation(input=stdin) as streams:
        status = run([str(argument) for argument in arguments])
        sys.stderr.flush()
        return Result(status, streams[0].getvalue(), streams[1].getvalue().decode())


def start(*arguments: str | Path | bytes, prepare: Callable[[], Any] | None = None, **streams: Any) -> Any:
    """Start ``cbpf`` as a process; ``prepare`` runs in it first, ``streams`` are pipes unless given."""

    def begin() -> None:
        # Whoever runs the tests in the background has SIGINT ignored, and children inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.alarm(30)  # a test that waits for what never comes should fail, not hang
        if prepare is not None:
            prepare()

    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-m", "cbpf", *arguments]
    # As users have it, whatever the tests run under.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    environment |= {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8:strict"}
    options = {"env": environment, **pipes, **streams}
    return subprocess.Popen(command, **options, preexec_fn=begin, cwd=REPOSITORY)  # noqa: PLW1509 -- no threads


def process(*arguments: str | Path | bytes, stdin: bytes | IO[bytes] = b"", **options: Any) -> Result:
    """Run ``cbpf`` as a process to its end."""
    if not isinstance(stdin, bytes):
        options["stdin"] = stdin
    with start(*arguments, **options) as running:
        out, err = running.communicate(stdin if isinstance(stdin, bytes) else None, timeout=30)
        return Result(running.returncode, out or b"", (err or b"").decode())


def packets(file: str | Path | bytes) -> list[Packet]:
    """All packets of a savefile, by name or as it is."""
    with Savefile(io.BytesIO(file), "memory") if isinstance(file, bytes) else open_savefile(str(file)) as savefile:
        return list(savefile)


def large(path: Path) -> Path:
    """A copy of the HTTP sample whose packets come a thousand times: more than any pipe holds."""
    data = Path(HTTP).read_bytes()
    path.write_bytes(data[:24] + data[24:] * 1000)
    return path


def halves(path: str, folder: Path) -> dict[int, Path]:
    """The packets of a pcapng file in pcap files, one for each link type."""
    found: dict[int, list[Packet]] = {}
    for packet in packets(path):
        found.setdefault(packet.interface.linktype, []).append(packet)
    made = {}
    for linktype, some in found.items():
        made[linktype] = folder / f"{linktype}.pcap"
        with PcapWriter(str(made[linktype]), some[0].interface) as writer:
            for packet in some:
                writer.write(packet)
    return made


def tcpdump(*arguments: str | Path, status: int = 0) -> bytes:
    """What tcpdump writes to stdout, when it ends with ``status``."""
    done = subprocess.run(["tcpdump", *arguments], capture_output=True, check=False, cwd=os.sep)
    assert done.returncode == status, done.stderr.decode()
    return done.stdout

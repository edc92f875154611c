"""What an enemy may try: names for a shell, files that want all memory or time, rights that are not given up."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from ..capture.tools import block, description, enhanced, needs, option, pcap_file, record, section
from .tools import DNS, HTTP, REPOSITORY, cbpf, packets, process, start

NOBODY: Final = 65534
MIB: Final = 1024 * 1024


def _has_nobody() -> bool:
    try:
        import pwd

        return pwd.getpwnam("nobody").pw_uid == NOBODY
    except (ImportError, KeyError):
        return False


needs_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not _has_nobody(), reason="only root may become somebody else"
)
needs_nobody = pytest.mark.skipif(not _has_nobody(), reason="there is no user nobody")
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
_LATE: Final = pytest.mark.xfail(strict=True, reason="it is imported when the rights are given up already")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")


# Text is never given to a shell.

_CANARY: Final = "canary"
_EVIL: Final = ["$(canary)", "`canary`", "a;canary", "a&canary", "a|canary", "a\ncanary", "-c canary", "'$(canary)\""]


@pytest.fixture
def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in. Whoever runs a shell, or what a shell would run, leaves ``canary.ran`` in it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "bash", "dash", _CANARY):
        (programs / name).write_text(f"#!{sys.executable}\nopen({str(tmp_path / 'canary.ran')!r}, 'w')\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def _cases(folder: Path, evil: str) -> dict[str, list[str]]:
    """Commands with a text that is bad in a shell, by the option that has it."""
    into = f"{folder}/{evil}"
    reading = ["filter", "-r", HTTP]
    return {
        "-w": [*reading, "-w", f"{into}.pcap", "-z", "true"],
        "-C": [*reading, "-w", f"{into}.pcap", "-C", "1k", "-z", "true"],
        "-G": [*reading, "-w", f"{into}%S.pcap", "-G", "1", "-z", "true"],
        "-z": [*reading, "-w", f"{folder}/out.pcap", "-z", evil],
        "--split-by-filter": [*reading, "-w", f"{folder}/out.pcap", "--split-by-filter", f"{evil}=tcp", "-z", "true"],
        "--unmatched": [*reading, "-w", f"{folder}/o", "--split-by-filter", "a=tcp", "--unmatched", into, "-z", "true"],
        "-r": ["filter", "-r", into],
        "-V": ["filter", "-V", into],
        "-F": [*reading, "-F", into],
        "-Z": [*reading, "-Z", evil],
        "expression": [*reading, evil],
        "host": [*reading, f"host {evil}"],
    }


@pytest.mark.parametrize("evil", _EVIL)
def test_no_text_gets_to_a_shell(evil: str, trapped: Path) -> None:
    for name, arguments in _cases(trapped, evil).items():
        result = cbpf(*arguments)
        assert result.status in (0, 1, 2), name
        assert not (trapped.parent / "canary.ran").exists(), name


@needs("strace")
def test_only_the_program_is_run(trapped: Path) -> None:
    """strace(1) sees each program that is begun, with its arguments."""
    out = f"{trapped}/$({_CANARY});%S `{_CANARY}`.pcap"
    trace = trapped / "trace"
    command = [sys.executable, "-m", "cbpf", "filter", "-r", HTTP, "-w", out, "-G", "1", "-z", "true"]
    options = ["-f", "-qq", "-e", "trace=execve", "-s", "4096", "-o", str(trace)]
    done = subprocess.run(["strace", *options, *command], capture_output=True, check=False, cwd=REPOSITORY)
    if b"ptrace" in done.stderr or b"PTRACE" in done.stderr:
        pytest.skip("nobody may trace here")
    assert (done.returncode, done.stderr) == (0, b"")
    begun = [line.split("execve(", 1)[1] for line in trace.read_text().splitlines() if line.endswith(" = 0")]
    written = sorted(path.name for path in trapped.glob("*.pcap"))
    assert written
    assert begun[0].startswith(json.dumps(sys.executable))
    assert sorted(line.split("[", 1)[1].split("]", 1)[0] for line in begun[1:]) == [
        f'"true", {json.dumps(str(trapped / name))}' for name in written
    ]


# Rights that are given up.


class _Rights(NamedTuple):
    """Of a process: numbers of user and group, real, effective, saved and of the file system, and more groups."""

    users: list[int]
    groups: list[int]
    more: list[int]
    capabilities: int

    @classmethod
    def of(cls, process: int) -> _Rights:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        users, groups, more = ([int(word) for word in lines[name].split()] for name in ("Uid", "Gid", "Groups"))
        return cls(users, groups, more, int(lines["CapEff"], 16) | int(lines["CapPrm"], 16))


def _until(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may write to. Those of pytest cannot even be looked into by others."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@needs_root
@needs_proc
@pytest.mark.parametrize("options", [["-w", "{}/out.pcap"], ["--count"], []], ids=["write", "count", "print"])
def test_rights_are_given_up_before_packets_are_read(options: list[str], open_folder: Path) -> None:
    fifo = open_folder / "fifo"
    os.mkfifo(fifo)
    content = Path(HTTP).read_bytes()
    with start("filter", "-Z", "nobody", "-r", fifo, *[option.format(open_folder) for option in options]) as running:
        with open(fifo, "wb", buffering=0) as stream:
            stream.write(content[:24])
            _until(lambda: 0 not in _Rights.of(running.pid).users)
            rights = _Rights.of(running.pid)
            stream.write(content[24:])
        assert running.wait(30) == 0
    assert rights.users == [NOBODY] * 4
    assert 0 not in rights.groups
    assert 0 not in rights.more
    assert rights.capabilities == 0


@needs_root
def test_the_rights_do_not_come_back(open_folder: Path) -> None:
    """The process is asked to become root again, with all that is there for that: setresuid(2), setgroups(2)."""
    script = """
import os, sys
from cbpf.cli.privileges import become
become("nobody")
for call in (lambda: os.setuid(0), lambda: os.setresuid(-1, 0, -1), lambda: os.seteuid(0), lambda: os.setgid(0),
             lambda: os.setegid(0), lambda: os.setgroups([0]), lambda: open("/etc/shadow")):
    try:
        call()
    except PermissionError:
        continue
    sys.exit("it could")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, cwd=REPOSITORY)
    assert (done.returncode, done.stderr) == (0, b"")


@needs_root
def test_files_belong_to_the_user(open_folder: Path) -> None:
    """The first file is opened before; the others, and what -z runs, have the user's rights only."""
    program = open_folder / "whoami"
    program.write_text('#!/bin/sh\nid -u > "$1.user"\nid -G > "$1.groups"\n')
    program.chmod(0o755)
    out = open_folder / "out.pcap"
    result = process("filter", "-Z", "nobody", "-r", HTTP, "-w", out, "-C", "1k", "-z", program)
    assert (result.status, result.err) == (0, "")
    written = sorted(path for path in open_folder.glob("out.pcap*") if not path.suffix.endswith(("user", "groups")))
    assert len(written) > 2
    assert [path.stat().st_uid for path in written[1:]] == [NOBODY] * (len(written) - 1)
    for path in written:
        assert Path(f"{path}.user").read_text() == f"{NOBODY}\n"
        assert "0" not in Path(f"{path}.groups").read_text().split()
    assert [packet for path in written for packet in packets(path)] == packets(HTTP)


@needs_root
def test_secrets_are_not_read_any_more(open_folder: Path) -> None:
    secret, out = open_folder / "secret.pcap", open_folder / "locked" / "out.pcap"
    shutil.copy(DNS, secret)
    secret.chmod(0o600)
    out.parent.mkdir(mode=0o700)
    result = process("filter", "-Z", "nobody", "-r", HTTP, "-r", secret, "--count")
    assert (result.status, result.err) == (1, f"cbpf: {secret}: cannot open: Permission denied\n")
    result = process("filter", "-Z", "nobody", "-r", HTTP, "-w", out, "-C", "1k")
    assert (result.status, result.err) == (1, f"cbpf: {out}1: cannot write: Permission denied\n")


def _as_nobody(groups: list[int], group: int, user: str) -> list[str]:
    """Become a user as somebody who is nobody already, and say who one is then; or what the complaint is."""
    script = f"""
import click, os, pwd
from cbpf.cli.privileges import become
os.setgroups({groups})
os.setgid({group})
os.setuid({NOBODY})
try:
    become({user!r})
    print(*os.getresuid(), *os.getresgid(), *os.getgroups())
except click.ClickException as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, cwd=REPOSITORY)
    return done.stdout.split()


@needs_root
@pytest.mark.xfail(strict=True, reason="become() only looks at numbers of users")
@pytest.mark.parametrize("groups", [[0, 4], []])
def test_who_is_the_user_already_may_have_other_groups(groups: list[int]) -> None:
    """They are given up; or it is said that this cannot be done."""
    assert "0" not in _as_nobody(groups, 0, "nobody")


@needs_root
def test_nobody_becomes_root() -> None:
    assert _as_nobody([], NOBODY, "root") == "cannot become root: Operation not permitted".split()
    assert _as_nobody([], NOBODY, "nobody") == [str(NOBODY)] * 6


_WITHOUT_IMPORTS: Final = """
import sys
from cbpf.cli import delivery
from cbpf.cli.application import run

class Nothing:
    def find_spec(self, name, path, target=None):
        raise ModuleNotFoundError(f"the user may not read {name}", name=name)

delivery.become = lambda name: sys.meta_path.insert(0, Nothing())
sys.exit(run(["filter", "-Z", "nobody", *sys.argv[1:]]))
"""


@needs_nobody
@pytest.mark.parametrize(
    "options",
    [
        ["--count"],
        ["-e"],
        *(pytest.param([name], marks=_LATE) for name in ("--json", "-v", "-x", "--color=always")),
        *(["-w", f"{{}}/out{name}"] for name in (".pcap", ".pcapng", ".pcap.gz", ".pcap.zst")),
    ],
    ids=str,
)
def test_what_the_user_may_not_read_is_loaded_before(options: list[str], tmp_path: Path) -> None:
    """As it is with a Python below /root, or one that was installed for root alone."""
    arguments = [option.format(tmp_path) for option in options]
    command = [sys.executable, "-c", _WITHOUT_IMPORTS, "-r", DNS, "-r", HTTP, *arguments]
    done = subprocess.run(command, capture_output=True, check=False, cwd=REPOSITORY)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", ["", "no such user", "0", "$(id)", "nobody\n"])
def test_users_that_there_are_not(name: str) -> None:
    result = cbpf("filter", "-Z", name, "-r", HTTP)
    assert result.status == 2
    assert "there is no user" in result.err


# What is in a file is not for the terminal to obey.

_ESCAPE: Final = b"\x1b]0;owned\x07\x1b[31m"


def _is_harmless(text: str) -> bool:
    return all(char.isprintable() or char in "\n\t" for char in text)


@pytest.mark.parametrize("options", [[], ["-e", "-q", "-x"], ["-A"], ["-X"], ["-v"], ["-vv"], ["--json"]], ids=str)
def test_packets_cannot_move_the_cursor(options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    request = b"GET /" + _ESCAPE + b" HTTP/1.0\r\nHost: " + _ESCAPE + b"\r\n\r\n"
    path.write_bytes(pcap_file([record(_over_tcp(80, request)), record(_over_tcp(21, _ESCAPE)), record(_ESCAPE * 3)]))
    result = cbpf("filter", "-r", path, *options)
    assert (result.status, result.err) == (0, "")
    assert _is_harmless(result.text)


def _over_tcp(port: int, payload: bytes) -> bytes:
    """An Ethernet frame with this payload; checksums are nobody's business here."""
    tcp = struct.pack(">HHIIHHHH", 40000, port, 1, 1, 5 << 12 | 0x18, 1024, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, bytes([192, 0, 2, 1]), bytes(4))
    return bytes(12) + b"\x08\0" + ip + tcp


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            ["--count", "ether multicast"],
            marks=pytest.mark.xfail(strict=True, reason="verdicts.py says the name as it is"),
        ),
        ["-w", "{}/out.pcap"],
        ["--json"],
    ],
    ids=str,
)
def test_names_of_interfaces_cannot_move_the_cursor(options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    named = description(1) + description(113, 0, option(2, _ESCAPE))
    path.write_bytes(section() + named + enhanced(b"x" * 60) + enhanced(b"x" * 60, interface=1))
    result = cbpf("filter", "-r", path, *[option.format(tmp_path) for option in options])
    assert _is_harmless(result.text)
    assert _is_harmless(result.err)


# Little files that become large.

_LAUNCHER: Final = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
out, err = done.stdout.decode(), done.stderr.decode()
json.dump([done.returncode, out[-10000:], err[-10000:], usage.ru_maxrss * 1024, usage.ru_utime], sys.stdout)
"""


class Cost(NamedTuple):
    """What a run came to, and its price: bytes of memory at the most, and seconds of the processor."""

    status: int
    text: str
    err: str
    memory: int
    seconds: float


def measured(*arguments: str | Path) -> Cost:
    """Run ``cbpf`` as a child of a small process, not of this one, whose memory the child would be charged with."""
    command = [sys.executable, "-c", _LAUNCHER, sys.executable, "-m", "cbpf", *arguments]
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (4 << 30, 4 << 30))  # should it go wrong
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=REPOSITORY, preexec_fn=limit)
    return Cost(*json.loads(done.stdout))


def _zstd(data: bytes) -> bytes:
    return pytest.importorskip("zstandard").compress(data)  # type: ignore[no-any-return]


def _lz4(data: bytes) -> bytes:
    return pytest.importorskip("lz4.frame").compress(data, block_size=7)  # type: ignore[no-any-return]


COMPRESSIONS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": partial(lzma.compress, preset=1),
    "zstd": _zstd,
    "lz4": _lz4,
}
_HEADER: Final = pcap_file([])
_PACKET: Final = record(bytes(240))
_UNIT: Final = 16 * MIB // len(_PACKET)  # packets


def _bomb(path: Path, name: str, units: int, *, zeros: bool = False) -> None:
    """A compressed file of so many times 16 MiB: streams one after the other, which all of the formats may have."""
    compress = COMPRESSIONS[name]
    content = bytes(16 * MIB) if zeros else _PACKET * _UNIT
    path.write_bytes(compress(_HEADER) + compress(content) * units)


@needs_linux
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_bombs_take_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    _bomb(path, name, 20)
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, f"{20 * _UNIT} packets\n", "")
    assert cost.memory < 200 * MIB


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_large_bombs(name: str, zeros: bool, tmp_path: Path) -> None:
    """Two gigabytes. Zeros are records without a byte in them."""
    path = tmp_path / "bomb"
    _bomb(path, name, 128, zeros=zeros)
    assert path.stat().st_size < 10 * MIB
    cost = measured("filter", "-r", path, "-w", "/dev/null", "greater 1")
    assert (cost.status, cost.err) == (0, "")
    assert cost.memory < 200 * MIB


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_single_stream_is_no_worse(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(COMPRESSIONS[name](_HEADER + bytes(300 * MIB)))
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, f"{300 * MIB // 16} packets\n", "")
    assert cost.memory < 160 * MIB


@needs_linux
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_what_is_no_savefile_is_not_read_on(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    compress = COMPRESSIONS[name]
    path.write_bytes(compress(bytes(16 * MIB)) * 1000)
    cost = measured("filter", "-r", path)
    assert cost.status == 1
    assert cost.err.startswith(f"cbpf: {path}: not a pcap or pcapng savefile")
    assert cost.memory < 160 * MIB


@needs_linux
def test_dictionaries_are_limited(tmp_path: Path) -> None:
    """An xz file says how much memory it needs: here 4 GiB, and it would use them (xz file format, 5.3.1)."""
    path = tmp_path / "bomb.xz"
    data = lzma.compress(_HEADER + bytes(MIB))
    size = (data[12] + 1) * 4
    header = bytearray(data[12 : 12 + size])
    header[header.index(b"\x21\x01") + 2] = 40
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    path.write_bytes(data[:12] + bytes(header) + data[12 + size :])
    cost = measured("filter", "-r", path)
    assert (cost.status, cost.text) == (1, "")
    assert "bytes of memory" in cost.err
    assert cost.memory < 100 * MIB


@needs_linux
def test_as_much_memory_as_the_tool_wants_is_granted(tmp_path: Path) -> None:
    path = tmp_path / "large.xz"
    path.write_bytes(lzma.compress(Path(HTTP).read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    assert cbpf("filter", "--count", "-r", path).lines == cbpf("filter", "--count", "-r", HTTP).lines


@pytest.mark.parametrize("inner", COMPRESSIONS)
@pytest.mark.parametrize("outer", COMPRESSIONS)
def test_what_is_compressed_twice_is_not_followed(inner: str, outer: str, tmp_path: Path) -> None:
    path = tmp_path / "twice"
    path.write_bytes(COMPRESSIONS[outer](COMPRESSIONS[inner](Path(HTTP).read_bytes())))
    result = cbpf("filter", "-r", path)
    assert (result.status, result.out) == (1, b"")
    assert result.err.startswith(f"cbpf: {path}: not a pcap or pcapng savefile: it begins with ")


@pytest.mark.parametrize("between", [0, 4, 400_000])
def test_streams_of_xz_may_have_zeros_between_them(between: int, tmp_path: Path) -> None:
    """xz file format, 2.2: stream padding."""
    path = tmp_path / "two.xz"
    content = Path(HTTP).read_bytes()
    path.write_bytes(bytes(between).join((lzma.compress(content[:1000]), lzma.compress(content[1000:]), b"")))
    assert cbpf("filter", "--count", "-r", path).lines == cbpf("filter", "--count", "-r", HTTP).lines


# Lengths and numbers that lie.

_LENGTHS: Final = (0, 1, 3, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def _lying_block(kind: int, length: int) -> bytes:
    return struct.pack("<II", kind, length) + bytes(40) + struct.pack("<I", length)


def _options_without_end() -> bytes:
    return block(1, struct.pack("<HHI", 1, 0, 0) + option(0xFFFF, b"") * (4 * MIB // 4 - 8))


LIARS: Final[dict[str, Callable[[], bytes]]] = {
    **{f"caplen {n:#x}": partial(lambda n: pcap_file([record(b"x", caplen=n)]), n) for n in _LENGTHS[2:]},
    **{
        f"D-Bus caplen {n:#x}": partial(lambda n: pcap_file([record(b"x", caplen=n)], link=231), n)
        for n in _LENGTHS[2:]
    },
    **{f"section of {n:#x}": partial(lambda n: _lying_block(0x0A0D0D0A, n), n) for n in _LENGTHS},
    **{f"block of {n:#x}": partial(lambda n: section() + description() + _lying_block(6, n), n) for n in _LENGTHS},
    **{f"unknown of {n:#x}": partial(lambda n: section() + description() + _lying_block(77, n), n) for n in _LENGTHS},
    "no interface": lambda: section() + enhanced(b"x"),
    "interface 2**32-1": lambda: section() + description() + enhanced(b"x", interface=0xFFFFFFFF),
    "captured 2**32-1": lambda: section() + description() + enhanced(b"x", caplen=0xFFFFFFFF),
    "option that is too long": lambda: section() + description(options=struct.pack("<HH", 2, 0xFFFF)),
    "interfaces without end": lambda: section() + description() * (2**18 + 1),
}


@needs_linux
@pytest.mark.parametrize("name", LIARS)
def test_lies_cost_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "liar"
    path.write_bytes(LIARS[name]())
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = cbpf("filter", "-r", path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert (result.status, result.out) == (1, b"")
    assert result.err.startswith(f"cbpf: {path}: ")
    assert result.err.count("\n") == 1
    assert after.ru_maxrss - before.ru_maxrss < 300 * 1024  # KiB


@pytest.mark.parametrize("snaplen", _LENGTHS)
@pytest.mark.parametrize("format", ["pcap", "pcapng"])
def test_any_snapshot_length(format: str, snaplen: int, tmp_path: Path) -> None:
    path, out = tmp_path / "in", tmp_path / f"out.{format}"
    if format == "pcap":
        path.write_bytes(pcap_file([record(b"abc" * 20)], snaplen=snaplen))
    else:
        path.write_bytes(section() + description(1, snaplen) + enhanced((b"abc" * 20)[: snaplen or None]))
    result = cbpf("filter", "-r", path, "-w", out)
    assert (result.status, result.err) == (0, "")
    assert [packet.data for packet in packets(out)] == [(b"abc" * 20)[: snaplen or None]]
    assert out.stat().st_size < 1000
    assert cbpf("filter", "-s", str(snaplen), "-r", HTTP, "--count", "-c", "3").text == "3 packets\n"


@pytest.mark.parametrize("exponent", [0, 6, 9, 19, 0x80, 0x80 | 10, 0x80 | 63])
@pytest.mark.parametrize("ticks", [0, 1, 2**32, 2**63, 2**64 - 1])
def test_any_time(exponent: int, ticks: int, tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    options = option(9, bytes([exponent])) + option(14, struct.pack("<q", -(2**63) if ticks else 2**63 - 1))
    path.write_bytes(section() + description(1, 0, options) + enhanced(b"x" * 60, ticks=ticks))
    for arguments in ([], ["-tt"], ["-ttt"], ["-tttt"], ["-ttttt"], ["--json"], ["--count"], ["--after", "1999-01-01"]):
        result = cbpf("filter", "-r", path, *arguments)
        assert (result.status, result.err) == (0, "")
    for name in ("out.pcap", "out.pcapng"):
        result = cbpf("filter", "-r", path, "-w", tmp_path / name)
        assert result.status in (0, 1)
        assert "Traceback" not in result.err
    result = cbpf("filter", "-r", path, "-w", tmp_path / "%Y.pcapng", "-G", "1", "--force")
    assert result.status in (0, 1)


@needs_linux
def test_options_without_end_end(tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(section() + _options_without_end() + enhanced(b"x"))
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, "1 packet\n", "")
    assert cost.memory < 200 * MIB


@needs_linux
@pytest.mark.parametrize("used", [False, True], ids=["described", "used"])
def test_many_interfaces_take_time_for_each_and_no_more(used: bool, tmp_path: Path) -> None:
    """Twice as many must not take four times as long, in calls of functions rather than in seconds."""
    counts = []
    for interfaces in (1000, 2000):
        path = tmp_path / f"{interfaces}.pcapng"
        path.write_bytes(
            section()
            + b"".join(
                description() + (enhanced(b"x", interface=number) if used else b"") for number in range(interfaces)
            )
            + enhanced(b"x", interface=interfaces - 1)
        )
        counts.append(_steps(path))
    assert counts[1] < 3 * counts[0]


def _steps(path: Path) -> int:
    """How many functions a scan calls and leaves."""
    steps = 0

    def step(*_: Any) -> None:
        nonlocal steps
        steps += 1

    from cbpf.capture import open_savefile, walk
    from cbpf.capture.scan import NoOutput, Scan
    from cbpf.capture.walks import Walks
    from cbpf.machine import Program

    program = Program([(0x06, 0, 0, 0xFFFF)])
    with open_savefile(str(path)) as savefile:
        scan = Scan(savefile, lambda _: (program,), NoOutput(walk.COUNT), Walks())
        sys.setprofile(step)
        try:
            for _ in scan:
                pass
        finally:
            sys.setprofile(None)
    return steps


@needs_linux
def test_long_names_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "names.pcapng.gz"
    named = description(1, 0, option(2, b"A" * 65_532))
    packet = enhanced(b"x", interface=1)
    path.write_bytes(gzip.compress(section()) + gzip.compress(named * 100) * 60 + gzip.compress(packet))
    assert path.stat().st_size < MIB
    cost = measured("filter", "--count", "-r", path)
    assert cost[:3] == (0, "1 packet\n", "")
    assert cost.memory < 200 * MIB

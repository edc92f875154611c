"""What an enemy may try: names for a shell, rights that are not given up, and bytes that a terminal obeys."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ..capture.tools import description, enhanced, needs, option, pcap_file, record, section
from .tools import DNS, HTTP, REPOSITORY, cbpf, packets, process, start

NOBODY: Final = 65534


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
        *([name] for name in ("--json", "-v", "-x", "--color=always")),
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
        ["--count", "ether multicast"],
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

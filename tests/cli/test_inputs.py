"""Which files are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.tools import CAPTURES, DNS, HTTP, REPOSITORY, cbpf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Savefiles and other files, some of them further down."""
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("z.pcap", "b/y", "b/c/x.cap"):
        (tmp_path / name).write_bytes(Path(HTTP).read_bytes())
    (tmp_path / "b" / "notes.txt").write_text("no packets here")
    (tmp_path / "b" / "empty").touch()
    os.mkfifo(tmp_path / "b" / "pipe")
    return tmp_path


def test_a_list(tmp_path: Path) -> None:
    names = tmp_path / "list"
    names.write_text(f"{HTTP}\n\n{DNS}\r\n")
    result = cbpf("filter", "-V", names, "--count", "tcp")
    assert (result.status, result.lines[:2]) == (0, [f"{HTTP}: 27 packets", f"{DNS}: 0 packets"])


def test_a_list_from_standard_input() -> None:
    assert cbpf("filter", "-V", "-", "--count", stdin=HTTP).text == cbpf("filter", "-r", HTTP, "--count").text


def test_a_list_with_names_that_are_no_text(tmp_path: Path) -> None:
    name = tmp_path / os.fsdecode(b"\xff\xfe.pcap")
    name.write_bytes(Path(HTTP).read_bytes())
    assert cbpf("filter", "-V", "-", "--count", stdin=os.fsencode(name)).status == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "message"),
    [
        (["-V", "missing"], "", 1, "missing: cannot read: No such file"),
        (["-V", "-"], "-\n", 2, "standard input is read with -r -"),
        (["-V", "-", "-r", "-"], "", 2, "standard input can only be read once"),
        (["-V", HTTP], "", 1, "not a list of files"),
        (["-V", "-"], "missing\n", 1, "missing: cannot open: No such file"),
    ],
)
def test_lists_that_cannot_be_read(arguments: list[str], stdin: str, status: int, message: str) -> None:
    result = cbpf("filter", *arguments, stdin=stdin)
    assert result.status == status
    assert message in result.err


def test_folders(folder: Path) -> None:
    """What is no savefile is passed over; a pipe is not opened at all."""
    result = cbpf("filter", "--recursive", "-r", folder, "--count", "tcp")
    expected = [f"{folder}/{name}: 27 packets" for name in ("z.pcap", "b/y", "b/c/x.cap")]
    assert (result.status, result.err) == (0, "")
    assert result.lines == [*expected, "81 packets"]


def test_a_folder_alone_is_no_savefile(folder: Path) -> None:
    result = cbpf("filter", "-r", folder, "--count")
    assert result.status == 1
    assert result.err == f"cbpf: {folder}: is a folder; --recursive reads what is in it\n"


def test_damage_in_a_folder_is_not_passed_over(folder: Path) -> None:
    (folder / "cut.pcap").write_bytes(Path(HTTP).read_bytes()[:-5])
    result = cbpf("filter", "--recursive", "-r", folder, "--count")
    assert result.status == 1
    assert result.err.count("\n") == 1


def test_a_file_that_is_named_is_not_passed_over(folder: Path) -> None:
    named = folder / "b" / "notes.txt"
    result = cbpf("filter", "--recursive", "-r", folder, "-r", named, "--count")
    assert result.status == 1
    assert f"{named}: not a pcap or pcapng savefile" in result.err


def test_what_the_shell_makes_of_a_star(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    star = [f"captures/{name}" for name in ("http.pcap", "dns.pcap", "tls.pcap")]
    result = cbpf("filter", "--count", "-r", *star, "tcp", "port", "443")
    assert result.lines == [f"{star[0]}: 7 packets", f"{star[1]}: 0 packets", f"{star[2]}: 10 packets", "17 packets"]


def test_a_file_that_is_called_like_a_keyword(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("udp").write_bytes(b"no packets")
    result = cbpf("filter", "--count", "-r", CAPTURES / "dns.pcap", "udp")
    assert (result.status, len(result.lines)) == (0, 1)


def test_files_only_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("localhost").write_bytes(b"no packets")
    result = cbpf("filter", "--count", "-r", HTTP, "host", "localhost")
    assert (result.status, len(result.lines)) == (0, 1)

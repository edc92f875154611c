"""The passes over packets and over files."""

from __future__ import annotations

from pathlib import Path

from cbpf.capture import Interface, Packet, open_savefile
from cbpf.cli.matching import Verdict, matching, opened, undamaged
from cbpf.errors import SavefileError

from .tools import DAMAGED, DNS, HTTP

ETHERNET, COOKED = Interface(), Interface(linktype=113, number=1)


def packet(data: bytes, interface: Interface = ETHERNET, wirelen: int = 100) -> Packet:
    return Packet(0, wirelen, data, interface)


def test_verdicts_decide_how_much_is_kept() -> None:
    given = [packet(bytes([kept]) + b"abc") for kept in (0, 1, 3, 4, 9)]
    found = matching(given, lambda _: lambda data, _wirelen: data[0])
    kept = list(found)
    assert kept == [packet(b"\x01"), packet(b"\x03ab"), packet(b"\x04abc"), packet(b"\x09abc")]
    assert [kept[2] is given[3], kept[3] is given[4]] == [True, True]


def test_verdicts_know_the_wire_length() -> None:
    given = [packet(b"a", wirelen=1), packet(b"a", wirelen=1500)]
    assert list(matching(given, lambda _: lambda _data, wirelen: wirelen > 1000)) == given[1:]


def test_packets_without_bytes_can_match() -> None:
    assert list(matching([packet(b"")], lambda _: lambda _data, _wirelen: 1)) == [packet(b"")]


def test_every_interface_has_its_verdicts() -> None:
    given = [packet(b"a"), packet(b"b", COOKED), packet(b"c"), packet(b"d", COOKED)]
    verdicts: dict[Interface, Verdict | None] = {ETHERNET: lambda _data, _wirelen: 1, COOKED: None}
    assert list(matching(given, verdicts.__getitem__)) == [given[0], given[2]]


def test_nothing_is_read_ahead() -> None:
    stream = iter([packet(b"a"), packet(b"b")])
    found = matching(stream, lambda _: lambda _data, _wirelen: 1)
    assert next(found).data == b"a"
    assert next(stream).data == b"b"


def test_files_that_cannot_be_opened_are_left_out(tmp_path: Path) -> None:
    errors: list[SavefileError] = []
    missing = str(tmp_path / "missing")
    assert [savefile.path for savefile in opened([DNS, missing, HTTP], errors.append)] == [DNS, HTTP]
    assert [error.path for error in errors] == [missing]


def test_one_file_is_open_at_a_time() -> None:
    files = opened([DNS, HTTP], lambda _: None)
    first, second = next(files), next(files)
    assert (first._stream.closed, second._stream.closed) == (True, False)


def test_damage_is_reported_once_and_last() -> None:
    errors: list[SavefileError] = []
    with open_savefile(DAMAGED) as savefile:
        for _ in undamaged(savefile, errors.append):
            assert not errors
    assert len(errors) == 1

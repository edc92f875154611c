"""Compressed savefiles: from files and pipes, whole, cut short, and damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cbpf
from cbpf.capture import open_savefile
from cbpf.errors import SavefileError

from .tools import REPOSITORY, SAMPLES

HTTP = next(path for path in SAMPLES if path.name == "http.pcap")


def _zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.compress(data[:1000]) + zstandard.compress(data[1000:])  # two frames are one file


def _lz4(data: bytes) -> bytes:
    import lz4.frame

    compressed: bytes = lz4.frame.compress(data)
    return compressed


FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "lz4": _lz4,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("path", SAMPLES[::5], ids=lambda path: path.name)
def test_what_is_in_it_is_what_was_put_into_it(name: str, path: Path, tmp_path: Path) -> None:
    compressed = tmp_path / path.name
    compressed.write_bytes(FORMATS[name](path.read_bytes()))
    try:
        with open_savefile(str(path)) as savefile:
            expected = list(savefile)
    except SavefileError:
        return
    with open_savefile(str(compressed)) as savefile:
        assert savefile.compressed
        assert savefile.size is None
        assert list(savefile) == expected
    assert cbpf.count(str(compressed)) == cbpf.count(str(path))


@pytest.mark.parametrize("name", FORMATS)
def test_from_a_pipe(name: str) -> None:
    command = [sys.executable, "-c", "import cbpf; print(cbpf.count('-', 'tcp').packets)"]
    data = FORMATS[name](HTTP.read_bytes())
    result = subprocess.run(command, input=data, capture_output=True, check=True, cwd=REPOSITORY)
    assert result.stdout == b"%d\n" % cbpf.count(str(HTTP), "tcp").packets


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damage_is_named(name: str, damage: str, tmp_path: Path) -> None:
    content = HTTP.read_bytes()
    data = FORMATS[name](content[:24] + content[24:] * 50)
    path = tmp_path / "damaged"
    middle = len(data) - len(data) // 8
    path.write_bytes(data[:middle] if damage == "cut" else data[:middle] + bytes(40) + data[middle + 40 :])
    with pytest.raises(SavefileError, match=f"the {name} data is damaged"):
        for _ in cbpf.scan(str(path)):
            pass


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "packets.zst"
    path.write_bytes(_zstd(HTTP.read_bytes()))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(SavefileError, match=r"compressed with zstd; .* cbpf\[compression\]"):
        open_savefile(str(path))

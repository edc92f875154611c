"""Files that are nearly captures, by Hypothesis: the readers, the scan, the printers and the commands take them all."""

from __future__ import annotations

import bz2
import gc
import gzip
import lzma
import random
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.capture import piece as pieces
from tests.capture.tools import REPOSITORY, SAMPLES, description, enhanced, option, pcap_file, record, section
from tests.cli.tools import cbpf
from tests.fuzz.readers import SLOW_STYLES, one_input
from tests.shared import CAPTURES

_LONGEST: Final = 6000  # bytes of a file to begin with: long ones make changes rare
_UNITS: Final = (0, 3, 6, 9, 12, 0x80 | 20, 0x80 | 32)  # if_tsresol
_HANDMADE: Final = [
    pcap_file([record(b"12345678" * 4)] * 3, order=">", magic=0xA1B23C4D),
    pcap_file([bytes(12) + record(b"12345678" * 4)[12:16] + bytes(8) + b"12345678" * 4] * 3, magic=0xA1B2CD34),
    pcap_file([record(b"12345678" * 4, wirelen=20)] * 3, version=(2, 3)),
    section()
    + b"".join(
        description(1, 0, option(9, bytes([unit])) + option(14, (10**9).to_bytes(8, "little"))) for unit in _UNITS
    )
    + b"".join(enhanced(b"1234" * 9, interface=n, ticks=5 * 10**9 + n) for n in range(len(_UNITS))),
    section()
    + description(1, 64, option(2, b"eth0") + option(9, b"\x09") + option(14, bytes(8)) + option(0, b""))
    + enhanced(b"12345" * 9, ticks=2**62)
    + section(order=">")
    + description(113, order=">")
    + enhanced(b"abcd" * 9, order=">"),
]
SEEDS: Final = [*_HANDMADE, *(path.read_bytes()[:_LONGEST] for path in [*SAMPLES, *CAPTURES] if path.is_file())]
# Numbers at the borders of what fields may hold, or that mean something in a file.
_NUMBERS: Final = (
    *(0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 24, 28, 32, 0x7F, 0x80, 0xFF, 0xFFFF, 0x40000, 0x40001, 0x1000000, 0x1020020),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF, 0x0A0D0D0A, 0x1A2B3C4D, 0xA1B2C3D4, 0xA1B23C4D),
)


def changed(source: random.Random, seeds: list[bytes] = SEEDS) -> bytes:
    """One of the seeds, changed here and there: most of all in the headers, which are in front and at whole words."""
    data = bytearray(source.choice(seeds))
    for _ in range(source.randrange(1, 6)):
        at = source.randrange(min(len(data), 120) + 1) if source.random() < 0.4 else source.randrange(len(data) + 1)
        source.choice(_CHANGES)(data, at, source)
    return bytes(data)


def _replace(data: bytearray, at: int, source: random.Random) -> None:
    data[at : at + source.randrange(6)] = source.randbytes(source.randrange(6))


def _number(data: bytearray, at: int, source: random.Random) -> None:
    at &= ~3
    data[at : at + 4] = source.choice(_NUMBERS).to_bytes(4, source.choice(("little", "big")))


def _repeat(data: bytearray, at: int, source: random.Random) -> None:
    begin = source.randrange(len(data) + 1) & ~3
    data[at & ~3 : at & ~3] = data[begin : begin + 4 * source.randrange(60)]


def _cut(data: bytearray, at: int, source: random.Random) -> None:
    del data[at:]


def _append(data: bytearray, at: int, source: random.Random) -> None:
    data += source.choice(SEEDS)


_CHANGES: Final = (_replace, _replace, _number, _number, _number, _number, _repeat, _repeat, _cut, _append)


@st.composite
def nearly_captures(draw: st.DrawFn) -> bytes:
    """One of the captures with changes, by a number: the same for the same number."""
    return changed(random.Random(draw(st.integers(0, 2**64 - 1))))


@pytest.fixture(params=[pieces.PIECE, 128], scope="module")
def piece(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of a file as much as usual is in memory at once, or very little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", request.param)
        yield


@pytest.mark.usefixtures("piece")
def test_seeds() -> None:
    for seed in SEEDS[::3]:
        one_input(seed)


@pytest.mark.usefixtures("piece")
@given(nearly_captures() | st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_everything_takes_every_file(content: bytes) -> None:
    one_input(content)


@pytest.mark.slow
@pytest.mark.usefixtures("piece")
@given(nearly_captures())
@settings(max_examples=4000, deadline=None)
def test_everything_takes_very_many_files(content: bytes) -> None:
    one_input(content)


@pytest.mark.slow
@given(nearly_captures())
@settings(max_examples=1500, deadline=None)
def test_scapy_is_no_danger(content: bytes) -> None:
    one_input(content, SLOW_STYLES)


_COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: pytest.importorskip("zstandard").compress(data),
    "lz4": lambda data: pytest.importorskip("lz4.frame").compress(data),
}


@pytest.mark.parametrize("name", _COMPRESS)
@given(st.integers(0, 2**64 - 1))
@settings(max_examples=60, deadline=None)
def test_compressed_files_that_are_changed(name: str, number: int) -> None:
    source = random.Random(number)
    packed = [_COMPRESS[name](seed) for seed in source.sample(SEEDS, 2)]
    one_input(changed(source, packed), ())


# What is done with packets, by the commands.

_COMMANDS: Final = (
    "-w {}/out.pcap",
    "-w {}/out.pcapng",
    "-w {}/out.pcap.gz --nano",
    "-w {}/%H.pcapng -G 3600 --micro --force",
    "-w {}/out.pcap -C 1k",
    "-w {}/{{name}}.pcap --split-by-filter a=ip --split-by-filter b=ip6 --unmatched {}/rest.pcap",
    "-w {}/{{name}}.pcapng --split-by-filter a=ip --split-by-filter b=ip6 --unmatched {}/rest.pcapng",
    "-w - -s 40",
    "--after 2000-01-01 --sample 1/2 -tttt",
    "--range 2-5 -e -X",
    "--invert --json ip",
    "--count tcp port 80",
    "-# --color always -q",
)


@given(nearly_captures(), st.sampled_from(_COMMANDS))
@settings(max_examples=150, deadline=None)
def test_commands_take_every_file(content: bytes, words: str) -> None:
    _command(content, words)


@pytest.mark.slow
@given(nearly_captures(), st.sampled_from(_COMMANDS))
@settings(max_examples=2500, deadline=None)
def test_commands_take_very_many_files(content: bytes, words: str) -> None:
    _command(content, words)


def _command(content: bytes, words: str) -> None:
    """It ends with one of three statuses and a message; and what it wrote, can be read to its end."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "in"
        path.write_bytes(content)
        result = cbpf("filter", "-r", path, *(word.format(folder) for word in words.split()))
        assert result.status in (0, 1, 2)
        assert "Traceback" not in result.err
        said = result.err.splitlines()
        # A run that does what it was told may yet have something to say: that nanoseconds are lost.
        assert said[0].startswith("cbpf: ") if result.status else all("see --nano" in line for line in said)
        path.unlink()
        for written in folder.iterdir():
            again = cbpf("filter", "--count", "-r", written)
            assert (again.status, again.err) == (0, ""), written.name
    finally:
        shutil.rmtree(folder)


# Memory.


@pytest.mark.slow
def test_memory_does_not_grow() -> None:
    """After the same files as before there are not more objects than before."""
    source = random.Random(1)
    files = [changed(source) for _ in range(150)]

    def all_of_them() -> int:
        for content in files:
            one_input(content)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    all_of_them()
    tracemalloc.start()
    try:
        sizes = [all_of_them() for _ in range(4)]
    finally:
        tracemalloc.stop()
    assert sizes[-1] - sizes[0] < 100_000, sizes


_OVER_AND_OVER: Final = """
import random, resource
from tests.fuzz.readers import one_input
from tests.fuzz.test_readers import changed

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

source = random.Random(2)
for _ in range(1500):
    one_input(changed(source))
before = most()
for _ in range(3000):
    one_input(changed(source))
print(most() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")
def test_memory_of_the_process_does_not_grow() -> None:
    """That of C and of machine code, too: in KiB, over some thousand files."""
    command = [sys.executable, "-c", _OVER_AND_OVER]
    done = subprocess.run(command, capture_output=True, check=True, cwd=REPOSITORY)
    assert int(done.stdout) < 20_000

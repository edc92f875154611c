"""What must be true of every file that somebody may give to the readers, damaged or made by an enemy as it may be.

``one_input`` is the target of fuzzing, by Hypothesis (``test_readers``) and by atheris (``readers_atheris``).
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from cbpf.capture import Packet, open_savefile, scan, walk
from cbpf.capture.printing import Printer, Style
from cbpf.capture.printing.style import Time
from cbpf.capture.savefile import Savefile
from cbpf.capture.scan import NoOutput, Scan
from cbpf.capture.walks import Walks
from cbpf.engine import PythonEngine
from cbpf.engine.llvm import NoNativeCode, available
from cbpf.errors import SavefileError
from cbpf.machine import Program
from cbpf.machine import opcodes as op

# One for all link types, that keeps all of some packets, a part of others, and rejects those that have no byte 20.
PROGRAM: Final = Program(
    [
        (op.LD | op.B | op.ABS, 0, 0, 20),
        (op.LD | op.W | op.LEN, 0, 0, 0),
        (op.ALU | op.AND | op.K, 0, 0, 3),
        (op.JMP | op.JEQ | op.K, 0, 1, 0),
        (op.RET | op.K, 0, 0, 33),
        (op.RET | op.K, 0, 0, 0xFFFFFFFF),
    ]
)
STYLES: Final = (
    Style(),
    Style(json=True),
    Style(time=Time.DATE, headers=True, hexadecimal_ascii=1, number=True, color=True),
    Style(time=Time.SINCE_PREVIOUS, digits=9, quick=True, hexadecimal=2),
    Style(time=Time.SINCE_FIRST, headers=True, quick=True, ascii=1),
)
SLOW_STYLES: Final = (Style(details=1), Style(details=2))
_MOST_PRINTED: Final = 50  # packets of a file; what changes is near the place that was changed
_IN_PYTHON: Final = 1 << 60


class Outcome(NamedTuple):
    """What came of a file: the packets that match, how many were looked at, and the complaint about its damage."""

    packets: list[Packet]
    seen: int
    complaint: str | None


def can_be_native() -> bool:
    """Whether there is LLVM, so that there is more than one way to scan."""
    try:
        available()
    except NoNativeCode:
        return False
    return True


WAYS: Final = (_IN_PYTHON, 0) if can_be_native() else (_IN_PYTHON,)  # values of scan.IN_PYTHON
# Machine code is made once, not for every file.
_WALKS: Final = {way: Walks() for way in WAYS}
_COUNTING: Final = {way: Walks(1) for way in WAYS}


def one_input(content: bytes, styles: tuple[Style, ...] = STYLES) -> None:
    """Read, scan and print a file with this content; AssertionError, or what was raised, if something is wrong."""
    with _file(content) as path:
        expected, all_packets = read(path)
        for way in WAYS:
            for opened in (lambda: open_savefile(path), lambda: Savefile(_Drip(content), path)):
                _compare(scanned(opened, way), expected, way)
            if not _is_of_compression(expected.complaint):
                _counted(path, way, expected)
    for style in styles:
        printer = Printer(style)
        for packet in all_packets[:_MOST_PRINTED]:
            text = printer.text(packet, file="a file", verdict=7, filters=["web"])
            assert text.endswith("\n")
            assert style.color or all(char.isprintable() for char in text if char not in "\n\t")


def _compare(found: Outcome, expected: Outcome, way: int) -> None:
    if _is_of_compression(expected.complaint):
        # What a library has decompressed of the bytes that it complains about is lost, and those differ.
        assert found.complaint is not None
        assert all(ours == theirs for ours, theirs in zip(found.packets, expected.packets, strict=False))
    else:
        assert found == expected, f"scanned with IN_PYTHON = {way}: {found}, read: {expected}"


def _is_of_compression(complaint: str | None) -> bool:
    return " data is damaged" in (complaint or "")


def read(path: str) -> tuple[Outcome, list[Packet]]:
    """What the loop over the packets gives that the program accepts, and all packets."""
    engine = PythonEngine(PROGRAM)
    packets: list[Packet] = []
    complaint = None
    try:
        with open_savefile(path) as savefile:
            for packet in savefile:
                assert len(packet.data) <= packet.interface.snaplen
                packets.append(packet)
    except SavefileError as error:
        complaint = str(error)
    verdicts = [engine.run(packet.data, packet.wirelen) for packet in packets]
    matching = zip(packets, verdicts, strict=True)
    found = [packet._replace(data=packet.data[:verdict]) for packet, verdict in matching if verdict]
    return Outcome(found, len(packets), complaint), packets


class _Drip(io.BytesIO):
    """A stream that gives some bytes at a time, and has no size: as a pipe."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(999)

    def readinto1(self, room: memoryview, /) -> int:  # type: ignore[override]
        return self.readinto(room[:999])


def scanned(opened: Callable[[], Savefile], way: int) -> Outcome:
    """What the scan of a savefile gives, in Python or as machine code."""
    found: list[Packet] = []
    seen = 0
    try:
        with opened() as savefile, _done_by(way):
            scanning = _scan(savefile, walk.DATA, _WALKS[way])
            try:
                for batch in scanning:
                    assert batch.found == len(batch.matches)
                    found += [match.packet() for match in batch.matches]
            finally:
                seen = scanning.seen
    except SavefileError as error:
        return Outcome(found, seen, str(error))
    return Outcome(found, seen, None)


def _counted(path: str, way: int, expected: Outcome) -> None:
    """A set of filters counts packets, bytes and times as well."""
    try:
        with open_savefile(path) as savefile, _done_by(way):
            scanning = _scan(savefile, walk.COUNT, _COUNTING[way])
            try:
                for _ in scanning:
                    pass
            finally:
                assert scanning.found == scanning.counts[0].packets == len(expected.packets)
                assert scanning.seen == expected.seen
                assert scanning.counts[0].bytes == sum(packet.wirelen for packet in expected.packets)
    except SavefileError as error:
        assert str(error) == expected.complaint
    else:
        assert expected.complaint is None


def _scan(savefile: Savefile, form: int, walks: Walks) -> Scan:
    return Scan(savefile, lambda _: (PROGRAM,), NoOutput(form), walks)


@contextmanager
def _done_by(way: int) -> Iterator[None]:
    """Have everything scanned in Python, or as machine code."""
    before = scan.IN_PYTHON
    scan.IN_PYTHON = way  # type: ignore[misc]
    try:
        yield
    finally:
        scan.IN_PYTHON = before  # type: ignore[misc]


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A file with this content, under a name that is good for as long as the context."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        yield f"/dev/fd/{file.fileno()}" if os.path.isdir("/dev/fd") else str(file.name)

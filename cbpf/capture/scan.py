"""The scan: which packets of a savefile match, without an object for each packet.

Pieces of the file are read into one buffer again and again, and a kernel of ``cbpf.capture.walk`` goes over the records
in it: as machine code together with the filter, or in Python where a file is too small for that to pay or there is no
LLVM. What is not a plain packet is given to the reader of the file's format, which knows all about it.

Matches come in batches, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from struct import Struct
from typing import Final, Protocol

from cbpf.capture import walk
from cbpf.capture.byteorder import converter
from cbpf.capture.limits import maximum_snaplen
from cbpf.capture.packet import NANOSECONDS, Interface, Packet, Place
from cbpf.capture.pcap import PcapReader
from cbpf.capture.piece import NEVER, NOTHING, Batch, Match, Piece, Task
from cbpf.capture.savefile import Savefile
from cbpf.capture.walks import NOBODY, Kind, Walks
from cbpf.errors import ProgramError, SavefileError
from cbpf.machine import Program

__all__ = ["Batch", "Choose", "Match", "NoOutput", "Output", "Scan"]

IN_PYTHON: Final = 4 * 1024 * 1024  # bytes of a file that is too small for machine code to pay
PART: Final = 16 * 1024 * 1024  # bytes of a file that one thread scans at a time
_MOST_ODD: Final = 4096
_SOURCE: Final = Struct("=7Q")
_TALLY: Final = Struct("=4Q")


class Output(Protocol):
    """What becomes of packets that match: ``form`` is one of COUNT, DATA, PCAP and PCAPNG of ``walk``."""

    form: int

    def place(self, interface: Interface) -> Place:
        """How packets of an interface are put there."""


class NoOutput:
    """Packets are counted only (COUNT), or handed over (DATA)."""

    def __init__(self, form: int) -> None:
        self.form = form

    def place(self, interface: Interface) -> Place:
        return Place()


Choose = Callable[[Interface], Sequence[Program] | None]
"""The programs that judge the packets of an interface: one, or those of a set; None to pass its packets over."""


class Scan:
    """One savefile, scanned once: iterate over it for the batches.

    ``choose`` is asked about an interface when its first packet is met. After ``limit`` matches the scan ends.
    ``seen`` packets have been looked at so far, ``found`` of them match; ``tallies`` is what was counted of a set.

    Iterating raises SavefileError for damage, after the batches before it, ProgramError if a program does not end, and
    whatever ``choose`` and ``output`` raise.

    A file that is large is cut into parts for so many ``threads``, if there is machine code and no limit.
    """

    def __init__(
        self,
        savefile: Savefile,
        choose: Choose,
        output: Output,
        walks: Walks,
        *,
        limit: int | None = None,
        threads: int = 1,
    ) -> None:
        self._savefile = savefile
        self._reader = savefile.reader
        self._window = savefile.window
        self._choose = choose
        self._output = output
        self._walks = walks
        self._limit = NEVER if limit is None else limit
        self._threads = threads
        self._direct = savefile.seekable  # whether the file is read here, and not by its stream
        self._alone_until = 0  # where several threads may be tried again
        self._chosen: dict[Interface, tuple[int, Place]] = {}  # the judge, and the place in the output
        self.seen = 0
        self.found = 0
        self.tallies = bytearray(8 * walks.words + walk.TALLY_SIZE * walks.filters)

    def __iter__(self) -> Iterator[Batch]:
        window, odd = self._window, 1
        piece = Piece(self._output.form, self._walks, self.tallies)
        piece.refill(window.data[window.pos :], window.offset)
        task: Task | None = None
        while True:
            if task is None or (not task.walk.native and self._pays(piece.offset)):
                task = self._task(piece.offset)
            yield from self._in_parallel(piece, task)
            status, seen, batch = piece.walk(task, self._limit - self.found)
            self.seen += seen
            self.found += batch.found
            if batch.found:
                yield batch
            match status:
                case walk.LIMITED:
                    return
                case walk.ENDLESS:
                    raise ProgramError("the program loops without an end")
                case walk.FULL | walk.PAUSED:
                    pass
                case walk.STARVED if self._read(piece):
                    pass
                case _:
                    if not piece.left():
                        return
                    odd = 1 if seen else min(2 * odd, _MOST_ODD)
                    if self._direct:
                        self._savefile.seek(piece.end_offset)
                    window.put_back(piece.left(), piece.offset)
                    yield from self._odd(odd)
                    if self.found >= self._limit:
                        return
                    piece.refill(window.data[window.pos :], window.offset)
                    task = None

    # Several threads.

    def _in_parallel(self, piece: Piece, task: Task) -> Iterator[Batch]:
        """The batches of as much of the file as can be scanned in parts; the piece stands behind that then."""
        begin, size = piece.offset, self._savefile.size or 0
        length = PART if self._output.form == walk.COUNT else PART // 4  # what matches is kept until it is its turn
        if self._threads < 2 or begin < self._alone_until or size - begin < 2 * length or self._limit != NEVER:
            return
        if not (self._direct and task.walk.native and task.plain):
            return
        from cbpf.capture.parts import Parts

        at = begin
        with self._errors_of_reading():
            for part in Parts(self._walks, self._output.form, task, begin, size, length=length, threads=self._threads):
                self.seen += part.seen
                self.found += sum(batch.found for batch in part.batches)
                self._add(part.counted)
                at = part.end
                yield from part.batches
        self._alone_until = at + (0 if at - begin > length else 4 * length)
        self._savefile.seek(at)
        piece.refill(b"", at)

    def _add(self, counted: bytes) -> None:
        """Add what a part has counted."""
        first = 8 * self._walks.words
        for at in range(first, len(counted), walk.TALLY_SIZE):
            packets, size, early, late = _TALLY.unpack_from(counted, at)
            if packets:
                before = _TALLY.unpack_from(self.tallies, at)
                early = min(early, before[2]) if before[0] else early
                _TALLY.pack_into(self.tallies, at, before[0] + packets, before[1] + size, early, max(late, before[3]))

    def tallied(self) -> bytes:
        """What was counted of each filter of a set: packets, bytes, first and last time, 64 bits each."""
        return bytes(self.tallies[8 * self._walks.words :])

    # What the walk is told about the file.

    def _present(self) -> list[Interface]:
        reader = self._reader
        return reader.interfaces if isinstance(reader, PcapReader) else reader.present

    def _largest_block(self) -> int:
        return 0 if isinstance(self._reader, PcapReader) else self._reader.largest_block

    def _sources(self, interfaces: Sequence[Interface]) -> bytearray:
        reader = self._reader
        offsets = [0] if isinstance(reader, PcapReader) else reader.offsets
        plain = not isinstance(reader, PcapReader) or reader.plain
        sources = bytearray()
        for interface, offset in zip(interfaces, offsets, strict=True):
            beyond = self._beyond(interface, offset) if plain else 0
            which, place = self._chosen[interface] if beyond else (NOBODY, Place())
            seconds, nanoseconds = max(offset, 0) // NANOSECONDS, NANOSECONDS // interface.resolution
            sources += _SOURCE.pack(beyond, which, interface.resolution, nanoseconds, seconds, place.unit, place.number)
        return sources or bytearray(1)

    def _beyond(self, interface: Interface, offset: int) -> int:
        """One more than the longest packet of an interface that needs no closer look; 0 if all do."""
        if (
            interface not in self._chosen
            or converter(interface.linktype, self._reader.order) is not None
            or NANOSECONDS % interface.resolution
            or offset % NANOSECONDS
            or offset < 0
        ):
            return 0
        longest = self._chosen[interface][1].longest
        plain = min(interface.snaplen, maximum_snaplen(interface.linktype))
        return 1 + (plain if longest is None else min(plain, longest))

    def _task(self, offset: int) -> Task:
        """What there is to do from an offset on."""
        reader, interfaces = self._reader, self._present()
        header = reader.header_length if isinstance(reader, PcapReader) else 0
        kind = Kind(reader.format, reader.order, header, self._output.form)
        walking = self._walks.get(kind, native=self._pays(offset))
        number = self._savefile.fileno() if self._direct else walk.NOWHERE
        return Task(walking, interfaces[:], self._sources(interfaces), self._largest_block(), number)

    def _pays(self, offset: int) -> bool:
        """Whether so much has come or is to come that it pays to make machine code."""
        size = self._savefile.size
        return offset > IN_PYTHON or (size is not None and size - offset > IN_PYTHON)

    def _read(self, piece: Piece) -> bool:
        """Whether there is more of the file; it is in memory then."""
        if self._direct:
            with self._errors_of_reading():
                return piece.read_at(self._savefile.fileno())
        room = piece.room()
        count = self._window.read_into(room)
        room.release()
        piece.filled(count)
        return count > 0

    @contextmanager
    def _errors_of_reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SavefileError(f"cannot read: {error.strerror or error}", path=self._savefile.path) from error

    # Packets that are not plain.

    def _odd(self, count: int) -> Iterator[Batch]:
        """The next so many records or blocks, by the file's reader."""
        for _ in range(count):
            if not self._window.need(1):
                return
            offset = self._window.offset
            packet = self._reader.one()
            if packet is not None:
                self.seen += 1
                yield from self._judged(packet, offset)
                if self.found >= self._limit:
                    return

    def _judged(self, packet: Packet, offset: int) -> Iterator[Batch]:
        interface = packet.interface
        if interface not in self._chosen:
            which = self._walks.which(self._choose(interface))
            self._chosen[interface] = which, Place() if which == NOBODY else self._output.place(interface)
        verdict = self._walks.verdict(self._chosen[interface][0], packet.data, packet.wirelen)
        if not verdict:
            return
        self.found += 1
        if self._walks.words:
            if self._output.form == walk.COUNT:
                walk.count_one(self.tallies, self._walks.words, verdict, packet.wirelen, packet.timestamp)
            match = Match(offset, *packet[:2], memoryview(packet.data), interface, verdict)
        else:
            match = Match(offset, *packet[:2], memoryview(packet.data)[:verdict], interface)
        yield Batch(1, NOTHING, () if self._output.form == walk.COUNT else (match,))

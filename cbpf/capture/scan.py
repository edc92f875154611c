"""The scan: which packets of a savefile match, without an object for each packet.

Pieces of the file are read into one buffer again and again, and a kernel of ``cbpf.capture.walk`` goes over the records
in it: as machine code together with the filter, or in Python where a file is too small for that to pay or there is no
LLVM. What is not a plain packet is given to the reader of the file's format, which knows all about it.

Matches come in batches, in the order of the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from cbpf.capture import walk
from cbpf.capture.byteorder import converter
from cbpf.capture.limits import maximum_snaplen
from cbpf.capture.packet import NANOSECONDS, Interface, Packet, Place
from cbpf.capture.pcap import PcapReader
from cbpf.capture.savefile import Savefile
from cbpf.capture.walks import NOBODY, Buffers, Kind, Walk, Walks
from cbpf.errors import ProgramError
from cbpf.machine import Program

if TYPE_CHECKING:
    from concurrent.futures import Future

PIECE: Final = 128 * 1024  # bytes that are read at once: they stay in the processor's cache
OUTPUT: Final = 512 * 1024  # bytes of what matches that are handed on at once, or more for a long packet
BUDGET: Final = 16 * 1024 * 1024  # bytes that are scanned before an interruption is noticed
IN_PYTHON: Final = 4 * 1024 * 1024  # bytes of a file that is too small for machine code to pay
PART: Final = 16 * 1024 * 1024  # bytes of a file that one thread scans at a time
_MOST_ROWS: Final = 4096
_MOST_ODD: Final = 4096
_NEVER: Final = (1 << 64) - 1
_STATE: Final = Struct("=16Q")
_RESULTS: Final = [at // 8 for at in (walk.POSITION, walk.END, walk.SEEN, walk.FOUND, walk.USED, walk.ROWS, walk.BASE)]
_SOURCE: Final = Struct("=7Q")
_ROW: Final = Struct("=6Q")
_WORD: Final = Struct("=Q")
_TALLY: Final = Struct("=4Q")


class Match(NamedTuple):
    """One packet that matches.

    * ``offset``: of its record in the file, in bytes.
    * ``timestamp``: nanoseconds since 1970-01-01 00:00 UTC.
    * ``wirelen``: length in bytes on the network.
    * ``data``: the captured bytes, as many of them as the verdict keeps.
    * ``interface``: where it was captured.
    * ``filters``: of a set of filters those that match, bit i for the filter number i; 1 for a single filter.
    """

    offset: int
    timestamp: int
    wirelen: int
    data: memoryview
    interface: Interface
    filters: int = 1

    def packet(self) -> Packet:
        """The same as a packet that is read."""
        return Packet(self.timestamp, self.wirelen, bytes(self.data), self.interface)


class Batch(NamedTuple):
    """The next ``found`` packets that match.

    ``encoded`` are those that are ready for the output, good until the next batch is asked for; ``matches`` are the
    others, and all if there is no form of output.
    """

    found: int
    encoded: memoryview
    matches: Sequence[Match]


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

_NOTHING: Final = memoryview(b"")


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
        self._limit = _NEVER if limit is None else limit
        self._threads = threads
        self._direct = savefile.seekable  # whether the file is read here, and not by its stream
        self._spare: list[_Piece] = []  # of threads that are done with a part
        self._alone_until = 0  # where several threads may be tried again
        self._chosen: dict[Interface, tuple[int, Place]] = {}  # the judge, and the place in the output
        self.seen = 0
        self.found = 0
        self.tallies = bytearray(8 * walks.words + walk.TALLY_SIZE * walks.filters)

    def __iter__(self) -> Iterator[Batch]:
        window, odd = self._window, 1
        piece = _Piece(self._output.form, self._walks, self.tallies)
        piece.refill(window.data[window.pos :], window.offset)
        task: _Task | None = None
        while True:
            if task is None or (not task.walk.native and self._pays(piece.offset)):
                task = self._task(piece.offset)
            yield from self._in_parallel(piece, task)
            status, seen, batch = self._step(piece, task, self._limit - self.found)
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

    def _step(self, piece: _Piece, task: _Task, limit: int, stop: int = _NEVER) -> tuple[int, int, Batch]:
        """Walk over what is in memory: why that ended, the packets seen, and those that match."""
        piece.begin(task, limit, stop)
        status = task.walk.run(piece.buffers)
        seen, batch = piece.end(task.interfaces)
        if status == walk.FULL and not batch.found:
            piece.grow_output()
        return status, seen, batch

    # Several threads.

    def _in_parallel(self, piece: _Piece, task: _Task) -> Iterator[Batch]:
        """The batches of as much of the file as can be cut into parts; the piece stands behind that part then.

        Where a part begins is guessed, and right if the part before ends there; else it is scanned again.
        """
        begin, size = piece.offset, self._savefile.size or 0
        if self._threads < 2 or begin < self._alone_until or size - begin < 2 * PART or self._limit != _NEVER:
            return
        if not (task.walk.native and self._savefile.seekable and task.plain):
            return
        from collections import deque
        from concurrent.futures import ThreadPoolExecutor

        number = self._savefile.fileno()
        stops = iter([*range(begin + PART, size, PART), size])
        at = begin
        with ThreadPoolExecutor(self._threads) as pool:
            waiting: deque[tuple[int, Future[_Part]]] = deque()
            start = begin

            def more() -> None:
                nonlocal start
                stop = next(stops, None)
                if stop is not None:
                    waiting.append((stop, pool.submit(self._part, number, task, start, stop, start != begin)))
                    start = stop

            for _ in range(self._threads + 1):
                more()
            while waiting:
                stop, future = waiting.popleft()
                part = future.result()
                if part.begin != at and at < stop:
                    part = self._part(number, task, at, stop, False)
                if at < stop:
                    more()
                    self.seen += part.seen
                    self.found += sum(batch.found for batch in part.batches)
                    self._add(part.counted)
                    yield from part.batches
                    at = part.end
                    if not part.whole:
                        break
                else:
                    more()  # the part before went past the end of this one
            for _, future in waiting:
                future.cancel()
        self._alone_until = at + (0 if at - begin > PART else 4 * PART)
        self._savefile.seek(at)
        piece.refill(b"", at)

    def _part(self, number: int, task: _Task, begin: int, stop: int, guessed: bool) -> _Part:
        """Scan the records that begin in a part of the file, up to the first one that is not plain."""
        piece = self._spare.pop() if self._spare else _Piece(self._output.form, self._walks)
        piece.refill(b"", begin)
        batches: list[Batch] = []
        all_seen = found = 0
        first = None if guessed else begin
        while True:
            status, seen = walk.STARVED, 0
            if first is None and piece.left():
                piece.begin(task, 0)
                if task.walk.find(piece.buffers) == walk.ODD:
                    return _Part(stop, stop, 0, [], b"", whole=True)
                piece.end(task.interfaces)
                first = piece.offset
            if first is not None:
                status, seen, batch = self._step(piece, task, _NEVER, stop)
                all_seen += seen
                if batch.found:
                    found += batch.found
                    batches.append(batch._replace(encoded=memoryview(bytes(batch.encoded))))
            if status in (walk.FULL, walk.PAUSED) or (status == walk.STARVED and piece.read_at(number)):
                continue
            start = begin if first is None else first
            end, counted = piece.offset, piece.counted()
            self._spare.append(piece)
            return _Part(start, end, all_seen, batches, counted, whole=status == walk.STOPPED)

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

    def _task(self, offset: int) -> _Task:
        """What there is to do from an offset on."""
        reader, interfaces = self._reader, self._present()
        header = reader.header_length if isinstance(reader, PcapReader) else 0
        kind = Kind(reader.format, reader.order, header, self._output.form)
        walking = self._walks.get(kind, native=self._pays(offset))
        number = self._savefile.fileno() if self._direct else walk.NOWHERE
        return _Task(walking, interfaces[:], self._sources(interfaces), self._largest_block(), number)

    def _pays(self, offset: int) -> bool:
        """Whether so much has come or is to come that it pays to make machine code."""
        size = self._savefile.size
        return offset > IN_PYTHON or (size is not None and size - offset > IN_PYTHON)

    def _read(self, piece: _Piece) -> bool:
        """Whether there is more of the file; it is in memory then."""
        if self._direct:
            return piece.read_at(self._savefile.fileno())
        room = piece.room()
        count = self._window.read_into(room)
        room.release()
        piece.filled(count)
        return count > 0

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
        yield Batch(1, _NOTHING, () if self._output.form == walk.COUNT else (match,))


class _Task(NamedTuple):
    """A walk, and what it is told about the file."""

    walk: Walk
    interfaces: Sequence[Interface]
    sources: bytearray
    largest_block: int
    descriptor: int

    @property
    def plain(self) -> bool:
        """Whether all interfaces have packets that need no closer look."""
        return all(beyond for beyond, *_ in _SOURCE.iter_unpack(self.sources)) if self.interfaces else False


class _Part(NamedTuple):
    """What the records from ``begin`` to ``end`` have come to; ``whole`` if the next ones begin in another part."""

    begin: int
    end: int
    seen: int
    batches: list[Batch]
    counted: bytes
    whole: bool


class _Piece:
    """A part of the file in memory, and the other buffers of a walk."""

    def __init__(self, form: int, walks: Walks, tallies: bytearray | None = None) -> None:
        self._form = form
        self._words = walks.words
        self._row_size = walk.ROW_SIZE + 8 * walks.words
        size = 8 * walks.words + walk.TALLY_SIZE * walks.filters
        if form == walk.DATA:
            size = 8 * walks.words + _MOST_ROWS * self._row_size
        rows = bytearray(size) if tallies is None or form == walk.DATA else tallies
        out = bytearray(1 if form == walk.COUNT else OUTPUT)
        self.buffers = Buffers(bytearray(walk.STATE_SIZE), bytearray(PIECE), bytearray(1), out, rows or bytearray(8))
        self._base = 0  # offset in the file of what is in memory
        self._position = 0
        self._end = 0

    @property
    def offset(self) -> int:
        """Where in the file the next record is."""
        return self._base + self._position

    @property
    def end_offset(self) -> int:
        """Where in the file is what has not been read yet."""
        return self._base + self._end

    def left(self) -> bytes:
        """What is in memory and not walked over yet."""
        return bytes(memoryview(self.buffers.data)[self._position : self._end])

    def refill(self, data: bytes, offset: int) -> None:
        """Go on with other bytes, which are at an offset in the file."""
        if len(data) > len(self.buffers.data):
            self.buffers = replace(self.buffers, data=bytearray(len(data) + PIECE))
        self.buffers.data[: len(data)] = data
        self._base, self._position, self._end = offset, 0, len(data)

    def room(self) -> memoryview:
        """Where more of the file may be read to: what is left is moved to the front."""
        left = self._end - self._position
        data = self.buffers.data
        if left > len(data) // 2:
            larger = bytearray(2 * len(data))
            larger[:left] = memoryview(data)[self._position : self._end]
            self.buffers = replace(self.buffers, data=larger)
        else:
            view = memoryview(data)
            view[:left] = view[self._position : self._end]
        self._base, self._position, self._end = self.offset, 0, left
        return memoryview(self.buffers.data)[left:]

    def filled(self, count: int) -> None:
        """So many bytes have been read."""
        self._end += count

    def counted(self) -> bytes:
        """What has been counted of a set of filters since this was asked last."""
        if self._form == walk.DATA or not self._words:
            return b""
        counted = bytes(self.buffers.rows)
        self.buffers.rows[:] = bytes(len(counted))
        return counted

    def grow_output(self) -> None:
        """Make room for a packet that is too long."""
        self.buffers = replace(self.buffers, out=bytearray(2 * len(self.buffers.out)))

    def read_at(self, number: int) -> bool:
        """Read more of the file with this descriptor; whether there is more."""
        room = self.room()
        count = os.preadv(number, [room], self._base + self._end)
        room.release()
        self.filled(count)
        return count > 0

    def begin(self, task: _Task, limit: int, stop: int = _NEVER) -> None:
        """Make ready for a walk, which is to begin no record from the offset ``stop`` on."""
        if task.sources is not self.buffers.sources:
            self.buffers = replace(self.buffers, sources=task.sources)
        stop = _NEVER if stop == _NEVER else max(0, stop - self._base)
        room = (0, len(self.buffers.out), 0, _MOST_ROWS)
        reading = (len(self.buffers.data), task.descriptor, BUDGET)
        file = (len(task.interfaces), task.largest_block, self._base, *reading)
        _STATE.pack_into(self.buffers.state, 0, self._position, self._end, stop, 0, 0, limit, *room, *file)

    def end(self, interfaces: Sequence[Interface]) -> tuple[int, Batch]:
        """What a walk has come to: the packets seen, and those found."""
        state = _STATE.unpack(self.buffers.state)
        self._position, self._end, seen, found, used, rows, self._base = (state[at] for at in _RESULTS)
        if self._form == walk.DATA:
            return seen, Batch(found, _NOTHING, list(self._matches(rows, used, interfaces)))
        return seen, Batch(found, memoryview(self.buffers.out)[:used], ())

    def _matches(self, rows: int, used: int, interfaces: Sequence[Interface]) -> Iterator[Match]:
        data = memoryview(bytes(memoryview(self.buffers.out)[:used]))
        table, first = self.buffers.rows, 8 * self._words
        for at in range(first, first + rows * self._row_size, self._row_size):
            offset, time, place, kept, wirelen, source = _ROW.unpack_from(table, at)
            filters = 0 if self._words else 1
            for word in range(self._words):
                (bits,) = _WORD.unpack_from(table, at + walk.ROW_SIZE + 8 * word)
                filters |= bits << 64 * word
            yield Match(offset, time, wirelen, data[place : place + kept], interfaces[source], filters)

"""Parts of a savefile in memory, and what a walk over them comes to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from struct import Struct
from typing import Final, NamedTuple

from cbpf.capture import walk
from cbpf.capture.packet import Interface, Packet
from cbpf.capture.selection import EVERYTHING, NEVER, Selection
from cbpf.capture.walks import Buffers, Walk, Walks

PIECE: Final = 256 * 1024  # bytes that are read at once: they stay in the processor's cache
OUTPUT: Final = 512 * 1024  # bytes of what matches that are handed on at once, or more for a long packet
BUDGET: Final = 16 * 1024 * 1024  # bytes that are scanned before an interruption is noticed
_MOST_ROWS: Final = 4096
_STATE: Final = Struct("=24Q")
_RESULTS: Final = [
    at // 8 for at in (walk.POSITION, walk.END, walk.SEEN, walk.FOUND, walk.USED, walk.ROWS, walk.BASE, walk.PHASE)
]
_LEAST_SHARE: Final = 64 * 1024  # bytes of output for a filter of a set
_ROW: Final = Struct("=7Q")
_WORD: Final = Struct("=Q")
_SHARE: Final = Struct("=2Q")
NOTHING: Final = memoryview(b"")


class Match(NamedTuple):
    """One packet that matches.

    * ``offset``: of its record in the file, in bytes.
    * ``timestamp``: nanoseconds since 1970-01-01 00:00 UTC.
    * ``wirelen``: length in bytes on the network.
    * ``data``: the captured bytes, as many of them as the verdict keeps.
    * ``interface``: where it was captured.
    * ``filters``: of a set of filters those that match, bit i for the filter number i; 1 for a single filter.
    * ``verdict``: that of a single filter; 1 for a set, and 0 if the kernel did not tell.
    """

    offset: int
    timestamp: int
    wirelen: int
    data: memoryview
    interface: Interface
    filters: int = 1
    verdict: int = 1

    def packet(self) -> Packet:
        """The same as a packet that is read."""
        return Packet(self.timestamp, self.wirelen, bytes(self.data), self.interface)


class Batch(NamedTuple):
    """The next ``found`` packets that match.

    ``encoded`` are those that are ready for the output, good until the next batch is asked for, and ``shares`` are
    batches for the outputs of each filter of a set; ``matches`` are the others, and all if there is no form of output.
    """

    found: int
    encoded: memoryview
    matches: Sequence[Match]
    shares: Sequence[Batch] = ()


class Task(NamedTuple):
    """A walk, and what it is told about the file.

    ``plain`` if no interface has packets that all want a closer look.
    """

    walk: Walk
    interfaces: Sequence[Interface]
    sources: bytearray
    plain: bool
    largest_block: int
    descriptor: int
    selection: Selection = EVERYTHING


class Piece:
    """A part of the file in memory, and the other buffers of a walk; ``noted`` is that of a survey."""

    def __init__(self, form: int, walks: Walks, noted: bytearray | None = None) -> None:
        self._form = form
        self._walks = walks
        self._words = walks.words
        self._row_size = walk.ROW_SIZE + 8 * walks.words
        self._filters = walks.filters
        what = _MOST_ROWS * self._row_size if form == walk.DATA else walk.TALLY_SIZE * walks.filters
        rows = bytearray(8 * walks.words + what)
        self._shared = form in (walk.PCAP, walk.PCAPNG) and walks.words > 0
        self._outputs = walks.filters if self._shared else 1
        out = noted or bytearray(1 if form == walk.COUNT else max(OUTPUT, self._outputs * _LEAST_SHARE))
        self.buffers = Buffers(bytearray(walk.STATE_SIZE), bytearray(PIECE), bytearray(1), out, rows or bytearray(8))
        self.phase = 0  # how many that match are to be passed over before the next one is taken
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
        """What has been counted of a set of filters, or by judges that count, since this was asked last."""
        if self._form == walk.DATA or not (self._words or self._walks.counters):
            return b""
        counted = bytes(self.buffers.rows[8 * self._words :])
        self.buffers.rows[8 * self._words :] = bytes(len(counted))
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

    def walk(self, task: Task, limit: int = NEVER, stop: int = NEVER, before: int = 0) -> tuple[int, int, Batch]:
        """Walk over what is in memory: why that ended, the packets seen, and those that match.

        No record is begun from the offset ``stop`` on. There are so many packets ``before`` in the file.
        """
        self.begin(task, limit, stop, before)
        status = task.walk.run(self.buffers)
        seen, batch = self.end(task.interfaces)
        if status == walk.FULL and not batch.found and self._form != walk.COUNT:
            self.grow_output()
        return status, seen, batch

    def find(self, task: Task) -> bool:
        """Go to where a record seems to begin; whether there is such a place."""
        self.begin(task, 0, NEVER, 0)
        status = task.walk.find(self.buffers)
        self.end(task.interfaces)
        return status != walk.ODD

    def begin(self, task: Task, limit: int, stop: int, before: int) -> None:
        """Make ready for a walk, which is to begin no record from the offset ``stop`` on."""
        if task.sources is not self.buffers.sources:
            self.buffers = replace(self.buffers, sources=task.sources)
        if self._walks.counters > len(self.buffers.rows):  # there are more judges than before
            self.buffers = replace(self.buffers, rows=self.buffers.rows.ljust(self._walks.counters, b"\0"))
        stop = NEVER if stop == NEVER else max(0, stop - self._base)
        room = (0, len(self.buffers.out) // self._outputs, 0, _MOST_ROWS)
        reading = (len(self.buffers.data), task.descriptor, BUDGET)
        file = (len(task.interfaces), task.largest_block, self._base, *reading)
        after, until, first, last, every, keep, _ = task.selection
        chosen = (before, first, last, after, until, every, self.phase, keep)
        _STATE.pack_into(self.buffers.state, 0, self._position, self._end, stop, 0, 0, limit, *room, *file, *chosen)

    def end(self, interfaces: Sequence[Interface]) -> tuple[int, Batch]:
        """What a walk has come to: the packets seen, and those found."""
        state = _STATE.unpack(self.buffers.state)
        self._position, self._end, seen, found, used, rows, self._base, self.phase = (state[at] for at in _RESULTS)
        if self._form == walk.DATA:
            return seen, Batch(found, NOTHING, list(self._matches(rows, used, interfaces)))
        if self._shared:
            return seen, Batch(found, NOTHING, (), list(self._shares()) if found else ())
        return seen, Batch(found, memoryview(self.buffers.out)[:used], ())

    def _shares(self) -> Iterator[Batch]:
        """What each filter of a set has in the output; their rooms are empty then."""
        out = memoryview(self.buffers.out)
        size = len(out) // self._outputs
        for number in range(self._filters):
            at = 8 * self._words + number * walk.TALLY_SIZE + walk.TALLY_USED
            used, packets = _SHARE.unpack_from(self.buffers.rows, at)
            _SHARE.pack_into(self.buffers.rows, at, 0, 0)
            yield Batch(packets, out[number * size : number * size + used], ())

    def _matches(self, rows: int, used: int, interfaces: Sequence[Interface]) -> Iterator[Match]:
        data = memoryview(bytes(memoryview(self.buffers.out)[:used]))
        table, first = self.buffers.rows, 8 * self._words
        if not self._words:
            make = tuple.__new__  # in a third of the time that a named tuple takes with its own
            for offset, time, place, kept, wirelen, source, verdict in _ROW.iter_unpack(table[: rows * self._row_size]):
                kind = interfaces[source]
                yield make(Match, (offset, time, wirelen, data[place : place + kept], kind, 1, verdict))
            return
        for at in range(first, first + rows * self._row_size, self._row_size):
            offset, time, place, kept, wirelen, source, verdict = _ROW.unpack_from(table, at)
            filters = 0
            for word in range(self._words):
                (bits,) = _WORD.unpack_from(table, at + walk.ROW_SIZE + 8 * word)
                filters |= bits << 64 * word
            yield Match(offset, time, wirelen, data[place : place + kept], interfaces[source], filters, verdict)

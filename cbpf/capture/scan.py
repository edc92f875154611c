"""The scan: which packets of a savefile match, without an object for each packet.

Pieces of the file are read into one buffer again and again, and a kernel of ``cbpf.capture.walk`` goes over the records
in it: as machine code together with the filter, or in Python where a file is too small for that to pay or there is no
LLVM. What is not a plain packet is given to the reader of the file's format, which knows all about it.

Matches come in batches, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple, Protocol

from cbpf.capture import walk
from cbpf.capture.byteorder import converter
from cbpf.capture.limits import maximum_snaplen
from cbpf.capture.packet import NANOSECONDS, Interface, Packet, Place
from cbpf.capture.pcap import PcapReader
from cbpf.capture.savefile import Savefile
from cbpf.capture.walks import NOBODY, Buffers, Kind, Walk, Walks
from cbpf.errors import ProgramError
from cbpf.machine import Program

PIECE: Final = 256 * 1024  # bytes that are read at once: they stay in the processor's cache
IN_PYTHON: Final = 4 * 1024 * 1024  # bytes of a file that is too small for machine code to pay
_MOST_ROWS: Final = 4096
_MOST_ODD: Final = 4096
_NEVER: Final = (1 << 64) - 1
_STATE: Final = Struct("=13Q")
_SOURCE: Final = Struct("=7Q")
_ROW: Final = Struct("=6Q")
_WORD: Final = Struct("=Q")


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
        self._chosen: dict[Interface, tuple[int, Place]] = {}  # the judge, and the place in the output
        self.seen = 0
        self.found = 0
        self.tallies = bytearray(8 * walks.words + walk.TALLY_SIZE * walks.filters)

    def __iter__(self) -> Iterator[Batch]:
        window, odd = self._window, 1
        piece = _Piece(self._output.form, self._walks, self.tallies)
        piece.refill(window.data[window.pos :], window.offset)
        while True:
            interfaces = self._present()
            piece.begin(self._sources(interfaces), len(interfaces), self._largest_block(), self._limit - self.found)
            status = self._walk(piece)(piece.buffers)
            seen, found, batch = piece.end(interfaces)
            self.seen += seen
            self.found += found
            if found:
                yield batch
            match status:
                case walk.LIMITED:
                    return
                case walk.ENDLESS:
                    raise ProgramError("the program loops without an end")
                case walk.FULL:
                    if not found:
                        piece.grow_output()
                case walk.STARVED if self._read(piece):
                    continue
                case _:
                    if not piece.left():
                        return
                    odd = 1 if seen else min(2 * odd, _MOST_ODD)
                    window.put_back(piece.left(), piece.offset)
                    yield from self._odd(odd)
                    if self.found >= self._limit:
                        return
                    piece.refill(window.data[window.pos :], window.offset)

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

    def _walk(self, piece: _Piece) -> Walk:
        reader = self._reader
        header = reader.header_length if isinstance(reader, PcapReader) else 0
        kind = Kind(reader.format, reader.order, header, self._output.form)
        size = self._savefile.size
        pays = piece.offset > IN_PYTHON or (size is not None and size - piece.offset > IN_PYTHON)
        return self._walks.get(kind, native=pays)

    def _read(self, piece: _Piece) -> bool:
        """Whether there is more of the file; it is in memory then."""
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


class _Piece:
    """A part of the file in memory, and the other buffers of a walk."""

    def __init__(self, form: int, walks: Walks, tallies: bytearray) -> None:
        self._form = form
        self._words = walks.words
        self._row_size = walk.ROW_SIZE + 8 * walks.words
        rows = bytearray(8 * walks.words + _MOST_ROWS * self._row_size) if form == walk.DATA else tallies
        out = bytearray(1 if form == walk.COUNT else 2 * PIECE)
        self.buffers = Buffers(bytearray(walk.STATE_SIZE), bytearray(PIECE), bytearray(1), out, rows or bytearray(8))
        self._base = 0  # offset in the file of what is in memory
        self._position = 0
        self._end = 0

    @property
    def offset(self) -> int:
        """Where in the file the next record is."""
        return self._base + self._position

    def left(self) -> bytes:
        """What is in memory and not walked over yet."""
        return bytes(memoryview(self.buffers.data)[self._position : self._end])

    def refill(self, data: bytes, offset: int) -> None:
        """Go on with other bytes, which are at an offset in the file."""
        if len(data) > len(self.buffers.data):
            self.buffers = self.buffers._replace(data=bytearray(len(data) + PIECE))
        self.buffers.data[: len(data)] = data
        self._base, self._position, self._end = offset, 0, len(data)

    def room(self) -> memoryview:
        """Where more of the file may be read to: what is left is moved to the front."""
        left = self._end - self._position
        data = self.buffers.data
        if left > len(data) // 2:
            larger = bytearray(2 * len(data))
            larger[:left] = memoryview(data)[self._position : self._end]
            self.buffers = self.buffers._replace(data=larger)
        else:
            view = memoryview(data)
            view[:left] = view[self._position : self._end]
        self._base, self._position, self._end = self.offset, 0, left
        return memoryview(self.buffers.data)[left:]

    def filled(self, count: int) -> None:
        """So many bytes have been read."""
        self._end += count

    def grow_output(self) -> None:
        """Make room for a packet that is too long."""
        self.buffers = self.buffers._replace(out=bytearray(2 * len(self.buffers.out)))

    def begin(self, sources: bytearray, interfaces: int, largest_block: int, limit: int, stop: int = _NEVER) -> None:
        """Make ready for a walk."""
        self.buffers = self.buffers._replace(sources=sources)
        size, rows = len(self.buffers.out), _MOST_ROWS
        state = (self._position, self._end, stop, 0, 0, limit, 0, size, 0, rows, interfaces, largest_block, self._base)
        _STATE.pack_into(self.buffers.state, 0, *state)

    def end(self, interfaces: Sequence[Interface]) -> tuple[int, int, Batch]:
        """What a walk has come to: the packets seen and found, and those found."""
        state = _STATE.unpack(self.buffers.state)
        self._position, seen, found, used, rows = state[0], state[3], state[4], state[6], state[8]
        if self._form == walk.DATA:
            return seen, found, Batch(found, _NOTHING, list(self._matches(rows, used, interfaces)))
        return seen, found, Batch(found, memoryview(self.buffers.out)[:used], ())

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

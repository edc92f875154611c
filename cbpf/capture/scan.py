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
from typing import TYPE_CHECKING, Final, Protocol

from cbpf.capture import walk
from cbpf.capture.byteorder import converter
from cbpf.capture.limits import maximum_snaplen
from cbpf.capture.packet import NANOSECONDS, Interface, Packet, Place
from cbpf.capture.pcap import PcapReader
from cbpf.capture.pcapng import ENHANCED_PACKET, Source
from cbpf.capture.piece import NOTHING, Batch, Match, Piece, Task
from cbpf.capture.savefile import Savefile
from cbpf.capture.selection import EVERYTHING, NEVER, Selection
from cbpf.capture.walks import NOBODY, Kind, Walks
from cbpf.counts import Count
from cbpf.engine import STEP_LIMIT
from cbpf.errors import ProgramError, SavefileError
from cbpf.machine import Program

if TYPE_CHECKING:
    from cbpf.capture.surveyor import Survey

__all__ = ["Batch", "Choose", "Match", "NoOutput", "Output", "Scan"]

IN_PYTHON: Final = 4 * 1024 * 1024  # bytes of a file that is too small for machine code to pay
PART: Final = 16 * 1024 * 1024  # bytes of a file that one thread scans at a time
_SHARE: Final = {walk.COUNT: 1, walk.DATA: 8, walk.PCAP: 2, walk.PCAPNG: 2}  # what matches waits for its turn in memory
_MOST_ODD: Final = 4096
_LAST_SECOND: Final = 18_000_000_000  # of which the nanoseconds have 64 bits
_SOURCE: Final = Struct("=8Q")
_AGAIN: Final = 1024 * 1024  # bytes that take as long in Python as to make machine code of many filters for a link type
_TALLY: Final = Struct("=6Q")
_WORD: Final = Struct("=Q")
_ENHANCED: Final = {order: Struct(order + "III") for order in "<>"}  # type, length, and number of the interface


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

    ``choose`` is asked about an interface when its first packet is met; ``selection`` says which packets are of
    interest besides (the walks must have been made for one that is inverted). After ``limit`` matches the scan ends.
    ``seen`` packets have been looked at so far, up to the offset ``position`` in the file, and ``found`` of them match;
    ``counts`` has more about those of a set, unless they are handed over.

    Iterating raises SavefileError for damage, after the batches before it, ProgramError if a program does not end, and
    whatever ``choose`` and ``output`` raise.

    A file that is large is cut into parts for so many ``threads``, if there is machine code and no limit. With a
    ``survey`` all packets are noted there; it wants a ``SurveyOutput``, and batches without packets tell how far it is.
    More than ``patience`` bytes are worth machine code, by default IN_PYTHON.
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
        selection: Selection = EVERYTHING,
        phase: int = 0,
        survey: Survey | None = None,
        patience: int | None = None,
    ) -> None:
        self._savefile = savefile
        self._reader = savefile.reader
        self._window = savefile.window
        self._choose = choose
        self._output = output
        self._walks = walks
        self._limit = NEVER if limit is None else limit
        self._threads = 1 if selection.in_order or survey is not None else threads
        self._survey = survey
        self._patience = patience
        self._selection = selection
        self._direct = savefile.seekable  # whether the file is read here, and not by its stream
        self._alone_until = 0  # where several threads may be tried again
        self._python_until = 0  # where machine code may be made again
        self._chosen: dict[Interface, tuple[int, Place | None]] = {}  # the judge, and the place in the output
        self._sources = _Sources()
        self.seen = 0
        self.found = 0
        self.phase = phase  # how many that match are to be passed over
        self.position = self._window.offset
        self.counts = [Count() for _ in range(walks.filters)]

    def __iter__(self) -> Iterator[Batch]:
        window, odd = self._window, 1
        piece = Piece(self._output.form, self._walks, None if self._survey is None else self._survey.buffer)
        piece.refill(window.data[window.pos :], window.offset)
        task: Task | None = None
        while True:
            if task is None or (not task.walk.native and self._pays(piece.offset)):
                task = self._task(piece.offset)
            yield from self._in_parallel(piece, task)
            piece.phase = self.phase
            status, seen, batch = piece.walk(task, self._limit - self.found, before=self.seen)
            self.seen += seen
            self.phase, self.position = piece.phase, piece.offset
            self.found += batch.found
            self._add(piece.counted())
            if batch.found or self._survey is not None:  # whoever surveys wants to know how far it is
                yield batch
            match status:
                case walk.LIMITED:
                    return
                case walk.ENDLESS:
                    raise ProgramError(f"no verdict after {STEP_LIMIT} instructions: the program loops")
                case walk.FULL if self._survey is not None:
                    self._survey.make_room()
                case walk.FULL | walk.PAUSED:
                    pass
                case walk.STARVED if self._read(piece):
                    pass
                case _ if not piece.left():
                    return
                case _ if self._introduced(piece.left()):
                    task = None
                case _:
                    odd = 1 if seen else min(2 * odd, _MOST_ODD)
                    if self._direct:
                        self._savefile.seek(piece.end_offset)
                    window.put_back(piece.left(), piece.offset)
                    yield from self._odd(odd)
                    self.position = window.offset
                    if self.found >= self._limit or self.seen >= self._selection.last:
                        return
                    piece.refill(window.data[window.pos :], window.offset)
                    task = None

    @property
    def bytes_read(self) -> int:
        """How far the file has been read: compressed bytes, if it is."""
        return self.position if self._direct else self._savefile.bytes_read

    # Several threads.

    def _in_parallel(self, piece: Piece, task: Task) -> Iterator[Batch]:
        """The batches of as much of the file as can be scanned in parts; the piece stands behind that then."""
        begin, size = piece.offset, self._savefile.size or 0
        length = PART // _SHARE[self._output.form]
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
                at = self.position = part.end
                yield from part.batches
        self._alone_until = at + (0 if at - begin > length else 4 * length)
        self._savefile.seek(at)
        piece.refill(b"", at)

    def _add(self, counted: bytes) -> None:
        """Add what a walk has counted."""
        for number, (packets, size, first, last, _, _) in enumerate(_TALLY.iter_unpack(counted)):
            if packets:
                self.counts[number] = self.counts[number].plus(packets, size, first, last)

    # What the walk is told about the file.

    def _introduced(self, record: bytes) -> bool:
        """Ask about the next packet's interface, and whether that had not been done before: then it may be plain."""
        interfaces, number = self._sources.interfaces, 0
        if not isinstance(self._reader, PcapReader):
            block, _, number = _ENHANCED[self._reader.order].unpack_from(record.ljust(_ENHANCED["<"].size, b"\0"))
            if block != ENHANCED_PACKET:
                return False
        if number >= len(interfaces) or interfaces[number] in self._chosen:
            return False
        self._ask(interfaces[number])
        return True

    def _ask(self, interface: Interface) -> None:
        before = self._walks.judges
        which = self._walks.which(self._choose(interface))
        if self._survey is not None and self._patience and 0 < before < self._walks.judges:
            self._python_until = self.position + _AGAIN * self._walks.judges
        try:
            place = Place() if which == NOBODY else self._output.place(interface)
        except SavefileError:
            place = None  # whoever writes the first packet of it that matches will say why
        self._chosen[interface] = which, place
        self._sources.forget(interface)

    def _up_to_date(self) -> _Sources:
        """The interfaces of the present section, with true rows."""
        reader = self._reader
        section = reader.interfaces if isinstance(reader, PcapReader) else reader.section
        if section is not self._sources.section:
            self._sources = _Sources(section)
        sources = self._sources
        sources.grow()
        for number in sources.stale:
            described = section[number]
            offset = 0 if isinstance(described, Interface) else described.offset
            sources.tell(number, self._source(sources.interfaces[number], offset // NANOSECONDS))
        sources.stale.clear()
        return sources

    def _source(self, interface: Interface, offset: int) -> bytes:
        """The row of an interface; ``offset`` in seconds is to be added to its times."""
        beyond = self._beyond(interface, offset)
        if not beyond:
            return bytes(walk.SOURCE_SIZE)
        which, place = self._chosen[interface]
        assert place is not None
        units = interface.resolution
        latest = min(NEVER, (_LAST_SECOND - offset) * units)
        return _SOURCE.pack(beyond, which, units, NANOSECONDS // units, offset, place.unit, place.number, latest)

    def _beyond(self, interface: Interface, offset: int) -> int:
        """One more than the longest packet of an interface that needs no closer look; 0 if all do."""
        odd = (
            interface not in self._chosen
            or self._chosen[interface][1] is None
            or converter(interface.linktype, self._reader.order) is not None
            or NANOSECONDS % interface.resolution != 0
            or not 0 <= offset <= _LAST_SECOND
            or (isinstance(self._reader, PcapReader) and not self._reader.plain)
        )
        if odd:
            return 0
        place = self._chosen[interface][1]
        longest = None if place is None else place.longest
        plain = min(interface.snaplen, maximum_snaplen(interface.linktype))
        return 1 + (plain if longest is None else min(plain, longest))

    def _task(self, offset: int) -> Task:
        """What there is to do from an offset on."""
        reader, sources = self._reader, self._up_to_date()
        header, largest = (reader.header_length, 0) if isinstance(reader, PcapReader) else (0, reader.largest_block)
        special = self._selection.chooses, self._survey is not None
        kind = Kind(reader.format, reader.order, header, self._output.form, *special)
        walking = self._walks.get(kind, native=self._pays(offset))
        number = self._savefile.fileno() if self._direct else walk.NOWHERE
        return Task(walking, sources.interfaces, sources.rows, sources.plain, largest, number, self._selection)

    def _pays(self, offset: int) -> bool:
        """Whether so much has come or is to come that it pays to make machine code."""
        size = self._savefile.size
        patience = IN_PYTHON if self._patience is None else self._patience
        if offset < self._python_until:
            return False
        if not self._chosen:  # it would be made again for the first packet's judge
            return offset > IN_PYTHON
        return offset > patience or (size is not None and size - offset > patience)

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
                if self.found >= self._limit or self.seen >= self._selection.last:
                    return

    def _judged(self, packet: Packet, offset: int) -> Iterator[Batch]:
        timestamp, wirelen, data, interface = packet
        if interface not in self._chosen:
            self._ask(interface)
        verdict = self._walks.verdict(self._chosen[interface][0], data, wirelen)
        if self._survey is not None:
            self._survey.packet(data, wirelen, timestamp, interface, verdict)
        if not verdict or not self._selection.includes(self.seen, timestamp):
            return
        if self.phase:
            self.phase -= 1
            return
        self.phase = self._selection.every - 1
        self.found += 1
        most, filters = (self._selection.keep, verdict) if self._walks.words else (verdict, 1)
        kept = memoryview(data)[:most]
        for number in range(self._walks.filters if self._output.form != walk.DATA else 0):
            if filters >> number & 1:
                self.counts[number] = self.counts[number].plus(1, wirelen, timestamp, timestamp)
        match = Match(offset, timestamp, wirelen, kept, interface, filters, 1 if self._walks.words else verdict)
        yield Batch(1, NOTHING, () if self._output.form == walk.COUNT else (match,))


class _Sources:
    """The interfaces of a section, and the rows that tell the walk about them.

    What is done for a new interface takes no longer if there are many already: a file may have any number.
    """

    def __init__(self, section: Sequence[Interface | Source] = ()) -> None:
        self.section = section
        self.interfaces: list[Interface] = []
        self.rows = bytearray(walk.SOURCE_SIZE)  # and room for more; changed in place, under the walk that is told
        self.stale: list[int] = []  # the numbers of those whose rows are not true any more
        self._numbers: dict[Interface, int] = {}
        self._odd: set[int] = set()  # the numbers of those whose packets all want a closer look

    @property
    def plain(self) -> bool:
        """Whether none of them has packets that all want a closer look."""
        return bool(self.interfaces) and not self._odd

    def grow(self) -> None:
        """Take in the interfaces that have been described since the last time. Their rows are stale."""
        for number in range(len(self.interfaces), len(self.section)):
            described = self.section[number]
            interface = described if isinstance(described, Interface) else described.interface
            self.interfaces.append(interface)
            self._numbers[interface] = number
            self.stale.append(number)
        needed = walk.SOURCE_SIZE * len(self.interfaces)
        if needed > len(self.rows):  # a new one, since others may hold on to the memory of this
            self.rows = self.rows.ljust(2 * needed, b"\0")

    def tell(self, number: int, row: bytes) -> None:
        """Replace the row of an interface."""
        self.rows[number * walk.SOURCE_SIZE : (number + 1) * walk.SOURCE_SIZE] = row
        if any(row[walk.BEYOND : walk.BEYOND + _WORD.size]):
            self._odd.discard(number)
        else:
            self._odd.add(number)

    def forget(self, interface: Interface) -> None:
        """Its row is not true any more."""
        if interface in self._numbers:
            self.stale.append(self._numbers[interface])

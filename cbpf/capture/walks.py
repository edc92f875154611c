"""Making walks over savefiles: a kernel of ``cbpf.capture.walk`` together with the programs that judge the packets.

In Python that takes no time and a packet some microseconds; as machine code a fraction of a second, and a packet some
nanoseconds.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple
from warnings import warn

from cbpf.capture import walk
from cbpf.capture.byteorder import HOST_ORDER
from cbpf.engine import PythonEngine
from cbpf.engine.bytecode import ENDLESS
from cbpf.engine.kernel import bound, compiled, store64
from cbpf.errors import ProgramError

if TYPE_CHECKING:
    from cbpf.engine import Semantics, llvm
    from cbpf.machine import Program

NOBODY: Final = (1 << 64) - 1
"""The number of the judge for packets that are passed over."""


@dataclass(frozen=True)
class Buffers:
    """What a walk works on; see ``cbpf.capture.walk``."""

    state: bytearray
    data: bytearray
    sources: bytearray
    out: bytearray
    rows: bytearray

    @cached_property
    def all(self) -> tuple[bytearray, ...]:
        """The buffers in the order in which kernels take them."""
        return self.state, self.data, self.sources, self.out, self.rows

    @cached_property
    def addresses(self) -> tuple[int, ...]:
        """Where they are in memory. They cannot grow or shrink any more."""
        return tuple(map(ctypes.addressof, self._held))

    @cached_property
    def _held(self) -> list[ctypes.c_char]:
        return [ctypes.c_char.from_buffer(buffer) for buffer in self.all]


Run = Callable[[Buffers], int]
"""Goes over what is in the buffers and gives the reason why it ended."""


class Walk(NamedTuple):
    """``run`` walks over records; ``find`` goes to where one seems to begin.

    If it is ``native``, others may run at the same time.
    """

    run: Run
    find: Run
    native: bool


class Kind(NamedTuple):
    """What a walk is for: the file's format and byte order, pcap's record header in bytes, and the form of output.

    ``choosing`` if packets are selected by time, number or sample; ``surveying`` if all of them are noted.
    """

    format: str
    order: str
    header: int
    form: int
    choosing: bool = False
    surveying: bool = False


def _warn(message: str) -> None:
    warn(message, RuntimeWarning, stacklevel=2)


class Walks:
    """The walks of one run, and the programs that judge in them.

    ``filters`` is how many filters there are in a set of them, None for a single one, whose verdicts count. ``note`` is
    told if there should be machine code and is not. With ``rest`` there is one filter more, which matches what no other
    does. If ``inverted`` is not None, what a single filter rejects matches, and so many bytes of it are kept.
    """

    def __init__(
        self,
        filters: int | None = None,
        semantics: Semantics = "libpcap",
        note: Callable[[str], None] = _warn,
        *,
        rest: bool = False,
        inverted: int | None = None,
    ) -> None:
        self.filters = (filters or 0) + rest
        self.words = 0 if filters is None else max(1, (self.filters + 63) // 64)
        self._rest = rest
        self._inverted = inverted
        self._semantics = semantics
        self._note = note
        self._noted = False
        self._judges: list[tuple[Program, ...]] = []
        self._numbers: dict[tuple[Program, ...], int] = {}
        self._engines: dict[int, list[PythonEngine]] = {}  # made when they are needed
        self._made: dict[tuple[Kind, int, bool], Walk] = {}

    def which(self, programs: Sequence[Program] | None) -> int:
        """The number of the judge that these programs are; None are nobody."""
        if programs is None:
            return NOBODY
        judges = tuple(programs)
        if judges not in self._numbers:
            self._numbers[judges] = len(self._judges)
            self._judges.append(judges)
        return self._numbers[judges]

    @property
    def judges(self) -> int:
        """How many there are."""
        return len(self._judges)

    def verdict(self, which: int, packet: bytes, wirelen: int) -> int:
        """The verdict of a judge; of a set the filters that match, as bits."""
        if which == NOBODY:
            return 0
        if which not in self._engines:
            judges = self._judges[which]
            self._engines[which] = [PythonEngine(program, semantics=self._semantics) for program in judges]
        engines = self._engines[which]
        if not self.words:
            verdict = engines[0].run(packet, wirelen)
            return verdict if self._inverted is None else self._inverted * (not verdict)
        bits = sum(1 << bit for bit, engine in enumerate(engines) if engine.run(packet, wirelen))
        return bits or self._rest << len(engines)

    @property
    def counters(self) -> int:
        """Bytes in front of ``rows`` that judges count in, if they do."""
        return 0

    def judge(self) -> str:
        """The function ``judge`` of ``cbpf.capture.walk``, in LLVM's language."""
        from cbpf.engine import native

        return native.judge(self._judges, self.words, self._semantics, rest=self._rest, inverted=self._inverted)

    def get(self, kind: Kind, *, native: bool) -> Walk:
        """A walk in machine code or in Python. Where there can be no machine code it is in Python, and noted once."""
        key = kind, len(self._judges), native
        if key not in self._made:
            self._made[key] = self._native(kind) if native else self._python(kind)
        return self._made[key]

    def _given(self, kind: Kind) -> Mapping[str, int]:
        return {
            "PCAPNG_INPUT": int(kind.format == "pcapng"),
            "SWAPPED": int(kind.order != HOST_ORDER),
            "HEADER": kind.header,
            "OUTPUT": kind.form,
            "WORDS": self.words,
            "CHOOSING": int(kind.choosing),
            "SURVEYING": int(kind.surveying),
        }

    def _python(self, kind: Kind) -> Walk:
        words = range(self.words)

        def read_at(descriptor: int, data: bytearray, place: int, count: int, offset: int) -> int:
            try:
                return os.preadv(descriptor, [memoryview(data)[place : place + count]], offset)
            except OSError:
                return walk.NOWHERE  # who reads on will see it again

        def judge(
            data: bytearray, start: int, caplen: int, wirelen: int, readable: int, which: int, rows: bytearray
        ) -> int:
            try:
                verdict = self.verdict(which, bytes(data[start : start + caplen]), wirelen)
            except ProgramError:
                return ENDLESS
            for word in words:
                store64(rows, 8 * word, verdict >> 64 * word & NOBODY)
            return min(verdict, 1) if words else verdict

        given = {**self._given(kind), "judge": judge, "read_at": read_at}
        run, find = bound(walk.scan, given), bound(walk.find, given)
        return Walk(lambda buffers: int(run(*buffers.all)), lambda buffers: int(find(*buffers.all)), native=False)

    def _native(self, kind: Kind) -> Walk:
        from cbpf.engine import llvm  # what takes longest to load

        try:
            llvm.available()
        except llvm.NoNativeCode as reason:
            if not self._noted:
                self._note(str(reason))
            self._noted = True
            return self._python(kind)
        judges = self.judge()
        text = compiled((walk.scan, walk.find), {**self._given(kind), "judge": "judge", "read_at": "read_at"})
        quick = kind.surveying  # of many filters, and of many kinds of files
        code = llvm.MachineCode(f"{judges}\n{_READ_AT.format(pread=_pread())}\n{text}", quick=quick)
        return Walk(_function(code, "scan"), _function(code, "find"), native=True)


# The operating system's `pread`, or what has no use for it never calls it.
_READ_AT: Final = """
define internal i64 @read_at(i64 %descriptor, i64 %data, i64 %place, i64 %count, i64 %offset) {{
  %address = add i64 %data, %place
  %buffer = inttoptr i64 %address to ptr
  %number = trunc i64 %descriptor to i32
  %pread = inttoptr i64 {pread} to ptr
  %read = call i64 %pread(i32 %number, ptr %buffer, i64 %count, i64 %offset)
  ret i64 %read
}}"""


def _pread() -> int:
    """The address of `pread`, with offsets of 64 bits; 0 where the system has none."""
    try:
        library = ctypes.CDLL(None)
    except TypeError:  # Windows
        return 0
    for name in ("pread64", "pread"):
        if hasattr(library, name):
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    return 0


def _function(code: llvm.MachineCode, name: str) -> Run:
    """A function of machine code, to be called without Python's lock, so that others may run at the same time."""
    function = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * len(fields(Buffers)))(code.address(name))

    def run(buffers: Buffers, _code: llvm.MachineCode = code) -> int:
        return int(function(*buffers.addresses))

    return run

"""Machine code with memory that must not be touched right behind its buffers: ``python -m tests.engine.guarded SUITE``.

The process dies if anything is read or written there; else it prints how many times something was run.
"""

from __future__ import annotations

import ctypes
import mmap
import random
import struct
import sys
from pathlib import Path
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import Any

import cbpf
from cbpf import Program
from cbpf.capture import Interface, open_savefile, survey, walk
from cbpf.capture.piece import _STATE
from cbpf.capture.scan import _SOURCE
from cbpf.capture.surveyor import LAYOUTS, layout
from cbpf.capture.walks import Kind, Walks
from cbpf.engine import functions, native
from cbpf.engine.kernel import compiled
from cbpf.engine.llvm import MachineCode
from cbpf.linktypes import linktype_name
from tests.machine_rows import random_program
from tests.packets import packets

_PAGE = mmap.PAGESIZE
_CAPTURES = Path(__file__).resolve().parents[2] / "captures"


class Guarded:
    """Memory of ``size`` bytes whose end is the end of what may be touched."""

    def __init__(self, size: int) -> None:
        pages = -(-size // _PAGE) or 1
        self._map = mmap.mmap(-1, (pages + 1) * _PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        libc = ctypes.CDLL(None, use_errno=True)
        end = start + pages * _PAGE
        if libc.mprotect(ctypes.c_void_p(end), ctypes.c_size_t(_PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        self.size = size
        self.end = end

    def put(self, data: bytes) -> int:
        """Put these bytes at the very end; their address."""
        ctypes.memmove(self.end - len(data), data, len(data))
        return self.end - len(data)


def programs() -> int:
    """Programs over packets, cut short everywhere."""
    choose = random.Random(2)
    runs = 0
    memory = Guarded(4096)
    expressions = ["tcp port 80", "ip[ip[0]:4] = 7", "icmp6 or sctp", "net 10.0.0.0/8 and not arp", "len > 5", "geneve"]
    written = [cbpf.compile(expression).program for expression in expressions]
    for most in (functions.MOST_COMPILED, 0):
        functions.MOST_COMPILED = most  # type: ignore[misc]
        judges = [(program,) for program in (*written, *(random_program(choose) for _ in range(60)))]
        code = MachineCode(
            native.judge(judges, 0)
            + """
define i64 @ask(i64 %which, i64 %packet, i64 %caplen, i64 %readable) {
  %verdict = call i64 @judge(i64 %packet, i64 0, i64 %caplen, i64 %caplen, i64 %readable, i64 %which, i64 0)
  ret i64 %verdict
}
"""
        )
        ask = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * 4)(code.address("ask"))
        for packet in packets("EN10MB", 1, 60):
            cut = packet[: choose.randrange(len(packet) + 1)]
            behind = choose.randbytes(choose.choice((0, 0, 1, 20, 200)))
            address = memory.put(cut + behind)
            for which in range(len(judges)):
                ask(which, address, len(cut), len(cut) + len(behind))
                runs += 1
    return runs


def savefiles() -> int:
    """Walks over savefiles whose headers and lengths are wrong."""
    choose = random.Random(3)
    runs = 0
    program = cbpf.compile("tcp port 80 or arp or udp").program
    everything = Program([(6, 0, 0, 0xFFFFFFFF)])
    for name in ("http.pcap", "big-endian.pcap", "two-interfaces.pcapng", "big-endian.pcapng"):
        path = _CAPTURES / name
        with open_savefile(str(path)) as savefile:
            reader: Any = savefile.reader
            begin, order = savefile.window.offset, reader.order
            header = reader.header_length if savefile.format == "pcap" else 0
            kind = Kind(savefile.format, order, header, walk.COUNT)
            interfaces = max(1, len(savefile.interfaces))
        content = path.read_bytes()[begin:]
        for form in (walk.COUNT, walk.DATA, walk.PCAP, walk.PCAPNG):
            for judge in (program, everything):
                filters = choose.choice((None, 3, 70))
                walks = Walks(filters)
                walks.which([judge] * (filters or 1))
                choosing = choose.random() < 0.5
                walking = walks.get(kind._replace(form=form, choosing=choosing), native=True)
                for _ in range(40):
                    runs += 1
                    _walk(walking, _damaged(content, choose), interfaces, choose, walks)
                    _walk(walking, _short(kind.format, order, header, choose), interfaces, choose, walks)
    return runs


def _short(form: str, order: str, header: int, choose: random.Random) -> bytes:
    """Whole records of short packets, so that the last ends where the memory does."""
    records = []
    for _ in range(choose.randrange(1, 4)):
        data = choose.randbytes(choose.randrange(71))
        if form == "pcap":
            records.append(struct.pack(order + "IIII", 0, 0, len(data), len(data)).ljust(header, b"\0") + data)
        else:
            padded = data + bytes(-len(data) % 4)
            length = 32 + len(padded)
            block = struct.pack(order + "IIIIIII", 6, length, 0, 0, 0, len(data), len(data))
            records.append(block + padded + struct.pack(order + "I", length))
    return b"".join(records)


def _damaged(content: bytes, choose: random.Random) -> bytes:
    data = bytearray(content[: choose.randrange(len(content) + 1)])
    for _ in range(choose.randrange(6)):
        if data:
            at = choose.randrange(len(data))
            data[at : at + 4] = choose.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\0\0", choose.randbytes(4)))
    return bytes(data)


def surveys() -> int:
    """What a survey looks at in packets of all link types, cut short anywhere; Python's kernels note the same."""
    choose = random.Random(4)
    runs = 0
    memory, noted = Guarded(4096), Guarded(survey.FILTERS)
    code = MachineCode(compiled((survey.survey,), {}), quick=True)
    note = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * 7)(code.address("survey"))
    for linktype in (*LAYOUTS, 147):
        own = bytearray(survey.FILTERS)
        own[survey.SEED : survey.SEED + 8] = choose.randbytes(8)
        own[survey.SHIFT] = 50
        buffer = noted.put(bytes(own))
        made = [*packets(linktype_name(linktype), 1, 20), *(_headers(choose) for _ in range(20))]
        for cut in (packet[: choose.randrange(len(packet) + 1)] for packet in made for _ in range(3)):
            what = (0, len(cut), choose.randrange(1 << 32), choose.randrange(1 << 54), layout(linktype))
            assert note(buffer, memory.put(cut), *what) == survey.survey(own, cut, *what)
            runs += 1
        assert ctypes.string_at(buffer, len(own)) == own
    return runs


def _headers(choose: random.Random) -> bytes:
    """Noise with what begins headers in it."""
    data = bytearray(choose.randbytes(choose.randrange(4, 100)))
    begins = ("8100", "8847", "8864", "0800", "86dd", "aaaa", "0021", "0281", "4500", "6000", "3300", "2c00", "8802")
    for _ in range(choose.randrange(8)):
        at = choose.randrange(len(data) - 1)
        data[at : at + 2] = bytes.fromhex(choose.choice(begins))
    return bytes(data)


def _walk(walking: Any, data: bytes, interfaces: int, choose: random.Random, walks: Walks) -> None:
    out = Guarded(choose.choice((1, 60, 600, 5000)))
    row = max(3 * (walk.ROW_SIZE + 8 * walks.words), walks.filters * walk.TALLY_SIZE)
    rows, sources = Guarded(8 * walks.words + row), Guarded(interfaces * walk.SOURCE_SIZE)
    state = Guarded(walk.STATE_SIZE)
    interface = Interface()
    table = b"".join(
        _SOURCE.pack(interface.snaplen + 1, 0, 10**6, 1000, 0, 1000, 0, 1 << 60) for _ in range(interfaces)
    )
    with TemporaryFile() as file:
        # In memory, or in a file that is read piece by piece.
        memory = Guarded(choose.choice((40, 200, 2000)) if choose.random() < 0.5 else max(1, len(data)))
        reading = memory.size < len(data)
        file.write(data)
        file.flush()
        held = b"" if reading else data
        place = (memory.size, file.fileno() if reading else walk.NOWHERE, 1 << 20)
        size = out.size // max(1, walks.filters)  # for each, if there are outputs for each
        chosen = (choose.randrange(3), choose.randrange(3), choose.choice((2, 1 << 60)), 0, 1 << 62, 2, 1, 70)
        fields = (0, len(held), 1 << 60, 0, 0, 1 << 60, 0, size, 0, 3, interfaces, 1 << 24, 0, *place, *chosen)
        at = state.put(_STATE.pack(*fields))
        begin = memory.end - memory.size if reading else memory.put(held)
        addresses = (at, begin, sources.put(table), out.end - out.size, rows.end - rows.size)
        for function in (walking.run, walking.find):
            function(SimpleNamespace(addresses=addresses))


if __name__ == "__main__":
    print({"programs": programs, "savefiles": savefiles, "surveys": surveys}[sys.argv[1]]())

"""libpcap's compiler, and its judgement on the packets of savefiles, through ctypes.

Nearly everything works on an opened savefile, since on other handles libpcap compiles for captures of this computer:
with its own address family numbers on NULL, for instance.
"""

from __future__ import annotations

import ctypes
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from time import perf_counter

from cbpf.linktypes import linktype_number
from cbpf.machine import DEFAULT_SNAPLEN, Instruction, Program

NO_NETMASK = 0xFFFFFFFF
_ERROR_SIZE = 256  # PCAP_ERRBUF_SIZE


class Refused(ValueError):
    """libpcap does not compile an expression, or does not open a file; the text is its message."""


class _Insn(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Insn)))


class _Header(ctypes.Structure):
    """struct pcap_pkthdr."""

    _fields_ = (
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("captured", ctypes.c_uint32),
        ("wirelen", ctypes.c_uint32),
    )


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(find_library("pcap") or "libpcap.so.0.8")
    library.pcap_open_offline.restype = library.pcap_open_live.restype = ctypes.c_void_p
    library.pcap_geterr.restype = ctypes.c_char_p
    library.pcap_lib_version.restype = ctypes.c_char_p
    for name in ("pcap_close", "pcap_geterr"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.pcap_compile.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(_Program),
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_uint32,
    ]
    library.pcap_next_ex.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.POINTER(_Header)),
        ctypes.POINTER(ctypes.c_void_p),
    ]
    library.pcap_offline_filter.argtypes = [ctypes.POINTER(_Program), ctypes.POINTER(_Header), ctypes.c_void_p]
    return library


def version() -> str:
    """As in "libpcap version 1.10.3 (with TPACKET_V3)"; the second last of these words but one."""
    text: bytes = _library().pcap_lib_version()
    return text.decode().split()[2]


def compile_expression(
    expression: str, linktype: str, *, optimize: bool = False, netmask: int = NO_NETMASK, swapped: bool = False
) -> Program:
    """What libpcap compiles for a savefile of a link type, of this computer's byte order unless ``swapped``."""
    with _empty_savefile(linktype, swapped) as path, _opened(path) as handle:
        return _program(handle, expression, optimize, netmask)


def compile_live(expression: str, *, optimize: bool = False, interface: str = "lo") -> Program:
    """What libpcap compiles for a capture on an interface of this computer, which takes privileges."""
    error = ctypes.create_string_buffer(_ERROR_SIZE)
    address = _library().pcap_open_live(interface.encode(), DEFAULT_SNAPLEN, 0, 0, error)
    if not address:
        raise Refused(error.value.decode(errors="replace"))
    with _closing(address) as handle:
        return _program(handle, expression, optimize, NO_NETMASK)


def seconds_to_compile(
    expression: str, linktype: str, *, optimize: bool = True, netmask: int = NO_NETMASK, repeat: int = 1
) -> float:
    """How long the call of libpcap's compiler takes, the best of several."""
    with _empty_savefile(linktype, swapped=False) as path, _opened(path) as handle:
        return min(_seconds_once(handle, expression, optimize, netmask) for _ in range(repeat))


def _seconds_once(handle: ctypes.c_void_p, expression: str, optimize: bool, netmask: int) -> float:
    start = perf_counter()
    with _compiled(handle, expression, optimize, netmask):
        return perf_counter() - start


def matches(path: Path, expression: str, *, optimize: bool = False) -> list[bool]:
    """Whether each packet of a savefile matches; up to where it is damaged, if it is."""
    library = _library()
    header, data = ctypes.POINTER(_Header)(), ctypes.c_void_p()
    found = []
    with _opened(path) as handle, _compiled(handle, expression, optimize, NO_NETMASK) as compiled:
        while library.pcap_next_ex(handle, ctypes.byref(header), ctypes.byref(data)) == 1:
            found.append(bool(library.pcap_offline_filter(ctypes.byref(compiled), header, data)))
    return found


@contextmanager
def _empty_savefile(linktype: str, swapped: bool) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        order = ">" if swapped == (struct.pack("=H", 1) == b"\1\0") else "<"
        file.write(struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, DEFAULT_SNAPLEN, linktype_number(linktype)))
        file.flush()
        yield Path(file.name)


@contextmanager
def _opened(path: Path) -> Iterator[ctypes.c_void_p]:
    error = ctypes.create_string_buffer(_ERROR_SIZE)
    address = _library().pcap_open_offline(str(path).encode(), error)
    if not address:
        raise Refused(error.value.decode(errors="replace"))
    with _closing(address) as handle:
        yield handle


@contextmanager
def _closing(address: int) -> Iterator[ctypes.c_void_p]:
    handle = ctypes.c_void_p(address)
    try:
        yield handle
    finally:
        _library().pcap_close(handle)


def _program(handle: ctypes.c_void_p, expression: str, optimize: bool, netmask: int) -> Program:
    with _compiled(handle, expression, optimize, netmask) as compiled:
        fields = (compiled.instructions[index] for index in range(compiled.length))
        return Program([Instruction(insn.code, insn.jt, insn.jf, insn.k) for insn in fields], expression=expression)


@contextmanager
def _compiled(handle: ctypes.c_void_p, expression: str, optimize: bool, netmask: int) -> Iterator[_Program]:
    library, compiled = _library(), _Program()
    if library.pcap_compile(handle, ctypes.byref(compiled), expression.encode(), int(optimize), netmask):
        message: bytes = library.pcap_geterr(handle)
        raise Refused(message.decode(errors="replace"))
    try:
        yield compiled
    finally:
        library.pcap_freecode(ctypes.byref(compiled))

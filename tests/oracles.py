"""Those who know the right answer: the running Linux kernel, libpcap and tcpdump; each with a mark to skip without it.

Use as ``from tests.oracles import needs_kernel, kernel_verdicts``; put ``@needs_kernel`` on the test.
"""

from __future__ import annotations

import ctypes
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from cbpf.machine import Instruction, Program

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_TCPDUMP = shutil.which("tcpdump")


class _Insn(ctypes.Structure):
    """struct bpf_insn."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32))


def _open_libpcap() -> ctypes.CDLL | None:
    for name in ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so", "libpcap.dylib"):
        try:
            libpcap = ctypes.CDLL(name)
        except OSError:
            continue
        libpcap.bpf_image.restype = ctypes.c_char_p
        libpcap.bpf_filter.restype = ctypes.c_uint
        return libpcap
    return None


_LIBPCAP = _open_libpcap()


def kernel_accepts(program: Program) -> bool:
    """Whether the kernel attaches ``program`` to a socket."""
    with _socket_pair() as (_, receiver):
        return _attach(receiver, program)


def kernel_verdicts(program: Program, packets: Iterable[bytes]) -> list[int]:
    """How many bytes of each (not empty) packet the kernel keeps when a socket has ``program`` as its filter."""
    with _socket_pair() as (sender, receiver):
        if not _attach(receiver, program):
            raise AssertionError(f"the kernel refuses {program!r}")
        return [_kept(sender, receiver, packet) for packet in packets]


@contextmanager
def _socket_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        yield sender, receiver


def _attach(receiver: socket.socket, program: Program) -> bool:
    array = ctypes.create_string_buffer(program.packed(), len(program) * 8 or 1)
    try:
        receiver.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program) & 0xFFFF, ctypes.addressof(array))
        )
    except OSError:
        return False
    return True


def _kept(sender: socket.socket, receiver: socket.socket, packet: bytes) -> int:
    sender.send(packet)
    try:
        return len(receiver.recv(len(packet)))
    except BlockingIOError:
        return 0


def _kernel_filters() -> bool:
    return sys.platform == "linux" and kernel_accepts(Program([(6, 0, 0, 1)]))


def libpcap_accepts(program: Program) -> bool:
    """Whether ``bpf_validate`` takes ``program``; which does not mean that ``bpf_filter`` can run it."""
    return bool(_libpcap().bpf_validate(_array(program), len(program)))


def libpcap_image(instruction: Instruction, index: int) -> str:
    """The line ``tcpdump -d`` prints for ``instruction`` as number ``index`` of a program."""
    image: bytes = _libpcap().bpf_image(_array([instruction]), index)
    return image.decode()


def libpcap_verdict(program: Program, packet: bytes, wirelen: int) -> int:
    """What ``bpf_filter`` returns. ``program`` must be verified: others end this process."""
    verdict: int = _libpcap().bpf_filter(_array(program), packet, ctypes.c_uint(wirelen), ctypes.c_uint(len(packet)))
    return verdict


def _libpcap() -> ctypes.CDLL:
    assert _LIBPCAP is not None
    return _LIBPCAP


def _array(instructions: Iterable[Instruction]) -> ctypes.Array[_Insn]:
    insns = [_Insn(*instruction) for instruction in instructions]
    return (_Insn * len(insns))(*insns)


def tcpdump(*arguments: str) -> str:
    """What tcpdump prints; CalledProcessError if it exits with an error."""
    assert _TCPDUMP is not None
    return subprocess.run([_TCPDUMP, *arguments], capture_output=True, text=True, check=True).stdout


needs_kernel = pytest.mark.skipif(not _kernel_filters(), reason="no Linux kernel that attaches socket filters")
needs_libpcap = pytest.mark.skipif(_LIBPCAP is None, reason="libpcap is not installed")
needs_tcpdump = pytest.mark.skipif(_TCPDUMP is None, reason="tcpdump is not installed")

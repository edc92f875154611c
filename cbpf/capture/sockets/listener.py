"""A packet socket of Linux that listens to one interface, or to all, and lets pass what a filter in the kernel accepts.

The socket is scapy's. It is opened without a protocol, so that it hears nothing, and is told to reject everything
before it is bound: no packet is in it that a filter attached later did not see. Source: packet(7), socket(7),
Documentation/networking/filter.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
from math import ceil
from time import monotonic, sleep
from typing import Any, Final, NamedTuple, Protocol

from cbpf.capture.limits import effective_snaplen
from cbpf.capture.packet import NANOSECONDS, Interface, Packet
from cbpf.capture.sockets.failures import CaptureError, Refused
from cbpf.capture.sockets.frames import SMALLEST_COOKED, Direction, Shape, shape
from cbpf.capture.sockets.hardware import ANY, ARPHRD_LOOPBACK, OF_ANY, framing
from cbpf.capture.sockets.interfaces import IFF_UP, hardware_type, interface_flags, no_such_interface
from cbpf.capture.sockets.messages import Messages
from cbpf.capture.sockets.ring import Ring
from cbpf.machine.program import Program

_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_STATISTICS: Final = 6
_PACKET_IGNORE_OUTGOING: Final = 23
_PACKET_MR_PROMISC: Final = 1
_ETH_P_ALL: Final = 3
_SO_ATTACH_FILTER: Final = 26
_BPF_MAXINSNS: Final = 4096

_MEMBERSHIP: Final = struct.Struct("=iHH8s")  # struct packet_mreq
_STATISTICS: Final = struct.Struct("=III")  # struct tpacket_stats_v3
_SOCK_FPROG: Final = struct.Struct("@HP")
_RET: Final = 0x06

_PATIENCE: Final = 100  # milliseconds that packets may wait in the kernel
_IMMEDIATE: Final = 10

_REJECT_ALL: Final = Program([(_RET, 0, 0, 0)])

_REFUSALS: Final = {
    errno.EINVAL: "the kernel does not accept such a program",
    errno.ENOMEM: "the kernel has no room for a program this long; the sysctl net.core.optmem_max limits it",
    errno.ENOPROTOOPT: "this kernel has no socket filters",
    errno.EOPNOTSUPP: "this kernel has no socket filters",
}


class Source(Protocol):
    """Where the packets of a socket are fetched: a Ring or Messages, which see."""

    error: int
    settling: float

    def take(self) -> list[Packet] | None: ...

    def discard(self) -> bool: ...

    def close(self) -> None: ...


class Counts(NamedTuple):
    """Since the last time: packets that passed the filter, those of them that were dropped, and times of no room."""

    received: int
    dropped: int
    frozen: int


class Listener:
    """One open packet socket. See ``cbpf.capture.live.Live`` for what its methods promise."""

    def __init__(
        self, name: str, *, snaplen: int, promiscuous: bool, direction: Direction, size: int, immediate: bool
    ) -> None:
        hardware = None if name == ANY else hardware_type(name)
        if name != ANY and hardware is None:
            raise no_such_interface(name)
        frame = OF_ANY if hardware is None else framing(hardware)
        snaplen = effective_snaplen(frame.linktype, snaplen)
        kept = max(snaplen, SMALLEST_COOKED) if frame.cooked else snaplen
        self.interface = Interface(frame.linktype, kept, NANOSECONDS, name)
        self._name = name
        self._lost: float | None = None  # when the socket reported an error, and all before it can be taken
        self._error = 0
        self._socket = _open(name, socket.SOCK_DGRAM if frame.cooked else socket.SOCK_RAW)
        self._source: Source | None = None
        try:
            self._shut = self._try(_REJECT_ALL) == 0
            self._fresh = True
            if direction == "in" or hardware == ARPHRD_LOOPBACK:
                with contextlib.suppress(OSError):  # Linux before 4.20: they are left out later
                    self._socket.ins.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._source = _source(self._socket.ins, shape(frame, self.interface, direction), size, immediate)
            self._bind(promiscuous)
        except BaseException:
            self.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket.ins, select.POLLIN)

    def attach(self, program: Program) -> None:
        self._drain()
        if len(program) > _BPF_MAXINSNS:
            raise Refused(
                f"the filter program has {len(program)} instructions, and the kernel takes {_BPF_MAXINSNS}",
                interface=self._name,
            )
        error = self._try(program)
        if error:
            raise Refused(_REFUSALS.get(error, f"the kernel refuses it: {os.strerror(error)}"), interface=self._name)
        self._shut = self._fresh = False

    def detach(self) -> None:
        self._drain()
        # Not SO_DETACH_FILTER: the kernel is still to copy no more than is wanted.
        error = self._try(Program([(_RET, 0, 0, self.interface.snaplen)]))
        if error and self._shut:
            raise CaptureError(f"cannot capture: {os.strerror(error)}", interface=self._name)
        self._shut = self._fresh = False

    def shut(self) -> float | None:
        """Let nothing more pass; the seconds until all that passed before can be taken, None if it passes still."""
        self._shut = self._try(_REJECT_ALL) == 0
        self._fresh = False
        return self._fetched.settling if self._shut else None

    def take(self) -> list[Packet] | None:
        return self._fetched.take()

    def wait(self, seconds: float | None) -> bool:
        """Wait until there may be packets; False if there are none after so many seconds.

        Raises CaptureError if the interface is down or gone, and all that came before has been taken.
        """
        if self._fetched.error:
            self._report(self._fetched.error)
            self._fetched.error = 0
        if self._lost is not None:
            return self._linger(self._lost - monotonic(), seconds)
        events = self._poll.poll(None if seconds is None else max(0, ceil(seconds * 1000)))
        if any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in events):
            self._report(self._socket.ins.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        return bool(events)

    def counts(self) -> Counts:
        """What the kernel counted since the last call."""
        counted = self._socket.ins.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        return Counts(*_STATISTICS.unpack(counted.ljust(_STATISTICS.size, b"\0")))  # frozen is the ring's alone

    def fileno(self) -> int:
        return int(self._socket.ins.fileno())

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
        self._socket.close()

    @property
    def _fetched(self) -> Source:
        if self._source is None:
            raise CaptureError("the capture is closed", interface=self._name)
        return self._source

    def _try(self, program: Program) -> int:
        """Attach a program; the error number if the kernel refuses it, else 0."""
        instructions = ctypes.create_string_buffer(program.packed())
        try:
            description = _SOCK_FPROG.pack(len(program), ctypes.addressof(instructions))
            self._socket.ins.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, description)
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0

    def _drain(self) -> None:
        """Let nothing pass, and drop what did before, which another filter judged, or none."""
        source = self._fetched
        if self._shut and self._fresh:
            return
        end = monotonic() + (self.shut() or source.settling)
        while True:
            found = source.discard()
            if monotonic() >= end and not (found and self._shut):
                return
            if not found:
                sleep(0.001)

    def _bind(self, promiscuous: bool) -> None:
        """Hear the interface from now on, and what it hears that is not for this host, if that is wanted."""
        opened = self._socket.ins
        try:
            index = 0 if self._name == ANY else socket.if_nametoindex(self._name)
            if promiscuous and index:
                opened.setsockopt(
                    _SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _MEMBERSHIP.pack(index, _PACKET_MR_PROMISC, 0, b"")
                )
            _bind(opened.fileno(), index)
        except OSError as error:
            raise self._failure(error.errno or 0) from error
        # That an interface is down does not keep a socket from being bound to it.
        error_number = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error_number:
            raise self._failure(error_number)

    def _failure(self, number: int) -> CaptureError:
        if number in (errno.ENODEV, errno.ENXIO):
            return no_such_interface(self._name)
        if number == errno.ENETDOWN:
            return CaptureError("the interface is down; 'ip link set ... up' brings it up", interface=self._name)
        return CaptureError(f"cannot capture: {os.strerror(number)}", interface=self._name)

    def _report(self, number: int) -> None:
        """Remember that the socket reported an error; what came before it is to be taken first."""
        if number:
            self._error, self._lost = number, monotonic() + self._fetched.settling

    def _linger(self, rest: float, seconds: float | None) -> bool:
        """Wait for the end of the packets that came before an error; raise it, unless it has passed."""
        if rest > 0:
            pause = rest if seconds is None else min(rest, max(0, seconds))
            sleep(pause)
            return pause > 0
        up = interface_flags(self._name)
        if self._error == errno.ENETDOWN and up is not None and up & IFF_UP:
            self._lost = None  # it went down and came back: so does the capture
            return True
        if self._error != errno.ENETDOWN:
            raise CaptureError(f"capturing ended: {os.strerror(self._error)}", interface=self._name)
        what = "the interface is gone" if up is None else "the interface went down"
        raise CaptureError(what, interface=self._name)


def _source(opened: socket.socket, wanted: Shape, size: int, immediate: bool) -> Source:
    """The fastest way to fetch packets that the kernel has."""
    try:
        return Ring(opened, wanted, size=size, patience=_IMMEDIATE if immediate else _PATIENCE)
    except OSError:
        return Messages(opened, wanted, size=size)


def _open(name: str, kind: int) -> Any:
    """A packet socket that hears nothing yet."""
    from scapy.supersocket import SuperSocket

    try:
        return SuperSocket(socket.AF_PACKET, kind, 0, iface=name)
    except PermissionError as error:
        raise CaptureError(
            "capturing needs privileges: run as root, or give the process the capability CAP_NET_RAW", interface=name
        ) from error
    except OSError as error:
        raise CaptureError(f"there are no packet sockets: {error.strerror or error}", interface=name) from error


def _bind(descriptor: int, index: int) -> None:
    """Bind a packet socket to an interface; index 0 means all of them, for which Python's own has no word."""
    address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(_ETH_P_ALL), index, 0, 0, 0, b"")
    if ctypes.CDLL(None, use_errno=True).bind(descriptor, address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

"""Packets from the kernel one by one: slower than the ring, for kernels that do not have it.

What the ring has in front of each packet comes as ancillary data here. Source: packet(7), socket(7), recvmsg(2).
"""

from __future__ import annotations

import contextlib
import socket
from struct import Struct
from time import time_ns
from typing import Final

from cbpf.capture.packet import NANOSECONDS, Packet
from cbpf.capture.sockets.frames import ADDRESS, PACKET_OUTGOING, Shape, vlan_tag

_SOL_PACKET: Final = 263
_PACKET_AUXDATA: Final = 8
_SO_TIMESTAMPNS: Final = 35
_SO_RCVBUFFORCE: Final = 33

# Of struct tpacket_auxdata: status, wire length, tag's TCI and TPID.
_AUXDATA: Final = Struct("=II8xHH")
_TIMESPEC: Final = Struct("@ll")
_ANCILLARY: Final = socket.CMSG_SPACE(_AUXDATA.size) + socket.CMSG_SPACE(_TIMESPEC.size)
_LONGEST: Final = 1 << 18  # bytes of a packet; the kernel has none that are longer
_BATCH: Final = 1024  # packets


class Messages:
    """The queue of one packet socket, ``size`` bytes long, or as long as the system allows.

    ``settling`` is the seconds after which what has come can be taken, and ``error`` the number of the last error that
    the socket reported here, such as that its interface went down; 0 if there was none.
    """

    settling = 0.01

    def __init__(self, source: socket.socket, shape: Shape, *, size: int) -> None:
        self.error = 0
        self._source = source
        self._shape = shape
        self._buffer = bytearray(min(_LONGEST, shape.interface.snaplen))
        size = min(size, 2**30)  # the kernel doubles it, and counts in an int
        try:
            source.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except OSError:  # without CAP_NET_ADMIN the system's limit counts
            source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        for level, option in ((_SOL_PACKET, _PACKET_AUXDATA), (socket.SOL_SOCKET, _SO_TIMESTAMPNS)):
            with contextlib.suppress(OSError):  # there are no tags then, or times from here
                source.setsockopt(level, option, 1)

    def take(self) -> list[Packet] | None:
        """The packets that are there, or the first of many; None if there are none."""
        packets: list[Packet] = []
        for count in range(_BATCH):
            try:
                received = self._source.recvmsg_into((self._buffer,), _ANCILLARY, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return packets if count else None
            except OSError as error:  # said once, in front of packets that came before
                self.error = error.errno or 0
                continue
            packet = self._packet(*received)
            if packet is not None:
                packets.append(packet)
        return packets

    def discard(self) -> bool:
        """Drop one packet. False if there is none."""
        try:
            self._source.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            self.error = error.errno or 0
        return True

    def close(self) -> None:
        """Nothing: the queue is the socket's own."""

    def _packet(
        self, caplen: int, ancillary: list[tuple[int, int, bytes]], flags: int, sender: tuple[str, int, int, int, bytes]
    ) -> Packet | None:
        """The packet in the buffer; None if it is not wanted."""
        shape, kind, hardware = self._shape, sender[2], sender[3]
        if (kind == PACKET_OUTGOING or shape.direction == "out") and shape.unwanted(hardware, kind):
            return None
        beside = {(level, option): value for level, option, value in ancillary}
        timestamp, wirelen, tag = 0, caplen, None
        if (auxdata := beside.get((_SOL_PACKET, _PACKET_AUXDATA))) is not None:
            status, wirelen, tci, tpid = _AUXDATA.unpack(auxdata)
            tag = vlan_tag(status, tci, tpid)
        if (timespec := beside.get((socket.SOL_SOCKET, _SO_TIMESTAMPNS))) is not None:
            seconds, fraction = _TIMESPEC.unpack(timespec)
            timestamp = seconds * NANOSECONDS + fraction
        wirelen, data = shape.restore(bytes(self._buffer[:caplen]), wirelen, _address(sender), tag)
        return Packet(timestamp or time_ns(), wirelen, data, shape.interface)


def _address(sender: tuple[str, int, int, int, bytes]) -> bytes:
    """The struct sockaddr_ll that Python has taken apart."""
    name, protocol, kind, hardware, station = sender
    try:
        index = socket.if_nametoindex(name)
    except OSError:  # it is gone meanwhile
        index = 0
    return ADDRESS.pack(protocol.to_bytes(2, "big"), index, hardware, kind, len(station), station[:8])

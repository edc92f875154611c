"""Packets from the kernel in a ring of memory that both share: no call per packet, and no copy but the last.

The ring is TPACKET_V3's: the kernel fills one block after the other with as many packets as fit, and hands a block
over when it is full or has waited long enough. Source: Documentation/networking/packet_mmap.rst, linux/if_packet.h.
"""

from __future__ import annotations

import errno
import mmap
import socket
from struct import Struct
from typing import Final

from cbpf.capture.packet import NANOSECONDS, Packet
from cbpf.capture.sockets.frames import ADDRESS, PACKET_OUTGOING, VLAN_VALID, Shape, vlan_tag

_SOL_PACKET: Final = 263
_PACKET_RX_RING: Final = 5
_PACKET_VERSION: Final = 10
_TPACKET_V3: Final = 2

_BLOCK: Final = 1 << 18  # bytes; packets are not longer
_SMALL_BLOCK: Final = 1 << 16
_FEWEST_BLOCKS: Final = 2  # one to fill while the other is read
_MANY_BLOCKS: Final = 64
_MOST_BLOCKS: Final = 0xFFFF
_OVERHEAD: Final = 256  # bytes of a block that are not the packet's, if there is only one

_REQUEST: Final = Struct("=IIIIIII")  # struct tpacket_req3
# Of struct tpacket_block_desc: status, number of packets, offset of the first one.
_DESCRIPTOR: Final = Struct("=III")
_DESCRIPTOR_AT: Final = 8
_STATUS: Final = Struct("=I")
_STATUS_KERNEL: Final = 0
_STATUS_USER: Final = 1

# Of struct tpacket3_hdr: offset of the next, seconds, nanoseconds, captured bytes, wire length, status, offset of the
# packet; of the struct sockaddr_ll behind it, the packet type. What is seldom needed is not among it: it costs time.
_HEADER: Final = Struct("=IIIIIIH32xB")
_TAG: Final = Struct("=IH")  # tp_vlan_tci, tp_vlan_tpid
_TAG_AT: Final = 32
_ADDRESS_AT: Final = 48
_HARDWARE: Final = Struct("=H")
_HARDWARE_AT: Final = 56


class Ring:
    """The ring of one packet socket, from which blocks of packets are taken in the order the kernel filled them.

    ``settling`` is the seconds after which what has come can be taken, and ``error`` always 0: see Messages.
    ``size`` is in bytes, ``patience`` milliseconds after which a block that has packets is handed over. Raises OSError
    if the kernel does not make one, that is, if it does not know this kind or has no memory for two blocks.
    """

    def __init__(self, source: socket.socket, shape: Shape, *, size: int, patience: int) -> None:
        source.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        self.error = 0
        self._shape = shape
        self._block, self._count = _request(source, _block_size(size, shape.interface.snaplen), size, patience)
        self._memory = mmap.mmap(source.fileno(), self._block * self._count)
        self._next = 0
        # The block being filled is handed over after one period or, as the kernel restarts its clock, after two.
        self.settling = 2 * patience / 1000 + 0.01

    def take(self) -> list[Packet] | None:
        """The packets of the next block, None if it is not handed over yet. A block is given back when it is read."""
        at = self._next * self._block
        status, count, first = _DESCRIPTOR.unpack_from(self._memory, at + _DESCRIPTOR_AT)
        if not status & _STATUS_USER:
            return None
        packets = self._packets(at + first, count)
        self._release(at)
        return packets

    def discard(self) -> bool:
        """Give the next block back unread. False if it is not handed over yet."""
        at = self._next * self._block
        (status,) = _STATUS.unpack_from(self._memory, at + _DESCRIPTOR_AT)
        if status & _STATUS_USER:
            self._release(at)
        return bool(status & _STATUS_USER)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def _release(self, at: int) -> None:
        _STATUS.pack_into(self._memory, at + _DESCRIPTOR_AT, _STATUS_KERNEL)
        self._next = (self._next + 1) % self._count

    def _packets(self, at: int, count: int) -> list[Packet]:
        """The wanted ones of the packets whose first header is ``at``."""
        memory, shape, unpack = self._memory, self._shape, _HEADER.unpack_from
        interface, new, kind = shape.interface, tuple.__new__, Packet
        longest, cooked, incoming = interface.snaplen, shape.header is not None, shape.direction != "out"
        packets: list[Packet] = []
        append = packets.append
        for _ in range(count):
            following, seconds, fraction, caplen, wirelen, status, start, how = unpack(memory, at)
            if how == PACKET_OUTGOING or not incoming:
                (hardware,) = _HARDWARE.unpack_from(memory, at + _HARDWARE_AT)
                if shape.unwanted(hardware, how):
                    at += following
                    continue
            start += at
            data = memory[start : start + (caplen if caplen < longest else longest)]
            if cooked or status & VLAN_VALID:
                address = memory[at + _ADDRESS_AT : at + _ADDRESS_AT + ADDRESS.size]
                tag = vlan_tag(status, *_TAG.unpack_from(memory, at + _TAG_AT))
                wirelen, data = shape.restore(data, wirelen, address, tag)
            append(new(kind, (seconds * NANOSECONDS + fraction, wirelen, data, interface)))
            at += following
        return packets


def _block_size(size: int, snaplen: int) -> int:
    """Bytes of a block: a power of two in which the longest packet fits.

    They are to be many, as a block whose time is over is handed over even if it has one packet only: their number is
    how often a reader may be late, however few the packets are.
    """
    smallest = max(_SMALL_BLOCK, 1 << (snaplen + _OVERHEAD - 1).bit_length())
    block = _BLOCK
    while block > smallest and block * _MANY_BLOCKS > size:
        block //= 2
    return block


def _request(source: socket.socket, block: int, size: int, patience: int) -> tuple[int, int]:
    """Have a ring made, of ``size`` bytes or as many as there is memory for; size and number of its blocks."""
    count = min(max(_FEWEST_BLOCKS, size // block), _MOST_BLOCKS)
    while True:
        try:
            # Frames have no meaning in this version, but are to fill the blocks.
            request = _REQUEST.pack(block, count, block, count, patience, 0, 0)
            source.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            return block, count
        except OSError as error:
            if error.errno != errno.ENOMEM or count == _FEWEST_BLOCKS:
                raise
            count = max(_FEWEST_BLOCKS, count // 2)

"""Savefiles in a row: when the next one begins, and what it is called.

The names, and the rules for size, are those of tcpdump(1), -C, -G and -W; what differs is said at ``Series``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from cbpf.capture.packet import NANOSECONDS, Interface, Packet, Place
from cbpf.capture.writing.compressors import Compression, by_name
from cbpf.capture.writing.encoding import SNAPLEN_AT, Encoding, PcapEncoding
from cbpf.capture.writing.output import Inputs, Output
from cbpf.errors import SavefileError

_UNLIMITED: Final = sys.maxsize  # bytes
_NEVER: Final = 1 << 128  # nanoseconds
_MOST_REMEMBERED: Final = 1 << 16  # files


class Limits(NamedTuple):
    """When to begin another file: ``size`` in bytes, ``seconds``, and how many ``files``; None for never."""

    size: int | None = None
    seconds: int | None = None
    files: int | None = None


def file_name(path: str, second: int | None, count: int, width: int) -> str:
    """The name of one file, as tcpdump makes it.

    If ``path`` is a template of strftime(3), it is filled with the local time ``second`` seconds after 1970-01-01 00:00
    UTC. The first file has no number, unless numbers have a ``width``.

    Raises OverflowError, OSError or ValueError if there is no such local time.
    """
    stem = path if second is None else time.strftime(path, time.localtime(second))
    return f"{stem}{count:0{width}d}" if count or width else stem


def number_width(files: int | None) -> int:
    """The digits of the highest number of so many files, which are counted from 0; 0 if one has no number."""
    return len(str(files - 1)) if files is not None and files > 1 else 0


def _nothing(_path: str) -> None:
    pass


class Series:
    """Writes packets to one savefile after another, all with the same encoding and the same interfaces.

    Before a packet is written, another file is begun

    * if the present one has more than ``limits.size`` bytes: of a compressed one those that the compressor has given so
      far, which come in blocks. Then the numbers 1, 2, 3 and so on are put behind the name. With ``limits.files`` there
      are so many numbers, padded with zeros, and after the highest comes the first again.
    * if the packet's period is another one. Periods are ``limits.seconds`` long, one behind the other from the first
      packet's second on, and the names are those of their beginnings, in local time. The time is that of the packets
      and not of the clock, as it is with tcpdump, so savefiles can be divided, too, and no period begins late. There is
      a file for every period that has packets, so none before the first packet. A packet from the past is put into the
      present file. After ``limits.files`` files the series is ``done``, and takes no more; not if there is a size, too.
      Then the numbers begin anew in each period.

    No file that has something in it is overwritten unless ``force`` says so, except those of this series: a ring goes
    round, and a template like "%H.pcap" has the same names every day. Two periods one after the other with the same
    name are an exception: numbers tell them apart, unless ``force`` says to overwrite, and there is no size.

    ``closed`` is told the name of every file that is finished, and ``reused`` before one of them is begun again.

    Everything raises SavefileError if a file cannot be written; ``Output`` says more.
    """

    def __init__(
        self,
        path: str,
        encoding: Encoding,
        limits: Limits = Limits(),  # noqa: B008 (immutable)
        *,
        inputs: Iterable[str] = (),
        force: bool = True,
        compression: Compression | None = None,
        closed: Callable[[str], None] = _nothing,
        reused: Callable[[str], None] = _nothing,
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._limits = limits
        self._inputs = Inputs(inputs)
        self._force = force
        self._compression = by_name(path)[1] if compression is None else compression  # not by the numbered name
        self._closed = closed
        self._reused = reused
        self._output: Output | None = None
        self._last: Interface | None = None  # of which a packet was written
        self._paths: dict[str, None] = {}
        self._width = 0 if limits.size is None else number_width(limits.files)
        self._count = 0
        self._periods = 0  # that had a file
        self._begin = 0  # of the period, in seconds
        self._until = _NEVER if limits.seconds is None else 0  # in nanoseconds
        self._finished = 0  # bytes in the files before
        self.packets = 0
        self.done = False

    @property
    def paths(self) -> list[str]:
        """All files, in the order in which they were begun for the first time."""
        return list(self._paths)

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return self._finished + (0 if self._output is None else self._output.size)

    def open(self) -> None:
        """Begin the first file, unless its name depends on the first packet."""
        if self._limits.seconds is None and self._output is None:
            self._begin_file(None)

    def describe(self, interface: Interface) -> None:
        """Make ready for packets of an interface. Raises SavefileError if the format has no room for it."""
        description = self._encoding.describe(interface)
        if description and self._output is not None:
            self._output.put(description)

    def place(self, interface: Interface) -> Place:
        """How packets of an interface that was described are to be encoded for ``put``, in all files.

        Raises SavefileError for an interface that can have none.
        """
        return self._encoding.place(interface)

    def widen(self, snaplen: int) -> None:
        """Say in the header of a pcap file, if that can still be done, that packets may be as long as this."""
        if not isinstance(self._encoding, PcapEncoding) or snaplen <= self._encoding.snaplen:
            return
        if self._output is not None:
            if not self._output.rewritable:
                return
            self._output.rewrite(SNAPLEN_AT, snaplen.to_bytes(4, sys.byteorder))
        self._encoding.snaplen = snaplen

    def write(self, packet: Packet) -> None:
        """Append one packet, after its interface if that is new."""
        if packet.interface is not self._last:
            self.describe(packet.interface)
            self._last = packet.interface
        encoded = self._encoding.encode(packet)
        self._before(packet.timestamp)
        if not self.done:
            assert self._output is not None
            self._output.put(encoded)
            self.packets += 1

    def put(self, encoded: memoryview, packets: int) -> None:
        """Append packets that are encoded already."""
        if not packets or self.done:
            return
        if self._limits.seconds is None and len(encoded) <= self._room():
            assert self._output is not None
            self._output.put(encoded)
            self.packets += packets
            return
        start = end = 0
        room, until = self._room(), self._until
        for following, timestamp in self._encoding.records(encoded):
            if end - start > room or timestamp >= until:
                self._take(encoded[start:end])
                start = end
                self._before(timestamp)
                if self.done:
                    return
                room, until = self._room(), self._until
            end = following
            self.packets += 1
        self._take(encoded[start:])

    def give(self, user: int, group: int) -> None:
        """Let the present file be that of a user and a group. Raises OSError if that is not possible."""
        if self._output is not None:
            self._output.give(user, group)

    def flush(self) -> None:
        """Hand to the operating system what is still in memory."""
        if self._output is not None:
            self._output.flush()

    def close(self) -> None:
        """Finish the last file. Closing twice is harmless."""
        self._end_file()

    def _take(self, encoded: memoryview) -> None:
        if encoded:
            assert self._output is not None
            self._output.put(encoded)

    def _room(self) -> int:
        """How many bytes may be put before the size is to be looked at again."""
        if self._limits.size is None or self._output is None:
            return _UNLIMITED
        return self._output.room(self._limits.size)

    def _before(self, timestamp: int) -> None:
        """Begin another file if it is time to, or the present one is too large."""
        size, seconds, files = self._limits
        if seconds is not None and (self._output is None or timestamp >= self._until):
            if size is None and files is not None and self._periods >= files:
                self.done = True
                return
            self._begin_period(timestamp // NANOSECONDS, seconds)
        elif size is not None and self._output is not None and self._output.size > size:
            self._count_on()
            self._begin_file(None if seconds is None else self._begin)

    def _begin_period(self, second: int, seconds: int) -> None:
        """The period of the packet that comes next."""
        if self._periods:
            begin = second - (second - self._begin) % seconds
            alike = self._name(begin, 0) == self._name(self._begin, 0)
        else:
            begin, alike = second, False
        self._begin, self._until = begin, (begin + seconds) * NANOSECONDS
        self._periods += 1
        if alike and not (self._force and self._limits.size is None):
            self._count_on()
        else:
            self._count = 0
        self._begin_file(begin)

    def _count_on(self) -> None:
        self._count += 1
        if self._limits.size is not None and self._limits.files is not None:
            self._count %= self._limits.files

    def _end_file(self) -> None:
        if self._output is None:
            return
        output = self._output
        try:
            output.close()
        except Exception:
            self._output = None  # and nobody is told of a file that has not all
            raise
        self._finished, self._output = self._finished + output.size, None  # only now, so that Ctrl-C loses nothing
        self._closed(output.path)

    def _begin_file(self, second: int | None) -> None:
        self._end_file()
        name = self._name(second, self._count)
        ours = name in self._paths
        if ours:
            self._reused(name)
        output = Output(
            name,
            self._encoding.whole,
            inputs=self._inputs,
            force=self._force or ours,
            compression=self._compression,
        )
        self._encoding.path = name
        self._output = output
        self._paths[name] = None
        if len(self._paths) > _MOST_REMEMBERED:  # a capture may go on for years
            del self._paths[next(iter(self._paths))]
        output.begin(self._encoding.preamble())

    def _name(self, second: int | None, count: int) -> str:
        try:
            return file_name(self._path, second, count, self._width)
        except (OverflowError, OSError, ValueError) as error:
            raise SavefileError(f"there is no local time for the second {second}: {error}", path=self._path) from None

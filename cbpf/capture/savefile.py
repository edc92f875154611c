"""Opening a savefile for reading: which format and compression it has is told by its first bytes, not by its name."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Final, Self

from cbpf.capture import pcap, pcapng
from cbpf.capture.compression import compression, decompressed
from cbpf.capture.packet import Interface, Packet
from cbpf.capture.snoop import converted
from cbpf.capture.window import Window
from cbpf.errors import NotASavefile, SavefileError

_MAGIC_LENGTH: Final = 4


class Savefile:
    """A pcap or pcapng savefile being read: a context manager, and an iterator over its packets.

    Reading never seeks and takes what a pipe has, so it works on pipes and on files still being written. The packets
    before damage are all yielded; then one SavefileError says what is wrong at which byte.

    * ``path``: as given, "-" for standard input.
    * ``format``: "pcap" or "pcapng".
    * ``interfaces``: those described so far. A pcap file has one; a pcapng file has its first one when opened (none
      if the end comes first: an empty capture) and may add others while its packets are read.
    * ``compressed``: whether it is, or is a snoop capture; offsets are those of what comes out then.
    * ``compression``: "gzip" and so on, or None; ``snoop``: whether it is a snoop capture, which reads as "pcap".
    * ``size``: the file's length in bytes if it is a regular file and not compressed, else None.
    * ``window`` and ``reader`` are for ``cbpf.capture.scan``, which goes over the packets in its own way.
    """

    def __init__(self, stream: IO[bytes], path: str) -> None:
        self.path = path
        self._stream = stream
        window = Window(stream, path)
        window.need(_MAGIC_LENGTH)
        self._raw = window
        self.compression = compression(window.data)
        plain = decompressed(window)
        self.window = converted(plain)
        self.snoop = self.window is not plain
        self.compressed = self.window is not window
        self.reader = _reader(self.window)
        self.format = self.reader.format
        self.interfaces: list[Interface] = self.reader.interfaces
        self.size = None if self.compressed else _regular_size(stream)
        self._packets = self.reader.packets()

    @property
    def bytes_read(self) -> int:
        """Number of bytes taken from the file so far, for showing progress."""
        return self._raw.bytes_read

    def __iter__(self) -> Iterator[Packet]:
        """The packets not yielded yet: asking twice goes on, it does not begin again."""
        return self._packets

    @property
    def seekable(self) -> bool:
        """Whether offsets in the savefile are offsets in a file that this program alone reads from."""
        return self.size is not None and self.path != "-" and hasattr(os, "preadv")

    def fileno(self) -> int:
        """The descriptor of the file."""
        return self._stream.fileno()

    def seek(self, offset: int) -> None:
        """Go on at an offset in the file; the window has nothing of it in memory then."""
        self._stream.seek(offset)
        self.window.put_back(b"", offset)

    def close(self) -> None:
        """Close the file; standard input stays open. Closing twice is harmless."""
        if self.path != "-":
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_savefile(path: str) -> Savefile:
    """Open the pcap or pcapng savefile ``path`` ("-" for standard input).

    Raises SavefileError if it cannot be opened or has a header that cannot be used, NotASavefile if it is none.
    """
    if path == "-" and sys.stdin is None:
        raise SavefileError("standard input is closed", path=path)
    try:
        stream = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115 (Savefile closes it)
    except OSError as error:
        raise SavefileError(f"cannot open: {error.strerror or error}", path=path) from error
    try:
        return Savefile(stream, path)
    except BaseException:
        if path != "-":
            stream.close()
        raise


def _reader(window: Window) -> pcap.PcapReader | pcapng.PcapngReader:
    whole = window.need(_MAGIC_LENGTH)
    magic = window.data[:_MAGIC_LENGTH]
    if magic in pcap.MAGICS:
        return pcap.PcapReader(window)
    if magic == pcapng.MAGIC:
        return pcapng.PcapngReader(window)
    if not magic:
        raise NotASavefile("the file is empty", path=window.path)
    if not whole:
        raise NotASavefile(f"the file is too short for a savefile: {len(magic)} bytes", path=window.path)
    raise NotASavefile(f"not a pcap or pcapng savefile: it begins with {magic.hex(' ')}", path=window.path)


def _regular_size(stream: IO[bytes]) -> int | None:
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream in memory has no file number
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None

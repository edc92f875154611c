"""A sliding window over an input stream: parsers look at bytes in memory and ask for more, without ever seeking."""

from __future__ import annotations

from typing import IO, Final

from cbpf.errors import SavefileError

_CHUNK: Final = 256 * 1024


class Window:
    """The part of an input stream that is in memory.

    ``data[pos:]`` are the bytes not parsed yet and ``base`` is the offset of ``data[0]`` in the stream. Parsers
    move ``pos``; ``need`` brings in more. At most one chunk more than asked for is held, and what is asked for is
    read in chunks, so a length that lies costs no more memory than the stream has bytes.
    """

    __slots__ = ("_stream", "base", "bytes_read", "data", "path", "pos")

    def __init__(self, stream: IO[bytes], path: str) -> None:
        self._stream = stream
        self.path = path
        self.data = b""
        self.pos = 0
        self.base = 0
        self.bytes_read = 0  # taken from the stream so far

    @property
    def offset(self) -> int:
        """Byte offset in the stream of the next byte to parse."""
        return self.base + self.pos

    def need(self, count: int) -> bool:
        """Make ``data[pos:pos + count]`` whole; False if the stream ends before. ``data`` and ``pos`` may change.

        Raises SavefileError if the stream cannot be read.
        """
        have = len(self.data) - self.pos
        if have >= count:
            return True
        pieces = [self.data[self.pos :]]
        while have < count:
            piece = self._read()
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        self.base += self.pos
        self.data, self.pos = b"".join(pieces), 0
        return have >= count

    def put_back(self, data: bytes, offset: int) -> None:
        """Go on with these bytes, which are at ``offset``, before those that the stream still has."""
        self.data, self.pos, self.base = data, 0, offset

    def read_into(self, room: memoryview) -> int:
        """Bring more of the stream into memory of somebody else's; the number of bytes, 0 at the end.

        Raises SavefileError if the stream cannot be read.
        """
        try:
            while (count := self._stream.readinto1(room)) is None:  # type: ignore[attr-defined]
                self._wait()
            self.bytes_read += int(count)
            return int(count)
        except OSError as error:
            raise SavefileError(f"cannot read: {error.strerror or error}", path=self.path) from error

    def left(self) -> int:
        """Number of bytes in memory that are not parsed yet."""
        return len(self.data) - self.pos

    def damage(self, message: str) -> SavefileError:
        """The error that says ``message`` about the record at the present position."""
        return SavefileError(message, path=self.path, offset=self.offset)

    def _wait(self) -> None:
        """Wait for a stream that does not do so itself."""
        from select import select

        select([self._stream], [], [])

    def _read(self) -> bytes:
        # read1 gives what a pipe has now, so that packets come out as they come in.
        try:
            while (piece := self._stream.read1(_CHUNK)) is None:  # type: ignore[attr-defined]
                self._wait()
            self.bytes_read += len(piece)
            return bytes(piece)
        except OSError as error:
            raise SavefileError(f"cannot read: {error.strerror or error}", path=self.path) from error

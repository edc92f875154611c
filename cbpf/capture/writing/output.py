"""The bytes of a savefile on their way out: files that are spared, whole records only, and the end.

The operating system gets whole records, many at a time. So whatever ends a run, at any moment, leaves a file that can
be read: kill -9 may cut the last record only while it is being written, and when the disk is full a part of a record is
cut off again (of an uncompressed file: a compressed one has no place to cut at, and ends early). A signal handler that
raises, as that of Ctrl-C does, loses nothing: ``close`` goes on with the very byte that was to come next. (If it raises
while a file is being opened, that may stay empty.)
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from operator import call
from typing import IO, Final, Protocol

from cbpf.capture.writing.compressors import Compression, Compressor, by_name, compressor
from cbpf.errors import SavefileError

BLOCK: Final = 256 * 1024  # bytes that are handed to the operating system at once, or more
RAW_BLOCK: Final = 64 * 1024  # bytes that are compressed at once, or more
_BUFFER: Final = 1024 * 1024  # of a pipe: a block fits in, which is never handed over in part then, not to be resumed


class Inputs:
    """Files that are being read, or will be; "-" is standard input. They are looked at once an output is open."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._paths = tuple(paths)

    @cached_property
    def _identities(self) -> frozenset[tuple[int, int] | None]:
        return frozenset(map(_identity, self._paths))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(os.path.abspath(path) for path in self._paths if path != "-")

    def have(self, path: str, status: os.stat_result) -> bool:
        """Whether this file is one of them: also one that was not there before it was opened."""
        return (status.st_dev, status.st_ino) in self._identities or os.path.abspath(path) in self._names


Whole = Callable[[memoryview], int]
"""The length in bytes of the whole records that some bytes begin with."""


class Output:
    """A savefile being written, whatever its format.

    ``path`` "-" is standard output, which stays open. ``inputs`` are files that are being read: one of them is never
    written to. One that has something in it is overwritten only if ``force`` says so. ``compression`` None is
    what the name says. ``whole`` finds the end of the last whole record.

    All raise SavefileError if the file does not take the bytes, and again whatever is tried after that. A closed
    pipe raises BrokenPipeError: the reader has had enough, which is no error.
    """

    def __init__(
        self,
        path: str,
        whole: Whole,
        *,
        inputs: Inputs | None = None,
        force: bool = True,
        compression: Compression | None = None,
    ) -> None:
        self.path = path
        self._whole = whole
        compression = by_name(path)[1] if compression is None else compression
        self.compressed = compression != "none"
        stream = compressor(compression, path) if self.compressed else None  # what is missing is said before all else
        try:
            self._file = _standard_output(path) if path == "-" else _opened(path)
            if isinstance(self._file, _Disk) and path != "-":
                self._file.spare(path, inputs or Inputs(), force=force)
        except OSError as error:
            raise self._failed(error) from error
        self.rewritable = isinstance(self._file, _Disk) and path != "-" and not self.compressed
        self._bytes: _Bytes = self._file if stream is None else _Compressed(self._file, compression, stream, path)

    def give(self, user: int, group: int) -> None:
        """Let the file be that of a user and a group, by their numbers. Raises OSError if that is not possible."""
        if isinstance(self._file, _Disk) and self.path != "-":
            self._file.give(user, group)

    @property
    def size(self) -> int:
        """Bytes of the file: written, or about to be. Of a compressed one, those that the compressor has given."""
        return self._file.size

    def room(self, size: int) -> int:
        """How many bytes may be put before the file could be larger than ``size``; less than 0 if it is."""
        left = size - self._file.size
        return self._bytes.idle(left) if left >= 0 else left

    def begin(self, header: bytes) -> None:
        """Put what a file begins with. A file on disk has it from now on, so that it can be read whatever happens."""
        self.put(header)
        if isinstance(self._file, _Disk):
            self.flush()
            self._file.whole = len if self.compressed else self._whole

    def put(self, piece: bytes | memoryview) -> None:
        """Append whole records. ``piece`` may change after that."""
        try:
            self._bytes.put(piece)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        """Hand to the operating system what is still in memory, in a form that can be read."""
        try:
            self._bytes.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def rewrite(self, offset: int, data: bytes) -> None:
        """Change bytes that were put before; only if the file is ``rewritable``."""
        assert isinstance(self._file, _Disk)
        try:
            self._file.rewrite(offset, data)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the file. Closing twice is harmless."""
        try:
            self._bytes.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> SavefileError:
        return SavefileError(f"cannot write: {error.strerror or error}", path=self.path)


class _Bytes(Protocol):
    """Where bytes go. All of it raises OSError."""

    def put(self, piece: bytes | memoryview) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def idle(self, left: int) -> int:
        """How many bytes can be put until ``left`` more are there."""


class _Disk:
    """A regular file.

    What has been handed over is told by the file's position: it is true even if a signal handler raises between a write
    and the noting of its result. So what is in memory is forgotten only when all of it is handed over, and going on
    means to write what the position says is missing.
    """

    def __init__(self, number: int, *, owned: bool, at_end: bool = False) -> None:
        self.whole: Whole = lambda _data: 0  # a header is there, or not
        self._number = number
        self._owned = owned
        self._start = os.lseek(number, 0, os.SEEK_END if at_end else os.SEEK_CUR)  # of what is waiting
        self._origin = self._start
        self._waiting: list[bytes] = []
        self._length = 0
        self._error: OSError | None = None
        self._closed = False

    def give(self, user: int, group: int) -> None:
        os.fchown(self._number, user, group)

    def spare(self, path: str, inputs: Inputs, *, force: bool) -> None:
        """Empty the file, unless it is an input or has something in it: then it is closed, and SavefileError raised."""
        status = os.fstat(self._number)
        refusal = None
        if inputs.have(path, status):
            refusal = "is being read; it is not overwritten"
        elif status.st_size and not force:
            refusal = "exists; --force overwrites it"
        if refusal is not None:
            os.close(self._number)
            raise SavefileError(refusal, path=path)
        os.ftruncate(self._number, 0)

    @property
    def size(self) -> int:
        return self._start - self._origin + self._length

    def idle(self, left: int) -> int:
        return left

    def put(self, piece: bytes | memoryview) -> None:
        if len(piece) < BLOCK:
            self._waiting.append(bytes(piece))
            self._length += len(piece)
            if self._length >= BLOCK:
                self.flush()
            return
        try:
            self.flush()
            self._write(piece)
        except OSError:
            raise
        except BaseException:
            self._waiting.append(bytes(piece))
            self._length += len(piece)
            raise
        self._start += len(piece)

    def extend(self, pieces: Iterable[bytes]) -> None:
        """Append pieces; they are taken from their iterator and kept in one step that no signal handler can divide."""
        self._waiting.extend(pieces)
        self._length = sum(map(len, self._waiting))
        if self._length >= BLOCK:
            self.flush()

    def flush(self) -> None:
        data, nothing = b"".join(self._waiting), list[bytes]()
        self._write(data)
        # No call in between, so no signal handler either.
        self._start, self._waiting, self._length = self._start + len(data), nothing, 0

    def rewrite(self, offset: int, data: bytes) -> None:
        try:
            os.lseek(self._number, self._origin + offset, os.SEEK_SET)
            os.write(self._number, data)
        finally:
            os.lseek(self._number, self._start, os.SEEK_SET)

    def close(self) -> None:
        if self._closed:
            return
        try:
            self.flush()
        except OSError:
            self._closed = True
            if self._owned:
                with suppress(OSError):
                    os.close(self._number)
            raise
        self._closed = True
        if self._owned:
            os.close(self._number)

    def _write(self, data: bytes | memoryview) -> None:
        """Write the bytes that are to be at ``_start``, as far as they are not there."""
        if self._error is not None:
            raise self._error
        view = memoryview(data)
        try:
            while (done := os.lseek(self._number, 0, os.SEEK_CUR) - self._start) < len(view):
                os.write(self._number, view[done:])
        except OSError as error:
            self._error = error
            with suppress(OSError):
                self._cut(view)
            raise

    def _cut(self, view: memoryview) -> None:
        """Take back the part of a record at the end."""
        end = os.lseek(self._number, 0, os.SEEK_CUR)
        keep = self._start + self.whole(view[: end - self._start])
        if end == os.fstat(self._number).st_size:
            os.ftruncate(self._number, keep)
            os.lseek(self._number, keep, os.SEEK_SET)
        self._start, self._waiting, self._length = keep, [], 0


class _Pipe:
    """A pipe, a device, or whatever standard output is a stand-in for: nothing can be taken back there."""

    def __init__(self, stream: IO[bytes], *, owned: bool) -> None:
        self._stream = stream
        self._owned = owned
        self._waiting: list[bytes] = []
        self.size = 0

    def idle(self, left: int) -> int:
        return left

    def put(self, piece: bytes | memoryview) -> None:
        self.size += len(piece)
        self._stream.write(piece)

    def extend(self, pieces: Iterable[bytes]) -> None:
        """Append pieces; they are taken from their iterator and kept in one step that no signal handler can divide."""
        self._waiting.extend(pieces)
        data, nothing = b"".join(self._waiting), list[bytes]()
        self._waiting = nothing
        self.put(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        if self._owned:
            self._stream.close()
        elif not self._stream.closed:
            self._stream.flush()


class _Compressed:
    """Bytes that are compressed on the way to a file, a block at a time."""

    def __init__(self, file: _Disk | _Pipe, compression: Compression, stream: Compressor, path: str) -> None:
        self._file = file
        self._compression = compression
        self._path = path
        self._stream: Compressor | None = stream
        self._blocks: list[bytes | None] = []
        self._waiting: list[bytes] = []
        self._length = 0
        self._head = stream.head
        self._fresh = False  # whether something was put since everything could be read

    def idle(self, left: int) -> int:
        return RAW_BLOCK - 1 - self._length  # until the next is compressed nothing comes out

    def put(self, piece: bytes | memoryview) -> None:
        self._fresh = True
        self._waiting.append(bytes(piece))
        self._length += len(piece)
        if self._length >= RAW_BLOCK:
            self._compress()

    def flush(self) -> None:
        if self._fresh:
            stream = self._compress()
            if stream.sync is not None:
                self._file.extend(map(call, (stream.sync,)))
            else:
                self._finish()
            self._fresh = False
        self._file.flush()

    def close(self) -> None:
        try:
            if self._stream is not None or self._waiting:
                self._compress()
                self._finish()
        finally:
            self._file.close()

    def _compress(self) -> Compressor:
        """Compress what is waiting; the stream.

        The last step takes a block, compresses it and keeps what comes out, all in C: a signal handler runs before it
        or after it, and the stream is never without a part of itself.
        """
        if self._stream is None:
            self._stream = compressor(self._compression, self._path)
            self._head = self._stream.head
        if self._head:
            head, self._head = self._head, b""
            self._file.put(head)
        if self._waiting:
            block, nothing = b"".join(self._waiting), list[bytes]()
            self._blocks, self._waiting, self._length = [None, block, *self._blocks[1:]], nothing, 0
        if self._blocks:
            self._file.extend(map(self._stream.compress, iter(self._blocks.pop, None)))
        return self._stream

    def _finish(self) -> None:
        assert self._stream is not None
        finish, self._stream = self._stream.finish, None
        self._file.extend(map(call, (finish,)))


def _standard_output(path: str) -> _Disk | _Pipe:
    if sys.stdout is None:
        raise SavefileError("standard output is closed", path=path)
    stream: IO[bytes] = sys.stdout.buffer
    if stream.isatty():
        raise SavefileError("packets are not written to a terminal; redirect them", path=path)
    try:
        number = stream.fileno()
    except io.UnsupportedOperation:  # a stand-in, in memory
        return _Pipe(stream, owned=False)
    stream.flush()
    if stat.S_ISREG(os.fstat(number).st_mode):
        return _Disk(number, owned=False, at_end=_appends(number))
    return _Pipe(open(number, "wb", buffering=_BUFFER, closefd=False), owned=True)


def _opened(path: str) -> _Disk | _Pipe:
    # Not emptied by opening: it may turn out to be an input.
    number = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    if stat.S_ISREG(os.fstat(number).st_mode):
        return _Disk(number, owned=True)
    return _Pipe(open(number, "wb", buffering=_BUFFER), owned=True)


def _appends(number: int) -> bool:
    """Whether a file is written at its end, wherever its position is: as after ``>>`` in a shell."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    return bool(fcntl.fcntl(number, fcntl.F_GETFL) & os.O_APPEND)


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of an input; None if it has gone or never was a file."""
    try:
        status = os.fstat(sys.stdin.fileno()) if path == "-" else os.stat(path)
    except (AttributeError, OSError, ValueError):  # AttributeError: standard input is closed or replaced
        return None
    return status.st_dev, status.st_ino

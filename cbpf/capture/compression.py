"""Compressed savefiles: recognised by their first bytes, and decompressed on the way, from pipes too.

gzip, bzip2 and xz come with Python; zstd and lz4 need a package each (``pip install cbpf[compression]``).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from errno import ENOMEM
from functools import partial
from typing import IO, Any, Final

from cbpf.capture.window import Window
from cbpf.errors import SavefileError

_CHUNK: Final = 128 * 1024
_ZSTD_CHUNK: Final = 256  # of which 8 MB come at the most
_XZ_MEMORY: Final = 256 * 1024 * 1024  # bytes; xz -9 needs 65 MiB of them

# What the libraries raise about data that is damaged or ends too early; they do not agree on a class.
_DAMAGE: Final = (EOFError, ValueError, RuntimeError)


def compression(data: bytes) -> str | None:
    """What a file is compressed with that begins so; None if it is not."""
    return next((name for magic, (name, _) in _FORMATS.items() if data.startswith(magic)), None)


def decompressed(window: Window) -> Window:
    """A window over what is in another one, decompressed, if its first bytes say so; else that window.

    Raises SavefileError if the package for it is missing.
    """
    for magic, (name, opener) in _FORMATS.items():
        if window.data.startswith(magic):
            source = io.BufferedReader(_Rest(window), _CHUNK)
            try:
                return Window(io.BufferedReader(Decoded(opener(source), name), _CHUNK), window.path)
            except ImportError:
                missing = f"is compressed with {name}; to read it, install cbpf[compression]"
                raise SavefileError(missing, path=window.path) from None
    return window


class _Rest(io.RawIOBase):
    """What a window has in memory, and then what comes behind it."""

    def __init__(self, window: Window) -> None:
        self._data = memoryview(window.data)
        self._window = window

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        if not self._data:
            return self._window.read_into(view)
        count = min(len(view), len(self._data))
        view[:count] = self._data[:count]
        self._data = self._data[count:]
        return count


class Decoded(io.RawIOBase):
    """What comes out of a decompressor, whose complaints become errors of reading."""

    def __init__(self, read: Read, name: str) -> None:
        self._read = read
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._read(len(view))
        except OSError as error:
            if error.errno is not None:  # the file's, not the data's
                raise
            raise OSError(f"the {self._name} data is damaged: {error}") from error
        except _DAMAGE as error:
            raise OSError(f"the {self._name} data is damaged or cut short: {error}") from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in _LIBRARIES:
                raise OSError(f"the {self._name} data is damaged: {error}") from error
            raise
        view[: len(data)] = data
        return len(data)


Read = Callable[[int], bytes]
"""Gives up to so many bytes, as many as there are; none at the end."""


def _gzip(source: IO[bytes]) -> Read:
    import gzip

    return gzip.GzipFile(fileobj=source, mode="rb").read1


def _bzip2(source: IO[bytes]) -> Read:
    import bz2

    return bz2.BZ2File(source).read1


def _xz(source: IO[bytes]) -> Read:
    import lzma

    def pieces() -> Iterator[bytes]:
        stream = None
        for piece in iter(partial(source.read1, _CHUNK), b""):  # type: ignore[attr-defined]
            data = piece
            while data := data if stream else data.lstrip(b"\0"):  # zeros may be between two streams
                # LZMAFile would take as much memory as the data says that it needs, which may be 4 GiB.
                stream = stream or lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
                yield from _all_of(stream, data)
                data, stream = (stream.unused_data, None) if stream.eof else (b"", stream)
        if stream is not None:
            raise EOFError("the last stream has no end")

    def _all_of(stream: lzma.LZMADecompressor, data: bytes) -> Iterator[bytes]:
        """What comes out of so much, in pieces of a bounded size."""
        try:
            yield stream.decompress(data, _CHUNK)
            while not (stream.eof or stream.needs_input):
                yield stream.decompress(b"", _CHUNK)
        except lzma.LZMAError as error:
            if "Memory" not in str(error):
                raise
            raise OSError(ENOMEM, f"the xz data takes more than {_XZ_MEMORY} bytes of memory") from error

    return Pieces(pieces()).read


def _zstd(source: IO[bytes]) -> Read:
    import zstandard

    def pieces() -> Iterator[bytes]:
        data, frame = source.read(_ZSTD_CHUNK), None
        while data:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
            data = data or source.read(_ZSTD_CHUNK)
        if frame is not None:
            raise EOFError("the last frame has no end")

    return Pieces(pieces()).read


class Pieces:
    """Bytes that come in pieces of any size, read in others."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")  # a view, since a piece may be so large that copies of its rest take for ever

    def read(self, count: int) -> bytes:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        data, self._left = self._left[:count], self._left[count:]
        return bytes(data)


def _lz4(source: IO[bytes]) -> Read:
    import lz4.frame

    read: Read = lz4.frame.LZ4FrameFile(source).read1
    return read


_LIBRARIES: Final = ("zlib", "_lzma", "zstd", "zstandard", "lz4")
_FORMATS: Final[dict[bytes, tuple[str, Callable[[IO[bytes]], Read]]]] = {
    b"\x1f\x8b": ("gzip", _gzip),
    b"BZh": ("bzip2", _bzip2),
    b"\xfd7zX": ("xz", _xz),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    b"\x04\x22\x4d\x18": ("lz4", _lz4),
}

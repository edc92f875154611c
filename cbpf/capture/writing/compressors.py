"""Compressed output: which compression the name of a file asks for, and the compressors.

They are those of ``cbpf.capture.compression``, which reads what is written here: gzip, bzip2 and xz come with Python,
zstd and lz4 need a package each (``pip install cbpf[compression]``). Levels are fast ones: a capture does not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal, NamedTuple, get_args

from cbpf.errors import SavefileError

Compression = Literal["gzip", "bzip2", "xz", "zstd", "lz4", "none"]

COMPRESSIONS: Final[tuple[str, ...]] = get_args(Compression)
_EXTENSIONS: Final[Mapping[str, Compression]] = {
    ".gz": "gzip",
    ".bz2": "bzip2",
    ".xz": "xz",
    ".zst": "zstd",
    ".lz4": "lz4",
}


class Compressor(NamedTuple):
    """One compressed stream. All three are functions in C, which no signal handler interrupts.

    * ``compress``: takes bytes, and gives those that are ready.
    * ``sync``: gives all that is left, so that everything so far can be decompressed; None if only the end does that.
    * ``finish``: the same, and ends the stream. Streams may follow one another in a file.
    * ``head``: what the stream begins with.
    """

    compress: Callable[[bytes], bytes]
    sync: Callable[[], bytes] | None
    finish: Callable[[], bytes]
    head: bytes = b""


def by_name(path: str) -> tuple[str, Compression]:
    """A name without the extension of a compression, and which that is: "a.pcap" and "gzip" of "a.pcap.gz"."""
    for extension, compression in _EXTENSIONS.items():
        if path.lower().endswith(extension):
            return path[: -len(extension)], compression
    return path, "none"


def compressor(compression: Compression, path: str) -> Compressor:
    """A new stream, not of "none". Raises SavefileError about the file ``path`` if the package for it is missing."""
    try:
        return _MAKERS[compression]()
    except ImportError:
        raise SavefileError(f"to write {compression}, install cbpf[compression]", path=path) from None


def _gzip() -> Compressor:
    import zlib

    stream = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # 16: in a gzip member (zlib.h, deflateInit2)
    return Compressor(stream.compress, partial(stream.flush, zlib.Z_SYNC_FLUSH), stream.flush)


def _bzip2() -> Compressor:
    import bz2

    stream = bz2.BZ2Compressor(1)
    return Compressor(stream.compress, None, stream.flush)


def _xz() -> Compressor:
    import lzma

    stream = lzma.LZMACompressor(preset=0)
    return Compressor(stream.compress, None, stream.flush)


def _zstd() -> Compressor:
    import zstandard

    stream = zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj()
    return Compressor(stream.compress, partial(stream.flush, zstandard.COMPRESSOBJ_FLUSH_BLOCK), stream.flush)


def _lz4() -> Compressor:
    from lz4 import frame

    stream = frame.create_compression_context()
    head: bytes = frame.compress_begin(stream, content_checksum=True, block_linked=True, auto_flush=True)
    sync = partial(frame.compress_flush, stream, end_frame=False)
    return Compressor(partial(frame.compress_chunk, stream), sync, partial(frame.compress_flush, stream), head)


_MAKERS: Final[Mapping[str, Callable[[], Compressor]]] = {
    "gzip": _gzip,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstd": _zstd,
    "lz4": _lz4,
}

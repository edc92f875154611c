"""Solaris's snoop captures, read as if they were pcap files: each record is made one of pcap's on the way.

Source: RFC 1761. Everything is big-endian there, and stays so.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from struct import Struct
from typing import Final

from cbpf.capture.compression import Decoded, Pieces
from cbpf.capture.window import Window
from cbpf.errors import NotASavefile

MAGIC: Final = b"snoop\0\0\0"

_CHUNK: Final = 128 * 1024
_LONGEST: Final = 0x1000000  # bytes of a record that may be one
_HEADER: Final = Struct(">8sII")
_RECORD: Final = Struct(">IIIIII")
_PCAP_HEADER: Final = Struct(">IHHIIII")
_PCAP_RECORD: Final = Struct(">IIII")
_PCAP_MAGIC: Final = 0xA1B2C3D4
_VERSION: Final = 2
_SNAPLEN: Final = 262144
_LINKTYPES: Final = {
    0: 1,
    2: 6,
    4: 1,
    8: 10,
}  # IEEE 802.3, token ring, Ethernet, FDDI: to those of pcap


def converted(window: Window) -> Window:
    """A window over the pcap file that a snoop capture is the same as, if this is one; else that window.

    Raises NotASavefile for a version or a link type that is not known.
    """
    if not window.need(len(MAGIC)) or not window.data.startswith(MAGIC):
        return window
    if not window.need(_HEADER.size):
        raise NotASavefile("the file is too short for a snoop capture", path=window.path)
    _, version, link = _HEADER.unpack_from(window.data, window.pos)
    window.pos += _HEADER.size
    if version != _VERSION:
        raise NotASavefile(f"snoop version {version} is not known", path=window.path)
    if link not in _LINKTYPES:
        raise NotASavefile(f"snoop's link type {link} is not known", path=window.path)
    return Window(
        io.BufferedReader(Decoded(Pieces(_pcap(window, _LINKTYPES[link])).read, "snoop"), _CHUNK), window.path
    )


def _pcap(window: Window, linktype: int) -> Iterator[bytes]:
    """The pieces of the pcap file. A record that is cut short stays so."""
    yield _PCAP_HEADER.pack(_PCAP_MAGIC, 2, 4, 0, 0, _SNAPLEN, linktype)
    while window.need(1):
        if not window.need(_RECORD.size):
            yield bytes(min(window.left(), _PCAP_RECORD.size - 1))  # a header that is cut short
            return
        wirelen, caplen, length, _, seconds, microseconds = _RECORD.unpack_from(window.data, window.pos)
        if not _RECORD.size + caplen <= length <= _LONGEST:
            raise ValueError(f"a record of {length} bytes for a packet of {caplen} (at byte {window.offset})")
        whole = window.need(_RECORD.size + caplen)
        begin = window.pos + _RECORD.size
        yield _PCAP_RECORD.pack(seconds, microseconds, caplen, wirelen) + window.data[begin : begin + caplen]
        if not whole:
            return
        window.need(length)
        window.pos = min(window.pos + length, len(window.data))

"""A line being written about a packet: the text so far, and how far the packet is understood."""

from __future__ import annotations

from _socket import AF_INET6, inet_ntop
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Final

from cbpf.capture.summary.flows import Flows

SHORT: Final = Struct(">H").unpack_from
WORD: Final = Struct(">I").unpack_from
PAIR: Final = Struct(">HH").unpack_from

ETHERNET: Final = 0x6558  # transparent Ethernet bridging: the EtherType of an Ethernet frame inside something else
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
MAXIMUM_8023_LENGTH: Final = 1500  # what is larger is an EtherType

_IPV4_PAIR: Final = 8  # bytes
_MOST_TEXTS: Final = 1 << 14  # that are kept

# Packets inside packets are followed so many headers deep; no sane packet comes near.
_MAXIMUM_HEADERS: Final = 40


class Malformed(Exception):
    """A field has a value that its protocol does not allow; what was understood before is already written."""


class Line:
    """``out`` are the parts of the line so far. ``data`` are the captured bytes, ``at`` is where the header to be read
    begins, and ``length`` is the number of bytes the packet has on the network from there.

    ``quick`` is tcpdump's -q, ``headers`` its -e; ``flows`` know where TCP's sequence numbers began, None for numbers
    as they are in the packet. ``pair`` are the bytes of both network addresses.
    ``repeats`` says whether the same bytes always make the same line, whatever came before.
    """

    at = 0
    pair = b""
    repeats = True
    _headers = 0
    _named = True

    def __init__(
        self, data: bytes, length: int, *, quick: bool = False, headers: bool = False, flows: Flows | None = None
    ) -> None:
        self.out: list[str] = []
        self.data = data
        self.length = length
        self.quick = quick
        self.headers = headers
        self.flows = flows

    def skip(self, count: int) -> None:
        """Step over a header of ``count`` bytes."""
        self.at += count
        self.length -= count

    def cut(self, length: int) -> None:
        """Leave out what is more than ``length`` bytes behind ``at``: padding that is not part of the packet."""
        if length < self.length:
            self.length = length
            self.data = self.data[: self.at + length]

    def deeper(self) -> None:
        """Count a header that can be repeated without end. Raises Malformed when it is too often."""
        self._headers += 1
        if self._headers > _MAXIMUM_HEADERS:
            raise Malformed

    def say(self, what: str) -> None:
        """Add the last words, about bytes that are not looked into."""
        self.out.append(f"{what}, length {max(0, self.length)}")

    def addresses(self, pair: bytes) -> None:
        """Remember the network addresses, which ``ports`` or ``name_ends`` write."""
        self.pair = pair
        self._named = False

    def name_ends(self) -> None:
        """Write the network addresses, if that has not been done."""
        if not self._named:
            self.out.append(pair_text(self.pair))
            self._named = True

    def ports(self) -> tuple[int, int]:
        """Read the two port numbers all transports begin with, and write them, at the addresses or alone."""
        source, target = PAIR(self.data, self.at)
        if self._named:
            self.out.append(f"{source} > {target}: ")
        else:
            self.out.append(ends_text(self.pair + self.data[self.at : self.at + 4]))
            self._named = True
        return source, target


Dissector = Callable[[Line], int | None]
"""Reads the header at ``line.at``, adds words and steps over it. Gives the EtherType of what follows, or None if the
line is finished. A load behind the captured bytes raises IndexError or struct.error."""


@lru_cache(maxsize=4096)
def ipv4_text(address: bytes) -> str:
    """Dotted quad of 4 bytes."""
    return f"{address[0]}.{address[1]}.{address[2]}.{address[3]}"


@lru_cache(maxsize=4096)
def ipv6_text(address: bytes) -> str:
    """Text form of 16 bytes (RFC 5952)."""
    return inet_ntop(AF_INET6, address)


@lru_cache(maxsize=_MOST_TEXTS)
def pair_text(pair: bytes) -> str:
    """Source and target address, of 4 or 16 bytes each, as lines have them."""
    text = ipv4_text if len(pair) == _IPV4_PAIR else ipv6_text
    half = len(pair) // 2
    return f"{text(pair[:half])} > {text(pair[half:])}: "


@lru_cache(maxsize=_MOST_TEXTS)
def ends_text(ends: bytes) -> str:
    """The same with ports, which are behind the addresses."""
    text = ipv4_text if len(ends) == _IPV4_PAIR + 4 else ipv6_text
    half = len(ends) // 2 - 2
    source, target = PAIR(ends, 2 * half)
    return f"{text(ends[:half])}.{source} > {text(ends[half:-4])}.{target}: "


def mac_text(address: bytes) -> str:
    """Bytes as colon-separated hexadecimal."""
    return address.hex(":")

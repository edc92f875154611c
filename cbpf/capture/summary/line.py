"""A line being written about a packet: the words so far, and how far the packet is understood."""

from __future__ import annotations

from _socket import AF_INET6, inet_ntop
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Final

SHORT: Final = Struct(">H").unpack_from
WORD: Final = Struct(">I").unpack_from
PAIR: Final = Struct(">HH").unpack_from

ETHERNET: Final = 0x6558  # transparent Ethernet bridging: the EtherType of an Ethernet frame inside something else
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
MAXIMUM_8023_LENGTH: Final = 1500  # what is larger is an EtherType


# Packets inside packets are followed so many words deep; no sane packet comes near.
_MAXIMUM_WORDS: Final = 40


class Malformed(Exception):
    """A field has a value that its protocol does not allow; what was understood before is already written."""


class Line:
    """``words`` are the line so far. ``data`` are the captured bytes, ``at`` is where the header to be read begins,
    and ``length`` is the number of bytes the packet has on the network from there.
    """

    __slots__ = ("_ends", "_place", "at", "data", "length", "words")

    def __init__(self, words: list[str], data: bytes, length: int) -> None:
        self.words = words
        self.data = data
        self.at = 0
        self.length = length
        self._place = 0
        self._ends = ("", "", "")

    def skip(self, count: int) -> None:
        """Step over a header of ``count`` bytes."""
        self.at += count
        self.length -= count

    def cut(self, length: int) -> None:
        """Leave out what is more than ``length`` bytes behind ``at``: padding that is not part of the packet."""
        if length < self.length:
            self.length = length
            self.data = self.data[: self.at + length]

    def add(self, word: str) -> None:
        """Add a word for a header that can be repeated without end. Raises Malformed when it is too often."""
        if len(self.words) > _MAXIMUM_WORDS:
            raise Malformed
        self.words.append(word)

    def say(self, what: str) -> None:
        """Add the last words, about bytes that are not looked into."""
        self.words.append(f"{what}, length {max(0, self.length)}")

    def addresses(self, version: str, source: str, target: str) -> None:
        """Add the network addresses, to which ``ports`` may add."""
        self._place = len(self.words)
        self._ends = (version, source, target)
        self.words.append(f"{version} {source} > {target}:")

    def ports(self) -> tuple[int, int]:
        """Read the two port numbers all transports begin with, and write them into the addresses."""
        source, target = PAIR(self.data, self.at)
        version, here, there = self._ends
        self.words[self._place] = f"{version} {here}.{source} > {there}.{target}:"
        return source, target


Dissector = Callable[[Line], int | None]
"""Reads the header at ``line.at``, adds words and steps over it. Gives the EtherType of what follows, or None if the
line is finished. A load behind the captured bytes raises IndexError or struct.error."""


def ipv4_text(address: bytes) -> str:
    """Dotted quad of 4 bytes."""
    return f"{address[0]}.{address[1]}.{address[2]}.{address[3]}"


@lru_cache(maxsize=4096)
def ipv6_text(address: bytes) -> str:
    """Text form of 16 bytes (RFC 5952)."""
    return inet_ntop(AF_INET6, address)


def mac_text(address: bytes) -> str:
    """Bytes as colon-separated hexadecimal."""
    return address.hex(":")

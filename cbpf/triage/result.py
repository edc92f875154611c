"""What is found in a file, and how the findings of several are put together.

All of it is plain data that survives JSON. ``Summary`` is a monoid: ``merged`` is associative, and ``Summary()`` has
nothing in it, so that files can be looked at anywhere and in any order.

Times are nanoseconds since 1970-01-01 00:00 UTC; bytes are those on the network unless another kind is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cbpf.counts import Count


class Facts(NamedTuple):
    """A file itself.

    * ``format``: "pcap", "pcapng" or "snoop"; ``compression``: "gzip", "bzip2", "xz", "zstd", "lz4" or None.
    * ``linktypes``: names of the link types of its interfaces; ``snaplen``: the largest, in bytes.
    * ``captured``: bytes of packets in the file.
    * ``in_order``: whether no packet is earlier than the one before it.
    * ``sha256``: of the file's bytes as they are, in hexadecimal digits; None if that was not asked for.
    """

    format: str
    compression: str | None
    linktypes: tuple[str, ...]
    snaplen: int
    captured: int
    in_order: bool
    sha256: str | None


class Traffic(NamedTuple):
    """What went to and fro between two ends: packets and bytes from A to B, and from B to A."""

    packets: int = 0
    bytes: int = 0
    packets_back: int = 0
    bytes_back: int = 0
    first: int | None = None
    last: int | None = None


class Conversation(NamedTuple):
    """The two ends of a conversation, the one that was seen to send first being A.

    Addresses are written as usual (IPv4, IPv6, MAC); ``protocol`` is "tcp", "udp", "sctp", another IP protocol's name,
    or an EtherType's. Ports are None where there are none.
    """

    protocol: str
    a: str
    port_a: int | None
    b: str
    port_b: int | None


class Timeline(NamedTuple):
    """Packets and bytes over time, in intervals of 2**``shift`` nanoseconds, by the number of the interval since 1970.

    Intervals of powers of two fit into each other: timelines are added up in the wider intervals of both.
    """

    shift: int = 0
    intervals: Mapping[int, tuple[int, int]] = {}


class Summary(NamedTuple):
    """What can be added up.

    * ``packets``: all of them.
    * ``filters``: what matches, by the filter's name; those that match nothing are in it, too.
    * ``talkers``: addresses, with what they sent (A) and received (B).
    * ``conversations``, and ``ports``: "tcp/443" and the like, the lower port of each conversation.
    * ``protocols``: from the outside in, as in "eth/ip/tcp/https"; packets that go no deeper than that.
    * ``sizes``: packets of each size on the network, in classes that begin at ``SIZES``.
    * ``timeline``: of all packets; ``timelines``: of those that match, by the filter's name.
    * ``more``: how many talkers, conversations and ports were left out in files that have too many; those with most
      bytes are kept. By the name of the field.
    """

    packets: Count = Count()
    filters: Mapping[str, Count] = {}
    talkers: Mapping[str, Traffic] = {}
    conversations: Mapping[Conversation, Traffic] = {}
    ports: Mapping[str, Count] = {}
    protocols: Mapping[str, Count] = {}
    sizes: tuple[int, ...] = ()
    timeline: Timeline = Timeline()
    timelines: Mapping[str, Timeline] = {}
    more: Mapping[str, int] = {}


SIZES = (0, 64, 128, 256, 512, 1024, 1519, 9001)
"""Where the classes of packet sizes begin, in bytes on the network."""


class FileResult(NamedTuple):
    """What triage knows of a file.

    * ``size`` in bytes and ``mtime`` in nanoseconds: those of the file when it was opened.
    * ``facts``: None if it is no savefile or cannot be read at all.
    * ``trouble``: what is wrong with it, in a sentence; with ``facts``, what was found before the damage stands.
    * ``meaningless``: filters that mean nothing on any of its link types.
    """

    path: str
    size: int
    mtime: int
    facts: Facts | None
    trouble: str | None
    summary: Summary
    meaningless: tuple[str, ...] = ()

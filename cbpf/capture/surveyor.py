"""A survey of a savefile: what ``cbpf.capture.survey`` notes of its packets, and where it goes when there is no room.

    survey = Survey(filters=3, take=flows.extend)
    for _ in Scan(savefile, choose, SurveyOutput(), Walks(3), survey=survey):
        pass
    survey.drain()
    print(survey.count, survey.shift, survey.times)

Nothing here knows names: of link types, protocols and ports there are numbers only.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NamedTuple

from cbpf.capture import headers, survey, walk
from cbpf.capture.packet import Interface, Place
from cbpf.counts import Count

_WORD: Final = Struct("=Q")
_FLOW: Final = Struct("=13Q")
_SUMS: Final = Struct("=5Q")
_SIZES: Final = Struct(f"={survey.CLASSES}Q")
_LATEST: Final = (1 << 64) - 1

Intervals = dict[int, tuple[int, int]]
"""Packets and bytes, by the number of the interval since 1970."""


class Layout(NamedTuple):
    """How packets of a link type begin; see ``cbpf.capture.survey``."""

    begins: int
    skip: int = 0
    first: int = 0


_RAW: Final = Layout(headers.DIRECT, 0, headers.BY_VERSION)


def _typed(offset: int, length: int) -> Layout:
    """A header with an EtherType at an offset."""
    return Layout(headers.TYPED, 0, offset << 8 | length)


LAYOUTS: Final = {
    0: Layout(headers.FAMILY),  # NULL
    1: Layout(headers.ETHERNET),
    6: Layout(headers.DIRECT, 14, headers.LLC_FOLLOWS),  # IEEE802, without source routing
    9: Layout(headers.POINT_TO_POINT),  # PPP
    10: Layout(headers.DIRECT, 13, headers.LLC_FOLLOWS),  # FDDI
    12: _RAW,
    14: _RAW,
    50: Layout(headers.POINT_TO_POINT),  # PPP_SERIAL
    51: Layout(headers.DIRECT, 0, 0x8864),  # PPP_ETHER
    100: Layout(headers.DIRECT, 0, headers.LLC_FOLLOWS),  # ATM_RFC1483
    101: _RAW,
    104: _typed(2, 4),  # C_HDLC
    105: Layout(headers.WLAN),
    106: Layout(headers.DIRECT, 0, headers.LLC_FOLLOWS),  # ATM_CLIP
    108: Layout(headers.FAMILY),  # LOOP
    109: Layout(headers.DIRECT, 12, headers.BY_VERSION),  # ENC
    113: _typed(14, 16),  # LINUX_SLL
    119: Layout(headers.WLAN, 144),  # PRISM_HEADER
    122: Layout(headers.DIRECT, 16, headers.LLC_FOLLOWS),  # IP_OVER_FC
    127: Layout(headers.RADIOTAP),
    138: _typed(16, 18),  # APPLE_IP_OVER_IEEE1394
    166: Layout(headers.POINT_TO_POINT),  # PPP_PPPD
    204: Layout(headers.POINT_TO_POINT, 1),  # PPP_WITH_DIR
    205: Layout(headers.TYPED, 1, 2 << 8 | 4),  # C_HDLC_WITH_DIR
    219: Layout(headers.DIRECT, 0, 0x8847),  # MPLS
    228: Layout(headers.DIRECT, 0, headers.IPV4),
    229: Layout(headers.DIRECT, 0, headers.IPV6),
    276: _typed(0, 20),  # LINUX_SLL2
}
"""By the LINKTYPE number. Of others nothing but their name is known."""


class Flow(NamedTuple):
    """What has the same ends and the same headers.

    * ``linktype``; ``kind``: an EtherType, or PPP's or LLC's number if that is last in ``path``; 0 for none.
    * ``path``: the headers between, as four bits each.
    * ``protocol``: IP's, if ``ends`` are V4 or V6. ``ends``: what the addresses are; ``ports`` if there are some.
    * ``a`` and ``b``: addresses as numbers.
    * ``packets``, ``bytes``: from A to B, and ``packets_back``, ``bytes_back`` from B to A.
    * ``first`` and ``last``: times in nanoseconds; ``begun``: whether the first packet went from B to A.
    """

    linktype: int
    kind: int
    path: int
    protocol: int
    ends: int
    ports: bool
    a: int
    port_a: int
    b: int
    port_b: int
    packets: int
    bytes: int
    packets_back: int
    bytes_back: int
    first: int
    last: int
    begun: bool


class SurveyOutput:
    """Nothing becomes of packets that match; the number of an interface in the output says what its packets are."""

    form = walk.COUNT

    def place(self, interface: Interface) -> Place:
        return Place(layout(interface.linktype))


def layout(linktype: int) -> int:
    """What the kernel is told about a link type, in one number."""
    begins, skip, first = LAYOUTS.get(linktype, Layout(headers.NOTHING))
    return linktype << 48 | first << 16 | skip << 8 | begins


class Survey:
    """What is found in one savefile, for so many ``filters``; ``take`` is given the flows, some of them repeatedly."""

    def __init__(self, filters: int, take: Callable[[Iterator[Flow]], None]) -> None:
        self.buffer = bytearray(survey.FILTERS + filters * survey.FILTER_SIZE)
        self._take = take
        self._filters = filters
        self.buffer[survey.SEED : survey.SEED + 8] = os.urandom(8)
        self._store(survey.SHIFT, survey.FINEST)

    @property
    def count(self) -> Count:
        """All packets."""
        packets, size, _, first, last = _SUMS.unpack_from(self.buffer, survey.PACKETS)
        return Count(packets, size, first, last) if packets else Count()

    @property
    def captured(self) -> int:
        """Bytes of packets in the file."""
        return self._load(survey.CAPTURED)

    @property
    def in_order(self) -> bool:
        """Whether no packet is earlier than the one before."""
        return self._load(survey.DISORDER) == 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Packets of each class of sizes."""
        return _SIZES.unpack_from(self.buffer, survey.SIZES)

    @property
    def shift(self) -> int:
        """The intervals of ``times`` have 2**``shift`` nanoseconds."""
        return self._load(survey.SHIFT)

    @property
    def times(self) -> Intervals:
        """Packets over time. Intervals are as narrow as the number of those of a filter allows."""
        return self._line(survey.TIMELINE, survey.TIMES, self._first >> self.shift).intervals()

    @property
    def filter_shift(self) -> int:
        """The same as ``shift`` for ``filter_times``."""
        return self.shift + survey.FILTER_WIDER

    @property
    def filter_times(self) -> list[Intervals]:
        """Packets over time that match each filter."""
        first = self._first >> self.filter_shift
        return [self._line(at, survey.FILTER_TIMES, first).intervals() for at in self._filter_lines()]

    def packet(self, data: bytes, wirelen: int, time: int, interface: Interface, filters: int) -> None:
        """Note a packet that the scan has in its hands, and that ``filters`` match it."""
        time = min(max(time, 0), _LATEST)  # some packets have impossible times
        what = (data, 0, len(data), wirelen, time, layout(interface.linktype))
        while survey.survey(self.buffer, *what) == survey.FULL:
            self.make_room()
        for number in range(self._filters):
            if filters >> number & 1:
                survey.survey_match(self.buffer, number, wirelen, time)

    def make_room(self) -> None:
        """See to it that there is room for the packet that had none: for its time, or for its flow."""
        times = [self._load(survey.PENDING), *(time for time in self.count[2:] if time is not None)]
        often = fitting(min(times) >> self.filter_shift, max(times) >> self.filter_shift, survey.FILTER_TIMES)
        if often:
            self._double(often)
        else:
            self.drain()

    def drain(self) -> None:
        """Hand over the flows."""
        flows = self._load(survey.FLOWS)
        if flows:
            table = memoryview(self.buffer)[survey.TABLE : survey.TABLE + flows * survey.FLOW_SIZE]
            self._take(_flow(*row) for row in _FLOW.iter_unpack(table))
            self.buffer[survey.INDEX : survey.TABLE] = bytes(survey.TABLE - survey.INDEX)
            self._store(survey.FLOWS, 0)

    def _double(self, often: int) -> None:
        """Make intervals twice as wide, so often."""
        first = self._first
        lines = [(survey.TIMELINE, survey.TIMES, first >> self.shift)]
        lines += [(at, survey.FILTER_TIMES, first >> self.filter_shift) for at in self._filter_lines()]
        for at, rooms, number in lines:
            line = self._line(at, rooms, number)
            if line.packets:
                self.buffer[at : at + 16 * rooms] = line.doubled(often).packed(rooms)
        self._store(survey.SHIFT, self.shift + often)

    def _filter_lines(self) -> Iterator[int]:
        return (survey.FILTERS + number * survey.FILTER_SIZE for number in range(self._filters))

    @property
    def _first(self) -> int:
        """The time of the earliest packet; 0 if there is none."""
        return self._load(survey.FIRST)

    def _line(self, at: int, rooms: int, first: int) -> _Line:
        """A timeline of the buffer from the interval number ``first`` on; nothing if there is nothing in it."""
        line = self.buffer[at : at + 16 * rooms]
        if not line.strip(b"\0"):
            return _Line(first, [], [])
        begin = first % rooms * 2
        words = memoryview(line).cast("Q").tolist()
        words = words[begin:] + words[:begin]
        return _Line(first, words[::2], words[1::2])

    def _load(self, field: int) -> int:
        (value,) = _WORD.unpack_from(self.buffer, field)
        return int(value)

    def _store(self, field: int, value: int) -> None:
        _WORD.pack_into(self.buffer, field, value)


class _Line(NamedTuple):
    """A timeline from the interval number ``first`` on."""

    first: int
    packets: list[int]
    sizes: list[int]

    def doubled(self, often: int) -> _Line:
        """The same in intervals that are doubled so often."""
        first, packets, sizes = self
        for _ in range(often):
            before, behind = [0] * (first & 1), [0] * (first + len(packets) & 1)
            packets, sizes = before + packets + behind, before + sizes + behind
            packets = [one + other for one, other in zip(packets[::2], packets[1::2], strict=True)]
            sizes = [one + other for one, other in zip(sizes[::2], sizes[1::2], strict=True)]
            first >>= 1
        return _Line(first, packets, sizes)

    def packed(self, rooms: int) -> bytes:
        """As it stands in the buffer."""
        words = [0] * (2 * rooms)
        words[: 2 * len(self.packets) : 2] = self.packets
        words[1 : 2 * len(self.sizes) : 2] = self.sizes
        end = 2 * (rooms - self.first % rooms)
        return array("Q", words[end:] + words[:end]).tobytes()

    def intervals(self) -> Intervals:
        """Those that have packets."""
        pairs = enumerate(zip(self.packets, self.sizes, strict=True), self.first)
        return {number: pair for number, pair in pairs if pair[0]}


def fitting(first: int, last: int, most: int) -> int:
    """How often intervals must be doubled until there are no more than so many from the first to the last."""
    often = 0
    while (last >> often) - (first >> often) >= most:
        often += 1
    return often


def _flow(
    what: int,
    how: int,
    a_high: int,
    a_low: int,
    b_high: int,
    b_low: int,
    packets: int,
    size: int,
    packets_back: int,
    size_back: int,
    first: int,
    last: int,
    begun: int,
) -> Flow:
    return Flow(
        what >> 48,
        what >> 32 & 0xFFFF,
        how >> 16,
        how >> 8 & 0xFF,
        how & 3,
        bool(how & headers.PORTS),
        a_high << 64 | a_low,
        what >> 16 & 0xFFFF,
        b_high << 64 | b_low,
        what & 0xFFFF,
        packets,
        size,
        packets_back,
        size_back,
        first,
        last,
        bool(begun),
    )

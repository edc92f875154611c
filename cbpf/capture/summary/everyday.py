"""The short way to the same lines for everyday packets on Ethernet: TCP, UDP and pings, whole and without surprises.

Most packets of most captures are such ones, and a line of theirs costs a microsecond or two this way. One unpacking
gives the fields of all headers at once; the texts of addresses and ports are kept by the bytes they are made of. What
is not as expected is nobody's business here: None then sends the packet to the dissectors, which know all the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Final

from cbpf.capture.summary.dns import dns
from cbpf.capture.summary.flows import Flow, Flows
from cbpf.capture.summary.line import PAIR, Line, Malformed, ends_text, pair_text
from cbpf.capture.summary.tcp import FLAGS, begin, options, segment_start
from cbpf.capture.summary.transport import MULTICAST_DNS, SPOKEN, TUNNELS

_Frame = memoryview | bytes

# Ethernet with IPv4 without options, and what is in it: total length, flags and offset, both ends,
_TCP_IN_IPV4: Final = Struct(">16xH2xH4x12sIIBBH").unpack_from  # sequence, acknowledgment, data offset, flags, window
_UDP_IN_IPV4: Final = Struct(">16xH2xH4x12sH").unpack_from  # length
_PING_IN_IPV4: Final = Struct(">16xH2xH4x8sB3xHH").unpack_from  # type, identifier, sequence number
# The same with IPv6: version, payload length, both ends, ...
_TCP_IN_IPV6: Final = Struct(">14xB3xH2x36sIIBBH").unpack_from
_UDP_IN_IPV6: Final = Struct(">14xB3xH2x36sH").unpack_from
_PING_IN_IPV6: Final = Struct(">14xB3xH2x32sB3xHH").unpack_from
_TIMESTAMPS: Final = Struct(">III").unpack_from
_NOP_NOP_TIMESTAMPS: Final = 0x0101080A
_TAG_SIZE: Final = 4

_IPV4, _IPV6 = 0x0800, 0x86DD
_TAGS: Final = frozenset({0x8100, 0x88A8})
_PLAIN_HEADER: Final = 0x45  # IPv4 without options
_FRAGMENT_MASK: Final = 0x3FFF
_ICMP, _TCP, _UDP, _ICMP6 = 1, 6, 17, 58
_SYN, _FIN_RST, _ACK, _SYN_ACK_URG = 0x02, 0x05, 0x10, 0x32
_OPENINGS: Final = frozenset({_SYN, _SYN | _ACK})
_WORD_MASK: Final = 0xFFFFFFFF
_IPV4_ENDS: Final = 12  # bytes of two addresses and two ports
_PINGS: Final = {0: "ICMP echo reply", 8: "ICMP echo request"}
_PINGS6: Final = {128: "ICMP6, echo request", 129: "ICMP6, echo reply"}
_SHORT_TCP: Final = 5  # words of a header without options
_STAMPED_TCP: Final = 8  # words of a header with timestamps
_DNS: Final = 53
_MOST_TEXTS: Final = 1 << 14

Short = Callable[[_Frame, int], str | None]
"""The line about an Ethernet frame, as far as it was captured, and its length; None where the long way is needed."""


def everyday(flows: Flows) -> Short:
    """The short way, which counts TCP's sequence numbers as ``flows`` know."""
    young, find = flows.young, flows.find

    def short(frame: _Frame, wirelen: int) -> str | None:
        try:
            kind = frame[12] << 8 | frame[13]
            if kind == _IPV4:
                way = in_ipv4.get(frame[23]) if frame[14] == _PLAIN_HEADER else None
            elif kind == _IPV6:
                way = in_ipv6.get(frame[20])
            elif kind in _TAGS and frame[16] << 8 | frame[17] not in _TAGS:  # one tag is short enough
                return short(memoryview(frame)[_TAG_SIZE:], wirelen - _TAG_SIZE)
            else:
                return None
            return None if way is None else way(frame, wirelen)
        except (IndexError, struct.error):  # what was captured is too short
            return None

    def tcp_in_ipv4(frame: _Frame, wirelen: int) -> str | None:
        total, fragment, ends, sequence, acknowledgment, offset, flags, window = _TCP_IN_IPV4(frame)
        if fragment & _FRAGMENT_MASK or total > wirelen - 14:
            return None
        if flags & _SYN_ACK_URG == _ACK:
            flow = young.get(ends) or find(ends)
            if flow is not None:
                return _segment(frame, 54, total - 20, flow, sequence, acknowledgment, offset >> 4, flags, window)
        elif flags in _OPENINGS:
            return opening(frame, 54, total - 20, ends, (sequence, acknowledgment), offset >> 4, flags, window)
        return None

    def tcp_in_ipv6(frame: _Frame, wirelen: int) -> str | None:
        first, size, ends, sequence, acknowledgment, offset, flags, window = _TCP_IN_IPV6(frame)
        if first >> 4 != 6 or not 0 < size <= wirelen - 54:
            return None
        if flags & _SYN_ACK_URG == _ACK:
            flow = young.get(ends) or find(ends)
            if flow is not None:
                return _segment(frame, 74, size, flow, sequence, acknowledgment, offset >> 4, flags, window)
        elif flags in _OPENINGS:
            return opening(frame, 74, size, ends, (sequence, acknowledgment), offset >> 4, flags, window)
        return None

    def opening(
        frame: _Frame, at: int, size: int, ends: bytes, numbers: tuple[int, int], words: int, flags: int, window: int
    ) -> str | None:
        """A TCP segment with SYN, from which a connection is known if it has ACK, and no payload."""
        if size != 4 * words or words < _SHORT_TCP or len(frame) < at + size - 20:
            return None
        text = "" if words == _SHORT_TCP else _opening_options(bytes(frame[at : at + size - 20]))
        if text is None:
            return None
        sequence, acknowledgment = numbers
        if flags == _SYN:
            return f"{segment_start(ends)[0]}S], seq {sequence}, win {window}{text}, length 0"
        start = begin(flows, ends, sequence, acknowledgment).start
        return f"{start}S.], seq {sequence}, ack {acknowledgment}, win {window}{text}, length 0"

    in_ipv4: dict[int, Short] = {_TCP: tcp_in_ipv4, _UDP: _udp_in_ipv4, _ICMP: _ping_in_ipv4}
    in_ipv6: dict[int, Short] = {_TCP: tcp_in_ipv6, _UDP: _udp_in_ipv6, _ICMP6: _ping_in_ipv6}
    return short


def _segment(
    frame: _Frame,
    at: int,
    size: int,
    flow: Flow,
    sequence: int,
    acknowledgment: int,
    words: int,
    flags: int,
    window: int,
) -> str | None:
    """A TCP segment of ``size`` bytes with its header of so many words, the options of which would be ``at``."""
    options = ""
    if words == _STAMPED_TCP:
        kind, value, echo = _TIMESTAMPS(frame, at)
        if kind != _NOP_NOP_TIMESTAMPS:
            return None
        options = f", options [nop,nop,TS val {value} ecr {echo}]"
    elif words != _SHORT_TCP or len(frame) < at:
        return None
    length = size - 4 * words
    first, expected, start, application = flow
    sequence = sequence - first & _WORD_MASK
    acknowledgment = acknowledgment - expected & _WORD_MASK
    if length > 0:
        line = (
            f"{start}{FLAGS[flags]}], seq {sequence}:{sequence + length & _WORD_MASK}, ack {acknowledgment}, "
            f"win {window}{options}, length {length}"
        )
        if application is None:
            return line
        at += 4 * words - 20
        return line + application(bytes(frame[at : at + length]), length)
    if length < 0:
        return None
    place = f"seq {sequence}, " if flags & _FIN_RST else ""
    return f"{start}{FLAGS[flags]}], {place}ack {acknowledgment}, win {window}{options}, length 0"


@lru_cache(_MOST_TEXTS)
def _opening_options(data: bytes) -> str | None:
    """The options of a segment with SYN; None if they are damaged, or count from where the connection begins."""
    try:
        text = options(data, 0)
        return None if "sack " in text else text
    except (IndexError, struct.error, Malformed):
        return None


def _udp_in_ipv4(frame: _Frame, wirelen: int) -> str | None:
    total, fragment, ends, length = _UDP_IN_IPV4(frame)
    if fragment & _FRAGMENT_MASK or total > wirelen - 14 or not 8 <= length <= total - 20:
        return None
    start = _datagram_start(ends)
    return f"{start}{length - 8}" if start is not None else _question(frame, 42, ends, length - 8)


def _udp_in_ipv6(frame: _Frame, wirelen: int) -> str | None:
    first, size, ends, length = _UDP_IN_IPV6(frame)
    if first >> 4 != 6 or size > wirelen - 54 or not 8 <= length <= size:
        return None
    start = _datagram_start(ends)
    return f"{start}{length - 8}" if start is not None else _question(frame, 62, ends, length - 8)


def _question(frame: _Frame, at: int, ends: bytes, length: int) -> str | None:
    """A whole DNS message."""
    source, target = PAIR(ends, len(ends) - 4)
    if _DNS not in (source, target) or target in TUNNELS or len(frame) < at + length:
        return None
    line = Line(bytes(frame[at : at + length]), length)
    try:
        dns(line, multicast=MULTICAST_DNS in (source, target))
    except (IndexError, struct.error, Malformed):
        return None
    return f"{'IP' if len(ends) == _IPV4_ENDS else 'IP6'} {ends_text(ends)}{''.join(line.out)}"


@lru_cache(_MOST_TEXTS)
def _datagram_start(ends: bytes) -> str | None:
    """How lines about datagrams between these ends begin; None if there is more to say about them."""
    source, target = PAIR(ends, len(ends) - 4)
    if source in SPOKEN or target in SPOKEN:
        return None
    return f"{'IP' if len(ends) == _IPV4_ENDS else 'IP6'} {ends_text(ends)}UDP, length "


def _ping_in_ipv4(frame: _Frame, wirelen: int) -> str | None:
    total, fragment, pair, kind, identifier, sequence = _PING_IN_IPV4(frame)
    name = _PINGS.get(kind)
    if name is None or fragment & _FRAGMENT_MASK or not 28 <= total <= wirelen - 14:
        return None
    return f"{_pair_start(pair)}{name}, id {identifier}, seq {sequence}, length {total - 20}"


def _ping_in_ipv6(frame: _Frame, wirelen: int) -> str | None:
    first, size, pair, kind, identifier, sequence = _PING_IN_IPV6(frame)
    name = _PINGS6.get(kind)
    if name is None or first >> 4 != 6 or not 8 <= size <= wirelen - 54:
        return None
    return f"{_pair_start(pair)}{name}, id {identifier}, seq {sequence}, length {size}"


@lru_cache(_MOST_TEXTS)
def _pair_start(pair: bytes) -> str:
    """How lines begin that have addresses but no ports."""
    return f"{'IP' if len(pair) == _IPV4_ENDS - 4 else 'IP6'} {pair_text(pair)}"

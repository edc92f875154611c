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

# Ethernet, IPv4 and TCP: EtherType, version and header length, total length, flags and offset, protocol, both ends,
# sequence and acknowledgment number, data offset, flags, window.
_IN_IPV4: Final = Struct(">12xHBxH2xHxB2x12sIIBBH").unpack_from
# Ethernet, IPv6 and TCP: version, payload length, next header, both ends, and the same.
_IN_IPV6: Final = Struct(">14xBxxxHBx36sIIBBH").unpack_from
# The same as far as UDP and pings go.
_SMALL_IN_IPV6: Final = Struct(">14xBxxxHBx36sI").unpack_from
_TIMESTAMPS: Final = Struct(">III").unpack_from
_NOP_NOP_TIMESTAMPS: Final = 0x0101080A
_TAG_SIZE: Final = 4

_DNS: Final = 53
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
_MOST_TEXTS: Final = 1 << 14

Short = Callable[[_Frame, int], str | None]
"""The line about an Ethernet frame, as far as it was captured, and its length; None where the long way is needed."""


def everyday(flows: Flows) -> Short:
    """The short way, which counts TCP's sequence numbers as ``flows`` know."""
    young, find = flows.young, flows.find

    def short(frame: _Frame, wirelen: int) -> str | None:
        try:
            kind, first, total, fragment, protocol, ends, sequence, acknowledgment, offset, flags, window = _IN_IPV4(
                frame
            )
        except struct.error:
            return None
        if kind != _IPV4:
            return other(frame, wirelen, kind)
        if first != _PLAIN_HEADER or fragment & _FRAGMENT_MASK or total > wirelen - 14:
            return None
        if protocol == _TCP:
            if flags & _SYN_ACK_URG == _ACK:
                flow = young.get(ends) or find(ends)
                if flow is not None:
                    numbers = (sequence - flow[0] & _WORD_MASK, acknowledgment - flow[1] & _WORD_MASK)
                    return _segment(frame, 54, total - 20, flow, numbers, offset >> 4, flags, window)
            elif flags in _OPENINGS:
                return opening(frame, 54, total - 20, ends, (sequence, acknowledgment), offset >> 4, flags, window)
        elif protocol == _UDP:
            return _datagram(frame, 42, ends, total - 20, sequence >> 16)
        elif protocol == _ICMP:
            return _ping(ends[:8], _PINGS.get(ends[8]), total - 20, sequence)
        return None

    def other(frame: _Frame, wirelen: int, kind: int) -> str | None:
        if kind in _TAGS:
            return short(memoryview(frame)[_TAG_SIZE:], wirelen - _TAG_SIZE)
        if kind != _IPV6:
            return None
        try:
            first, size, protocol, ends, sequence, acknowledgment, offset, flags, window = _IN_IPV6(frame)
        except struct.error:
            return _small6(frame, wirelen)
        if first >> 4 != 6 or not 0 < size <= wirelen - 54:
            return None
        if protocol == _TCP and flags & _SYN_ACK_URG == _ACK:
            flow = young.get(ends) or find(ends)
            if flow is not None:
                numbers = (sequence - flow[0] & _WORD_MASK, acknowledgment - flow[1] & _WORD_MASK)
                return _segment(frame, 74, size, flow, numbers, offset >> 4, flags, window)
        if protocol == _TCP and flags in _OPENINGS:
            return opening(frame, 74, size, ends, (sequence, acknowledgment), offset >> 4, flags, window)
        return _message6(frame, protocol, ends, size, sequence)

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

    return short


def _segment(
    frame: _Frame, at: int, size: int, flow: Flow, numbers: tuple[int, int], words: int, flags: int, window: int
) -> str | None:
    """A TCP segment of ``size`` bytes with its header of so many words, the options of which would be ``at``."""
    options = ""
    if words == _STAMPED_TCP:
        if len(frame) < at + 12:
            return None
        kind, value, echo = _TIMESTAMPS(frame, at)
        if kind != _NOP_NOP_TIMESTAMPS:
            return None
        options = f", options [nop,nop,TS val {value} ecr {echo}]"
    elif words != _SHORT_TCP or len(frame) < at:
        return None
    length = size - 4 * words
    _, _, start, application = flow
    sequence, acknowledgment = numbers
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


def _datagram(frame: _Frame, at: int, ends: bytes, size: int, length: int) -> str | None:
    """A UDP datagram that says it has ``length`` bytes, and for which there are ``size``; its payload is ``at``."""
    if not 8 <= length <= size:
        return None
    start = _datagram_start(ends)
    return f"{start}{length - 8}" if start is not None else _question(frame, at, ends, length - 8)


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


def _ping(pair: bytes, name: str | None, size: int, numbers: int) -> str | None:
    """An echo request or reply of ``size`` bytes, if it has a name; ``numbers`` are identifier and sequence number."""
    if name is None or size < 8:
        return None
    return f"{_pair_start(pair)}{name}, id {numbers >> 16}, seq {numbers & 0xFFFF}, length {size}"


@lru_cache(_MOST_TEXTS)
def _pair_start(pair: bytes) -> str:
    """How lines begin that have addresses but no ports."""
    return f"{'IP' if len(pair) == _IPV4_ENDS - 4 else 'IP6'} {pair_text(pair)}"


def _small6(frame: _Frame, wirelen: int) -> str | None:
    """A frame of IPv6 that has fewer bytes than TCP has."""
    try:
        first, size, protocol, ends, word = _SMALL_IN_IPV6(frame)
    except struct.error:
        return None
    return _message6(frame, protocol, ends, size, word) if first >> 4 == 6 and 0 < size <= wirelen - 54 else None


def _message6(frame: _Frame, protocol: int, ends: bytes, size: int, word: int) -> str | None:
    """What is not TCP in an IPv6 packet with so many bytes behind its header; ``word`` is behind both ends."""
    if protocol == _UDP:
        return _datagram(frame, 62, ends, size, word >> 16)
    return _ping(ends[:32], _PINGS6.get(ends[32]), size, word) if protocol == _ICMP6 else None

"""The TCP part of a summary (RFC 9293): flags, sequence numbers, window, options and the payload's length."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Final

from cbpf.capture.summary.applications import APPLICATIONS, Application
from cbpf.capture.summary.flows import Flow, Flows, reversed_ends
from cbpf.capture.summary.line import PAIR, SHORT, Line, Malformed, ends_text

_HEADER: Final = Struct(">4xIIBBHxxH").unpack_from
_FIN_SYN_RST, _SYN, _ACK, _URG = 0x07, 0x02, 0x10, 0x20
_IPV4_ENDS: Final = 12  # bytes of two addresses and two ports
_WORD_MASK: Final = 0xFFFFFFFF

# The letters tcpdump shows, by bit from the lowest: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR.
_FLAG_LETTERS: Final = "FSRP.UEW"
FLAGS: Final = tuple(
    "".join(letter for bit, letter in enumerate(_FLAG_LETTERS) if flags >> bit & 1) or "none" for flags in range(256)
)
"""The flags as a line shows them, by the byte they are in."""

_END, _NO_OPERATION, _SACK = 0, 1, 5


def tcp(line: Line) -> None:
    """A TCP segment."""
    start = line.at
    source, target = line.ports()
    sequence, acknowledgment, offset, flags, window, urgent = _HEADER(line.data, start)
    header = (offset >> 4) * 4
    if line.quick:
        line.out.append(f"tcp {line.length - header}")
        if not 20 <= header <= line.length:
            raise Malformed
        return
    line.out.append(f"Flags [{FLAGS[flags]}]")
    if not 20 <= header <= line.length:
        raise Malformed
    line.skip(header)
    known = _counted_from(line, start, (sequence, acknowledgment, flags)) if flags & _ACK else None
    if known is not None and not known[1]:
        sequence, acknowledgment = (sequence - known[0].sequence), (acknowledgment - known[0].acknowledgment)
    if line.length or flags & _FIN_SYN_RST:
        end = f":{sequence + line.length & _WORD_MASK}" if line.length else ""
        line.out.append(f", seq {sequence & _WORD_MASK}{end}")
    if flags & _ACK:
        line.out.append(f", ack {acknowledgment & _WORD_MASK}")
    line.out.append(f", win {window}")
    if flags & _URG:
        line.out.append(f", urg {urgent}")
    if header > 20:
        if len(line.data) < start + header:
            raise IndexError
        line.out.append(options(line.data[start + 20 : start + header], known[0].acknowledgment if known else 0))
    line.out.append(f", length {line.length}")
    application = APPLICATIONS.get(source) or APPLICATIONS.get(target)
    if line.length and application is not None:
        line.out.append(application(line.data[line.at :], line.length))


def _counted_from(line: Line, at: int, segment: tuple[int, int, int]) -> tuple[Flow, bool] | None:
    """What to count a segment with an acknowledgment from, and whether that has just begun; None if from zero.

    ``segment`` is its sequence number, acknowledgment number and flags.
    """
    sequence, acknowledgment, flags = segment
    if line.flows is None:
        return None
    line.repeats = False
    ends = line.pair + line.data[at : at + 4]
    known = None if flags & _SYN else line.flows.find(ends)
    if known is not None:
        return known, False
    return begin(line.flows, ends, sequence, acknowledgment), True


def begin(flows: Flows, ends: bytes, sequence: int, acknowledgment: int) -> Flow:
    """Know a connection by a segment, whose acknowledgment is one more than where the other direction begins."""
    base = acknowledgment - 1 & _WORD_MASK
    flow = _flow(ends, sequence, base)
    flows.begin(ends, flow, _flow(reversed_ends(ends), base, sequence))
    return flow


def _flow(ends: bytes, sequence: int, acknowledgment: int) -> Flow:
    return Flow(sequence, acknowledgment, *segment_start(ends))


@lru_cache(maxsize=1 << 14)
def segment_start(ends: bytes) -> tuple[str, Application | None]:
    """How lines about segments between these ends begin, and what finds words about their payload."""
    source, target = PAIR(ends, len(ends) - 4)
    application = APPLICATIONS.get(source) or APPLICATIONS.get(target)
    return f"{'IP' if len(ends) == _IPV4_ENDS else 'IP6'} {ends_text(ends)}Flags [", application


@lru_cache(maxsize=4096)
def options(data: bytes, base: int) -> str:
    """Options of a header, as lines have them. SACK blocks are counted from ``base``.

    Raises Malformed or IndexError if their lengths contradict each other.
    """
    at, end = 0, len(data)
    found = []
    kind = _NO_OPERATION
    while at < end and kind != _END:
        kind = data[at]
        size = 1 if kind in (_END, _NO_OPERATION) else data[at + 1]
        if size < 1 + (kind > _NO_OPERATION) or at + size > end:
            raise Malformed
        found.append(_option(kind, data[at + 2 : at + size], base))
        at += size
    return f", options [{','.join(found)}]"


def _option(kind: int, body: bytes, base: int) -> str:
    name, size, show = _OPTIONS.get(kind, (f"unknown-{kind}", None, _nothing if not body else _hexadecimal))
    if size is not None and len(body) != size:
        raise Malformed
    return f"{name}{show(body, base)}"


def _nothing(body: bytes, base: int) -> str:
    return ""


def _hexadecimal(body: bytes, base: int) -> str:
    return f" 0x{body.hex()}"


def _number(body: bytes, base: int) -> str:
    return f" {int.from_bytes(body, 'big')}"


def _timestamps(body: bytes, base: int) -> str:
    return " val {} ecr {}".format(*Struct(">II").unpack(body))


def _sack(body: bytes, base: int) -> str:
    if len(body) % 8:
        raise Malformed
    blocks = Struct(">II").iter_unpack(body)
    return f" {len(body) // 8} " + "".join(
        f"{{{first - base & _WORD_MASK}:{last - base & _WORD_MASK}}}" for first, last in blocks
    )


def _user_timeout(body: bytes, base: int) -> str:
    (value,) = SHORT(body, 0)
    return f" {value & 0x7FFF}{' min' if value & 0x8000 else ' sec'}"


# By kind: the name, the length of its value in bytes if that is fixed, and how to show that.
_OPTIONS: Final[dict[int, tuple[str, int | None, Callable[[bytes, int], str]]]] = {
    0: ("eol", None, _nothing),
    1: ("nop", None, _nothing),
    2: ("mss", 2, _number),
    3: ("wscale", 1, _number),
    4: ("sackOK", 0, _nothing),
    5: ("sack", None, _sack),
    8: ("TS", 8, _timestamps),
    19: ("md5", None, _hexadecimal),
    28: ("uto", 2, _user_timeout),
    30: ("mptcp", None, _hexadecimal),
    34: ("tfo", None, _hexadecimal),
}

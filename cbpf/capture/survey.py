"""What is noted of every packet in a survey: kernels, that is, what LLVM can compile too.

``survey`` is called for each packet and ``survey_match`` for each filter that matches it. Both work on one buffer,
whose fields are below: sums, a timeline, a timeline of each filter, and a table of flows. A flow is what has the same
ends and the same headers, in both directions; talkers, conversations, ports and protocols are sums over flows.

A timeline has a room for each interval of 2**SHIFT nanoseconds, in turns: it lasts as long as the packets between FIRST
and LAST have rooms of their own. Flows stand one behind the other, and an index of hashes leads to them. Where
something has no room left, nothing is noted and FULL returned: whoever called empties the buffer and calls again.

What is known of the packet at hand, from PATH to KEY, is put there by ``cbpf.capture.headers``.
"""

from __future__ import annotations

from cbpf.capture.headers import (
    BITS,
    ENDS,
    FOLLOWS,
    IPV4,
    IPV6,
    PATH,
    PROTOCOL,
    RECEIVER,
    RECEIVER_PORT,
    SENDER,
    SENDER_PORT,
    V6,
    survey_head,
    survey_ipv4,
    survey_ipv6,
    survey_tags,
)
from cbpf.engine.kernel import Buffer, load64, store64

NOTED = 0
FULL = 1

TIMES = 512  # intervals of the timeline
FILTER_TIMES = 64  # and of that of a filter
FILTER_WIDER = 3  # a filter's intervals are 2**3 times as wide
FINEST = 20  # SHIFT to begin with: about a millisecond
MOST_FLOWS = 16384
CLASSES = 8  # of packet sizes; they begin at SIZES of ``cbpf.triage.result``

# The buffer: byte offsets of its fields.
SEED = 0  # of the hashes, which nobody can foresee
PACKETS = 8
BYTES = 16  # on the network
CAPTURED = 24  # bytes in the file
FIRST = 32  # time in nanoseconds
LAST = 40
BEFORE = 48  # time of the packet before
DISORDER = 56  # packets that are earlier than the one before
SHIFT = 64
PENDING = 72  # time of the packet for which there was no room
FLOWS = 80
KEY = 160  # six words
SIZES = 208
TIMELINE = SIZES + 8 * CLASSES  # packets and bytes of each interval
INDEX = TIMELINE + 16 * TIMES
INDEX_SLOTS = 32768
TABLE = INDEX + 8 * INDEX_SLOTS

# A flow: byte offsets. Its key is in front. A is the end whose address is less.
FLOW_PACKETS = 48  # from A to B, and bytes
FLOW_BACK = 64  # from B to A, and bytes
FLOW_FIRST = 80
FLOW_LAST = 88
FLOW_BEGUN = 96  # 1 if the first packet went from B to A
FLOW_SIZE = 104

FILTERS = TABLE + MOST_FLOWS * FLOW_SIZE  # timelines of filters
FILTER_SIZE = 16 * FILTER_TIMES

_MOST_PROBES = 64
_HALF = 0xFFFFFFFF
_MULTIPLIER = 0x9E3779B1  # odd, and far from a pattern: 2**32 divided by the golden ratio
_OTHER_MULTIPLIER = 0x85EBCA77


def survey(out: Buffer, data: Buffer, start: int, caplen: int, wirelen: int, time: int, layout: int) -> int:
    """Note a packet, if there is room for it.

    ``layout`` is the number of the link type, then ``first``, ``skip``, and how a packet begins: 16, 24, 8, 8 bits.
    """
    first = load64(out, FIRST)
    last = load64(out, LAST)
    if load64(out, PACKETS) == 0:
        first = time
        last = time
    first = time if time < first else first
    last = time if time > last else last
    shift = load64(out, SHIFT)
    wide = shift + FILTER_WIDER
    if (last >> wide) - (first >> wide) >= FILTER_TIMES:
        store64(out, PENDING, time)
        return FULL
    back = survey_key(out, data, start, start + caplen, layout)
    flow = survey_find(out)
    if flow == 0:
        store64(out, PENDING, time)
        return FULL
    survey_flow(out, flow, back, wirelen, time)
    if time < load64(out, BEFORE):
        store64(out, DISORDER, load64(out, DISORDER) + 1)
    store64(out, BEFORE, time)
    store64(out, FIRST, first)
    store64(out, LAST, last)
    store64(out, PACKETS, load64(out, PACKETS) + 1)
    store64(out, BYTES, load64(out, BYTES) + wirelen)
    store64(out, CAPTURED, load64(out, CAPTURED) + caplen)
    survey_add(out, TIMELINE + 16 * ((time >> shift) % TIMES), wirelen)
    size = SIZES + 8 * survey_class(wirelen)
    store64(out, size, load64(out, size) + 1)
    return NOTED


def survey_match(out: Buffer, number: int, wirelen: int, time: int) -> int:
    """Note that a packet, which has been noted, matches the filter with a number."""
    interval = (time >> load64(out, SHIFT) + FILTER_WIDER) % FILTER_TIMES
    return survey_add(out, FILTERS + number * FILTER_SIZE + 16 * interval, wirelen)


def survey_add(out: Buffer, at: int, wirelen: int) -> int:
    """One packet more, and its bytes."""
    store64(out, at, load64(out, at) + 1)
    store64(out, at + 8, load64(out, at + 8) + wirelen)
    return 0


def survey_class(wirelen: int) -> int:
    """The class of packet sizes; see SIZES of ``cbpf.triage.result``."""
    small = (1 if wirelen >= 64 else 0) + (1 if wirelen >= 128 else 0) + (1 if wirelen >= 256 else 0)
    middle = (1 if wirelen >= 512 else 0) + (1 if wirelen >= 1024 else 0)
    return small + middle + (1 if wirelen >= 1519 else 0) + (1 if wirelen >= 9001 else 0)


# Flows.


def survey_find(out: Buffer) -> int:
    """Where the flow of KEY stands; it is made if there is none. 0 if there is no room."""
    mixed = survey_hash(out)
    tag = mixed >> 32
    slot = mixed % INDEX_SLOTS
    probes = 0
    while probes < _MOST_PROBES:
        word = load64(out, INDEX + 8 * slot)
        if word == 0:
            return survey_made(out, slot, tag)
        if word >> 32 == tag:
            flow = TABLE + ((word & _HALF) - 1) * FLOW_SIZE
            if survey_same(out, flow):
                return flow
        slot = (slot + 1) % INDEX_SLOTS
        probes += 1
    return 0


def survey_made(out: Buffer, slot: int, tag: int) -> int:
    """A new flow without packets, with its place in the index. 0 if there is no room."""
    number = load64(out, FLOWS)
    if number == MOST_FLOWS:
        return 0
    store64(out, FLOWS, number + 1)
    store64(out, INDEX + 8 * slot, tag << 32 | number + 1)
    flow = TABLE + number * FLOW_SIZE
    word = 0
    while word < FLOW_SIZE:
        store64(out, flow + word, load64(out, KEY + word) if word < FLOW_PACKETS else 0)
        word += 8
    return flow


def survey_same(out: Buffer, flow: int) -> int:
    """Whether a flow is the one of KEY."""
    if load64(out, flow) != load64(out, KEY) or load64(out, flow + 8) != load64(out, KEY + 8):
        return 0
    word = 0
    while word < FLOW_PACKETS:
        if load64(out, flow + word) != load64(out, KEY + word):
            return 0
        word += 8
    return 1


def survey_hash(out: Buffer) -> int:
    """A number that depends on all of KEY."""
    mixed = survey_mixed(load64(out, SEED) ^ load64(out, KEY))
    mixed = survey_mixed(mixed ^ load64(out, KEY + 8))
    mixed = survey_mixed(mixed ^ load64(out, KEY + 24))
    mixed = survey_mixed(mixed ^ load64(out, KEY + 40))
    if load64(out, ENDS) & 3 == V6:
        mixed = survey_mixed(mixed ^ load64(out, KEY + 16))
        mixed = survey_mixed(mixed ^ load64(out, KEY + 32))
    return mixed ^ mixed >> 29


def survey_mixed(number: int) -> int:
    """Another number of 64 bits; nothing of the first one is lost in it that matters."""
    mixed = (number & _HALF) * _MULTIPLIER ^ (number >> 32) * _OTHER_MULTIPLIER
    return mixed ^ mixed >> 32


def survey_flow(out: Buffer, flow: int, back: int, wirelen: int, time: int) -> int:
    """A packet more of a flow: from A to B, or ``back``."""
    if load64(out, flow + FLOW_PACKETS) == 0 and load64(out, flow + FLOW_BACK) == 0:
        store64(out, flow + FLOW_FIRST, time)
        store64(out, flow + FLOW_LAST, time)
        store64(out, flow + FLOW_BEGUN, back)
    survey_add(out, flow + (FLOW_BACK if back else FLOW_PACKETS), wirelen)
    if time < load64(out, flow + FLOW_FIRST):
        store64(out, flow + FLOW_FIRST, time)
        store64(out, flow + FLOW_BEGUN, back)
    if time > load64(out, flow + FLOW_LAST):
        store64(out, flow + FLOW_LAST, time)
    return 0


# What a packet is.


def survey_key(out: Buffer, data: Buffer, start: int, end: int, layout: int) -> int:
    """Put into KEY what a packet is and whose. 1 if it goes from B to A."""
    word = PATH
    while word < KEY:
        store64(out, word, 0)
        word += 8
    follows = survey_head(out, data, start + (layout >> 8 & 0xFF), end, layout & 0xFF, layout >> 16 & 0xFFFFFF)
    follows = survey_tags(out, data, follows, end)
    kind = follows & FOLLOWS
    if kind == IPV4:
        survey_ipv4(out, data, follows >> BITS, end)
    elif kind == IPV6:
        survey_ipv6(out, data, follows >> BITS, end)
    sender = load64(out, SENDER_PORT)
    receiver = load64(out, RECEIVER_PORT)
    back = survey_is_back(out, sender, receiver)
    ports = receiver << 16 | sender if back else sender << 16 | receiver
    store64(out, KEY, layout >> 48 << 48 | (kind & 0xFFFF) << 32 | ports)
    store64(out, KEY + 8, load64(out, PATH) << 16 | load64(out, PROTOCOL) << 8 | load64(out, ENDS))
    a = RECEIVER if back else SENDER
    b = SENDER if back else RECEIVER
    store64(out, KEY + 16, load64(out, a))
    store64(out, KEY + 24, load64(out, a + 8))
    store64(out, KEY + 32, load64(out, b))
    store64(out, KEY + 40, load64(out, b + 8))
    return back


def survey_is_back(out: Buffer, sender: int, receiver: int) -> int:
    """Whether the sender is the end with the greater address, or if they are the same, with the greater port."""
    if load64(out, SENDER) != load64(out, RECEIVER):
        return 1 if load64(out, SENDER) > load64(out, RECEIVER) else 0
    if load64(out, SENDER + 8) != load64(out, RECEIVER + 8):
        return 1 if load64(out, SENDER + 8) > load64(out, RECEIVER + 8) else 0
    return 1 if sender > receiver else 0

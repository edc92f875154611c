"""Walking over the records of a savefile in memory: kernels, that is, what LLVM can compile too.

``scan`` goes from record to record, asks ``judge`` about each packet, and puts those that match into ``out``. It stops
at whatever is not plain, or not whole in memory, and says why. ``find`` goes to where a record seems to begin. The
buffers they are given:

* ``state``: numbers of 64 bits, the fields of ``State``;
* ``data``: the part of the savefile that is in memory;
* ``sources``: for every interface the fields of ``Source``;
* ``out``: room for what matches, in the form that ``OUTPUT`` says;
* ``rows``: with the output DATA the fields of ``Row`` for every packet, else what is counted of each filter.

Given when they are compiled: ``judge``, ``read_at``, ``PCAPNG_INPUT`` (whether the file is one), ``SWAPPED`` (whether
it has the other byte order), ``HEADER`` (bytes of a pcap record before the packet), ``OUTPUT``, ``WORDS`` (of 64 bits,
for a set of filters; 0 for a single one), ``CHOOSING`` (whether packets are chosen by time, number or sample), and
``SURVEYING`` (whether all packets are noted in ``out``, as ``cbpf.capture.survey`` does; the output is COUNT then).

With a set of filters and the output PCAP or PCAPNG, ``out`` has room for each filter: SIZE bytes, one after the other.
"""

from __future__ import annotations

from cbpf.capture.survey import NOTED, survey, survey_match
from cbpf.engine.kernel import Buffer, copy, load32, load64, lowest_bit, store32, store64, swap32

# Why a walk ended.
STARVED = 0  # the next record is not whole in memory
STOPPED = 1  # the next record begins where it was to stop
ODD = 2  # the next record is not a plain packet: it wants a closer look
FULL = 3  # the next packet that matches, or is noted, does not fit into ``out`` or ``rows``
LIMITED = 4  # enough packets have matched
ENDLESS = 5  # a program did not end
PAUSED = 6  # the budget is spent

# What is made of packets that match.
COUNT = 0  # nothing
DATA = 1  # their bytes, and a row about each
PCAP = 2  # records of a pcap file
PCAPNG = 3  # Enhanced Packet Blocks

# State: byte offsets of its fields.
POSITION = 0  # in ``data``, of the next record
END = 8  # of what is in ``data``
STOP = 16  # where no record is to be begun any more
SEEN = 24  # packets, so far
FOUND = 32  # those of them that match
LIMIT = 40  # how many are to match, at least 1
USED = 48  # bytes of ``out``
SIZE = 56  # bytes that ``out`` has
ROWS = 64  # rows that are used
MOST_ROWS = 72
INTERFACES = 80  # sources there are
LARGEST_BLOCK = 88  # bytes that a block may have
BASE = 96  # offset of ``data`` in the file
CAPACITY = 104  # bytes that ``data`` has
DESCRIPTOR = 112  # of the file, to be read from here; NOWHERE if it is not
BUDGET = 120  # bytes that may be read before somebody else has a say
NUMBER = 128  # packets of the file before those of this walk
FIRST = 136  # number of a packet that may match, from 1
LAST = 144
AFTER = 152  # nanoseconds: times of packets that may match
BEFORE = 160
EVERY = 168  # one of so many that match is taken
PHASE = 176  # how many that match are passed over before the next is taken
KEEP = 184  # bytes of a packet that are kept by a set of filters
STATE_SIZE = 192

NOWHERE = 0xFFFFFFFFFFFFFFFF

# Source: byte offsets of its fields.
BEYOND = 0  # one more than the longest packet; 0 if every packet of it wants a closer look
WHICH = 8  # program judges its packets
UNITS = 16  # of time, in a second
NANOSECONDS = 24  # in a unit of time
OFFSET = 32  # seconds to be added
OUT_NANOSECONDS = 40  # in a unit of time of the output
OUT_NUMBER = 48  # of the interface in the output; what a survey is told about its packets
LATEST = 56  # units of time: of later packets the nanoseconds need more than 64 bits
SOURCE_SIZE = 64

# Row: byte offsets of its fields. A set of filters has the bits of those that matched behind them.
ROW_OFFSET = 0  # in the file, of the packet's record
ROW_TIME = 8  # nanoseconds
ROW_PLACE = 16  # in ``out``, of the packet's bytes
ROW_KEPT = 24  # bytes of it there
ROW_WIRELEN = 32
ROW_SOURCE = 40
ROW_VERDICT = 48
ROW_SIZE = 56

# What is counted of a filter: byte offsets. The bits of those that matched a packet are in front of all.
TALLY_PACKETS = 0
TALLY_BYTES = 8
TALLY_FIRST = 16  # time in nanoseconds
TALLY_LAST = 24
TALLY_USED = 32  # bytes of the room in ``out`` that the filter has
TALLY_PUT = 40  # packets there
TALLY_SIZE = 48

_ENHANCED_PACKET = 6
_INTERFACE_DESCRIPTION = 1
_OBSOLETE_PACKET = 2
_SIMPLE_PACKET = 3
_SECTION_HEADER = 0x0A0D0D0A
_LARGEST_VERDICT = 0xFFFFFFFF
_SECOND = 1_000_000_000  # nanoseconds
_PCAP_OVERHEAD = 16
_BLOCK_OVERHEAD = 32
_LEAST_BLOCK = 12
_ROOM = 40  # bytes that a packet may take in the output on top of its own

# Given for the types' sake: the values are those of each walk.
PCAPNG_INPUT = 0
SWAPPED = 0
HEADER = 16
OUTPUT = COUNT
WORDS = 0
CHOOSING = 0
SURVEYING = 0


def judge(data: Buffer, start: int, caplen: int, wirelen: int, readable: int, which: int, rows: Buffer) -> int:
    """The verdict on a packet, or more than any verdict if a program does not end.

    From ``start`` on ``readable`` bytes are in memory, which may be more than the packet's.

    Of a set of filters it is 1 if one matches; the bits of those that do are put in front of ``rows``.
    """
    raise NotImplementedError


def read_at(descriptor: int, data: Buffer, place: int, count: int, offset: int) -> int:
    """Read up to ``count`` bytes at an offset of a file; how many there were, NOWHERE if it failed."""
    raise NotImplementedError


def scan(state: Buffer, data: Buffer, sources: Buffer, out: Buffer, rows: Buffer) -> int:
    """Walk, read on, and so forth."""
    while True:
        if PCAPNG_INPUT:
            status = _walk_pcapng(state, data, sources, out, rows)
        else:
            status = _walk_pcap(state, data, sources, out, rows)
        if status != STARVED:
            return status
        status = _read_on(state, data)
        if status != STARVED:
            return status if status == PAUSED else STARVED


def _read_on(state: Buffer, data: Buffer) -> int:
    """Bring more of the file into memory: STARVED if the walk may go on, PAUSED if not yet, FULL if it cannot."""
    position = load64(state, POSITION)
    end = load64(state, END)
    left = end - position
    capacity = load64(state, CAPACITY)
    if load64(state, DESCRIPTOR) == NOWHERE or 2 * left > capacity:
        return FULL
    if load64(state, BUDGET) == 0:
        return PAUSED
    copy(data, 0, data, position, left)
    base = load64(state, BASE) + position
    store64(state, BASE, base)
    store64(state, POSITION, 0)
    store64(state, END, left)
    stop = load64(state, STOP)
    if stop != NOWHERE:
        store64(state, STOP, stop - position if stop > position else 0)
    count = read_at(load64(state, DESCRIPTOR), data, left, capacity - left, base + left)
    if count in (0, NOWHERE):
        return FULL
    store64(state, END, left + count)
    budget = load64(state, BUDGET)
    store64(state, BUDGET, budget - count if budget > count else 0)
    return STARVED


def _walk_pcap(state: Buffer, data: Buffer, sources: Buffer, out: Buffer, rows: Buffer) -> int:
    position = load64(state, POSITION)
    end = load64(state, END)
    stop = load64(state, STOP)
    beyond = load64(sources, BEYOND)
    which = load64(sources, WHICH)
    limit = load64(state, LIMIT)
    seen = 0
    found = load64(state, FOUND)
    status = STARVED
    while position < stop and position + HEADER <= end:
        caplen = _word(data, position + 8)
        wirelen = _word(data, position + 12)
        start = position + HEADER
        if caplen >= beyond:
            status = ODD
            break
        if start + caplen > end:
            break
        verdict = judge(data, start, caplen, wirelen, end - start, which, rows)
        if verdict > _LARGEST_VERDICT:
            status = ENDLESS
            break
        if SURVEYING:
            ticks = _word(data, position) * load64(sources, UNITS) + _word(data, position + 4)
            if _note(sources, 0, ticks, data, start, caplen, wirelen, out) == FULL:
                return _left(state, position, stop, seen, found, FULL)
        if OUTPUT == COUNT and WORDS == 0 and CHOOSING == 0:
            found += 1 if verdict > 0 else 0  # without a jump, which the processor might not foresee
            status = LIMITED if found == limit else STARVED
        elif verdict > 0:
            kept = _kept(state, caplen, verdict)
            time = _word(data, position)
            part = _word(data, position + 4)
            status = _match(
                state, sources, 0, verdict, position, seen, time, part, data, start, kept, wirelen, out, rows
            )
            if status == FULL:
                break
        seen += 1
        position = start + caplen
        if status == LIMITED or (CHOOSING and _number(state, seen) >= load64(state, LAST)):
            status = LIMITED
            break
    return _left(state, position, stop, seen, found, status)


def _walk_pcapng(state: Buffer, data: Buffer, sources: Buffer, out: Buffer, rows: Buffer) -> int:
    position = load64(state, POSITION)
    end = load64(state, END)
    stop = load64(state, STOP)
    interfaces = load64(state, INTERFACES)
    largest = load64(state, LARGEST_BLOCK)
    limit = load64(state, LIMIT)
    seen = 0
    found = load64(state, FOUND)
    status = STARVED
    while position < stop and position + _BLOCK_OVERHEAD <= end:
        length = _word(data, position + 4)
        following = position + length
        if _misshapen(data, length, following, end, largest):
            status = ODD
            break
        if following > end:
            break
        block = _word(data, position)
        if block not in (_ENHANCED_PACKET, _INTERFACE_DESCRIPTION, _OBSOLETE_PACKET, _SIMPLE_PACKET, _SECTION_HEADER):
            position = following
            continue
        number = _word(data, position + 8)
        caplen = _word(data, position + 20)
        wirelen = _word(data, position + 24)
        source = number * SOURCE_SIZE
        ticks = _word(data, position + 12) << 32 | _word(data, position + 16)
        if (
            block != _ENHANCED_PACKET
            or number >= interfaces
            or caplen + _BLOCK_OVERHEAD > length
            or caplen >= load64(sources, source + BEYOND)
            or ticks > load64(sources, source + LATEST)
        ):
            status = ODD
            break
        start = position + 28
        verdict = judge(data, start, caplen, wirelen, end - start, load64(sources, source + WHICH), rows)
        if verdict > _LARGEST_VERDICT:
            status = ENDLESS
            break
        if SURVEYING and _note(sources, source, ticks, data, start, caplen, wirelen, out) == FULL:
            return _left(state, position, stop, seen, found, FULL)
        if OUTPUT == COUNT and WORDS == 0 and CHOOSING == 0:
            found += 1 if verdict > 0 else 0  # without a jump, which the processor might not foresee
            status = LIMITED if found == limit else STARVED
        elif verdict > 0:
            kept = _kept(state, caplen, verdict)
            time = ticks // load64(sources, source + UNITS) + load64(sources, source + OFFSET)
            part = ticks % load64(sources, source + UNITS)
            status = _match(
                state, sources, source, verdict, position, seen, time, part, data, start, kept, wirelen, out, rows
            )
            if status == FULL:
                break
        seen += 1
        position = following
        if status == LIMITED or (CHOOSING and _number(state, seen) >= load64(state, LAST)):
            status = LIMITED
            break
    return _left(state, position, stop, seen, found, status)


def _note(
    sources: Buffer,
    source: int,
    ticks: int,
    data: Buffer,
    start: int,
    caplen: int,
    wirelen: int,
    out: Buffer,
) -> int:
    """Note a packet in a survey, so many units of time after the source's offset. FULL if there is no room."""
    time = load64(sources, source + OFFSET) * _SECOND + ticks * load64(sources, source + NANOSECONDS)
    noted = survey(out, data, start, caplen, wirelen, time, load64(sources, source + OUT_NUMBER))
    return STARVED if noted == NOTED else FULL


def _misshapen(data: Buffer, length: int, following: int, end: int, largest: int) -> int:
    """Whether a block cannot have such a length, or has another one at its end, if that is there."""
    if length < _LEAST_BLOCK or length & 3 or length > largest:
        return 1
    return 1 if following <= end and _word(data, following - 4) != length else 0


def _left(state: Buffer, position: int, stop: int, seen: int, found: int, status: int) -> int:
    """Note how far a walk has come, and say why it ended."""
    store64(state, POSITION, position)
    store64(state, SEEN, load64(state, SEEN) + seen)
    if OUTPUT == COUNT and WORDS == 0 and CHOOSING == 0:
        store64(state, FOUND, found)
    return STOPPED if status == STARVED and position >= stop else status


# Where a walk may begin in the middle of a file.

_CHAIN = 5  # records in a row that look like some
_LONGEST_GAP = 0x20000  # seconds between two packets that come one after the other
_LONGEST_PACKET = 0x40000  # bytes on the network, of packets that look like some


def find(state: Buffer, data: Buffer, sources: Buffer, out: Buffer, rows: Buffer) -> int:
    """Move POSITION to where a record or a block seems to begin. ODD if none does."""
    position = load64(state, POSITION)
    end = load64(state, END)
    least = _BLOCK_OVERHEAD if PCAPNG_INPUT else HEADER
    step = 4 if PCAPNG_INPUT else 1  # blocks are multiples of four bytes, and so is where a section begins
    while position + least <= end:
        if PCAPNG_INPUT:
            found = _looks_like_pcapng(data, position, end, load64(state, INTERFACES), load64(state, LARGEST_BLOCK))
        else:
            found = _looks_like_pcap(data, position, end, load64(sources, BEYOND), load64(sources, UNITS))
        if found:
            store64(state, POSITION, position)
            return STARVED
        position += step
    return ODD


def _looks_like_pcap(data: Buffer, position: int, end: int, beyond: int, units: int) -> int:
    count = 0
    before = _word(data, position)
    while count < _CHAIN and position + HEADER <= end:
        seconds = _word(data, position)
        caplen = _word(data, position + 8)
        wirelen = _word(data, position + 12)
        if caplen == 0 or caplen >= beyond or caplen > wirelen or wirelen > _LONGEST_PACKET:
            return 0
        if _word(data, position + 4) >= units or seconds > before + _LONGEST_GAP or before > seconds + _LONGEST_GAP:
            return 0
        before = seconds
        position += HEADER + caplen
        count += 1
    return 1


def _looks_like_pcapng(data: Buffer, position: int, end: int, interfaces: int, largest: int) -> int:
    count = 0
    while count < _CHAIN and position + _BLOCK_OVERHEAD <= end:
        length = _word(data, position + 4)
        if _word(data, position) != _ENHANCED_PACKET or _word(data, position + 8) >= interfaces:
            return 0
        if length < _BLOCK_OVERHEAD or length & 3 or length > largest:
            return 0
        if position + length <= end and _word(data, position + length - 4) != length:
            return 0
        position += length
        count += 1
    return 1


def _word(data: Buffer, offset: int) -> int:
    """32 bits in the file's byte order."""
    value = load32(data, offset)
    return swap32(value) if SWAPPED else value


def _kept(state: Buffer, caplen: int, verdict: int) -> int:
    """How many bytes of a packet that matches are kept. A set has no say in that."""
    most = load64(state, KEEP) if WORDS > 0 else verdict
    return caplen if caplen < most else most


def _match(
    state: Buffer,
    sources: Buffer,
    source: int,
    verdict: int,
    position: int,
    seen: int,
    seconds: int,
    fraction: int,
    data: Buffer,
    start: int,
    kept: int,
    wirelen: int,
    out: Buffer,
    rows: Buffer,
) -> int:
    """Take a packet that matches, unless it is not chosen.

    STARVED if all is well, LIMITED if it was the last. FULL if there is no room: then it is not taken.
    """
    if CHOOSING:
        time = seconds * _SECOND + fraction * load64(sources, source + NANOSECONDS)
        if _passed_over(state, _number(state, seen + 1), time):
            return STARVED
    if OUTPUT == DATA and load64(state, ROWS) == load64(state, MOST_ROWS):
        return FULL
    if OUTPUT != COUNT and _is_full(state, rows, kept):
        return FULL
    _take(state, sources, source, verdict, position, seconds, fraction, data, start, kept, wirelen, out, rows)
    if CHOOSING:
        store64(state, PHASE, load64(state, EVERY) - 1)
    store64(state, FOUND, load64(state, FOUND) + 1)
    return LIMITED if load64(state, FOUND) == load64(state, LIMIT) else STARVED


def _number(state: Buffer, seen: int) -> int:
    """The number in the file of a packet, of which so many have been seen in this walk, itself included."""
    return load64(state, NUMBER) + load64(state, SEEN) + seen


def _passed_over(state: Buffer, number: int, time: int) -> int:
    """Whether a packet that matches is not wanted: for its number or its time, or because it is not its turn."""
    if number < load64(state, FIRST) or number > load64(state, LAST):
        return 1
    if time < load64(state, AFTER) or time > load64(state, BEFORE):
        return 1
    phase = load64(state, PHASE)
    if phase == 0:
        return 0
    store64(state, PHASE, phase - 1)
    return 1


def _is_full(state: Buffer, rows: Buffer, kept: int) -> int:
    """Whether a packet might not fit into the output, or into that of one of the filters that match it."""
    size = load64(state, SIZE)
    if OUTPUT == DATA or WORDS == 0:
        return 1 if load64(state, USED) + kept + _ROOM > size else 0
    word = 0
    while word < WORDS:
        bits = load64(rows, 8 * word)
        while bits != 0:
            row = 8 * WORDS + (64 * word + lowest_bit(bits)) * TALLY_SIZE
            if load64(rows, row + TALLY_USED) + kept + _ROOM > size:
                return 1
            bits &= bits - 1
        word += 1
    return 0


def _take(
    state: Buffer,
    sources: Buffer,
    source: int,
    verdict: int,
    position: int,
    seconds: int,
    fraction: int,
    data: Buffer,
    start: int,
    kept: int,
    wirelen: int,
    out: Buffer,
    rows: Buffer,
) -> int:
    """Put a packet where the output wants it."""
    used = load64(state, USED)
    time = seconds * _SECOND + fraction * load64(sources, source + NANOSECONDS)
    if OUTPUT == DATA:
        row = load64(state, ROWS) * (ROW_SIZE + 8 * WORDS) + 8 * WORDS
        store64(rows, row + ROW_OFFSET, load64(state, BASE) + position)
        store64(rows, row + ROW_TIME, time)
        store64(rows, row + ROW_PLACE, used)
        store64(rows, row + ROW_KEPT, kept)
        store64(rows, row + ROW_WIRELEN, wirelen)
        store64(rows, row + ROW_SOURCE, source // SOURCE_SIZE)
        store64(rows, row + ROW_VERDICT, verdict)
        word = 0
        while word < WORDS:
            store64(rows, row + ROW_SIZE + 8 * word, load64(rows, 8 * word))
            word += 1
        store64(state, ROWS, load64(state, ROWS) + 1)
        copy(out, used, data, start, kept)
        store64(state, USED, used + kept)
    elif WORDS > 0:
        _take_for_each(state, sources, source, seconds, fraction, data, start, kept, wirelen, out, rows)
    elif OUTPUT != COUNT:
        store64(state, USED, _encode(sources, source, seconds, fraction, data, start, kept, wirelen, out, used))
    return 0


def _take_for_each(
    state: Buffer,
    sources: Buffer,
    source: int,
    seconds: int,
    fraction: int,
    data: Buffer,
    start: int,
    kept: int,
    wirelen: int,
    out: Buffer,
    rows: Buffer,
) -> int:
    """Count a packet for all filters that match it, and put it into the outputs that they have."""
    time = seconds * _SECOND + fraction * load64(sources, source + NANOSECONDS)
    word = 0
    while word < WORDS:
        bits = load64(rows, 8 * word)
        while bits != 0:
            number = 64 * word + lowest_bit(bits)
            row = 8 * WORDS + number * TALLY_SIZE
            _tally(rows, row, wirelen, time)
            if SURVEYING:
                survey_match(out, number, wirelen, time)
            if OUTPUT != COUNT:
                begin = number * load64(state, SIZE)
                used = begin + load64(rows, row + TALLY_USED)
                used = _encode(sources, source, seconds, fraction, data, start, kept, wirelen, out, used)
                store64(rows, row + TALLY_USED, used - begin)
                store64(rows, row + TALLY_PUT, load64(rows, row + TALLY_PUT) + 1)
            bits &= bits - 1
        word += 1
    return 0


def _tally(rows: Buffer, row: int, wirelen: int, time: int) -> int:
    """Count a packet for one filter."""
    packets = load64(rows, row + TALLY_PACKETS)
    store64(rows, row + TALLY_PACKETS, packets + 1)
    store64(rows, row + TALLY_BYTES, load64(rows, row + TALLY_BYTES) + wirelen)
    if packets == 0 or time < load64(rows, row + TALLY_FIRST):
        store64(rows, row + TALLY_FIRST, time)
    if packets == 0 or time > load64(rows, row + TALLY_LAST):
        store64(rows, row + TALLY_LAST, time)
    return 0


def _encode(
    sources: Buffer,
    source: int,
    seconds: int,
    fraction: int,
    data: Buffer,
    start: int,
    kept: int,
    wirelen: int,
    out: Buffer,
    used: int,
) -> int:
    """Write a record of the output's format at ``used``; where it ends."""
    nanoseconds = fraction * load64(sources, source + NANOSECONDS)
    unit = load64(sources, source + OUT_NANOSECONDS)
    if OUTPUT == PCAP:
        if unit != load64(sources, source + NANOSECONDS):
            # Else a fraction over a second, of which there are some, stays as it is.
            seconds += nanoseconds // _SECOND
            nanoseconds %= _SECOND
        store32(out, used, seconds)
        store32(out, used + 4, nanoseconds // unit)
        store32(out, used + 8, kept)
        store32(out, used + 12, wirelen)
        copy(out, used + _PCAP_OVERHEAD, data, start, kept)
        return used + _PCAP_OVERHEAD + kept
    ticks = seconds * (_SECOND // unit) + nanoseconds // unit
    padded = (kept + 3) // 4 * 4
    length = _BLOCK_OVERHEAD + padded
    store32(out, used, _ENHANCED_PACKET)
    store32(out, used + 4, length)
    store32(out, used + 8, load64(sources, source + OUT_NUMBER))
    store32(out, used + 12, ticks >> 32)
    store32(out, used + 16, ticks)
    store32(out, used + 20, kept)
    store32(out, used + 24 + padded, 0)  # the padding, or nothing yet
    store32(out, used + 24, wirelen)
    copy(out, used + 28, data, start, kept)
    store32(out, used + 28 + padded, length)
    return used + length

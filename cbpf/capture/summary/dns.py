"""The DNS part of a summary (RFC 1035): what is asked, and how it was answered."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Final

from cbpf.capture.summary.line import PAIR, SHORT, Line, Malformed, ipv4_text, ipv6_text

_HEADER: Final = Struct(">HHHHHH").unpack_from
_LONGEST_NAME: Final = 255  # bytes, RFC 1035
_HEADER_LENGTH: Final = 12
_RECORD: Final = Struct(">HHIH").unpack_from
_RESPONSE: Final = 0x8000
_MEANINGLESS: Final = 0x06CF  # flags that have no meaning in a query
_OPTIONS: Final = 41  # the pseudo record of EDNS, whose class is a size
_UNICAST: Final = 0x8000  # of a class in multicast DNS (RFC 6762): answer to one; this is the only record
_INTERNET: Final = 1
_POINTER: Final = 0xC0
_MAXIMUM_LABEL: Final = 63
_MAXIMUM_NAME: Final = 255
_MAXIMUM_RECORDS: Final = 32  # that are shown of a message
_LONGEST_TEXT: Final = 255
_TYPES: Final = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    13: "HINFO",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    39: "DNAME",
    41: "OPT",
    43: "DS",
    46: "RRSIG",
    47: "NSEC",
    48: "DNSKEY",
    50: "NSEC3",
    64: "SVCB",
    65: "HTTPS",
    99: "SPF",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
}
_CLASSES: Final = {2: "CS", 3: "CHAOS", 4: "HS", 255: "ANY"}
_OPERATIONS: Final = ("", " inv_q", " stat", " op3", " notify", " update", *(f" op{code}" for code in range(6, 16)))
_ERRORS: Final = (
    *("", " FormErr", " ServFail", " NXDomain", " NotImp", " Refused", " YXDomain", " YXRRSet", " NXRRSet", " NotAuth"),
    *(" NotZone", *(f" Resp{code}" for code in range(11, 16))),
)
# By the flags' bits 5 to 10: authoritative, no recursion, truncated, authentic.
_RESPONSE_MARKS: Final = tuple(
    f"{'*' if bits & 0x20 else ''}{'' if bits & 4 else '-'}{'|' if bits & 0x10 else ''}{'$' if bits & 1 else ''}"
    for bits in range(0x40)
)
_ESCAPED: Final = {byte: chr(byte) if 0x21 <= byte < 0x7F else f"\\{byte:03}" for byte in range(256)}


def dns(line: Line, *, multicast: bool) -> None:
    """A DNS message: its first questions, and the answers of a response."""
    length = line.length
    show = _response if SHORT(line.data, line.at + 2)[0] & _RESPONSE else _query
    show(line, multicast)
    line.out.append(f" ({length})")


def _query(line: Line, multicast: bool) -> None:
    number, flags, questions, answers, authorities, additional = _HEADER(line.data, line.at)
    desired, checking = "+" if flags & 0x100 else "", "%" if flags & 0x10 else ""
    words = f"{number}{_OPERATIONS[flags >> 11 & 15]}{desired}{checking}"
    if flags & _MEANINGLESS:
        words += f" [b2&3={flags:#x}]"
    if (answers, questions, authorities, additional) != (0, 1, 0, 0):
        counts = ((answers, 0, "a"), (questions, 1, "q"), (authorities, 0, "n"), (additional, 0, "au"))
        words += "".join(f" [{count}{letter}]" for count, usual, letter in counts if count != usual)
    line.out.append(words)
    at = line.at + _HEADER_LENGTH
    if questions == 1 and not multicast:
        end = line.data.find(0, at)
        asked = _asked(line.data[at : end + 5]) if end - at <= _LONGEST_NAME else None
        if asked is not None:
            line.out.append(asked)
            return
    for place in range(min(questions, _MAXIMUM_RECORDS)):
        name, at = _name(line, at)
        kind, group = PAIR(line.data, at)
        at += 4
        how = (" (QU)" if group & _UNICAST else " (QM)") if multicast else ""
        group = group & ~_UNICAST if multicast else group
        line.out.append(f"{',' if place else ''} {_type(kind)}{_class(group)}{how}? {name}")


@lru_cache(maxsize=4096)
def _asked(question: bytes) -> str | None:
    """A question; None if it is not just a name, a type and a class. The same are asked again and again."""
    try:
        name, at = _name(Line(question, len(question)), 0)
        kind, group = PAIR(question, at)
    except (IndexError, struct.error, Malformed):
        return None
    return f" {_type(kind)}{_class(group)}? {name}" if at + 4 == len(question) else None


def _response(line: Line, multicast: bool) -> None:
    number, flags, questions, answers, authorities, additional = _HEADER(line.data, line.at)
    words = f"{number}{_OPERATIONS[flags >> 11 & 15]}{_ERRORS[flags & 15]}{_RESPONSE_MARKS[flags >> 5 & 0x3F]}"
    line.out.append(words if questions == 1 else f"{words} [{questions}q]")
    at = line.at + _HEADER_LENGTH
    for _ in range(questions):
        at = _name_end(line.data, at) + 4
    line.out.append(f" {answers}/{authorities}/{additional}")
    for place in range(min(answers, _MAXIMUM_RECORDS)):
        at = _name_end(line.data, at)
        kind, group, _, size = _RECORD(line.data, at)
        at += 10
        flush = " (Cache flush)" if multicast and group & _UNICAST else ""
        group = group & ~_UNICAST if multicast else group
        shown = f"{flush}{'' if kind == _OPTIONS else _class(group)} {_type(kind)}"
        line.out.append(f"{',' if place else ''}{shown}{_data(line, kind, at, size)}")
        at += size


def _type(number: int) -> str:
    return _TYPES.get(number, f"Type{number}")


def _class(number: int) -> str:
    return "" if number == _INTERNET else f" {_CLASSES.get(number, f'(Class {number})')}"


def _data(line: Line, kind: int, at: int, size: int) -> str:
    """What a resource record of ``size`` bytes says, for the types that everybody reads."""
    show = _DATA.get(kind)
    return "" if show is None else show(line, at, size)


def _ipv4(line: Line, at: int, size: int) -> str:
    return f" {ipv4_text(Struct('4s').unpack_from(line.data, at)[0])}"


def _ipv6(line: Line, at: int, size: int) -> str:
    return f" {ipv6_text(Struct('16s').unpack_from(line.data, at)[0])}"


def _target(line: Line, at: int, size: int) -> str:
    return f" {_name(line, at)[0]}"


def _exchange(line: Line, at: int, size: int) -> str:
    return f" {_name(line, at + 2)[0]} {SHORT(line.data, at)[0]}"


def _service(line: Line, at: int, size: int) -> str:
    (priority, weight), (port,) = PAIR(line.data, at), SHORT(line.data, at + 4)
    return f" {_name(line, at + 6)[0]}:{port} {priority} {weight}"


def _text(line: Line, at: int, size: int) -> str:
    found, end = "", at + size
    while at < end and len(found) < _LONGEST_TEXT:
        count = line.data[at]
        if at + 1 + count > end:
            raise Malformed
        text = "".join(" " if byte == 0x20 else _ESCAPED[byte] for byte in line.data[at + 1 : at + 1 + count])
        found += f' "{text}"'
        at += 1 + count
    return found


_DATA: Final[dict[int, Callable[[Line, int, int], str]]] = {
    1: _ipv4,
    2: _target,
    5: _target,
    12: _target,
    15: _exchange,
    16: _text,
    28: _ipv6,
    33: _service,
    39: _target,
    99: _text,
}


def _name(line: Line, at: int) -> tuple[str, int]:
    """The name at ``at`` and where it ends. A pointer leads to an earlier part of the message, so there is an end."""
    data, labels, size, after, earliest = line.data, "", 0, None, at
    while count := data[at]:
        if count & _POINTER == _POINTER:
            after = at + 2 if after is None else after
            at = line.at + (SHORT(data, at)[0] & 0x3FFF)
            if at >= earliest:
                raise Malformed
            earliest = at
            continue
        size += count + 1
        if count > _MAXIMUM_LABEL or size > _MAXIMUM_NAME:
            raise Malformed
        labels += _label(data[at + 1 : at + 1 + count])
        at += count + 1
    return labels or ".", at + 1 if after is None else after


@lru_cache(maxsize=4096)
def _label(label: bytes) -> str:
    return "".join(map(_ESCAPED.__getitem__, label)) + "."


def _name_end(data: bytes, at: int) -> int:
    """Where the name at ``at`` ends."""
    while count := data[at]:
        if count & _POINTER == _POINTER:
            return at + 2
        if count > _MAXIMUM_LABEL:
            raise Malformed
        at += count + 1
    return at + 1

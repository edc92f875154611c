"""The DNS part of a summary: what is asked, and how it was answered (RFC 1035)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from cbpf.capture.summary.line import PAIR, Line, Malformed

_HEADER: Final = Struct(">HHHHHH").unpack_from
_HEADER_LENGTH: Final = 12
_RESPONSE: Final = 0x8000
_MAXIMUM_LABEL: Final = 63
_MAXIMUM_NAME: Final = 255
_TYPES: Final = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    43: "DS",
    48: "DNSKEY",
    64: "SVCB",
    65: "HTTPS",
    255: "ANY",
}
_ERRORS: Final = {1: "FormErr", 2: "ServFail", 3: "NXDomain", 4: "NotImp", 5: "Refused"}
_PRINTABLE: Final = frozenset(range(0x21, 0x7F))


def dns(line: Line) -> None:
    """A DNS message: its first question, and for a response the number of answers or the error."""
    length = line.length
    _, flags, questions, answers, _, _ = _HEADER(line.data, line.at)
    words = ["DNS", "response" if flags & _RESPONSE else "query"]
    if questions:
        name, after = _name(line.data, line.at + _HEADER_LENGTH)
        kind, _ = PAIR(line.data, after)
        words += [_TYPES.get(kind, f"type {kind}"), name]
    line.words += words
    if flags & _RESPONSE:
        error = flags & 15
        line.words.append(
            _ERRORS.get(error, f"error {error}") if error else f"{answers} answer{'' if answers == 1 else 's'}"
        )
    line.words[-1] += f", length {length}"


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at ``at``, and where it ends.

    A question's name is the first in the message, so it has nothing to point to: a pointer is malformed.
    """
    labels: list[str] = []
    size = 0
    while data[at]:
        count = data[at]
        if count > _MAXIMUM_LABEL:
            raise Malformed
        label = data[at + 1 : at + 1 + count]
        size += count + 1
        if size > _MAXIMUM_NAME:
            raise Malformed
        labels.append("".join(chr(byte) if byte in _PRINTABLE else f"\\{byte:03}" for byte in label))
        at += count + 1
    return ".".join(labels) or ".", at + 1

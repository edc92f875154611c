"""From text to tokens: the longest match wins, and among equally long ones the first in the list of matchers."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import NamedTuple

from cbpf.errors import Edit, FilterError, Reason, Span
from cbpf.language.vocabulary import CONSTANTS, KEYWORDS


class Kind(Enum):
    """What a token is. The value is how error messages name it."""

    WORD = "keyword"
    PUNCTUATION = "punctuation"
    NUMBER = "number"
    IPV4 = "IPv4 address"
    IPV6 = "IPv6 address"
    MAC = "MAC address"
    LINK8 = "8-bit link address"
    NAME = "name"
    FILTER = "named filter"
    END = "end of the expression"


class Token(NamedTuple):
    """One token. ``text`` is the canonical spelling of a keyword or operator, the name itself for a name or ``@name``.

    ``value`` is the number, or the IPv6 or link address as an integer; ``groups`` the parts of a dotted address, as
    written: what they may be depends on whether it is used as an IPv4 or as a DECnet address.
    """

    kind: Kind
    text: str
    span: Span
    value: int = 0
    groups: tuple[str, ...] = ()


Maker = Callable[[str, Span], Token]

_HEX = "[0-9A-Fa-f]"
_BYTE = f"{_HEX}{{1,2}}"
_NUMBER = f"(?:0[xX]{_HEX}+|[0-9]+)"
_SPACE = re.compile(r"[ \t\r\n]*")
_OPERATOR = re.compile(r">=|<=|!=|==|<<|>>|&&|\|\||[-+*/%:\[\]!<>()&|^=]")
_LINK8_FORM = re.compile(rf"\${_BYTE}(?![0-9A-Za-z])")
_MAC_FORM = re.compile(
    rf"{_BYTE}(?::{_BYTE}){{5}}|{_BYTE}(?:-{_BYTE}){{5}}|{_BYTE}(?:\.{_BYTE}){{5}}"
    rf"|{_HEX}{{4}}\.{_HEX}{{4}}\.{_HEX}{{4}}|{_HEX}{{12}}"
)
_NUMBER_FORM = re.compile(_NUMBER)
_IPV4_FORM = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{1,3}}")
_IPV6_START = re.compile(rf"(?:{_HEX}{{1,4}}:|::)[0-9A-Fa-f:.]*")
_BROKEN_MAC_FORM = re.compile(rf"(?:{_BYTE}:){{2,}}(?:{_BYTE})?")
_WORD_FORM = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?")
_FILTER_FORM = re.compile(r"@[-_.A-Za-z0-9]+")
_ESCAPED_FORM = re.compile(r"\\[^ !()\t\n]+")
_QUAD_TAIL = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_GROUP = re.compile(f"{_HEX}{{1,4}}")
_IPV6_LONGEST = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")


def tokenize(text: str) -> list[Token]:
    """The tokens of ``text``, closed by one of kind END. Raises FilterError for text no token can begin with."""
    tokens = []
    position = _end(_SPACE, text, 0)
    while position < len(text):
        token = _next(text, position)
        tokens.append(token)
        position = _end(_SPACE, text, token.span.end)
    tokens.append(Token(Kind.END, "", Span(len(text), len(text))))
    return tokens


def _next(text: str, start: int) -> Token:
    first = text[start]
    make: Maker
    if first == "$":
        end, make = _end(_LINK8_FORM, text, start), _link8
    elif first == "\\":
        end, make = _end(_ESCAPED_FORM, text, start), _escaped
    elif first == "@":
        end, make = _end(_FILTER_FORM, text, start), _filter
    elif first.isascii() and (first.isalnum() or first == ":"):
        end, make = _longest(text, start)
    else:
        end, make = _end(_OPERATOR, text, start), _operator
    if end == start:
        needed = {
            "$": "'$' must be followed by one or two hexadecimal digits",
            "\\": "'\\' must be followed by a name",
            "@": "'@' must be followed by the name of a filter",
        }
        message = needed.get(first, "this character cannot begin anything in a filter expression")
        raise FilterError(message, Span(start, start + 1), reason=Reason.SYNTAX)
    return make(text[start:end], Span(start, end))


def _longest(text: str, start: int) -> tuple[int, Maker]:
    """The end of the longest token of those that begin with a letter, a digit or a colon, and what makes it."""
    chosen: Maker = _operator
    best = _end(_OPERATOR, text, start)
    word = _end(_WORD_FORM, text, start)
    if text[start:word] in KEYWORDS:
        best, chosen = word, _word
    for measure, make in _MATCHERS:
        end = measure(text, start)
        if end > best:
            best, chosen = end, make
    return best, chosen


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _ipv6_end(text: str, start: int) -> int:
    """Where the longest text that has the shape of an IPv6 address ends; ``start`` if there is none."""
    match = _IPV6_START.match(text, start, start + _IPV6_LONGEST)
    candidate = match.group() if match else ""
    gap = candidate.find("::")
    second = candidate.find("::", gap + 2) if gap >= 0 else -1  # there can only be one
    candidate = candidate[: second + 1] if second >= 0 else candidate
    for length in range(len(candidate), 1, -1):
        if _ipv6_shape(candidate[:length]):
            return start + length
    return start


def _ipv6_shape(text: str) -> bool:
    """Eight groups, or fewer with one ``::``; the last two may be a dotted quad. Quad values are not looked at."""
    head, gap, tail = text.partition("::")
    groups = (head.split(":") if head else []) + (tail.split(":") if tail else [])
    count = len(groups)
    if groups and _QUAD_TAIL.fullmatch(groups[-1]) and not (gap and not tail):
        groups.pop()
        count += 1
    return all(_GROUP.fullmatch(group) for group in groups) and (count <= 7 if gap else count == 8)


def _operator(text: str, span: Span) -> Token:
    if text in KEYWORDS:  # && || !
        return Token(Kind.WORD, KEYWORDS[text], span)
    return Token(Kind.PUNCTUATION, "=" if text == "==" else text, span)


def _word(text: str, span: Span) -> Token:
    if text in KEYWORDS:
        return Token(Kind.WORD, KEYWORDS[text], span)
    if text in CONSTANTS:
        return Token(Kind.NUMBER, text, span, CONSTANTS[text])
    return Token(Kind.NAME, text, span)


def _link8(text: str, span: Span) -> Token:
    return Token(Kind.LINK8, text, span, int(text[1:], 16))


def _mac(text: str, span: Span) -> Token:
    separator = next((char for char in text if char in ":-."), None)
    width = 4 if separator == "." and text.count(".") == 2 else 2
    digits = "".join(group.zfill(width) for group in text.split(separator)) if separator else text
    return Token(Kind.MAC, text, span, int(digits, 16))


def number_value(text: str) -> int | None:
    """The value of a number as the language writes it; None if ``text`` is none. Anything over 32 bits is 2**32."""
    if not _NUMBER_FORM.fullmatch(text):
        return None
    if text[:2] in ("0x", "0X"):
        value = int(text, 16)
    elif text.startswith("0"):
        value = -1 if set(text) & set("89") else int(text, 8)
    else:
        value = int(text[:11])  # eleven digits, the first of them no 0, are over 32 bits already
    return None if value < 0 else min(value, 1 << 32)


def _number(text: str, span: Span) -> Token:
    value = number_value(text)
    if value is None:
        raise FilterError(
            f"'{text[:40]}' is not a number: a leading 0 means octal, and octal has no digit 8 or 9",
            span,
            edit=Edit(span, text.lstrip("0")) if decimal_value(text, 0xFFFFFFFF) else None,
        )
    if value >> 32:
        raise FilterError(
            f"the number {text[:40]} does not fit in 32 bits", span, hint="The largest is 4294967295, or 0xffffffff."
        )
    return Token(Kind.NUMBER, text, span, value)


def decimal_value(text: str, largest: int) -> int | None:
    """A number in decimal, leading zeros or not, None if ``text`` is none or it is over ``largest``."""
    if not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(largest)):  # before int(), which refuses thousands of digits
        return None
    value = int(digits)
    return value if value <= largest else None


def _ipv4(text: str, span: Span) -> Token:
    return Token(Kind.IPV4, text, span, groups=tuple(text.split(".")))


def _ipv6(text: str, span: Span) -> Token:
    from ipaddress import AddressValueError, IPv6Address

    try:
        return Token(Kind.IPV6, text, span, int(IPv6Address(text)))
    except AddressValueError:
        raise FilterError(f"'{text}' is not a valid IPv6 address", span, reason=Reason.BAD_ADDRESS) from None


def _broken_mac(text: str, span: Span) -> Token:
    raise FilterError(
        f"'{text}' looks like a MAC address but is not one",
        span,
        reason=Reason.BAD_ADDRESS,
        hint="A MAC address has six groups of one or two hexadecimal digits, as in 00:1b:21:3c:9d:f8.",
    )


def _filter(text: str, span: Span) -> Token:
    return Token(Kind.FILTER, text[1:], span)


def _escaped(text: str, span: Span) -> Token:
    return Token(Kind.NAME, text[1:], span)


# In order of preference between matches of equal length; a keyword, tried before these, wins over all.
_MATCHERS: tuple[tuple[Callable[[str, int], int], Maker], ...] = (
    (partial(_end, _MAC_FORM), _mac),
    (partial(_end, _NUMBER_FORM), _number),
    (partial(_end, _IPV4_FORM), _ipv4),
    (_ipv6_end, _ipv6),
    (partial(_end, _BROKEN_MAC_FORM), _broken_mac),
    (partial(_end, _WORD_FORM), _word),
)

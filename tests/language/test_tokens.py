"""Tokens: what is one, which of several possible ones is taken, and what is none."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from cbpf.errors import FilterError, Reason, Span
from cbpf.language.tokens import Kind, tokenize
from cbpf.language.vocabulary import CONSTANTS, KEYWORDS

WORD, PUNCTUATION, NUMBER, NAME = Kind.WORD, Kind.PUNCTUATION, Kind.NUMBER, Kind.NAME


def kinds(text: str) -> list[tuple[Kind, str]]:
    return [(token.kind, token.text) for token in tokenize(text)[:-1]]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\r\n", []),
        ("tcp && udp||!arp", [(WORD, "tcp"), (WORD, "and"), (WORD, "udp"), (WORD, "or"), (WORD, "not"), (WORD, "arp")]),
        ("ether fddi tr wlan ppp slip link", [(WORD, "link")] * 7),
        ("length len ifname es-is", [(WORD, "len"), (WORD, "len"), (WORD, "on"), (WORD, "esis")]),
        ("TCP Port AND", [(NAME, "TCP"), (NAME, "Port"), (NAME, "AND")]),
        # Hyphens and dots are swallowed by names.
        ("len-1", [(NAME, "len-1")]),
        ("1-1", [(NAME, "1-1")]),
        ("tcp.", [(NAME, "tcp.")]),
        ("ip-foo", [(NAME, "ip-foo")]),
        ("1 -1", [(NUMBER, "1"), (PUNCTUATION, "-"), (NUMBER, "1")]),
        ("1- 1", [(NUMBER, "1"), (PUNCTUATION, "-"), (NUMBER, "1")]),
        ("]-1", [(PUNCTUATION, "]"), (PUNCTUATION, "-"), (NUMBER, "1")]),
        ("a-", [(NAME, "a"), (PUNCTUATION, "-")]),
        ("host.example.", [(NAME, "host.example.")]),
        # Operators, the longest first.
        (">= <= != == = << >> < >", [(PUNCTUATION, sign) for sign in ">= <= != = = << >> < >".split()]),
        ("<<=", [(PUNCTUATION, "<<"), (PUNCTUATION, "=")]),
        # Addresses and what only looks like them.
        ("1.2", [(Kind.IPV4, "1.2")]),
        ("1.2.3.4", [(Kind.IPV4, "1.2.3.4")]),
        ("1.2.3.4.5", [(NAME, "1.2.3.4.5")]),
        ("1..2", [(NAME, "1..2")]),
        ("1.2.3.4.", [(NAME, "1.2.3.4.")]),
        ("1.2.3.4.5.6", [(Kind.MAC, "1.2.3.4.5.6")]),
        ("a-b-c-d-e-f", [(Kind.MAC, "a-b-c-d-e-f")]),
        ("0a1b.2c3d.4e5f", [(Kind.MAC, "0a1b.2c3d.4e5f")]),
        ("112233445566", [(Kind.MAC, "112233445566")]),
        ("$f $0A", [(Kind.LINK8, "$f"), (Kind.LINK8, "$0A")]),
        ("::", [(Kind.IPV6, "::")]),
        ("fe80::1/10", [(Kind.IPV6, "fe80::1"), (PUNCTUATION, "/"), (NUMBER, "10")]),
        ("1:2:3:4:5:6:7:8", [(Kind.IPV6, "1:2:3:4:5:6:7:8")]),
        ("::ffff:1.2.3.4", [(Kind.IPV6, "::ffff:1.2.3.4")]),
        ("[0:1]", [(PUNCTUATION, "["), (NUMBER, "0"), (PUNCTUATION, ":"), (NUMBER, "1"), (PUNCTUATION, "]")]),
        # Escapes take everything up to a blank, a parenthesis or an exclamation mark.
        (r"\tcp \80 \1.2.3.4", [(NAME, "tcp"), (NAME, "80"), (NAME, "1.2.3.4")]),
        (r"\a]&=b(", [(NAME, "a]&=b"), (PUNCTUATION, "(")]),
    ],
)
def test_tokens(text: str, tokens: list[tuple[Kind, str]]) -> None:
    assert kinds(text) == tokens


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("10", 10),
        ("010", 8),
        ("0x10", 16),
        ("0XfF", 255),
        ("4294967295", 0xFFFFFFFF),
        ("0037777777777", 0xFFFFFFFF),
        ("0030052125323", 0o30052125323),
        ("tcp-syn", 2),
        ("icmp6-neighborsolicit", 135),
        ("tcpflags", 13),
    ],
)
def test_numbers(text: str, value: int) -> None:
    token = tokenize(text)[0]
    assert (token.kind, token.value) == (Kind.NUMBER, value)


@pytest.mark.parametrize("text", ["1:2:3:4:5:6", "01-02-03-04-05-06", "1.2.3.4.5.6", "0102.0304.0506", "010203040506"])
def test_mac_addresses(text: str) -> None:
    token = tokenize(text)[0]
    assert (token.kind, token.value) == (Kind.MAC, 0x010203040506)


@pytest.mark.parametrize(
    "text", ["::", "::1", "fe80::", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4"]
)
def test_ipv6_addresses(text: str) -> None:
    token = tokenize(text)[0]
    assert (token.kind, token.value) == (Kind.IPV6, int(IPv6Address(text)))


@pytest.mark.parametrize(
    ("text", "span", "reason"),
    [
        ("tcp ; udp", Span(4, 5), Reason.SYNTAX),
        ("a\fb", Span(1, 2), Reason.SYNTAX),
        ("host é", Span(5, 6), Reason.SYNTAX),
        ("_a", Span(0, 1), Reason.SYNTAX),
        ("\\", Span(0, 1), Reason.SYNTAX),
        ("link host $123", Span(10, 11), Reason.SYNTAX),
        ("$x", Span(0, 1), Reason.SYNTAX),
        ("port 08", Span(5, 7), Reason.OTHER),
        ("0x100000000", Span(0, 11), Reason.OTHER),
        ("4294967296", Span(0, 10), Reason.OTHER),
        ("0040000000000", Span(0, 13), Reason.OTHER),
        ("1:2:3:4:5", Span(0, 9), Reason.BAD_ADDRESS),
        ("1:2:3:4:5:6:7", Span(0, 13), Reason.BAD_ADDRESS),
        ("ether[0:1:2]", Span(6, 11), Reason.BAD_ADDRESS),
        ("fe80::10.256.30.40", Span(0, 18), Reason.BAD_ADDRESS),
    ],
)
def test_what_is_no_token(text: str, span: Span, reason: Reason) -> None:
    with pytest.raises(FilterError) as caught:
        tokenize(text)
    assert (caught.value.span, caught.value.reason) == (span, reason)


def test_every_keyword_and_constant_is_one_token() -> None:
    for word in (*KEYWORDS, *CONSTANTS):
        tokens = tokenize(f"({word})")
        assert [token.span for token in tokens[1:-2]] == [Span(1, 1 + len(word))]
        assert tokens[1].kind is (Kind.NUMBER if word in CONSTANTS else Kind.WORD)


def test_the_end_is_a_token_behind_everything() -> None:
    assert tokenize("tcp  ")[-1].span == Span(5, 5)

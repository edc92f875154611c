"""Whatever the text, and however long, there is a tree or an error about a part of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.errors import FilterError
from cbpf.language import parse
from cbpf.language.arithmetic import DEEPEST

LENGTH = 1 << 14  # characters: anything worse than linear would not end


def tiled(unit: str) -> str:
    return unit * (LENGTH // len(unit))


def nested(opening: str, inside: str, closing: str) -> str:
    times = LENGTH // len(opening + closing)
    return opening * times + inside + closing * times


TILES = [
    *(
        "not ",
        "(",
        ")",
        "port 80 or ",
        "7",
        "0",
        "\\",
        "\\ ",
        "a-b-",
        "a- ",
        "a_",
        "1+1+",
        "1%1%",
        "[",
        "ip[",
        "ip[0]+",
    ),
    *(":", "1:", "::1 ", "fe80:", "1.", "1.2.3.4 ", "1:2:3:4:5:6 ", "TCP ", "TCP or ", "tcp ", "tcp.port == 80 or "),
    *(
        "tcp.port ",
        "<",
        "=",
        "-",
        "\0",
        "é",
        "“",
        '"',
        "byte 0 ",
        "vlan(",
        "src or ",
        "~",
        "$1 ",
        "tcp prt 80 or ",
        ",80",
    ),
    *("http or ", "ip.addr in {1 2} or ", "a b ", "!", "&", "{", "* ", "10.*", "/", "0x", "1 <", "tcp[13] & 2 ", "‸"),
]

# Refused, and about as long to read on from a mistake at either end.
REFUSED = {
    "open parentheses in arithmetic": "(" * (LENGTH // 2) + "(ip[0]+ip[0])*" * (LENGTH // 30),
    "a sum": "1" + "+1" * (LENGTH // 2) + " = 1",
    "signs": "-" * LENGTH + "1 = 1",
    "indexes": nested("ip[", "0", "]") + " = 1",
    "a mistake at the end": "port 80 or " * (LENGTH // 11) + "tcp 80",
    "a mistake at the start": "tcp 80 or " + "port 80 or " * (LENGTH // 11) + "tcp",
    "a list with commas": "port 80" + ",80" * (LENGTH // 3),
    "a set": "tcp.port in {" + "80," * (LENGTH // 3) + "80}",
    "a hyphen too many": "a" + "-" * LENGTH,
    "hexadecimal": "0x" + "f" * LENGTH,
    "octal": "0" + "8" * LENGTH,
    "one closed too often": nested("(", "tcp", ")") + ")",
    "one not closed": "(" + nested("(", "tcp", ")"),
}

READ = {
    "parentheses": nested("(", "tcp", ")"),
    "values": "port " + nested("(", "80", ")"),
    "numbers": nested("(", "1", ")") + " = 1",
    "negations": "not " * (LENGTH // 4) + "tcp",
    "alternation": "tcp and udp or " * (LENGTH // 15) + "tcp",
    "nesting": nested("(tcp or not ", "tcp", ")"),
    "a list": "port (80" + " or 80" * (LENGTH // 6) + ")",
    "inheritance": "host 1.2.3.4" + " or 1.2.3.5" * (LENGTH // 11),
    "as deep as may be": "ip[" * DEEPEST + "0" + "]" * DEEPEST + " = 1",
    "a long number": "0" * LENGTH + " = 0",
}


def refused(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    error = caught.value
    assert 0 <= error.span.start <= error.span.end <= len(text)
    assert len(str(error)) < 2000


@pytest.mark.parametrize("unit", TILES)
def test_a_text_of_one_kind(unit: str) -> None:
    refused(tiled(unit))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    refused(REFUSED[name])


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str) -> None:
    assert parse(READ[name]) is not None


@pytest.mark.slow
def test_a_million_parentheses() -> None:
    tree = parse("(" * 1_000_000 + "tcp" + ")" * 1_000_000)
    assert tree is not None
    assert tree.span == (1_000_000, 1_000_003)


_PIECES = st.sampled_from(
    "not ( ) ip[ tcp[0:1] ] + - % , : 80 1.2.3.4 ::1 and or tcp host port TCP ‸ “ = < & \\ $1".split()
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_PIECES, st.integers(1, 300), st.sampled_from(["", " "])), max_size=6))
def test_pieces_many_times_over(pieces: list[tuple[str, int, str]]) -> None:
    text = "".join((piece + blank) * times for piece, times, blank in pieces)
    try:
        parse(text)
    except FilterError as error:
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert error.correction != text

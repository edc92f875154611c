"""Whatever the text, compiling it gives a program or a FilterError about a part of it: no depth or length breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError
from cbpf.engine import run
from cbpf.language.vocabulary import CONSTANTS, KEYWORDS
from tests.expressions import FixedNames
from tests.linktypes import LINKTYPES

_VALUES = "80 1.2.3.4 10.0.0.0/8 ::1 fe80::/10 1:2:3:4:5:6 $12 1.2 1-2 web router nosuch 0xffffffff 65536 \\tcp".split()
_SIGNS = "( ) [ ] : = != < > + - * / % & | ^ << >>".split()
_WORDS = st.sampled_from([*KEYWORDS, *CONSTANTS, *_VALUES * 4, *_SIGNS * 4])


@settings(max_examples=1500, deadline=None)
@given(st.lists(_WORDS, max_size=10).map(" ".join), st.sampled_from(LINKTYPES), st.booleans())
def test_any_words_compile_or_are_refused(text: str, linktype: str, optimize: bool) -> None:
    try:
        cbpf.compile(text, linktype, netmask="255.0.0.0", optimize=optimize, names=FixedNames())
    except FilterError as error:
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert error.message


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        cbpf.compile(text, names=FixedNames())
    except FilterError as error:
        assert error.expression == text


# An expression of great depth or length, and a short one that means the same.
GREAT = {
    "parentheses": ("(" * 10_000 + "tcp" + ")" * 10_000, "tcp"),
    "not": ("not " * 100_001 + "tcp", "not tcp"),
    "not in parentheses": ("not (" * 20_000 + "tcp or arp" + ")" * 20_000, "tcp or arp"),
    "values in parentheses": ("port " + "(" * 10_000 + "80" + ")" * 10_000, "port 80"),
    "numbers in parentheses": ("(" * 5_000 + "len" + ")" * 5_000 + " = 1", "len = 1"),
    "or": (" or ".join(["arp"] * 19_000), "arp"),
    "nested": ("(tcp and (udp or " * 2_000 + "tcp" + "))" * 2_000, "tcp"),
    "blanks": (" " * 1_000_000 + "tcp\n", "tcp"),
}


@pytest.mark.parametrize("name", GREAT)
def test_what_is_great_but_simple(name: str) -> None:
    great, simple = GREAT[name]
    assert cbpf.compile(great).program == cbpf.compile(simple).program


@pytest.mark.parametrize(
    "text",
    [
        "len = " + "len + (" * 2_000 + "1" + ")" * 2_000,
        "ip[" * 2_000 + "0" + "]" * 2_000 + " = 1",
        "len = " + "-" * 100_000 + "1",
        "(" * 100_000,
        "tcp " * 200_000,
        "port " + "9" * 1_000_000,
        "host " + "a" * 1_000_000,
        "host " + ":" * 50_000,
        " and ".join(["vxlan"] * 300 + ["arp"]) + " or tcp" * 300,
    ],
    ids=range(9),
)
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        cbpf.compile(text, names=FixedNames())
    assert len(str(caught.value)) < 1000


@pytest.mark.slow
def test_a_megabyte_of_hosts() -> None:
    """As many steps as that are no problem where no tunnel multiplies them."""
    text = " or ".join(f"host 10.{number >> 8 & 255}.{number & 255}.1" for number in range(50_000))
    program = cbpf.compile(text, optimize=False).program
    assert run(program, bytes(12) + b"\x08\0" + bytes(12) + b"\x0a\1\1\1" + bytes(4)) > 0

"""Whatever the text, compiling it gives a program or a FilterError about a part of it: no depth or length breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError
from cbpf.engine import run
from cbpf.language.vocabulary import CONSTANTS, KEYWORDS
from cbpf.machine import verify
from tests.expressions import EXPRESSIONS, TUNNELS, FixedNames
from tests.linktypes import LINKTYPES
from tests.shared import accepted

_VALUES = "80 1.2.3.4 10.0.0.0/8 ::1 fe80::/10 1:2:3:4:5:6 $12 1.2 1-2 web router nosuch 0xffffffff 65536 \\tcp".split()
_SIGNS = "( ) [ ] : = != < > + - * / % & | ^ << >>".split()
KNOWN_TEXTS = sorted({text for _, text in EXPRESSIONS + TUNNELS} | {row.expression for row in accepted()})
_WORDS = st.sampled_from([*KEYWORDS, *CONSTANTS, *_VALUES * 4, *_SIGNS * 4])
_PIECES = st.one_of(
    st.just(""),
    _WORDS,
    _WORDS.map(" {} ".format),
    st.sampled_from(KNOWN_TEXTS).map(" and {}".format),
    st.text(max_size=3),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(_WORDS, max_size=10).map(" ".join), st.sampled_from(LINKTYPES), st.sampled_from(["savefile", "linux"]))
def test_any_words_compile_or_are_refused(text: str, linktype: str, target: str) -> None:
    _answers(text, linktype, target)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.sampled_from(LINKTYPES))
def test_any_text_compiles_or_is_refused(text: str, linktype: str) -> None:
    _answers(text, linktype, "savefile")


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(KNOWN_TEXTS), st.data(), st.sampled_from(LINKTYPES), st.sampled_from(["savefile", "linux"]))
def test_any_change_of_what_compiles_compiles_or_is_refused(
    text: str, data: st.DataObject, linktype: str, target: str
) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.sampled_from([start, start, start + 1, start + 4, len(text)]))
        text = text[:start] + data.draw(_PIECES) + text[end:]
    _answers(text, linktype, target)


def _answers(text: str, linktype: str, target: str) -> None:
    """The expression compiles to programs that can run, or is refused with an error about a part of it."""
    for optimize in (False, True):
        try:
            compiled = cbpf.compile(
                text, linktype, netmask="255.0.0.0", optimize=optimize, names=FixedNames(), target=target
            )
        except FilterError as error:
            assert error.expression == text
            assert 0 <= error.span.start <= error.span.end <= len(text)
            assert error.message
        else:
            verify(compiled.program)


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

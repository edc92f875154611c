"""``@name``: what it stands for, and where what is wrong with it is said to be."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf.errors import FilterError, Reason, Span
from cbpf.language.includes import DEEPEST, LONGEST, IncludedError, Text, expand
from cbpf.language.parser import parse
from tests.expressions.random import expressions
from tests.language.rendering import render


class Shelf:
    """Filters by name, as they would be in files."""

    def __init__(self, filters: Mapping[str, str]) -> None:
        self._filters = filters

    def text(self, name: str) -> Text | None:
        return Text(name, f"/{name}", self._filters[name]) if name in self._filters else None

    def names(self) -> Collection[str]:
        return self._filters.keys()


FILTERS = Shelf(
    {
        "dns": "port 53\n  or tcp port 853\n",
        "mdns": "\n\nudp port 5353",
        "names": "@dns or\n@mdns",
        "not-names": "not @names",
        "number": "len > 100",
        "tagged": "vlan 7",
        "wireless": "udp or\n  wlan type data",
        "wrong": "tcp\nor host 192.168.300.1",
        "misspelt": "udp\n\n  or prt 80 and tcp",
        "open": "(udp",
        "closing": "udp) or (tcp",
        "value": "80 or 443",
        "misaligned": "udp or net 192.0.2.1/24",
        "outer-wrong": "tcp and (\n@wrong)",
        "lost": "tcp\nor @nowhere",
        "a": "tcp or @b",
        "b": "udp or\n @c",
        "c": "@a and ip",
        "itself": "not @itself",
        "nothing": " \n ",
    }
)


def error_of(expression: str, shelf: Shelf = FILTERS) -> FilterError:
    with pytest.raises(FilterError) as caught:
        cbpf.compile(expression, library=shelf)
    return caught.value


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@dns", "(port 53 or tcp port 853)"),
        ("@dns and not @mdns", "(port 53 or tcp port 853) and not (udp port 5353)"),
        ("ip and\n@names", "ip and\n((port 53 or tcp port 853) or (udp port 5353))"),
        ("!@not-names", "!(not ((port 53 or tcp port 853) or (udp port 5353)))"),
        ("(@mdns)&&@mdns||ip", "((udp port 5353))&&(udp port 5353)||ip"),
        ("port 80 or @mdns or 443", "port 80 or (udp port 5353) or 443"),
        ("@tagged and @mdns", "(vlan 7) and (udp port 5353)"),
        ("  @number  ", "  (len > 100)  "),
        ("tcp", "tcp"),
        ("host \\a@dns", "host \\a@dns"),  # one token: a name that is escaped
        ("", ""),
    ],
)
def test_a_filter_is_included_in_parentheses(expression: str, expected: str) -> None:
    expansion = expand(expression, FILTERS)
    assert expansion.text == expected
    assert expansion.expression == expression


def test_filters_that_are_included_are_told() -> None:
    assert [text.name for text in expand("@names or @mdns or @dns", FILTERS).included] == ["names", "dns", "mdns"]


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Shelf, str]:
    """An expression with ``@name``s in it, the filters, which include others, and the same written out by hand."""
    texts: dict[str, str] = {}
    by_hand: dict[str, str] = {}
    pieces = expressions("EN10MB", 3)
    for name in ("x", "y-1", "2z"):
        written = draw(pieces)
        inner = draw(st.sampled_from(["", *by_hand]))
        joint = draw(st.sampled_from([" and ", "\nor\n\n  ", " or not "]))
        texts[name] = f"\n{written}{joint}@{inner}" if inner else f" {written}\n"
        by_hand[name] = f"{written}{joint}({by_hand[inner]})" if inner else written
    names = st.sampled_from(list(by_hand))
    parts = draw(st.lists(st.tuples(st.sampled_from(["", "not "]), st.one_of(pieces, names)), min_size=1, max_size=4))
    joints = draw(st.lists(st.sampled_from([" and ", " or "]), min_size=len(parts), max_size=len(parts)))
    with_names = without = ""
    for (negation, part), joint in zip(parts, joints, strict=True):
        before = joint if without else ""
        with_names += before + negation + (f"@{part}" if part in by_hand else f"({part})")
        without += before + negation + f"({by_hand.get(part, part)})"
    return with_names, Shelf(texts), without


@given(cases(), st.sampled_from(["EN10MB", "RAW", "NULL"]), st.booleans())
@settings(max_examples=70, deadline=None)
def test_inclusion_is_one_of_text(case: tuple[str, Shelf, str], linktype: str, optimize: bool) -> None:
    """The program, or else the error, is that of the text that somebody would have written."""
    expression, shelf, by_hand = case
    try:
        expected = cbpf.compile(by_hand, linktype, optimize=optimize)
    except FilterError as error:
        with pytest.raises(FilterError) as caught:
            cbpf.compile(expression, linktype, optimize=optimize, library=shelf)
        assert error.message in caught.value.message
        assert caught.value.reason is error.reason
        assert 0 <= caught.value.span.start <= caught.value.span.end <= len(expression)
        return
    found = cbpf.compile(expression, linktype, optimize=optimize, library=shelf)
    assert found.program == expected.program
    assert render(parse(expand(expression, shelf).text)) == render(parse(by_hand))


@given(cases())
@settings(max_examples=40, deadline=None)
def test_instructions_come_from_the_expression_as_it_was_written(case: tuple[str, Shelf, str]) -> None:
    expression, shelf, _ = case
    try:
        program = cbpf.compile(expression, optimize=False, library=shelf).program
    except FilterError:
        return
    assert program.expression == expression
    for spans in program.spans:
        for span in spans:
            text = expression[span.start : span.end]
            assert text
            assert "@" not in text or expression[span.start] == "@"


def test_an_instruction_of_a_filter_is_one_of_its_name() -> None:
    expression = "icmp or (@mdns and ip)"
    program = cbpf.compile(expression, library=FILTERS).program
    texts = {expression[span.start : span.end] for spans in program.spans for span in spans}
    assert {"icmp", "@mdns"} <= texts <= {"icmp", "@mdns", "ip"}


@pytest.mark.parametrize("spans", [[(0, 4)], [(0, 4), (9, 12)], [(9, 12)]])
def test_spans_of_the_expanded_text_are_found_in_the_expression(spans: list[tuple[int, int]]) -> None:
    expression = "@dns and tcp"
    expansion = expand(expression, FILTERS)
    for start, end in spans:
        there = {"@dns": Span(0, len("(port 53 or tcp port 853)")), "tcp": Span(len(expansion.text) - 3, 10**6)}
        assert expansion.written(there[expression[start:end]]) == Span(start, end)


# What is wrong with the expression.


@pytest.mark.parametrize(
    ("expression", "marked", "message", "hint"),
    [
        ("ip or @dms", "@dms", "there is no filter 'dms'", "Did you mean '@dns'?"),
        ("@Number", "@Number", "names are of small letters", "Did you mean '@number'?"),
        ("not @not_names", "@not_names", "names are of small letters", "Did you mean '@not-names'?"),
        ("@zzzzzzzzz", "@zzzzzzzzz", "there is no filter", "'cbpf filters list'"),
        ("port @dns", "@dns", "unexpected filter: an address", "stands for a condition"),
        ("port (80 or @dns)", "@dns", "unexpected filter: an address", "stands for a condition"),
        ("vlan @dns", "@dns", "unexpected filter: a number", "stands for a condition"),
        ("ip[@number] = 3", "@number", "unexpected filter: a number", "stands for a condition"),
        ("@number + 1 = 3", "@number", "unexpected filter: a number", "stands for a condition"),
        ("ip proto @dns", "@dns", "unexpected filter", "stands for a condition"),
        ("@dns port 80", "port", "two conditions need", "Did you mean '@dns and port 80'?"),
        ("@dns @mdns", "@mdns", "two conditions need", "Did you mean '@dns and @mdns'?"),
        ("tcp@dns", "@dns", "two conditions need", ""),
        ("(tcp)@dns", "@dns", "two conditions need", "Did you mean '(tcp)and @dns'?"),
        ("tcp prt 80 or @dns", "prt", "unexpected name", "Did you mean 'port'?"),
        ("ip and host 1.2.3.400 or @dns", "1.2.3.400", "not a valid IPv4 address", "Each group"),
        ("ip and @", "@", "must be followed by the name of a filter", ""),
        ("(@dns", "(", "never closed", ""),
        ("@mdns and tcp", "@mdns and tcp", "no packet can match", ""),
        ("@a", "@a", "a filter cannot include itself: @a includes @b includes @c includes @a", ""),
        ("udp or @c", "@c", "@c includes @a includes @b includes @c", ""),
        ("@itself", "@itself", "@itself includes @itself", ""),
        ("udp and @nothing", "@nothing", "there is no expression in filter 'nothing' (/nothing)", ""),
    ],
)
def test_errors_mark_their_place(expression: str, marked: str, message: str, hint: str) -> None:
    error = error_of(expression)
    assert message in error.message
    assert expression[error.span.start : error.span.end] == marked
    assert hint in (error.hint or "")
    if error.correction is not None:
        cbpf.compile(error.correction, library=FILTERS)


def test_there_are_no_filters_where_only_an_expression_is_read() -> None:
    with pytest.raises(FilterError, match="named filter"):
        parse("ip and @dns")


# What is wrong in a filter.


@pytest.mark.parametrize(
    ("expression", "marked", "name", "line", "excerpt", "reason"),
    [
        ("icmp or @wrong", "@wrong", "wrong", 2, "192.168.300.1", Reason.BAD_ADDRESS),
        ("@outer-wrong", "@outer-wrong", "wrong", 2, "192.168.300.1", Reason.BAD_ADDRESS),
        ("ip or @misspelt", "@misspelt", "misspelt", 3, "prt", Reason.SYNTAX),
        ("@open or tcp", "@open", "open", 1, "(", Reason.SYNTAX),
        ("@closing", "@closing", "closing", 1, ")", Reason.SYNTAX),
        ("port @value", "@value", None, 1, "", Reason.SYNTAX),
        ("not @value", "@value", "value", 1, "80", Reason.SYNTAX),
        ("@wireless", "@wireless", "wireless", 2, "wlan type data", Reason.NOT_ON_THIS_LINKTYPE),
        ("@misaligned", "@misaligned", "misaligned", 1, "net 192.0.2.1/24", Reason.BAD_ADDRESS),
        ("@lost", "@lost", "lost", 2, "@nowhere", Reason.UNKNOWN_NAME),
        ("ip and @a", "@a", "c", 1, "@a", Reason.OTHER),
    ],
)
def test_errors_in_filters(
    expression: str, marked: str, name: str | None, line: int, excerpt: str, reason: Reason
) -> None:
    error = error_of(expression)
    assert expression[error.span.start : error.span.end] == marked
    assert error.reason is reason
    if name is None:
        return
    assert isinstance(error, IncludedError)
    assert error.message.startswith(f"in filter '{name}' (/{name} line {line}): ")
    assert (error.path, error.line) == (f"/{name}", line)
    inner = error.inner
    assert inner.expression[inner.span.start : inner.span.end] == excerpt
    carets = [number for number, text in enumerate(str(error).splitlines()) if set(text.strip()) == {"^"}]
    lines = str(error).splitlines()
    shown = [lines[number - 1][lines[number].index("^") : lines[number].rindex("^") + 1] for number in carets]
    assert shown == [marked, excerpt]


def test_the_correction_of_a_filter_is_a_hint_about_it() -> None:
    error = error_of("ip or @misaligned")
    assert error.correction is None
    assert "192.0.2.0/24" in (error.hint or "")
    assert "Did you mean 'port'?" in str(error_of("@misspelt"))


def test_what_means_nothing_on_a_link_type_does_so_in_parentheses() -> None:
    assert cbpf.compile("@wireless", "IEEE802_11", library=FILTERS).program
    assert error_of("@wireless").reason is Reason.NOT_ON_THIS_LINKTYPE
    assert cbpf.FilterSet({"a": "@wireless", "b": "tcp"}, library=FILTERS).names == ("a", "b")


# Limits.


def chain(length: int) -> Shelf:
    return Shelf({f"f{number}": f"@f{number + 1}" for number in range(length - 1)} | {f"f{length - 1}": "tcp"})


def test_depth_is_limited() -> None:
    assert cbpf.compile("@f0", library=chain(DEEPEST)).program == cbpf.compile("tcp").program
    assert "deep" in error_of("@f0", chain(DEEPEST + 1)).message
    assert "deep" in error_of("@f0", chain(5000)).message
    halves = [f"@f{number}" for number in reversed(range(DEEPEST + 1))]  # each is known when it is included
    assert "deep" in error_of(" or ".join(halves), chain(DEEPEST + 1)).message


def test_exponential_growth_is_refused_before_it_happens() -> None:
    filters = {f"f{number}": f"@f{number + 1} or @f{number + 1}" for number in range(40)} | {"f40": "tcp"}
    error = error_of("ip and @f0", Shelf(filters))
    assert f"longer than {LONGEST} characters" in error.message
    assert error.span == Span(7, 10)


def test_large_filters_compile() -> None:
    ports = " or ".join(f"port {number}" for number in range(1, 300))
    shelf = Shelf({"many": ports, "more": "@many or " * 5 + "@many"})
    assert cbpf.compile("@more", library=shelf).program == cbpf.compile(ports).program

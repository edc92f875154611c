"""Every link type has exactly the features that the table of link types grants it, and says so where it lacks one."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError, Reason
from cbpf.engine import run
from cbpf.language.vocabulary import KEYWORDS
from cbpf.linktypes import NAMES
from cbpf.machine import verify
from tests.expressions import FixedNames
from tests.oracles import kernel_accepts, needs_kernel
from tests.symbolic import equivalent

from .compiling import optimized, plain

_SHARED: Final = Path(__file__).resolve().parents[2].parent / "shared"
_TABLE: Final = _SHARED / "linktypes.tsv"

# By column of the table: expressions that compile if and only if the link type has the feature.
PROBES = {
    "link_proto": ["link proto 1"],
    "link_broadcast": ["link broadcast"],
    "link_multicast": ["link multicast"],
    "link_host_mac48": ["link host a:b:c:d:e:f"],
    "link_host_mac8": ["link host $21"],
    "vlan": ["vlan", "vlan 5"],
    "mpls": ["mpls", "mpls 5"],
    "llc": ["llc", "llc rnr"],
    "wlan": ["type data", "dir fromds", "subtype beacon"],
    "inout": ["inbound", "outbound"],
    "ss7": ["fisu", "sio 1", "hopc 5"],
    "atm": ["vpi 1", "lane", "oam"],
    "pflog": ["reason match", "on em0", "rnr 5"],
    "ifindex": ["ifindex 7"],
    "radio_index": ["radio[0] = 1"],
}


def _rows() -> list[dict[str, str]]:
    if not _TABLE.exists():
        return []
    with _TABLE.open() as table:
        return list(csv.DictReader(table, delimiter="\t"))


ROWS: Final = _rows()
needs_table = pytest.mark.skipif(not ROWS, reason="no table of link types beside the repository")


def _reason(expression: str, linktype: str | int) -> Reason | None:
    """Why an expression is refused, None if it compiles."""
    try:
        cbpf.compile(expression, linktype, optimize=False, names=FixedNames())
    except FilterError as error:
        return error.reason
    return None


@needs_table
@pytest.mark.parametrize("feature", PROBES)
def test_every_link_type_has_the_features_of_the_table(feature: str) -> None:
    assert len(ROWS) == len(NAMES)
    for row in ROWS:
        expected = None if row[feature] == "yes" else Reason.NOT_ON_THIS_LINKTYPE
        for probe in PROBES[feature]:
            assert (row["dlt_name"], probe, _reason(probe, int(row["linktype_number"]))) == (
                row["dlt_name"],
                probe,
                expected,
            )


@needs_table
def test_headers_of_variable_length_have_no_protochain() -> None:
    refused = {row["dlt_name"] for row in ROWS if _reason("protochain 6", int(row["linktype_number"]))}
    assert refused == {row["dlt_name"] for row in ROWS if row["variable_header"] == "yes" or row["link_proto"] == "no"}


@pytest.mark.parametrize("linktype", sorted(NAMES))
def test_lengths_and_bytes_can_be_asked_for_everywhere(linktype: int) -> None:
    for expression in ("", "len > 5", "less 100", "greater 3 and not less 2"):
        assert _reason(expression, linktype) is None
    for expression in ("link[0] = 5", "byte 2 > 3", "ether[len - 1] & 1 = 0"):
        assert _reason(expression, linktype) is None
    for target_only in ("inbound", "outbound and ifindex 3"):
        assert cbpf.compile(target_only, linktype, target="linux")


def test_bytes_of_a_link_type_without_features_count_from_the_start() -> None:
    assert run(plain("link[1:2] = 0x0203 and byte 0 = 1", "USB_LINUX"), b"\1\2\3")
    assert not run(plain("link[1:2] = 0x0203", "USB_LINUX"), b"\0\1\2\3")


# What is missing, and the hint that says where it is not.
HINTS = {
    "fisu": "MTP2_WITH_PHDR, MTP2 and ERF have it.",
    "vpi 1": "SUNATM has it.",
    "lane": "SUNATM has it.",
    "reason match": "PFLOG has it.",
    "rnr 1": "PFLOG has it.",
    "radio[0] = 1": "PRISM_HEADER, IEEE802_11_RADIO and IEEE802_11_RADIO_AVS have it.",
    "type data": "IEEE802_11, PRISM_HEADER, IEEE802_11_RADIO, IEEE802_11_RADIO_AVS and PPI have it.",
    "link host $21": "ARCNET, ARCNET_LINUX and BACNET_MS_TP have it.",
    "ifindex 1": "LINUX_SLL2 has it. Where a filter runs in Linux it can be had: compile it with the target 'linux'.",
    "inbound": "Where a filter runs in Linux it can be had: compile it with the target 'linux'.",
}


@pytest.mark.parametrize("expression", HINTS)
def test_the_hint_says_which_link_types_have_it(expression: str) -> None:
    with pytest.raises(FilterError) as caught:
        cbpf.compile(expression, "EN10MB")
    assert (caught.value.reason, caught.value.hint) == (Reason.NOT_ON_THIS_LINKTYPE, HINTS[expression])


def test_a_hint_is_no_list() -> None:
    with pytest.raises(FilterError) as caught:
        cbpf.compile("broadcast", "RAW")
    assert caught.value.hint is None


# Names that mean something in one place only, in any case; others are refused with those that exist.
NAMES_OF = {
    "PFLOG": ["reason MATCH", "action Drop", "reason no-route", "action nat64"],
    "IEEE802_11": ["type MGT", "subtype Beacon", "dir ToDS", "type ctl subtype BA"],
    "EN10MB": ["llc RR", "llc Xid"],
}


@pytest.mark.parametrize("linktype", NAMES_OF)
def test_names_are_known_in_any_case(linktype: str) -> None:
    for expression in NAMES_OF[linktype]:
        assert plain(expression, linktype) == plain(expression.lower(), linktype)


@pytest.mark.parametrize(
    ("linktype", "expression", "marked", "hint"),
    [
        ("PFLOG", "reason nix", "nix", "match, bad-offset, fragment"),
        ("PFLOG", "ip and action nix", "nix", "pass, accept, drop"),
        ("IEEE802_11", "dir nix", "nix", "nods, tods, fromds, dstods"),
        ("IEEE802_11", "type nix", "nix", "mgt, management, ctl, control, data"),
        ("IEEE802_11", "type ctl subtype beacon", "beacon", "bar, ba, ps-poll, rts, cts, ack, cf-end, cf-end-ack"),
        ("PPI", "subtype nix", "nix", "beacon"),
        ("SUNATM", "llc nix", "nix", "i, s, u, rr"),
    ],
)
def test_unknown_names(linktype: str, expression: str, marked: str, hint: str) -> None:
    with pytest.raises(FilterError) as caught:
        cbpf.compile(expression, linktype)
    error = caught.value
    assert error.reason is Reason.UNKNOWN_NAME
    assert expression[error.span.start : error.span.end] == marked
    assert error.hint is not None
    assert hint in error.hint


@pytest.mark.parametrize(
    ("linktype", "expression"),
    [
        *(("IEEE802_11", text) for text in ("type 1", "type 16", "type 0 subtype 8", "type 8 subtype 0x100", "dir 4")),
        *(("SUNATM", text) for text in ("vpi 256", "vci 65536", "vci (5 or 65536)")),
        *(("ERF", text) for text in ("sio 256", "opc > 16384", "dpc 16384", "hsls 16", "sls (3 or 16)")),
        *(("PFLOG", text) for text in ("on abcdefghijklmnop", "rset abcdefghijklmnop")),
        *(("PPP_BSDOS", text) for text in ("link proto 65536", "pppoes 65536")),
        *(("FDDI", text) for text in ("link proto 256", "link proto 1500", "link proto 65536")),
        ("JUNIPER_ES", "ip proto 256"),
    ],
)
def test_numbers_that_are_too_great(linktype: str, expression: str) -> None:
    assert _reason(expression, linktype) is Reason.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("linktype", "expression"),
    [
        ("SUNATM", "lane and vpi 5"),
        ("SUNATM", "lane and lane"),
        ("SUNATM", "link host 1:2:3:4:5:6"),
        ("SUNATM", "vlan or lane"),
        ("IEEE802_11", "pppoes and type data"),
        ("PFLOG", "geneve and reason match"),
        ("LINUX_SLL2", "pppoes and ifindex 5"),
        ("PPP_PPPD", "vxlan and inbound"),
        ("DSA_TAG_DSA", "mpls and vlan"),
        ("HDLC", "mpls and arp"),
    ],
)
def test_what_is_not_inside(linktype: str, expression: str) -> None:
    assert _reason(expression, linktype) is Reason.NOT_ON_THIS_LINKTYPE


@pytest.mark.parametrize("direction", ["addr1", "addr2", "addr3", "addr4", "ra", "ta"])
def test_particular_addresses_are_for_802_11_only(direction: str) -> None:
    expression = f"wlan {direction} 1:2:3:4:5:6"
    for linktype in ("IEEE802_11", "PPI"):
        assert _reason(expression, linktype) is None
        assert _reason(f"vxlan and {expression}", linktype) is Reason.DIRECTION_NEEDS_WLAN
    assert _reason(expression, "FDDI") is Reason.DIRECTION_NEEDS_WLAN
    assert _reason(f"link {direction} $21", "ARCNET") is Reason.DIRECTION_NEEDS_WLAN


# Whatever the text.

_SIGNS = "( ) [ ] : = != < > + - * / & | <<".split()
_VALUES = (
    "80 5 1.2.3.4 10.0.0.0/8 ::1 fe80::/10 1:2:3:4:5:6 $12 1.2 web router nosuch 0xffffffff 65536 \\tcp em0".split()
)
_WORDS = st.sampled_from([*KEYWORDS, *KEYWORDS, *_VALUES * 5, *_SIGNS, *"beacon data tods match pass ui".split() * 2])


@settings(max_examples=500, deadline=None)
@given(
    st.lists(_WORDS, max_size=8).map(" ".join), st.sampled_from(sorted(NAMES)), st.sampled_from(("savefile", "linux"))
)
def test_any_words_compile_or_are_refused(text: str, linktype: int, target: str) -> None:
    try:
        cbpf.compile(text, linktype, netmask="255.0.0.0", names=FixedNames(), target=target)
    except FilterError as error:
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert error.message


# The collection of expressions.


def _collection(name: str) -> list[list[str]]:
    path = _SHARED / "corpus" / name
    return [line.split("\t") for line in path.read_text().rstrip("\n").split("\n")[1:]] if path.exists() else []


ACCEPTED: Final = [(linktype, text, netmask or None) for _, linktype, _, netmask, text in _collection("accepted.tsv")]
REFUSED: Final = _collection("rejected.tsv")
needs_collection = pytest.mark.skipif(not ACCEPTED, reason="no collection of expressions beside the repository")


@needs_collection
def test_all_that_must_compile_does_and_is_valid() -> None:
    for linktype, expression, netmask in ACCEPTED:
        for compiled in (plain, optimized):
            verify(compiled(expression, linktype, netmask))


@needs_kernel
@needs_collection
def test_the_kernel_takes_what_compiles() -> None:
    for linktype, expression, netmask in ACCEPTED:
        for compiled in (plain, optimized):
            assert kernel_accepts(compiled(expression, linktype, netmask)), (linktype, expression)


@needs_collection
def test_all_that_must_be_refused_is() -> None:
    """`link proto` where no protocol is named is of the collection's class for everything else."""
    for linktype, expression, reason in REFUSED:
        other = {"other": Reason.NOT_ON_THIS_LINKTYPE} if expression == "link proto 1" else {}
        expected = other.get(reason, reason)
        with pytest.raises(FilterError) as caught:
            cbpf.compile(expression, linktype, names=FixedNames())
        assert (linktype, expression, caught.value.reason) == (linktype, expression, expected)


@needs_collection
@pytest.mark.parametrize("linktype", sorted({row[0] for row in ACCEPTED}))
def test_the_optimizer_changes_nothing(linktype: str) -> None:
    for _, expression, netmask in (row for row in ACCEPTED if row[0] == linktype):
        before, after = (compiled(expression, linktype, netmask) for compiled in (plain, optimized))
        assert (expression, equivalent(before, after)) == (expression, None)

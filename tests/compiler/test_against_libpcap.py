"""What we compile without optimization against what libpcap 1.10.3 compiles without optimization, by proof.

The programs must agree on every packet, truncated ones included. Where they need not, ``excuses`` has a part of the
expression in one of its tables, with the reason; and it is tested that there is an expression where they do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cbpf import FilterError, Program, Reason
from cbpf.engine import PythonEngine, run
from tests import libpcap
from tests.expressions import EXPRESSIONS, NETMASK, TUNNELS, combined, conditions
from tests.linktypes import ANY_OTHER, KNOWN, THIRDS, has, some_of
from tests.oracles import needs_libpcap
from tests.packets import packets
from tests.shared import accepted
from tests.symbolic import Claim, Counterexample, equivalent

from .compiling import plain
from .excuses import (
    FAULTS,
    LENIENT,
    LOADS_MORE,
    LONG_HEADER,
    NOT_PROVED,
    UNKNOWN,
    VERSION,
    Excuse,
    libpcap_program,
    listed,
    within_reach,
)

pytestmark = [
    needs_libpcap,
    pytest.mark.skipif(needs_libpcap.args[0] or libpcap.version() != VERSION, reason=f"not libpcap {VERSION}"),
]

Row = tuple[str, str, str]  # link type, expression, netmask

ROWS: Final[list[Row]] = sorted(
    {(linktype, expression, NETMASK) for linktype, expression in EXPRESSIONS + TUNNELS}
    | {(row.linktype, row.expression, row.netmask or NETMASK) for row in accepted()}
)


def _theirs(row: Row) -> Program:
    linktype, expression, netmask = row
    number = int.from_bytes(bytes(map(int, netmask.split("."))))
    return libpcap_program(within_reach(expression, linktype), linktype, number)


def _ours(row: Row) -> Program:
    linktype, expression, netmask = row
    return plain(within_reach(expression, linktype), linktype, netmask)


def _difference(row: Row, claim: Claim) -> Counterexample | None:
    return equivalent(_ours(row), _theirs(row), claim)


def _complaints(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        linktype, expression, _ = row
        claim = Claim.WHERE_SECOND_LOADED if listed(LOADS_MORE, expression, linktype) else Claim.EVERYWHERE
        found = _difference(row, claim)
        if found:
            yield f"{expression!r}: {found}"


def _is_compared(row: Row) -> bool:
    return not (listed(UNKNOWN, row[1], row[0]) or listed(FAULTS + NOT_PROVED, row[1], row[0]))


@pytest.mark.parametrize("linktype", some_of((*KNOWN, ANY_OTHER)))
@pytest.mark.parametrize("third", THIRDS)
def test_the_same_verdict_on_every_packet(linktype: str, third: int) -> None:
    rows = [row for row in ROWS if row[0] == linktype and _is_compared(row)]
    assert not list(_complaints(rows[third::3]))


def test_most_rows_need_no_excuse() -> None:
    rows = [row for row in ROWS if not listed(UNKNOWN, row[1], row[0])]
    excused = [row for row in rows if listed(FAULTS + LOADS_MORE, row[1], row[0])]
    assert len(rows) > 2000
    assert len(excused) < len(rows) / 6  # the tables of this project seek the faults out


@pytest.mark.parametrize("excuse", FAULTS + LOADS_MORE, ids=lambda excuse: excuse.reason)
def test_every_excuse_is_needed(excuse: Excuse) -> None:
    excused = [row for row in ROWS if excuse.holds(row[1], row[0]) and not listed(UNKNOWN, row[1], row[0])]
    proved = [row for row in excused if not listed(NOT_PROVED, row[1], row[0])]
    if proved:
        assert any(_difference(row, Claim.EVERYWHERE) for row in proved)
    else:
        assert any(_differing(_ours(row), _theirs(row), row[0]) for row in excused)


@pytest.mark.parametrize("excuse", UNKNOWN, ids=lambda excuse: excuse.reason)
def test_libpcap_refuses_what_it_does_not_know(excuse: Excuse) -> None:
    refused = [row for row in ROWS if excuse.holds(row[1], row[0])]
    assert refused
    for row in refused:
        with pytest.raises(libpcap.Refused):
            _theirs(row)


@pytest.mark.parametrize("expression", ["lane and lane", "lane and vci 5", "pppoes and metac", "lane or sc"])
def test_where_libpcap_is_lenient(expression: str) -> None:
    assert listed(LENIENT, expression, "SUNATM")
    assert len(_theirs(("SUNATM", expression, NETMASK))) > 2
    with pytest.raises(FilterError) as caught:
        _ours(("SUNATM", expression, NETMASK))
    assert caught.value.reason is Reason.NOT_ON_THIS_LINKTYPE


# Random expressions, of conditions that are not at fault in libpcap.
_FAULTY = re.compile(r"protochain|byte|ip multicast|\biso\b|isis|\bl1\b|\bipx\b|stp|vxlan|geneve|0xfe|atalk|::|/0$")


def _is_sound(condition: str, linktype: str) -> bool:
    if has(linktype, "variable header") and "[" in condition:
        return False  # libpcap keeps operands in the same cells as offsets
    return not (_FAULTY.search(condition) or listed(UNKNOWN + FAULTS + LOADS_MORE, condition, linktype))


def _is_fixed(condition: str, linktype: str) -> bool:
    """Whether all packets of a link type say the same, as to `tcp or ip6` on IPV6 or to `llc` on FDDI."""
    try:
        return len(plain(condition, linktype)) == 1
    except FilterError:
        return False


@pytest.mark.parametrize("linktype", some_of(KNOWN))
def test_random_expressions(linktype: str) -> None:
    """What a link type fixes takes away tests beside it, whose loads libpcap makes: no word of packets cut short."""
    sound = [condition for condition in conditions(linktype) if _is_sound(condition, linktype)]
    loads_less = has(linktype, "ss7") or any(_is_fixed(condition, linktype) for condition in sound)
    claim = Claim.WHERE_SECOND_LOADED if loads_less else Claim.EVERYWHERE

    @settings(max_examples=40, deadline=None)
    @given(combined(st.sampled_from(sound), 8))
    def check(expression: str) -> None:
        row = (linktype, expression, NETMASK)
        if listed(LENIENT, expression, linktype):
            with pytest.raises(FilterError):
                _ours(row)
            assume(False)
        try:
            theirs = _theirs(row)
        except libpcap.Refused:
            with pytest.raises(FilterError):
                _ours(row)
            assume(False)
        if linktype in LONG_HEADER:
            assert _differing(_ours(row), theirs, linktype) == []
        else:
            assert equivalent(_ours(row), theirs, claim) is None

    check()


@pytest.mark.parametrize("linktype", [name for name in KNOWN if has(name, "protocols")])
def test_what_is_not_proved_on_random_packets(linktype: str) -> None:
    """Loops of libpcap, and what z3 takes too long for."""
    rows = [row for row in ROWS if row[0] == linktype and listed(NOT_PROVED, row[1], linktype)]
    rows = [row for row in rows if not listed(UNKNOWN + FAULTS + LOADS_MORE, row[1], linktype)]
    found = {row[1]: _differing(_ours(row), _theirs(row), linktype) for row in rows}
    assert [pair for pair in found.items() if pair[1]] == []


def _differing(ours: Program, theirs: Program, linktype: str) -> list[str]:
    """The packets that two programs judge differently. An AH leads libpcap's `protochain` astray: none with one."""
    engines = PythonEngine(ours), PythonEngine(theirs)
    tried = [packet for packet in packets(linktype, 1, 200) if b"\x33" not in packet]
    return [packet.hex() for packet in tried if engines[0].run(packet) != engines[1].run(packet)]


# `protochain`, which is a loop in libpcap.
_WALKED = (0, 43, 44, 60)


def _chain(random: Random, headers: int) -> bytes:
    """IPv6 with so many extension headers, an authentication header as the last of them at times, and TCP."""
    kinds = [random.choice(_WALKED) for _ in range(headers)]
    authenticated = headers > 0 and random.random() < 0.3
    if authenticated:
        kinds[-1] = 51
    kinds.append(random.choice((6, 17, 59) if authenticated else (6, 17, 59, 44)))
    octets = b""
    for kind, following in pairwise(kinds):
        length = random.choice((0, 0, 1, 3))
        octets += bytes((following, length)).ljust((length + 2) * 4 if kind == 51 else (length + 1) * 8, b"\6")
    packet = b"\x60\0\0\0" + len(octets).to_bytes(2) + bytes((kinds[0], 64)) + bytes(32) + octets + bytes(20)
    return packet[: random.randrange(len(packet) + 1)] if random.random() < 0.3 else packet


@pytest.mark.parametrize("expression", ["ip6 protochain 6", "protochain 17 or len = 44", "not ip6 protochain 44"])
def test_protochain(expression: str) -> None:
    ours, theirs = plain(expression, "IPV6"), _theirs(("IPV6", expression, NETMASK))
    random = Random(1)
    verdicts = set()
    for _ in range(400):
        packet = _chain(random, random.randrange(7))
        assert run(ours, packet) == run(theirs, packet), packet.hex()
        verdicts.add(run(ours, packet))
    assert len(verdicts) == 2


def test_protochain_over_ipv4() -> None:
    ours, theirs = plain("ip protochain 6", "IPV4"), _theirs(("IPV4", "ip protochain 6", NETMASK))
    for protocol, following, length in (
        (6, 0, 0),
        (51, 6, 4),
        (51, 17, 4),
        (51, 59, 4),
        (17, 6, 0),
        (50, 6, 0),
        (0, 6, 0),
    ):
        packet = b"\x46" + bytes(8) + bytes((protocol,)) + bytes(14) + bytes((following, length)) + bytes(60)
        assert run(ours, packet) == run(theirs, packet)
    assert run(ours, b"\x45" + bytes(8) + b"\6" + bytes(30)) > 0


def test_an_authentication_header_is_passed_over_by_its_length() -> None:
    """libpcap 1.10.3 looks for what follows the header behind it at the wrong place."""
    packet = b"\x60\0\0\0\0\x20" + bytes((51, 64)) + bytes(32)
    packet += bytes((60, 4)).ljust(24, b"\0") + bytes((6, 0)).ljust(8, b"\0") + bytes(20)
    verdicts = [
        run(program, packet) for program in (plain("protochain 6", "IPV6"), _theirs(("IPV6", "protochain 6", NETMASK)))
    ]
    assert verdicts[0] > 0
    assert verdicts[1] == 0

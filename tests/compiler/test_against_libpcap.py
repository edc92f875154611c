"""What we compile without optimization against what libpcap 1.10.3 compiles without optimization, by proof.

The programs must agree on every packet, truncated ones included. Where they need not, a part of the expression is in
one of the tables here, with the reason; and it is tested that there is an expression where they do not.
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

from cbpf import FilterError, Program
from cbpf.engine import run
from tests import libpcap
from tests.expressions import EXPRESSIONS, NETMASK, TUNNELS, combined, conditions
from tests.oracles import needs_libpcap
from tests.shared import LINKTYPES, accepted
from tests.symbolic import Claim, Counterexample, equivalent

from .compiling import plain

VERSION: Final = "1.10.3"
pytestmark = [
    needs_libpcap,
    pytest.mark.skipif(needs_libpcap.args[0] or libpcap.version() != VERSION, reason=f"not libpcap {VERSION}"),
]

# What libpcap does not compile, by a part of the expression.
UNKNOWN = {
    r"\bvxlan\b": "a keyword since 1.11",
    r"\blldp\b": "a name since 1.11",
    r"1 << \(32 - 1\)": "takes the first constant of a shift's right operand for its value",
}

# What means something else to libpcap, by a part of the expression.
FAULTS = {
    r"^(l1|l2|iih|lsp|c?snp|psnp)$|^isis proto": "compares all of the PDU type byte; three of its bits are reserved",
    r"\bip multicast": "takes 240.0.0.0/4 for multicast",
    r"\bbyte \d+ &": "'byte N & M' never matches",
    r"\bbyte \d+ \|": "'byte N | M' always matches, without a load",
    r"1 \+ tcp\[0\]|^0 - ip\[0\]|len [/%] \(?ip\[|\(0/ip\[8\]\)|1 << ip\[|ether\[4:4\] \^ ip6|0&tcp\[9\]": (
        "forgets what the right operand of an operator implies"
    ),
    r"^isis proto 20 or clnp$": "looks for the OSI protocol at the DSAP",
    r"atalk or aarp or iso|ether proto 0x88cc or ether proto 6": "compares SAPs with LINUX_SLL2's protocol field",
}

# What libpcap loads more of, so that it rejects some packets that are cut short, by a part of the expression.
LOADS_MORE = {
    r"net [0-9a-f]+:[0-9a-f:.]*/([1-9]|[1-8]\d|9[0-6])\b|net ::/0": "words of which the mask leaves nothing",
    r"ip\[-2:2\]": "an index that wraps, which its interpreter refuses",
    r"^mpls and geneve and ip$": "a bottom-of-stack bit inside the tunnel, where there are no labels",
}

# Where z3 cannot tell in reasonable time, or programs loop: those are run instead, below.
NOT_PROVED = r"^geneve and geneve|protochain"

ROWS = sorted(
    {(linktype, expression, NETMASK) for linktype, expression in EXPRESSIONS + TUNNELS}
    | {(row.linktype, row.expression, row.netmask or NETMASK) for row in accepted()}
)


def _compiled(expression: str, linktype: str, netmask: str = NETMASK) -> Program:
    return libpcap.compile_expression(expression, linktype, netmask=_number(netmask))


def _number(netmask: str) -> int:
    return int.from_bytes(bytes(map(int, netmask.split("."))))


def _within_reach(expression: str, linktype: str) -> str:
    """On NULL libpcap only knows the byte order of the file: leave out packets of the other."""
    return f"link[3] = 0 and ({expression})" if linktype == "NULL" and expression else expression


def _listed(table: dict[str, str], expression: str) -> bool:
    return any(re.search(pattern, expression) for pattern in table)


def _complaints(linktype: str) -> Iterator[str]:
    for _, row, netmask in (row for row in ROWS if row[0] == linktype):
        if not (_listed(UNKNOWN, row) or _listed(FAULTS, row) or re.search(NOT_PROVED, row)):
            claim = Claim.WHERE_SECOND_LOADED if _listed(LOADS_MORE, row) else Claim.EVERYWHERE
            found = _difference(linktype, row, netmask, claim)
            if found:
                yield f"{row!r}: {found}"


def _difference(linktype: str, row: str, netmask: str, claim: Claim) -> Counterexample | None:
    expression = _within_reach(row, linktype)
    return equivalent(plain(expression, linktype, netmask), _compiled(expression, linktype, netmask), claim)


@pytest.mark.parametrize("linktype", LINKTYPES)
def test_the_same_verdict_on_every_packet(linktype: str) -> None:
    assert not list(_complaints(linktype))


def test_most_rows_need_no_excuse() -> None:
    excused = [row for row in ROWS if any(_listed(table, row[1]) for table in (UNKNOWN, FAULTS, LOADS_MORE))]
    assert len(ROWS) > 250
    assert len(excused) < len(ROWS) / 3  # the tables of this project seek the faults out


@pytest.mark.parametrize("pattern", [*FAULTS, *LOADS_MORE])
def test_every_excuse_is_needed(pattern: str) -> None:
    excused = [row for row in ROWS if re.search(pattern, row[1]) and not re.search(NOT_PROVED, row[1])]
    assert any(_difference(*row, Claim.EVERYWHERE) for row in excused)


@pytest.mark.parametrize("pattern", UNKNOWN)
def test_libpcap_refuses_what_it_does_not_know(pattern: str) -> None:
    refused = [(linktype, expression) for linktype, expression, _ in ROWS if re.search(pattern, expression)]
    assert refused
    for linktype, expression in refused:
        with pytest.raises(libpcap.Refused):
            _compiled(expression, linktype)


# Random expressions, of conditions that are not at fault in libpcap. Some of what a link type fixes, as in `tcp or
# ip6` on IPV6, is a test with loads to libpcap 1.10.3, so that packets cut short are only looked at elsewhere.
_FIXING: Final = frozenset({"RAW", "IPV4", "IPV6", "NULL", "LOOP"})
_FAULTY = re.compile(r"protochain|byte|ip multicast|\biso\b|isis|\bl1\b|\bipx\b|stp|vxlan|geneve|0xfe|atalk|::|/0$")


@pytest.mark.parametrize("linktype", LINKTYPES)
def test_random_expressions(linktype: str) -> None:
    claim = Claim.WHERE_SECOND_LOADED if linktype in _FIXING else Claim.EVERYWHERE
    sound = [condition for condition in conditions(linktype) if not _FAULTY.search(condition)]

    @settings(max_examples=40, deadline=None)
    @given(combined(st.sampled_from(sound), 8))
    def check(drawn: str) -> None:
        expression = _within_reach(drawn, linktype)
        try:
            theirs = _compiled(expression, linktype)
        except libpcap.Refused:
            with pytest.raises(FilterError):
                plain(expression, linktype)
            assume(False)
        assert equivalent(plain(expression, linktype), theirs, claim) is None

    check()


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
    ours, theirs = plain(expression, "IPV6"), _compiled(expression, "IPV6")
    random = Random(1)
    verdicts = set()
    for _ in range(400):
        packet = _chain(random, random.randrange(7))
        assert run(ours, packet) == run(theirs, packet), packet.hex()
        verdicts.add(run(ours, packet))
    assert len(verdicts) == 2


def test_protochain_over_ipv4() -> None:
    ours, theirs = plain("ip protochain 6", "IPV4"), _compiled("ip protochain 6", "IPV4")
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
    verdicts = [run(program, packet) for program in (plain("protochain 6", "IPV6"), _compiled("protochain 6", "IPV6"))]
    assert verdicts[0] > 0
    assert verdicts[1] == 0

"""Every program the compiler makes is one that libpcap and Linux agree to run; the running kernel is asked, too."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings

from cbpf import FilterError, Program
from cbpf.machine import verify
from tests.expressions import EXPRESSIONS, NAMED, TUNNELS, FixedNames, expressions
from tests.linktypes import ANY_OTHER, KNOWN, OTHERS, some_of
from tests.oracles import kernel_accepts, needs_kernel

from .compiling import optimized, plain

# Whose parts are far apart, so that returns and jumps stand between them; or which are just long.
LONG = (
    "tcp and not geneve",
    "not tcp port 80 or not protochain 6",
    "not (ip6 protochain 58 and protochain 6)",
    "arp or not (geneve or vxlan and not tcp)",
    "arp and not vxlan",
    " or ".join(f"host 10.0.{number // 200}.{number % 200}" for number in range(100)),
    "tcp port (" + " or ".join(str(number) for number in range(100)) + ")",
    "not (" + " or ".join(f"net 10.{number}.0.0/16 and port {number}" for number in range(30)) + ") or arp[7] = len",
)


def _programs(linktype: str) -> list[Program]:
    rows = [expression for where, expression in EXPRESSIONS + TUNNELS if where == linktype]
    programs = [compiled(row, linktype) for row in rows for compiled in (plain, optimized)]
    if linktype == "EN10MB":
        names = FixedNames()
        programs += [compiled(row, linktype, names=names) for row in NAMED for compiled in (plain, optimized)]
        programs += [compiled(row, linktype) for row in LONG for compiled in (plain, optimized)]
    return programs


@pytest.mark.parametrize("linktype", some_of((*KNOWN, ANY_OTHER)))
def test_the_verifier_takes_every_program(linktype: str) -> None:
    for program in _programs(linktype):
        verify(program)


@pytest.mark.parametrize("linktype", OTHERS)
def test_the_same_programs_where_filters_know_only_bytes(linktype: str) -> None:
    """What holds of one of these link types need not be shown for another."""
    assert _programs(linktype) == _programs(ANY_OTHER)


@needs_kernel
@pytest.mark.parametrize("linktype", some_of((*KNOWN, ANY_OTHER)))
def test_the_kernel_takes_every_program(linktype: str) -> None:
    assert [program for program in _programs(linktype) if not kernel_accepts(program)] == []


@pytest.mark.parametrize("linktype", some_of((*KNOWN, ANY_OTHER)))
def test_the_verifier_takes_random_programs(linktype: str) -> None:
    @settings(max_examples=80, deadline=None)
    @given(expressions(linktype, 12))
    def check(expression: str) -> None:
        try:
            programs = [plain(expression, linktype), optimized(expression, linktype)]
        except FilterError:
            assume(False)
        for program in programs:
            verify(program)

    check()

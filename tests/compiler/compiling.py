"""What the tests of the compiler share: an expression as the programs that the compiler makes of it."""

from __future__ import annotations

from functools import cache

import cbpf
from cbpf import FilterError, Program, Reason
from cbpf.language.names import Names
from cbpf.machine import opcodes as op
from tests.expressions import NETMASK

NOTHING = Program([(op.RET | op.K, 0, 0, 0)])


@cache
def plain(expression: str, linktype: str, netmask: str | None = NETMASK, names: Names | None = None) -> Program:
    """The program without optimization."""
    return cbpf.compile(expression, linktype, netmask=netmask, optimize=False, names=names).program


@cache
def optimized(expression: str, linktype: str, netmask: str | None = NETMASK, names: Names | None = None) -> Program:
    """The optimized program: one that rejects everything where the compiler says that nothing can match."""
    try:
        return cbpf.compile(expression, linktype, netmask=netmask, names=names).program
    except FilterError as error:
        if error.reason is not Reason.MATCHES_NOTHING:
            raise
        return NOTHING

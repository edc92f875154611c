from __future__ import annotations

from cbpf.machine import Program
from cbpf.machine.opcodes import RET, ST, SYNTAX, Ancillary, K
from tests.oracles import kernel_accepts, needs_kernel


@needs_kernel
def test_the_kernel_accepts_exactly_these_opcodes() -> None:
    accepted = {code for code in range(0x400) if kernel_accepts(Program([(ST, 0, 0, 1), (code, 0, 0, 1), _RET, _RET]))}
    assert accepted == set(SYNTAX)


@needs_kernel
def test_the_kernel_accepts_exactly_these_ancillary_loads() -> None:
    offsets = range(0xFFFFF000, 0xFFFFF100)
    accepted = {k - 0xFFFFF000 for k in offsets if kernel_accepts(Program([(0x20, 0, 0, k), _RET]))}
    assert accepted == set(Ancillary)


def test_no_spelling_stands_for_two_opcodes() -> None:
    assert len(set(SYNTAX.values())) == len(SYNTAX)


_RET = (RET | K, 0, 0, 0)

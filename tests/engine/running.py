"""Running a program in every way there is, which must all give one verdict."""

from __future__ import annotations

from collections.abc import Mapping

from cbpf.engine import NO_ANCILLARY, PythonEngine, Semantics, run, steps
from cbpf.machine import Program, assemble


def verdict(
    program: Program | str,
    packet: bytes = b"",
    wirelen: int | None = None,
    *,
    semantics: Semantics = "libpcap",
    ancillary: Mapping[int, int] = NO_ANCILLARY,
) -> int:
    """The verdict of a program, or of one in bpf_asm, after checking that all agree on it."""
    if isinstance(program, str):
        program = assemble(program)
    answer = run(program, packet, wirelen, semantics=semantics, ancillary=ancillary)
    *_, last = steps(program, packet, wirelen, semantics=semantics, ancillary=ancillary)
    assert last.verdict == answer
    engine = PythonEngine(program, semantics=semantics)
    for view in (packet, bytearray(packet), memoryview(packet)):
        assert engine.run(view, wirelen, ancillary) == answer
    return answer

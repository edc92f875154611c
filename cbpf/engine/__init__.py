"""Running programs over packets.

``run`` and ``steps`` are the reference interpreter, which is the definition of the machine: small, exact, slow.
``PythonEngine`` is one program made ready for many packets, with the same verdicts ten times as fast; ``NativeEngine``
in ``cbpf.engine.native`` is that in machine code, a hundred times as fast. ``engine`` makes the fastest that there is.

A verdict is the number of bytes to keep, 0 if the packet is rejected. Machines differ in corners, so each of these
takes ``semantics``: "libpcap", the default, or "linux". ``cbpf.engine.meaning`` has the list of differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from warnings import warn

from cbpf.engine.interpreter import NO_ANCILLARY, STEP_LIMIT, Semantics, State, Step, run, steps
from cbpf.engine.meaning import Load, Packet
from cbpf.engine.translator import PythonEngine, RunFunction, translate

if TYPE_CHECKING:
    from cbpf.engine.native import NativeEngine
    from cbpf.machine import Program

__all__ = [
    "NO_ANCILLARY",
    "STEP_LIMIT",
    "Load",
    "Packet",
    "PythonEngine",
    "RunFunction",
    "Semantics",
    "State",
    "Step",
    "engine",
    "run",
    "steps",
    "translate",
]


def engine(program: Program, *, semantics: Semantics = "libpcap") -> NativeEngine | PythonEngine:
    """``program`` as machine code if that is to be had, else in Python, which is warned about (RuntimeWarning).

    Raises ProgramError if the machine whose ``semantics`` these are would refuse the program.
    """
    from cbpf.engine.llvm import NoNativeCode

    try:
        from cbpf.engine.native import NativeEngine

        return NativeEngine(program, semantics=semantics)
    except NoNativeCode as reason:
        warn(str(reason), RuntimeWarning, stacklevel=2)
        return PythonEngine(program, semantics=semantics)

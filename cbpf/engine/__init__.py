"""Running programs over packets.

``run`` and ``steps`` are the reference interpreter, which is the definition of the machine: small, exact, slow.
``PythonEngine`` is one program made ready for many packets, with the same verdicts ten times as fast.

A verdict is the number of bytes to keep, 0 if the packet is rejected. Machines differ in corners, so each of these
takes ``semantics``: "libpcap", the default, or "linux". ``cbpf.engine.meaning`` has the list of differences.
"""

from __future__ import annotations

from cbpf.engine.interpreter import NO_ANCILLARY, STEP_LIMIT, Semantics, State, Step, run, steps
from cbpf.engine.meaning import Load, Packet
from cbpf.engine.translator import PythonEngine, RunFunction, translate

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
    "run",
    "steps",
    "translate",
]

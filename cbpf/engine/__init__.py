"""Running a program over packets: the reference interpreter, which is the definition of the machine."""

from __future__ import annotations

from cbpf.engine.interpreter import STEP_LIMIT, Semantics, State, Step, run, steps
from cbpf.engine.meaning import Load

__all__ = ["STEP_LIMIT", "Load", "Semantics", "State", "Step", "run", "steps"]

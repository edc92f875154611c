"""The A/X machine: its instruction set, its programs, and the texts they are written in."""

from __future__ import annotations

from cbpf.machine.program import DEFAULT_SNAPLEN, Instruction, Program

__all__ = ["DEFAULT_SNAPLEN", "Instruction", "Program"]

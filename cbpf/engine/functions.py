"""Programs as functions in LLVM's language, which takes them for what they mean to the interpreter.

A program is there in two kinds of code, if it is not too long. Which one a packet runs through is asked once, by how
far the loads at fixed places go: code that jumps is without checks for packets that have as many bytes; code that does
not jump is for packets with as many bytes in memory, and checks on the side. All others run through code that checks
every load. Long programs are not compiled but interpreted, by a kernel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from cbpf.engine.bytecode import ENDLESS, encoded, interpret
from cbpf.engine.instructions import LONGEST_LOAD, REGISTERS, Branches, Code, Straight, absolute_ends, loops
from cbpf.engine.interpreter import STEP_LIMIT, Semantics
from cbpf.engine.kernel import DECLARATIONS, compiled
from cbpf.machine.opcodes import SCRATCH_CELLS
from cbpf.machine.program import Program

MOST_COMPILED: Final = 1_000
"""Instructions of a program that is worth machine code of its own; longer ones are interpreted by machine code."""

# Beyond this many bytes, loads at fixed places are checked one by one: not every packet is that long.
_FARTHEST_ASSURED: Final = 128
_MOST_DOUBLED: Final = 200  # instructions of a program that is worth being there twice
_MOST_STRAIGHT: Final = 40  # instructions that are executed sooner than a mistaken jump is taken back


def definition(program: Program, name: str, semantics: Semantics = "libpcap", *, straight: bool = False) -> str:
    """The function ``i64 @name(i64 packet, i64 caplen, i64 wirelen, i64 readable)`` for a valid program.

    ``packet`` is the address of the captured bytes, ``caplen`` their number; ``readable`` is how many bytes there are
    in memory, at least as many. It gives the verdict, or ENDLESS. If it is ``straight``, and the program short, it does
    without jumps: that is faster where packets of all kinds follow upon each other.
    """
    if len(program) > MOST_COMPILED:
        return _interpreted(program, name)
    linux = semantics == "linux"
    farthest = max((end for end in absolute_ends(program, linux=linux) if end <= _FARTHEST_ASSURED), default=0)
    inline = "alwaysinline " if len(program) <= _MOST_DOUBLED else ""
    lines = [
        f"define internal i64 @{name}(i64 %packet, i64 %caplen, i64 %wirelen, i64 %readable) {inline}{{",
        "  %length = trunc i64 %wirelen to i32",
    ]
    for register, value in (*((register, 0) for register in REGISTERS), ("fuel", STEP_LIMIT)):
        lines += [f"  %{register} = alloca i32", f"  store i32 {value}, ptr %{register}"]
    fast: Code | None = None
    if straight and len(program) <= _MOST_STRAIGHT and farthest >= LONGEST_LOAD and not loops(program):
        fast, enough = Straight(program, "fast", farthest, linux=linux), f"%readable, {farthest}"
    elif farthest and len(program) <= _MOST_DOUBLED:
        fast, enough = Branches(program, "fast", farthest, linux=linux), f"%caplen, {farthest}"
    if fast:
        lines += [f"  %enough = icmp uge i64 {enough}", "  br i1 %enough, label %fast.0, label %slow.0", *fast.write()]
    else:
        lines.append("  br label %slow.0")
    lines += Branches(program, "slow", 0, linux=linux).write()
    lines += ["reject:", "  ret i64 0", "endless:", f"  ret i64 {ENDLESS}", "}"]
    return "\n".join(lines)


def runtime(programs: Iterable[Program], semantics: Semantics) -> str:
    """What the definitions of programs need besides: declarations, and the interpreter if one of them is long."""
    if all(len(program) <= MOST_COMPILED for program in programs):
        return DECLARATIONS
    given = {"LINUX": int(semantics == "linux"), "LITTLE": int(sys.byteorder == "little")}
    return DECLARATIONS + compiled([interpret], given)


def _interpreted(program: Program, name: str) -> str:
    """A function that has a program interpreted."""
    code = encoded(program)
    return f"""
@{name}.code = internal constant [{len(code)} x i8] c"{"".join(f"{chr(92)}{byte:02x}" for byte in code)}", align 8
define internal i64 @{name}(i64 %packet, i64 %caplen, i64 %wirelen, i64 %readable) {{
  %cells = alloca [{SCRATCH_CELLS} x i64], align 8
  %scratch = ptrtoint ptr %cells to i64
  %code = ptrtoint ptr @{name}.code to i64
  %verdict = call i64 @interpret(i64 %code, i64 %packet, i64 0, i64 %caplen, i64 %wirelen, i64 %scratch)
  ret i64 %verdict
}}"""

"""The compiler: from a syntax tree to a program of the A/X machine.

    flow       and/or/not become "what next if it holds, what next if not"
    lower      primitives become predicates on packet bytes, in the layer they are read in
    optimize   the decision graph is rewritten, verdicts unchanged
    emit       nodes become instructions

What is where on a link type is in ``links``, a table of ``layers``, and what Linux's kernel makes of it in ``linux``.
What the primitives mean is in ``internet``, ``addresses``, ``ports``, ``relations`` and ``encapsulation``, and in
``frames``, ``atm``, ``ss7`` and ``pflog`` for those that few link types have.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from cbpf.compiler import links, linux
from cbpf.compiler.emit import emit
from cbpf.compiler.flow import flow
from cbpf.compiler.graph import REJECT
from cbpf.compiler.lower import lower
from cbpf.compiler.optimize import gather
from cbpf.compiler.optimize import optimize as optimized
from cbpf.errors import FilterError, Reason, Span
from cbpf.language.names import AskedOnce, Names
from cbpf.language.parser import parse
from cbpf.machine.program import Program

__all__ = ["TARGETS", "compile_program"]

# Where a program is to run: over the packets of a savefile, or in Linux's kernel on a socket.
TARGETS = {"savefile": links.layer_for, "linux": linux.layer_for}


def compile_program(
    expression: str,
    linktype: int,
    *,
    snaplen: int,
    netmask: int | None,
    optimize: bool,
    names: Names,
    target: str = "savefile",
) -> Program:
    """Compile ``expression`` for packets of this LINKTYPE number; an accepting program returns ``snaplen`` (bytes).

    ``target`` is a key of ``TARGETS``; ``netmask`` (32 bits) is needed by `ip broadcast`. Raises FilterError, also,
    when optimizing, for an expression that is found to match no packet at all.
    """
    tree = parse(expression)
    try:
        layer = TARGETS[target](linktype)
        with collector_at_rest():
            steps = flow(tree) if tree else []
            graph = lower(gather(steps) if optimize else steps, layer, AskedOnce(names), netmask)
            if optimize:
                graph = optimized(graph)
                if graph.root is REJECT:
                    raise FilterError(
                        "no packet can match this expression", Span(0, len(expression)), reason=Reason.MATCHES_NOTHING
                    )
            emitted = emit(graph, snaplen, keep_registers=optimize)
    except FilterError as error:
        error.expression = expression
        raise
    except RecursionError:  # only for a caller that is deep in the stack already: the parser bounds the depth
        raise FilterError("the arithmetic is nested too deeply", expression=expression) from None
    return Program(
        (instruction for instruction, _ in emitted),
        linktype=linktype,
        snaplen=snaplen,
        spans=[spans for _, spans in emitted],
        expression=expression,
    )


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Without the cyclic garbage collector: graphs have no cycles, and its rounds would take half the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

"""The graphs that an expression is on its way to a program: as it is lowered, and after each pass of the optimizer.

The passes are those that ``cbpf.compiler.optimize`` makes when it compiles; here each graph is kept. A pass that runs
several times has the number of its run in its name: ``thread``, ``thread:2``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from cbpf.compiler import TARGETS, collector_at_rest
from cbpf.compiler.emit import emit
from cbpf.compiler.flow import flow
from cbpf.compiler.graph import Branch, Graph
from cbpf.compiler.layers import Layer
from cbpf.compiler.lower import lower
from cbpf.compiler.optimize import changed, gather, passes
from cbpf.compiler.optimize.search import search
from cbpf.compiler.values import Members
from cbpf.errors import FilterError
from cbpf.language.names import AskedOnce, Names
from cbpf.language.parser import parse
from cbpf.machine.program import DEFAULT_SNAPLEN, Program

LOWER: Final = "lower"


class Stage(NamedTuple):
    """The graph behind a pass; ``changed`` says whether it is another than before."""

    name: str
    graph: Graph
    changed: bool


class Stages(NamedTuple):
    """All graphs of an expression, in order. ``layer`` is what its packets of ``linktype`` (LINKTYPE) begin with."""

    expression: str
    linktype: int
    layer: Layer
    optimize: bool
    stages: tuple[Stage, ...]

    def find(self, name: str | None) -> int:
        """The place of a stage by its name; the last one without a name. Raises LookupError if there is none."""
        if name is None:
            return len(self.stages) - 1
        for place, stage in enumerate(self.stages):
            if stage.name == name:
                return place
        raise LookupError(f"there is no pass '{name}'; they are {', '.join(stage.name for stage in self.stages)}")


def stages(
    expression: str,
    linktype: int,
    *,
    netmask: int | None = None,
    optimize: bool = True,
    names: Names | None = None,
    target: str = "savefile",
) -> Stages:
    """The graphs of an expression; arguments and errors are those of ``cbpf.compiler.compile_program``.

    But an expression that no packet can match is no error: its last graph rejects at once.
    """
    tree = parse(expression)
    try:
        layer = TARGETS[target](linktype)
        with collector_at_rest():
            steps = flow(tree) if tree else []
            graph = lower(gather(steps) if optimize else steps, layer, AskedOnce(names or Names()), netmask)
            found = [Stage(LOWER, graph, True)]
            if optimize:
                found += _optimized(graph)
    except FilterError as error:
        error.expression = expression
        raise
    except RecursionError:  # as in the compiler
        raise FilterError("the arithmetic is nested too deeply", expression=expression) from None
    return Stages(expression, linktype, layer, optimize, tuple(found))


def program(found: Stages, place: int, snaplen: int = DEFAULT_SNAPLEN) -> Program:
    """The program of one of the graphs, as it would be if the passes behind it did not exist.

    Only a long list, for which there are no instructions before it is searched, is searched.
    """
    graph = found.stages[place].graph
    if any(isinstance(node, Branch) and isinstance(node.test.right, Members) for node in graph.order):
        graph = search(graph)
    try:
        emitted = emit(graph, snaplen, keep_registers=found.optimize)
    except FilterError as error:
        error.expression = found.expression
        raise
    return Program(
        (instruction for instruction, _ in emitted),
        linktype=found.linktype,
        snaplen=snaplen,
        spans=[spans for _, spans in emitted],
        expression=found.expression,
    )


def _optimized(graph: Graph) -> Iterator[Stage]:
    runs: Counter[str] = Counter()
    before = graph
    for name, after in passes(graph):
        runs[name] += 1
        yield Stage(name if runs[name] == 1 else f"{name}:{runs[name]}", after, changed(before, after))
        before = after

"""Graphs to look at: what an expression asks of a packet, and the blocks of a program.

    passes     an expression becomes graphs, one after each pass of the optimizer
    lift       a program becomes such a graph again
    decision   a graph becomes a picture: plain data, with tests in the names of fields
    flow       a program becomes a picture of its control flow
    text, dot  pictures become text for people, and text for Graphviz

What a byte is called depends on the way to it: ``known`` collects facts along paths, ``places`` finds headers by them,
and ``words`` names fields.

    >>> graph = decision(stages("ip", 1))
    >>> [(node.label, node.formula) for node in graph.nodes]
    [('EtherType = IPv4 (0x800)', 'link[12:2] = 0x800'), ('accept', ''), ('reject', '')]
"""

from __future__ import annotations

from cbpf.compiler import TARGETS
from cbpf.debug.graph.decision import decision_picture
from cbpf.debug.graph.dot import DrawingError, dot, svg
from cbpf.debug.graph.flow import flow_picture
from cbpf.debug.graph.lift import lift
from cbpf.debug.graph.passes import Stage, Stages, program, stages
from cbpf.debug.graph.picture import Clause, Edge, Line, Node, Picture, cut, shortened
from cbpf.debug.graph.text import difference, render
from cbpf.linktypes import linktype_name
from cbpf.machine.program import DEFAULT_SNAPLEN, Program

__all__ = [
    "Clause",
    "DrawingError",
    "Edge",
    "Line",
    "Node",
    "Picture",
    "Stage",
    "Stages",
    "cut",
    "decision",
    "decision_of_program",
    "difference",
    "dot",
    "flow",
    "flow_of_program",
    "program",
    "render",
    "stages",
    "svg",
]

_ETHERNET = 1  # LINKTYPE_ETHERNET


def decision(found: Stages, place: int = -1) -> Picture:
    """The decision graph of an expression after a pass, by default the last; ``Stages.find`` knows their places."""
    graph = found.stages[place].graph
    return decision_picture(graph, _of_stage(found, place), found.expression, found.layer, found.linktype)


def flow(found: Stages, place: int = -1, snaplen: int = DEFAULT_SNAPLEN) -> Picture:
    """The control-flow graph of the program that the graph after a pass makes; ``snaplen`` is in bytes.

    Raises FilterError for arithmetic that has no program.
    """
    return flow_picture(program(found, place, snaplen), _of_stage(found, place), found.layer, found.linktype)


def _of_stage(found: Stages, place: int) -> str:
    return f"{shortened(found.expression)}, after {found.stages[place].name} ({linktype_name(found.linktype)})"


def decision_of_program(program: Program, linktype: int | None = None, *, target: str = "savefile") -> Picture:
    """The decision graph of a valid program, whose fields are called as those of packets of a LINKTYPE number: by
    default the program's, or else Ethernet.

    Raises ProgramError for a program that jumps back.
    """
    linktype = _linktype(program, linktype)
    return decision_picture(
        lift(program), _title(program, linktype), program.expression, TARGETS[target](linktype), linktype
    )


def flow_of_program(program: Program, linktype: int | None = None, *, target: str = "savefile") -> Picture:
    """The control-flow graph of a valid program, with names as those of ``decision_of_program``."""
    linktype = _linktype(program, linktype)
    return flow_picture(program, _title(program, linktype), TARGETS[target](linktype), linktype)


def _linktype(program: Program, linktype: int | None) -> int:
    if linktype is not None:
        return linktype
    return _ETHERNET if program.linktype is None else program.linktype


def _title(program: Program, linktype: int) -> str:
    what = "a program" if program.expression is None else shortened(program.expression)
    return f"{what} ({linktype_name(linktype)})"

"""What a program asks of a packet: in English, as an expression where it has one, and instruction by instruction.

    search       the primitives that a program is made of: guessed, then proved
    structure    else: its tests, joined by and, or and not as the program itself does
    relations    tests as relations of the language
    implication  the proofs

An expression that is found by search is proved to match the same packets; one that is made of the program's own tests
does so because it asks the same in the same order.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler import TARGETS
from cbpf.compiler.graph import ACCEPT, REJECT, Graph
from cbpf.compiler.predicates import TRUE
from cbpf.debug.graph import Line, Picture, decision_of_program, flow_of_program
from cbpf.debug.programs.relations import Places, computable, places, relation
from cbpf.debug.programs.search import Ground, Search, graph_of, graph_of_program
from cbpf.debug.programs.structure import All, Formula, Part, formula
from cbpf.debug.subject import read
from cbpf.errors import FilterError, ProgramError
from cbpf.linktypes import linktype_name
from cbpf.machine import opcodes as op
from cbpf.machine.program import Program

__all__ = ["Found", "ProgramExplanation", "explain_program", "expression_of"]

_ETHERNET = 1  # LINKTYPE_ETHERNET
_LONGEST = 20_000  # characters of an expression


class Found(NamedTuple):
    """An expression that matches what a program accepts; None if there is none, or it was not found.

    ``exact`` is False where packets that end before the last byte that is looked at may be judged differently;
    ``primitives`` says that it was found by search, and not made of the program's tests; ``why`` says why there is
    none.
    """

    expression: str | None
    exact: bool = True
    primitives: bool = False
    why: str = ""


class ProgramExplanation(NamedTuple):
    """``english`` are lines of text, ``lines`` the instructions that can be reached; ``decisions`` is a picture of what
    is asked, None where only the control flow can be shown.
    """

    linktype: str
    english: tuple[str, ...]
    expression: str | None
    exact: bool
    note: str
    keeps: str
    lines: tuple[Line, ...]
    decisions: Picture | None


def explain_program(program: Program, linktype: int | None = None, *, target: str = "savefile") -> ProgramExplanation:
    """Explain a valid program for packets of a LINKTYPE number: by default the program's, or else Ethernet."""
    from cbpf.debug.explain import explain

    number = _linktype(program, linktype)
    found = expression_of(program, number, target=target)
    english: tuple[str, ...] = ()
    if found.expression and found.primitives:
        english = explain(found.expression, number, target=target).english
    try:
        decisions = decision_of_program(program, number, target=target)
    except ProgramError:
        decisions = None
    flow = flow_of_program(program, number, target=target)
    return ProgramExplanation(
        linktype_name(number),
        english or _plainly(program, decisions),
        found.expression,
        found.exact,
        _note(found),
        _keeps(program),
        tuple(line for node in flow.nodes for line in node.lines),
        decisions,
    )


def expression_of(program: Program, linktype: int | None = None, *, target: str = "savefile") -> Found:
    """The expression that a valid program may have been compiled from, for packets of a LINKTYPE number."""
    number = _linktype(program, linktype)
    try:
        graph = graph_of_program(program)
    except ProgramError as error:
        return Found(None, why=str(error))
    if graph.root is REJECT:
        return Found(None, why="no packet is accepted, and an expression for that is refused")
    if graph.root is ACCEPT:
        if TARGETS[target](number).required != TRUE:
            return Found(None, why=f"every expression for packets of {linktype_name(number)} asks something of them")
        return Found("", primitives=True)
    ground = Ground(number, target, lambda prefix: _places(number, target, prefix))
    search = Search(ground)
    exactly = search.expression(graph)
    if exactly is not None:
        return Found(exactly, primitives=True)
    nearly = search.expression(graph, whole=True)
    if nearly:  # not the empty one: if the program asks for no more than bytes, its tests say for which
        return Found(nearly, exact=False, primitives=True)
    return _by_tests(graph, number, target)


def _by_tests(graph: Graph, linktype: int, target: str) -> Found:
    """The tests of a program as one expression."""
    layer = TARGETS[target](linktype)
    where = _places(linktype, target, "")
    if where.word is None or layer.required != TRUE:
        return Found(None, why=f"the language has no word for the first bytes of a packet of {linktype_name(linktype)}")
    whole = formula(graph)
    text = None if whole is None else _text(whole, where)
    if text is None or len(text) > _LONGEST:
        return Found(None, why="it would be too long, or needs a value that the language cannot keep")
    if graph_of(text, linktype, target) is None:
        return Found(None, why="the language does not take its tests together")
    return Found(text)


def _text(whole: Formula, where: Places) -> str | None:
    if isinstance(whole, Part):
        if whole.test is not None:
            return relation(whole.test, where.word or "", where, whole.holds)
        text = None if whole.value is None else computable(whole.value, where)
        return text if text is None or whole.holds else f"not {text}"
    parts = [_text(part, where) for part in whole.parts]
    if any(part is None for part in parts):
        return None
    joint = " and " if isinstance(whole, All) else " or "
    inner = [f"({text})" if not isinstance(part, Part) else text for part, text in zip(whole.parts, parts, strict=True)]
    return joint.join(text for text in inner if text)


def _places(linktype: int, target: str, prefix: str) -> Places:
    layer = TARGETS[target](linktype)
    if prefix:
        try:
            layer = read(prefix, linktype, target=target).readings[-1].moved
        except FilterError:
            return Places(None, None, None, None)
    return places(layer, linktype == _ETHERNET)


def _linktype(program: Program, linktype: int | None) -> int:
    if linktype is not None:
        return linktype
    return _ETHERNET if program.linktype is None else program.linktype


# What is said.


def _plainly(program: Program, decisions: Picture | None) -> tuple[str, ...]:
    if decisions is None:
        return (f"A program of {len(program)} instructions, of which some jump back.",)
    tests = sum(node.kind == "test" for node in decisions.nodes)
    if not any(node.kind == "accept" for node in decisions.nodes):
        return ("Accepts no packet.",)
    if len(decisions.nodes) == 1:
        return ("Accepts every packet.",)
    if not tests:
        return ("Accepts every packet of which what is shown below can be computed.",)
    return (f"Accepts packets by {f'{tests} tests, which are' if tests != 1 else '1 test, which is'} shown below.",)


def _note(found: Found) -> str:
    if found.expression is None:
        return f"It cannot be written as an expression: {found.why}."
    if not found.exact:
        return "It matches the same packets of those that are long enough for every byte that is looked at."
    if not found.expression:
        return "The empty expression matches the same packets."
    return "It matches the same packets." if found.primitives else "It makes the same tests in the same order."


def _keeps(program: Program) -> str:
    """How much of a packet is kept."""
    if any(code & op.CLASS_MASK == op.RET and code != op.RET | op.K for code, _, _, _ in program):
        return "How much of a packet is kept is computed."
    amounts = sorted({k for code, _, _, k in program if code == op.RET | op.K and k})
    if len(amounts) == 1:
        return f"Up to {amounts[0]} bytes of a packet are kept."
    return f"Of some packets up to {', of others up to '.join(map(str, amounts))} bytes are kept." if amounts else ""

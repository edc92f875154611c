"""What is suspicious in a program: rules that it breaks, and instructions that do nothing or not what was meant.

A rule is a function from a program to findings; those behind the first need a program that libpcap or Linux takes.
What tests say is known by the facts of the optimizer (``cbpf.compiler.optimize.facts``), in the decision graph that the
program is lifted to: there, the spans of a node are the numbers of its instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

from cbpf.compiler.graph import Branch, Graph, Let, Node
from cbpf.compiler.optimize.facts import Facts, nothing_known
from cbpf.debug.graph.lift import lift, live_registers, read_by, written_by
from cbpf.debug.graph.symbols import following, is_jump, is_return
from cbpf.debug.lint.finding import NOTE, WARNING, Severity
from cbpf.errors import ProgramError, Span
from cbpf.machine import opcodes as op
from cbpf.machine.program import Program
from cbpf.machine.verifier import Rules, verify

# How many instructions others take than Linux, which takes 4096.
LIMITS: Final = {
    512: "BSD systems and macOS take 512 (BPF_MAXINSNS in net/bpf.h)",
    64: "iptables -m bpf takes 64 (XT_BPF_MAX_NUM_INSTR in linux/netfilter/xt_bpf.h)",
}
_DIVISIONS: Final = frozenset({op.ALU | op.DIV | op.X, op.ALU | op.MOD | op.X})
_TAKERS: Final = {Rules.LIBPCAP: "libpcap does not run it", Rules.LINUX: "Linux does not take it"}


class ProgramFinding(NamedTuple):
    """Something about the instruction with this number (None: the whole program)."""

    rule: str
    severity: Severity
    instruction: int | None
    message: str


def lint_program(program: Program) -> tuple[ProgramFinding, ...]:
    """What is suspicious in a program, valid or not; warnings first, each kind in the order of instructions."""
    found = list(_broken(program))
    if len({finding.message.partition(":")[0] for finding in found}) < len(_TAKERS):
        found += [finding for rule in RULES for finding in rule(program)]
    return tuple(
        sorted(
            dict.fromkeys(found),
            key=lambda each: (each.severity is NOTE, -1 if each.instruction is None else each.instruction),
        )
    )


def _broken(program: Program) -> Iterator[ProgramFinding]:
    """Rules of a machine that the program breaks, the first for each machine."""
    for rules, taker in _TAKERS.items():
        try:
            verify(program, rules)
        except ProgramError as error:
            yield ProgramFinding("not-valid", WARNING, error.index, f"{taker}: {error.message}")


def _length(program: Program) -> Iterator[ProgramFinding]:
    for most, taker in LIMITS.items():
        if len(program) > most:
            yield ProgramFinding("too-long", NOTE, None, f"it has {len(program)} instructions, and {taker}")


def _unreachable(program: Program) -> Iterator[ProgramFinding]:
    reached = _reached(program)
    left = [pc for pc in range(len(program)) if pc not in reached]
    for _, group in groupby(enumerate(left), lambda item: item[1] - item[0]):
        numbers = [pc for _, pc in group]
        upto = f", nor what follows up to {numbers[-1]}" if len(numbers) > 1 else ""
        yield ProgramFinding("unreachable", WARNING, numbers[0], f"nothing leads here{upto}")


def _no_verdict(program: Program) -> Iterator[ProgramFinding]:
    returns = [program[pc] for pc in _reached(program) if is_return(program[pc])]
    constant = all(code == op.RET | op.K for code, _, _, _ in returns)
    if constant and not any(each.k for each in returns):
        yield ProgramFinding(
            "accepts-nothing", WARNING, None, "no packet is accepted: every return that is reached is 0"
        )
    elif constant and all(each.k for each in returns):
        message = "no return rejects: a packet is rejected only if it is too short for a load, or for a divisor of 0"
        yield ProgramFinding("rejects-nothing", NOTE, None, message)


def _same_target(program: Program) -> Iterator[ProgramFinding]:
    for pc in _reached(program):
        instruction = program[pc]
        if is_jump(instruction) and instruction.jt == instruction.jf:
            message = f"a jump that goes to {pc + 1 + instruction.jt} whatever it finds"
            yield ProgramFinding("same-target", WARNING, pc, message)


def _division(program: Program) -> Iterator[ProgramFinding]:
    for pc in _reached(program):
        if program[pc].code in _DIVISIONS:
            yield ProgramFinding("division", NOTE, pc, "divides by X: where that is 0, the packet is rejected")


def _unused(program: Program) -> Iterator[ProgramFinding]:
    """Registers that are written and not read again. A program that jumps back is not looked at."""
    try:
        live = live_registers(program)
    except ProgramError:
        return
    for pc in _reached(program):
        instruction = program[pc]
        written = written_by(instruction)
        after = frozenset[str | int]().union(*(live[target] for target in following(pc, instruction)))
        if not written or written & after:
            continue
        (register,) = written
        name = f"M[{register}]" if isinstance(register, int) else register
        kind = instruction.code & op.CLASS_MASK
        mode = instruction.code & op.MODE_MASK
        if kind in (op.LD, op.LDX) and mode in (op.ABS, op.IND, op.MSH):
            message = f"{name} is not read again: this only rejects packets that are too short for it"
            yield ProgramFinding("unused", NOTE, pc, message)
        elif instruction.code in _DIVISIONS:
            yield ProgramFinding(
                "unused", NOTE, pc, f"{name} is not read again: this only rejects packets where X is 0"
            )
        else:
            yield ProgramFinding("unused", WARNING, pc, f"{name} is not read again: this does nothing")


def _scratch(program: Program) -> Iterator[ProgramFinding]:
    """Cells that are read though there is a way on which nothing was written there."""
    everything = frozenset(range(op.SCRATCH_CELLS))
    written: dict[int, frozenset[int]] = {0: frozenset()}
    for pc, instruction in enumerate(program):
        if pc not in written:
            continue
        cells = frozenset(cell for cell in read_by(instruction) if isinstance(cell, int))
        for cell in sorted(cells - written[pc]):
            message = f"M[{cell}] may not have been written: libpcap reads 0 then, and Linux does not take the program"
            yield ProgramFinding("unwritten", WARNING, pc, message)
        after = written[pc] | {cell for cell in written_by(instruction) if isinstance(cell, int)}
        for target in following(pc, instruction):
            written[target] = written.get(target, everything) & after


def _decided(program: Program) -> Iterator[ProgramFinding]:
    """Tests whose answer is known by what was asked before, on every way to them."""
    numbered = Program(program, spans=[(Span(pc, pc + 1),) for pc in range(len(program))])
    try:
        graph = lift(numbered)
    except ProgramError:
        return
    answers: dict[int, set[bool | None]] = {}
    for node, answer in _answers(graph):
        for span in graph.spans[node]:
            answers.setdefault(span.start, set()).add(answer)
    for pc, given in sorted(answers.items()):
        if is_jump(program[pc]) and len(given) == 1 and None not in given:
            (answer,) = given
            target = following(pc, program[pc])[not answer]
            message = f"this is always {'true' if answer else 'false'}, by what was asked before: it goes to {target}"
            yield ProgramFinding("decided", WARNING, pc, message)


def _answers(graph: Graph) -> Iterator[tuple[Node, bool | None]]:
    """The tests that are reached, and what they say if that is known."""
    arriving: dict[Node, Facts] = {graph.root: nothing_known(graph.tests)}
    for node in graph.order:
        facts = arriving.pop(node, None)
        if facts is None:
            continue
        ways: list[tuple[Node, Facts]] = []
        match node:
            case Branch(test, then, orelse):
                answer = facts.outcome(test)
                yield node, answer
                facts = facts.after(*test.values)
                for given, way in ((True, then), (False, orelse)):
                    if answer is None:
                        ways.append((way, facts.assuming(test, given)))
                    elif answer is given:
                        ways.append((way, facts))
            case Let(variable, value, way):
                ways.append((way, facts.after(value).bound(variable, value)))
        for way, learned in ways:
            arriving[way] = learned if way not in arriving else arriving[way].either(learned)


def _reached(program: Program) -> list[int]:
    """The instructions that jumps and their order lead to."""
    seen: set[int] = set()
    pending = [0]
    while pending:
        pc = pending.pop()
        if pc not in seen and pc < len(program):
            seen.add(pc)
            pending.extend(following(pc, program[pc]))
    return sorted(seen)


RULES: Final[tuple[Callable[[Program], Iterator[ProgramFinding]], ...]] = (
    _length,
    _unreachable,
    _no_verdict,
    _same_target,
    _division,
    _unused,
    _scratch,
    _decided,
)

"""A program as a control-flow graph: blocks of instructions that are executed together, each with what it means."""

from __future__ import annotations

from cbpf.compiler.graph import Test
from cbpf.compiler.layers import Layer
from cbpf.compiler.values import Const, Length, Variable, variables
from cbpf.debug.graph import picture
from cbpf.debug.graph.known import ACCEPTED, NOTHING, REJECTED, Around, Step, known
from cbpf.debug.graph.picture import Edge, Line, Picture
from cbpf.debug.graph.places import Map, telling
from cbpf.debug.graph.symbols import Registers, after, asked, following, is_jump, is_return, loaded
from cbpf.debug.graph.words import Speaker
from cbpf.machine import opcodes as op
from cbpf.machine.listing import Form, write
from cbpf.machine.program import Instruction, Program


def flow_picture(program: Program, title: str, layer: Layer, linktype: int) -> Picture:
    """The picture of a valid program, whose fields are called as those of packets of a LINKTYPE number.

    What cannot be reached is not shown.
    """
    starts = _starts(program)
    number = {start: place for place, start in enumerate(starts)}
    blocks = [_block(program, start, number) for start in starts]
    meanings = _meanings(program, blocks, number, layer, linktype)
    texts = [" ".join(line.partition(" ")[2].split()) for line in write(program, Form.TEXT).splitlines()]
    nodes = []
    for block in blocks:
        last = block[-1]
        targets = following(last, program[last])
        answers = ("yes", "no") if len(targets) == 2 and targets[0] != targets[1] else ("",)
        edges = tuple(Edge(number[target], answer) for target, answer in zip(targets, answers, strict=False))
        lines = tuple(Line(pc, texts[pc], meanings.get(pc, "")) for pc in block)
        spans = frozenset(span for pc in block for span in (program.spans[pc] if program.spans else ()))
        clauses = picture.clauses(program.expression, spans)
        nodes.append(picture.Node("block", "", "", lines, clauses, edges))
    return Picture("flow", title, tuple(nodes))


def _starts(program: Program) -> list[int]:
    """The first instructions of blocks that can be reached, in the program's order."""
    starts, seen, waiting = {0}, set[int](), [0]
    while waiting:
        pc = waiting.pop()
        if pc in seen:
            continue
        seen.add(pc)
        targets = following(pc, program[pc])
        if targets != (pc + 1,):
            starts.update(targets)
        waiting.extend(targets)
    return sorted(starts)


def _block(program: Program, start: int, number: dict[int, int]) -> range:
    end = start
    while following(end, program[end]) == (end + 1,) and end + 1 not in number:
        end += 1
    return range(start, end + 1)


def _meanings(
    program: Program, blocks: list[range], number: dict[int, int], layer: Layer, linktype: int
) -> dict[int, str]:
    """What instructions mean that load or ask something; nothing for a program that jumps back."""
    steps: list[Step] = []
    arriving: list[Registers | None] = [Registers()] + [None] * (len(blocks) - 1)
    before: dict[int, Registers] = {}
    for place, block in enumerate(blocks):
        registers = arriving[place] or Registers()
        for pc in block:
            before[pc] = registers
            if not is_return(program[pc]) and program[pc].code & op.CLASS_MASK != op.JMP:
                registers = after(program[pc], registers)
        last = block[-1]
        targets = [number[target] for target in following(last, program[last])]
        if any(target <= place for target in targets):
            return {}
        for target in targets:
            known_there = arriving[target]
            merged = registers if known_there is None else registers.merged(known_there, blocks[target].start)
            arriving[target] = merged
        steps.append(_step(program, last, registers, targets, blocks))
    around = known(steps, telling(layer))
    held = {variable for each in before.values() for value in (each.a, each.x) for variable in variables(value)}
    speaker = Speaker(Map(layer, linktype, held))
    return {
        pc: meaning
        for place, block in enumerate(blocks)
        for pc in block
        if (meaning := _meaning(program[pc], before[pc], around(place), speaker))
    }


def _step(program: Program, last: int, registers: Registers, targets: list[int], blocks: list[range]) -> Step:
    """A block as a step; one that only returns is an end."""

    def place(target: int) -> int:
        instruction = program[blocks[target].start]
        if instruction.code == op.RET | op.K:
            return ACCEPTED if instruction.k else REJECTED
        return target

    if is_jump(program[last]):
        return Step(asked(program[last], registers), None, place(targets[0]), place(targets[1]))
    return Step(None, None, place(targets[0]) if targets else ACCEPTED, REJECTED)


def _meaning(instruction: Instruction, registers: Registers, around: Around, speaker: Speaker) -> str:
    if is_jump(instruction):
        test = asked(instruction, registers)
        return "" if _is_lost(test) else speaker.test(test, around)
    if instruction.code & op.CLASS_MASK not in (op.LD, op.LDX) or instruction.code & op.MODE_MASK == op.MEM:
        return ""
    value = loaded(instruction, registers)
    if isinstance(value, Const | Length):
        return ""
    return speaker.value(value, around.yes or around.no or around.before or (NOTHING,))


def _is_lost(test: Test) -> bool:
    """Whether it is not known what is asked: it depends on the way."""
    return isinstance(test.left, Const | Variable)

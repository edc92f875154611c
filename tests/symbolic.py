"""Proofs about programs: two programs are run at once on every packet there is, and z3 looks for one that they judge
differently.

    equivalent(p, q)                       None, or a packet (replayed through the interpreter) with different verdicts
    equivalent(p, q, Claim.WHERE_LOADED)   only packets on which every load of both programs is within the packet

A packet is 0 to 65535 captured bytes, of at least as many on the wire. The machine is libpcap's: see
``cbpf.engine.meaning``. Programs must not loop.

To be fast, run-time offsets, the bytes there, products and quotients are unknowns to begin with. Only when z3 finds a
packet that the interpreter does not confirm, what is not true of it there (bytes at one place are one byte, a quotient
is what division says) is added, and z3 is asked again. Ways through a program that meet with the same registers are
one from there on; ways with other registers are kept apart, up to a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import pairwise
from typing import Any, Final, NamedTuple

import z3

from cbpf.engine import run
from cbpf.machine import Instruction, Program
from cbpf.machine import opcodes as op

Word = Any  # an int where the value is known, else a z3 bit vector of 32 bits
Truth = Any  # a bool where it is known, else a z3 boolean

WORD: Final = 0xFFFFFFFF
LONGEST: Final = 0xFFFF  # bytes of a packet
TIMEOUT: Final = 20.0  # seconds
MOST_REFINEMENTS: Final = 200
_READABLE: Final = (40, 80, 160, 320, 1500)  # lengths to be tried of a packet that somebody will look at
MOST_STATES: Final = 300  # at one instruction


class Claim(Enum):
    """On which packets two programs shall agree."""

    EVERYWHERE = "everywhere"
    WHERE_LOADED = "where no load of either program is out of range"
    WHERE_SECOND_LOADED = "where no load of the second program is out of range"


class Counterexample(NamedTuple):
    """A packet on which two programs disagree: its captured bytes, length on the wire, and the two verdicts."""

    packet: bytes
    wirelen: int
    verdicts: tuple[int, int]

    def __str__(self) -> str:
        return f"verdicts {self.verdicts} on {len(self.packet)} of {self.wirelen} bytes: {self.packet.hex()}"


class Undecided(AssertionError):
    """Neither a proof nor a counterexample was found in time."""


class Loops(ValueError):
    """The program jumps back, so it cannot be run on all packets at once."""


def equivalent(
    first: Program, second: Program, claim: Claim = Claim.EVERYWHERE, timeout: float = TIMEOUT
) -> Counterexample | None:
    """None if the claim is proved, else a packet that refutes it. Undecided if z3 cannot tell in ``timeout`` seconds.

    Loops if a program jumps back.
    """
    if first == second:
        return None
    packet = _Packet()
    left, right = _execute(first, packet), _execute(second, packet)
    doubt = _and(left.differs(right), _not(_excluded(left, right, claim)))
    if doubt is False:
        return None
    return _search(packet, doubt, (first, second), claim, timeout)


def rejects_everything(program: Program, timeout: float = TIMEOUT) -> Counterexample | None:
    """None if it is proved that no packet is accepted, else a packet that is."""
    return equivalent(program, Program([(op.RET | op.K, 0, 0, 0)]), timeout=timeout)


def _excluded(left: _Outcome, right: _Outcome, claim: Claim) -> Truth:
    match claim:
        case Claim.EVERYWHERE:
            return False
        case Claim.WHERE_LOADED:
            return _or((left.out_of_range, right.out_of_range))
        case Claim.WHERE_SECOND_LOADED:
            return right.out_of_range


def _search(
    packet: _Packet, doubt: Truth, programs: tuple[Program, Program], claim: Claim, timeout: float
) -> Counterexample | None:
    """A packet for which ``doubt`` is true, or None if there is none.

    The interpreter confirms that verdicts differ, but not that loads are within the packet: where the claim is about
    those, only a model in which nothing is contradictory counts.
    """
    solver = z3.SolverFor("QF_BV")
    solver.set("timeout", int(timeout * 1000))
    solver.add(*packet.axioms(), doubt)
    for _ in range(MOST_REFINEMENTS):
        answer = solver.check()
        if answer == z3.unsat:
            return None
        if answer != z3.sat:
            raise Undecided(f"z3 gave up ({solver.reason_unknown()}) on {programs[0]!r} against {programs[1]!r}")
        model = solver.model()
        found = _replayed(packet, model, programs)
        if found and claim is Claim.EVERYWHERE:
            return _shortest(solver, packet, programs) or found
        lessons = packet.contradictions(model)
        if found and not lessons:
            return found
        if not lessons:
            raise AssertionError(f"the interpreter does not confirm a packet for {programs[0]!r} and {programs[1]!r}")
        solver.add(*lessons)
    raise Undecided(f"no end of refinements for {programs[0]!r} against {programs[1]!r}")


def _replayed(packet: _Packet, model: z3.ModelRef, programs: tuple[Program, Program]) -> Counterexample | None:
    """The packet of a model, if the interpreter too finds that the programs disagree about it."""
    octets, wirelen = packet.concrete(model)
    first, second = (run(program, octets, wirelen) for program in programs)
    return Counterexample(octets, wirelen, (first, second)) if first != second else None


def _shortest(solver: z3.Solver, packet: _Packet, programs: tuple[Program, Program]) -> Counterexample | None:
    """A counterexample that can be read, if there is one of ordinary length."""
    for length in _READABLE:
        if solver.check(z3.ULE(packet.length, length)) == z3.sat:
            found = _replayed(packet, solver.model(), programs)
            if found:
                return found
    return None


class _Packet:
    """A packet of which nothing is known: its bytes, each a variable once somebody asks for it."""

    def __init__(self) -> None:
        self.length = z3.BitVec("captured", 16)
        self.captured = z3.ZeroExt(16, self.length)
        self.wire = z3.BitVec("wire", 32)
        self._bytes: dict[
            tuple[int, int], tuple[Word, z3.BitVecRef]
        ] = {}  # by base and offset: where, and what is there
        self._opaque: dict[tuple[str, int, int], tuple[z3.BitVecRef, Word]] = {}  # an unknown and what it stands for
        # By base and what is added to it, and by length: whether the packet reaches so far from there, and its meaning.
        self._ranges: dict[tuple[int, int], dict[int, tuple[z3.BoolRef, z3.BoolRef]]] = {}

    def reaches(self, length: int) -> Truth:
        """Whether at least that many bytes were captured."""
        return z3.UGE(self.length, length) if length <= LONGEST else False

    def load(self, index: Word, offset: int, size: int) -> tuple[Truth, Word]:
        """Whether the bytes at ``index + offset`` are in the packet, and what they are. The sum does not wrap."""
        if isinstance(index, int):
            inside = self.reaches(index + offset + size)
            return inside, _joined([self._byte(None, index + offset + place) for place in range(size)])
        if offset + size > LONGEST:
            return False, 0
        base, distance = self._base(index)
        return (
            self._reaches_from(base, distance, offset + size),
            _joined([self._byte(base, distance + offset + place) for place in range(size)]),
        )

    def _reaches_from(self, base: z3.BitVecRef, distance: int, length: int) -> z3.BoolRef:
        """Whether at least that many bytes were captured from ``base + distance``, the sum modulo 2**32, on."""
        known = self._ranges.setdefault((base.get_id(), distance), {})
        if length not in known:
            meaning = z3.And(self.reaches(length), z3.ULE(base + distance, self.captured - length))
            known[length] = z3.Bool(f"range{base.get_id()}+{distance}+{length}"), meaning
        return known[length][0]

    def axioms(self) -> Iterator[z3.BoolRef]:
        """What is known from the start: what was captured is no longer than the packet, and longer includes shorter."""
        yield z3.ULE(self.captured, self.wire)
        for known in self._ranges.values():
            lengths = sorted(known)
            for length in lengths:
                yield z3.Implies(known[length][0], self.reaches(length))
            for shorter, longer in pairwise(lengths):
                yield z3.Implies(known[longer][0], known[shorter][0])

    def _base(self, index: z3.BitVecRef) -> tuple[z3.BitVecRef, int]:
        """An unknown for what is run-time in an index, and the constant that is added to it."""
        distance = 0
        if z3.is_app_of(index, z3.Z3_OP_BADD) and z3.is_bv_value(index.arg(0)):
            distance = index.arg(0).as_long()
            index = z3.simplify(index - distance)
        if index.num_args() == 0:
            return index, distance
        return self._unknown(("at", index.get_id(), 0), index), distance

    def _byte(self, base: z3.BitVecRef | None, offset: int) -> z3.BitVecRef:
        key = (-1 if base is None else base.get_id(), offset & WORD)
        if key not in self._bytes:
            place = offset & WORD if base is None else base + (offset & WORD)
            self._bytes[key] = place, z3.BitVec(f"byte{len(self._bytes)}", 8)
        return self._bytes[key][1]

    def opaque(self, name: str, left: Word, right: Word, meaning: Callable[[Any, Any], Any]) -> z3.BitVecRef:
        """An unknown for ``left name right``, which z3 would spend long on."""
        left, right = _term(left), _term(right)
        if name == "*" and left.get_id() > right.get_id():
            left, right = right, left
        return self._unknown((name, left.get_id(), right.get_id()), meaning(left, right))

    def _unknown(self, key: tuple[str, int, int], meaning: z3.BitVecRef) -> z3.BitVecRef:
        if key not in self._opaque:
            self._opaque[key] = z3.BitVec(f"unknown{len(self._opaque)}", 32), meaning
        return self._opaque[key][0]

    def concrete(self, model: z3.ModelRef) -> tuple[bytes, int]:
        """The packet of a model, as bytes and length on the wire."""
        octets = bytearray(_number(model, self.length))
        for place, byte in self._bytes.values():
            where = _number(model, place)
            if where < len(octets):
                octets[where] = _number(model, byte)
        return bytes(octets), _number(model, self.wire)

    def contradictions(self, model: z3.ModelRef) -> list[z3.BoolRef]:
        """True statements that are not true in ``model``; none of those that are hard for z3 if there are others."""
        wrong = [entry for entry in self._opaque.items() if _number(model, entry[1][0]) != _number(model, entry[1][1])]
        offsets = [unknown == meaning for (name, _, _), (unknown, meaning) in wrong if name == "at"]
        ranges = [entry for known in self._ranges.values() for entry in known.values()]
        untrue = [inside == meaning for inside, meaning in ranges if z3.is_false(_judged(model, inside == meaning))]
        return [*offsets, *untrue, *self._clashes(model)] or [unknown == meaning for _, (unknown, meaning) in wrong]

    def _clashes(self, model: z3.ModelRef) -> Iterator[z3.BoolRef]:
        """Bytes at one place that are not one."""
        there: dict[int, tuple[Word, z3.BitVecRef]] = {}
        for place, byte in self._bytes.values():
            other, same = there.setdefault(_number(model, place), (place, byte))
            if _number(model, byte) != _number(model, same):
                yield z3.Implies(_term(place) == _term(other), byte == same)


class _State(NamedTuple):
    """When an instruction is reached with these registers: "a", "x" and numbers of cells, those that matter there."""

    guard: Truth
    registers: dict[str | int, Word]


class _Outcome:
    """What a program makes of a packet: under which condition it gives which verdict, and loads out of range."""

    def __init__(self) -> None:
        self.returns: list[tuple[Truth, Word]] = []
        self.faults: list[Truth] = []

    @property
    def out_of_range(self) -> Truth:
        return _or(self.faults)

    def verdicts(self) -> dict[int, Truth] | None:
        """By verdict, when it is given; 0 is left out. None if there are others than constants."""
        found: dict[int, list[Truth]] = {}
        for guard, verdict in self.returns:
            if not isinstance(verdict, int):
                return None
            if verdict:
                found.setdefault(verdict, []).append(guard)
        return {verdict: _or(guards) for verdict, guards in found.items()}

    def verdict(self) -> Word:
        value: Word = 0
        for guard, verdict in self.returns:
            value = _choose(guard, verdict, value)
        return value

    def differs(self, other: _Outcome) -> Truth:
        mine, others = self.verdicts(), other.verdicts()
        if mine is None or others is None:
            return _not(_compare(op.JEQ, self.verdict(), other.verdict()))
        return _or(_differ(mine.get(verdict, False), others.get(verdict, False)) for verdict in {*mine, *others})


def _execute(program: Program, packet: _Packet) -> _Outcome:
    """Every instruction in all of its states. What goes wrong goes nowhere: the verdict 0 is what is left."""
    wanted = _wanted(program)
    arriving: list[list[_State]] = [[] for _ in program]
    arriving[0].append(_State(True, dict.fromkeys(wanted[0], 0)))
    outcome = _Outcome()
    for index, instruction in enumerate(program):
        for state in _merged(arriving[index], wanted[index]):
            for following, after in _step(index, instruction, state, packet, outcome):
                if after.guard is not False:
                    arriving[following].append(after)
        arriving[index].clear()
    return outcome


def _step(
    index: int, instruction: Instruction, state: _State, packet: _Packet, outcome: _Outcome
) -> Iterator[tuple[int, _State]]:
    """The instructions that may follow, and the states they begin in."""
    code, jt, jf, k = instruction
    guard, registers = state
    if code & op.CLASS_MASK == op.RET:
        outcome.returns.append((guard, registers["a"] if code & op.A else k))
    elif code == op.JMP | op.JA:
        yield index + 1 + k, state
    elif code & op.CLASS_MASK == op.JMP:
        test = _compare(code & op.OPERATION_MASK, registers["a"], registers["x"] if code & op.X else k)
        if jt == jf:
            test = True
        yield index + 1 + jt, _State(_and(guard, test), registers)
        yield index + 1 + jf, _State(_and(guard, _not(test)), registers)
    else:
        going_on, target, value = _computed(instruction, state, packet, outcome)
        yield index + 1, _State(going_on, {**registers, target: value})


def _computed(
    instruction: Instruction, state: _State, packet: _Packet, outcome: _Outcome
) -> tuple[Truth, str | int, Word]:
    """When the program goes on behind an instruction that is no jump, and which register then holds what."""
    code, _, _, k = instruction
    guard, registers = state
    kind = code & op.CLASS_MASK
    if kind in (op.LD, op.LDX):
        inside, value = _loaded(instruction, registers, packet)
        outcome.faults.append(_and(guard, _not(inside)))
        return _and(guard, inside), "a" if kind == op.LD else "x", value
    if kind in (op.ST, op.STX):
        return guard, k, registers["a" if kind == op.ST else "x"]
    if kind == op.MISC:
        return (guard, "a", registers["x"]) if code & op.TXA else (guard, "x", registers["a"])
    operation = code & op.OPERATION_MASK
    if operation == op.NEG:
        return guard, "a", _calculate(op.SUB, 0, registers["a"], packet)
    operand = registers["x"] if code & op.X else k
    if operation in (op.DIV, op.MOD):
        guard = _and(guard, _not(_compare(op.JEQ, operand, 0)))
        operand = operand if not isinstance(operand, int) or operand else 1
    return guard, "a", _calculate(operation, registers["a"], operand, packet)


def _loaded(instruction: Instruction, registers: dict[str | int, Word], packet: _Packet) -> tuple[Truth, Word]:
    code, _, _, k = instruction
    size = {op.W: 4, op.H: 2, op.B: 1}[code & op.SIZE_MASK]
    match code & op.MODE_MASK:
        case op.IMM:
            return True, k
        case op.MEM:
            return True, registers[k]
        case op.LEN:
            return True, packet.wire
        case op.ABS:
            return packet.load(0, k, size)
        case op.IND:
            return packet.load(registers["x"], k, size)
    inside, byte = packet.load(0, k, 1)  # MSH
    return inside, _shift(_mask(byte, 0x0F), 2)


def _wanted(program: Program) -> list[set[str | int]]:
    """The registers whose values matter where each instruction begins."""
    wanted: list[set[str | int]] = [set() for _ in program]
    for index in range(len(program) - 1, -1, -1):
        after = set[str | int]().union(*(wanted[target] for target in _targets(index, program[index])))
        wanted[index] = (after - {_written(program[index])}) | _read(program[index])
    return wanted


def _targets(index: int, instruction: Instruction) -> tuple[int, ...]:
    code, jt, jf, k = instruction
    if code & op.CLASS_MASK == op.RET:
        return ()
    if code == op.JMP | op.JA:
        if k > WORD >> 1:
            raise Loops(f"instruction {index} jumps back")
        return (index + 1 + k,)
    return (index + 1 + jt, index + 1 + jf) if code & op.CLASS_MASK == op.JMP else (index + 1,)


def _written(instruction: Instruction) -> str | int | None:
    match instruction.code & op.CLASS_MASK:
        case op.LD | op.ALU:
            return "a"
        case op.LDX:
            return "x"
        case op.ST | op.STX:
            return instruction.k
        case op.MISC:
            return "a" if instruction.code & op.TXA else "x"
    return None


def _read(instruction: Instruction) -> set[str | int]:
    code, _, _, k = instruction
    match code & op.CLASS_MASK:
        case op.LD | op.LDX:
            mode = code & op.MODE_MASK
            return {k} if mode == op.MEM else {"x"} if mode == op.IND else set()
        case op.ST:
            return {"a"}
        case op.STX:
            return {"x"}
        case op.ALU | op.JMP if code != op.JMP | op.JA:
            return {"a", "x"} if code & op.X else {"a"}
        case op.RET:
            return {"a"} if code & op.A else set()
        case op.MISC:
            return {"x"} if code & op.TXA else {"a"}
    return set()


def _merged(states: list[_State], wanted: set[str | int]) -> list[_State]:
    """One state for all ways to an instruction that have the same registers there; one for all if they are many."""
    if len(states) <= 1:
        return states
    names = sorted(wanted, key=str)
    alike: dict[tuple[int, ...], list[_State]] = {}
    for state in states:
        alike.setdefault(tuple(_identity(state.registers[name]) for name in names), []).append(state)
    merged = [_State(_or(state.guard for state in group), group[0].registers) for group in alike.values()]
    return merged if len(merged) <= MOST_STATES else [_mixed(merged, wanted)]


def _mixed(states: list[_State], wanted: set[str | int]) -> _State:
    """One state in which each register holds what it does on the way that was taken."""
    *others, last = states
    registers = {name: last.registers[name] for name in wanted}
    for guard, before in others:
        registers = {name: _choose(guard, before[name], value) for name, value in registers.items()}
    return _State(_or(state.guard for state in states), registers)


# Numbers and conditions, constants folded.


def _term(word: Word) -> z3.BitVecRef:
    return z3.BitVecVal(word, 32) if isinstance(word, int) else word


def _number(model: z3.ModelRef, word: Word) -> int:
    return word if isinstance(word, int) else int(model.eval(word, model_completion=True).as_long())


def _judged(model: z3.ModelRef, truth: z3.BoolRef) -> z3.BoolRef:
    return model.eval(truth, model_completion=True)


def _joined(octets: list[z3.BitVecRef]) -> z3.BitVecRef:
    zeros = [z3.BitVecVal(0, 32 - 8 * len(octets))] if len(octets) < 4 else []
    return z3.Concat(*zeros, *octets)


def _identity(word: Word) -> int:
    """Equal for two words only if they are the same, as far as can be seen."""
    return -1 - word if isinstance(word, int) else int(word.get_id())


def _choose(guard: Truth, then: Word, otherwise: Word) -> Word:
    if _identity(then) == _identity(otherwise) or guard is True:
        return then
    return otherwise if guard is False else z3.If(guard, _term(then), _term(otherwise))


def _mask(value: Word, mask: int) -> Word:
    return value & mask if isinstance(value, int) else z3.simplify(value & mask)


def _shift(value: Word, left: int) -> Word:
    return (value << left) & WORD if isinstance(value, int) else z3.simplify(value << left)


_WHERE_KNOWN: Final[dict[int, Callable[[int, int], int]]] = {
    op.ADD: lambda a, b: a + b,
    op.SUB: lambda a, b: a - b,
    op.MUL: lambda a, b: a * b,
    op.DIV: lambda a, b: a // b,
    op.MOD: lambda a, b: a % b,
    op.AND: lambda a, b: a & b,
    op.OR: lambda a, b: a | b,
    op.XOR: lambda a, b: a ^ b,
    op.LSH: lambda a, b: a << b if b < 32 else 0,
    op.RSH: lambda a, b: a >> b,
}
_IN_GENERAL: Final[dict[int, Callable[[Any, Any], Any]]] = {
    **_WHERE_KNOWN,
    op.DIV: z3.UDiv,
    op.MOD: z3.URem,
    op.LSH: lambda a, b: a << b,  # of z3 too: nothing is left after a shift by 32 or more
    op.RSH: z3.LShR,
}
_HARD: Final = {op.MUL: "*", op.DIV: "/", op.MOD: "%"}


def _calculate(operation: int, left: Word, right: Word, packet: _Packet) -> Word:
    if isinstance(left, int) and isinstance(right, int):
        return _WHERE_KNOWN[operation](left, right) & WORD
    if operation in _HARD:
        return packet.opaque(_HARD[operation], left, right, _IN_GENERAL[operation])
    return z3.simplify(_IN_GENERAL[operation](_term(left), _term(right)))


def _compare(operation: int, left: Word, right: Word) -> Truth:
    if isinstance(left, int) and isinstance(right, int):
        return {op.JEQ: left == right, op.JGT: left > right, op.JGE: left >= right, op.JSET: bool(left & right)}[
            operation
        ]
    if isinstance(left, int):
        left = _term(left)
    match operation:
        case op.JEQ:
            return left == right
        case op.JGT:
            return z3.UGT(left, right)
        case op.JGE:
            return z3.UGE(left, right)
    return (left & right) != 0


def _not(truth: Truth) -> Truth:
    return not truth if isinstance(truth, bool) else z3.Not(truth)


def _and(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    if left is True or right is True:
        return left if right is True else right
    return z3.And(left, right)


def _or(truths: Iterable[Truth]) -> Truth:
    kept = [truth for truth in truths if truth is not False]
    if True in [truth for truth in kept if isinstance(truth, bool)]:
        return True
    return z3.Or(kept) if len(kept) > 1 else kept[0] if kept else False


def _differ(left: Truth, right: Truth) -> Truth:
    if isinstance(left, bool) or isinstance(right, bool):
        left, right = (right, left) if isinstance(left, bool) else (left, right)
        return _not(left) if right else left
    return False if left.eq(right) else z3.Xor(left, right)

"""Counting: what programs count is what the interpreter does, step by step; in Python, as machine code, interpreted."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import ProgramError
from cbpf.engine import counting
from cbpf.engine.counting import Counting, CountingEngine, Counts, definition, may_cut, runtime
from cbpf.engine.llvm import MachineCode
from cbpf.machine import Program, assemble
from cbpf.machine import opcodes as op
from tests.engine.counted import told
from tests.packets import packets as random_packets
from tests.programs import packets, valid_programs

WIRELEN = 1000

# Walks over bytes until one is 5, as libpcap's `protochain` walks over headers.
LOOPING = Program(
    [
        (op.LD | op.B | op.IND, 0, 0, 0),
        (op.JMP | op.JEQ | op.K, 5, 0, 5),
        (op.MISC | op.TXA, 0, 0, 0),
        (op.ALU | op.ADD | op.K, 0, 0, 1),
        (op.MISC | op.TAX, 0, 0, 0),
        (op.JMP | op.JEQ | op.K, 1, 0, 1000),
        (op.JMP | op.JA, 0, 0, 0x100000000 - 7),
        (op.RET | op.K, 0, 0, 7),
    ]
)


def sent(some: Iterable[bytes]) -> list[tuple[bytes, int]]:
    return [(packet, WIRELEN) for packet in some]


def in_python(program: Program, given_packets: Sequence[bytes]) -> Counts:
    subject = Counting(program)
    engine, counters = CountingEngine(subject), [0] * subject.size
    for packet in given_packets:
        engine.run(packet, WIRELEN, counters)
    return subject.solve(counters)


def as_machine_code(programs: Sequence[Program], given_packets: Sequence[bytes]) -> list[Counts]:
    pytest.importorskip("llvmlite")
    subjects = [Counting(program) for program in programs]
    functions = [
        definition(subject, f"f{number}")
        + f"\ndefine i64 @ask{number}(i64 %p, i64 %c, i64 %w, i64 %t) {{\n"
        + f"  %v = call i64 @f{number}(i64 %p, i64 %c, i64 %w, i64 %t)\n  ret i64 %v\n}}"
        for number, subject in enumerate(subjects)
    ]
    code = MachineCode("\n".join([runtime(subjects), *functions]))
    found = []
    for number, subject in enumerate(subjects):
        ask = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * 4)(code.address(f"ask{number}"))
        counters = (ctypes.c_uint64 * subject.size)()
        for packet in given_packets:
            memory = ctypes.create_string_buffer(packet, len(packet))
            ask(ctypes.addressof(memory), len(packet), WIRELEN, ctypes.addressof(counters))
        found.append(subject.solve(list(counters)))
    return found


def without_idle_jumps(program: Program, counts: Counts) -> Counts:
    """The interpreter's steps do not tell whether a jump was taken that leads to the same place both ways."""
    taken = [count if program[pc].jt != program[pc].jf else 0 for pc, count in enumerate(counts.taken)]
    return counts._replace(taken=tuple(taken))


@given(valid_programs, st.lists(packets, max_size=6))
@settings(max_examples=300, deadline=None)
def test_random_programs_in_python(program: Program, some: list[bytes]) -> None:
    assert without_idle_jumps(program, in_python(program, some)) == told(program, sent(some))


@pytest.mark.parametrize("most", [1000, 0], ids=["compiled", "interpreted"])
@given(st.lists(valid_programs, min_size=1, max_size=8), st.lists(packets, max_size=6))
@settings(max_examples=25, deadline=None)
def test_random_programs_as_machine_code(most: int, programs: list[Program], some: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MOST_COMPILED", most)
        for program, found in zip(programs, as_machine_code(programs, some), strict=True):
            assert without_idle_jumps(program, found) == told(program, sent(some))


@pytest.mark.parametrize("most", [1000, 0], ids=["compiled", "interpreted"])
def test_a_program_that_jumps_back(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_COMPILED", most)
    some = [b"\1\2\3\5", b"\5", b"", bytes(9), bytes(40) + b"\5"]
    expected = told(LOOPING, sent(some))
    assert expected.executed[0] > 40
    assert in_python(LOOPING, some) == expected
    assert as_machine_code([LOOPING], some) == [expected]


def test_a_program_without_an_end_is_reported() -> None:
    endless = Program([(op.JMP | op.JA, 0, 0, 0xFFFFFFFF), (op.RET | op.K, 0, 0, 0)])
    subject = Counting(endless)
    with pytest.raises(ProgramError, match="loops"):
        CountingEngine(subject).run(b"", 0, [0] * subject.size)


@pytest.mark.parametrize("most", [1000, 0], ids=["compiled", "interpreted"])
def test_escapes_go_on_elsewhere(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_COMPILED", most)
    program = assemble("ld #0\njeq #1, cut, next\nnext: ldb [3]\nret #1\ncut: ld #7\nldb [0]\nret #2\n")
    subject = Counting(program, {2: 4})
    engine, counters = CountingEngine(subject), [0] * subject.size
    verdicts = [engine.run(packet, 0, counters) for packet in (b"abcd", b"abc", b"")]
    assert verdicts == [1, 2, 0]
    expected = Counts(3, 2, (3, 3, 3, 1, 2, 2, 1), (0,) * 7, (0, 0, 2, 0, 0, 1, 0))
    assert subject.solve(counters) == expected
    pytest.importorskip("llvmlite")
    code = MachineCode(f"{runtime([subject])}\n{definition(subject, 'f').replace('define internal', 'define')}")
    ask = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * 4)(code.address("f"))
    table = (ctypes.c_uint64 * subject.size)()
    for packet in (b"abcd", b"abc", b""):
        memory = ctypes.create_string_buffer(packet, max(1, len(packet)))
        ask(ctypes.addressof(memory), len(packet), 0, ctypes.addressof(table))
    assert subject.solve(list(table)) == expected


@pytest.mark.parametrize(
    "expression", ["tcp port 80 or vlan and udp", "ip[ip[0] & 15:2] / tcp[0] > 3", "ip6 protochain 6"]
)
def test_compiled_expressions_on_packets_of_all_kinds(expression: str) -> None:
    program = cbpf.compile(expression).program
    whole = random_packets("EN10MB", 5, 60)
    some = [packet[: 7 * number % (len(packet) + 1)] if number % 2 else packet for number, packet in enumerate(whole)]
    expected = told(program, sent(some))
    assert expected.packets == len(some)
    assert sum(expected.cut) > 0
    assert in_python(program, some) == expected
    assert as_machine_code([program], some) == [expected]


def test_only_what_may_fail_is_cut() -> None:
    some = random_packets("EN10MB", 6, 40)
    program = cbpf.compile("ip[8] / ip[9] > 1 or tcp[tcp[12]] = 3").program
    for instruction, count in zip(program, told(program, sent([packet[:30] for packet in some])).cut, strict=True):
        assert may_cut(instruction) or count == 0

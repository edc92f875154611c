"""The debugger as a library: the interpreter's own states forward and back, and libpcap's verdicts over files."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import ProgramError, SavefileError
from cbpf.capture import Interface, Packet, open_savefile
from cbpf.debug import numbered, replay
from cbpf.debug.commands import Debugger, command
from cbpf.debug.debuggee import Debuggee, occurrences
from cbpf.debug.numbered import GoneError, Numbered
from cbpf.debug.outcomes import Counts, DebugError
from cbpf.debug.replay import Replay
from cbpf.debug.session import Session
from cbpf.engine import STEP_LIMIT, State, Step, steps
from cbpf.machine import Program, assemble
from cbpf.machine import opcodes as op
from tests import libpcap
from tests.oracles import libpcap_verdict, needs_libpcap
from tests.programs import packets as any_packets
from tests.programs import valid_programs

from .samples import CAPTURES, packets

ENDLESS = Program([(op.JMP | op.JA, 0, 0, 0xFFFFFFFF), (op.RET | op.K, 0, 0, 0)])
# Counts down from the length of the packet: 4 instructions each time.
COUNTDOWN = Program(
    [
        (op.LD | op.W | op.LEN, 0, 0, 0),
        (op.JMP | op.JEQ | op.K, 3, 0, 0),
        (op.ALU | op.SUB | op.K, 0, 0, 1),
        (op.ST, 0, 0, 3),
        (op.JMP | op.JA, 0, 0, (-4) & 0xFFFFFFFF),
        (op.RET | op.K, 0, 0, 7),
    ]
)
START = State(0, 0, (0,) * 16)


def of(some: Sequence[Packet], name: str = "packets") -> Numbered:
    def begin() -> Generator[Packet]:
        yield from some

    return Numbered(name, begin)


def session(expression: str, name: str) -> Session:
    return Session(Debuggee(expression), of(packets(name), name))


def assert_at(found: Replay, made: Sequence[Step], done: int) -> None:
    """Everything that can be seen after so many instructions."""
    assert found.done == done
    assert found.state == (made[done - 1].after if done else START)
    assert found.pc == (made[done].pc if done < len(made) else None)
    assert found.verdict == (made[done - 1].verdict if done else None)
    assert found.upcoming == (made[done] if done < len(made) else None)
    assert found.last == (made[done - 1] if done else None)
    loads = [step for step in made[:done] if step.loaded is not None]
    assert found.load == (loads[-1] if loads else None)


@given(valid_programs, any_packets, st.lists(st.integers(-6, 6), max_size=30))
@settings(max_examples=150, deadline=None)
def test_forward_and_back_are_the_interpreters_states(program: Program, octets: bytes, ways: list[int]) -> None:
    made = list(steps(program, octets))
    found, done = Replay(program, octets, len(octets)), 0
    for way in ways:
        if way < 0:
            found.back(min(-way, done))
        else:
            for _ in range(way):
                assert found.forward() == (found.done > done)
                done = found.done
        done = min(max(done + way, 0), len(made)) if way < 0 else found.done
        assert_at(found, made, done)
    assert found.finish() == made[-1].verdict


@pytest.mark.parametrize("kept", [1, 2, 7, 64])
def test_what_is_not_kept_is_run_again(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "KEPT", kept)
    octets = bytes(100)
    made = list(steps(COUNTDOWN, octets))
    found = Replay(COUNTDOWN, octets, 100)
    assert found.finish() == 7
    for done in (len(made) - 1, len(made) - 200, 40, 39, 1, 0):
        found.back(found.done - done)
        assert_at(found, made, done)
    while found.forward():
        assert_at(found, made, found.done)
        assert len(found._kept) <= 2 * kept
    assert found.done == len(made)


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_many_steps_of_a_loop(count: int) -> None:
    found = Session(Debuggee(program=ENDLESS), of(packets("http.pcap")))
    assert found.forward(count) == count
    assert (found.replay.pc, found.replay.done) == (0, count)
    if count == STEP_LIMIT:
        with pytest.raises(ProgramError, match="loops"):
            found.forward(1)
    assert found.back(3) == 3
    assert found.forward(2) == 2
    assert len(found.replay._kept) <= 2 * replay.KEPT


@pytest.mark.parametrize("name", ["http.pcap", "vlan.pcap", "ipv6.pcap"])
def test_steps_lead_from_packet_to_packet_and_back(name: str) -> None:
    expression = "tcp port 80 or udp"
    found = session(expression, name)
    program = cbpf.compile(expression, packets(name)[0].interface.linktype).program
    every = [
        (number, place, step.after)
        for number, packet in enumerate(packets(name), 1)
        for place, step in enumerate(steps(program, packet.data, packet.wirelen), 1)
    ]
    for number, place, state in every:
        assert found.forward(1) == 1
        assert (found.here.number, found.replay.done, found.replay.state) == (number, place, state)
    assert found.forward(1) == 0
    assert found.back(len(every) - 1) == len(every) - 1
    assert (found.here.number, found.replay.done, found.replay.state) == every[0]
    assert found.forward(len(every)) == len(every) - 1
    for number, place, state in reversed(every[:-1]):
        assert found.back(1) == 1
        if found.replay.done == 0:  # the end of the packet before and the beginning of this one are one place
            assert (found.here.number, place) == (number + 1, len([each for each in every if each[0] == number]))
        else:
            assert (found.here.number, found.replay.done, found.replay.state) == (number, place, state)
    assert found.back(5) == 1


@needs_libpcap
@pytest.mark.parametrize("breakpoints", [(), (1,), (0, 3)])
@pytest.mark.parametrize("name", ["http.pcap", "truncated.pcap", "null.pcap", "mpls.pcap"])
def test_running_has_libpcaps_verdicts(name: str, breakpoints: tuple[int, ...]) -> None:
    program = libpcap.compile_expression("tcp port 80 or udp", str(packets(name)[0].interface.linktype))
    expected = [libpcap_verdict(program, packet.data, packet.wirelen) for packet in packets(name)]
    passed = sum(verdict > 0 for verdict in expected)
    found = Session(Debuggee(program=program), of(packets(name)))
    for pc in breakpoints:
        found.break_at_instruction(pc)
    stops = 0
    while (ran := found.run()).stop is not None:
        stops += 1
    assert ran.counts == Counts(passed, len(expected) - passed)
    assert stops == sum(
        step.pc in breakpoints for packet in packets(name) for step in steps(program, packet.data, packet.wirelen)
    )
    assert (found.here.number, found.replay.done) == (1, 0)


def test_running_some_packets() -> None:
    found = session("tcp", "http.pcap")
    total = len(packets("http.pcap"))
    whole = found.run().counts
    parts = [found.run(10).counts, found.run(total - 10).counts]
    assert [sum(part) for part in parts] == [10, total - 10]
    assert Counts(*map(sum, zip(*parts, strict=True))) == whole
    assert found.here.number == 1


def test_until_the_verdict_changes() -> None:
    found = session("tcp", "http.pcap")
    program = found.made.program
    verdicts = [cbpf.engine.run(program, packet.data, packet.wirelen) for packet in packets("http.pcap")]
    changes = [at + 1 for at in range(1, len(verdicts)) if verdicts[at] != verdicts[at - 1]]
    assert changes
    for number in changes:
        change = found.until_change()
        assert change == (number, verdicts[number - 1], verdicts[number - 2])
        assert (found.here.number, found.replay.done) == (number, 0)
    assert found.until_change() is None
    assert found.here.number == len(verdicts)


def test_a_breakpoint_on_a_clause_stops_where_it_is_come_to() -> None:
    expression = "ip and (tcp port 80 or udp port 53)"
    found = session(expression, "http.pcap")
    pcs = found.break_at_clause("udp port 53")
    program = cbpf.compile(expression).program
    for pc in pcs:
        assert any("udp port 53" in expression[start:end] for start, end in program.spans[pc])
    expected = []
    for number, packet in enumerate(packets("http.pcap"), 1):
        way = [step.pc for step in steps(program, packet.data, packet.wirelen)]
        expected += [(number, at) for at, pc in enumerate(way) if pc in pcs and (at == 0 or way[at - 1] not in pcs)]
    places = []
    while found.run().stop == "clause udp port 53":
        places.append((found.here.number, found.replay.done))
    assert places == expected != []


def test_a_breakpoint_stops_once_and_again_after_coming_back() -> None:
    found = session("tcp", "http.pcap")
    found.breakpoints.packets.add(3)
    found.break_at_instruction(2)
    assert found.run().stop == "packet 3"
    assert found.run().stop == "instruction 2"
    place = found.here.number, found.replay.done
    found.select(place[0])
    assert found.run().stop in ("instruction 2", "packet 3")
    found.select(3)
    assert found.run().stop == "packet 3"


def test_words_of_an_expression() -> None:
    assert occurrences("port  80", "tcp port\n80 or port 8080 or port 80") == [(4, 11), (28, 35)]
    assert occurrences("", "tcp") == occurrences("cp", "tcp") == []
    found = session("tcp port 80", "http.pcap")
    with pytest.raises(DebugError, match="not in the expression"):
        found.break_at_clause("udp")
    found.load_filter(Debuggee(program=assemble("ret #1")))
    with pytest.raises(DebugError, match="no clauses"):
        found.break_at_clause("tcp")


def test_packets_are_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbered, "KEPT", 4)
    read: list[int] = []

    def begin() -> Generator[Packet]:
        for number in range(1, 101):
            read.append(number)
            yield Packet(number, 60, bytes(60), Interface())

    found = Numbered("hundred", begin)
    assert read == []
    for number in (10, 9, 7, 8):
        packet = found.get(number)
        assert packet is not None
        assert packet.timestamp == number
    assert read == list(range(1, 11))
    packet = found.get(6)
    assert packet is not None
    assert packet.timestamp == 6
    assert read[10:] == list(range(1, 7))
    assert found.get(101) is None is found.get(0)
    assert len(found._kept) == 4
    once = Numbered("pipe", begin, again=False)
    assert once.get(50) is not None
    with pytest.raises(GoneError, match="before 47 are gone"):
        once.get(46)
    assert once.get(51) is not None


def test_damage_ends_running_and_is_told_again() -> None:
    def begin() -> Generator[Packet]:
        with open_savefile(str(CAPTURES / "damaged.pcap")) as savefile:
            yield from savefile

    found = Session(Debuggee("ip"), Numbered("damaged", begin))
    first, second = found.run(), found.run()
    assert first == second
    assert isinstance(first.damage, SavefileError)
    assert sum(first.counts) > 0
    with pytest.raises(SavefileError):
        found.select(sum(first.counts) + 1)
    assert found.here.number == 1


def test_packets_of_link_types_without_a_program_are_passed() -> None:
    with open_savefile(str(CAPTURES / "two-interfaces.pcapng")) as savefile:
        some = list(savefile)
    ethernet = [packet for packet in some if packet.interface.linktype == 1]
    assert 0 < len(ethernet) < len(some)
    program = Program(cbpf.compile("ip").program, linktype=1)
    found = Session(packets=of(some))
    found.load_filter(Debuggee(program=program))
    ran = found.run()
    assert ran.counts.skipped == len(some) - len(ethernet)
    assert ran.counts.passed == sum(cbpf.compile("ip").match(each.data, each.wirelen) > 0 for each in ethernet)
    assert ran.refusal is not None


def test_another_filter_begins_the_packet_anew() -> None:
    found = session("tcp", "http.pcap")
    found.break_at_instruction(1)
    found.breakpoints.packets.add(9)
    found.select(7)
    found.forward(3)
    with pytest.raises(cbpf.FilterError):
        found.load_filter(Debuggee("tcp port port"))
    assert found.replay.done == 3
    found.load_filter(Debuggee("udp"))
    assert (found.here.number, found.replay.done) == (7, 0)
    assert found.breakpoints == (set(), [], {9})


def test_recovering_stands_where_it_was() -> None:
    found = session("tcp", "http.pcap")
    found.select(7)
    found.forward(3)
    state = found.replay.state
    found.packets._packets.close()  # as an interruption leaves it
    found.recover()
    assert (found.here.number, found.replay.done, found.replay.state) == (7, 3, state)
    found.move(1)
    assert found.here.number == 8


def test_without_filter_or_packets() -> None:
    with pytest.raises(DebugError, match="no filter"):
        Session().made  # noqa: B018
    with pytest.raises(DebugError, match="no packets"):
        Session(Debuggee("ip")).run()
    with pytest.raises(DebugError, match="has no packets"):
        Session().load_packets(of([], "empty"))


@pytest.mark.parametrize(
    ("short", "name"), [("l", "load"), ("sel", "select"), ("st", "step"), ("u", "until-change"), ("q", "quit")]
)
def test_abbreviations(short: str, name: str) -> None:
    assert command(short) is command(name)


@pytest.mark.parametrize("short", ["s", "d", "p", "w"])
def test_abbreviations_of_several(short: str) -> None:
    with pytest.raises(DebugError, match=f"^'{short}' may be [a-z-]+ or [a-z-]+$"):
        command(short)


def test_completion() -> None:
    def nothing(_: str) -> Numbered:
        raise AssertionError

    debugger = Debugger(Session(), nothing)
    assert debugger.complete("st") == ["step"]
    assert debugger.complete("s") == ["select", "step"]
    assert debugger.complete("load ") == ["bpf", "pcap"]
    assert debugger.complete("brea re") == ["reset"]
    assert debugger.complete("nonsense x") == debugger.complete("load pcap x") == []

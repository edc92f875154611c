"""The debugger on the whole screen, driven by its keys: what is drawn against the interpreter, tcpdump and ``why``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from itertools import pairwise
from time import sleep
from typing import Any

import pytest

pytest.importorskip("textual")

from textual.pilot import Pilot

import cbpf
from cbpf.capture import Interface, Packet
from cbpf.debug.commands import COMMANDS, Debugger
from cbpf.debug.debuggee import Debuggee
from cbpf.debug.numbered import Numbered
from cbpf.debug.outcomes import DebugError
from cbpf.debug.screen.app import Screenful
from cbpf.debug.screen.keys import KEYS
from cbpf.debug.screen.pane import Pane
from cbpf.debug.screen.prompt import Sheet
from cbpf.debug.session import Session
from cbpf.debug.why import why
from cbpf.engine import run, steps
from cbpf.machine import Form, assemble, read_program, write
from tests import libpcap
from tests.oracles import needs_libpcap

from .samples import packets

EXPRESSION = "tcp port 80 or udp port 53"
Driven = Pilot[None]


def test(act: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test of what goes on in an event loop."""

    def sync() -> None:
        asyncio.run(asyncio.wait_for(act(), 30))

    sync.__name__, sync.__doc__ = act.__name__, act.__doc__
    return sync


test.__test__ = False  # type: ignore[attr-defined]


def numbered(name: str) -> Numbered:
    def begin() -> Generator[Packet]:
        yield from packets(name)

    return Numbered(name, begin)


def debugger(debuggee: Debuggee | None, some: Numbered | None) -> Debugger:
    def open_packets(name: str) -> Numbered:
        if not name.endswith(".pcap"):
            raise DebugError(f"{name}: cannot open")
        return numbered(name)

    return Debugger(Session(debuggee, some), open_packets)


@asynccontextmanager
async def screen(
    debuggee: Debuggee | str | None = EXPRESSION,
    some: Numbered | str | None = "http.pcap",
    size: tuple[int, int] = (100, 30),
) -> AsyncIterator[Driven]:
    debuggee = Debuggee(debuggee) if isinstance(debuggee, str) else debuggee
    app = Screenful(debugger(debuggee, numbered(some) if isinstance(some, str) else some))
    async with app.run_test(size=size) as pilot:
        await rest(pilot)
        yield pilot


def app_of(pilot: Driven) -> Screenful:
    assert isinstance(pilot.app, Screenful)
    return pilot.app


async def rest(pilot: Driven) -> None:
    """Wait until all is done and drawn."""
    calm = 0
    while calm < 2:
        await pilot.pause()
        calm = calm + 1 if app_of(pilot).idle else 0


async def press(pilot: Driven, *keys: str) -> None:
    await pilot.press(*keys)
    await rest(pilot)


async def type_in(pilot: Driven, key: str, text: str) -> None:
    """Ask for the prompt with a key, and give an answer."""
    await pilot.press(key)
    await pilot.pause()
    line = app_of(pilot).prompt.line
    line.value = text
    await press(pilot, "enter")


def drawn(pilot: Driven, name: str) -> list[str]:
    """The lines of a pane that are in sight, as they are drawn."""
    pane = pilot.app.screen.query_one(f"#{name}", Pane)
    return [pane.render_line(y).text.rstrip() for y in range(pane.scrollable_content_region.height)]


def title(pilot: Driven, name: str) -> str:
    return str(pilot.app.query_one(f"#{name}", Pane).border_title)


def status(pilot: Driven) -> str:
    return " ".join(" ".join(drawn(pilot, "status")).split())


def everything(pilot: Driven) -> list[str]:
    names = ("expression", "listing", "registers", "octets", "packets", "status", "keys")
    return [line for name in names for line in drawn(pilot, name)] + [title(pilot, name) for name in names[:5]]


def here(pilot: Driven) -> int:
    """The instruction that has the mark."""
    (line,) = (line for line in drawn(pilot, "listing") if line[1:2] == "▶")
    return int(line[2:5])


def number(pilot: Driven) -> int:
    """The packet that has the mark."""
    (line,) = (line for line in drawn(pilot, "packets") if line[1:2] == "▶")
    return int(line[2:].split()[0])


def values(pilot: Driven) -> dict[str, int]:
    """The registers as they are drawn."""
    found = re.findall(r"(A|X|M\[\d+\]) *\*? *(0x[0-9a-f]{8})", "\n".join(drawn(pilot, "registers")))
    return {name: int(value, 16) for name, value in found}


def bracketed(pilot: Driven) -> bytes:
    """The bytes that are marked as the last that were read."""
    rows = [line[4:29] for line in drawn(pilot, "octets")]
    return bytes.fromhex("".join(re.findall(r"\[([0-9a-f ]+)\]", " ".join(rows))))


@test
async def test_steps_are_the_interpreters() -> None:
    packet = packets("http.pcap")[6]
    program = cbpf.compile(EXPRESSION).program
    made = list(steps(program, packet.data, packet.wirelen))
    async with screen() as pilot:
        await press(pilot, *"nnnnnn")
        there = list(range(len(made) + 1))
        for place, done in enumerate(there + there[-2::-1]):
            state = made[done - 1].after if done else made[0].before
            assert number(pilot) == 7
            assert here(pilot) == (made[done].pc if done < len(made) else made[-1].pc)
            assert values(pilot) == {"A": state.a, "X": state.x}
            shown = {int(line[2:5]) for line in drawn(pilot, "listing") if line[1] == "│"}
            assert shown <= {step.pc for step in made[:done]}
            loads = [step.loaded for step in made[:done] if step.loaded is not None]
            offset, size = loads[-1] if loads else (0, 0)
            assert bracketed(pilot) == packet.data[offset : offset + size]
            assert title(pilot, "registers") == f"registers · {done} executed"
            keys = ("s", "right") if place < len(made) else ("b", "left")
            await press(pilot, keys[done % 2])
        assert app_of(pilot).view.number == 6


@test
async def test_jumps_are_marked_where_they_went() -> None:
    packet = packets("http.pcap")[6]
    program = cbpf.compile(EXPRESSION).program
    made = list(steps(program, packet.data, packet.wirelen))
    async with screen(size=(100, 60)) as pilot:
        await press(pilot, *"nnnnnnf")
        lines = drawn(pilot, "listing")
        for step, following in pairwise(made):
            taken = re.findall(r"j[tf]▶(\d+)", lines[step.pc])
            assert taken == ([f"{following.pc}"] if " jt" in lines[step.pc].replace("▶", " ") else [])
        assert {int(line[2:5]) for line in lines if line[1:2] in ("│", "▶")} == {step.pc for step in made}


@test
async def test_verdicts_and_reasons() -> None:
    some = packets("http.pcap")
    program = cbpf.compile(EXPRESSION).program
    async with screen(size=(120, 30)) as pilot:
        for at, packet in enumerate(some[:4], 1):
            await press(pilot, "f")
            accepted = run(program, packet.data, packet.wirelen) > 0
            assert title(pilot, "expression").endswith("✓ accepted" if accepted else "✗ rejected")
            reason = why(EXPRESSION, 1, packet.data, packet.wirelen).text
            assert f"packet {at} {reason}" in status(pilot)
            await press(pilot, "w")
            assert status(pilot) == f"packet {at} {reason}"
            await press(pilot, "n")
        await press(pilot, "p")
        assert app_of(pilot).view.number == 4


@test
async def test_running_marks_every_packet() -> None:
    some = packets("http.pcap")
    program = cbpf.compile(EXPRESSION).program
    async with screen(size=(100, 140)) as pilot:
        await press(pilot, "r")
        marks = {int(at): mark == "✓" for at, mark in re.findall(r"(\d+) ([✓✗]) ", "\n".join(drawn(pilot, "packets")))}
        expected = {at: run(program, packet.data, packet.wirelen) > 0 for at, packet in enumerate(some, 1)}
        assert marks == expected
        passed = sum(expected.values())
        assert status(pilot) == f"bpf passes:{passed} fails:{len(some) - passed}"


@test
async def test_clauses_are_lit_and_settled() -> None:
    async with screen() as pilot:
        await press(pilot, *"nnnnnn")
        text, marks = drawn(pilot, "expression")[:2]
        assert text == EXPRESSION
        assert marks == "▔" * len("tcp port 80")
        await press(pilot, "f")
        assert drawn(pilot, "expression")[1] == "✓"
        await press(pilot, "p", *"ppp", "f")  # of DNS
        marks = drawn(pilot, "expression")[1]
        assert (marks[0], marks[EXPRESSION.index("udp")]) == ("✗", "✓")


@test
async def test_breakpoints() -> None:
    async with screen(size=(100, 90)) as pilot:
        await press(pilot, "down", "down", "space")
        assert drawn(pilot, "listing")[2].startswith("● 002")
        await press(pilot, "r")
        program = cbpf.compile(EXPRESSION).program
        way = [[step.pc for step in steps(program, packet.data, packet.wirelen)] for packet in packets("http.pcap")]
        first = next(at for at, pcs in enumerate(way, 1) if 2 in pcs)
        assert (number(pilot), here(pilot)) == (first, 2)
        assert status(pilot) == "breakpoint: instruction 2"
        await press(pilot, "f9")
        await type_in(pilot, "c", "udp port 53")
        await type_in(pilot, "k", "6")
        found = Session(Debuggee(EXPRESSION), numbered("http.pcap"))
        pcs = found.break_at_clause("udp port 53")
        assert {int(line[2:5]) for line in drawn(pilot, "listing") if line[:1] == "◆"} == pcs
        stops: list[tuple[int, str]] = []
        for _ in range(5):
            await press(pilot, "r")
            stops.append((number(pilot), status(pilot)))
        assert (6, "breakpoint: packet 6") in stops
        found.breakpoints.packets.add(6)
        found.select(first)
        found.forward(2)
        expected = [(f"breakpoint: {found.run().stop}", found.here.number) for _ in stops]
        assert [(said, at) for at, said in stops] == expected
        await type_in(pilot, "colon", "breakpoint reset")
        assert not any(line[:1] in ("●", "◆") for line in drawn(pilot, "listing") + drawn(pilot, "packets"))


@test
async def test_until_change_and_go() -> None:
    program = cbpf.compile("tcp").program
    verdicts = [run(program, packet.data, packet.wirelen) > 0 for packet in packets("http.pcap")]
    changes = [at + 1 for at in range(1, len(verdicts)) if verdicts[at] != verdicts[at - 1]]
    async with screen("tcp") as pilot:
        for at in changes[:3]:
            await press(pilot, "u")
            assert number(pilot) == at
            assert f"packet {at} is " in status(pilot)
        await type_in(pilot, "g", "31")
        assert number(pilot) == 31
        await type_in(pilot, "g", "3100")
        assert "there is no packet 3100" in status(pilot)
        await press(pilot, "escape")
        assert number(pilot) == 31


@test
async def test_editing_the_expression() -> None:
    async with screen(size=(100, 60)) as pilot:
        await press(pilot, *"nnnnnnss")
        await type_in(pilot, "e", "udp and port 99")
        assert title(pilot, "listing") == f"program · {len(cbpf.compile('udp and port 99').program)} instructions"
        assert drawn(pilot, "expression")[0] == "udp and port 99"
        assert (app_of(pilot).view.number, app_of(pilot).view.done) == (7, 0)
        before = drawn(pilot, "listing")
        await pilot.press("e")
        await pilot.pause()
        assert app_of(pilot).prompt.line.value == "udp and port 99"
        await press(pilot, *("space", "a", "n", "d", "space", "f", "o", "o", "enter"))
        shown = drawn(pilot, "status")
        caret = shown[2].index("^")
        assert "foo" in shown[0]
        assert shown[1][caret : caret + 3] == "foo"
        assert app_of(pilot).prompt.line.value == "udp and port 99 and foo"
        assert before[:10] == drawn(pilot, "listing")[:10]
        await press(pilot, "escape", "s")
        assert app_of(pilot).view.done == 1
        await type_in(pilot, "e", "")
        assert len(app_of(pilot).view.listing) == 1


@needs_libpcap
def test_the_listing_is_libpcaps() -> None:
    @test
    async def act() -> None:
        program = libpcap.compile_expression(EXPRESSION, "1")
        async with screen(Debuggee(program=program), size=(100, 90)) as pilot:
            for pc, text in enumerate(write(program, Form.TEXT).splitlines()):
                wanted = text.split()[1:3]
                assert drawn(pilot, "listing")[pc][1:].lstrip("▶ ").split()[1 : 1 + len(wanted)] == wanted

    act()


@pytest.mark.slow
@test
async def test_every_command_of_the_line_mode() -> None:
    arguments = {"load": "pcap dns.pcap", "select": "2", "quit": None, "expression": "ip"}
    async with screen() as pilot:
        for name in COMMANDS:
            if (rest_of := arguments.get(name, "")) is None:
                continue
            await type_in(pilot, "colon", f"{name} {rest_of}".strip())
            if isinstance(pilot.app.screen, Sheet):
                assert any(drawn(pilot, "sheet"))
                await press(pilot, "escape")
            assert "there is no command" not in status(pilot)
        assert title(pilot, "packets").startswith("packets · dns.pcap")
        await type_in(pilot, "colon", "nonsense")
        assert "there is no command 'nonsense'" in status(pilot)
        await press(pilot, "colon", "up", "up")
        assert app_of(pilot).prompt.line.value == "help"
        await pilot.press("escape", "colon", *"disas")
        await pilot.pause()
        await pilot.press("tab")
        assert app_of(pilot).prompt.line.value == "disassemble"
        await pilot.press("escape")
        await type_in(pilot, "colon", "quit")
    assert pilot.app.return_code == 0


@test
async def test_help_names_every_key_and_command() -> None:
    async with screen(size=(120, 90)) as pilot:
        await press(pilot, "question_mark")
        text = "\n".join(drawn(pilot, "sheet"))
        assert all(f"  {key.shown} " in text and key.help in text for key in KEYS)
        assert all(f"  {name} " in text for name in COMMANDS)
        await press(pilot, "q")
        await press(pilot, "s")
        assert app_of(pilot).view.done == 1
        shown = " ".join(drawn(pilot, "keys"))
        assert all(f"{key.shown} {key.label}" in shown for key in KEYS)
        await pilot.press("q")
    assert pilot.app.return_code == 0


def endless(read: list[int]) -> Numbered:
    frame = packets("http.pcap")[0]

    def begin() -> Generator[Packet]:
        at = 0
        while True:
            at += 1
            read.append(at)
            sleep(0.0002)  # or the screen would fight for the processor
            yield frame

    return Numbered("endless", begin)


@pytest.mark.slow
@test
async def test_a_long_run_can_be_interrupted_and_gone_on_with() -> None:
    read: list[int] = []
    async with screen(some=endless(read)) as pilot:
        assert max(read) < 100  # what is in sight, and no more
        for key in ("r", "u"):
            await pilot.press(key)
            while "Esc interrupts" not in status(pilot):
                await pilot.pause(0.02)
            await press(pilot, "escape")
            at = app_of(pilot).view.number
            assert status(pilot) == f"Interrupted; this is packet {at}."
            assert number(pilot) == at > 1
            await press(pilot, "n", "p")
            assert number(pilot) == at
        await pilot.press("g", *"9999999", "enter")
        while "Esc interrupts" not in status(pilot):
            await pilot.pause(0.02)
        await press(pilot, "ctrl+c")
        assert "Interrupted" in status(pilot)
        await pilot.press("r", "q")


@test
async def test_a_program_that_loops_can_be_interrupted() -> None:
    program = read_program("2,5 0 0 4294967295,6 0 0 0")
    async with screen(Debuggee(program=program)) as pilot:
        await pilot.press("f")
        await pilot.pause(0.05)
        await press(pilot, "escape")
        done = app_of(pilot).view.done
        assert 0 < done < 1_000_000
        await press(pilot, "b")
        assert app_of(pilot).view.done == done - 1


@test
async def test_the_list_reads_no_more_than_is_looked_at() -> None:
    read: list[int] = []
    async with screen(some=endless(read)) as pilot:
        await press(pilot, "tab", "tab", "tab")
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "packets"
        for _ in range(5):
            await press(pilot, "pagedown")
            while any("…" in line for line in drawn(pilot, "packets")):
                await pilot.pause(0.02)
        assert 36 < max(read) < 300
        assert all("ARP" in line for line in drawn(pilot, "packets"))
        await press(pilot, "enter")
        assert number(pilot) == app_of(pilot).view.number > 30
        await press(pilot, "space")
        assert app_of(pilot).debugger.session.breakpoints.packets == {number(pilot)}


@test
async def test_packets_that_can_be_read_once() -> None:
    some = Numbered("pipe", numbered("http.pcap")._begin, again=False)
    async with screen(some=some) as pilot:
        assert number(pilot) == 1
        await press(pilot, *"nnnp")
        assert number(pilot) == 3
        assert app_of(pilot).rows.known == 4
        await press(pilot, "r")
        assert "passes" in status(pilot)


@test
async def test_the_mouse() -> None:
    async with screen() as pilot:
        await pilot.click("#packets", offset=(20, 4))
        await rest(pilot)
        assert number(pilot) == 4
        await pilot.click("#packets", offset=(1, 2))
        await pilot.click("#listing", offset=(1, 4))
        await rest(pilot)
        assert app_of(pilot).debugger.session.breakpoints[0::2] == ({3}, {2})
        keys = pilot.app.query_one("#keys", Pane)
        await pilot.click("#keys", offset=(keys.render_line(0).text.index("next") + 1, 0))
        await rest(pilot)
        assert number(pilot) == 5


@pytest.mark.parametrize("size", [(80, 24), pytest.param((160, 50), marks=pytest.mark.slow), (40, 12)])
def test_sizes(size: tuple[int, int]) -> None:
    @test
    async def act() -> None:
        async with screen(size=(90, 26)) as pilot:
            await press(pilot, *"nnnnnnsssssss")
            await pilot.resize_terminal(*size)
            await rest(pilot)
            if size != (40, 12):
                assert here(pilot) == app_of(pilot).view.pc
                assert number(pilot) == 7
                assert bracketed(pilot) == packets("http.pcap")[6].data[slice(*app_of(pilot).view.loaded or ())]
                assert values(pilot).keys() == {"A", "X"}
                assert drawn(pilot, "expression")[0] == EXPRESSION
                assert "q quit" in " ".join(drawn(pilot, "keys"))
            for name in ("expression", "listing", "octets", "packets", "status"):
                assert pilot.app.query_one(f"#{name}", Pane).region.right <= size[0]
            await press(pilot, "s")

    act()


def test_nothing_of_files_and_expressions_does_things() -> None:
    name = b"\x06\x1b[31m]\x05[red]\x00"  # a DNS question with an escape sequence, and markup
    question = bytes(2) + b"\x01\x00\x00\x01" + bytes(6) + name + b"\x00\x01\x00\x01"
    udp = b"\x00\x35\x00\x35" + (8 + len(question)).to_bytes(2) + bytes(2) + question
    ip = b"\x45\x00" + (20 + len(udp)).to_bytes(2) + bytes(5) + b"\x11" + bytes(10) + udp
    packet = Packet(0, 14 + len(ip), bytes(12) + b"\x08\x00" + ip, Interface())

    def begin() -> Generator[Packet]:
        yield packet

    @test
    async def act() -> None:
        async with screen("udp \x0b port 53", Numbered("\x1b]0;[b]title\x07.pcap", begin), size=(160, 40)) as pilot:
            await press(pilot, "f")
            lines = everything(pilot)
            assert any("[red]" in line for line in lines)
            assert any("[b]title" in line for line in lines)
            assert all(line.isprintable() for line in lines)
            await type_in(pilot, "colon", "expression [red]\x9b31m nonsense")
            await type_in(pilot, "o", "[blink]x\x1b")
            assert "[blink]x" in status(pilot)
            assert all(line.isprintable() for line in everything(pilot))

    act()


@test
async def test_without_packets_or_filter() -> None:
    async with screen(some=None) as pilot:
        assert "There are no packets" in status(pilot)
        assert drawn(pilot, "listing")[0].split()[:3] == ["000", "ldh", "[12]"]
        await press(pilot, "s")
        assert "there are no packets" in status(pilot)
        await type_in(pilot, "o", "dns.pcap")
        assert number(pilot) == 1
    async with screen(None, None) as pilot:
        assert "no filter" in " ".join(drawn(pilot, "expression"))
        await type_in(pilot, "e", "udp")
        assert drawn(pilot, "expression")[0] == "udp"


@test
async def test_a_packet_without_a_program_is_no_end() -> None:
    some = [packets("http.pcap")[0], packets("raw.pcap")[0]]

    def begin() -> Generator[Packet]:
        yield from some

    async with screen("ether host 1:2:3:4:5:6", Numbered("mixed", begin)) as pilot:
        await press(pilot, "n")
        assert "No program for packet 2" in status(pilot)
        assert number(pilot) == 2
        await press(pilot, "p", "f")
        assert "Rejected" in status(pilot)


@test
async def test_scratch_memory_is_shown() -> None:
    program = assemble("ld #5\nst M[3]\nld #0\nret a")
    async with screen(Debuggee(program=program)) as pilot:
        await press(pilot, *"ss")
        assert values(pilot) == {"A": 5, "X": 0, "M[3]": 5}
        assert any(re.search(r"M\[3\] *\*0x00000005", line) for line in drawn(pilot, "registers"))
        await press(pilot, "s")
        assert values(pilot) == {"A": 0, "X": 0, "M[3]": 5}
        assert "a program" in drawn(pilot, "expression")[0]

"""The words of the debugger: lines that are commands, as bpf_dbg of the Linux kernel has them, and some of our own.

A command is written by its name or as much of it as no other begins with, and answers with text. Nothing is read here:
``open_packets`` has the capture of a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from cbpf.debug import position
from cbpf.debug.debuggee import NOTHING_MATCHES, Debuggee
from cbpf.debug.listing import verdict as verdict_of_trace
from cbpf.debug.numbered import Numbered
from cbpf.debug.outcomes import DebugError
from cbpf.debug.session import Session
from cbpf.debug.trace import trace
from cbpf.debug.why import why
from cbpf.errors import CbpfError
from cbpf.machine.listing import Form, write
from cbpf.machine.numeric import read_decimal

_LARGEST: Final = 1 << 62

Answer = Iterator[str]


class Debugger:
    """A session that is told what to do, line by line. ``over`` says that it was told to quit."""

    def __init__(
        self, session: Session, open_packets: Callable[[str], Numbered], pattern: Debuggee | None = None
    ) -> None:
        self.session = session
        self.open_packets = open_packets
        self.pattern = pattern or Debuggee("")  # how expressions are compiled
        self.over = False

    def execute(self, line: str) -> Answer:
        """Do what a line says; gives the answer in pieces. Blank lines and those that begin with # say nothing.

        Raises CbpfError for what cannot be done; what had been answered before holds.
        """
        name, *rest = line.split(maxsplit=1)[:2] or ["#"]
        if not name.startswith("#"):
            yield from command(name).act(self, rest[0].strip() if rest else "")

    def complete(self, line: str) -> list[str]:
        """The words that the last one of a line may be meant for."""
        *before, last = f"{line} ".split(" ")[:-1]
        if not any(before):
            return [name for name in COMMANDS if name.startswith(last)]
        try:
            words = command(before[0]).words
        except DebugError:
            return []
        return [word for word in words if word.startswith(last)] if len(before) == 1 else []


class Command(NamedTuple):
    """``arguments`` as help shows them; ``words`` are what may stand behind the name."""

    arguments: str
    help: str
    act: Callable[[Debugger, str], Answer]
    words: tuple[str, ...] = ()


def command(name: str) -> Command:
    """The command of this name, or the only one that begins so. DebugError if there is none, or several."""
    found = [name] if name in COMMANDS else [each for each in COMMANDS if each.startswith(name)]
    if len(found) == 1:
        return COMMANDS[found[0]]
    if found:
        raise DebugError(f"'{name}' may be {' or '.join(found)}")
    raise DebugError(f"there is no command '{name[:40]}'; 'help' lists those that there are")


# bpf_dbg's.


def _load(debugger: Debugger, rest: str) -> Answer:
    kind, _, what = rest.partition(" ")
    session = debugger.session
    if not what.strip() or not kind or not any(each.startswith(kind) for each in ("bpf", "pcap")):
        raise DebugError("expected 'load bpf N,CODE JT JF K,...' or 'load pcap FILE'")
    if "bpf".startswith(kind):
        session.load_filter(Debuggee(program=read_decimal(what)))
        yield _size(session)
    else:
        session.load_packets(debugger.open_packets(what.strip()))
        yield position.packet(session.here)


def _select(debugger: Debugger, rest: str) -> Answer:
    debugger.session.select(_number(rest, "the number of a packet, from 1", least=1))
    yield from _where(debugger)


def _step(debugger: Debugger, rest: str) -> Answer:
    session = debugger.session
    is_back = rest.startswith("-")
    count = _number(rest[1:] if rest[:1] in ("-", "+") else rest, "how many instructions, as in +3 or -3", default=1)
    done = session.back(count) if is_back else session.forward(count)
    yield position.position(session)
    if done < count:
        end = "the first instruction on the first packet" if is_back else "the verdict on the last packet"
        raise DebugError(f"{done} of {count} steps: this is {end}")


def _run(debugger: Debugger, rest: str) -> Answer:
    session = debugger.session
    ran = session.run(_number(rest, "how many packets", least=1) if rest else None)
    if ran.stop is not None:
        yield f"breakpoint: {ran.stop}\n{position.position(session)}"
        return
    passed, failed, skipped = ran.counts
    yield f"bpf passes:{passed} fails:{failed}\n"
    if skipped:
        why_not = getattr(ran.refusal, "message", ran.refusal)
        yield f"not run on {skipped} packet{'s' * (skipped != 1)}: {why_not}\n"
    if ran.damage is not None:
        raise ran.damage
    if ran.refusal is not None and passed + failed == 0:
        raise ran.refusal


def _breakpoint(debugger: Debugger, rest: str) -> Answer:
    session = debugger.session
    kind, _, what = rest.partition(" ")
    if not rest:
        yield from _breakpoints(session)
    elif rest == "reset":
        for each in session.breakpoints:
            each.clear()
    elif rest.isascii() and rest.isdecimal():
        pc = _number(rest, "the number of an instruction")
        session.break_at_instruction(pc)
        yield f"breakpoint at: {session.made.lines[pc]}\n"
    elif kind == "packet" and what:
        packet = _number(what, "the number of a packet, from 1", least=1)
        session.breakpoints.packets.add(packet)
        yield f"breakpoint at: packet {packet}\n"
    else:
        words = what.strip() if kind == "clause" and what else rest
        found = session.break_at_clause(" ".join(words.split()))
        yield "".join(f"breakpoint at: {session.made.lines[pc]}\n" for pc in sorted(found))


def _breakpoints(session: Session) -> Answer:
    instructions, clauses, packets = session.breakpoints
    if not (instructions or clauses or packets):
        yield "no breakpoints\n"
    yield "".join(f"instruction {session.made.lines[pc]}\n" for pc in sorted(instructions))
    yield "".join(f"clause {words}\n" for words in clauses)
    yield "".join(f"packet {number}\n" for number in sorted(packets))


def _disassemble(debugger: Debugger, rest: str) -> Answer:
    made = debugger.session.made
    lines = write(made.program, Form.TEXT).splitlines(keepends=True)
    if not rest:
        yield "".join(lines)
        return
    pc = _number(rest, "the number of an instruction")
    if pc >= len(lines):
        raise DebugError(f"there is no instruction {pc}: they are 0 to {len(lines) - 1}")
    yield lines[pc]


def _dump(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    yield write(debugger.session.made.program, Form.C)


def _quit(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    debugger.over = True
    yield ""


# Ours.


def _expression(debugger: Debugger, rest: str) -> Answer:
    session = debugger.session
    if rest:
        session.load_filter(debugger.pattern.changed(rest))
        if session.made.pointless:
            yield f"{NOTHING_MATCHES}\n"
        yield _size(session)
    elif session.debuggee.expression is None:
        raise DebugError("a program was loaded, and no expression")
    else:
        yield f"{session.debuggee.expression}\n"


def _moved(sign: int) -> Callable[[Debugger, str], Answer]:
    def act(debugger: Debugger, rest: str) -> Answer:
        debugger.session.move(sign * _number(rest, "how many packets", default=1))
        yield from _where(debugger)

    return act


def _finish(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    debugger.session.finish()
    yield position.position(debugger.session)


def _until_change(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    session = debugger.session
    change = session.until_change()
    if change is None:
        yield f"no other verdict up to the last packet, {session.here.number}\n"
        return
    now, before = map(position.verdict, (change.verdict, change.before))
    yield f"packet {change.number} is {now}; before it was {before}\n"
    yield position.position(session)


def _show(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    yield from _where(debugger)


def _registers(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    yield position.registers(debugger.session)


def _packet(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    yield position.octets(debugger.session)


def _why(debugger: Debugger, rest: str) -> Answer:
    _nothing(rest)
    session = debugger.session
    number, packet = session.here.number, session.here.packet
    linktype = packet.interface.linktype
    if session.debuggee.expression is None:
        found = trace(session.made.program, packet.data, packet.wirelen, linktype=linktype)
        yield f"packet {number} was {verdict_of_trace(found)}\n"
    else:
        text = why(session.debuggee.clauses(linktype), linktype, packet.data, packet.wirelen).text
        yield f"packet {number} {text}\n"


def _help(_debugger: Debugger, rest: str) -> Answer:
    chosen = {name: each for name, each in COMMANDS.items() if not rest or each is command(rest)}
    yield "".join(f"{f'{name} {each.arguments}':37} {each.help}\n" for name, each in chosen.items())


COMMANDS: Final = {
    "load": Command("bpf|pcap WHAT", "a program N,CODE JT JF K,... or a savefile", _load, ("bpf", "pcap")),
    "expression": Command("[TEXT]", "compile another expression, or show the present one", _expression),
    "disassemble": Command("[PC]", "the program, or one instruction, as tcpdump -d has it", _disassemble),
    "dump": Command("", "the program as numbers, as tcpdump -dd has it", _dump),
    "breakpoint": Command(
        "[PC|packet N|WORDS|reset]",
        "stop there when running; list all; remove all",
        _breakpoint,
        ("clause", "packet", "reset"),
    ),
    "select": Command("N", "go to the packet with this number, from 1", _select),
    "next": Command("[N]", "go to the next packet, or the Nth from here", _moved(1)),
    "previous": Command("[N]", "go to the packet before, or the Nth before", _moved(-1)),
    "run": Command("[N]", "run on all packets from here on, or on N, up to a breakpoint", _run),
    "step": Command("[-N|+N]", "execute an instruction, or N, or go N back", _step),
    "finish": Command("", "execute all up to the verdict on this packet", _finish),
    "until-change": Command("", "go to the next packet with another verdict", _until_change),
    "where": Command("", "the present instruction, and what led to it", _show),
    "registers": Command("", "all registers", _registers),
    "packet": Command("", "the bytes of the packet, and which were read last", _packet),
    "why": Command("", "why the filter matches this packet or not", _why),
    "help": Command("[COMMAND]", "what there is", _help),
    "quit": Command("", "end", _quit),
}


def _where(debugger: Debugger) -> Answer:
    """Where it stands; that there is no program, or none for this packet, is no reason not to stand there."""
    session = debugger.session
    try:
        yield position.position(session)
    except CbpfError as error:
        yield position.packet(session.here) + f"no program: {getattr(error, 'message', error)}\n"


def _size(session: Session) -> str:
    count = len(session.made.program)
    return f"{count} instruction{'s' * (count != 1)}\n"


def _number(text: str, what: str, *, least: int = 0, default: int | None = None) -> int:
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_LARGEST)) or int(text) < least:
        raise DebugError(f"expected {what}, found '{text[:40]}'" if text else f"expected {what}")
    return int(text)


def _nothing(rest: str) -> None:
    if rest:
        raise DebugError(f"nothing is expected here, found '{rest[:40]}'")

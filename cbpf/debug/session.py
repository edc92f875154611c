"""The debugger as a library: a filter, a capture, and where in them it stands. No input, no output, no words.

A place is a packet and how many instructions have been executed on it. Going forward leads from the verdict on a packet
to the first instruction on the next one, going back the other way round.

    >>> from cbpf.capture.packet import Interface, Packet
    >>> arp = Packet(0, 60, bytes(12) + b"\\x08\\x06" + bytes(46), Interface())
    >>> session = Session(Debuggee("ip"), Numbered("arp", lambda: (packet for packet in [arp])))
    >>> session.forward(2), session.replay.pc, session.replay.state.a
    (2, 3, 2054)
    >>> session.back(1), session.replay.pc
    (1, 1)
    >>> session.run()
    Ran(counts=Counts(passed=0, failed=1, skipped=0), stop=None, refusal=None, damage=None)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

from cbpf.capture.packet import Interface, Packet
from cbpf.debug.debuggee import Debuggee, Made, occurrences
from cbpf.debug.fields import Header, headers
from cbpf.debug.numbered import GoneError, Numbered
from cbpf.debug.outcomes import Breakpoints, Change, Counts, DebugError, Ran
from cbpf.debug.replay import Replay
from cbpf.errors import OF_THE_LINKTYPE, CbpfError, FilterError, SavefileError
from cbpf.linktypes import LinkTypeError

_UNJUDGED, _REJECTED, _ACCEPTED = range(3)


class Here:
    """A packet, its ``number``, and the program for it on its way through."""

    def __init__(self, number: int, packet: Packet) -> None:
        self.number = number
        self.packet = packet
        self.replay: Replay | None = None

    @cached_property
    def headers(self) -> tuple[Header, ...]:
        return headers(self.packet.interface.linktype, self.packet.data)


class Session:
    """Packets are those of ``packets``; ``interface`` is what programs are shown for while there are none.

    ``attend`` is called again and again during whatever may take long, and may raise Interrupted.
    """

    def __init__(
        self,
        debuggee: Debuggee | None = None,
        packets: Numbered | None = None,
        *,
        interface: Interface | None = None,
    ) -> None:
        self.breakpoints = Breakpoints(set(), [], set())
        self._interface = interface or Interface()
        self._debuggee = debuggee
        self._packets = packets
        self._here: Here | None = None
        self._counts = Counts()
        self._refusal: CbpfError | None = None
        self._told: tuple[int, int] | None = None
        self._judged = bytearray()  # by number, from 0
        self.attend: Callable[[], None] = lambda: None
        if packets is not None:
            packets.attend = self._attend

    # What is there.

    @property
    def debuggee(self) -> Debuggee:
        if self._debuggee is None:
            raise DebugError("there is no filter: give one with 'expression TEXT' or 'load bpf N,CODE JT JF K,...'")
        return self._debuggee

    @property
    def packets(self) -> Numbered:
        if self._packets is None:
            raise DebugError("there are no packets: give some with 'load pcap FILE'")
        return self._packets

    @property
    def has_packets(self) -> bool:
        return self._packets is not None

    @property
    def number(self) -> int:
        """The number of the packet where it stands, as well while another thread makes it go."""
        return 1 if self._here is None else self._here.number

    def judged(self, number: int) -> bool | None:
        """Whether a packet was accepted; None if it was not judged by this filter yet."""
        mark = self._judged[number] if number < len(self._judged) else _UNJUDGED
        return None if mark == _UNJUDGED else mark == _ACCEPTED

    @property
    def here(self) -> Here:
        """Where it stands; at first the first packet."""
        if self._here is None:
            self.select(1)
        assert self._here is not None
        return self._here

    @property
    def made(self) -> Made:
        """The program for the present packet. Raises what ``Debuggee.made_for`` does."""
        interface = self._interface if self._packets is None else self.here.packet.interface
        return self.debuggee.made_for(interface)

    @property
    def replay(self) -> Replay:
        """The present packet's way through the program."""
        here, program = self.here, self.made.program
        if here.replay is None:
            here.replay = Replay(program, here.packet.data, here.packet.wirelen)
        return here.replay

    # Other filters and packets.

    def load_filter(self, debuggee: Debuggee) -> None:
        """Another filter, from the beginning of the present packet on; its breakpoints must be new ones.

        Raises CbpfError, and keeps the old one, if it is wrong: for the link type of the present packet alone it may
        be, as long as there are packets, for there may be others.
        """
        try:
            debuggee.made_for(self._interface if self._packets is None else self.here.packet.interface)
        except CbpfError as error:
            if self._packets is None or not _of_the_linktype(error):
                raise
        self._debuggee = debuggee
        self.breakpoints.instructions.clear()
        self.breakpoints.clauses.clear()
        self._judged.clear()
        if self._here is not None:
            self._here = Here(self._here.number, self._here.packet)
        self._forget()

    def load_packets(self, packets: Numbered) -> None:
        """Another capture, from its beginning on. DebugError, and the old one stays, if there is nothing in it."""
        if packets.get(1) is None:
            raise DebugError(f"{packets.name}: has no packets")
        if self._packets is not None:
            self._packets.close()
        self._packets, self._here = packets, None
        packets.attend = self._attend
        self._judged.clear()
        self._forget()

    def select(self, number: int) -> None:
        """Stand in front of the first instruction on a packet. If there is no such packet, DebugError, and stay."""
        self._go(number)
        self._forget()

    def move(self, count: int) -> None:
        """``select``, counted from the present packet."""
        here = self.here
        self.select(here.number + count)

    # Instructions.

    def forward(self, count: int) -> int:
        """Execute ``count`` instructions, on the following packets, too; gives how many there were."""
        done = 0
        while done < count:
            replay = self.replay
            while done < count and replay.forward():
                done += 1
                self.attend()
            self._note(replay.verdict)
            if done < count and not self._advance():
                break
        self._told = self._place()
        return done

    def back(self, count: int) -> int:
        """Undo ``count`` instructions, on the packets before, too; gives how many there were."""
        undone = 0
        while True:
            replay = self.replay
            some = min(count - undone, replay.done)
            replay.back(some)
            undone += some
            if undone == count or self.here.number == 1:
                break
            self._go(self.here.number - 1)
            self._finish()
        self._told = self._place()
        return undone

    def finish(self) -> int:
        """Execute what is left on the present packet; gives the verdict."""
        verdict = self._finish()
        self._told = self._place()
        return verdict

    # Packets.

    def run(self, most: int | None = None) -> Ran:
        """Go on with the present packet and those behind it, at most so many, up to a breakpoint.

        At the end of the capture it stands in front of its first packet again, and counting begins anew.
        """
        damage, left = None, most
        while left is None or left > 0:
            self.attend()
            stop = self._judge()
            if stop is not None:
                self._told = self._place()
                return Ran(self._counts, stop)
            left = None if left is None else left - 1
            try:
                if self._advance():
                    continue
            except SavefileError as error:
                damage = error
            self._rewind()
            break
        ran = Ran(self._counts, None, self._refusal, damage)
        self._forget()
        return ran

    def until_change(self) -> Change | None:
        """Go to the next packet that has another verdict than the one before it, the present one to begin with.

        Breakpoints do not count. None, at the last packet, if there is none. Packets without a program are passed.
        """
        before = self._verdict()
        while self._advance():
            verdict = self._verdict()
            if before is not None and verdict is not None and verdict != before:
                self._forget()
                return Change(self.here.number, verdict, before)
            before = before if verdict is None else verdict
        self._forget()
        return None

    def recover(self) -> None:
        """Make whole what an interruption may have left in pieces; it stands where it was."""
        if self._packets is not None:
            self._packets.restart()
        if self._here is not None:
            self._told = self._place()
            done, self._here.replay = self._told[1], None
            if done:
                self.forward(done)

    # Breakpoints.

    def break_at_instruction(self, pc: int) -> None:
        """Stop in front of an instruction. DebugError if the program for the present packet has none of the number."""
        length = len(self.made.program)
        if pc >= length:
            raise DebugError(f"there is no instruction {pc}: they are 0 to {length - 1}")
        self.breakpoints.instructions.add(pc)

    def break_at_clause(self, words: str) -> frozenset[int]:
        """Stop where the program comes to an instruction of a part of the expression.

        Gives the numbers of those instructions, in the program for the present packet. DebugError if the words are
        not in the expression, or none of its instructions is left of them.
        """
        if not occurrences(words, self.debuggee.expression or ""):
            where = "the expression" if self.debuggee.expression is not None else "a program, which has no clauses"
            raise DebugError(f"'{words}' is not in {where}")
        found = self.made.of_words(words)
        if not found:
            raise DebugError(f"no instruction of the program is of '{words}': it makes no difference here")
        if words not in self.breakpoints.clauses:
            self.breakpoints.clauses.append(words)
        return found

    def toggle_instruction(self, pc: int) -> bool:
        """Stop in front of an instruction, or not any more; gives which. DebugError if there is no such instruction."""
        return self._toggle(self.breakpoints.instructions, pc, self.break_at_instruction)

    def toggle_packet(self, number: int) -> bool:
        """Stop in front of a packet, or not any more; gives which."""
        return self._toggle(self.breakpoints.packets, number, self.breakpoints.packets.add)

    # How it is done.

    @staticmethod
    def _toggle(some: set[int], number: int, add: Callable[[int], None]) -> bool:
        if number in some:
            some.remove(number)
            return False
        add(number)
        return True

    def _attend(self) -> None:
        self.attend()

    def _finish(self) -> int:
        """``Replay.finish`` that can be interrupted."""
        replay = self.replay
        while replay.forward():
            self.attend()
        verdict = replay.finish()
        self._note(verdict)
        return verdict

    def _note(self, verdict: int | None) -> None:
        """Remember the verdict on the present packet, if there is one."""
        if verdict is not None:
            number = self.here.number
            if number >= len(self._judged):
                self._judged.extend(bytes(number + 1 - len(self._judged)))
            self._judged[number] = _ACCEPTED if verdict else _REJECTED

    def _forget(self) -> None:
        """Begin to count anew; and breakpoints stop at the present place again."""
        self._counts, self._refusal, self._told = Counts(), None, None

    def _place(self) -> tuple[int, int]:
        """The packet and the instructions executed on it, of which the user has been told: they stop no second time."""
        here = self.here
        return here.number, 0 if here.replay is None else here.replay.done

    def _go(self, number: int) -> None:
        packet = self.packets.get(number)
        if packet is None:
            raise DebugError(f"{self.packets.name}: there is no packet {number}")
        self._here = Here(number, packet)

    def _advance(self) -> bool:
        """Go to the next packet; False, and stay, if there is none."""
        number = self.here.number + 1
        packet = self.packets.get(number)
        if packet is None:
            return False
        self._here = Here(number, packet)
        return True

    def _rewind(self) -> None:
        try:
            self._go(1)
        except GoneError:  # a pipe: it stays at the end
            with suppress(CbpfError):
                self.replay.finish()

    def _judge(self) -> str | None:
        """Count the present packet, unless a breakpoint stops it, which is given then."""
        here = self.here
        if here.number in self.breakpoints.packets and self._place() == (here.number, 0) != self._told:
            return f"packet {here.number}"
        try:
            made = self.made
        except CbpfError as error:
            if not _of_the_linktype(error):
                raise
            self._refusal = error
            self._counts = self._counts._replace(skipped=self._counts.skipped + 1)
            return None
        stops = self._stops(made)
        if stops:
            stop = self._walk(stops)
            if stop is not None:
                return stop
            verdict = self._finish()
        else:
            verdict = made.engine.run(here.packet.data, here.packet.wirelen)
            self._note(verdict)
        passed, failed, skipped = self._counts
        self._counts = Counts(passed + (verdict > 0), failed + (verdict == 0), skipped)
        return None

    def _stops(self, made: Made) -> list[tuple[str, frozenset[int]]]:
        """The breakpoints of a program, each with its instructions."""
        alone = [(f"instruction {pc}", frozenset({pc})) for pc in sorted(self.breakpoints.instructions)]
        return alone + [(f"clause {words}", made.of_words(words)) for words in self.breakpoints.clauses]

    def _walk(self, stops: list[tuple[str, frozenset[int]]]) -> str | None:
        """Go on to a breakpoint, or to the verdict. A clause stops where it is come to, not at all of its instructions.

        A single instruction that is a loop of its own is come to each time.
        """
        replay = self.replay
        every = frozenset[int]().union(*(pcs for _, pcs in stops))
        is_told = self._place() == self._told
        while (pc := replay.pc) is not None:
            if pc in every and not is_told:
                last = None if replay.last is None else replay.last.pc
                for name, pcs in stops:
                    if pc in pcs and (len(pcs) == 1 or last not in pcs):
                        return name
            is_told = False
            replay.forward()
            self.attend()
        return None

    def _verdict(self) -> int | None:
        """The verdict on the present packet, None if there is no program for it."""
        packet = self.here.packet
        self.attend()
        try:
            verdict = self.made.engine.run(packet.data, packet.wirelen)
        except CbpfError as error:
            if not _of_the_linktype(error):
                raise
            return None
        self._note(verdict)
        return verdict


def _of_the_linktype(error: CbpfError) -> bool:
    """Whether there may be a program for other packets."""
    return isinstance(error, LinkTypeError) or (isinstance(error, FilterError) and error.reason in OF_THE_LINKTYPE)

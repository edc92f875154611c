"""The program that fills the terminal: it hands what is typed to the debugger, and what is to be seen to the panes.

One thing is done after the other, in a thread beside the one that draws, so that the screen answers whatever is done.
The session belongs to that thread; what is drawn is the view that it hands over when it has come to rest.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import ClassVar, Final, NamedTuple

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from cbpf.debug.commands import COMMANDS, Debugger, command
from cbpf.debug.outcomes import DebugError, Interrupted
from cbpf.debug.screen.keys import BINDINGS, KeysPane, help_text
from cbpf.debug.screen.packets import PacketsPane
from cbpf.debug.screen.pane import Lines
from cbpf.debug.screen.panes import (
    LONG_ROW_COLUMNS,
    SMALL,
    ExpressionPane,
    ListingPane,
    OctetsPane,
    RegistersPane,
)
from cbpf.debug.screen.prompt import QUESTIONS, Prompt, Sheet
from cbpf.debug.screen.rows import Rows
from cbpf.debug.screen.styles import COLORLESS, CSS, THEME
from cbpf.debug.screen.view import View, look
from cbpf.debug.screen.words import complaint, lines_of, visible
from cbpf.errors import CbpfError, FilterError

# Commands that answer with where the debugger stands then, which the panes show.
_MOVES: Final = frozenset("load select next previous run step finish until-change".split())
_MOST_LINES: Final = 4  # of an answer below the panes; longer ones are shown on a sheet
_LEAST_LISTING: Final = 46  # columns that the listing keeps where the bytes might have the long rows
_SIDE: Final = 40  # columns, with a scroll bar and a margin
_PATIENCE: Final = 0.2  # seconds before it is said that something takes its time


class Outcome(NamedTuple):
    """What came of a job. ``text`` is the answer, ``error`` why it could not be done, or not all of it."""

    view: View
    text: str = ""
    error: CbpfError | None = None


class Job(NamedTuple):
    """``act`` yields nothing but text, in a list that grows. ``name`` is what is asked again if it goes wrong."""

    act: Callable[[list[str]], None]
    name: str = ""
    answer: str = ""


class Screenful(App[None]):
    """The debugger on the whole screen."""

    CSS = CSS if "NO_COLOR" not in os.environ else CSS + COLORLESS
    BINDINGS: ClassVar[list[BindingType]] = [*BINDINGS]
    ENABLE_COMMAND_PALETTE = False
    TITLE = "cbpf debug"

    def __init__(self, debugger: Debugger) -> None:
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.register_theme(THEME)
        self.theme = THEME.name
        self.debugger = debugger
        self.view = View()
        self.rows = Rows()
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._since: float | None = None  # when the present job was begun
        self._interrupted = False
        self._is_leaving = False
        self._wanted: tuple[int, int] | None = None
        self._fetched: tuple[int, int] | None = None
        self._is_fetching = False
        debugger.session.attend = self._attend
        self.expression = ExpressionPane()
        self.listing = ListingPane()
        self.registers = RegistersPane()
        self.octets = OctetsPane()
        self.packets = PacketsPane(self.rows, debugger.session)
        self.prompt = Prompt(debugger.complete)
        self.status = Lines(most=_MOST_LINES, id="status")
        self.side = Vertical(id="side")

    def compose(self) -> ComposeResult:
        yield self.expression
        with Horizontal(id="main"):
            yield self.listing
            with self.side:
                yield self.registers
                yield self.octets
        yield self.packets
        yield self.prompt
        yield self.status
        yield KeysPane()

    def on_mount(self) -> None:
        self.status.can_focus = False
        self.listing.focus()
        self.run_worker(self._serve())
        self.set_interval(0.1, self._tell_progress)
        self.submit(Job(lambda _: None))

    def on_unmount(self) -> None:
        self._is_leaving = True  # whatever ended it: the other thread is to end, too

    def on_resize(self, event: events.Resize) -> None:
        room = event.size.width - LONG_ROW_COLUMNS - 2 >= _LEAST_LISTING
        self.packets.styles.height = "30%" if event.size.height >= SMALL else 6
        self.side.styles.width = LONG_ROW_COLUMNS + 2 if room else min(_SIDE, event.size.width // 2)

    # Jobs, one after the other.

    @property
    def idle(self) -> bool:
        """Whether everything has been done and is shown."""
        return self._since is None and self._jobs.empty() and not self._is_fetching

    def submit(self, job: Job) -> None:
        self._jobs.put_nowait(job)

    async def _serve(self) -> None:
        while True:
            job = await self._jobs.get()
            self._since, self._interrupted = monotonic(), False
            outcome = await asyncio.to_thread(self._perform, job)
            self._show(job, outcome)
            self._since = None

    def _perform(self, job: Job) -> Outcome:
        """In the other thread."""
        answer: list[str] = []
        failure: CbpfError | None = None
        try:
            job.act(answer)
        except CbpfError as error:
            failure = error
        session = self.debugger.session
        packets = session.packets if session.has_packets else None
        view = look(self.debugger)
        self.rows.feed(packets, session.number, max(self.size.height, 24))
        return Outcome(view, "".join(answer), failure)

    def _attend(self) -> None:
        if self._interrupted or self._is_leaving:
            raise Interrupted("interrupted")

    def _show(self, job: Job, outcome: Outcome) -> None:
        if self.debugger.over:
            self.action_leave()
            return
        self.view, self._fetched = outcome.view, None
        for pane in (self.expression, self.listing, self.registers, self.octets, self.packets):
            pane.show(outcome.view)
        self._answer(job, outcome)

    def _answer(self, job: Job, outcome: Outcome) -> None:
        width, text = max(self.size.width - 1, 20), outcome.text.rstrip("\n")
        if isinstance(outcome.error, Interrupted):
            self._say(f"{text}\nInterrupted; this is packet {outcome.view.number}.".strip())
        elif outcome.error is not None:
            if job.name and QUESTIONS[job.name].again:
                place = outcome.error.span.start if isinstance(outcome.error, FilterError) else None
                self.prompt.ask(job.name, job.answer, place)
            self._say("\n".join(filter(None, [text, complaint(outcome.error, width)])), "error")
        elif job.name == "clause":
            self._say(_shortened(text))
        elif len(lines_of(text, width)) > _MOST_LINES:
            self._say(outcome.view.said)
            self.push_screen(Sheet(visible(job.answer), text))
        elif text:
            self._say(text)
        else:
            self._say(outcome.view.said, *(("error",) if outcome.view.trouble else ()))

    def _say(self, text: str, *kinds: str) -> None:
        self.status.say(text, *kinds)

    def _tell_progress(self) -> None:
        if self._since is not None and monotonic() - self._since > _PATIENCE:
            session = self.debugger.session
            self._say(f"Packet {session.number} ... Esc interrupts.")
            self.packets.refresh()

    # What is typed.

    def action_do(self, line: str) -> None:
        """A command of the line mode."""
        self.submit(Job(partial(self._execute, line), answer=line))

    def _execute(self, line: str, answer: list[str]) -> None:
        name = line.split(maxsplit=1)[0] if line.strip() else "#"
        moves = not name.startswith("#") and any(command(name) is COMMANDS[each] for each in _MOVES)
        for text in self.debugger.execute(line):
            answer.append(_without_position(text) if moves else text)

    def _compile(self, expression: str, _answer: list[str]) -> None:
        self.debugger.session.load_filter(self.debugger.pattern.changed(expression))

    def action_ask(self, name: str) -> None:
        if isinstance(self.screen, Sheet):
            return
        text = " ".join(visible(self.view.expression or "").split()) if name == "expression" else ""
        self.prompt.ask(name, text)

    @on(Input.Submitted)
    def answered(self, _event: Input.Submitted) -> None:
        name, answer = self._close_prompt()
        if name == "expression":
            self.submit(Job(partial(self._compile, answer), name, answer))
        elif name == "open" and not answer.strip():
            self._say(self.view.said)
        elif name:
            line = f"{QUESTIONS[name].command} {answer}".strip()
            self.submit(Job(partial(self._execute, line), name, answer))

    def _close_prompt(self) -> tuple[str, str]:
        found = self.prompt.close()
        self.listing.focus()
        return found

    def action_escape(self) -> None:
        """End what is being done, or what is being asked."""
        if isinstance(self.screen, Sheet):
            self.screen.dismiss()
        elif self.prompt.display:
            self._close_prompt()
            self._say(self.view.said)
        elif self._since is not None:
            while not self._jobs.empty():
                self._jobs.get_nowait()
            self._interrupted = True
        else:
            self._say("q ends the debugger.")

    def action_help(self) -> None:
        self.push_screen(Sheet("help", help_text()))

    def action_stop(self) -> None:
        self.listing.action_stop()

    async def action_quit(self) -> None:
        self.action_leave()

    def action_leave(self) -> None:
        self._is_leaving = True
        self.exit()

    @on(ListingPane.Toggled)
    def toggle_instruction(self, event: ListingPane.Toggled) -> None:
        def act(_answer: list[str]) -> None:
            self.debugger.session.toggle_instruction(event.pc)

        self.submit(Job(act))

    @on(PacketsPane.Chosen)
    def choose_packet(self, event: PacketsPane.Chosen) -> None:
        if not event.toggle:
            self.action_do(f"select {event.number}")
            return

        def act(_answer: list[str]) -> None:
            self.debugger.session.toggle_packet(event.number)

        self.submit(Job(act))

    # The list of packets.

    @on(PacketsPane.Wanted)
    def fetch(self, event: PacketsPane.Wanted) -> None:
        if (event.first, event.last) != self._fetched:
            self._wanted = event.first, event.last
            if not self._is_fetching:
                self._is_fetching = True
                self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        while self._wanted is not None:
            first, last = self._fetched = self._wanted
            self._wanted = None
            await asyncio.to_thread(self.rows.fetch, first, last, self._attend_fetching)
            self.packets.update()
        self._is_fetching = False

    def _attend_fetching(self) -> None:
        if self._wanted is not None or self._is_leaving:
            raise DebugError("something else is wanted")


def _shortened(text: str) -> str:
    """As many lines as there is room for."""
    lines = text.splitlines()
    rest = len(lines) - _MOST_LINES + 1
    return text if rest <= 1 else "\n".join([*lines[:-rest], f"... and {rest} more"])


def _without_position(text: str) -> str:
    """An answer up to where it tells where the debugger stands."""
    before, _, _ = f"\n{text}".partition("\npacket:")
    return before[1:] + "\n" if before[1:] and not before.endswith("\n") else before[1:]

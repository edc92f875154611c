"""The line that is typed into, and the sheet over the screen that shows what is too long for a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Label

from cbpf.debug.screen.pane import Lines


class Question(NamedTuple):
    """What is asked for: ``label`` in front of the line; ``command`` is what the answer is an argument of.

    ``again`` if the question is asked again when the answer is wrong.
    """

    label: str
    command: str = ""
    again: bool = True


QUESTIONS: Final = {
    "expression": Question("expression"),
    "clause": Question("break at clause", "breakpoint clause"),
    "packet": Question("break at packet", "breakpoint packet"),
    "go": Question("go to packet", "select"),
    "open": Question("savefile", "load pcap"),
    "command": Question(":", again=False),
}


class _Completion(Suggester):
    """Completes the last word of a command."""

    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        before, blank, last = value.rpartition(" ")
        found = self._complete(value) if value.strip() else []
        return f"{before}{blank}{found[0]}" if len(found) == 1 and found[0] != last else None


class _Line(Input):
    """An input line with a history of its commands, and completion with Tab."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(-1)", show=False),
        Binding("down", "recall(1)", show=False),
        Binding("tab", "take", show=False),
    ]

    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        super().__init__(compact=True, select_on_focus=False)
        self.history: list[str] = []
        self.place = 0
        self.completion = _Completion(complete)

    def action_recall(self, way: int) -> None:
        place = self.place + way
        if 0 <= place <= len(self.history) and self.suggester is not None:
            self.place = place
            self.value = self.history[place] if place < len(self.history) else ""
            self.cursor_position = len(self.value)

    def action_take(self) -> None:
        self.action_cursor_right()


class Prompt(Horizontal):
    """``name`` is that of the question that is being asked, if any."""

    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        super().__init__(id="prompt")
        self.asked = ""
        self.line = _Line(complete)
        self._label = Label("", markup=False)

    def compose(self) -> ComposeResult:
        yield self._label
        yield self.line

    def ask(self, name: str, text: str = "", cursor: int | None = None) -> None:
        """Ask a question; ``text`` is an answer to begin with, ``cursor`` the place in it."""
        self.asked = name
        self._label.update(Content(f"{QUESTIONS[name].label} "))
        self.line.suggester = self.line.completion if name == "command" else None
        self.line.value = text
        self.line.cursor_position = len(text) if cursor is None else min(cursor, len(text))
        self.line.place = len(self.line.history)
        self.display = True
        self.line.focus()

    def close(self) -> tuple[str, str]:
        """Ask no more; gives the name of the question and the answer."""
        found = self.asked, self.line.value
        if self.asked == "command" and self.line.value:
            self.line.history.append(self.line.value)
        self.asked = ""
        self.display = False
        return found


class Sheet(ModalScreen[None]):
    """A text over the screen, until a key closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,space,question_mark", "close", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        lines = Lines(id="sheet")
        lines.text = self._text
        lines.entitle(self._title, "Esc closes, arrows scroll")
        yield lines

    def action_close(self) -> None:
        self.dismiss()

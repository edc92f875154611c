"""The pane with the packets of the capture, however many there are."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from cbpf.debug.screen.pane import Pane, Piece, Row
from cbpf.debug.screen.panes import HERE, HOLDS, STOP
from cbpf.debug.screen.rows import Rows
from cbpf.debug.screen.view import View
from cbpf.debug.screen.words import visible
from cbpf.debug.session import Session


class PacketsPane(Pane):
    """The packets of the capture: as many as have been met, and read only as far as they are looked at."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", show=False),
        Binding("space,f9", "stop", show=False),
    ]

    class Chosen(Message):
        """A packet is to be gone to; or, with ``toggle``, to have a breakpoint, or none any more."""

        def __init__(self, number: int, *, toggle: bool = False) -> None:
            super().__init__()
            self.number, self.toggle = number, toggle

    class Wanted(Message):
        """The lines about these packets are not there."""

        def __init__(self, first: int, last: int) -> None:
            super().__init__()
            self.first, self.last = first, last

    def __init__(self, rows: Rows, session: Session) -> None:
        super().__init__(id="packets")
        self._rows = rows
        self._session = session
        self._view = View()
        self._number_width = 1
        self.cursor = 1

    def show(self, view: View) -> None:
        if (view.number, view.name) != (self._view.number, self._view.name):
            self.cursor = max(view.number, 1)
        self._view = view
        self.update()
        self.find()

    def find(self) -> None:
        if self._view.number:
            self.show_line(self.cursor - 1)

    def update(self) -> None:
        self._number_width = len(str(max(self.count(), 1)))
        total = self._rows.total
        met = f"{total} packets" if total is not None else f"{self._rows.known} packets so far" if self.count() else ""
        self.entitle("packets", self._view.name, met if total != 1 else "1 packet")
        super().update()

    def count(self) -> int:
        """With some more lines as long as the end has not been seen: going there shows what they are."""
        total = self._rows.total
        if total is not None:
            return total
        more = self.scrollable_content_region.height if self._rows.can_fetch else 0
        return self._rows.known + more

    def row(self, y: int) -> Row:
        number = y + 1
        text = self._rows.get(number)
        if text is None:
            self._want()
        judged = self._session.judged(number)
        here = number == self._view.number
        cursor = ("cursor",) if number == self.cursor and self.has_focus else ()
        pieces = [
            Piece(STOP if number in self._view.breakpoints.packets else " ", ("mark",)),
            Piece(HERE if here else " ", ("mark",)),
            Piece(f"{number:{self._number_width}} ", () if here else ("dim",)),
            Piece(" " if judged is None else HOLDS[judged], ("yes",) if judged else ("no",)),
            Piece(" …" if text is None else f" {visible(text)}", () if judged is not False or here else ("dim",)),
        ]
        return Row(pieces, ("here", *cursor) if here else cursor)

    def _want(self) -> None:
        if self._rows.can_fetch:
            height = max(self.scrollable_content_region.height, 1)
            self.post_message(self.Wanted(self.scroll_offset.y + 1 - height, self.scroll_offset.y + 2 * height))

    def action_line(self, count: int) -> None:
        self.cursor = max(1, min(self.cursor + count, self.count()))
        self.show_line(self.cursor - 1)
        self.refresh()

    def action_end(self, way: int) -> None:
        self.action_line(way * self.count())

    def action_go(self) -> None:
        self.post_message(self.Chosen(self.cursor))

    def action_stop(self) -> None:
        self.post_message(self.Chosen(self.cursor, toggle=True))

    def on_click(self, event: events.Click) -> None:
        line, place = self.line_at(event), event.get_content_offset(self)
        if line is not None and place is not None:
            self.cursor = line + 1
            self.post_message(self.Chosen(self.cursor, toggle=place.x < 2))

"""A pane: lines under a title, of which those that are in sight are drawn. Nothing in them is ever taken for markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cbpf.debug.screen.words import lines_of, visible

# What the parts of lines are; styles.py says how each is drawn.
KINDS: Final = (
    "dim name mark here cursor executed taken yes no lit read changed error layer-0 layer-1 layer-2 layer-3 key".split()
)


class Piece(NamedTuple):
    """A part of a line; ``kinds`` are some of ``KINDS``; ``action`` is what a click on it does."""

    text: str
    kinds: tuple[str, ...] = ()
    action: str = ""


class Row(NamedTuple):
    """A line: its parts, and what it is as a whole."""

    pieces: Sequence[Piece]
    kinds: tuple[str, ...] = ()


EMPTY: Final = Row(())


class Pane(ScrollView, can_focus=True, inherit_bindings=False):
    """``count`` lines, each made by ``row`` when it is drawn. Keys and the wheel scroll."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"pane--{kind}" for kind in KINDS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "line(-1)", show=False),
        Binding("down", "line(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "end(-1)", show=False),
        Binding("end", "end(1)", show=False),
    ]

    _base: Style | None = None  # asked for once, and not for every line

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._base = None

    def count(self) -> int:
        return 0

    def row(self, y: int) -> Row:
        raise NotImplementedError

    def entitle(self, *parts: str) -> None:
        """Another title; parts that are empty are left out."""
        self.border_title = Content(visible(" · ".join(filter(None, parts))))

    def update(self) -> None:
        """Draw it again: what is to be seen is another."""
        size = Size(self.scrollable_content_region.width, self.count())
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def show_line(self, y: int) -> None:
        """Scroll as far as is needed for a line to be seen, with some of its surroundings."""
        height, top = max(self.scrollable_content_region.height, 1), self.scroll_offset.y
        margin = min(2, (height - 1) // 2)
        if not top + margin <= y < top + height - margin:
            target = y - margin if y < top + margin else y - height + 1 + margin
            self.scroll_to(y=max(0, min(target, self.count() - height)), animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        width, at = self.size.width, y + self.scroll_offset.y
        row = self.row(at) if at < self.count() else EMPTY
        if self._base is None:
            self._base = self.rich_style
        base = self._base + self._style(row.kinds)
        segments = [
            Segment(piece.text, base + self._style(piece.kinds) + _action(piece.action)) for piece in row.pieces
        ]
        return Strip(segments, sum(cell_len(piece.text) for piece in row.pieces)).adjust_cell_length(width, base)

    def _style(self, kinds: Sequence[str]) -> Style:
        styles = [self.get_component_rich_style(f"pane--{kind}", partial=True) for kind in kinds]
        return Style.combine(styles) if styles else Style.null()

    def on_resize(self, _event: events.Resize) -> None:
        self.update()
        self.find()

    def find(self) -> None:
        """Scroll to where what matters can be seen."""

    def line_at(self, event: events.Click) -> int | None:
        """The number of the line that was clicked on."""
        place = event.get_content_offset(self)
        y = None if place is None else place.y + self.scroll_offset.y
        return y if y is not None and y < self.count() else None

    def action_line(self, count: int) -> None:
        self.scroll_relative(y=count, animate=False)

    def action_page(self, count: int) -> None:
        self.action_line(count * max(1, self.scrollable_content_region.height - 1))

    def action_end(self, way: int) -> None:
        self.scroll_to(y=0 if way < 0 else self.count(), animate=False)


class Lines(Pane):
    """A text, wrapped."""

    def __init__(self, text: str = "", *, most: int | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = text
        self.kinds: tuple[str, ...] = ()
        self._most = most  # lines; for one that takes no more room than it needs
        self._lines: list[str] = []

    def say(self, text: str, *kinds: str) -> None:
        self.text, self.kinds = text, kinds
        self.update()

    def update(self) -> None:
        self._lines = lines_of(self.text, max(self.scrollable_content_region.width, 20))
        if self._most is not None:
            self.styles.height = max(2, min(len(self._lines), self._most))
        super().update()

    def count(self) -> int:
        return len(self._lines)

    def row(self, y: int) -> Row:
        return Row((Piece(self._lines[y], self.kinds),))


def _action(action: str) -> Style:
    return Style(meta={"@click": action}) if action else Style.null()

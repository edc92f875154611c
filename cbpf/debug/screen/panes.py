"""The panes about one packet: the expression, the program, the registers, and the bytes.

Whatever a colour says a mark says, too, for those who have no colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from cbpf.debug.screen.pane import EMPTY, Pane, Piece, Row
from cbpf.debug.screen.view import Line, Register, View
from cbpf.debug.screen.words import lines_of, visible, wrapped
from cbpf.errors import Span

HERE: Final = "▶"
STOP: Final = "●"  # a breakpoint
_CLAUSE_STOP: Final = "◆"  # one on the clause
_WAS_HERE: Final = "│"  # executed on this packet
_LIT: Final = "▔"
HOLDS: Final = {True: "✓", False: "✗"}
_OF_MARKS: Final[dict[str, tuple[str, ...]]] = {_LIT: ("mark",), HOLDS[True]: ("yes",), HOLDS[False]: ("no",)}
_SHORT_ROW, _LONG_ROW = 8, 16  # bytes of the packet in a line
LONG_ROW_COLUMNS: Final = 71
_WIDE: Final = 60  # columns that hold two registers
SMALL: Final = 30  # lines of a terminal that has no room to spare
_LAYERS: Final = 4  # colours for headers
_MOST_OPERAND: Final = 14
_MNEMONIC: Final = 11  # columns up to the operand
_JUMPS: Final = 14  # columns of "jt 123 jf 124", and a blank
_NOTE: Final = 20  # columns that notes keep where there are clauses behind them
_CLAUSE: Final = 24


class ExpressionPane(Pane):
    """The expression; under each of its lines the part that the next instruction is of, and the clauses settled."""

    def __init__(self) -> None:
        super().__init__(id="expression")
        self._text = ""
        self._kinds: list[str] = []  # for each character
        self._marks: list[str] = []
        self._lines: list[Span] = []
        self._view = View()

    def show(self, view: View) -> None:
        self._view = view
        self._text = visible(view.expression or "")
        self._kinds = [""] * len(self._text)
        self._marks = [" "] * len(self._text)
        for (start, end), holds in view.settled:
            self._kinds[start:end] = ["yes" if holds else "no"] * (end - start)
            self._marks[start:end] = list(HOLDS[holds].ljust(end - start))
        for start, end in view.lit:
            self._kinds[start:end] = ["lit"] * (end - start)
            self._marks[start:end] = [_LIT if mark == " " else mark for mark in self._marks[start:end]]
        verdict = "" if view.verdict is None else _verdict(view.verdict)
        self.entitle("expression", verdict)
        self.update()

    def update(self) -> None:
        self._lines = wrapped(self._text, max(self.scrollable_content_region.width, 10))
        self.styles.height = 1 + min(self.count(), 4 if self.app.size.height < SMALL else 8)
        super().update()
        self.find()

    def find(self) -> None:
        lit = self._view.lit[0].start if self._view.lit else 0
        line = next((at for at, (_, end) in enumerate(self._lines) if lit < end), 0)
        self.show_line(2 * line + 1)
        self.show_line(2 * line)

    def count(self) -> int:
        return 2 * len(self._lines)

    def row(self, y: int) -> Row:
        if not self._text:
            return EMPTY if y else Row((Piece(self._instead(), ("dim",)),))
        start, end = self._lines[y // 2]
        if y % 2:
            kinds = [_OF_MARKS.get(mark, ()) for mark in self._marks[start:end]]
            return Row(_joined(self._marks[start:end], kinds))
        return Row(_joined(self._text[start:end], [(kind,) if kind else () for kind in self._kinds[start:end]]))

    def _instead(self) -> str:
        if self._view.expression is not None:
            return "(empty: every packet matches)"
        return "(a program, and no expression: e gives one)" if self._view.listing else "(no filter: e gives one)"


def _joined(characters: Sequence[str], kinds: Sequence[tuple[str, ...]]) -> list[Piece]:
    """Characters as pieces: neighbours of one kind are one."""
    groups = groupby(zip(characters, kinds, strict=True), key=lambda each: each[1])
    return [Piece("".join(character for character, _ in some), kind) for kind, some in groups]


class ListingPane(Pane):
    """The program, with breakpoints, the way that was taken, and what is read; the cursor is for breakpoints."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,f9", "stop", show=False),
    ]

    class Toggled(Message):
        """A breakpoint is wanted at an instruction, or not any more."""

        def __init__(self, pc: int) -> None:
            super().__init__()
            self.pc = pc

    def __init__(self) -> None:
        super().__init__(id="listing")
        self.cursor = 0
        self._view = View()
        self._widths = 0, 0  # of operands, and of the notes of loads

    def show(self, view: View) -> None:
        if view.pc != self._view.pc or view.number != self._view.number or len(view.listing) != len(self._view.listing):
            self.cursor = view.pc or 0
        self._view = view
        count = len(view.listing)
        self.entitle("program", f"{count} instruction{'s' * (count != 1)}" if count else "")
        self.update()
        self.find()

    def find(self) -> None:
        self.show_line(self.cursor)

    def update(self) -> None:
        """Clauses get what room the notes of loads leave, or else none."""
        lines = self._view.listing
        operand = min(max((len(line.operand) for line in lines), default=0), _MOST_OPERAND) + 1
        room = max(self.scrollable_content_region.width - _MNEMONIC - operand, _JUMPS)
        note = max((len(line.note) for line in lines), default=0) + 2
        clause = min(max((len(line.clause) for line in lines), default=0), _CLAUSE)
        self._widths = operand, max(_JUMPS, min(note, room - clause)) if room - clause >= _NOTE else room
        super().update()

    def count(self) -> int:
        return len(self._view.listing)

    def row(self, y: int) -> Row:
        line, view = self._view.listing[y], self._view
        here = y == view.pc
        stop = STOP if y in view.breakpoints.instructions else _CLAUSE_STOP if y in view.of_clauses else " "
        mark = HERE if here else _WAS_HERE if line.executed else " "
        operand, note = self._widths
        main = () if line.executed or here else ("dim",)
        pieces = [
            Piece(stop, ("mark",)),
            Piece(mark, ("mark",) if here else ("executed",)),
            Piece(f"{y:03}", ("executed",) if line.executed else ("dim",)),
            Piece(f" {line.mnemonic:5}{line.operand:{operand}}", main),
            *_way(line, note),
            Piece(line.clause if self._is_news(y) else "", ("name",)),
        ]
        cursor = ("cursor",) if y == self.cursor and self.has_focus else ()
        return Row(pieces, ("here", *cursor) if here else cursor)

    def _is_news(self, y: int) -> bool:
        """Whether an instruction is of another clause than the one above it."""
        return y == 0 or self._view.listing[y].clause != self._view.listing[y - 1].clause

    def action_line(self, count: int) -> None:
        self.cursor = max(0, min(self.cursor + count, self.count() - 1))
        self.show_line(self.cursor)
        self.refresh()

    def action_end(self, way: int) -> None:
        self.action_line(way * self.count())

    def action_stop(self) -> None:
        if self.count():
            self.post_message(self.Toggled(self.cursor))

    def on_click(self, event: events.Click) -> None:
        line, place = self.line_at(event), event.get_content_offset(self)
        if line is not None and place is not None:
            self.cursor = line
            self.refresh()
            if place.x < 2 or event.chain == 2:
                self.action_stop()


def _way(line: Line, width: int) -> list[Piece]:
    """Where a jump leads, with a mark at the way that was taken; or what a load reads."""
    if line.jumps is None:
        shown = line.note if len(line.note) < width else f"{line.note[: width - 2]}…"
        return [Piece(f"{shown:{width}}", ("name",))]
    ways = []
    for word, target, holds in zip(("jt", "jf"), line.jumps, (True, False), strict=True):
        taken = line.taken is holds
        kinds = ("taken",) if taken else () if line.taken is None and line.executed else ("dim",)
        ways.append(Piece(f"{word}{HERE if taken else ' '}{target}", kinds))
    used = sum(len(piece.text) for piece in ways) + 1
    return [ways[0], Piece(" "), ways[1], Piece(" " * (width - used))]


class RegistersPane(Pane):
    """A, X, what was read last, and the scratch memory; what the last instruction changed is marked."""

    def __init__(self) -> None:
        super().__init__(id="registers")
        self._view = View()
        self._rows: list[Row] = []

    def show(self, view: View) -> None:
        self._view = view
        self.entitle("registers", f"{view.done} executed" if view.registers else "")
        self.update()

    def update(self) -> None:
        view, width = self._view, max(self.scrollable_content_region.width, 20)
        plain, cells = view.registers[:2], view.registers[2:]
        each = 1 if width < _WIDE else 2
        self._rows = [
            Row([piece for register in plain[at : at + each] for piece in _register(register)])
            for at in range(0, len(plain), each)
        ]
        each = max(1, width // 18)
        if view.registers:
            lines = 2 if width < _WIDE else 1
            load = [*lines_of(view.load, width), "", ""][:lines]
            self._rows += [Row((Piece(line, ("read",)),)) for line in load]
        self._rows += [
            Row([piece for register in cells[at : at + each] for piece in _cell(register)])
            for at in range(0, len(cells), each)
        ]
        self.styles.height = 1 + max(1, min(len(self._rows), 5 if self.app.size.height < SMALL else 10))
        super().update()

    def count(self) -> int:
        return len(self._rows)

    def row(self, y: int) -> Row:
        return self._rows[y]


def _register(register: Register) -> list[Piece]:
    kinds = ("changed",) if register.changed else ()
    value = f"{register.value:#010x}  {register.value}"
    return [Piece(f"{register.name:2}", ("name",)), Piece(_change(register), kinds), Piece(f"{value:25}", kinds)]


def _cell(register: Register) -> list[Piece]:
    kinds = ("changed",) if register.changed else ()
    return [
        Piece(f"{register.name:5}", ("name",)),
        Piece(_change(register), kinds),
        Piece(f"{register.value:#010x}  ", kinds),
    ]


def _change(register: Register) -> str:
    return "*" if register.changed else " "


class OctetsPane(Pane):
    """The bytes of the packet: headers by colours, and what was read last in brackets."""

    def __init__(self) -> None:
        super().__init__(id="octets")
        self._view = View()

    def show(self, view: View) -> None:
        new = (view.number, view.loaded) != (self._view.number, self._view.loaded)
        self._view = view
        caplen = len(view.data)
        size = f"{caplen} of {view.wirelen} bytes" if caplen != view.wirelen else f"{caplen} bytes"
        names = " / ".join(header.name for header in view.headers)
        self.entitle(*((f"packet {view.number}", size, names) if view.number else ("packet",)))
        self.update()
        if new:
            self.find()

    def find(self) -> None:
        self.show_line(0 if self._view.loaded is None else self._view.loaded[0] // self._each)

    @property
    def _each(self) -> int:
        return _LONG_ROW if self.size.width >= LONG_ROW_COLUMNS else _SHORT_ROW

    def count(self) -> int:
        return -(-len(self._view.data) // self._each)

    def row(self, y: int) -> Row:
        each = self._each
        start = y * each
        data = self._view.data[start : start + each]
        first, end = self._view.loaded or (-1, -1)
        pieces, letters = [Piece(f"{start:04x}", ("dim",))], []
        for at, octet in enumerate(data, start):
            before = "[" if at == first or (first < at < end and at == start) else "]" if at == end > start else " "
            kinds = ("read",) if first <= at < end else self._layer(at)
            pieces += [Piece(before, ("read",) if before != " " else ()), Piece(f"{octet:02x}", kinds)]
            letters.append(Piece(chr(octet) if 0x20 <= octet < 0x7F else ".", kinds))
        last = start + len(data)
        pieces.append(Piece("]" if first < last <= end else " ", ("read",)))
        return Row([*pieces, Piece("   " * (each - len(data)) + " "), *letters])

    def _layer(self, at: int) -> tuple[str, ...]:
        headers = self._view.headers
        for number in range(len(headers) - 1, -1, -1):
            if headers[number].start <= at < headers[number].end:
                return (f"layer-{number % _LAYERS}",)
        return ("dim",)


def _verdict(value: int) -> str:
    return f"{HOLDS[True]} accepted" if value else f"{HOLDS[False]} rejected"

"""The keys of the debugger, what each of them does, and the lines at the bottom of the screen that say so."""

from __future__ import annotations

from typing import Final, NamedTuple

from textual.binding import Binding

from cbpf.debug.commands import COMMANDS
from cbpf.debug.screen.pane import Pane, Piece, Row


class Key(NamedTuple):
    """``keys`` as Textual names them; ``shown`` and ``label`` are in the lines at the bottom, ``help`` in the help."""

    keys: str
    shown: str
    label: str
    action: str
    help: str


KEYS: Final = (
    Key("s,right", "s →", "step", "do('step')", "execute an instruction; from the verdict on to the next packet"),
    Key("b,left", "b ←", "back", "do('step -1')", "undo an instruction"),
    Key("n", "n", "next", "do('next')", "go to the next packet"),
    Key("p", "p", "prev", "do('previous')", "go to the packet before"),
    Key("f", "f", "finish", "do('finish')", "execute all up to the verdict on this packet"),
    Key("r", "r", "run", "do('run')", "run on all packets from here on, up to a breakpoint"),
    Key("u", "u", "change", "do('until-change')", "go to the next packet with another verdict"),
    Key("space,f9", "space", "break", "stop", "breakpoint at the line of the cursor, in the program or the packets"),
    Key("c", "c", "clause", "ask('clause')", "breakpoint at a part of the expression"),
    Key("k", "k", "packet", "ask('packet')", "breakpoint at a packet, by its number"),
    Key("g", "g", "go", "ask('go')", "go to a packet, by its number"),
    Key("e", "e", "edit", "ask('expression')", "edit the expression"),
    Key("o", "o", "open", "ask('open')", "open another savefile"),
    Key("w", "w", "why", "do('why')", "why the filter matches this packet or not"),
    Key("colon", ":", "cmd", "ask('command')", "a command, as those below"),
    Key("question_mark", "?", "help", "help", "this help"),
    Key("q", "q", "quit", "quit", "end"),
)

BINDINGS: Final = [
    *(Binding(key.keys, key.action, key.label, show=False) for key in KEYS),
    Binding("escape", "escape", "stop", show=False),
    Binding("ctrl+c", "escape", "stop", show=False, priority=True),
]

_GAP: Final = "  "


def help_text() -> str:
    """What ``?`` shows."""
    keys = [f"  {key.shown:8}{key.help}" for key in KEYS]
    commands = [f"  {f'{name} {each.arguments}':38}{each.help}" for name, each in COMMANDS.items()]
    return "\n".join(
        [
            "Keys",
            *keys,
            "  Esc     end what is being done, or close what is open",
            "  Tab     another pane: the arrows up and down move in it; Enter goes to a packet of the list",
            "  mouse   a click goes to a packet; one on the left edge, or a double one, makes a breakpoint",
            "",
            "Marks",
            "  ▶       the next instruction, the present packet; jt▶ or jf▶ the way that a jump went",
            "  │       executed on this packet",
            "  ● ◆     a breakpoint; one on the clause of the instruction",
            "  ✓ ✗     accepted or rejected; under a clause: it holds or not",
            "  ▔       under the part of the expression that the next instruction is of",
            "  *       changed by the last instruction",
            "  [ ]     around the bytes that were read last",
            "",
            "Commands, after a colon; they may be shortened",
            *commands,
        ]
    )


class KeysPane(Pane, can_focus=False):
    """As many lines as it takes; a click does what the key does."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._rows: list[list[Piece]] = []

    def update(self) -> None:
        width = max(self.size.width, 20)
        rows: list[list[Piece]] = [[]]
        used = 0
        for key in KEYS:
            size = len(key.shown) + 1 + len(key.label) + len(_GAP)
            if used + size - len(_GAP) > width:
                rows.append([])
                used = 0
            action = f"app.{key.action}"
            rows[-1] += [Piece(key.shown, ("key",), action), Piece(f" {key.label}", (), action), Piece(_GAP)]
            used += size
        self._rows = rows
        self.styles.height = len(rows)
        super().update()

    def count(self) -> int:
        return len(self._rows)

    def row(self, y: int) -> Row:
        return Row(self._rows[y])

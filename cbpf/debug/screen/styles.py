"""How the screen looks: where the panes are, and how what they show is drawn.

``THEME`` is for Textual's own parts. The parts of lines have plain colours: they are put one over the other, and
transparent ones would not be. Without colours what matters is bold, reversed or underlined.
"""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

THEME: Final = Theme(
    name="cbpf",
    primary="#7aa2f7",
    secondary="#7dcfff",
    accent="#ff9e64",
    warning="#e0af68",
    error="#f7768e",
    success="#9ece6a",
    foreground="#c8d0ee",
    background="#16171f",
    surface="#16171f",
    panel="#1f2230",
    dark=True,
)

CSS: Final = """
Screen { layout: vertical; background: $background; }
Pane {
    border: none; border-top: solid $foreground 22%; border-title-color: $foreground 60%; border-title-style: none;
    background: $background; color: $foreground; padding: 0 0 0 1;
    overflow-x: hidden; overflow-y: auto;
    scrollbar-size-vertical: 1; scrollbar-color: $foreground 25%; scrollbar-background: $background;
    scrollbar-color-hover: $foreground 45%; scrollbar-color-active: $foreground 60%;
    scrollbar-background-hover: $background; scrollbar-background-active: $background;
}
Pane:focus { border-top: solid $primary; border-title-color: $primary; border-title-style: bold; }
#expression { height: 3; }
#main { height: 1fr; }
#listing { width: 1fr; height: 100%; }
#side { width: 40; height: 100%; }
#registers { height: 4; }
#octets { height: 1fr; }
#packets { height: 30%; min-height: 4; }
#status { height: 2; border: none; background: $panel; }
#keys { height: 2; border: none; color: $foreground 75%; overflow-y: hidden; }
#prompt { height: 1; display: none; background: $panel; padding: 0 0 0 1; }
#prompt Label { color: $accent; text-style: bold; }
#prompt Input { width: 1fr; background: $panel; }
Sheet { align: center middle; background: $background 60%; }
#sheet { width: 96%; height: 90%; border: round $primary; padding: 0 1; background: $panel; }

.pane--dim { color: #73789a; }
.pane--name { color: #7dcfff; }
.pane--mark { color: #ff9e64; text-style: bold; }
.pane--executed { color: #9ece6a; }
.pane--taken { color: #9ece6a; text-style: bold; }
.pane--yes { color: #9ece6a; }
.pane--no { color: #f7768e; }
.pane--lit { color: #16171f; background: #ff9e64; text-style: bold; }
.pane--read { color: #ff9e64; text-style: bold; }
.pane--changed { color: #ff9e64; text-style: bold; }
.pane--error { color: #f7768e; }
.pane--key { color: #7aa2f7; text-style: bold; }
.pane--here { background: #283a63; text-style: bold; }
.pane--cursor { background: #2c2f42; }
.pane--layer-0 { color: #a9b1d6; }
.pane--layer-1 { color: #7dcfff; }
.pane--layer-2 { color: #bb9af7; }
.pane--layer-3 { color: #9ece6a; }
"""

# Where there are no colours at all.
COLORLESS: Final = """
.pane--lit, .pane--here { text-style: reverse; }
.pane--cursor { text-style: underline; }
.pane--dim { text-style: none; }
"""

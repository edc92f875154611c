"""The debugger as a program that fills the terminal. Textual is needed for it, and imported by ``show`` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbpf.debug.commands import Debugger


def show(debugger: Debugger) -> int:
    """Fill the terminal with a debugger until the user has enough; gives the exit status."""
    from cbpf.debug.screen.app import Screenful

    app = Screenful(debugger)
    app.run()
    return app.return_code or 0

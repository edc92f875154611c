"""How far a long run is: a line on stderr that is written again and again, if that is a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Final, NamedTuple

_FIRST: Final = 1.0  # seconds before anything is said
_INTERVAL: Final = 0.25
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


class State(NamedTuple):
    """Of ``size`` bytes (None if nobody knows), ``done`` have been read, and ``packets`` have been seen.

    ``files`` are how many are done, of how many; None where that is of no interest, (0, 0) while nobody knows.
    """

    done: int
    size: int | None
    packets: int
    files: tuple[int, int] | None = None


@contextmanager
def progress(state: Callable[[], State], *, wanted: bool) -> Iterator[None]:
    """Show the ``state`` while something goes on, and wipe it away at the end."""
    if not wanted or not _on_a_terminal():
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(state, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def line(state: State, seconds: float) -> str:
    """What is to be said after so many seconds."""
    if state.files == (0, 0):
        return "getting ready"
    parts = [amount(state.done)]
    if state.size:
        parts = [f"{min(100, 100 * state.done // state.size)}%", f"{amount(state.done)} of {amount(state.size)}"]
    if state.files is not None:
        parts.insert(0, f"{state.files[0]:,} of {state.files[1]:,} files")
    rate = state.done / seconds
    parts += [f"{state.packets:,} packets", f"{amount(int(rate))}/s"]
    if state.size and rate:
        left = int(max(0, state.size - state.done) / rate)
        parts.append(f"{left // 60}:{left % 60:02} left")
    return ", ".join(parts)


def amount(count: int) -> str:
    """A number of bytes, in powers of a thousand."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def _show(state: Callable[[], State], ended: threading.Event) -> None:
    start, shown = monotonic(), False
    pause = _FIRST
    with suppress(OSError, ValueError):
        while not ended.wait(pause):
            width = _width()
            text = line(state(), monotonic() - start)[: width - 1]
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()
            shown, pause = True, _INTERVAL
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _on_a_terminal() -> bool:
    with suppress(AttributeError, OSError, ValueError):
        return os.isatty(sys.stderr.fileno())
    return False


def _width() -> int:
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80

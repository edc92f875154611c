"""Colours for lines: the time dim, the two ends and the flags of a packet set off, damage in red."""

from __future__ import annotations

import re
from typing import Final

_RESET: Final = "\x1b[0m"
_DIM, _RED, _YELLOW, _CYAN = "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[36m"
_PARTS: Final = (
    (re.compile(r"([0-9a-f.:]{1,60} > [0-9a-f.:]{0,60}[0-9a-f:])(?=[:,] )"), _CYAN),
    (re.compile(r"(?<=Flags )(\[[A-Z.a-z]+\])"), _YELLOW),
    (re.compile(r"(\[(?:truncated|malformed)\])$"), _RED),
)


def dim(time: str) -> str:
    """A time, with the blank behind it."""
    return f"{_DIM}{time.rstrip()}{_RESET} " if time else ""


def colored(body: str) -> str:
    """What a line says about a packet."""
    for pattern, color in _PARTS:
        body = pattern.sub(rf"{color}\1{_RESET}", body, count=1)
    return body

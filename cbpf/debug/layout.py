"""A long expression in lines, indented as its parentheses are nested."""

from __future__ import annotations

import re

_WIDTH = 76  # characters of a group that stands in one line
_DEEPEST = 20  # levels that are indented
_TOKEN = re.compile(r"\(|\)|\s+(?:and|or)\s+|[^()\s]+|\s+")


def laid_out(text: str) -> list[str]:
    """The lines of an expression: groups in parentheses that do not fit into a line are broken at `and` and `or`."""
    closing = _partners(text)
    lines, line, broken = [], "", [len(text) > _WIDTH]
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token == "(":
            line += token
            broken.append(closing.get(found.start(), 0) - found.start() > _WIDTH)
            if broken[-1]:
                lines.append(line)
                line = _indentation(broken)
        elif token == ")" and len(broken) > 1 and broken.pop():
            lines.append(line)
            line = f"{_indentation(broken)})"
        elif token.strip() in ("and", "or") and broken[-1]:
            lines.append(line)
            line = f"{_indentation(broken)}{token.strip()} "
        else:
            line += token
    return [*lines, line] if line else lines


def _indentation(broken: list[bool]) -> str:
    return "  " * min(sum(broken[1:]), _DEEPEST)


def _partners(text: str) -> dict[int, int]:
    """Where each parenthesis closes."""
    opened, found = [], {}
    for place, character in enumerate(text):
        if character == "(":
            opened.append(place)
        elif character == ")" and opened:
            found[opened.pop()] = place
    return found

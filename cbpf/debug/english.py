"""What an expression means in plain English, structured as the expression is.

Every primitive becomes words that can follow "matches" or "anything but", and notes about what they imply
that nobody would guess. What is said here is what ``cbpf.compiler`` compiles; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cbpf.debug.phrases import phrase
from cbpf.debug.subject import Joint, Subject, fold
from cbpf.errors import Span
from cbpf.language.syntax import And, Not, Primitive

_LONGEST_SENTENCE = 160  # characters; what is longer is a list


class Meaning(NamedTuple):
    """A part of an expression in English.

    ``joint`` is "all" of ``parts``, "any" of them, "none" of the one part, or empty for a primitive. ``words`` say it
    in one line, ``notes`` what a primitive implies besides.
    """

    span: Span
    joint: str
    words: str
    parts: tuple[Meaning, ...] = ()
    notes: tuple[str, ...] = ()


def meaning(subject: Subject) -> Meaning | None:
    """What an expression means; None for an empty one, which every packet matches."""
    if subject.tree is None:
        return None
    readings = iter(subject.readings)

    def primitive(node: Primitive) -> Meaning:
        said = phrase(subject, next(readings))
        return Meaning(node.span, "", said.words, (), said.notes)

    return fold(subject.tree, primitive, _joint)


def _joint(node: Joint, parts: list[Meaning]) -> Meaning:
    if isinstance(node, Not):
        return Meaning(node.span, "none", f"anything but {_quoted(parts[0])}", tuple(parts))
    kind, word = ("all", "and") if isinstance(node, And) else ("any", "or")
    words = f"; {word} ".join(map(_quoted, parts)) if len(parts) < _MANY else f"{kind} of {len(parts)} things"
    return Meaning(node.span, kind, words, tuple(parts))


_MANY = 9


def _quoted(part: Meaning) -> str:
    """In parentheses if it has parts that another `and` or `or` could take away."""
    return f"({part.words})" if part.joint in ("all", "any") else part.words


def sentences(said: Meaning | None) -> list[str]:
    """A meaning as lines of text: one sentence if it is short, else an indented list."""
    if said is None:
        return ["Matches every packet."]
    if not said.joint or (said.joint == "none" and not said.parts[0].joint):
        return [f"Matches {said.words}."]
    flat = all(not part.joint or (part.joint == "none" and not part.parts[0].joint) for part in said.parts)
    if said.joint != "none" and flat and len(said.words) <= _LONGEST_SENTENCE:
        return [f"Matches {said.words}."]
    return list(_listed(said))


_HEADS = {"all": "what is all of these:", "any": "what is any of these:"}
_NOT = {"all": "anything but all of these at once:", "any": "what is none of these:"}


def _listed(said: Meaning) -> Iterable[str]:
    """An outline; depth is kept on a list, for trees may be deeper than Python's stack."""
    pending = [(said, 0, "Matches ")]
    while pending:
        part, depth, before = pending.pop()
        indent = "  " * depth + ("- " if depth else "") + before
        inner = part.parts[0] if part.joint == "none" else part
        if inner.joint in _HEADS:
            yield indent + (_NOT if part.joint == "none" else _HEADS)[inner.joint]
            pending.extend((each, depth + 1, "") for each in reversed(inner.parts))
        elif inner.joint:  # of two negations
            pending.append((inner, depth, f"{before}anything but "))
        else:
            yield indent + part.words

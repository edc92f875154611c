"""What was probably meant: from a refused expression and the place of the mistake to a correction of it.

Nothing is proposed that the parser has not tried: with the correction it must read on behind the place. Loaded only
when an expression has been refused; the tables of mistakes are in ``mistakes`` and ``wireshark``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cbpf.errors import Edit, FilterError, Span
from cbpf.language.mistakes import (
    ALIASES,
    BEGINNING,
    CHARACTERS,
    CONDITIONS,
    FITTING_PROTOCOLS,
    PLACE,
    QUOTED_CHARACTERS,
    REMARKS,
    RULES,
    SIGNS_OF_OTHER_LANGUAGES,
)
from cbpf.language.names import registered_protocols, registered_service
from cbpf.language.vocabulary import ATM_FIELDS, ATM_WORDS, CONSTANTS, KEYWORDS, PROTOCOLS, SS7_FIELDS, SS7_WORDS
from cbpf.language.wireshark import is_display_filter, translated

Read = Callable[[str], object]  # parses a text, or raises FilterError

_FAR = 200  # characters on each side of the place that the tables look at
_ENOUGH = 20 * _FAR  # characters behind a correction that show whether the parser reads on
_LONGEST_WORD, _TOO_SHORT = 40, 2  # letters of a word that may be another one misspelt
_JOINING = ("and", "or", "not")
_WORD = re.compile(r"\\?[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?")


class _Proposal(NamedTuple):
    edit: Edit
    hint: str | None = None  # what to say instead of the correction


def advise(error: FilterError, read: Read) -> None:
    """Give an error of the parser a correction and a hint, if one can be found."""
    if error.edit is not None:
        return
    for source in (_display_filter, _characters, _capitals, _known_mistakes, _escape, _words, _missing_operator):
        for proposal in source(error.expression, error.span):
            if _reads_on(error, proposal.edit, read):
                error.edit, error.hint = proposal
                return
    error.hint = _remark(error.expression, error.span) or error.hint


def _reads_on(error: FilterError, edit: Edit, read: Read) -> bool:
    """Whether the corrected expression is one, or its first mistake is another: elsewhere, at least a word on."""
    text = edit.apply(error.expression)
    end = len(text) - (len(error.expression) - edit.span.end)
    try:
        read(text[: end + _ENOUGH])
    except FilterError as next_error:
        start = next_error.span.start
        return next_error.span.end < edit.span.start or bool(text[end:start].strip())
    return True


# Where proposals come from, the surest first. Each takes the expression and the place of the mistake.


def _display_filter(text: str, span: Span) -> Iterator[_Proposal]:
    """A display filter of Wireshark's, if there is a field of one in the text."""
    if any(is_display_filter(word) for word in _WORD.findall(text[: 10 * _FAR])):
        meant = translated(text)
        if meant is not None and meant != text:
            said = f"This is a display filter of Wireshark's. The capture filter is '{meant}'."
            yield _Proposal(Edit(Span(0, len(text)), meant), said)


def _characters(text: str, span: Span) -> Iterator[_Proposal]:
    """Quotes, and characters that word processors put in place of those of the keyboard."""
    if text[span.start : span.start + 1] in CHARACTERS:
        without = "".join(CHARACTERS.get(character, character) for character in text)
        quoted = text[span.start] in QUOTED_CHARACTERS
        hint = f"Quotes are for the shell; the expression itself is {without.strip()}" if quoted else None
        if without.strip():
            yield _Proposal(Edit(Span(0, len(text)), without), hint if len(text) <= _FAR else None)


def _capitals(text: str, span: Span) -> Iterator[_Proposal]:
    """Keywords in capital letters: all of them at once."""
    word = text[span.start : span.end]
    if word.lower() in KEYWORDS and word not in KEYWORDS:
        lower = _WORD.sub(lambda found: found[0].lower() if found[0].lower() in KEYWORDS else found[0], text)
        hint = "Keywords are written in small letters: "
        yield _Proposal(Edit(Span(0, len(text)), lower), f"{hint}'{lower}'." if len(text) <= _FAR else None)
        yield _Proposal(Edit(span, word.lower()), f"{hint}'{word.lower()}'.")


def _known_mistakes(text: str, span: Span) -> Iterator[_Proposal]:
    """The tables of ``mistakes``, on the text around the place."""
    first = max(0, span.start - _FAR)
    around = text[first : span.start] + PLACE + text[span.start : span.start + _FAR]
    if around.count(PLACE) > 1:
        return
    for rule in RULES:
        for found in rule.pattern.finditer(around):
            replacement = rule.replacement(found)
            if replacement is not None:
                start, end = (first + place - (place > span.start - first) for place in found.span("wrong"))
                yield _Proposal(Edit(Span(start, end), replacement))


# What is before a keyword that is not meant for a name: no name would be right there.
_NO_NAMES = re.compile(r"\b(?:llc|portrange|decnet\s+(?:host|src|dst))\s+$")


def _escape(text: str, span: Span) -> Iterator[_Proposal]:
    """A keyword where a name is needed."""
    word = text[span.start : span.end]
    if KEYWORDS.get(word) in (None, *_JOINING) or re.search(_NO_NAMES, text[max(0, span.start - _FAR) : span.start]):
        return
    if not re.match(r"\s*(?:\)|&&|\|\||!|(?:and|or|not)(?![\w.-])|$)", text[span.end : span.end + _FAR]):
        return
    before = re.search(r"(?:([a-z0-9]+)\s+)?proto(chain)?\s+$", text[max(0, span.start - _FAR) : span.start])
    name: str | None = word
    if before:
        name = FITTING_PROTOCOLS.get(KEYWORDS.get(before[1] or "", ""), FITTING_PROTOCOLS["ip"]).get(word)
    if name:
        what = "to use it as a name, write" if name == word else "as the name of a protocol, write"
        hint = f"'{word}' is a keyword; {what} \\{name}, in a shell within quotes."
        yield _Proposal(Edit(span, f"\\{name}"), hint)
    elif before and not before[2] and KEYWORDS[word] in PROTOCOLS:
        yield _Proposal(Edit(Span(span.start - len(before[0]), span.end), word))


def _words(text: str, span: Span) -> Iterator[_Proposal]:
    """What a word that is no keyword may stand for."""
    word = text[span.start : span.end]
    if not _may_be_misspelt(word):
        return
    begins = re.search(BEGINNING + "$", text[max(0, span.start - _FAR) : span.start])
    close = [word] if word in CONSTANTS else _close_keywords(word.lower())
    if begins and is_display_filter(word):
        return
    for meant in ALIASES.get(word, ()):
        yield _Proposal(Edit(span, meant))
    if begins and registered_service(word):
        yield _Proposal(Edit(span, f"port {word}"))
    if begins and word in registered_protocols():
        yield _Proposal(Edit(span, f"proto {word}"))
    for keyword in (*ALIASES.get(word, ()), *close) if begins else ():
        for prefix, comparison in CONDITIONS:
            if keyword in CONSTANTS and keyword.startswith(prefix):
                yield _Proposal(Edit(span, comparison.format(keyword)))
    for keyword in close:
        yield _Proposal(Edit(span, keyword), f"Did you mean '{keyword}'?")
    if begins and not close and re.match(r"\\|(?!0[xX])[^.]*[A-Za-z]|.*[A-Za-z]$", word):
        yield _Proposal(Edit(span, f"host {word}"))


_RARE = [word for word in KEYWORDS if KEYWORDS[word] in ATM_WORDS | SS7_WORDS | ATM_FIELDS | SS7_FIELDS]
_COMMON = [word for word in (*KEYWORDS, *CONSTANTS) if word not in (*_JOINING, *_RARE)]


def _may_be_misspelt(word: str) -> bool:
    return len(word) <= _LONGEST_WORD and word not in KEYWORDS and bool(_WORD.fullmatch(word))


def _close_keywords(word: str) -> list[str]:
    """The keywords and constants most like ``word``: first one with letters swapped, then in difflib's order."""
    from difflib import get_close_matches

    close = get_close_matches(word, _COMMON, n=5, cutoff=0.66) or get_close_matches(word, _RARE, n=1, cutoff=0.8)
    swapped = [keyword for keyword in close if sorted(keyword) == sorted(word)]
    return swapped + [keyword for keyword in close if keyword not in swapped and len(word) > _TOO_SHORT]


# What no packet is two of; and qualifiers of which each can only have one value.
_IN_IP = "(?:tcp|udp|sctp|icmp6?|igmp|igrp|pim|vrrp|carp|ah|esp)"
_BESIDE_IP = "(?:r?arp|atalk|aarp|decnet|lat|sca|moprc|mopdl|iso|esis|isis|clnp|stp|ipx|netbeui)"
_ALTERNATIVES = re.compile(
    rf"(?<![\w.-])(?:{_IN_IP}\s+{PLACE}{_IN_IP}|ip6?\s+{PLACE}ip6?|{_BESIDE_IP}\s+{PLACE}(?:{_BESIDE_IP}|ip6?|{_IN_IP})"
    rf"|(?:ip6?|{_IN_IP})\s+{PLACE}{_BESIDE_IP}|(?P<q>(?:(?:tcp|udp|src|dst)\s+)*port(?:range)?"
    rf"|(?:src|dst)(?:\s+host)?)\s+\S+\s+{PLACE}(?P=q))(?![\w.-])"
)

_OPERATOR = r"(?<![\w.-])(?:and|or)(?![\w.-])|&&|\|\|"
_CLAUSE = rf"(?:(?!{_OPERATOR}|[()]).)*"


def _missing_operator(text: str, span: Span) -> Iterator[_Proposal]:
    """Two conditions with nothing between them. They belong together more than what the other operator joins."""
    if text[span.start : span.end] not in KEYWORDS and text[span.start : span.start + 1] != "(":
        return
    first = max(0, span.start - _FAR)
    before, after = text[first : span.start], text[span.start : span.start + _FAR]
    if KEYWORDS.get((before.split() or [""])[-1]) in ("link", "radio"):  # no condition by themselves
        return
    joint, other = ("or", r"\band\b|&&") if _ALTERNATIVES.search(before + PLACE + after) else ("and", r"\bor\b|\|\|")
    if not re.search(other, text):
        yield _Proposal(Edit(Span(span.start, span.start), f"{joint} "))
        return
    left, right = re.search(rf"(?:{_OPERATOR}|^)\s*({_CLAUSE})$", before, re.S), re.match(_CLAUSE, after, re.S)
    if left and right and (left.start() or not first) and len(after) < _FAR:
        both = f"{left[1].strip()} {joint} {right[0].strip()}"
        yield _Proposal(Edit(Span(first + left.start(1), span.start + len(right[0].rstrip())), both))


def _remark(text: str, span: Span) -> str | None:
    """What helps where no correction is clear."""
    word = text[span.start : span.end]
    if is_display_filter(word):
        return f"'{word}' looks like a field of Wireshark's display filters; capture filters are another language."
    if word.lower() in KEYWORDS and word not in KEYWORDS:
        return "Keywords are written in small letters."
    around = text[max(0, span.start - _FAR) : span.start] + PLACE + text[span.start : span.start + _FAR]
    said = next((remark for pattern, remark in REMARKS if pattern.search(around)), None)
    said = said or SIGNS_OF_OTHER_LANGUAGES.get(word[:1])
    if said is None and _may_be_misspelt(word):
        said = next((f"Did you mean '{keyword}'?" for keyword in _close_keywords(word.lower())), None)
    return said

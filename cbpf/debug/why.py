"""Why a filter matched a packet or not, in one paragraph that names the clauses that decide.

>>> packet = bytes(12) + b"\\x08\\x00" + b"\\x45" + bytes(8) + b"\\x06" + bytes(10) + b"\\x01\\xbb\\xc8\\x22" + bytes(16)
>>> why("ip and (port 80 or udp)", 1, packet).text
'did not match: neither `port 80` (source port is 443, destination port is 51234) nor `udp` (protocol is TCP, not UDP) holds'
"""  # noqa: E501 -- what the doctest prints is one line

from __future__ import annotations

from typing import NamedTuple

from cbpf.debug.clauses import Clause, Clauses, Deciding, Verdict
from cbpf.debug.evaluate import Evaluator, NotComputed
from cbpf.debug.facts import Case, Fact, facts
from cbpf.debug.fields import field, headers
from cbpf.debug.traps import traps
from cbpf.errors import Span
from cbpf.language.names import Names
from cbpf.linktypes import linktype_name

_MOST_NAMED = 4  # clauses in a paragraph; that there are more is said


class Explained(NamedTuple):
    """A clause that decided.

    * ``span``, ``text``: the part of the expression that it is.
    * ``holds``: None if it could not be computed.
    * ``negated``: whether an odd number of `not` is in front of it.
    * ``facts``: what of the packet made it hold or not.
    * ``notes``: which of the classical traps it fell into.
    """

    span: Span
    text: str
    holds: bool | None
    negated: bool
    facts: tuple[Fact, ...]
    notes: tuple[str, ...]


class Missing(NamedTuple):
    """Bytes that a filter needs and that were not captured: ``size`` bytes from ``offset``, and what they would be."""

    offset: int
    size: int
    name: str


class Why(NamedTuple):
    """``text`` is the paragraph, without a subject; ``missing`` are the bytes for want of which it was rejected."""

    matched: bool
    text: str
    clauses: tuple[Explained, ...]
    missing: Missing | None = None


def why(
    expression: str | Clauses,
    linktype: int,
    packet: bytes,
    wirelen: int | None = None,
    *,
    names: Names | None = None,
    netmask: int | None = None,
) -> Why:
    """Why ``expression`` matches a packet of this LINKTYPE number, or why not.

    ``packet`` are the captured bytes and ``wirelen`` how many were on the wire. To explain many packets, make
    ``Clauses`` of the expression once. Raises FilterError for an expression that does not compile; one that no packet
    can match is explained like any other.
    """
    clauses = Clauses(expression, linktype, names=names, netmask=netmask) if isinstance(expression, str) else expression
    evaluator = Evaluator(packet, len(packet) if wirelen is None else wirelen)
    case = Case(evaluator, headers(linktype, packet), clauses.expression)
    verdict = clauses.ask_with(evaluator)
    explained = tuple(_explained(deciding, clauses, case) for deciding in verdict.deciding)
    return Why(
        verdict.matched,
        _paragraph(verdict, explained, case, linktype),
        explained,
        None if verdict.missing is None else _missing(verdict.missing, case),
    )


def _explained(deciding: Deciding, clauses: Clauses, case: Case) -> Explained:
    clause, negated = deciding
    notes = traps(clause, clauses, case)
    return Explained(clause.span, clause.text, clause.holds, negated, _told(clause, case), notes)


def _told(clause: Clause, case: Case) -> tuple[Fact, ...]:
    found = facts(clause, case)
    if found or clause.judgement is None:
        return found
    who = "every packet" if clause.judgement.holds else "no packet"
    sentence = f"{who} of link type {clause.layer.name} matches it"
    return (Fact(sentence, "link type", clause.layer.name),)


def _missing(missing: NotComputed, case: Case) -> Missing | None:
    if missing.offset is None:
        return None
    return Missing(missing.offset, missing.size, field(missing.offset, missing.size, case.headers))


# The paragraph.


def _paragraph(verdict: Verdict, explained: tuple[Explained, ...], case: Case, linktype: int) -> str:
    if verdict.foreign:
        return f"did not match: it is not what {linktype_name(linktype)} packets are to be read"
    if verdict.missing is not None:
        return f"did not match: {_too_short(verdict.missing, explained, case)}"
    if not explained:
        return "matched: an empty expression matches every packet"
    begin = "matched" if verdict.matched else "did not match"
    notes = dict.fromkeys(note for clause in explained for note in clause.notes)
    return ". ".join(
        [f"{begin}: {_decided(explained, verdict.matched)}", *(note[0].upper() + note[1:] for note in notes)]
    )


def _decided(clauses: tuple[Explained, ...], matched: bool) -> str:
    if len(clauses) == 1:
        return f"{_outcome(clauses[0])}: {_facts(clauses[0])}"
    plain = all(not clause.negated for clause in clauses)
    if plain and all(clause.facts == clauses[0].facts for clause in clauses):
        return f"{_together([f'`{clause.text}`' for clause in clauses], matched)}: {_facts(clauses[0])}"
    if plain:
        return _together([f"`{clause.text}` ({_facts(clause)})" for clause in clauses], matched)
    return _enumerated([f"{_outcome(clause)} ({_facts(clause)})" for clause in clauses])


def _together(names: list[str], matched: bool) -> str:
    if matched:
        return f"{_enumerated(names)} hold"
    if len(names) == 2:
        return f"neither {names[0]} nor {names[1]} holds"
    return f"none of {_enumerated(names)} holds"


def _enumerated(names: list[str]) -> str:
    shown = names[:_MOST_NAMED]
    if len(names) > len(shown):
        shown = [*shown, f"{len(names) - len(shown)} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _outcome(clause: Explained) -> str:
    """A clause that is not negated decided as it came out, one that is the other way round."""
    name = f"`{clause.text}`"
    if clause.negated:
        return f"{name} holds, which `not` excludes" if clause.holds else f"{name} does not hold, as `not` wants it"
    return f"{name} holds" if clause.holds else f"{name} failed"


def _facts(clause: Explained) -> str:
    return ", ".join(fact.sentence for fact in clause.facts)


def _too_short(missing: NotComputed, explained: tuple[Explained, ...], case: Case) -> str:
    who = f"`{explained[0].text}`" if explained else "finding the end of the link-layer header"
    if missing.offset is None:
        return f"{who} divides by zero, which rejects the packet"
    last = missing.offset + missing.size - 1
    where = f"byte {last}" if missing.size == 1 else f"bytes {missing.offset}-{last}"
    name = field(missing.offset, missing.size, case.headers)
    needs = where if name == where else f"the {name} at {where}"
    caplen, wirelen = len(case.packet), case.evaluator.wirelen
    captured = f"the packet has {caplen} captured bytes"
    if wirelen > caplen:
        captured += f" of {wirelen}"
    return f"{captured}, and {who} needs {needs}"

"""The classical traps: why a clause did not see what people take it to look at.

Each is a function of a clause that did not hold and the packet, and gives sentences, none if it is not the reason.
pcap-filter(7) describes all of this, where nobody looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cbpf.compiler.encapsulation import MOVES, TUNNELS
from cbpf.compiler.layers import ETHERTYPE
from cbpf.debug.clauses import Clause, Clauses
from cbpf.debug.evaluate import NotComputed, Observed
from cbpf.debug.facts import Case, field_tested, furthest, is_about_protocol
from cbpf.debug.fields import carried
from cbpf.debug.tables import EXTENSIONS, TABLES
from cbpf.errors import FilterError
from cbpf.language.syntax import Arithmetic, Binary, Index, Keyword, Negate, Qualified, Relation

Notes = tuple[str, ...]

_OVER_IPV4: Final = frozenset({"tcp", "udp", "sctp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp"})
_IN_FRONT: Final = {
    "VLAN-tagged": ("a VLAN tag is", "vlan"),
    "MPLS": ("an MPLS label is", "mpls"),
    "PPPoE": ("a PPPoE header is", "pppoes"),
}
_TAGS: Final = {"vlan": "VLAN tag", "mpls": "MPLS", "pppoes": "PPPoE"}
_CALLED: Final = {"VLAN tag": "VLAN tag", "MPLS": "MPLS label", "PPPoE": "PPPoE header"}
_HAVE_PORTS: Final = frozenset({"port", "portrange"})


def traps(clause: Clause, clauses: Clauses, case: Case) -> tuple[str, ...]:
    """What there is to know about a clause that did not hold."""
    if clause.holds is not False:
        return ()
    return tuple(note for find in _TRAPS for note in find(clause, clauses, case))


def _moved(clause: Clause, clauses: Clauses, case: Case) -> Notes:
    """`vlan`, `mpls` and `pppoes` move the offsets of what is written behind them, whether they matched or not."""
    if clause.layer == clauses.layer or clause.layer.tunnelled:
        return ()
    words = [_word(step.primitive) for step in clauses.steps[: clause.number]]
    word = next((word for word in reversed(words) if word in _TAGS), None)
    if word is None:
        return ()
    places = case.evaluator.place(clauses.layer.net), case.evaluator.place(clause.layer.net)
    distance = "" if None in places else f" by {places[1] - places[0]} bytes"  # type: ignore[operator]
    tags = [header.name for header in case.headers].count(_TAGS[word])
    if tags >= words.count(word) + (_word(clause.primitive) == word):
        return ()
    called = _CALLED[_TAGS[word]]
    lacks = f"the packet has no {called}" if not tags else f"the packet has only {tags} {called}{'s' * (tags > 1)}"
    moved = f"`{word}` moves where all behind it looks{distance}, whatever the packet, and {lacks}"
    if clauses.judged_in(clause, clauses.layer, case.evaluator):
        return moved, f"in front of `{word}`, or without it, `{clause.text}` would hold"
    return (moved,)


def _in_front(clause: Clause, _: Clauses, case: Case) -> Notes:
    """Tags, labels and sessions hide what is behind them from what does not ask for them."""
    if not _fails_at_protocol(clause, case):
        return ()
    carries = carried(clause.layer, case.evaluator)
    if carries not in _IN_FRONT:
        return ()
    what, word = _IN_FRONT[carries]
    layer = clause.layer
    if _word(clause.primitive) == word:
        return ()
    if (word == "vlan" and not layer.has("vlan")) or (word == "mpls" and layer.mpls is None):
        return ()
    return (f"{what} in front of it: `{word} and ...` looks behind that",)


def _ipv4_only(clause: Clause, _: Clauses, case: Case) -> Notes:
    """`tcp[...]` looks into IPv4 packets alone."""
    if not isinstance(clause.primitive, Relation) or not _is_ip6(clause, case):
        return ()
    if furthest(clause, case) and not _fails_at_protocol(clause, case):
        return ()
    words = [word for word in _indexed(clause.primitive) if word in _OVER_IPV4]
    if not words:
        return ()
    return (f"`{words[0]}[...]` sees IPv4 only; in IPv6 without extension headers its byte 0 is `ip6[40]`",)


def _later_fragment(clause: Clause, _: Clauses, case: Case) -> Notes:
    """Only the first fragment of a packet has a transport header."""
    if not any(_kind(reason.decided, case) == "fragment" for reason in furthest(clause, case)):
        return ()
    what = "ports" if _type(clause) in _HAVE_PORTS else "transport header"
    return (f"only the first fragment of a packet has its {what}",)


def _extension_header(clause: Clause, _: Clauses, case: Case) -> Notes:
    """Filters look for ports right behind the IPv6 header."""
    for reason in furthest(clause, case):
        tested = field_tested(reason.decided, case)
        if tested is None or (tested.header, tested.name) != ("IPv6", "next header"):
            continue
        name = EXTENSIONS.get(case.packet[tested.offset])
        if name is not None:
            header = f"an {TABLES[name].prefix}" if TABLES[name].prefix[0] in "AI" else f"a {TABLES[name].prefix}"
            return (f"{header} header comes first, and only `protochain` looks behind such headers (for no port)",)
    return ()


_TRAPS: Final[tuple[Callable[[Clause, Clauses, Case], Notes], ...]] = (
    _moved,
    _in_front,
    _ipv4_only,
    _later_fragment,
    _extension_header,
)


def _fails_at_protocol(clause: Clause, case: Case) -> bool:
    return any(is_about_protocol(clause, reason.decided) for reason in furthest(clause, case))


def _is_ip6(clause: Clause, case: Case) -> bool:
    try:
        return case.evaluator.judge(clause.layer.carries(ETHERTYPE["ip6"])).holds
    except (FilterError, NotComputed):
        return False


def _kind(observed: Observed, case: Case) -> str:
    tested = field_tested(observed, case)
    return "" if tested is None else tested.kind


def _type(clause: Clause) -> str | None:
    return clause.primitive.qualifiers.type if isinstance(clause.primitive, Qualified) else None


def _word(primitive: object) -> str:
    """The keyword of a primitive that moves the layer by its text alone."""
    moves = isinstance(primitive, Keyword) and primitive.word in MOVES and primitive.word not in TUNNELS
    return primitive.word if moves and isinstance(primitive, Keyword) else ""


def _indexed(relation: Relation) -> Iterator[str]:
    """The protocols whose bytes a relation reads."""
    pending: list[Arithmetic] = [relation.right, relation.left]
    while pending:
        match pending.pop():
            case Index(_, protocol, offset, _):
                yield protocol
                pending.append(offset)
            case Negate(_, operand):
                pending.append(operand)
            case Binary(_, _, left, right):
                pending += (right, left)

"""What the BSD packet filter logs of a packet: interface, rule, reason and action (pflog(4))."""

from __future__ import annotations

from cbpf.compiler.predicates import Predicate, all_of, equal
from cbpf.compiler.scope import Scope, named, needs
from cbpf.compiler.values import Address
from cbpf.errors import FilterError, Reason
from cbpf.language.syntax import Keyword, Named
from cbpf.language.tokens import Kind, Token

_NAME_SIZE = 16  # IFNAMSIZ and PF_RULESET_NAME_SIZE, with a zero at the end
_NAMES_AT = {"on": 4, "rset": 20}
_NUMBERS_AT = {"rnr": 36, "srnr": 40}
_ACTION, _REASON = 2, 3

# Those of all systems: no number has one name here and another there that means something else.
_REASONS = {
    "match": 0,
    "bad-offset": 1,
    "fragment": 2,
    "short": 3,
    "normalize": 4,
    "memory": 5,
    "bad-timestamp": 6,
    "congestion": 7,
    "ip-option": 8,
    "proto-cksum": 9,
    "state-mismatch": 10,
    "state-insert": 11,
    "state-limit": 12,
    "src-limit": 13,
    "synproxy": 14,
    "map-failed": 15,  # FreeBSD
    "state-locked": 15,  # NetBSD
    "dummynet": 15,  # Darwin
    "translate": 15,  # OpenBSD
    "no-route": 16,  # OpenBSD
}
_ACTIONS = {
    "pass": 0,
    "accept": 0,
    "drop": 1,
    "block": 1,
    "scrub": 2,
    "noscrub": 3,
    "nat": 4,
    "nonat": 5,
    "binat": 6,
    "nobinat": 7,
    "rdr": 8,
    "nordr": 9,
    "synproxy-drop": 10,
    "defer": 11,  # FreeBSD, OpenBSD
    "match": 12,  # OpenBSD
    "divert": 13,
    "rt": 14,
    "afrt": 15,
    "dummynet": 11,  # Darwin
    "nodummynet": 12,
    "nat64": 13,
    "nonat64": 14,
}


def logged(scope: Scope, tree: Named) -> Predicate:
    """`on`, `rset`, `reason` and `action`."""
    needs(scope, "pflog", f"'{tree.word}'")
    assert tree.argument is not None
    header, token = scope.layer.header, tree.argument
    match tree.word:
        case "action":
            return equal(header.byte(_ACTION), named(token, _ACTIONS, "no action of the packet filter"))
        case "reason" if token.kind is Kind.NUMBER:
            return equal(header.byte(_REASON), token.value)
        case "reason":
            return equal(header.byte(_REASON), named(token, _REASONS, "no reason of the packet filter"))
    return _starts(header.plus(_NAMES_AT[tree.word]), token)


def number(scope: Scope, tree: Keyword) -> Predicate:
    """`rnr` and `srnr`: the number of a rule, and of one in a ruleset."""
    needs(scope, "pflog", f"'{tree.word}'")
    assert tree.number is not None
    return equal(scope.layer.header.word(_NUMBERS_AT[tree.word]), tree.number)


def _starts(place: Address, token: Token) -> Predicate:
    """Whether the text there starts with a name: so tcpdump's users can ask for `em` and get `em0` and `em1`.

    Compared from its end, in pieces of four bytes, then two, then one.
    """
    name = token.text.encode(errors="surrogateescape")
    if len(name) >= _NAME_SIZE:
        raise FilterError(
            f"'{token.text}' has more than {_NAME_SIZE - 1} characters", token.span, reason=Reason.OUT_OF_RANGE
        )
    pieces = []
    end = len(name)
    for size in (4, 2, 1):
        while end >= size:
            end -= size
            pieces.append(equal(place.load(end, size), int.from_bytes(name[end : end + size])))
    return all_of(*pieces)

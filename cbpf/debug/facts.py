"""What of a packet made a clause hold or fail, in the words of filters: "source port is 443".

Of several ways in which a clause could have held and did not, those that came furthest are told: of `port 80` on a TCP
packet over IPv4 the ports, and not that it is no IPv6. Tests of the same field are one fact.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.internet import IPV6_FRAGMENT
from cbpf.compiler.predicates import All, Negation, Predicate
from cbpf.compiler.values import Binary, Const, Load, Members, Negate, Value
from cbpf.debug.clauses import Clause
from cbpf.debug.evaluate import Evaluator, Observed, Reason, Seen
from cbpf.debug.fields import Header, Named, carried, field, named, protocol_tests
from cbpf.debug.wording import NAMING, SYMBOLIC, listed, number, worded
from cbpf.language.syntax import Number, Relation

_FRAGMENT_OFFSET = 0x1FFF  # RFC 791, in units of eight bytes


class Fact(NamedTuple):
    """Something that is so in a packet, as a ``sentence``.

    ``name`` is the field's, ``text`` its value in words, ``wanted`` what was asked for instead if that has names.
    ``offset`` and ``size`` (bytes) say where it is and ``value`` what is there; None if it is at no one place.
    """

    sentence: str
    name: str
    text: str
    wanted: tuple[str, ...] = ()
    offset: int | None = None
    size: int | None = None
    value: int | None = None


class Case(NamedTuple):
    """A packet that is being explained: what evaluates its bytes, and the headers it has."""

    evaluator: Evaluator
    headers: tuple[Header, ...]
    expression: str = ""

    @property
    def packet(self) -> bytes:
        return self.evaluator.packet


def facts(clause: Clause, case: Case) -> tuple[Fact, ...]:
    """Why a clause holds or not; nothing where the link type alone decides, or it could not be computed."""
    if clause.judgement is None:
        return ()
    groups: dict[_Subject, list[Observed]] = {}
    for reason in furthest(clause, case):
        groups.setdefault(_subject(clause, reason.decided, case), []).append(reason.decided)
    return tuple(_fact(clause, subject, tests, case) for subject, tests in groups.items())


def furthest(clause: Clause, case: Case) -> list[Reason]:
    """Of the reasons those for which most was as it should be."""
    reasons = () if clause.judgement is None else clause.judgement.reasons
    passed = [_passed(clause, reason, case) for reason in reasons]
    return [reason for reason, count in zip(reasons, passed, strict=True) if count == max(passed)]


def is_about_protocol(clause: Clause, observed: Observed) -> bool:
    """Whether a test asked what protocol the clause's layer carries."""
    return observed.test in protocol_tests(clause.layer)


def field_tested(observed: Observed, case: Case) -> Named | None:
    """The field that a test is about, if it reads just one."""
    if not observed.loads:
        return None
    seen = _looked_at(observed)
    found = named(seen.offset, seen.size, case.headers)
    return found[0] if len(found) == 1 else None


def _looked_at(observed: Observed) -> Seen:
    """What the test is about of what it read last: the bytes that a mask leaves."""
    seen = observed.loads[-1]
    match observed.test:
        case Test(_, Binary("&", Load(), Const(mask)), _) if mask:
            last = seen.size - ((mask & -mask).bit_length() - 1) // 8
            first = max(0, seen.size - (mask.bit_length() + 7) // 8)
            value = seen.value >> 8 * (seen.size - last) & (1 << 8 * (last - first)) - 1
            return Seen(seen.offset + first, last - first, value)
    return seen


class _Subject(NamedTuple):
    """What a test is about: a word for its kind, and the field or the bytes if it is about such."""

    kind: str
    field: Named | None = None
    seen: Seen | None = None


def _subject(clause: Clause, observed: Observed, case: Case) -> _Subject:
    if isinstance(clause.primitive, Relation) and observed.test is _last_test(clause.meaning):
        return _Subject("relation")
    if is_about_protocol(clause, observed):
        return _Subject("protocol")
    if not observed.loads:
        return _Subject("length")
    tested = field_tested(observed, case)
    return _Subject("bytes", None, _looked_at(observed)) if tested is None else _Subject("field", tested)


def _passed(clause: Clause, reason: Reason, case: Case) -> int:
    own = _subject(clause, reason.decided, case)
    return len({_subject(clause, observed, case) for observed in reason.passed} - {own})


def _last_test(predicate: Predicate) -> Predicate:
    """The comparison that a relation ends with, behind all that makes sure that it makes sense."""
    while isinstance(predicate, All | Negation):
        predicate = predicate.part if isinstance(predicate, Negation) else predicate.parts[-1]
    return predicate


def _fact(clause: Clause, subject: _Subject, tests: list[Observed], case: Case) -> Fact:
    match subject:
        case _Subject("relation"):
            return _of_relation(clause, tests[0], case)
        case _Subject("protocol"):
            return _of_protocol(clause, tests, case)
        case _Subject("field", Named() as tested):
            return _of_field(clause, tested, tests, case)
        case _Subject("bytes", None, Seen() as seen):
            name = field(seen.offset, seen.size, case.headers)
            verb = "are" if seen.size > 1 else "is"
            return Fact(f"{name} {verb} {number(seen.value)}", name, number(seen.value), (), *seen)
    length = case.evaluator.wirelen
    return Fact(f"the packet has {length} bytes on the wire", "length", str(length), value=length)


def _of_relation(clause: Clause, observed: Observed, case: Case) -> Fact:
    """Both sides as they are written, with what they came to."""
    relation = clause.primitive
    assert isinstance(relation, Relation)
    sides = [(relation.left, observed.left), (relation.right, observed.right)]
    told = [
        f"`{case.expression[side.span.start : side.span.end]}` is {number(value)}"
        for side, value in sides
        if not isinstance(side, Number)
    ]
    read = observed.loads[-1] if _reads_one(observed.test) else None
    about = "" if read is None else _in_words(read, observed.left, case)
    sentence = " and ".join(told) or f"{observed.left} is compared with {observed.right}"
    offset, size = (None, None) if read is None else (read.offset, read.size)
    name = case.expression[relation.left.span.start : relation.left.span.end]
    return Fact(sentence + about, name, number(observed.left), (), offset, size, observed.left)


def _reads_one(test: Test) -> bool:
    """Whether a comparison is of one load, those for its place not counted."""
    assert not isinstance(test.right, Members)
    return _outer_loads(test.left) + _outer_loads(test.right) == 1


def _outer_loads(value: Value) -> int:
    match value:
        case Load():
            return 1
        case Negate(operand):
            return _outer_loads(operand)
        case Binary(_, left, right):
            return _outer_loads(left) + _outer_loads(right)
    return 0


def _in_words(seen: Seen, value: int, case: Case) -> str:
    """The field that was read, with what is in it if that is not clear already."""
    found = named(seen.offset, seen.size, case.headers)
    if len(found) != 1:
        return ""
    text = _text(found[0], case)
    return f" ({found[0].full_name}{'' if text in (None, str(value)) else f': {text}'})"


def _of_protocol(clause: Clause, tests: list[Observed], case: Case) -> Fact:
    """ "it is ARP, not IPv4 or IPv6"."""
    known = protocol_tests(clause.layer)
    asked = {known[test.test] for test in tests if not test.holds and not clause.holds}
    wanted = tuple(name for name in dict.fromkeys(known.values()) if name in asked)
    seen = tests[-1].loads[-1]
    name, text = "protocol", carried(clause.layer, case.evaluator)
    found = f"it is {text}"
    if text is None:
        tested = field_tested(tests[-1], case)
        name = field(seen.offset, seen.size, case.headers)
        text = None if tested is None or tested.kind not in NAMING else _text(tested, case)
        found = f"{name} {'is' if text or seen.size == 1 else 'are'} {text or number(seen.value)}"
        if text is None and tested is not None:
            found = f"what is read as its protocol is the {name}: {number(seen.value)}"
        text = text or number(seen.value)
    return Fact(_instead(found, wanted), name, text, wanted, *seen)


def _of_field(clause: Clause, tested: Named, tests: list[Observed], case: Case) -> Fact:
    text = _text(tested, case)
    last = tests[-1].loads[-1]
    octets = case.packet[tested.offset : tested.offset + tested.size]
    wanted = _wanted(tested, tests) if tested.kind in SYMBOLIC and not clause.holds else ()
    if text is None:
        name = field(last.offset, last.size, case.headers)
        return Fact(f"{name} is {number(last.value)}", name, number(last.value), wanted, *last)
    found = _instead(_sentence(tested, octets, text), wanted)
    return Fact(found, tested.full_name, text, wanted, tested.offset, tested.size, int.from_bytes(octets))


def _wanted(tested: Named, tests: list[Observed]) -> tuple[str, ...]:
    """The values that the field was compared with in vain."""
    found = [
        observed.right
        for observed in tests
        if not observed.holds and _is_equation(observed.test) and observed.right >> 8 * tested.size == 0
    ]
    if len(found) > 1 and tested.name == "next header":
        found = [value for value in found if value != IPV6_FRAGMENT]  # which is only looked through
    return tuple(dict.fromkeys(worded(tested.kind, value.to_bytes(tested.size)) for value in found))


def _is_equation(test: Test) -> bool:
    return test.operator == "=" and isinstance(test.left, Load) and isinstance(test.right, Const)


def _text(tested: Named, case: Case) -> str | None:
    """The value of a field in words; None if not all of it was captured."""
    octets = case.packet[tested.offset : tested.offset + tested.size]
    return worded(tested.kind, octets) if len(octets) == tested.size else None


def _sentence(tested: Named, octets: bytes, text: str) -> str:
    match tested.kind:
        case "fragment":
            offset = (int.from_bytes(octets) & _FRAGMENT_OFFSET) * 8
            return f"it is a later fragment, from byte {offset} on" if offset else "it is no later fragment"
        case "tag":
            return f"it is {text}"
        case "label":
            return f"it has {text}"
    return f"{tested.name} {'are' if tested.name.endswith('flags') else 'is'} {text}"


def _instead(found: str, wanted: tuple[str, ...]) -> str:
    return f"{found}, not {listed(list(wanted))}" if wanted else found

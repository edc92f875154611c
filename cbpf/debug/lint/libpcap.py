"""Expressions that tcpdump gets wrong: known defects of libpcap, as a table of what an expression must have for one.

Found by running libpcap 1.10.3 and its development branch of August 2026 on the same packets as programs that are
known to be right. Where it is said that something "may" go wrong, more is needed for that than can be seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.internet import ISIS_GROUPS, OSI_PROTOCOL, PROTOCOL
from cbpf.compiler.layers import SAP
from cbpf.compiler.predicates import All, Any, Negation, Predicate
from cbpf.compiler.primitives import cases
from cbpf.compiler.scope import Scope
from cbpf.compiler.values import Binary as Computed
from cbpf.compiler.values import Const
from cbpf.debug.comparisons import constant, indexed
from cbpf.debug.lint.context import Context
from cbpf.debug.lint.finding import NOTE, Finding
from cbpf.debug.subject import Reading
from cbpf.language.syntax import (
    Arithmetic,
    Binary,
    Byte,
    Field,
    Index,
    Keyword,
    Length,
    Negate,
    Number,
    Or,
    Primitive,
    Qualified,
    Relation,
)

OLD = "libpcap 1.10"  # what most systems have
ALL = "libpcap"


class Defect(NamedTuple):
    """``said`` is of the versions ``where``; ``of`` tells whether a primitive, in its layer, is affected."""

    where: str
    said: str
    of: Callable[[Reading], bool]


def differs(context: Context) -> Iterator[Finding]:
    """The rule tcpdump-differs: each defect once, at the first primitive that has it."""
    for defect in DEFECTS:
        reading = next((each for each in context.subject.readings if defect.of(each)), None)
        if reading is not None:
            yield _finding(defect.where, defect.said, reading.primitive)
    for whole in (_zeros_twice, _retested, _constants, _lengths, _values_twice):
        yield from whole(context)


def _finding(where: str, said: str, primitive: Primitive) -> Finding:
    return Finding("tcpdump-differs", NOTE, primitive.span, f"{where} {said}")


# What one primitive has.


def _relation(of: Callable[[Relation], bool]) -> Callable[[Reading], bool]:
    return lambda reading: isinstance(reading.primitive, Relation) and of(reading.primitive)


def _parts(tree: Arithmetic) -> Iterator[Arithmetic]:
    yield tree
    match tree:
        case Index(_, _, offset, _):
            yield from _parts(offset)
        case Negate(_, operand):
            yield from _parts(operand)
        case Binary(_, _, left, right):
            yield from _parts(left)
            yield from _parts(right)


def _any_part(of: Callable[[Arithmetic], bool]) -> Callable[[Reading], bool]:
    return _relation(lambda tree: any(of(part) for side in (tree.left, tree.right) for part in _parts(side)))


def _forgets_guard(part: Arithmetic) -> bool:
    """The right operand implies a protocol that the left one does not."""
    return isinstance(part, Binary) and bool(_guards(part.right) - _guards(part.left))


def _guards(tree: Arithmetic) -> frozenset[str]:
    found = frozenset(indexed(tree)) - {"link", "radio"}
    return found | {"ip"} if found & PROTOCOL.keys() - {"icmp6"} else found


def _refused(part: Arithmetic) -> bool:
    """Of the right operand's constants the first is taken for its value."""
    if not isinstance(part, Binary) or part.operator not in ("/", "%", "<<", ">>") or isinstance(part.right, Number):
        return False
    first = next((each.value for each in _parts(part.right) if isinstance(each, Number)), None)
    return first is not None and (first == 0 if part.operator in "/%" else first > 31)


def _full_mask(part: Arithmetic) -> bool:
    match part:
        case Binary(_, "&", Index(), mask):
            return constant(mask) == 0xFFFFFFFF
    return False


def _empty_mask(part: Arithmetic) -> bool:
    match part:
        case Binary(_, "&", left, right):
            return 0 in (constant(left), constant(right)) and bool(indexed(part))
    return False


def _zero_divided(part: Arithmetic) -> bool:
    return isinstance(part, Binary) and part.operator == "/" and constant(part.left) == 0


def _before_header(part: Arithmetic) -> bool:
    match part:
        case Index(_, protocol, offset, _) if protocol not in ("link", "radio"):
            value = constant(offset)
            return value is not None and value >= 1 << 31
    return False


def _words(*words: str) -> Callable[[Reading], bool]:
    return lambda reading: isinstance(reading.primitive, Keyword) and reading.primitive.word in words


def _multicast(reading: Reading) -> bool:
    return _words("multicast")(reading) and reading.primitive.protocol == "ip"  # type: ignore[union-attr]


def _directed(*directions: str) -> Callable[[Reading], bool]:
    return lambda each: isinstance(each.primitive, Qualified) and each.primitive.qualifiers.direction in directions


def _on(*links: str) -> Callable[[Reading], bool]:
    return lambda reading: reading.layer.name.startswith(links)


def _both(*conditions: Callable[[Reading], bool]) -> Callable[[Reading], bool]:
    return lambda reading: all(condition(reading) for condition in conditions)


def _either(*conditions: Callable[[Reading], bool]) -> Callable[[Reading], bool]:
    return lambda reading: any(condition(reading) for condition in conditions)


def _type(*kinds: str) -> Callable[[Reading], bool]:
    return lambda each: isinstance(each.primitive, Qualified) and each.primitive.qualifiers.type in kinds


def _of_protocol(*protocols: str) -> Callable[[Reading], bool]:
    return lambda each: isinstance(each.primitive, Qualified) and each.primitive.qualifiers.protocol in protocols


def _small_link_protocol(reading: Reading) -> bool:
    return _of_protocol("link")(reading) and _type("proto")(reading) and reading.primitive.value.token.value < 256  # type: ignore[union-attr]


_IN_IP = _either(
    _words("ip", "ip6", *PROTOCOL),
    _type("port", "portrange"),
    lambda each: isinstance(each.primitive, Qualified) and each.primitive.qualifiers.protocol in (None, "ip", "ip6"),
    _relation(lambda tree: bool({*indexed(tree.left), *indexed(tree.right)} - {"link", "radio"})),
)
_BEHIND_IP = _either(
    _type("port", "portrange", "host", "net", None),  # type: ignore[arg-type]
    _words(*PROTOCOL),
    _relation(lambda tree: bool({*indexed(tree.left), *indexed(tree.right)} - {"link", "radio"})),
)
_OSI = _either(_words(*OSI_PROTOCOL, *ISIS_GROUPS), _of_protocol("iso", "isis"))
_BEHIND_LINK = _either(_BEHIND_IP, _OSI)
_WIRELESS = _on("IEEE802_11", "PRISM_HEADER", "PPI")


DEFECTS: tuple[Defect, ...] = (
    Defect(ALL, "forgets that there must be a header for the right operand to read", _any_part(_forgets_guard)),
    Defect(ALL, "refuses this: it takes a constant in the right operand for its value", _any_part(_refused)),
    Defect(OLD, "optimizes this wrongly: a mask of all bits", _any_part(_full_mask)),
    Defect(OLD, "may optimize this wrongly: a mask without bits", _any_part(_empty_mask)),
    Defect(ALL, "forgets that a division by zero rejects the packet", _any_part(_zero_divided)),
    Defect(ALL, "reads in front of a header only when it optimizes", _any_part(_before_header)),
    Defect(OLD, "takes 240.0.0.0/4 for multicast, too", _multicast),
    Defect(
        OLD,
        "compares instead of testing bits",
        lambda each: isinstance(each.primitive, Byte) and each.primitive.operator in ("&", "|"),
    ),
    Defect(ALL, "makes a loop of this, which no kernel takes, and gets lost behind AH", _type("protochain")),
    Defect(f"{OLD} does not know 'vxlan', and", "later versions may optimize it wrongly", _words("vxlan")),
    Defect(ALL, "reads at offsets never computed where a packet is in no tunnel", _words("geneve")),
    Defect(
        ALL,
        "reads the LLC header of SNAP frames",
        _relation(lambda tree: "atalk" in {*indexed(tree.left), *indexed(tree.right)}),
    ),
    Defect(ALL, "never matches control frames with this", _directed("ra", "ta")),
    Defect(ALL, "looks for the IP version in the pseudo header", _both(_on("SLIP"), _IN_IP)),
    Defect(ALL, "counts from the frame's start, not from the IP header", _both(_on("FRELAY"), _BEHIND_LINK)),
    Defect(ALL, "looks for OSI protocols in the wrong place", _both(_on("LINUX_SLL"), _OSI)),
    Defect(
        ALL,
        "compares the protocol field with an 802.2 SAP",
        _both(_on("LINUX_SLL2"), _either(_words(*SAP, "atalk", "aarp"), _small_link_protocol)),
    ),
    Defect(ALL, "looks for OSI protocols in the wrong place", _both(_on("JUNIPER"), _OSI)),
    Defect(ALL, "finds only what comes from another zone", _both(_on("IPNET"), _words("inbound"))),
    Defect(OLD, "knows the protocol in one byte order only", _both(_on("NULL", "ENC"), _IN_IP)),
    Defect(OLD, "takes protocols of an older standard for this one", _both(_on("ARCNET"), _words("ip", "arp"))),
    Defect(
        ALL,
        "compares bytes in the wrong order",
        lambda each: (
            isinstance(each.primitive, Field)
            and each.primitive.word in ("opc", "dpc", "hopc", "hdpc")
            and any(operator != "=" for operator, _ in each.primitive.alternatives)
        ),
    ),
    Defect(ALL, "forgets where the header in front ended", _both(_WIRELESS, _words("pppoes"))),
    Defect(
        ALL,
        "may overwrite where another test finds the 802.11 frame",
        _both(_on("IEEE802_11_RADIO"), _any_part(lambda part: isinstance(part, Index) and part.protocol == "radio")),
    ),
)


# What several primitives have together.


def _zeros_twice(context: Context) -> Iterator[Finding]:
    """The same test that masked bits are zero, twice: the optimizer takes the second one for its opposite."""
    seen: set[Test] = set()
    subject = context.subject
    for reading in subject.readings:
        if isinstance(reading.primitive, Relation):
            continue
        meaning = cases(Scope(reading.layer, subject.names, subject.netmask), reading.primitive)[-1].meaning
        tests = set(_bit_tests(meaning) if isinstance(reading.primitive, Byte) else _zero_tests(meaning))
        if tests & seen:
            said = "optimizes this wrongly: it takes the second of two equal tests of bits for its opposite"
            yield _finding(ALL, said, reading.primitive)
            return
        seen |= tests


def _zero_tests(predicate: Predicate) -> Iterator[Test]:
    match predicate:
        case Test("=", Computed("&"), Const(0)):
            yield predicate
        case All(parts) | Any(parts):
            for part in parts:
                yield from _zero_tests(part)
        case Negation(part):
            yield from _zero_tests(part)


def _bit_tests(predicate: Predicate) -> Iterator[Test]:
    if isinstance(predicate, Test) and predicate.operator == "&":
        yield predicate


_PROTOCOL = _either(_words("ip", "ip6", "arp"), _IN_IP)
_GROUP = _both(_words("multicast"), lambda each: each.primitive.protocol in (None, "link"))  # type: ignore[union-attr]
_SIZE = _either(
    _words("less", "greater"),
    _relation(lambda tree: isinstance(tree.left, Length) or isinstance(tree.right, Length)),
)
_FEWEST = 4  # primitives: expressions of fewer have not been seen to go wrong


def _retested(context: Context) -> Iterator[Finding]:
    """A protocol is asked for again, behind a test of the frame: the optimizer may lose it."""
    readings = context.subject.readings
    alternatives = any(isinstance(clause.node, Or) for clause in context.clauses)
    if len(readings) < _FEWEST or not any(map(_PROTOCOL, readings)):
        return
    frame_tests = [number for number, each in enumerate(readings) if _GROUP(each)]
    lengths = [number for number, each in enumerate(readings) if _SIZE(each)]
    suspicious = len(frame_tests) > 1 or len(lengths) > 1
    for number in frame_tests:
        before, after = readings[:number], readings[number + 1 :]
        if sum(map(_PROTOCOL, before)) and any(map(_words("ip", "ip6", "arp"), after)):
            suspicious = True
    if suspicious and alternatives:
        said = "may lose a condition of this when it optimizes: the protocol is tested before and behind the frame"
        yield _finding(ALL, said, readings[(frame_tests or lengths)[-1]].primitive)


def _constants(context: Context) -> Iterator[Finding]:
    """Comparisons of constants, more than one."""
    found = [
        each.primitive
        for each in context.subject.readings
        if isinstance(each.primitive, Relation)
        and constant(each.primitive.left) is not None
        and constant(each.primitive.right) is not None
    ]
    if len(found) > 1 and any(isinstance(side, Binary) for tree in found for side in (tree.left, tree.right)):
        yield _finding(ALL, "may take the second of two constant comparisons for its opposite", found[1])


def _lengths(context: Context) -> Iterator[Finding]:
    """Lengths compared with numbers from 2**31 - 1 on."""
    for reading in context.subject.readings:
        match reading.primitive:
            case Relation(_, _, Length(), right) if (constant(right) or 0) >= (1 << 31) - 1:
                yield _finding(OLD, "may optimize this wrongly: the number is very large", reading.primitive)
                return


def _values_twice(context: Context) -> Iterator[Finding]:
    """Two values from the packet are compared, and a port is asked for."""
    readings = context.subject.readings
    if not any(map(_type("port", "portrange"), readings)):
        return
    for reading in readings:
        tree = reading.primitive
        if (
            isinstance(tree, Relation)
            and indexed(tree.left)
            and (indexed(tree.right) or isinstance(tree.right, Length))
        ):
            yield _finding(OLD, "may optimize this wrongly: it mixes up the values compared", tree)
            return

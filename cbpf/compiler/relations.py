"""Relations over packet data: `ip[0] & 0xf != 5`, `len > 100`, `byte 3 = 7`."""

from __future__ import annotations

from cbpf.compiler.families import SNAP, ways_to_carry
from cbpf.compiler.graph import Test
from cbpf.compiler.internet import PROTOCOL, first_fragment, ipv4_payload, ipv4_protocol, ipv6_next_header, ipv6_payload
from cbpf.compiler.layers import ETHERTYPE
from cbpf.compiler.predicates import TRUE, Bind, Predicate, all_of, any_bit, any_of, equal, negation
from cbpf.compiler.scope import Scope, needs, within
from cbpf.compiler.values import FARTHEST, Address, Binary, Const, Length, Negate, Value, Variable, calculate
from cbpf.errors import FilterError, Reason
from cbpf.language import syntax

Checked = tuple[Predicate, Value]  # what must hold for a value to make sense, and the value

_NETWORK = frozenset({"ip", "ip6", "arp", "rarp", "atalk", "decnet", "lat", "sca", "moprc", "mopdl"})
_TRANSPORT = frozenset({"tcp", "udp", "sctp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp"})


def relation(scope: Scope, tree: syntax.Relation) -> Predicate:
    """The checks of both sides must hold, those of the right side first; then the comparison."""
    left_checks, left = _value(scope, tree.left)
    right_checks, right = _value(scope, tree.right)
    return all_of(right_checks, left_checks, compare(tree.operator, left, right))


def compare(operator: str, left: Value, right: Value) -> Predicate:
    """An unsigned comparison, in terms of the three that the machine has."""
    match operator:
        case "=" | ">" | ">=":
            return Test(operator, left, right)
        case "!=":
            return negation(Test("=", left, right))
        case "<":
            return negation(Test(">=", left, right))
        case "<=":
            return negation(Test(">", left, right))
    raise AssertionError(operator)


def byte(scope: Scope, tree: syntax.Byte) -> Predicate:
    """`byte`: one byte of the link-layer header or what follows it, compared, or with bits in common."""
    within(tree.value, 0xFF, "the value of a byte")
    value = _link_header(scope).byte(tree.position)
    if tree.operator == "&":
        return any_bit(value, tree.value)
    if tree.operator == "|":
        return negation(equal(Binary("|", value, Const(tree.value)), 0))
    return compare(tree.operator, value, Const(tree.value))


def length(word: str, number: int) -> Predicate:
    """`less` and `greater`, both of which include the number itself."""
    return compare("<=" if word == "less" else ">=", Length(), Const(number))


def _value(scope: Scope, tree: syntax.Arithmetic) -> Checked:
    match tree:
        case syntax.Number():
            return TRUE, Const(tree.value)
        case syntax.Length():
            return TRUE, Length()
        case syntax.Negate():
            checks, value = _value(scope, tree.operand)
            return checks, Const(calculate("-", 0, value.number)) if isinstance(value, Const) else Negate(value)
        case syntax.Binary():
            left_checks, left = _value(scope, tree.left)
            right_checks, right = _value(scope, tree.right)
            return all_of(left_checks, right_checks), _combine(tree, left, right)
        case syntax.Index():
            checks, offset = _value(scope, tree.offset)
            own_checks, place = _indexed(scope, tree)
            return all_of(checks, own_checks), place.plus_value(offset).load(0, tree.size)


def _combine(tree: syntax.Binary, left: Value, right: Value) -> Value:
    """The result, computed at once if both operands are constants."""
    operator = tree.operator
    if isinstance(right, Const) and operator in "/%" and right.number == 0:
        raise FilterError("division by zero" if operator == "/" else "modulus by zero", tree.right.span)
    if isinstance(right, Const) and operator in ("<<", ">>") and right.number > 31:
        raise FilterError("a shift by more than 31 leaves nothing of 32 bits", tree.right.span)
    if isinstance(left, Const) and isinstance(right, Const):
        return Const(calculate(operator, left.number, right.number))
    return Binary(operator, left, right)


def _encapsulated(scope: Scope, protocol: str) -> tuple[Predicate, Address]:
    """A network protocol, and where its header is: that depends on the packet if there are several encapsulations."""
    ways = ways_to_carry(scope.layer, ETHERTYPE[protocol])
    if len(ways) == 1:
        return ways[0]
    start = Variable(f"{protocol} header at {scope.place}", limit=FARTHEST + SNAP)
    return any_of(*(all_of(carried, Bind(start, place.value())) for carried, place in ways)), Address(start)


def _link_header(scope: Scope) -> Address:
    if scope.layer.headless:
        raise FilterError(
            f"in Linux a packet has no {scope.layer.name} header: it is made for savefiles, after filters have run",
            reason=Reason.NOT_ON_THIS_LINKTYPE,
        )
    return scope.layer.header


def _indexed(scope: Scope, tree: syntax.Index) -> tuple[Predicate, Address]:
    """What `protocol[...]` implies, and where its byte 0 is."""
    layer, protocol = scope.layer, tree.protocol
    if protocol == "link":
        return TRUE, _link_header(scope)
    if protocol in _NETWORK:
        return _encapsulated(scope, protocol)
    if protocol in _TRANSPORT:
        checks = (layer.is_ip, ipv4_protocol(layer, PROTOCOL[protocol]), first_fragment(layer))
        return all_of(*checks), ipv4_payload(layer)
    if protocol == "icmp6":
        return all_of(layer.is_ip6, ipv6_next_header(layer, PROTOCOL["icmp6"])), ipv6_payload(layer)
    if protocol == "radio":
        needs(scope, "radio", "a radio header")
        return TRUE, Address()
    raise FilterError(f"the bytes of '{protocol}' cannot be indexed", tree.span, reason=Reason.BAD_INDEX)

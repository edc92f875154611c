"""Kinds of frames: `llc`, and 802.11's `type`, `subtype` and `dir`."""

from __future__ import annotations

from cbpf.compiler.families import novell
from cbpf.compiler.predicates import Predicate, all_of, masked, negation
from cbpf.compiler.scope import Scope, named, needs
from cbpf.compiler.wlan import CONTROL, DATA, DS, MANAGEMENT, SUBTYPE, TYPE
from cbpf.errors import FilterError, Reason
from cbpf.language.syntax import WlanType
from cbpf.language.tokens import Kind, Token
from cbpf.language.vocabulary import LLC_KINDS


def llc(scope: Scope, kind: Token | None) -> Predicate:
    """A frame with an 802.2 header, whose control byte is of this kind."""
    needs(scope, "llc", "'llc'")
    layer = scope.layer
    # Where there are EtherTypes too, a length instead of one; but not Novell's IPX, which has a length and no 802.2.
    framed = layer.guard if layer.mixed is None else all_of(layer.mixed(layer), negation(novell(layer)))
    if kind is None:
        return framed
    mask, value = named(kind, LLC_KINDS, "no kind of 802.2 frame")
    return all_of(framed, masked(layer.payload.byte(2), mask, value))


# IEEE 802.11, 9.2.4.1: types, subtypes and directions, as they lie in the bytes of the frame control field.

_TYPES = {
    "mgt": MANAGEMENT,
    "management": MANAGEMENT,
    "ctl": CONTROL,
    "control": CONTROL,
    "data": DATA,
}
_SUBTYPES = {
    MANAGEMENT: {
        "assoc-req": 0x00,
        "assocreq": 0x00,
        "assoc-resp": 0x10,
        "assocresp": 0x10,
        "reassoc-req": 0x20,
        "reassocreq": 0x20,
        "reassoc-resp": 0x30,
        "reassocresp": 0x30,
        "probe-req": 0x40,
        "probereq": 0x40,
        "probe-resp": 0x50,
        "proberesp": 0x50,
        "beacon": 0x80,
        "atim": 0x90,
        "disassoc": 0xA0,
        "disassociation": 0xA0,
        "auth": 0xB0,
        "authentication": 0xB0,
        "deauth": 0xC0,
        "deauthentication": 0xC0,
    },
    CONTROL: {
        "bar": 0x80,
        "ba": 0x90,
        "ps-poll": 0xA0,
        "rts": 0xB0,
        "cts": 0xC0,
        "ack": 0xD0,
        "cf-end": 0xE0,
        "cf-end-ack": 0xF0,
    },
    DATA: {
        "data": 0x00,
        "data-cf-ack": 0x10,
        "data-cf-poll": 0x20,
        "data-cf-ack-poll": 0x30,
        "null": 0x40,
        "cf-ack": 0x50,
        "cf-poll": 0x60,
        "cf-ack-poll": 0x70,
        "qos-data": 0x80,
        "qos-data-cf-ack": 0x90,
        "qos-data-cf-poll": 0xA0,
        "qos-data-cf-ack-poll": 0xB0,
        "qos": 0xC0,
        "qos-cf-poll": 0xE0,
        "qos-cf-ack-poll": 0xF0,
    },
}
_TYPED_SUBTYPES = {name: kind | subtype for kind, names in _SUBTYPES.items() for name, subtype in names.items()}
_DIRECTIONS = {"nods": 0, "tods": 1, "fromds": 2, "dstods": 3}


def frame_type(scope: Scope, tree: WlanType) -> Predicate:
    """`type T`, `type T subtype S`, or `subtype S`, whose name implies the type."""
    needs(scope, "wlan", "an 802.11 frame type")
    control = scope.layer.header.byte()
    if tree.type is None:
        assert tree.subtype is not None
        return masked(control, TYPE | SUBTYPE, named(tree.subtype, _TYPED_SUBTYPES, "no subtype of 802.11 frames"))
    kind = _number(tree.type, _TYPES, TYPE, "type")
    if tree.subtype is None:
        return masked(control, TYPE, kind)
    subtype = _number(tree.subtype, _SUBTYPES.get(kind, {}), SUBTYPE, "subtype")
    return masked(control, TYPE | SUBTYPE, kind | subtype)


def frame_direction(scope: Scope, direction: Token) -> Predicate:
    """`dir`: from where to where the frame goes, by its two bits about the distribution system."""
    needs(scope, "wlan", "an 802.11 direction")
    return masked(scope.layer.header.byte(1), DS, _number(direction, _DIRECTIONS, DS, "direction"))


def _number(token: Token, names: dict[str, int], bits: int, what: str) -> int:
    """A name's number, or a number that has only these bits."""
    if token.kind is Kind.NAME:
        return named(token, names, f"no {what} of 802.11 frames")
    if token.value & ~bits:
        raise FilterError(
            f"an 802.11 {what} has only bits of {bits:#04x}, not {token.text}", token.span, reason=Reason.OUT_OF_RANGE
        )
    return token.value

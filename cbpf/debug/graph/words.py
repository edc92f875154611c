"""Tests and values in words: the bytes that they are about by the names of their fields, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from cbpf.compiler.graph import Test
from cbpf.compiler.optimize.fold import fold_value
from cbpf.compiler.values import ANCILLARY, ANCILLARY_END, Binary, Const, Length, Load, Members, Negate, Value, Variable
from cbpf.debug.fields import Header, Named, bytes_text, field, named
from cbpf.debug.graph.known import Alternative, Around, Known
from cbpf.debug.graph.places import Map, placed
from cbpf.debug.tables import TABLES, TRANSPORTS
from cbpf.debug.wording import listed, number, worded

LONGEST: Final = 160  # characters of a label
_MOST_LISTED: Final = 8  # members of a set
_MOST_NAMES: Final = 3  # fields that one load may be of
_TCP_FLAGS: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")  # RFC 9293, the lowest bit first
_LITTLE: Final = 10  # numbers below are the same in any base

# Linux's ancillary data (linux/filter.h, SKF_AD_OFF), by its distance from there.
_ANCILLARY: Final = {
    0: "protocol of the frame",
    4: "packet type",
    8: "interface index",
    12: "netlink attribute",
    16: "nested netlink attribute",
    20: "mark",
    24: "queue",
    28: "hardware type",
    32: "receive hash",
    36: "CPU",
    44: "VLAN tag beside the frame",
    48: "a VLAN tag is beside the frame",
    52: "payload offset",
    56: "random number",
    60: "EtherType of the VLAN tag beside the frame",
}

# Parts of fields: by the field's name and a mask, what the part is called, how far right it is moved and its kind.
_PARTS: Final = {
    ("fragment offset and flags", 0x1FFF): ("fragment offset", 0, "number"),
    ("fragment offset and flags", 0x2000): ("more fragments flag", 13, "number"),
    ("fragment offset and flags", 0x4000): ("don't fragment flag", 14, "number"),
    ("version and header length", 0xF0): ("version", 4, "number"),
    ("version and header length", 0x0F): ("header length in words", 0, "number"),
    ("version, traffic class and flow label", 0xF0000000): ("version", 28, "number"),
    ("tag", 0x0FFF): ("identifier", 0, "number"),
    ("tag", 0xE000): ("priority", 13, "number"),
    ("label", 0xFFFFF000): ("label", 12, "number"),
    ("label", 0x100): ("bottom of stack flag", 8, "number"),
    ("type and subtype", 0x0C): ("type", 2, "wlan type"),
    ("type and subtype", 0xF0): ("subtype", 4, "number"),
    ("type and subtype", 0xFC): ("type and subtype", 0, "hex"),
    ("version and options length", 0xC0): ("version", 6, "number"),
    ("version and options length", 0x3F): ("options length in words", 0, "number"),
    ("data offset", 0xF0): ("header length in words", 4, "number"),
}
_WLAN_TYPES: Final = ("management", "control", "data", "extension")  # IEEE 802.11, 9.2.4.1


class Subject(NamedTuple):
    """What a test is about: its name, how its numbers are written, and how far right they are moved first.

    ``size`` is in bytes; ``kind`` is one of ``cbpf.debug.wording``, empty where nothing is known.
    """

    name: str
    kind: str = ""
    size: int = 4
    shift: int = 0


class Speaker:
    """Says what tests and values are about for packets that are as ``known``."""

    def __init__(self, map: Map) -> None:
        self._map = map

    def test(self, test: Test, around: Around) -> str:
        """A test in words. What it is about is said by what is known if it holds, or, if that is of no use, if not."""
        if isinstance(test.left, Const):  # as it is written, before it is folded
            return f"{self.value(test.left, around.before)} {_SIGNS[test.operator]} {self._right(test, around)}"
        meant = next((known for known in (around.yes, around.no, around.before) if known), around.before)
        text = self._test(test, meant)
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."

    def value(self, value: Value, known: Known) -> str:
        """A value in words."""
        match value:
            case Const(amount):
                return number(amount)
            case Negate(operand):
                return f"-({self.value(operand, known)})"
            case Binary("<<", Binary("&", Load() as load, Const(0x0F)), Const(2)) if self._is_ipv4(load, known):
                return "IPv4 header length"
            case Binary("&" | "|" | "^" as operator, left, Const(mask)):
                return f"{self._operand(left, known)} {operator} {mask:#x}"
            case Binary(operator, left, right):
                left_text = self._operand(left, known)
                right_text = str(right.number) if isinstance(right, Const) else self._operand(right, known)
                return f"{left_text} {operator} {right_text}"
        return self.subject(value, known).name

    def subject(self, value: Value, known: Known) -> Subject:
        match value:
            case Length():
                return Subject("packet length", "number")
            case Variable(name, _):
                return Subject(name, "number")
            case Load():
                return self._load(value, known)
            case Binary("&", Load() as load, Const(mask)):
                return self._masked(load, mask, known)
        return Subject(self.value(value, known))

    def _right(self, test: Test, around: Around) -> str:
        return "" if isinstance(test.right, Members) else self.value(test.right, around.before)

    def _test(self, test: Test, known: Known) -> str:
        left, right = test.left, test.right
        if test.operator == "&" and isinstance(right, Const):
            return self._bits(left, right.number, known)
        if isinstance(right, Members):
            subject = self.subject(left, known)
            shown = [_range(subject, *each) for each in right.ranges[:_MOST_LISTED]]
            more = len(right.ranges) - len(shown)
            return f"{subject.name} is one of {', '.join(shown)}{f' and {more} more' if more else ''}"
        if not isinstance(right, Const):
            if test.operator == "&":
                return f"{self._operand(left, known)} & {self._operand(right, known)} != 0"
            return f"{self.value(left, known)} {_SIGNS[test.operator]} {self.value(right, known)}"
        network = self._network(left, right.number, known) if test.operator == "=" else None
        if network is not None:
            return network
        subject = self.subject(left, known)
        text = self._protocol(test, known) or amount(subject, right.number)
        return f"{subject.name} {_SIGNS[test.operator]} {text}"

    def _network(self, left: Value, address: int, known: Known) -> str | None:
        """An IPv4 address under a mask as a network."""
        match left:
            case Binary("&", Load(_, _, 4) as load, Const(mask)):
                subject = self.subject(load, known)
                length = 32 - ((~mask & 0xFFFFFFFF) + 1).bit_length() + 1
                if subject.kind == "ipv4" and mask == (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF:
                    return f"{subject.name} in {worded('ipv4', address.to_bytes(4))}/{length}"
        return None

    def _bits(self, left: Value, mask: int, known: Known) -> str:
        """A test for a bit in common."""
        if not isinstance(left, Load):
            return f"{self._operand(left, known)} & {mask:#x} != 0"
        part = self._part(left, mask, known)
        if part is not None:
            return f"{part.name} is set" if part.name.endswith(" flag") else f"{part.name} != 0"
        return f"{self._masked(left, mask, known).name} != 0"

    def _masked(self, load: Load, mask: int, known: Known) -> Subject:
        """A load of which only some bits count: a part of a field that has a name, or else the field and the mask."""
        part = self._part(load, mask, known)
        if part is not None:
            return part
        subject = self._load(load, known)
        kind = "flags" if subject.kind == "flags" else "hex"
        text = amount(subject, mask) if kind == "flags" else f"{mask:#x}"
        return subject._replace(name=f"{subject.name} & {text}", kind=kind)

    def _part(self, load: Load, mask: int, known: Known) -> Subject | None:
        """The part of a field, or the field of several, that a mask selects, if that has a name."""
        fields = self._fields(load, known)
        parts = {_part_of(load, found, mask) for found in fields}
        part = parts.pop() if len(parts) == 1 else None
        if part is not None:
            name, shift, kind = part
            prefixes = dict.fromkeys(_prefix(found[0].header) for found in fields)
            return Subject(f"{_slashed(prefixes)} {name}".strip(), kind, load.size, shift)
        selected = _selected(load, fields[0], mask) if len(fields) == 1 else None
        if selected is None:
            return None
        shift = 8 * (load.size - selected.offset - selected.size)
        return Subject(selected.full_name, selected.kind, selected.size, shift)

    def _operand(self, value: Value, known: Known) -> str:
        text = self.value(value, known)
        compound = isinstance(value, Binary) and text != "IPv4 header length"
        return f"({text})" if compound else text

    def _is_ipv4(self, load: Load, known: Known) -> bool:
        return any(found[0].name == "version and header length" for found in self._fields(load, known) if found)

    def _protocol(self, test: Test, known: Known) -> str | None:
        """The name of a number in a field that tells what protocol follows, as that field has it."""
        subject = self.subject(test.left, known)
        if test.operator != "=" or subject.kind != "naming" or not isinstance(test.right, Const):
            return None
        plain = Test("=", fold_value(test.left), test.right)
        for one in known:
            name = self._map.places(one.facts).protocols.get(plain)
            if name is not None:
                return f"{name} ({test.right.number:#x})"
        return None

    # Loads.

    def _load(self, load: Load, known: Known) -> Subject:
        base, offset = load.base, load.offset
        if base is None and ANCILLARY <= offset < ANCILLARY_END:
            return Subject(f"Linux's {_ANCILLARY.get(offset - ANCILLARY, 'ancillary data')}", "number", load.size)
        fields = self._fields(load, known)
        if fields:
            whole = all(_is_whole(load, found) for found in fields)
            kinds = {found[0].kind for found in fields}
            kind = kinds.pop() if len(kinds) == 1 and whole else "hex"
            return Subject(self._joined(load, known), kind, load.size)
        names = dict.fromkeys(text for one in known for text in self._unnamed(load, one))
        if names:
            return Subject(_or(list(names)), "", load.size)
        if base is None:
            return Subject(bytes_text(offset, offset + load.size), "", load.size)
        if isinstance(base, Variable):
            return Subject(f"{bytes_text(offset, offset + load.size)} from {base.name}", "", load.size)
        last = f"-{offset + load.size - 1}" if load.size > 1 else ""
        plural = "bytes" if load.size > 1 else "byte"
        return Subject(f"{plural} at ({self.value(base, known)}) + {offset}{last}", "", load.size)

    def _headers(self, load: Load, known: Known) -> list[tuple[int, tuple[Header, ...]]]:
        """The headers that there are around a load in each alternative, and where in them the load is."""
        found = []
        for one in known:
            places = self._map.places(one.facts).found
            for base, offset in placed(load.base, load.offset, one.bound):
                headers = tuple(place.header for place in places if place.base == base)
                if any(header.start <= offset and offset + load.size <= header.end for header in headers):
                    found.append((offset, headers))
                    break
        return found

    def _fields(self, load: Load, known: Known) -> list[tuple[Named, ...]]:
        """The fields a load is of; several if it may be one or another."""
        found: dict[tuple[str, ...], tuple[Named, ...]] = {}
        for offset, headers in self._headers(load, known):
            for header in _innermost(headers, offset, load.size):
                fields = named(offset, load.size, (header,))
                if fields:  # their place counts, and differs from one alternative to the other
                    moved = tuple(each._replace(offset=each.offset - offset) for each in fields)
                    found.setdefault(tuple(each.full_name for each in fields), moved)
        return list(found.values())

    def _joined(self, load: Load, known: Known) -> str:
        names: dict[str, dict[str, None]] = {}
        for offset, headers in self._headers(load, known):
            for header in _innermost(headers, offset, load.size):
                if named(offset, load.size, (header,)):
                    text = field(offset, load.size, (header,))
                    prefix = _prefix(header.name)
                    rest = text.removeprefix(prefix).strip()
                    names.setdefault(rest, {})[prefix] = None
        return _or([f"{_slashed(prefixes)} {rest}".strip() for rest, prefixes in names.items()])

    def _unnamed(self, load: Load, one: Alternative) -> list[str]:
        """What is not a field, by its place in the header that it is in."""
        found = []
        for offset, headers in self._headers(load, (one,)):
            around = [header for header in headers if header.start <= offset and offset + load.size <= header.end]
            found += [field(offset, load.size, (header,)) for header in around[-1:]]
        return found


_SIGNS: Final = {"=": "=", ">": ">", ">=": ">=", "&": "has a bit in common with"}


def amount(subject: Subject, value: int) -> str:
    """A number as the subject's numbers are written."""
    if value & ((1 << subject.shift) - 1) or (value >> 8 * subject.size and not subject.shift):
        return number(value)
    value >>= subject.shift
    match subject.kind:
        case "":
            return number(value)
        case "number" | "port":
            return str(value)
        case "flags":
            return " | ".join(name for bit, name in enumerate(_TCP_FLAGS) if value >> bit & 1) or "0"
        case "hex" | "naming" | "wlan" | "fragment" | "tag" | "label" | "version" | "little":
            return str(value) if value < _LITTLE else f"{value:#x}"
        case "wlan type":
            return _WLAN_TYPES[value] if value < len(_WLAN_TYPES) else str(value)
    text = worded(subject.kind, value.to_bytes(subject.size))
    hexadecimal = subject.kind == "ethertype" and not text.startswith("0x") and not text.isdigit()
    return f"{text} ({value:#x})" if hexadecimal else text


def _range(subject: Subject, low: int, high: int) -> str:
    return amount(subject, low) if low == high else f"{amount(subject, low)}-{amount(subject, high)}"


def _prefix(header: str) -> str:
    table = TABLES.get(header)
    return header if table is None else table.prefix


def _slashed(prefixes: Iterable[str]) -> str:
    """Several headers' names as one, those of transports in the order of their protocols' numbers."""
    order = tuple(TRANSPORTS.values())
    return "/".join(sorted(prefixes, key=lambda name: order.index(name) if name in order else -1))


def _or(names: list[str]) -> str:
    return listed(names[:_MOST_NAMES])


def _innermost(headers: tuple[Header, ...], offset: int, size: int) -> list[Header]:
    """The headers that bytes are in: the innermost, and those that may be in its place."""
    around = [header for header in headers if header.start <= offset and offset + size <= header.end]
    return [header for header in around if header.start == max(each.start for each in around)]


def _is_whole(load: Load, found: tuple[Named, ...]) -> bool:
    """Whether a load is all of one field; places of fields are counted from the load's."""
    return len(found) == 1 and (found[0].offset, found[0].size) == (0, load.size)


def _part_of(load: Load, found: tuple[Named, ...], mask: int) -> tuple[str, int, str] | None:
    """What ``_PARTS`` has for the bits of a load that a mask lets through; how far right counts from the load's end."""
    behind = 8 * (found[0].offset + found[0].size - load.size)  # bits of the field
    part = _PARTS.get((found[0].name, mask << behind)) if len(found) == 1 and behind >= 0 else None
    return None if part is None or part[1] < behind else (part[0], part[1] - behind, part[2])


def _selected(load: Load, found: tuple[Named, ...], mask: int) -> Named | None:
    """The field that a mask selects of several."""
    for each in found if len(found) > 1 else ():
        last = each.offset + each.size
        if each.offset >= 0 and last <= load.size and mask == ((1 << 8 * each.size) - 1) << 8 * (load.size - last):
            return each
    return None

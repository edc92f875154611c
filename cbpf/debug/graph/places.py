"""Where headers are, by what is known of a packet and not by the packet itself.

The static counterpart of ``cbpf.debug.fields``: the same descriptions of link types and encapsulations, with what is
known along a path through a graph in place of bytes. A place is a number of bytes from the packet's start, or from a
value that is computed there, such as the length of an IPv4 header.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from cbpf.compiler import families
from cbpf.compiler.encapsulation import MOVES
from cbpf.compiler.graph import Test
from cbpf.compiler.internet import IPV6_FRAGMENT, ipv4_payload, ipv6_payload
from cbpf.compiler.layers import ETHERTYPE, Layer
from cbpf.compiler.links import ETHERNET, ppp
from cbpf.compiler.optimize.fold import fold_value
from cbpf.compiler.predicates import All, Any, Bind, Constant, Negation, Predicate
from cbpf.compiler.scope import Scope
from cbpf.compiler.values import Address, Binary, Const, Value, Variable
from cbpf.debug.fields import LINKS, NETWORKS, SYSTEM_NAMES, TAGS, Header, protocol_size, protocol_tests
from cbpf.debug.graph.known import Facts, answer, normal
from cbpf.debug.tables import EXTENSIONS, TABLES, TRANSPORTS
from cbpf.errors import FilterError
from cbpf.linktypes import linktype_name

_DEEPEST: Final = 8  # tags and labels
_ANY_TRANSPORT: Final = "transport header"
_SNAP: Final = 0xAAAA  # both SAPs of IEEE 802.2
_TUNNELS: Final = {"VXLAN": "vxlan", "Geneve": "geneve"}


class Place(NamedTuple):
    """A header; its ``start`` and ``end`` are counted from ``base``, None for the packet's start."""

    base: Value | None
    header: Header


class Places(NamedTuple):
    """All headers that there may be, inner ones last, and the names that fields which say what follows give that."""

    found: tuple[Place, ...]
    protocols: dict[Test, str]


class Map:
    """Finds the headers of packets of a link type; remembers where by what was known that mattered.

    ``variables`` are those of the graph: tunnels are found by the names of theirs.
    """

    def __init__(self, layer: Layer, linktype: int, variables: Iterable[Variable]) -> None:
        self._layer = layer
        self._linktype = linktype
        self._variables = tuple(variables)
        self._known: list[tuple[dict[Value | Test, frozenset[int] | None], Places]] = []

    def places(self, facts: Facts) -> Places:
        for asked, found in self._known:
            if all(facts.get(key) == numbers for key, numbers in asked.items()):
                return found
        walk = _Walk(facts)
        walk.link(self._layer, linktype_name(self._linktype))
        walk.inside(self._layer)
        for variable in self._variables:
            walk.tunnel(variable)
        found = Places(tuple(walk.found), walk.protocols)
        self._known.append((walk.asked, found))
        return found


class _Walk:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.asked: dict[Value | Test, frozenset[int] | None] = {}
        self.found: list[Place] = []
        self.protocols: dict[Test, str] = {}

    # What is known.

    def numbers(self, value: Value) -> frozenset[int] | None:
        value = fold_value(value)
        self.asked[value] = self.facts.get(value)
        return self.asked[value]

    def test(self, test: Test) -> bool | None:
        key, _, _ = normal(test)
        for asked in (key, key.left) if isinstance(key, Test) else (key,):
            self.asked[asked] = self.facts.get(asked)
        return answer(self.facts, test)

    def judge(self, predicate: Predicate) -> bool | None:
        match predicate:
            case Constant(truth):
                return truth
            case Test():
                return self.test(predicate)
            case Bind():
                return True
            case Negation(part):
                return None if (judged := self.judge(part)) is None else not judged
            case All(parts):
                return _all([self.judge(part) for part in parts])
            case Any(parts):
                judged = _all([None if (each := self.judge(part)) is None else not each for part in parts])
                if judged is None:
                    return True if self._one_of(parts) else None
                return not judged

    def _one_of(self, parts: tuple[Predicate, ...]) -> bool:
        """Whether a value is one of the numbers that alternatives ask for, though not known which."""
        asked: dict[Value | Test, frozenset[int]] = {}
        for part in parts:
            key, numbers, holds = normal(part) if isinstance(part, Test) else (None, None, False)
            if key is not None and numbers is not None and holds:
                asked[key] = asked.get(key, frozenset()) | numbers
        return any(possible <= asked[key] for key in asked if (possible := self.facts.get(key)) is not None)

    def holds(self, predicate: Predicate) -> bool:
        return self.judge(predicate) is True

    # Headers.

    def add(self, name: str, address: Address, size: int | None = None) -> None:
        base, offset = placed(address.base, address.offset, {})[0]
        self.found.append(Place(base, Header(name, offset, offset + (TABLES[name].size if size is None else size))))

    def link(self, layer: Layer, name: str) -> None:
        if layer.headless:
            return
        if layer.header.base is not None and name != "PFLOG":
            radio = "radiotap" if name == "IEEE802_11_RADIO" else "radio header"
            self.add(radio, Address(), None if radio in TABLES else 0)
        if name in LINKS:
            self.add(LINKS[name], layer.protocol.plus(-2) if LINKS[name] == "PPP address" else layer.header)
        elif (size := protocol_size(layer)) is not None:
            self.add(f"link-layer protocol {size}", layer.protocol)

    def inside(self, layer: Layer) -> None:
        """What the payload of a layer has."""
        if layer.recognise is families.juniper:
            return
        for turn in range(_DEEPEST):
            self.protocols.update(protocol_tests(layer))
            following = self._encapsulation(layer, turn)
            if following is None:
                break
            layer = following
        self._llc(layer)
        for word, name in NETWORKS.items():
            with suppress(FilterError):
                if self.holds(layer.carries(ETHERTYPE[word])):
                    self.add(name, layer.net)
                    self._transport(name, layer)
                    return

    def _encapsulation(self, layer: Layer, turn: int) -> Layer | None:
        for word, (name, size) in TAGS.items():
            if (word == "vlan" and not layer.has("vlan")) or (word == "mpls" and not (layer.mpls or layer.labels)):
                continue
            with suppress(FilterError):
                case = MOVES[word](Scope(layer, SYSTEM_NAMES, place=turn), None)[-1]
                if self.holds(case.meaning):
                    place = layer.payload if word == "vlan" else layer.net
                    self.add(name, place)
                    if word == "pppoes":
                        self.add("PPP", place.plus(size))
                    return case.moved
        return None

    def _llc(self, layer: Layer) -> None:
        only_llc = layer.network == families.SNAP and not layer.labels
        if self.holds(layer.mixed(layer)) if layer.mixed else only_llc:
            self.add("802.2", layer.payload)
            if only_llc or self.numbers(layer.payload.half()) == frozenset((_SNAP,)):
                self.add("SNAP", layer.payload.plus(3))

    def _transport(self, network: str, layer: Layer) -> None:
        if network == "IPv4":
            self._of(self.numbers(layer.net.byte(9)), ipv4_payload(layer))
        elif network == "IPv6":
            place = ipv6_payload(layer)
            numbers = self.numbers(layer.net.byte(6))
            if numbers is not None and numbers <= EXTENSIONS.keys():
                for number in numbers:
                    self.add(EXTENSIONS[number], place)
                if numbers == frozenset((IPV6_FRAGMENT,)):
                    self._of(self.numbers(place.byte()), place.plus(8))
            else:
                self._of(numbers, place)

    def _of(self, protocols: frozenset[int] | None, place: Address) -> None:
        """The headers of these protocols, all at one place."""
        for name in [TRANSPORTS.get(number) for number in sorted(protocols or ())] or [None]:
            if name is None:
                self.add(_ANY_TRANSPORT, place, 60)
            else:
                self.add(name, place)

    def tunnel(self, variable: Variable) -> None:
        """What is in a tunnel that a variable is the place of."""
        for name, word in _TUNNELS.items():
            start, at, number = variable.name.partition(" header at ")
            if start != name or not at or not number.isdigit():
                continue
            self.add(name, Address(variable))
            with suppress(FilterError):
                moved = MOVES[word](Scope(ETHERNET, SYSTEM_NAMES, place=int(number)), None)[0].moved
                if name == "VXLAN":
                    self.add("Ethernet", moved.header)
                else:  # which has a frame inside, or something else that it names itself
                    self.add("link-layer protocol 2", moved.protocol)
                    self.add("Ethernet", moved.header)
                self.inside(moved)


def telling(layer: Layer) -> frozenset[int]:
    """The numbers by which headers are recognised from a layer on."""
    layers = (layer, ETHERNET, ppp(Address()))
    rights = (test.right for each in layers for test in protocol_tests(each))
    numbers = {right.number for right in rights if isinstance(right, Const)}
    return frozenset(numbers | TRANSPORTS.keys() | EXTENSIONS.keys() | {_SNAP})


def _all(judged: list[bool | None]) -> bool | None:
    if False in judged:
        return False
    return None if None in judged else True


def placed(base: Value | None, offset: int, bound: Mapping[Variable, Value]) -> list[tuple[Value | None, int]]:
    """A place in all forms that it has: constants added up, and variables that are ``bound`` replaced one by one."""
    forms: list[tuple[Value | None, int]] = []
    while base is not None:
        base = fold_value(base)
        match base:
            case Const(number):
                base, offset = None, offset + number
            case Binary("+", inner, Const(number)):
                base, offset = inner, offset + number
            case _:
                forms.append((base, offset))
                if not isinstance(base, Variable) or base not in bound:
                    return forms
                base = bound[base]
    return [*forms, (None, offset)]

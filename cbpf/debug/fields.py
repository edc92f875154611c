"""What the bytes of a packet are called: which headers it has, and which of their fields a load is of.

Where headers begin is read from the packet itself, with the descriptions of link types and encapsulations by which
expressions are compiled. So a name says what the bytes are in this packet, whatever the program that reads them takes
them for; and bytes of which nothing is known are just bytes.

    >>> packet = bytes(12) + b"\\x08\\x00" + b"\\x45" + bytes(8) + b"\\x06" + bytes(10) + bytes(20)
    >>> found = headers(1, packet)
    >>> [field(offset, size, found) for offset, size in ((12, 2), (23, 1), (2, 4), (36, 2))]
    ['EtherType', 'IPv4 protocol', 'destination MAC address, bytes 2-5', 'TCP destination port']
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Final, NamedTuple

from cbpf.compiler import families
from cbpf.compiler.encapsulation import MOVES, PPPOE_SESSION, TAG_PROTOCOLS
from cbpf.compiler.graph import Test
from cbpf.compiler.layers import ETHERTYPE, Layer
from cbpf.compiler.links import layer_for
from cbpf.compiler.predicates import All, Any, Predicate
from cbpf.compiler.scope import Scope
from cbpf.compiler.values import Address, Load
from cbpf.debug.evaluate import Evaluator, NotComputed
from cbpf.debug.tables import EXTENSIONS, TABLES, TRANSPORTS, Table
from cbpf.debug.wording import ETHERTYPES
from cbpf.errors import FilterError
from cbpf.language.names import Names
from cbpf.linktypes import linktype_name

# 802.11 control frames, and those subtypes of them with a second address: block ACKs, PS-Poll, RTS, CF-End.
_CONTROL, _ONE_ADDRESS, _TWO_ADDRESSES = 1, 10, 16
_HAVE_TWO: Final = frozenset({8, 9, 10, 11, 14, 15})
_DEEPEST: Final = 32  # headers inside each other; no network nests that many


class Header(NamedTuple):
    """A header of a packet, by its name in ``TABLES`` (or of its own), from byte ``start`` up to byte ``end``."""

    name: str
    start: int
    end: int


class Named(NamedTuple):
    """A field in a packet: its ``header`` and ``name``, the byte it begins at and its bytes, and how it is written."""

    header: str
    name: str
    offset: int
    size: int
    kind: str

    @property
    def full_name(self) -> str:
        table = TABLES.get(self.header)
        return f"{self.header if table is None else table.prefix} {self.name}".strip()


def headers(linktype: int, packet: bytes) -> tuple[Header, ...]:
    """The headers of a packet of this LINKTYPE number, outermost first, as far as they are known and captured.

    What is behind the last one has a header named "... payload" if it is known where it begins.
    """
    walk = _Walk(linktype, packet)
    walk.link(linktype_name(linktype))
    walk.inside()
    return tuple(walk.found)


def field(offset: int, size: int, context: tuple[Header, ...]) -> str:
    """The name of ``size`` bytes at ``offset`` of a packet with these headers; "byte 23" where nothing is known."""
    found = named(offset, size, context)
    end = offset + size
    if not found:
        return _unnamed(offset, end, context)
    whole = found[0].full_name + "".join(f" and {other.name}" for other in found[1:])
    if len(found) == 1 and (offset > found[0].offset or end < found[0].offset + found[0].size):
        return f"{whole}, {bytes_text(offset - found[0].offset, end - found[0].offset)}"
    return whole


@lru_cache(maxsize=1024)
def named(offset: int, size: int, context: tuple[Header, ...]) -> tuple[Named, ...]:
    """The fields that ``size`` bytes at ``offset`` are of, in order; none if some of the bytes are of none."""
    for header in reversed(context):
        table = TABLES.get(header.name)
        if table is None or not header.start <= offset < header.start + table.size:
            continue
        if header.name == _OF_MANY_SIZES and offset + size > header.end:
            return ()
        found = [each for each in _placed(header, table) if each.offset < offset + size and offset < _end(each)]
        return tuple(found) if found and _end(found[-1]) >= offset + size else ()
    return ()


def _placed(header: Header, table: Table) -> list[Named]:
    return [Named(header.name, name, header.start + at, size, kind) for at, size, name, kind in table.fields]


def _end(field: Named) -> int:
    return field.offset + field.size


def _unnamed(offset: int, end: int, context: tuple[Header, ...]) -> str:
    """Bytes by their place in the header they are in, if that has no name for them."""
    for header in reversed(context):
        if header.start <= offset and end <= header.end:
            table = TABLES.get(header.name)
            if table is None:
                return f"{header.name}, {bytes_text(offset - header.start, end - header.start)}"
            first = header.start + table.size
            if offset >= first and header.name in _WITH_OPTIONS:
                return f"{table.prefix} options, {bytes_text(offset - first, end - first)}"
            return f"{table.prefix} header, {bytes_text(offset - header.start, end - header.start)}".strip()
    return bytes_text(offset, end)


_OF_MANY_SIZES: Final = "802.11"  # whose last fields are not in all frames
_WITH_OPTIONS: Final = frozenset({"IPv4", "TCP", "Geneve"})


def bytes_text(first: int, end: int) -> str:
    return f"byte {first}" if end - first == 1 else f"bytes {first}-{end - 1}"


# Link types by the table of their header, and where it begins if that is not the layer's header.
LINKS: Final = {
    **dict.fromkeys(("EN10MB", "NETANALYZER", "NETANALYZER_TRANSPARENT"), "Ethernet"),
    **dict.fromkeys(
        ("IEEE802_11", "PRISM_HEADER", "IEEE802_11_RADIO", "IEEE802_11_RADIO_AVS", "PPI"),
        "802.11",
    ),
    "SUNATM": "SunATM",
    "LINUX_SLL": "cooked",
    "LINUX_SLL2": "cooked 2",
    **dict.fromkeys(("NULL", "LOOP", "ENC"), "loopback"),
    **dict.fromkeys(("PPP", "PPP_SERIAL", "C_HDLC", "HDLC"), "PPP address"),
}
# Encapsulations: what their header is called, how long it is, and what it is counted from.
TAGS: Final = {"vlan": ("VLAN tag", 4), "mpls": ("MPLS", 4), "pppoes": ("PPPoE", 6)}
NETWORKS: Final = {"ip": "IPv4", "ip6": "IPv6", "arp": "ARP", "rarp": "RARP"}
_IPV4_HEADER, _IPV6_HEADER = 20, 40  # bytes, the shortest
_FRAGMENT_HEADER, _UDP_HEADER = 8, 8


class _Walk:
    """Goes into a packet, header by header; ``layer`` describes where it is."""

    def __init__(self, linktype: int, packet: bytes) -> None:
        self.packet = packet
        self.layer = layer_for(linktype)
        self.found: list[Header] = []
        self.evaluator = Evaluator(packet, len(packet))
        self.turn = 0

    def holds(self, predicate: Predicate) -> bool:
        try:
            return self.evaluator.judge(predicate).holds
        except NotComputed:
            return False

    def carries(self, layer: Layer, protocol: int) -> bool:
        try:
            return self.holds(layer.carries(protocol))
        except FilterError:
            return False

    def add(self, name: str, address: Address, size: int) -> int | None:
        """A header of this size; gives where it ends."""
        start = self.evaluator.place(address)
        if start is None:
            return None
        self.found.append(Header(name, start, start + size))
        return start + size

    def link(self, name: str) -> None:
        layer = self.layer
        for _, binding in layer.computed:
            self.holds(binding)
        if layer.header.base is not None:
            radio = "radiotap" if name == "IEEE802_11_RADIO" else "radio header"
            self.found.append(Header(radio, 0, self.evaluator.place(layer.header) or len(self.packet)))
        if name in LINKS:
            header = layer.protocol.plus(-2) if LINKS[name] == "PPP address" else layer.header
            start = self.evaluator.place(header)
            size = TABLES[LINKS[name]].size
            if LINKS[name] == "802.11" and start is not None:
                size = _wlan_size(self.packet[start : start + 1], size)
            self.add(LINKS[name], header, size)
        elif (length := protocol_size(layer)) is not None:
            self.add(f"link-layer protocol {length}", layer.protocol, length)

    def inside(self) -> None:
        """From the payload of the link layer on."""
        for self.turn in range(_DEEPEST):
            if not self._encapsulation():
                break
        else:
            return
        self._llc()
        network = next((word for word in NETWORKS if self._is(word)), None)
        start = self.evaluator.place(self.layer.net)
        if network is None or start is None:
            return
        if network == "ip":
            self._ipv4(start)
        elif network == "ip6":
            self._ipv6(start)
        else:
            self.found.append(Header(NETWORKS[network], start, start + TABLES["ARP"].size))
        if self._tunnel():
            self.inside()

    def _is(self, word: str) -> bool:
        """Whether the payload is of a network protocol. Juniper's records do not say of which they are."""
        return self.layer.recognise is not families.juniper and self.carries(self.layer, ETHERTYPE[word])

    def _encapsulation(self) -> bool:
        """One tag, label or session further in, if there is one."""
        if self.layer.recognise is families.juniper:  # which does not say what it carries
            return False
        for word, (name, size) in TAGS.items():
            layer = self.layer
            if (word == "vlan" and not layer.has("vlan")) or (word == "mpls" and not (layer.mpls or layer.labels)):
                continue
            with suppress(FilterError):
                case = MOVES[word](Scope(layer, SYSTEM_NAMES, place=self.turn), None)[0]
                if not self.holds(case.meaning):
                    continue
                end = self.add(name, layer.payload if word == "vlan" else layer.net, size)
                if word == "pppoes" and end is not None:
                    self.found.append(Header("PPP", end, end + 2))
                self.layer = case.moved
                return True
        return False

    def _llc(self) -> None:
        layer = self.layer
        only_llc = layer.network == families.SNAP and not layer.labels
        if not (self.holds(layer.mixed(layer)) if layer.mixed else only_llc and self.holds(layer.guard)):
            return
        end = self.add("802.2", layer.payload, 3)
        if end is not None and self.packet[end - 3 : end - 1] == b"\xaa\xaa":
            self.found.append(Header("SNAP", end, end + 5))

    def _ipv4(self, start: int) -> None:
        """Behind the header the transport's, unless this is a later fragment."""
        self.found.append(Header("IPv4", start, start + _IPV4_HEADER))
        if len(self.packet) < start + 10:
            return
        end = start + (self.packet[start] & 0x0F) * 4
        self.found[-1] = Header("IPv4", start, max(end, start + _IPV4_HEADER))
        if int.from_bytes(self.packet[start + 6 : start + 8]) & 0x1FFF:
            self.found.append(Header("rest of a fragmented packet", end, max(end, len(self.packet))))
        else:
            self._transport(self.packet[start + 9], end)

    def _ipv6(self, start: int) -> None:
        self.found.append(Header("IPv6", start, start + _IPV6_HEADER))
        place, following = start + _IPV6_HEADER, self.packet[start + 6 : start + 7]
        for _ in range(_DEEPEST):
            if not following or following[0] not in EXTENSIONS:
                break
            name = EXTENSIONS[following[0]]
            size = self._extension(name, place)
            self.found.append(Header(name, place, place + size))
            if name == "fragment" and int.from_bytes(self.packet[place + 2 : place + 4]) & 0xFFF8:
                return
            place, following = place + size, self.packet[place : place + 1]
        if following:
            self._transport(following[0], place)

    def _extension(self, name: str, place: int) -> int:
        """Bytes in an extension header: RFC 8200, and RFC 4302 for AH."""
        length = int.from_bytes(self.packet[place + 1 : place + 2])
        return {"fragment": _FRAGMENT_HEADER, "AH": (length + 2) * 4}.get(name, (length + 1) * 8)

    def _transport(self, protocol: int, start: int) -> None:
        name = TRANSPORTS.get(protocol)
        if name is None:
            return
        size = TABLES[name].size
        if name == "TCP":
            size = max(size, int.from_bytes(self.packet[start + 12 : start + 13]) // 16 * 4)
        if name == "AH":  # which may be in IPv4, too
            size = self._extension(name, start)
        self.found.append(Header(name, start, start + size))
        if name == "AH" and len(self.found) < _DEEPEST and start < len(self.packet):
            self._transport(self.packet[start], start + size)
        if name in ("TCP", "UDP", "ICMP", "ICMPv6") and start + size < len(self.packet):
            self.found.append(Header(f"{name} payload", start + size, len(self.packet)))

    def _tunnel(self) -> bool:
        """What is inside a VXLAN or Geneve tunnel, if this is one."""
        last = next((header for header in reversed(self.found) if header.name == "UDP"), None)
        if last is None or self.turn >= _DEEPEST:
            return False
        for word, name in (("vxlan", "VXLAN"), ("geneve", "Geneve")):
            with suppress(FilterError):
                case = MOVES[word](Scope(self.layer, SYSTEM_NAMES, place=len(self.found)), None)[0]
                if self.holds(case.meaning):
                    self._enter(name, last.end, case.moved)
                    return len(self.found) < _DEEPEST
        return False

    def _enter(self, name: str, start: int, layer: Layer) -> None:
        self.found = [header for header in self.found if header.name != "UDP payload"]
        end = self.evaluator.place(layer.header)
        self.found.append(Header(name, start, start + TABLES[name].size if end is None else end))
        if self.holds(layer.framed):
            self.add("Ethernet", layer.header, TABLES["Ethernet"].size)
        self.layer = layer


def protocol_size(layer: Layer) -> int | None:
    """Bytes in the field that names the payload's protocol, if that is a field of its own."""
    field = (layer.protocol.base, layer.protocol.offset)
    lefts = [test.left for test in protocol_tests(layer)]
    sizes = {left.size for left in lefts if isinstance(left, Load) and (left.base, left.offset) == field}
    return sizes.pop() if len(sizes) == 1 and layer.network != families.SNAP else None


SYSTEM_NAMES: Final = Names()  # encapsulations ask for none


# What protocol a layer's packets are of, by the tests that tell.

_CARRIED: Final = {
    **{ETHERTYPE[word]: name for word, name in NETWORKS.items()},
    **ETHERTYPES,
    **dict.fromkeys(TAG_PROTOCOLS, "VLAN-tagged"),
    PPPOE_SESSION: "PPPoE",
}
_SAPS: Final = {0xFE: "OSI", 0x42: "spanning tree", 0xE0: "IPX", 0xF0: "NetBEUI"}


def protocol_tests(layer: Layer) -> dict[Test, str]:
    """The tests by which a layer recognises protocols, with the names of those."""
    known = _KNOWN_TESTS.get(layer)
    if known is None:
        known = {}
        for number, name in {**_CARRIED, **_SAPS}.items():
            with suppress(FilterError):
                _collect(layer.carries(number), name, known)
        _KNOWN_TESTS[layer] = known
    return known


_KNOWN_TESTS: Final[dict[Layer, dict[Test, str]]] = {}


def _collect(predicate: Predicate, name: str, known: dict[Test, str]) -> None:
    """Of a series of tests the last one tells; each of several alternatives does."""
    match predicate:
        case Test():
            known.setdefault(predicate, name)
        case All(parts):
            _collect(parts[-1], name, known)
        case Any(parts):
            for part in parts:
                _collect(part, name, known)


def carried(layer: Layer, evaluator: Evaluator) -> str | None:
    """The protocol that a packet carries if it is read in this layer; None if that is none of those known."""
    if layer.recognise is families.juniper:
        return None
    for number, name in {**_CARRIED, **_SAPS}.items():
        try:
            if evaluator.judge(layer.carries(number)).holds:
                return name
        except (NotComputed, FilterError):
            continue
    return None


def _wlan_size(control: bytes, size: int) -> int:
    """The bytes of an 802.11 header by its first byte: control frames are shorter (IEEE 802.11, 9.3.1)."""
    if not control or control[0] >> 2 & 3 != _CONTROL:
        return size
    return _TWO_ADDRESSES if control[0] >> 4 in _HAVE_TWO else _ONE_ADDRESS

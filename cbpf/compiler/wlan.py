"""IEEE 802.11 link types: addresses that depend on the frame, and headers whose length depends on the packet.

Captures may have a radio header in front of the MAC header. The MAC header itself is taken to be 24 bytes long, 26 with
QoS, also where a fourth address or HT control make it longer: that is what tcpdump's users know.
"""

from __future__ import annotations

from cbpf.compiler.families import llc
from cbpf.compiler.layers import Layer
from cbpf.compiler.predicates import TRUE, Bind, Predicate, all_of, any_bit, any_of, masked, negation, no_bit
from cbpf.compiler.stations import BROADCAST, Finder, Question, Stations, at, group
from cbpf.compiler.values import WORD, Address, Binary, Const, Value, Variable, upper_bound

# The first byte of the frame control field, without the protocol version: masks, and types.
TYPE, SUBTYPE = 0x0C, 0xF0
MANAGEMENT, CONTROL, DATA = 0x00, 0x04, 0x08
CTS, ACK, QOS = 0xC0, 0xD0, 0x80
# The second: what way a frame goes.
TO_DS, FROM_DS = 0x01, 0x02
DS = TO_DS | FROM_DS

# Where the addresses are; the fourth exists between access points only.
_ADDRESS_1, _ADDRESS_2, _ADDRESS_3, _ADDRESS_4 = 4, 10, 16, 24


def is_type(header: Address, kind: int) -> Predicate:
    return masked(header.byte(), TYPE, kind)


def _by_type(header: Address, management: Predicate, data: Predicate) -> Predicate:
    """What must hold of a management frame, and what of a data frame; not so any control frame."""
    control = header.byte()
    either = any_of(all_of(no_bit(control, DATA), management), all_of(any_bit(control, DATA), data))
    return all_of(no_bit(control, CONTROL), either)


def _source(header: Address, question: Question) -> Predicate:
    """The second address; from the distribution system, the third or, if to it as well, the fourth."""
    way = header.byte(1)
    not_from_ds = all_of(no_bit(way, FROM_DS), question(header.plus(_ADDRESS_2)))
    not_to_ds = all_of(no_bit(way, TO_DS), question(header.plus(_ADDRESS_3)))
    to_ds = all_of(any_bit(way, TO_DS), question(header.plus(_ADDRESS_4)))
    from_ds = all_of(any_bit(way, FROM_DS), any_of(not_to_ds, to_ds))
    return _by_type(header, question(header.plus(_ADDRESS_2)), any_of(not_from_ds, from_ds))


def _destination(header: Address, question: Question) -> Predicate:
    """The first address; the third in what goes to the distribution system."""
    way = header.byte(1)
    not_to_ds = all_of(no_bit(way, TO_DS), question(header.plus(_ADDRESS_1)))
    to_ds = all_of(any_bit(way, TO_DS), question(header.plus(_ADDRESS_3)))
    return _by_type(header, question(header.plus(_ADDRESS_1)), any_of(not_to_ds, to_ds))


def _not_control(header: Address) -> Predicate:
    return negation(is_type(header, CONTROL))


def _not_management(header: Address) -> Predicate:
    return any_bit(header.byte(), TYPE)


def _has_address_2(header: Address) -> Predicate:
    """All frames but two kinds of control frames."""
    control = header.byte()
    neither = all_of(negation(masked(control, SUBTYPE, CTS)), negation(masked(control, SUBTYPE, ACK)))
    return any_of(_not_control(header), neither)


def _transmitter(header: Address, question: Question) -> Predicate:
    return all_of(_not_management(header), _PARTICULAR["addr2"](header, question))


_PARTICULAR: dict[str, Finder] = {
    "addr1": at(_ADDRESS_1),
    "addr2": lambda header, question: all_of(_has_address_2(header), question(header.plus(_ADDRESS_2))),
    "addr3": lambda header, question: all_of(_not_control(header), question(header.plus(_ADDRESS_3))),
    "addr4": lambda header, question: all_of(masked(header.byte(1), DS, DS), question(header.plus(_ADDRESS_4))),
    # As pcap-filter(7) has it: libpcap forgets the control frames.
    "ra": lambda header, question: all_of(_not_management(header), question(header.plus(_ADDRESS_1))),
    "ta": _transmitter,
}

STATIONS = Stations(6, _source, _destination, BROADCAST, group, _PARTICULAR.__getitem__)

# Where the MAC header begins: a variable, and what binds it.

Start = tuple[Variable, Predicate]


def _behind(length: Value) -> Start:
    """Behind a header of this length."""
    header = Variable("802.11 header", upper_bound(length))
    return header, Bind(header, length)


_PACKET = Address()
BEHIND_RADIOTAP = _behind(Binary("|", Binary("<<", _PACKET.byte(3), Const(8)), _PACKET.byte(2)))  # little-endian
BEHIND_PPI = BEHIND_RADIOTAP  # which has its length at the same place
BEHIND_AVS = _behind(_PACKET.word(4))


def _behind_prism() -> Start:
    """The Prism header has a fixed length; what says Prism may be AVS though, whose first word has a magic number."""
    header, behind_avs = BEHIND_AVS
    is_avs = masked(_PACKET.word(), 0xFFFFF000, 0x80211000)
    return header, any_of(all_of(is_avs, behind_avs), Bind(header, Const(144)))


BEHIND_PRISM = _behind_prism()


def _behind_mac_header(header: Address, behind: Variable) -> Predicate:
    with_qos = masked(header.byte(), TYPE | QOS, DATA | QOS)
    return any_of(all_of(with_qos, Bind(behind, header.plus(26).value())), Bind(behind, header.plus(24).value()))


# Radiotap (radiotap.org): the words and bytes as they lie in the packet, where they are little-endian.
_MORE_WORDS, _TIMESTAMP, _FLAGS = 0x00000080, 0x01000000, 0x02000000  # of the first word of present fields
_PADDED = 0x20  # of the flags


def _has_padding() -> Predicate:
    """The flags say that there is padding. They are only looked for in headers of a single namespace."""
    present = _PACKET.word(4)
    behind_timestamp = all_of(any_bit(present, _TIMESTAMP), any_bit(_PACKET.byte(16), _PADDED))
    at_once = all_of(no_bit(present, _TIMESTAMP), any_bit(_PACKET.byte(8), _PADDED))
    return all_of(any_bit(present, _FLAGS), no_bit(present, _MORE_WORDS), any_of(behind_timestamp, at_once))


def _padded(header: Address, unpadded: Variable, payload: Variable) -> Predicate:
    """Data may begin at the next multiple of four bytes, counted from the start of the packet."""
    rounded = Binary("&", Binary("+", unpadded, Const(3)), Const(WORD - 3))
    return any_of(all_of(is_type(header, DATA), _has_padding(), Bind(payload, rounded)), Bind(payload, unpadded))


def wlan(name: str, start: Start | None, *features: str, padding: bool = False, required: Predicate = TRUE) -> Layer:
    """An 802.11 link type whose MAC header is at ``start`` (None: at once), with the ``features`` it has."""
    header = Address() if start is None else Address(start[0])
    furthest = min(upper_bound(header.value()) + 32, WORD)
    payload, unpadded = Variable("802.11 payload", furthest), Variable("802.11 payload, unpadded", furthest)
    if padding:
        computed = [(unpadded, _behind_mac_header(header, unpadded)), (payload, _padded(header, unpadded, payload))]
    else:
        computed = [(payload, _behind_mac_header(header, payload))]
    return Layer(
        name,
        header=header,
        protocol=Address(payload),
        payload=Address(payload),
        network=8,
        osi_network=3,
        recognise=llc,
        guard=is_type(header, DATA),
        stations=STATIONS,
        features=frozenset({"wlan", "llc", *features}),
        computed=(*(() if start is None else (start,)), *computed),
        required=required,
    )

"""Link layers as data: where a link type keeps what filters ask for, and how it names the protocol it carries.

A ``Layer`` is one immutable description. Encapsulation keywords derive a new one from it for what follows them. The
descriptions themselves are in ``links``. Offsets are from the start of the packet; all loads are big-endian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from cbpf.compiler.predicates import TRUE, Predicate, all_of, any_bit, masked
from cbpf.compiler.stations import Stations
from cbpf.compiler.values import Address, Load, Variable
from cbpf.errors import FilterError, Reason

# IEEE 802 EtherTypes, and 802.2 service access points (SAPs, all below 256).
ETHERTYPE = {
    "ip": 0x0800,
    "arp": 0x0806,
    "rarp": 0x8035,
    "ip6": 0x86DD,
    "atalk": 0x809B,
    "aarp": 0x80F3,
    "decnet": 0x6003,
    "lat": 0x6004,
    "sca": 0x6007,
    "moprc": 0x6002,
    "mopdl": 0x6001,
}
SAP = {"iso": 0xFE, "stp": 0x42, "ipx": 0xE0, "netbeui": 0xF0}
IP_VERSION = {ETHERTYPE["ip"]: 4, ETHERTYPE["ip6"]: 6}


class Direction(NamedTuple):
    """How to tell what this computer received from what it sent."""

    inbound: Predicate
    outbound: Predicate


Tag = Literal["", "unread", "read"]


class Layer(NamedTuple):
    """Where things are for the next primitive, and what can be asked.

    Places: ``header``, where the link-layer header begins; ``protocol``, the field that names the payload's protocol;
    ``payload``, the 802.2 header if there is one. The network header is ``network`` bytes into the payload behind SNAP
    or directly, ``osi_network`` bytes behind 802.2 without SNAP. ``labels`` counts the MPLS labels passed.

    Recognising: ``recognise`` tells whether the payload is of a protocol, an EtherType or an 802.2 SAP below 1501; None
    where nothing says. Every such test has ``guard`` in front of it, and every test of an address ``framed``.
    ``mixed`` tells frames with an 802.2 header from those with an EtherType, where there are both. ``osi`` tells
    the OSI protocol where that is not simply the first byte of the OSI header. ``mpls`` is the protocol number of MPLS.

    Asking: ``stations``, ``direction`` and ``ifindex`` (None where frames do not say); ``signalling``, where the
    first byte of an SS7 signal unit is; ``features``, the keywords that need no more than to be there.

    ``computed`` are places that depend on the packet: variables, each with what binds it, in the order in which they
    need each other. ``required`` must hold of every packet.

    ``tunnelled`` holds inside a tunnel. ``live`` says that the filter runs in Linux, and ``headless`` that the packet
    has no link-layer header there. If ``tag`` is not empty, Linux may have its VLAN tag beside the frame; it is
    "unread" before the first `vlan`.
    """

    name: str
    header: Address = Address()
    protocol: Address = Address()
    payload: Address = Address()
    network: int = 0
    osi_network: int = 0
    labels: int = 0
    recognise: Recogniser | None = None
    guard: Predicate = TRUE
    framed: Predicate = TRUE
    mixed: Callable[[Layer], Predicate] | None = None
    osi: Recogniser | None = None
    mpls: int | None = None
    stations: Stations | None = None
    direction: Direction | None = None
    ifindex: Load | None = None
    signalling: Address | None = None
    features: frozenset[str] = frozenset()
    computed: tuple[tuple[Variable, Predicate], ...] = ()
    required: Predicate = TRUE
    tunnelled: bool = False
    live: bool = False
    headless: bool = False
    tag: Tag = ""

    @property
    def net(self) -> Address:
        """The network-layer header."""
        return self.payload.plus(self.network)

    @property
    def osi_header(self) -> Address:
        """The OSI network header, where no SNAP header stands in front of it."""
        return self.payload.plus(self.osi_network)

    def has(self, feature: str) -> bool:
        return feature in self.features

    def carries(self, protocol: int) -> Predicate:
        """Whether the payload is of this protocol: an EtherType, or an 802.2 SAP if below 1501.

        FilterError without a span if the protocol cannot be asked for here.
        """
        if self.labels:
            return _under_labels(self, protocol)
        if self.recognise is None:
            raise FilterError(
                f"{self.name} does not say what protocol it carries",
                reason=Reason.NOT_ON_THIS_LINKTYPE,
                hint="Only lengths and bytes can be asked for: len, less, greater, byte and link[...].",
            )
        return all_of(self.guard, self.recognise(self, protocol))

    @property
    def is_ip(self) -> Predicate:
        return self.carries(ETHERTYPE["ip"])

    @property
    def is_ip6(self) -> Predicate:
        return self.carries(ETHERTYPE["ip6"])


Recogniser = Callable[[Layer, int], Predicate]


def _under_labels(layer: Layer, protocol: int) -> Predicate:
    """Behind MPLS labels nothing names the protocol: below the last label, the version field must do (RFC 4928)."""
    version = IP_VERSION.get(protocol)
    if version is None:
        raise FilterError("behind 'mpls' only IPv4 and IPv6 can be recognised", reason=Reason.NOT_ON_THIS_LINKTYPE)
    bottom_of_stack = any_bit(layer.net.plus(-2).byte(), 1)
    return all_of(bottom_of_stack, masked(layer.net.byte(), 0xF0, version << 4))

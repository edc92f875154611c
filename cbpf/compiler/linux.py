"""Link layers as Linux has them: for filters that run in its kernel, which knows more of a packet than its bytes.

The kernel keeps "ancillary data" beside the packet; loads at offsets from SKF_AD_OFF on read it (linux/filter.h). VLAN
tags may be there instead of in the frame. Cooked headers do not exist yet when a filter runs: libpcap makes them later.
"""

from __future__ import annotations

from cbpf.compiler import links
from cbpf.compiler.layers import Direction, Layer
from cbpf.compiler.predicates import Predicate, equal, masked, negation
from cbpf.compiler.values import ANCILLARY, Address
from cbpf.linktypes import NUMBERS

_METADATA = Address(None, ANCILLARY)  # SKF_AD_OFF
_PROTOCOL = _METADATA  # SKF_AD_PROTOCOL
_PACKET_TYPE = _METADATA.half(4)  # SKF_AD_PKTTYPE
_INTERFACE = _METADATA.word(8)  # SKF_AD_IFINDEX
_TAG = _METADATA.half(44)  # SKF_AD_VLAN_TAG
_TAG_PRESENT = _METADATA.byte(48)  # SKF_AD_VLAN_TAG_PRESENT

_OUTGOING = equal(_PACKET_TYPE, 4)  # linux/if_packet.h
_DIRECTION = Direction(negation(_OUTGOING), _OUTGOING)

TAG_IS_BESIDE = equal(_TAG_PRESENT, 1)


def _ethernet(layer: Layer) -> Layer:
    return layer._replace(tag="unread")


def _uncooked(layer: Layer) -> Layer:
    return layer._replace(protocol=_PROTOCOL, payload=Address(), direction=None, ifindex=None, headless=True)


_IN_THE_KERNEL = {
    NUMBERS["EN10MB"]: _ethernet,
    NUMBERS["LINUX_SLL"]: _uncooked,
    NUMBERS["LINUX_SLL2"]: _uncooked,
}


def layer_for(linktype: int) -> Layer:
    """The layer a packet of this LINKTYPE number begins with in the kernel."""
    layer = links.layer_for(linktype)
    in_the_kernel = _IN_THE_KERNEL.get(linktype)
    return with_metadata(layer if in_the_kernel is None else in_the_kernel(layer))


def with_metadata(layer: Layer) -> Layer:
    """A layer of a packet of which Linux knows the direction and the interface, where the frame itself does not say."""
    return layer._replace(live=True, direction=layer.direction or _DIRECTION, ifindex=layer.ifindex or _INTERFACE)


def tag_is(mask: int, number: int) -> Predicate:
    """Whether the tag beside the packet has this number under the mask."""
    return masked(_TAG, mask, number)

"""What a packet of an interface begins with: from the kernel's hardware types to link types.

Sources: linux/if_arp.h, and https://www.tcpdump.org/linktypes.html. Where the headers that drivers deliver are not to
be relied upon, or no link type describes them, capture is cooked, for which libpcap has set the example.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cbpf.linktypes import NUMBERS

ANY: Final = "any"  # all interfaces together

ARPHRD_CAN: Final = 280
ARPHRD_LOOPBACK: Final = 772


class Framing(NamedTuple):
    """How packets come from an interface: their LINKTYPE number, and whether the capture is cooked.

    In cooked captures the kernel takes the link-layer header away and a header made of what it knows takes its place.
    """

    linktype: int
    cooked: bool = False


OF_ANY: Final = Framing(NUMBERS["LINUX_SLL2"], cooked=True)
_UNKNOWN: Final = Framing(NUMBERS["LINUX_SLL"], cooked=True)

# ARPHRD numbers, and the link type whose header comes with their packets.
_HEADERS: Final = (
    ("EN10MB", (1, 23, ARPHRD_LOOPBACK)),  # ETHER, METRICOM
    ("EN3MB", (2,)),  # EETHER
    ("AX25_KISS", (3,)),
    ("PRONET", (4,)),
    ("CHAOS", (5,)),
    ("IEEE802", (6, 800)),  # IEEE802, IEEE802_TR
    ("ARCNET_LINUX", (7,)),
    ("C_HDLC", (513,)),  # CISCO
    ("FRELAY", (770,)),  # FRAD
    ("LTALK", (773,)),
    ("FDDI", (774,)),
    ("FC_2", (784, 785, 786, 787)),  # FCPP, FCAL, FCPL, FCFABRIC
    ("IEEE802_11", (801,)),
    ("PRISM_HEADER", (802,)),
    ("IEEE802_11_RADIO", (803,)),
    ("IEEE802_15_4_NOFCS", (804,)),
    ("VSOCK", (826,)),
    # Tunnels and serial lines, which deliver packets of the network layer: SLIP, CSLIP, SLIP6, CSLIP6, ADAPT, RAWHDLC,
    # RAWIP, TUNNEL, SIT; DLCI; NONE.
    ("RAW", (256, 257, 258, 259, 264, 518, 519, 768, 776, 15, 0xFFFE)),
)
_FRAMINGS: Final = {hardware: Framing(NUMBERS[name]) for name, numbers in _HEADERS for hardware in numbers} | {
    # Theirs are LINUX_SLL's headers under another name, so that a packet's direction or protocol is known.
    783: Framing(NUMBERS["LINUX_IRDA"], cooked=True),
    824: Framing(NUMBERS["NETLINK"], cooked=True),
}


def framing(hardware: int) -> Framing:
    """How packets come from an interface of this ARPHRD number."""
    return _FRAMINGS.get(hardware, _UNKNOWN)

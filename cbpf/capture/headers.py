"""What a packet is, as a survey sees it: kernels that follow the headers from the link layer to the ports.

They put what they find into fields of the survey's buffer; see ``cbpf.capture.survey``. What comes next is passed on as
one number: where it is, and in the lowest bits what. Nothing behind the end of a packet is looked at.

Sources: IEEE 802.3, 802.1Q, 802.2 and 802.11, RFC 791, 8200, 3032 (MPLS), 2516 (PPPoE), 1661 (PPP).
"""

from __future__ import annotations

import sys

from cbpf.engine.kernel import Buffer, load8, load16, load32, load64, store64, swap16, swap32

# What is known of the packet at hand.
PATH = 88  # tags and the like in front of the network layer: four bits each
ENDS = 96  # what the addresses are: MACS, V4, V6, and whether there are PORTS
PROTOCOL = 104
SENDER_PORT = 112
RECEIVER_PORT = 120
SENDER = 128  # address, two words
RECEIVER = 144

# ENDS.
NO_ENDS = 0
MACS = 1
V4 = 2
V6 = 3
PORTS = 4

# PATH.
VLAN = 1
MPLS = 2
PPPOE = 3
PPP = 4
LLC = 5
SNAP = 6

# How a packet begins; a layout is that, with ``skip`` bytes in front, and what follows.
NOTHING = 0  # that is known
DIRECT = 1  # with what ``first`` says
TYPED = 2  # with a header of ``first & 255`` bytes, which has the EtherType at ``first >> 8``
ETHERNET = 3
FAMILY = 4  # with a number of BSD's or Linux's for the address family, in either byte order
POINT_TO_POINT = 5
WLAN = 6
RADIOTAP = 7

# What follows a header: an EtherType, or one of these.
IPV4 = 0x0800
IPV6 = 0x86DD
BY_VERSION = 0x10001  # the first four bits tell
LLC_FOLLOWS = 0x10002
PPP_FOLLOWS = 0x10003
SETTLED = 0x20000  # with the number of something that is not looked into; 0 if there is none

_MOST_STEPS = 12  # that PATH has room for
_MOST_HEADERS = 16
BITS = 20  # of what follows, beside where that is
FOLLOWS = 0xFFFFF
_LITTLE = 1 if sys.byteorder == "little" else 0
_LONGEST_802_3 = 1500  # greater numbers are EtherTypes


def survey_head(out: Buffer, data: Buffer, at: int, end: int, begins: int, first: int) -> int:
    """What follows the header of the link layer: where, and in the lowest bits what."""
    if begins == DIRECT:
        return at << BITS | first
    if begins == ETHERNET and at + 14 <= end:
        survey_macs(out, data, at + 6, at)
        return at + 14 << BITS | survey_16(data, at + 12)
    if begins == TYPED and at + (first & 0xFF) <= end:
        kind = survey_16(data, at + (first >> 8))
        if kind <= _LONGEST_802_3:
            kind = LLC_FOLLOWS if kind == 4 else SETTLED  # 4: LINUX_SLL's for 802.2
        return at + (first & 0xFF) << BITS | kind
    if begins == FAMILY and at + 4 <= end:
        family = survey_16(data, at + 2)
        if family == 0:  # the lowest byte comes first
            family = load8(data, at)
        kind = IPV4 if family == 2 else IPV6 if family in (10, 24, 28, 30) else SETTLED
        return at + 4 << BITS | kind
    if begins == POINT_TO_POINT:
        if at + 2 <= end and load8(data, at) in (0xFF, 0, 1) and load8(data, at + 1) == 3:  # address and control
            at += 2
        return at << BITS | PPP_FOLLOWS
    if begins == RADIOTAP and at + 4 <= end:
        return survey_wlan(out, data, at + (load8(data, at + 3) << 8 | load8(data, at + 2)), end)
    if begins == WLAN:
        return survey_wlan(out, data, at, end)
    return at << BITS | SETTLED


def survey_wlan(out: Buffer, data: Buffer, at: int, end: int) -> int:
    """An 802.11 frame, and what follows its header. Only data that is not encrypted is looked into."""
    if at + 24 > end:
        return at << BITS | SETTLED
    kind = load8(data, at) >> 2 & 3
    subtype = load8(data, at) >> 4
    flags = load8(data, at + 1)
    system = flags & 3  # 1: to the distribution system, 2: from it
    length = 30 if system == 3 else 24
    if kind == 1 or at + length > end:
        return at << BITS | SETTLED
    sender = at + (24 if system == 3 else 16 if system == 2 else 10)
    survey_macs(out, data, sender, at + (16 if system & 1 else 4))
    if kind != 2 or subtype & 4 or flags & 0x40:
        return at << BITS | SETTLED
    if subtype & 8:  # QoS
        length += 6 if flags & 0x80 else 2
    return at + length << BITS | LLC_FOLLOWS


def survey_macs(out: Buffer, data: Buffer, sender: int, receiver: int) -> int:
    """The addresses of the link layer, which are those of the packet until others are found."""
    store64(out, SENDER + 8, survey_16(data, sender) << 32 | survey_32(data, sender + 2))
    store64(out, RECEIVER + 8, survey_16(data, receiver) << 32 | survey_32(data, receiver + 2))
    store64(out, ENDS, MACS)
    return 0


def survey_tags(out: Buffer, data: Buffer, follows: int, end: int) -> int:
    """What follows tags, labels, and the headers of PPP and LLC. They are noted in PATH."""
    path = 0
    steps = 0
    while steps < _MOST_STEPS:
        kind = follows & FOLLOWS
        at = follows >> BITS
        step = 0
        if kind in (0x8100, 0x88A8, 0x9100) and at + 4 <= end:
            follows = at + 4 << BITS | survey_16(data, at + 2)
            step = VLAN
        elif kind in (0x8847, 0x8848) and at + 4 <= end:
            follows = survey_mpls(data, at, end)
            step = MPLS
        elif kind == 0x8864 and at + 6 <= end:
            follows = at + 6 << BITS | PPP_FOLLOWS
            step = PPPOE
        elif kind == PPP_FOLLOWS and at + 2 <= end:
            follows = survey_ppp(data, at)
            step = PPP
        elif kind == BY_VERSION:
            follows = survey_version(data, at, end)
        elif (kind <= _LONGEST_802_3 or kind == LLC_FOLLOWS) and at + 3 <= end:
            follows = survey_llc(data, at, end)
            step = SNAP if load8(data, at) == 0xAA and load8(data, at + 1) == 0xAA else LLC
        else:
            break
        if step:
            path = path << 4 | step
        steps += 1
    store64(out, PATH, path)
    kind = follows & FOLLOWS
    if kind <= _LONGEST_802_3 or kind in (BY_VERSION, LLC_FOLLOWS, PPP_FOLLOWS):  # with too little behind it
        follows = follows >> BITS << BITS | SETTLED
    return follows


def survey_mpls(data: Buffer, at: int, end: int) -> int:
    """Behind a stack of MPLS labels."""
    while at + 4 <= end:
        bottom = load8(data, at + 2) & 1
        at += 4
        if bottom:
            return survey_version(data, at, end)
    return at << BITS | SETTLED


def survey_version(data: Buffer, at: int, end: int) -> int:
    """IP, by its version."""
    version = load8(data, at) >> 4 if at < end else 0
    return at << BITS | (IPV4 if version == 4 else IPV6 if version == 6 else SETTLED)


def survey_ppp(data: Buffer, at: int) -> int:
    """Behind PPP's protocol, which may be compressed to one byte."""
    number = load8(data, at)
    at += 1
    if number & 1 == 0:
        number = number << 8 | load8(data, at)
        at += 1
    if number in (0x0281, 0x0283):
        return at << BITS | 0x8847
    return at << BITS | (IPV4 if number == 0x21 else IPV6 if number == 0x57 else SETTLED | number)


def survey_llc(data: Buffer, at: int, end: int) -> int:
    """Behind 802.2's header: an EtherType behind SNAP's, if that has one, else the destination's number."""
    if load8(data, at) != 0xAA or load8(data, at + 1) != 0xAA:
        return at << BITS | SETTLED | load8(data, at)
    if at + 8 > end or load8(data, at + 3) != 0 or load8(data, at + 4) != 0 or load8(data, at + 5) not in (0, 0xF8):
        return at << BITS | SETTLED
    kind = survey_16(data, at + 6)
    return at + 8 << BITS | (kind if kind > _LONGEST_802_3 else SETTLED)


def survey_ipv4(out: Buffer, data: Buffer, at: int, end: int) -> int:
    if at + 20 > end:
        return 0
    length = (load8(data, at) & 15) * 4
    if load8(data, at) >> 4 != 4 or length < 20:
        return 0
    store64(out, SENDER + 8, survey_32(data, at + 12))
    store64(out, RECEIVER + 8, survey_32(data, at + 16))
    store64(out, ENDS, V4)
    protocol = load8(data, at + 9)
    later = survey_16(data, at + 6) & 0x1FFF
    at += length
    if protocol == 51 and later == 0 and at + 8 <= end:  # AH
        protocol = load8(data, at)
        at += (load8(data, at + 1) + 2) * 4
    store64(out, PROTOCOL, protocol)
    if later == 0:
        survey_ports(out, data, at, end, protocol)
    return 0


def survey_ipv6(out: Buffer, data: Buffer, at: int, end: int) -> int:
    if at + 40 > end or load8(data, at) >> 4 != 6:
        return 0
    word = 0
    while word < 32:
        store64(out, SENDER + word, survey_32(data, at + 8 + word) << 32 | survey_32(data, at + 12 + word))
        word += 8
    store64(out, ENDS, V6)
    protocol = load8(data, at + 6)
    at += 40
    headers = 0
    later = 0
    while protocol in (0, 43, 44, 51, 60) and at + 8 <= end and headers < _MOST_HEADERS and later == 0:
        length = load8(data, at + 1)
        if protocol == 44:
            later = 1 if survey_16(data, at + 2) >> 3 else 0
            length = 8
        else:
            length = (length + 2) * 4 if protocol == 51 else (length + 1) * 8
        protocol = load8(data, at)
        at += length
        headers += 1
    store64(out, PROTOCOL, protocol)
    if later == 0:
        survey_ports(out, data, at, end, protocol)
    return 0


def survey_ports(out: Buffer, data: Buffer, at: int, end: int, protocol: int) -> int:
    """The ports of TCP, UDP, DCCP, SCTP and UDP-Lite."""
    if protocol in (6, 17, 33, 132, 136) and at + 4 <= end:
        store64(out, SENDER_PORT, survey_16(data, at))
        store64(out, RECEIVER_PORT, survey_16(data, at + 2))
        store64(out, ENDS, load64(out, ENDS) | PORTS)
    return 0


def survey_16(data: Buffer, at: int) -> int:
    """16 bits in network byte order."""
    number = load16(data, at)
    if _LITTLE:
        return swap16(number)
    return number


def survey_32(data: Buffer, at: int) -> int:
    """32 bits in network byte order."""
    number = load32(data, at)
    if _LITTLE:
        return swap32(number)
    return number

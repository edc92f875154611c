"""What is inside of a tunnel, and what is not in one."""

from __future__ import annotations

from typing import Final

from tests.compiler.faults.common import (
    ARP_REQUEST,
    INNER_TCP,
    ISIS,
    OVER_GENEVE,
    TCP_OVER_IPV4,
    TCP_OVER_IPV6,
    Whose,
    found,
    lost,
    on,
    on_ethernet,
    passed,
    taken,
)
from tests.frames import (
    IPV4,
    IPV6,
    MPLS,
    TCP,
    TRANSPARENT_ETHERNET,
    UDP,
    VLAN,
    ethernet,
    geneve,
    ip,
    ip6,
    mpls,
    snap,
    tcp,
    vlan,
    vxlan,
)


def _in_labels(payload: bytes) -> bytes:
    return ethernet(MPLS, mpls(18, payload))


_INNER_ISIS = ethernet(len(ISIS), ISIS)


def _tagged(*identifiers: int, payload: bytes = ip(TCP)) -> bytes:
    """An Ethernet frame with that many tags, outermost first."""
    protocol = IPV4
    for identifier in reversed(identifiers):
        protocol, payload = VLAN, vlan(identifier, protocol, payload)
    return ethernet(protocol, payload)


TUNNELS: Final = (
    on_ethernet(
        "B9",
        Whose.REFUSES,
        "vxlan and ip",
        found(ethernet(IPV4, ip(UDP, vxlan(7, TCP_OVER_IPV4)))),
        passed(ethernet(IPV4, ip(UDP, vxlan(7, ARP_REQUEST)))),
    ),
    on_ethernet(
        "#1670",
        Whose.REFUSES,
        "vxlan and arp",
        found(ethernet(IPV4, ip(UDP, vxlan(7, ARP_REQUEST)))),
        passed(ARP_REQUEST),
    ),
    on_ethernet(
        "#1726",
        Whose.REFUSES,
        "vxlan 7 and ip6",
        found(ethernet(IPV4, ip(UDP, vxlan(7, TCP_OVER_IPV6)))),
        passed(TCP_OVER_IPV6),
    ),
    on_ethernet(
        "#1726",
        Whose.REFUSES,
        "vxlan and ip",
        found(ethernet(IPV6, ip6(UDP, vxlan(7, TCP_OVER_IPV4)))),
        passed(TCP_OVER_IPV4),
    ),
    on_ethernet(
        "B15",
        Whose.COMPILER,
        "mpls and geneve and ip",
        lost(_in_labels(ip(UDP, geneve(7, TRANSPARENT_ETHERNET, INNER_TCP)))),
        lost(_in_labels(ip(UDP, geneve(7, IPV4, ip(TCP))))),
        passed(_in_labels(ip(UDP, geneve(7, TRANSPARENT_ETHERNET, ARP_REQUEST)))),
    ),
    on_ethernet("B15", Whose.REFUSES, "mpls and vxlan and ip", found(_in_labels(ip(UDP, vxlan(7, INNER_TCP))))),
    on_ethernet(
        "L11",
        Whose.COMPILER,
        "mpls and geneve and tcp port 80",
        lost(_in_labels(ip(UDP, geneve(7, TRANSPARENT_ETHERNET, INNER_TCP)))),
    ),
    on("RAW", "L11", Whose.COMPILER, "geneve and isis", lost(ip(UDP, geneve(7, TRANSPARENT_ETHERNET, _INNER_ISIS)))),
    # What is no tunnel is looked at from outside.
    on_ethernet("B16", Whose.COMPILER, "geneve or arp", lost(ARP_REQUEST), found(OVER_GENEVE), passed(TCP_OVER_IPV4)),
    on_ethernet("B16", Whose.COMPILER, "geneve or ip", lost(TCP_OVER_IPV4), found(OVER_GENEVE), passed(ARP_REQUEST)),
    on_ethernet(
        "B16",
        Whose.COMPILER,
        "geneve or port 80",
        lost(TCP_OVER_IPV4),
        lost(TCP_OVER_IPV6),
        found(OVER_GENEVE),
        passed(ARP_REQUEST),
    ),
    on_ethernet("B16", Whose.COMPILER, "not geneve and arp", lost(ARP_REQUEST), passed(OVER_GENEVE)),
    on_ethernet(
        "B16",
        Whose.REFUSES,
        "tcp or (vxlan and arp)",
        found(TCP_OVER_IPV4),
        found(ethernet(IPV4, ip(UDP, vxlan(7, ARP_REQUEST)))),
        passed(ARP_REQUEST),
    ),
    on_ethernet("B16", Whose.REFUSES, "vxlan or ip", found(TCP_OVER_IPV4), passed(ARP_REQUEST)),
    on_ethernet(
        "B17",
        Whose.COMPILER,
        "atalk[0] = 7",
        lost(ethernet(60, snap(0x080007, 0x809B, b"\7" + bytes(30)))),
        found(ethernet(0x809B, b"\7" + bytes(30))),
    ),
    on_ethernet(
        "B17",
        Whose.COMPILER,
        "atalk[0] = 0xaa",
        taken(ethernet(60, snap(0x080007, 0x809B, b"\7" + bytes(30)))),
        passed(ethernet(0x809B, b"\7" + bytes(30))),
    ),
    # What follows `vlan` and `mpls` is read behind them, also on the other side of an `or`: kept as libpcap has it.
    on_ethernet("#158", Whose.NEITHER, "vlan 2 or vlan 3", found(_tagged(2)), found(_tagged(9, 3)), passed(_tagged(3))),
    on_ethernet(
        "#798",
        Whose.NEITHER,
        "(vlan 0xaaa and ip src 127.127.127.127) or (vlan 0xbbb and ip src 247.247.247.247)",
        found(_tagged(0xAAA, payload=ip(TCP, of="127.127.127.127"))),
        found(_tagged(9, 0xBBB, payload=ip(TCP, of="247.247.247.247"))),
        passed(_tagged(0xBBB, payload=ip(TCP, of="247.247.247.247"))),
    ),
    on_ethernet(
        "#408",
        Whose.NEITHER,
        "(mpls && mpls && port 80) or (mpls && port 80)",
        found(ethernet(MPLS, mpls(18, mpls(19, ip(TCP, tcp(1024, 80))), bottom=False))),
        passed(_in_labels(ip(TCP, tcp(1024, 80)))),
    ),
)

"""Captures of the running Linux system: what the kernel keeps beside the packet."""

from __future__ import annotations

from typing import Final

from cbpf.machine.opcodes import Ancillary
from tests.compiler.faults.common import (
    ARP_REQUEST,
    ICMP_OVER_IPV4,
    OTHER,
    OVER_GENEVE,
    TCP_OVER_IPV4,
    TCP_OVER_IPV6,
    UDP_OVER_IPV4,
    Whose,
    found,
    live,
    lost,
    passed,
    taken,
)
from tests.frames import (
    DESTINATION_OPTIONS,
    ICMP,
    IPV4,
    IPV6,
    PPPOE,
    TCP,
    UDP,
    VLAN,
    destination_options,
    ethernet,
    ip,
    ip6,
    pppoe,
    tcp,
    udp,
    vlan,
    vxlan,
)

_STRIPPED: Final[dict[int, int]] = {Ancillary.VLAN_AVAIL: 1, Ancillary.VLAN_TCI: 5}
_UNTAGGED: Final[dict[int, int]] = {Ancillary.VLAN_AVAIL: 0, Ancillary.VLAN_TCI: 0}
_TRAILER: Final = bytes.fromhex("1d10c0da")
_PPPOE: Final = ethernet(PPPOE, pppoe(0x21, ip(TCP)))

LIVE: Final = (
    live(
        "B4",
        Whose.OPTIMIZER,
        "arp or (vlan and ip)",
        lost(TCP_OVER_IPV4, _STRIPPED),
        found(ethernet(VLAN, vlan(5, IPV4, ip(TCP))), _UNTAGGED),
        passed(TCP_OVER_IPV4, _UNTAGGED),
    ),
    live(
        "#1513",
        Whose.OPTIMIZER,
        "ether proto 0x8892 or (vlan and ether proto 0x88b5)",
        lost(OTHER, _STRIPPED),
        found(ethernet(0x8892, bytes(46)), _UNTAGGED),
        found(ethernet(VLAN, vlan(5, 0x88B5, bytes(46))), _UNTAGGED),
        passed(OTHER, _UNTAGGED),
    ),
    live(
        "B4",
        Whose.OPTIMIZER,
        "arp or (vlan 5 and tcp port 80)",
        lost(TCP_OVER_IPV4, _STRIPPED),
        passed(TCP_OVER_IPV4, _UNTAGGED),
        passed(UDP_OVER_IPV4, _STRIPPED),
    ),
    live(
        "B8",
        Whose.KERNEL,
        "vlan and geneve",
        found(OVER_GENEVE, _STRIPPED),
        found(ethernet(VLAN, vlan(5, IPV4, OVER_GENEVE[14:])), _UNTAGGED),
        passed(OVER_GENEVE, _UNTAGGED),
    ),
    live(
        "B8",
        Whose.REFUSES,
        "vlan and vxlan and arp",
        found(ethernet(IPV4, ip(UDP, vxlan(7, ARP_REQUEST))), _STRIPPED),
        passed(ARP_REQUEST, _STRIPPED),
    ),
    live(
        "B8",
        Whose.KERNEL,
        "vlan and pppoes and ip",
        found(_PPPOE, _STRIPPED),
        found(ethernet(VLAN, vlan(5, PPPOE, _PPPOE[14:])), _UNTAGGED),
        passed(_PPPOE, _UNTAGGED),
    ),
    live(
        "B14",
        Whose.COMPILER,
        "pppoes and inbound",
        # read where the number of the queue is
        lost(_PPPOE, {Ancillary.TYPE: 0, Ancillary.QUEUE: 4}),
        taken(_PPPOE, {Ancillary.TYPE: 4, Ancillary.QUEUE: 0}),
    ),
    live(
        "B14",
        Whose.COMPILER,
        "pppoes and outbound",
        lost(_PPPOE, {Ancillary.TYPE: 4}),
        passed(_PPPOE, {Ancillary.TYPE: 0}),
    ),
    live(
        "B14",
        Whose.REFUSES,
        "vxlan and outbound",
        found(ethernet(IPV4, ip(UDP, vxlan(7, ARP_REQUEST))), {Ancillary.TYPE: 4}),
        passed(ARP_REQUEST, {Ancillary.TYPE: 4}),
    ),
    live(
        "B14",
        Whose.NEITHER,
        "inbound",
        found(TCP_OVER_IPV4, {Ancillary.TYPE: 0}),
        passed(TCP_OVER_IPV4, {Ancillary.TYPE: 4}),
    ),
    live(
        "#1482",
        Whose.NEITHER,
        "ifindex 7 and outbound",
        found(TCP_OVER_IPV4, {Ancillary.TYPE: 4, Ancillary.IFIDX: 7}),
        passed(TCP_OVER_IPV4, {Ancillary.TYPE: 4, Ancillary.IFIDX: 4}),
    ),
    live(
        "L6",
        Whose.NEITHER,
        "inbound and ifindex 7",
        found(TCP_OVER_IPV4, {Ancillary.TYPE: 0, Ancillary.IFIDX: 7}),
        linktype="NETANALYZER",
    ),
    live(
        "#1162",
        Whose.COMPILER,
        "(ether[len - 4:4] == 0x1d10c0da) and not (icmp or (vlan and icmp))",
        lost(UDP_OVER_IPV4 + _TRAILER, _STRIPPED),
        passed(ICMP_OVER_IPV4 + _TRAILER, _STRIPPED),
        passed(ICMP_OVER_IPV4 + _TRAILER, _UNTAGGED),
        passed(ethernet(VLAN, vlan(5, IPV4, ip(ICMP))) + _TRAILER, _UNTAGGED),
    ),
    live(
        "#1124",
        Whose.UNOPTIMIZED,
        "ether[-4048:1] = 1",
        lost(TCP_OVER_IPV4, _STRIPPED),
        passed(TCP_OVER_IPV4, _UNTAGGED),
    ),
    live(
        "#1434",
        Whose.KERNEL,
        "ip6 protochain 6",
        found(TCP_OVER_IPV6),
        found(ethernet(IPV6, ip6(DESTINATION_OPTIONS, destination_options(TCP, tcp(1024, 80))))),
        passed(ethernet(IPV6, ip6(DESTINATION_OPTIONS, destination_options(UDP, udp(1024, 80))))),
    ),
)

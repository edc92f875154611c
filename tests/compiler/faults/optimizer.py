"""What libpcap's optimizer makes of expressions that mean something else."""

from __future__ import annotations

from typing import Final

from tests.compiler.faults.common import (
    ARP_REQUEST,
    ICMP_OVER_IPV4,
    ICMP_OVER_IPV6,
    TCP_OVER_IPV4,
    TCP_OVER_IPV6,
    UDP_OVER_IPV4,
    Whose,
    found,
    lost,
    on,
    on_ethernet,
    passed,
    taken,
    to_all,
)
from tests.frames import (
    DATA,
    HERE,
    IPV4,
    IPV6,
    MANAGEMENT,
    SCTP,
    TCP,
    THERE,
    UDP,
    ethernet,
    ip,
    ip6,
    tcp,
    wlan,
)

OPTIMIZER: Final = (
    # Tests on one field again and again, other loads between: the optimizer takes one for another.
    on_ethernet(
        "A1", Whose.OPTIMIZER, "udp port 53 or arp or ether multicast or ip", lost(TCP_OVER_IPV4), found(ARP_REQUEST)
    ),
    on_ethernet("A2", Whose.OPTIMIZER, "host 192.0.2.9 or arp or ether multicast or ip", lost(TCP_OVER_IPV4)),
    on_ethernet(
        "A2",
        Whose.OPTIMIZER,
        "host 192.0.2.9 or ip6 or ether multicast or ip",
        lost(TCP_OVER_IPV4),
        found(TCP_OVER_IPV6),
    ),
    on_ethernet("A3", Whose.OPTIMIZER, "net fd00::/8 and udp or arp or multicast or ip6", lost(TCP_OVER_IPV6)),
    on_ethernet("A3", Whose.OPTIMIZER, "portrange 1-70 or arp or ether multicast or ip6", lost(ICMP_OVER_IPV6)),
    on_ethernet(
        "A3",
        Whose.OPTIMIZER,
        "ether broadcast or icmp6 or ip or multicast or ip6",
        lost(TCP_OVER_IPV6),
        found(TCP_OVER_IPV4),
    ),
    on_ethernet("A3", Whose.OPTIMIZER, "host 192.0.2.9 or port 80 or arp or multicast or ip6", lost(ICMP_OVER_IPV6)),
    on_ethernet(
        "A4",
        Whose.OPTIMIZER,
        "not host 192.0.2.1 and broadcast or port 80 or ip6 or ether multicast or arp",
        lost(ARP_REQUEST),
    ),
    on_ethernet(
        "A5",
        Whose.OPTIMIZER,
        "(udp port 53 and greater 60) or (icmp and len >= 2048)",
        taken(ICMP_OVER_IPV4),
        found(ICMP_OVER_IPV4 + bytes(2048)),
    ),
    on_ethernet(
        "A6",
        Whose.OPTIMIZER,
        "(ip proto 6 or greater 60) and ((greater 60 and sctp) and ip)",
        taken(UDP_OVER_IPV4),
        found(ethernet(IPV4, ip(SCTP))),
    ),
    on_ethernet(
        "A7",
        Whose.OPTIMIZER,
        "(ip host 192.0.2.1 or ether multicast) and (ip proto 6 and ether multicast)",
        taken(TCP_OVER_IPV4),
        found(to_all(TCP_OVER_IPV4)),
    ),
    on_ethernet(
        "A8",
        Whose.OPTIMIZER,
        "ip multicast or ip6 and not src port 443 and ether multicast or ip and icmp and multicast",
        taken(ICMP_OVER_IPV4),
        found(to_all(ICMP_OVER_IPV4)),
    ),
    on_ethernet(
        "A9",
        Whose.OPTIMIZER,
        "(port 80 and ((ip proto 6 or arp) or (1 > ether[1:4] or ip6)))",
        lost(to_all(TCP_OVER_IPV6)),
    ),
    on_ethernet("A10", Whose.OPTIMIZER, "(udp or net 0.0.0.0/0) or (ether multicast or ip6)", lost(TCP_OVER_IPV6)),
    on_ethernet(
        "A11",
        Whose.OPTIMIZER,
        "ip broadcast or ip broadcast",
        taken(TCP_OVER_IPV4),
        found(ethernet(IPV4, ip(UDP, to="192.0.2.255"))),
    ),
    on_ethernet("A11", Whose.OPTIMIZER, "ip broadcast or not ip broadcast", lost(TCP_OVER_IPV4), found(ARP_REQUEST)),
    on(
        "IEEE802_11",
        "A12",
        Whose.OPTIMIZER,
        "type mgt and not link[0] = 0 or type mgt",
        lost(wlan(MANAGEMENT)),
        found(wlan(0x80)),
    ),
    # The same mask and zero twice on one way: the optimizer takes the second test for the opposite of the first.
    on(
        "IEEE802_11",
        "B3",
        Whose.REFUSES_OPTIMIZED,
        "type mgt and dir tods or type mgt and dir fromds",
        found(wlan(MANAGEMENT, 2)),
        passed(wlan(MANAGEMENT, 1)),
        passed(wlan(DATA, 2)),
    ),
    on(
        "IEEE802_11",
        "B3",
        Whose.OPTIMIZER,
        "dir nods and broadcast or dir nods and type data",
        lost(wlan(DATA)),
        passed(wlan(DATA, 1)),
    ),
    on_ethernet(
        "B3",
        Whose.OPTIMIZER,
        "ip broadcast and tcp or ip broadcast and udp",
        taken(UDP_OVER_IPV4),
        passed(TCP_OVER_IPV4),
    ),
    on_ethernet(
        "B3",
        Whose.REFUSES_OPTIMIZED,
        "ip src net 0.0.0.0/8 and tcp or ip src net 0.0.0.0/8 and udp",
        found(ethernet(IPV4, ip(UDP, of="0.1.2.3"))),
        passed(UDP_OVER_IPV4),
    ),
    on_ethernet(
        "B3",
        Whose.REFUSES_OPTIMIZED,
        "ip6 src net 2001:db8::/33 and tcp or ip6 src net 2001:db8::/33 and udp",
        found(ethernet(IPV6, ip6(UDP))),
        passed(ethernet(IPV6, ip6(UDP, of="2001:db8:8000::1"))),
    ),
    on(
        "MTP2",
        "B3",
        Whose.REFUSES_OPTIMIZED,
        "fisu and sio 6 or fisu and sio 7",
        found(b"\0\0\0\7"),
        passed(b"\0\0\5\7"),
    ),
    on(
        "MTP2",
        "B3",
        Whose.REFUSES_OPTIMIZED,
        "sls 0 and sio 6 or sls 0 and sio 7",
        found(b"\0\0\5\7\0\0\0\0"),
        passed(b"\0\0\5\7\0\0\0\xf0"),
    ),
    on(
        "JUNIPER_ETHER",
        "B3",
        Whose.REFUSES_OPTIMIZED,
        "outbound and link[4] = 1 or outbound and link[4] = 2",
        found(b"MGC\0\2"),
        passed(b"MGC\1\2"),
    ),
    on(
        "DSA_TAG_BRCM",
        "B3",
        Whose.REFUSES,
        "inbound and ip or inbound and ip6",
        found(HERE + THERE + bytes(4) + b"\x86\xdd" + ip6(TCP)),
        passed(HERE + THERE + b"\x20\0\0\0" + b"\x86\xdd" + ip6(TCP)),
    ),
    on_ethernet(
        "B3",
        Whose.COMPILER,
        "byte 0 & 1 and not ip or byte 0 & 1",
        lost(to_all(TCP_OVER_IPV4)),
        lost(to_all(ARP_REQUEST)),
        passed(TCP_OVER_IPV4),
    ),
    on_ethernet("B5", Whose.OPTIMIZER, "1/2=1/3&&1>4/5&&1>6/7", lost(TCP_OVER_IPV4), lost(b"\0")),
    on_ethernet("#1699", Whose.OPTIMIZER, "1/2=1/3&&1>4/5&&1>6/7", lost(ARP_REQUEST)),
    on_ethernet(
        "#945",
        Whose.OPTIMIZER,
        "host 192.0.2.1 and not ((host 1.2.3.4 or host 5.6.7.8) and icmp) and not (host 5.6.7.8 or host 192.0.2.1)",
        taken(TCP_OVER_IPV4),
    ),
    on_ethernet("PR#1742", Whose.OPTIMIZER, "link[0:1] & 0xffffffff != 0", taken(bytes(60)), found(TCP_OVER_IPV4)),
    on_ethernet(
        "PR#1742", Whose.REFUSES_OPTIMIZED, "link[0:1] & 0xffffffff == 0", found(bytes(60)), passed(TCP_OVER_IPV4)
    ),
    on_ethernet(
        "#434", Whose.OPTIMIZER, "len <= 4294967295 & 2147483647 and len > 2147483647 + 0", taken(TCP_OVER_IPV4)
    ),
    on_ethernet(
        "#436", Whose.OPTIMIZER, "1 == 1 and 1 << 31 = 0x80000000 and 3 << 31 = 0x80000000", lost(TCP_OVER_IPV4)
    ),
    on_ethernet(
        "#437",
        Whose.OPTIMIZER,
        "(1 = 0) || (2147483648 / 4294967295 = 0) and (0 & 4294967295 = 0)",
        lost(TCP_OVER_IPV4),
    ),
    on_ethernet(
        "div by zero", Whose.OPTIMIZER, "0 = (0/ip[8])", taken(ethernet(IPV4, ip(TCP, ttl=0))), found(TCP_OVER_IPV4)
    ),
    on_ethernet("div by zero", Whose.OPTIMIZER, "0 != len and 0 = (0/(len&0))", taken(TCP_OVER_IPV4)),
    # Right in 1.10.3, wrong in others.
    on_ethernet(
        "#42",
        Whose.NEITHER,
        "tcp[0:2]>=79 and tcp[0:2]<=81",
        passed(TCP_OVER_IPV4),
        found(ethernet(IPV4, ip(TCP, tcp(80, 9)))),
    ),
    on_ethernet("#379", Whose.NEITHER, "ip[0xffffffee:4] == 0", passed(TCP_OVER_IPV4)),
    on_ethernet(
        "#112",
        Whose.NEITHER,
        "(ip[12:4]=0xc0000201 or ip[16:4]=0xc0000201) and (not ((ip[12:4]=0xc0000202 or ip[16:4]=0xc0000203)))",
        found(TCP_OVER_IPV4),
        passed(ethernet(IPV4, ip(TCP, of="192.0.2.2", to="192.0.2.1"))),
    ),
    # A load that only another clause needs is out of range: the packet is rejected, optimized or not.
    on_ethernet("#430", Whose.OPTIMIZER, "port 161 or ip", taken(TCP_OVER_IPV4[:20]), found(TCP_OVER_IPV4)),
    on_ethernet("#430", Whose.OPTIMIZER, "ether[1] > tcp[100] or ip", taken(TCP_OVER_IPV4), found(UDP_OVER_IPV4)),
)

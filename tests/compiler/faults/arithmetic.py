"""Arithmetic, ``protochain``, and what values mean."""

from __future__ import annotations

from typing import Final

from tests.compiler.faults.common import (
    DNS,
    ICMP_OVER_IPV4,
    OTHER,
    TCP_OVER_IPV4,
    UDP_OVER_IPV4,
    Whose,
    found,
    lost,
    on,
    on_ethernet,
    passed,
    taken,
)
from tests.frames import (
    AH,
    DESTINATION_OPTIONS,
    IPV4,
    TCP,
    UDP,
    authentication,
    destination_options,
    ethernet,
    ip,
    ip6,
    tcp,
    udp,
)

_BY_LENGTH = ethernet(IPV4, ip(UDP, udp(62, 7)))  # its source port is its length

ARITHMETIC: Final = (
    # What the right operand of an operator implies is forgotten.
    on_ethernet("B1", Whose.COMPILER, "1 + tcp[0] = 5", taken(OTHER), taken(UDP_OVER_IPV4), found(TCP_OVER_IPV4)),
    on_ethernet(
        "B1", Whose.COMPILER, "ip[0] + tcp[0] = 0x49", taken(UDP_OVER_IPV4), found(TCP_OVER_IPV4), passed(OTHER)
    ),
    on_ethernet("B1", Whose.COMPILER, "0 - ip[0] = 0xffffffbb", taken(OTHER), found(TCP_OVER_IPV4)),
    on_ethernet("3b", Whose.COMPILER, "2 * tcp[0] > 5", taken(UDP_OVER_IPV4), taken(OTHER), found(TCP_OVER_IPV4)),
    on_ethernet("3b", Whose.NEITHER, "tcp[0] * 2 > 5", passed(UDP_OVER_IPV4), passed(OTHER), found(TCP_OVER_IPV4)),
    on_ethernet("3b", Whose.COMPILER, "1 + ip[8] = 1", taken(OTHER), found(ethernet(IPV4, ip(TCP, ttl=0)))),
    on_ethernet("3b", Whose.COMPILER, "ether[0] + tcp[13] = 2", taken(ICMP_OVER_IPV4), passed(TCP_OVER_IPV4)),
    on_ethernet(
        "3b",
        Whose.COMPILER,
        "0 != (1*ip[8])",
        taken(ethernet(0x88B5, bytes(8) + b"\1" + bytes(30))),
        found(TCP_OVER_IPV4),
    ),
    # The first constant in the code of a right operand is taken for the value of it.
    *(
        on_ethernet("B2", Whose.REFUSES, expression, found(frame), passed(OTHER[:20]))
        for expression, frame in (
            ("len / ip[0] = 1", TCP_OVER_IPV4 + bytes(30)),
            ("len % ip[0] = 5", TCP_OVER_IPV4[:60].ljust(0x4A, b"\0")),
            ("1 << ip[40] = 1", TCP_OVER_IPV4),
        )
    ),
    *(
        on_ethernet("B2", Whose.REFUSES, expression, found(TCP_OVER_IPV4), found(b"\0"))
        for expression in ("5/(0+1)=5", "1 << (32 - 1) = 0x80000000", "1 >> (40 - 39) = 0")
    ),
    # Registers were used for two things at once.
    on_ethernet(
        "udp[0:2] = len",
        Whose.OPTIMIZER,
        "udp[0:2] = len or udp port 53",
        lost(DNS),
        found(_BY_LENGTH),
        passed(UDP_OVER_IPV4),
    ),
    on_ethernet(
        "tcp[0:2] = ip[4:2]",
        Whose.OPTIMIZER,
        "tcp[0:2] = ip[4:2] or tcp port 80",
        lost(TCP_OVER_IPV4),
        passed(UDP_OVER_IPV4),
    ),
    on_ethernet(
        "1 != (0&tcp[9])",
        Whose.OPTIMIZER,
        "1 != (0&tcp[9]) and src port 1024",
        lost(TCP_OVER_IPV4),
        passed(ICMP_OVER_IPV4),
    ),
    on_ethernet(
        "1 != (0&tcp[9])",
        Whose.UNOPTIMIZED,
        "1 != (0&tcp[9]) and src port 1024",
        taken(UDP_OVER_IPV4),
        passed(ICMP_OVER_IPV4),
    ),
    # Offsets wrap around; libpcap's interpreter does not.
    on_ethernet("B10", Whose.UNOPTIMIZED, "ip[0xfffffffe:2] = 0x800", lost(TCP_OVER_IPV4)),
    on_ethernet("B10", Whose.UNOPTIMIZED, "ip[-2:2] = 0x800", lost(TCP_OVER_IPV4)),
    # Values that mean something else.
    on_ethernet(
        "ip multicast",
        Whose.COMPILER,
        "ip multicast",
        taken(ethernet(IPV4, ip(UDP, to="240.0.0.1"))),
        found(ethernet(IPV4, ip(UDP, to="224.0.0.1"))),
    ),
)

CHAINS: Final = (
    *(
        on(
            "IPV6",
            "B6",
            Whose.COMPILER,
            expression,
            lost(ip6(AH, authentication(DESTINATION_OPTIONS, destination_options(TCP, tcp(1024, 80))))),
            lost(ip6(AH, authentication(AH, authentication(TCP, tcp(1024, 80))))),
            found(ip6(AH, authentication(TCP, tcp(1024, 80)))),
            found(ip6(DESTINATION_OPTIONS, destination_options(AH, authentication(TCP, tcp(1024, 80))))),
        )
        for expression in ("ip6 protochain 6", "protochain 6")
    ),
    on(
        "IPV4",
        "B6",
        Whose.COMPILER,
        "ip protochain 6",
        lost(ip(AH, authentication(AH, authentication(TCP, tcp(1024, 80))))),
        found(ip(AH, authentication(TCP, tcp(1024, 80)))),
    ),
    # Nothing is walked into but extension headers.
    on("IPV4", "#1133", Whose.NEITHER, "protochain 47", found(ip(47)), found(ip(AH, authentication(47, bytes(20))))),
    on("IPV4", "#1133", Whose.NEITHER, "protochain 6", passed(ip(47, b"\0\0\x08\0" + ip(TCP)))),
)

"""Where the fields of a link type are."""

from __future__ import annotations

from typing import Final

from tests.compiler.faults.common import (
    ISIS,
    TCP_OVER_IPV4,
    Whose,
    found,
    lost,
    on,
    passed,
    pflog,
    taken,
)
from tests.frames import (
    ARP,
    IPV6,
    TCP,
    THERE,
    UDP,
    arp,
    destination_options,
    ethernet,
    ip,
    ip6,
    snap,
    tcp,
    udp,
)


def _frelay(nlpid: int, payload: bytes) -> bytes:
    """A two-byte Q.922 address, unnumbered information, and the network layer protocol identifier."""
    return b"\x18\x41\3" + bytes((nlpid,)) + payload


def _cooked(protocol: int, payload: bytes) -> bytes:
    return b"\0\0\0\1\0\6" + THERE + b"\0\0" + protocol.to_bytes(2) + payload


def _cooked2(protocol: int, payload: bytes) -> bytes:
    return protocol.to_bytes(2) + b"\0\0\0\0\0\7\0\1\0\6" + THERE + b"\0\0" + payload


def _mtp2(*, opc: int, dpc: int, extended: int = 0) -> bytes:
    """A message signal unit with the routing label of ITU-T Q.704, which is little-endian."""
    return bytes(extended) + b"\0\0\5\3" + (opc << 14 | dpc).to_bytes(4, "little")


def _ipnet(hook: int) -> bytes:
    return b"\1\2" + hook.to_bytes(2) + bytes(20) + ip(TCP)


def _juniper(header: int, payload: bytes, *, incoming: int = 1) -> bytes:
    """A record whose header has that many bytes."""
    return (b"MGC" + bytes((incoming,))).ljust(header, b"\0") + payload


_ARP8: Final = b"\0\1\x08\0\x08\4\0\1" + bytes(8) + bytes((192, 0, 2, 1)) + bytes(30)
_UDP6: Final = ethernet(IPV6, ip6(UDP, udp(8000, 9, b"\0\0\1")))
_UDP6_BEHIND_OPTIONS: Final = ethernet(IPV6, ip6(0, destination_options(UDP, udp(8000, 9))))

LINK_TYPES: Final = (
    *(
        on(linktype, item, Whose.COMPILER, expression, *packets)
        for item in ("B11", "L1")
        for linktype, header in (("SLIP", 16), ("SLIP_BSDOS", 24))
        for expression, packets in (
            ("ip", (lost(bytes(header) + ip(TCP)), taken(b"\x45" + bytes(header - 1) + ip6(TCP)))),
            ("ip6", (lost(bytes(header) + ip6(TCP)), taken(b"\x60" + bytes(header - 1) + ip(TCP)))),
            ("tcp port 80", (lost(bytes(header) + ip(TCP, tcp(1024, 80))), passed(bytes(header) + ip(UDP)))),
        )
    ),
    *(
        on("FRELAY", item, Whose.COMPILER, expression, lost(right), passed(wrong))
        for item in ("B21", "L2")
        for expression, right, wrong in (
            ("tcp port 80", _frelay(0xCC, ip(TCP, tcp(1024, 80))), _frelay(0xCC, ip(TCP, tcp(1024, 81)))),
            ("ip src host 192.0.2.1", _frelay(0xCC, ip(TCP)), _frelay(0xCC, ip(TCP, of="192.0.2.7"))),
            ("ip[0] = 0x45", _frelay(0xCC, ip(TCP)), _frelay(0x8E, ip6(TCP))),
            ("ip6 and tcp", _frelay(0x8E, ip6(TCP)), _frelay(0x8E, ip6(UDP))),
            ("isis proto 20", b"\x18\x41\3" + ISIS[3:], b"\x18\x41\3" + ISIS[3:7] + bytes(20)),
        )
    ),
    *(
        on("LINUX_SLL", "B12", Whose.COMPILER, expression, lost(_cooked(4, octets)), passed(_cooked(0x800, ip(TCP))))
        for expression, octets in (
            ("isis", ISIS),
            ("clnp", b"\xfe\xfe\3\x81" + bytes(20)),
            ("esis", b"\xfe\xfe\3\x82" + bytes(20)),
            ("iso proto 0x83", ISIS),
            ("isis proto 20", ISIS),
        )
    ),
    *(
        on(
            "LINUX_SLL2",
            item,
            Whose.COMPILER,
            expression,
            lost(_cooked2(4, octets)),
            taken(_cooked2(number, bytes(30))),
        )
        for item in ("B13", "L4")
        for expression, octets, number in (
            ("iso", ISIS, 0xFE),
            ("stp", b"\x42\x42\3" + bytes(20), 0x42),
            ("ipx", b"\xe0\xe0\3" + bytes(20), 0xE0),
            ("netbeui", b"\xf0\xf0\3" + bytes(20), 0xF0),
            ("ether proto 6", b"\6\6\3" + bytes(20), 6),
        )
    ),
    on("LINUX_SLL2", "L4", Whose.COMPILER, "ipx", lost(_cooked2(1, b"\xff\xff" + bytes(30)))),
    on("LINUX_SLL2", "L4", Whose.COMPILER, "atalk", lost(_cooked2(4, snap(0x080007, 0x809B, bytes(20))))),
    on("LINUX_SLL2", "L4", Whose.COMPILER, "aarp", lost(_cooked2(4, snap(0, 0x80F3, bytes(20))))),
    *(
        on("MTP2", item, Whose.COMPILER, expression, *packets)
        for item in ("B7", "L12")
        for expression, packets in (
            ("opc > 5", (lost(_mtp2(opc=0x100, dpc=0)), found(_mtp2(opc=6, dpc=0)), passed(_mtp2(opc=5, dpc=0x3FFF)))),
            (
                "dpc >= 0x100",
                (taken(_mtp2(opc=6, dpc=0xFF)), taken(_mtp2(opc=0, dpc=1)), found(_mtp2(opc=0, dpc=0x100))),
            ),
            ("opc <= 5", (taken(_mtp2(opc=0x100, dpc=0)), found(_mtp2(opc=5, dpc=9)))),
            (
                "dpc < 0x100",
                (lost(_mtp2(opc=6, dpc=0xFF)), lost(_mtp2(opc=0, dpc=1)), passed(_mtp2(opc=0, dpc=0x3FFF))),
            ),
            ("hopc > 5", (lost(_mtp2(opc=0x100, dpc=0, extended=3)), passed(_mtp2(opc=5, dpc=0, extended=3)))),
            ("hdpc >= 0x100", (taken(_mtp2(opc=6, dpc=0xFF, extended=3)), found(_mtp2(opc=0, dpc=0x100, extended=3)))),
        )
    ),
    on("MTP2", "B7", Whose.NEITHER, "opc = 0x1234", found(_mtp2(opc=0x1234, dpc=5)), passed(_mtp2(opc=5, dpc=5))),
    on("MTP2", "B7", Whose.COMPILER, "dpc != 5", lost(_mtp2(opc=5, dpc=6)), taken(_mtp2(opc=6, dpc=5))),
    on("IPNET", "L13", Whose.COMPILER, "inbound", lost(_ipnet(0)), found(_ipnet(2)), passed(_ipnet(1))),
    on("IPNET", "L13", Whose.NEITHER, "outbound", found(_ipnet(1)), passed(_ipnet(0)), passed(_ipnet(2))),
    *(
        on(
            f"JUNIPER_{name}",
            "L5",
            Whose.COMPILER,
            "isis",
            lost(_juniper(header, b"\x83" + bytes(30))),
            taken(_juniper(header - 1, b"\x83" + bytes(30))),
        )
        for name, header in (("GGSN", 12), ("MONITOR", 12), ("PPPOE_ATM", 6))
    ),
    *(
        on(
            f"JUNIPER_{name}",
            "L5",
            Whose.COMPILER,
            "isis",
            lost(_juniper(4, b"\x83" + bytes(30))),
            passed(_juniper(5, b"\x83" + bytes(30))),
        )
        for name in ("PPP", "CHDLC", "FRELAY", "MFR", "MLFR", "MLPPP")
    ),
    # Where nothing is known of the header: as libpcap has it.
    on(
        "JUNIPER_ES",
        "L5",
        Whose.NEITHER,
        "ip src host 192.0.2.1",
        found(_juniper(10, bytes((192, 0, 2, 1)))),
        passed(_juniper(12, bytes((192, 0, 2, 1)))),
    ),
    on("JUNIPER_ST", "L5", Whose.NEITHER, "clnp", passed(_juniper(4, b"\x81" * 40))),
    *(
        on("JUNIPER_ETHER", "B19", Whose.NEITHER, expression, found(_juniper(60, b"")), passed(bytes(60)))
        for expression in ("arp", "ip6", "stp", "ether proto 100000", "iso")
    ),
    on("PFLOG", "B18", Whose.NEITHER, "on em1", found(pflog(b"em1")), found(pflog(b"em10")), passed(pflog(b"em2"))),
    on(
        "ENC",
        "#74",
        Whose.COMPILER,
        "ip",
        lost(b"\0\0\0\2" + bytes(8) + ip(TCP)),
        found(b"\2\0\0\0" + bytes(8) + ip(TCP)),
    ),
    on("NULL", "#74", Whose.COMPILER, "ip", lost(b"\0\0\0\2" + ip(TCP)), found(b"\2\0\0\0" + ip(TCP))),
    on("ARCNET", "#1516", Whose.COMPILER, "ip", taken(b"\1\2\xf0" + ip(TCP)), found(b"\1\2\xd4\0\0\1" + ip(TCP))),
    on("ARCNET", "#1516", Whose.COMPILER, "arp", taken(b"\1\2\xf1" + arp()), found(b"\1\2\xd5\0\0\1" + arp())),
    on(
        "NETANALYZER",
        "L6",
        Whose.NEITHER,
        "stp",
        found(bytes(4) + ethernet(60, b"\x42\x42\3")),
        passed(bytes(4) + TCP_OVER_IPV4),
    ),
    # An address is expected to have six bytes.
    on(
        "EN10MB",
        "#1515",
        Whose.NEITHER,
        "arp host 192.0.2.1",
        found(ethernet(ARP, arp())),
        passed(ethernet(ARP, _ARP8)),
    ),
    # Ports are looked for in IPv4 and right behind the header of IPv6.
    on("EN10MB", "#600", Whose.REFUSES_OPTIMIZED, "ip6 and udp[10]&1 !=0", passed(_UDP6)),
    on("EN10MB", "#1207", Whose.REFUSES_OPTIMIZED, "ip6 and tcp[tcpflags] & tcp-syn != 0", passed(_UDP6)),
    on("EN10MB", "#66", Whose.NEITHER, "port 8000", found(_UDP6), passed(_UDP6_BEHIND_OPTIONS)),
)

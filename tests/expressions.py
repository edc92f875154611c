"""Expressions to test with: a table that covers the language, names with fixed answers, random expressions."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from cbpf.language.names import Names, Service

from .shared import LINKTYPES


class FixedNames(Names):
    """A network with a few hosts in it, whatever the system's databases say."""

    def service(self, name: str) -> Service | None:
        known = {"web": Service(80, "tcp"), "names": Service(53, None), "time": Service(123, "udp")}
        return known.get(name)

    def protocol(self, name: str) -> int | None:
        return {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58}.get(name)

    def hosts(self, name: str) -> tuple[list[int], list[int]]:
        return {
            "router": ([0x0A000001, 0x0A000101, 0x0A000201], [0xFE80 << 112 | 1, 0x20010DB8 << 96 | 1]),
            "printer": ([0x0A000002], []),
            "lamp": ([], [0xFD << 120 | 2]),
        }.get(name, ([], []))

    def network(self, name: str) -> int | None:
        return {"office": 0x0A000000, "loop": 0x7F000000}.get(name)

    def ethernet(self, name: str) -> int | None:
        return {"router": 0x001122334455, "printer": 0x66778899AABB}.get(name)


# What an expression matches is decided without names, except that these stand for something only in FixedNames.
NAMED: Final = (
    "host router",
    "src and dst host router",
    "ip host router or ip6 host router",
    "not host (router or printer)",
    "host lamp and tcp",
    "arp host router",
    "ether host printer",
    "gateway router",
    "ip gateway router and not port web",
    "net office",
    "net (office or loop)",
    "port web",
    "udp port names",
    "portrange names-web",
    "port (web or time) or 8080",
    r"ip proto \tcp or \icmp",
    r"proto ipv6-icmp",
)

_ETHERNET = (
    "",
    # booleans
    "not tcp",
    "not (tcp or udp) and not (arp or rarp)",
    "tcp and not not udp or icmp",
    "ip and (tcp or udp) and (port 80 or port 443) and not (src port 22 or dst port 22)",
    "(ip or ip6) and (tcp or udp) and not (ip or arp)",
    "port not (80 or (443 and not 22))",
    "tcp port 22 and (udp port 80) or 443",
    # protocols
    *"ip ip6 arp rarp atalk aarp decnet lat sca moprc mopdl iso stp ipx netbeui clnp esis isis llc multicast".split(),
    *"tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp l1 l2 iih lsp snp csnp psnp broadcast vlan mpls".split(),
    *(f"llc {kind}" for kind in "i s u rr rnr rej ui ua disc dm sabme test xid frmr".split()),
    r"ether proto \ipx or ether proto 6 or ether proto 0x88cc",
    "ether proto lldp or ether proto slow",
    "ip proto 47 or ip6 proto 0",
    "isis proto 0x1f",
    "ip multicast or ip6 multicast",
    # addresses
    "host 10.0.0.1",
    "src and dst host 10.0.0.1",
    "src host 10.0.0.1 and dst net 192.168.0.0/16",
    "net 0.0.0.0/0 and not net 128.0.0.0/1",
    "net 10.1.0.0 mask 255.255.0.0 or net 172.16",
    "host 2001:db8::1 or net fe80::/10 or net 2001:db8:8000::/33",
    "src net ::/0",
    "ether src 00:11:22:33:44:55 or ether dst 66:77:88:99:aa:bb",
    "arp src host 10.0.0.1 and rarp dst host 10.0.0.2 or arp net 10",
    "decnet host 1.2",
    "decnet src 10.15 and decnet dst 1.2",
    # ports
    "port 80",
    "tcp src port 80 or 443",
    "udp dst port 53 and not src port 53",
    "portrange 6000-6063",
    "sctp dst portrange 100-50",
    "src port 80 and dst port 80",
    "port 80 or 443 or 22 or 25 or 53 or 8080 or 8443 or 3128",
    # relations
    "ip[0] & 0xf != 5",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "icmp[icmptype] = icmp-unreach and icmp[icmpcode] = 4",
    "icmp6[icmp6type] = icmp6-neighborsolicit",
    "1 + tcp[0] = 5 or ip[0] + udp[0] = 5",
    "0 - ip[0] = 0xffffffbb",
    "len / ip[8] = 1 or len % ip[9] = 1",
    "len / (ip[8] - 64) = 1",
    "0 = (0/ip[8]) or arp",
    "0 != len and 0 = (0/(len&0))",
    "1 << ip[8] = 16 and ether[0] >> ip[1] = 0",
    "ip[2:2] << (len - 40) = 0x28 or ip[2:2] >> 3 >> 1 = 2",
    "(1 << (32 - 1) = 0x80000000) and tcp",
    "ether[0] * ether[1] + ether[2] - ether[3] = 7 or ether[4:4] ^ ip6[4:2] % 7 = 3",
    "-ip[8] > 5 and - ip[8] * 2 <= len",
    "ether[len - 4:4] = 0x1d10c0da",
    "ip[ip[0] & 0xf] = 3 and tcp[tcp[12] >> 2] = 0x47",
    "ip[-2:2] = 0x0800 or ip[0xfffffffe:2] = 0x86dd",
    "tcp[-1] = 6 or ether[0xffffffff] = 1",
    "len > 60 and len < 1500 and less 100 or greater 1000",
    "byte 0 & 1 and not byte 1 | 0",
    "byte 14 > 0x45 or byte 0 < 3 or byte 5 = 7",
    "ether[0] & 1 = 0 and ether[6] = ether[0] or ether[0:2] > ether[6:2]",
    "udp[0:2] = len or udp port 53",
    "tcp[0:2] = ip[4:2] or tcp port 80",
    "1 != (0&tcp[9]) and src port 443",
    "tcp[0:2] >= 79 and tcp[0:2] <= 81",
    "link[0] & 0xffffffff != 0",
    "1/2=1/3&&1>4/5&&1>6/7",
    "len >= 0x80000000 & 0x80000000 or len < 0 | 0x80000000",
    "len <= 0xffffffff & 0x7fffffff and len > 0x7fffffff + 0",
    # encapsulation
    "vlan 100 and tcp port 80",
    "vlan and vlan 200 and ip6",
    "vlan 2 or vlan 3",
    "(vlan and ip) or arp",
    "mpls 100 and mpls 200 and host 10.0.0.1",
    "vlan 5 and mpls and ip6",
    "(mpls && mpls && port 161) or (mpls && port 161)",
    "pppoed or pppoes 7 and ip and tcp port 80",
    "vlan and pppoes and (ip6 or arp)",
    "pppoes and mpls and udp",
    # known to be compiled wrong elsewhere
    "udp port 53 or arp or ether multicast or ip",
    "net fd00::/8 and udp or arp or multicast or ip6",
    "(udp port 53 and greater 100) or (icmp and len >= 2048)",
    "(ip proto 6 or greater 100) and ((greater 100 and sctp) and ip)",
    "(ip host 10.0.0.1 or ether multicast) and (ip proto 6 and ether multicast)",
    "ip multicast or ip6 and not src port 443 and ether multicast or ip and icmp and multicast",
    "(port 80 and ((ip proto 6 or arp) or (1 > ether[1:4] or ip6)))",
    "ip broadcast and tcp or ip broadcast and udp",
    "ip broadcast or not ip broadcast",
    "ip src net 0.0.0.0/8 and tcp or ip src net 0.0.0.0/8 and udp",
    "byte 0 & 1 and not ip or byte 0 & 1",
    "host 10.0.0.1 and not ((host 10.0.0.2 or host 10.0.0.3) and icmp) and not (host 10.0.0.3 or host 10.0.0.1)",
    "(ip[12:4]=0x0a0a0a0a or ip[16:4]=0x0a0a0a0a) and (not ((ip[12:4]=0x0a0a0a0b or ip[16:4]=0x0a0a0a0b)))",
    "port 161 or ip",
    "ether[1] > tcp[100] or ip",
)

# Tunnels in tunnels, and walks through extension headers: not in every libpcap, or not without loops.
_TUNNELS = (
    "geneve",
    "geneve 7 and tcp port 80",
    "vxlan 7 and ip",
    "vxlan and (arp or ether broadcast)",
    "vxlan or ip",
    "not vxlan and udp",
    "not (geneve or vxlan)",
    "(vxlan and tcp) or (geneve and udp) or icmp",
    "vlan and vxlan 5 and vlan 6 and host 10.0.0.1",
    "geneve and vxlan and ip6 and port 53",
    "mpls and geneve and ip",
    "pppoes and vxlan and ether host 00:11:22:33:44:55",
    "protochain 6",
    "ip protochain 51 or udp",
    "ip6 protochain 58 and not tcp",
    "vlan and ip6 protochain 17",
)

_COOKED = (
    "inbound",
    "outbound and tcp",
    "not inbound or udp port 53",
    "atalk or aarp or iso or ipx or netbeui or stp",
    "isis proto 20 or clnp",
    "host 10.0.0.1 and (arp or tcp)",
    "link[0:2] = 4 or link[6] & 1 = 1",
    "portrange 20-30 or ip6 net fe80::/10",
    "pppoes and ip",
)

_NO_ETHERNET = (
    "",
    "ip",
    "not ip6",
    "tcp or udp",
    "host 10.0.0.1 or net 2001:db8::/32",
    "src net 10 and dst port 53 and not icmp",
    "port 80 or 443",
    "icmp6 or igmp or ah",
    "tcp[13] & 7 != 0 or udp[4:2] > 100",
    "ip[0] >> 4 = 4 and link[0] & 15 > 5",
    "arp or ip multicast or ip6 multicast",
    "not arp and not rarp and len > 100",
    "ip broadcast or byte 1 & 3",
)

EXPRESSIONS: Final = (
    *(("EN10MB", expression) for expression in _ETHERNET),
    *((linktype, expression) for linktype in ("LINUX_SLL", "LINUX_SLL2") for expression in _COOKED),
    ("LINUX_SLL2", "ifindex 7 and not ifindex 8"),
    ("LINUX_SLL2", "ether proto 0x88cc or ether proto 6"),
    *((linktype, expression) for linktype in LINKTYPES[1:] for expression in _NO_ETHERNET),
)
TUNNELS: Final = (
    *(("EN10MB", expression) for expression in _TUNNELS),
    *(("RAW", expression) for expression in ("vxlan and arp", "geneve 3 or vxlan 4", "protochain 6 or udp")),
    ("LINUX_SLL", "geneve and geneve and tcp"),
    ("IPV6", "ip6 protochain 6 and vxlan and ip"),
    ("NULL", "vxlan and icmp or not udp"),
)
NETMASK: Final = "255.255.255.0"

# Random expressions.

_CONDITIONS = {
    "": (
        "ip ip6 tcp udp sctp icmp icmp6 igmp pim ah host~10.0.0.1 src~host~10.0.0.2 dst~host~fe80::1 net~10.0.0.0/8 "
        "src~and~dst~net~10 net~fe80::/10 ip~host~10.0.0.1 dst~net~2001:db8::/33 net~128.0.0.0/1 port~80 port~53 "
        "src~port~80 dst~port~53 tcp~port~80 udp~port~53 tcp~dst~port~443 portrange~50-100 udp~src~portrange~53-80 "
        "sctp~port~80 less~60 greater~60 less~100 greater~1000 ip~proto~6 ip6~proto~17 proto~17 ip~proto~51 "
        "ip~multicast ip6~multicast arp rarp arp~host~10.0.0.1 ip~broadcast byte~0~&~1 byte~14~=~0x45 byte~9~>~5 "
        "port~(80~or~53) host~(10.0.0.1~or~10.0.0.2) protochain~6 ip6~protochain~58 src~net~0.0.0.0/0"
    ),
    "EN10MB": (
        "broadcast multicast ether~multicast ether~host~00:11:22:33:44:55 ether~src~00:11:22:33:44:55 vlan vlan~100 "
        "mpls mpls~100 pppoes pppoes~7 pppoed llc llc~u stp ipx iso isis l1 atalk decnet vxlan vxlan~7 geneve "
        "ether~proto~0x800 ether~proto~0xfe decnet~host~1.2"
    ),
    "LINUX_SLL": "inbound outbound atalk iso ipx stp ether~proto~0x800 vxlan",
    "LINUX_SLL2": "inbound outbound ifindex~7 atalk iso ether~proto~0x800 geneve",
    "RAW": "vxlan~7 geneve",
    "NULL": "vxlan",
}
_NUMBERS = st.sampled_from(
    "0 1 2 4 5 6 7 15 17 20 31 40 60 64 80 100 0xff 0x800 0xffff 0x86dd 0x45000000 0x80000000 0xfffffffe "
    "0xffffffff".split()
)
_BYTES = st.sampled_from(
    "link[0] link[6] link[12:2] link[0:4] link[14:4] ip[0] ip[2:2] ip[6:2] ip[8] ip[9] ip[12:4] ip6[6] ip6[8:4] "
    "tcp[13] tcp[0:2] tcp[12] udp[0:2] udp[2:2] udp[4:2] icmp[0] icmp6[0] len len".split()
)
_OPERATORS = st.sampled_from("+ - * / % & | ^ << >> & & +".split())
_RELATIONS = st.sampled_from("= != < > <= >=".split())


def _arithmetic(operands: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    protocols = st.sampled_from("link ip ip6 tcp udp icmp".split())
    sizes = st.sampled_from(["", ":1", ":2", ":4"])
    return st.one_of(
        st.builds("({} {} {})".format, operands, _OPERATORS, operands),
        st.builds("{} {} {}".format, operands, _OPERATORS, operands),
        st.builds("-{}".format, operands),
        st.builds("{}[{}{}]".format, protocols, operands, sizes),
    )


_VALUES = st.recursive(st.one_of(_NUMBERS, _BYTES), _arithmetic, max_leaves=5)
_COMPARISONS = st.builds("{} {} {}".format, _VALUES, _RELATIONS, _VALUES)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.sampled_from(["and", "or"])
    return st.one_of(
        st.builds("{} {} {}".format, parts, words, parts),
        st.builds("({} {} {})".format, parts, words, parts),
        st.builds("not ({})".format, parts),
    )


def conditions(linktype: str) -> list[str]:
    """Simple conditions that make sense on a link type."""
    return [text.replace("~", " ") for key in ("", linktype) for text in _CONDITIONS.get(key, "").split()]


def combined(leaves: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    """Up to that many conditions, joined at random by and, or, not and parentheses."""
    return st.recursive(leaves, _joined, max_leaves=most)


def expressions(linktype: str, most: int = 8) -> st.SearchStrategy[str]:
    """Random expressions for a link type. Some are refused: `arp` behind `mpls`, division by a constant 0."""
    condition = st.sampled_from(conditions(linktype))
    negated = st.builds("not {}".format, condition)
    return combined(st.one_of(condition, condition, negated, _COMPARISONS), most)

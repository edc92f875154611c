"""Expressions that cover the language, by the link types and what these have."""

from __future__ import annotations

from typing import Final

from tests.linktypes import KNOWN, LINKTYPES, has

_ETHERNET = (
    "",
    # booleans
    "not tcp",
    "not (tcp or udp) and not (arp or rarp)",
    "tcp and not not udp or icmp",
    "ip and (tcp or udp) and (port 80 or port 443) and not (src port 22 or dst port 22)",
    "(ip or ip6) and (tcp or udp) and not (ip or arp)",
    "port not (80 or (443 and not 22))",
    # divisions by a byte, between other tests of it
    "not (link[0] = 5 or link[0] = 9 or 8/link[0] = 2)",
    "link[0] != 6 and 8/link[0] != 8 and link[0] != 5",
    "link[0] < 2 and not 8/link[0] = 8",
    "link[0] = 1 or 9 % link[0] = 4 or link[0] = 2 or not link[0] > 3",
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
    "iso or stp or ipx or netbeui",
    "rarp or atalk or aarp",
    "clnp or iso proto 0x80",
    "ether proto 0x88cc or ether proto 6 or ether proto 0x21",
    "decnet[0] = 1 or ip6[6] = 58 or icmp6[0] = 3",
    "decnet host 1.2",
    "pppoed or pppoes 7 and ip and tcp port 80",
)


# By what a link type must have for them.
_FEATURED = {
    "ethertypes": (
        "arp or rarp host 10.0.0.1",
        "atalk or aarp or decnet or lat",
        "esis or clnp or isis",
        "l1 or iih or csnp",
        "arp[6:2] = 1 or rarp[0] = 0",
        "decnet src 10.15 or decnet dst 1.2",
        "pppoes and ip6",
    ),
    "mac48": (
        "ether host 00:11:22:33:44:55",
        "ether src 00:11:22:33:44:55 or ether dst 66:77:88:99:aa:bb",
        "ether src and dst 00:11:22:33:44:55 and tcp",
    ),
    "mac8": ("ether host $21", "ether src $3 or ether dst $21", "ether src and dst $21"),
    "broadcast": ("broadcast", "not ether broadcast and len > 30"),
    "multicast": ("multicast", "not multicast or ip[0] = 0x45"),
    "vlan": ("vlan 5", "vlan and ip6", "vlan 100 and vlan 200 and arp", "(vlan and tcp) or udp"),
    "mpls": ("mpls", "mpls 100 and ip", "mpls and mpls 18 and ip6 host 2001:db8::1", "(mpls and udp) or len > 50"),
    "llc": ("llc", *(f"llc {kind}" for kind in "i s u rr rnr rej ui ua disc dm sabme test xid frmr".split())),
    "wlan": (
        *(f"type {kind}" for kind in "mgt ctl data 0 4 8 12".split()),
        *(f"dir {direction}" for direction in "nods tods fromds dstods 0 1 2 3".split()),
        *(f"wlan {field} 00:11:22:33:44:55" for field in "addr1 addr2 addr3 addr4".split()),
        *(f"subtype {kind}" for kind in "assoc-req reassoc-resp beacon atim deauth ps-poll rts cts ack".split()),
        *(f"subtype {kind}" for kind in "data data-cf-ack-poll null qos-data qos qos-cf-ack-poll cf-end-ack".split()),
        "type mgt subtype probe-resp or type ctl subtype cf-end",
        "type data subtype 0x80",
        "type mgt and dir tods or type data and dir fromds and tcp",
        "not type data and not type ctl",
        "wlan addr1 host 00:11:22:33:44:55 and not wlan addr2 66:77:88:99:aa:bb",
        "link[0] & 0x0c = 8 and link[22:2] > 0x100",
    ),
    "radio": ("radio[2] > 8", "radio[0:4] = 0x44 or link[0] = 8", "radio[8] & 0x20 != 0 and tcp port 80"),
    "direction": ("inbound", "outbound", "inbound and tcp or outbound and udp", "not outbound"),
    "ifindex": ("ifindex 7 and not ifindex 8",),
    "ss7": (
        *"fisu lssu lsu msu hfisu hlssu hmsu".split(),
        "sio 3 or hsio 131",
        "opc 0x1234 and dpc 5",
        "hopc 256 or hdpc = 0x3fff",
        "sls 0 and not hsls 7",
        "msu and sio (3 or 5 or 0x83)",
        "opc (5 or 256 or 4660)",
        "link[3] = 3 or len < 10",
        "fisu and sio 6 or fisu and sio 7",
    ),
    "atm": (
        *"lane oam oamf4 oamf4ec oamf4sc sc ilmic metac bcc connectmsg metaconnect".split(),
        "vpi 1 and vci 33",
        "vpi < 7 or vci >= 16",
        "vci (1 or 5 or 33)",
        "vpi <= 1 and vci > 3",
        "lane and ip",
        "lane and ether host 00:11:22:33:44:55",
        "lane and (broadcast or multicast)",
        "lane and vlan 5 and tcp port 80",
        "lane and llc u",
        "lane and iso",
        "lane and mpls and ip",
        "lane and pppoes and ip",
        "(lane and tcp) or udp",
        "not lane and len > 20",
        "ip or lane",
    ),
    "pflog": (
        "on em1",
        "ifname pflog0 and rset a",
        "ruleset em10 or not ifname lo",
        "rnr 5 and not srnr 1",
        "rulenum 7 or subrulenum 0",
        *(f"reason {reason}" for reason in "match bad-offset short memory synproxy 3 255".split()),
        *(f"action {action}" for action in "pass accept drop block scrub nat rdr synproxy-drop".split()),
        "action drop and ip and tcp port 80",
    ),
}

# What is right in the versions of libpcap that differ from each other, or that is mended here.
_FEATURED_OTHERWISE = {
    "wlan": (
        "wlan ra 00:11:22:33:44:55",
        "wlan ta host 66:77:88:99:aa:bb and len > 20",
        "subtype bar or subtype ba",
    ),
    "ss7": ("opc > 5", "dpc >= 256", "hopc <= 0x1234", "hdpc < 256", "sls != 5", "sio != 3 and hsio > 5"),
    "atm": ("vpi != 1", "not vci != 33"),
    "pflog": ("action defer or action nat64", "reason translate or reason no-route"),
    "protocols": ("vxlan 7 and arp", "geneve and arp", "(vxlan and ip) or tcp", "pppoes and tcp"),
}

# Where filters know only bytes, and everywhere else.
_BYTES = (
    "",
    "len > 100 or less 20",
    "greater 60 and link[0] & 1 = 0",
    "ether[len - 4:4] = 0x1d10c0da",
    "byte 1 = 7 or link[2:2] > 100",
    "not byte 0 < 3 and fddi[4:4] != 0",
)


def _featured(rows: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(name, row) for name in KNOWN for feature in rows if has(name, feature) for row in rows[feature]]


EXPRESSIONS: Final = tuple(
    dict.fromkeys(
        [
            *(("EN10MB", expression) for expression in _ETHERNET),
            *((linktype, expression) for linktype in ("LINUX_SLL", "LINUX_SLL2") for expression in _COOKED),
            *((name, row) for name in KNOWN if has(name, "protocols") for row in _NO_ETHERNET),
            *((name, row) for name in LINKTYPES for row in _BYTES),
            *_featured(_FEATURED),
            *_featured(_FEATURED_OTHERWISE),
        ]
    )
)
TUNNELS: Final = (
    *(("EN10MB", expression) for expression in _TUNNELS),
    *(("RAW", expression) for expression in ("vxlan and arp", "geneve 3 or vxlan 4", "protochain 6 or udp")),
    ("LINUX_SLL", "geneve and geneve and tcp"),
    ("IPV6", "ip6 protochain 6 and vxlan and ip"),
    ("NULL", "vxlan and icmp or not udp"),
    *(
        (name, row)
        for name in KNOWN
        if has(name, "protocols") and not has(name, "variable header")
        for row in ("protochain 6", "ip6 protochain 58 and not tcp")
    ),
)
NETMASK: Final = "255.255.255.0"

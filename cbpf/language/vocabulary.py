"""The words of the filter language: keywords, named constants, and names that mean something in one place only.

Facts from pcap-filter(7) and the protocol standards it cites; see the README for where cbpf differs from libpcap.
"""

from __future__ import annotations

# Every spelling of every keyword, mapped to the spelling the rest of cbpf uses.
KEYWORDS: dict[str, str] = {
    alias: names[0]
    for names in (
        names.split("=")
        for names in (
            "and=&& or=|| not=! "
            "src dst addr1=address1 addr2=address2 addr3=address3 addr4=address4 ra ta "
            "host net mask port portrange proto protochain gateway "
            "link=ether=ppp=slip=fddi=tr=wlan radio "
            "ip ip6 arp rarp tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp "
            "atalk aarp decnet lat sca moprc mopdl iso esis=es-is isis=is-is clnp stp ipx netbeui "
            "l1 l2 iih lsp snp csnp psnp "
            "less greater byte broadcast multicast len=length inbound outbound ifindex "
            "vlan mpls pppoed pppoes geneve vxlan llc "
            "type subtype dir=direction "
            "on=ifname rset=ruleset rnr=rulenum srnr=subrulenum reason action "
            "lane metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect "
            "fisu lssu=lsu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc hdpc hsls"
        ).split()
    )
    for alias in names
}

DIRECTIONS = frozenset({"src", "dst", "addr1", "addr2", "addr3", "addr4", "ra", "ta"})
WLAN_DIRECTIONS = frozenset({"addr1", "addr2", "addr3", "addr4", "ra", "ta"})

# Type qualifiers that a direction may precede, and those that it may not.
DIRECTED_TYPES = frozenset({"host", "net", "port", "portrange"})
UNDIRECTED_TYPES = frozenset({"proto", "protochain", "gateway"})

PROTOCOLS = frozenset(
    "link radio ip ip6 arp rarp tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp atalk aarp decnet lat sca moprc "
    "mopdl iso esis isis clnp stp ipx netbeui l1 l2 iih lsp snp csnp psnp".split()
)

ATM_WORDS = frozenset("lane metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic connectmsg metaconnect".split())
SS7_WORDS = frozenset("fisu lssu msu hfisu hlssu hmsu".split())
ATM_FIELDS = frozenset({"vpi", "vci"})
SS7_FIELDS = frozenset("sio opc dpc sls hsio hopc hdpc hsls".split())

# Named numbers: field offsets (RFC 792, 9293, 4443), TCP flags (RFC 9293), ICMP types (RFC 792, 950, 1256) and
# ICMPv6 types (RFC 4443 and the registry IANA keeps for it).
CONSTANTS: dict[str, int] = {
    "icmptype": 0,
    "icmpcode": 1,
    "icmp6type": 0,
    "icmp6code": 1,
    "tcpflags": 13,
    **{f"tcp-{flag}": 1 << bit for bit, flag in enumerate(("fin", "syn", "rst", "push", "ack", "urg", "ece", "cwr"))},
    **{
        f"icmp-{name}": number
        for name, number in {
            "echoreply": 0,
            "unreach": 3,
            "sourcequench": 4,
            "redirect": 5,
            "echo": 8,
            "routeradvert": 9,
            "routersolicit": 10,
            "timxceed": 11,
            "paramprob": 12,
            "tstamp": 13,
            "tstampreply": 14,
            "ireq": 15,
            "ireqreply": 16,
            "maskreq": 17,
            "maskreply": 18,
        }.items()
    },
    **{
        f"icmp6-{name}": number
        for name, number in {
            "destinationunreach": 1,
            "packettoobig": 2,
            "timeexceeded": 3,
            "parameterproblem": 4,
            "echo": 128,
            "echoreply": 129,
            "multicastlistenerquery": 130,
            "multicastlistenerreportv1": 131,
            "multicastlistenerdone": 132,
            "routersolicit": 133,
            "routeradvert": 134,
            "neighborsolicit": 135,
            "neighboradvert": 136,
            "redirect": 137,
            "routerrenum": 138,
            "nodeinformationquery": 139,
            "nodeinformationresponse": 140,
            "ineighbordiscoverysolicit": 141,
            "ineighbordiscoveryadvert": 142,
            "multicastlistenerreportv2": 143,
            "homeagentdiscoveryrequest": 144,
            "homeagentdiscoveryreply": 145,
            "mobileprefixsolicit": 146,
            "mobileprefixadvert": 147,
            "certpathsolicit": 148,
            "certpathadvert": 149,
            "multicastrouteradvert": 151,
            "multicastroutersolicit": 152,
            "multicastrouterterm": 153,
        }.items()
    },
}

# `llc` kinds: control byte of IEEE 802.2, mask and value; I-format has bit 0 clear.
LLC_KINDS: dict[str, tuple[int, int]] = {
    "i": (0x01, 0x00),
    "s": (0x03, 0x01),
    "u": (0x03, 0x03),
    "rr": (0x0F, 0x01),
    "rnr": (0x0F, 0x05),
    "rej": (0x0F, 0x09),
    "ui": (0xEF, 0x03),
    "ua": (0xEF, 0x63),
    "disc": (0xEF, 0x43),
    "dm": (0xEF, 0x0F),
    "sabme": (0xEF, 0x6F),
    "test": (0xEF, 0xE3),
    "xid": (0xEF, 0xAF),
    "frmr": (0xEF, 0x87),
}

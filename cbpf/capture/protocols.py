"""Short names of protocols, for what is told about packets: those of IP by IANA's numbers, and EtherTypes by IEEE's."""

from __future__ import annotations

from typing import Final

PROTOCOLS: Final = {
    1: "icmp",
    2: "igmp",
    4: "ipip",
    6: "tcp",
    8: "egp",
    9: "igrp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    46: "rsvp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmp6",
    88: "eigrp",
    89: "ospf",
    103: "pim",
    108: "ipcomp",
    112: "vrrp",
    115: "l2tp",
    132: "sctp",
    136: "udplite",
}

ETHERTYPES: Final = {
    0x6003: "decnet",
    0x8035: "rarp",
    0x809B: "appletalk",
    0x80F3: "aarp",
    0x8137: "ipx",
    0x8863: "pppoed",
    0x888E: "eapol",
    0x88CC: "lldp",
    0x88E5: "macsec",
    0x88F7: "ptp",
}

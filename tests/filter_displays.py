"""What the packets of the named filters' samples are, in the words of another dissector: Wireshark display filters.

A display filter holds of all packets that a filter is to match, and of none of its near misses. There must be no commas
in it: tshark's statistics take a list with them.
"""

from __future__ import annotations

from typing import Final

_FLAGS: Final = {"F": "fin", "S": "syn", "R": "reset", "P": "push", "A": "ack", "U": "urg"}


def _flags(on: str, off: str = "") -> str:
    """TCP segments in which these flags are set, and those are not."""
    wanted = {**dict.fromkeys(on, 1), **dict.fromkeys(off, 0)}
    return " && ".join(f"tcp.flags.{_FLAGS[letter]} == {value}" for letter, value in wanted.items())


def _any(field: str, *values: object) -> str:
    return " || ".join(f"{field} == {value}" for value in values)


def _ports(tcp: tuple[int, ...] = (), udp: tuple[int, ...] = (), end: str = "port") -> str:
    return " || ".join([*(f"tcp.{end} == {port}" for port in tcp), *(f"udp.{end} == {port}" for port in udp)])


def _protocol(*numbers: int) -> str:
    return f"{_any('ip.proto', *numbers)} || {_any('ipv6.nxt', *numbers)}"


_BOGONS = "0.0.0.0/8 127.0.0.0/8 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 198.18.0.0/15 224.0.0.0/3".split()
_PRIVATE = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10".split()
_SMALL = (7, 9, 13, 17, 19, 37)
_CISCO_LEADS = _any("udp.dstport", 1985, 2029, 3222)

TCP: Final = {
    "tcp-syn": _flags("S", "A"),
    "tcp-syn-ack": _flags("SA"),
    "tcp-syn-scan": f"{_flags('S', 'FRA')} && tcp.hdr_len <= 24",
    "tcp-fin-scan": _flags("F", "SRPAU"),
    "tcp-null-scan": "tcp.flags == 0",
    "tcp-xmas-scan": _flags("FPU", "SRA"),
    "tcp-illegal-flags": f"({_flags('SF')}) || ({_flags('SR')}) || ({_flags('FR')})",
    "port-zero": "tcp.port == 0 || udp.port == 0",
    "tcp-resets": _flags("R"),
    "tcp-refused": f"{_flags('RA')} && tcp.seq_raw == 0",
    "tcp-connections": "tcp.flags.syn == 1 || tcp.flags.fin == 1 || tcp.flags.reset == 1",
    "tcp-zero-window": f"tcp.window_size_value == 0 && {_flags('', 'SFR')}",
    "tcp-payload": "tcp.len > 0",
    "tcp-syn-data": f"tcp.len > 0 && {_flags('S', 'A')}",
    "tcp-urgent": _flags("U"),
    "tcp-low-mss": "tcp.flags.syn == 1 && tcp.options.mss_val < 500",
    "tcp-reserved-bits": "tcp.flags.res == 1",
    "tcp-bad-offset": "tcp.hdr_len < 20",
}

IP: Final = {
    "ecn-congestion": "ip.dsfield.ecn == 3 || ipv6.tclass.ecn == 3",
    "fragments": "ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr",
    "late-fragments": "ip.frag_offset > 0 || ipv6.fraghdr.offset > 0",
    "tiny-fragments": "(ip.flags.mf == 1 && ip.len < 68) || (ipv6.fraghdr.more == 1 && ipv6.plen < 1240)",
    "overlapping-fragments": "(ip.proto == 6 && ip.frag_offset == 1) || "
    "(ipv6.fraghdr.nxt == 6 && ipv6.fraghdr.offset == 1)",
    "ip-options": "ip.hdr_len > 20",
    "source-routing": "ip.opt.type == 131 || ip.opt.type == 137 || ipv6.routing.type == 0",
    "ip-reserved-bit": "ip.flags.rb == 1",
    "low-ttl": "(ip.ttl <= 2 && !(ip.dst == 224.0.0.0/4)) || (ipv6.hlim <= 2 && !(ipv6.dst == ff00::/8))",
    "bogon-sources": f"(({_any('ip.src', *_BOGONS)}) && !(ip.src == 0.0.0.0)) || "
    "ipv6.src == ::1 || ipv6.src == 2001:db8::/32 || ipv6.src == ff00::/8",
    "private-addresses": f"{_any('ip.addr', *_PRIVATE)} || ipv6.addr == fc00::/7",
    "link-local-addresses": "ip.addr == 169.254.0.0/16",
    "loopback-addresses": "ip.addr == 127.0.0.0/8 || ipv6.addr == ::1",
    "same-source-and-destination": "ip.src == ip.dst || ipv6.src == ipv6.dst",
    "ipv6-extension-headers": _any("ipv6.nxt", 0, 43, 44, 51, 60, 135, 139, 140),
}

ICMP: Final = {
    "icmp-errors": f"{_any('icmp.type', 3, 5, 11, 12)} || icmpv6.type < 128",
    "icmp-redirects": "icmp.type == 5 || icmpv6.type == 137",
    "icmp-unreachable": "icmp.type == 3 || icmpv6.type == 1",
    "udp-port-closed": "(icmp.type == 3 && icmp.code == 3) || (icmpv6.type == 1 && icmpv6.code == 4)",
    "icmp-time-exceeded": "icmp.type == 11 || icmpv6.type == 3",
    "path-mtu": "(icmp.type == 3 && icmp.code == 4) || icmpv6.type == 2",
    "ping": f"{_any('icmp.type', 0, 8)} || {_any('icmpv6.type', 128, 129)}",
    "icmp-large-echo": f"({_any('icmp.type', 0, 8)} || {_any('icmpv6.type', 128, 129)}) && "
    "(ip.len > 128 || ipv6.plen > 108)",
    "icmp-probes": _any("icmp.type", 13, 15, 17),
    "traceroute": "udp.dstport >= 33434 && udp.dstport <= 33534 && (ip.ttl <= 30 || ipv6.hlim <= 30)",
    "ipv6-router-advertisements": "icmpv6.type == 134",
    "ipv6-neighbour-discovery": _any("icmpv6.type", 135, 136),
    "ipv6-unsolicited-advertisements": "icmpv6.nd.na.flag.s == 0 && icmpv6.nd.na.flag.o == 1",
    "ipv6-duplicate-address-detection": "icmpv6.type == 135 && ipv6.src == ::",
    "ipv6-forged-neighbour-discovery": "icmpv6.type >= 133 && icmpv6.type <= 137 && ipv6.hlim != 255",
    "multicast-listeners": f"igmp || {_any('icmpv6.type', 130, 131, 132, 143)}",
}

ETHERNET: Final = {
    "arp-requests": "arp.opcode == 1 && eth.type == 0x0806",
    "arp-probes": "arp.isprobe == 1",
    "arp-gratuitous": "arp.isgratuitous == 1 && !(arp.src.proto_ipv4 == 0.0.0.0)",
    "arp-forged-sender": "arp && !(eth.src == arp.src.hw_mac)",
    "rarp": "eth.type == 0x8035",
    "broadcast-frames": "eth.dst == ff:ff:ff:ff:ff:ff",
    "multicast-frames": "eth.dst.ig == 1 && !(eth.dst == ff:ff:ff:ff:ff:ff)",
    "multicast-source": "eth.src.ig == 1",
    "local-mac-addresses": "eth.src.ig == 0 && eth.src.lg == 1",
    "jumbo-frames": "frame.len > 1518",
    "runt-frames": "frame.len < 60",
    "vlan-tagged": "vlan || ieee8021ad",
    "vlan-priority-tagged": "vlan.id == 0",
    "vlan-hopping": "eth.type == 0x8100 && vlan.etype == 0x8100",
    "qinq": "vlan.etype == 0x8100 || (ieee8021ad && vlan)",
    "stp": "stp && llc.control == 3 && (eth.dst == 01:80:c2:00:00:00 || eth.dst == 01:00:0c:cc:cc:cd)",
    "stp-topology-change": "stp.protocol == 0 && (stp.type == 0x80 || stp.flags.tc == 1)",
    "lldp": "lldp",
    "cdp": "cdp && eth.dst == 01:00:0c:cc:cc:cc",
    "dtp-vtp": "(dtp || vtp) && eth.dst == 01:00:0c:cc:cc:cc",
    "lacp": "lacp",
    "eapol": "eapol",
    "pause-frames": "macc.opcode == 0x0001 || macc.opcode == 0x0101",
    "macsec": "macsec",
    "wake-on-lan": "wol",
    "pppoe-discovery": "pppoed",
    "mpls": "mpls",
    "ptp": f"ptp && (eth.type == 0x88f7 || {_ports(udp=(319, 320), end='dstport')})",
}

NAMES: Final = {
    "dns": _ports((53,), (53,)),
    "dns-tcp": _ports((53,)),
    "dns-errors": "udp.srcport == 53 && dns.flags.response == 1 && dns.flags.rcode != 0",
    "dns-nxdomain": "udp.srcport == 53 && dns.flags.response == 1 && dns.flags.rcode == 3",
    "dns-truncated": "udp.srcport == 53 && dns.flags.response == 1 && dns.flags.truncated == 1",
    "dns-large": "udp.srcport == 53 && dns.flags.response == 1 && udp.length > 520",
    "dns-any": "udp.dstport == 53 && dns.flags.response == 0 && dns.qry.type == 255",
    "dns-zone-transfer": "tcp && dns.count.queries == 1 && dns.flags.response == 0 && dns.qry.type == 252",
    "dns-update": "dns.flags.opcode == 5",
    "dns-encrypted": _ports((853,), (853,)),
    "mdns": "mdns",
    "llmnr": _ports((5355,), (5355,)),
    "netbios-names": "nbns",
    "ssdp": "udp.port == 1900",
    "ws-discovery": "udp.port == 3702",
    "dhcp": "ip && (udp.port == 67 || udp.port == 68)",
    "dhcp-servers": "ip && dhcp.type == 2 && udp.srcport == 67",
    "dhcp-trouble": f"ip && ({_any('dhcp.option.dhcp', 4, 6)}) && ({_ports(udp=(67, 68))})",
    "dhcpv6": "ipv6 && dhcpv6",
    "tftp": "udp.dstport == 69",
    "ntp": "ntp",
    "ntp-monlist": "ntp.flags.mode == 7 && (ntp.priv.reqcode == 20 || ntp.priv.reqcode == 42)",
    "ntp-control": "ntp.flags.mode == 6",
    "reflected-replies": f"udp.length > 408 && ({_any('udp.srcport', 17, 19, 123, 161, 389, 1900, 3702, 11211)})",
    "memcached-udp": "udp.dstport == 11211",
    "small-services": _ports(_SMALL, _SMALL, end="dstport"),
}

TUNNELS: Final = {
    "ospf": "ospf",
    "bgp": "tcp.port == 179",
    "rip": "udp.port == 520 || (ipv6 && udp.port == 521)",
    "eigrp": "eigrp",
    "bfd": _ports(udp=(3784, 3785, 4784), end="dstport"),
    "first-hop-redundancy": f"vrrp || carp || {_CISCO_LEADS}",
    "ip-tunnels": _protocol(4, 41),
    "gre": "gre",
    "vxlan-tunnel": "vxlan.flag_i == 1 && udp.dstport == 4789",
    "geneve-tunnel": "geneve.version == 0 && udp.dstport == 6081",
    "gtp": "udp.port == 2123 || udp.port == 2152",
    "teredo": "ip && udp.port == 3544",
    "ipsec": "esp || ah || udp.port == 500 || udp.port == 4500",
    "wireguard-handshake": "wg.type == 1 && wg.reserved == 00:00:00",
    "vpn-ports": _ports((1194, 1723), (1194, 1701)),
}

SERVICES: Final = {
    "http-requests": "http.request",
    "http-get": 'http.request.method == "GET"',
    "http-post": 'http.request.method == "POST"',
    "http-responses": "http.response",
    "http-errors": "http.response.code >= 400",
    "tls-client-hello": "tls.handshake.type == 1",
    "tls-server-hello": "tls.handshake.type == 2",
    "tls-old-versions": "tls.handshake.type == 2 && tls.handshake.version >= 0x0300 && tls.handshake.version <= 0x0302",
    "tls-alerts": "tls.alert_message.desc",
    "quic-initial": "(quic.version == 1 && quic.long.packet_type == 0) || "
    "(quic.version == 0x6b3343cf && quic.long.packet_type_v2 == 1)",
    "quic-version-negotiation": "quic.version == 0 && udp.srcport == 443",
    "ssh": "tcp.port == 22",
    "ssh-banners": 'tcp.payload[0:4] == "SSH-"',
    "telnet": "tcp.port == 23",
    "rdp": _ports((3389,), (3389,)),
    "vnc": 'tcp.payload[0:4] == "RFB "',
    "winrm": _ports((5985, 5986)),
    "smb": _ports((139, 445)),
    "smb1": "smb",
    "ftp": _ports((20, 21)),
    "cleartext-logins": _any("ftp.request.command", '"USER"', '"PASS"')
    + " || "
    + _any("pop.request.command", '"USER"', '"PASS"'),
    "nfs": _ports((111, 2049), (111, 2049)),
    "mail": _ports((25, 110, 143, 465, 587, 993, 995)),
    "directory-services": _ports((88, 389, 464, 636, 3268, 3269), (88, 389, 464)),
    "radius-tacacs": f"sctp.port == 3868 || {_ports((49, 3868), (1645, 1646, 1812, 1813))}",
    "snmp": _ports(udp=(161, 162)),
    "snmp-community": "snmp.version < 2 && snmp.community",
    "syslog": _ports((6514,), (514, 6514)),
    "flow-export": f"tcp.port == 4739 || udp.port == 4739 || {_any('udp.dstport', 2055, 6343, 9995, 9996)}",
    "databases": _ports((1433, 1521, 3306, 5432, 6379, 9042, 9200, 27017)),
    "container-apis": _ports((2375, 2376, 2379, 2380, 6443, 10250)),
    "bittorrent-handshake": 'bittorrent.protocol.name == "BitTorrent protocol"',
}

DEVICES: Final = {
    "sip": _ports((5060, 5061), (5060, 5061)),
    "sip-invite": 'udp && sip.Method == "INVITE"',
    "sip-register": 'udp && sip.Method == "REGISTER"',
    "rtp": "udp.srcport > 1023 && udp.dstport == 40002 && udp.length >= 20 && "
    "udp.payload[0] >= 80 && udp.payload[0] <= bf && "
    "(udp.payload[1] <= 22 || udp.payload[1] >= e0 || (udp.payload[1] >= 60 && udp.payload[1] <= a2))",
    "rtcp": "(rtcp || udp.payload[1] == cf) && udp.srcport > 1023 && udp.dstport > 1023",
    "stun": "udp && stun.cookie == 21:12:a4:42",
    "modbus": "tcp.port == 502",
    "modbus-writes": "mbtcp.prot_id == 0 && tcp.dstport == 502 && "
    f"({_any('modbus.func_code', 5, 6, 15, 16, 21, 22, 23)})",
    "dnp3": "dnp3.start == 0x0564",
    "s7comm": "tcp.port == 102 && (s7comm || tcp.payload[7] == 72)",
    "bacnet": "(ip && bvlc.type == 0x81) || (ipv6 && bvlc.function_ipv6 == 2)",
    "ethernet-ip": _ports((44818,), (2222, 44818)),
    "opc-ua": "tcp.port == 4840",
    "profinet": f"pn_rt || {_any('udp.port', 34962, 34963, 34964)}",
    "ethercat": "eth.type == 0x88a4 || (ecatf && udp.dstport == 34980)",
    "iec61850": "goose || sv || eth.type == 0x88b9 || vlan.etype == 0x88b9",
    "iec104": "iec60870_104.type",
    "hart-ip": _ports((5094,), (5094,)),
    "omron-fins": _ports((9600,), (9600,)),
    "knx-ip": "kip && udp.port == 3671 && udp.payload[0:2] == 06:10",
    "iot-messaging": _ports((1883, 8883), (5683, 5684)),
}

DISPLAYS: Final = {**TCP, **IP, **ICMP, **ETHERNET, **NAMES, **TUNNELS, **SERVICES, **DEVICES}

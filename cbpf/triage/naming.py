"""Names for what a survey finds: protocols from the outside in, services, and addresses as they are usually written.

They come from small tables, and not from the system's databases: a file's result is the same wherever it is made.
Sources: IANA's registries of protocol numbers, service names and PPP numbers, IEEE's of EtherTypes.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from cbpf.capture import headers
from cbpf.linktypes import linktype_name


def _table(text: str) -> dict[int, str]:
    """Numbers and their names, from NUMBER:NAME."""
    pairs = (entry.split(":") for entry in text.split())
    return {int(number, 0): name for number, name in pairs}


_LINKS: Final = _table(
    "1:eth 6:tr 9:ppp 50:ppp 51:pppoe 113:sll 276:sll 12:raw 14:raw 101:raw 228:raw 229:raw 104:chdlc 205:chdlc "
    "105:wlan 127:wlan 119:wlan 219:mpls 166:ppp 204:ppp"
)
_STEPS: Final = {
    headers.VLAN: "vlan",
    headers.MPLS: "mpls",
    headers.PPPOE: "pppoe",
    headers.PPP: "ppp",
    headers.LLC: "llc",
    headers.SNAP: "snap",
}
_ETHERTYPES: Final = _table(
    "0x0800:ip 0x0806:arp 0x86dd:ip6 0x8035:rarp 0x8100:vlan 0x88a8:vlan 0x9100:vlan 0x8847:mpls 0x8848:mpls "
    "0x8863:pppoed 0x8864:pppoe 0x888e:eapol 0x88cc:lldp 0x8137:ipx 0x809b:atalk 0x80f3:aarp 0x6003:decnet "
    "0x8808:flow-control 0x8809:slow 0x8892:profinet 0x88a4:ethercat 0x88b8:goose 0x88ba:sv 0x88e5:macsec 0x88f7:ptp "
    "0x8902:cfm 0x8906:fcoe 0x88a2:aoe 0x9000:loopback 0x2000:cdp 0x0842:wol 0x22f3:trill 0x894f:nsh 0x88e7:pbb "
    "0x888d:wlan 0x6558:teb 0x88ca:tipc 0x887b:homeplug 0x88e1:hpav"
)
_LLC: Final = _table("0x42:stp 0xfe:iso 0xe0:ipx 0xf0:netbeui 0xff:ipx 0x06:ip 0x04:sna")
_PPP: Final = _table(
    "0x0021:ip 0x0057:ip6 0x8021:ipcp 0x8057:ip6cp 0xc021:lcp 0xc023:pap 0xc025:lqr 0xc223:chap 0xc227:eap 0x80fd:ccp "
    "0x00fd:compressed 0x003d:mp 0x8281:mplscp"
)
_PROTOCOLS: Final = _table(
    "0:hop-by-hop 1:icmp 2:igmp 4:ipip 6:tcp 8:egp 9:igrp 17:udp 33:dccp 41:ip6 43:route 44:frag 46:rsvp 47:gre "
    "50:esp 51:ah 58:icmp6 59:no-next 60:dst-options 88:eigrp 89:ospf 97:etherip 103:pim 108:ipcomp 112:vrrp 115:l2tp "
    "132:sctp 135:mobility 136:udplite 137:mpls 124:isis"
)
_SERVICES: Final = _table(
    "7:echo 9:discard 13:daytime 19:chargen 20:ftp-data 21:ftp 22:ssh 23:telnet 25:smtp 37:time 43:whois 49:tacacs "
    "53:dns 67:dhcp 68:dhcp 69:tftp 70:gopher 79:finger 80:http 88:kerberos 110:pop3 111:rpc 113:ident 119:nntp "
    "123:ntp 135:msrpc 137:netbios-ns 138:netbios-dgm 139:netbios-ssn 143:imap 161:snmp 162:snmptrap 179:bgp 194:irc "
    "319:ptp 320:ptp 389:ldap 427:slp 443:https 445:smb 464:kpasswd 465:smtps 500:isakmp 502:modbus 514:syslog "
    "515:lpd 520:rip 521:ripng 546:dhcp6 547:dhcp6 554:rtsp 587:submission 623:ipmi 631:ipp 636:ldaps 646:ldp "
    "853:dns-tls 873:rsync 989:ftps-data 990:ftps 993:imaps 995:pop3s 1080:socks 1194:openvpn 1433:mssql 1521:oracle "
    "1701:l2tp 1723:pptp 1812:radius 1813:radius-acct 1883:mqtt 1900:ssdp 1985:hsrp 2049:nfs 2055:netflow 2123:gtp-c "
    "2152:gtp-u 2181:zookeeper 2375:docker 2404:iec-104 3260:iscsi 3268:ldap-gc 3306:mysql 3389:rdp 3478:stun "
    "3784:bfd 4500:ipsec-nat-t 4739:ipfix 4789:vxlan 5060:sip 5061:sips 5222:xmpp 5353:mdns 5355:llmnr "
    "5432:postgresql 5672:amqp 5683:coap 5900:vnc 5985:winrm 6081:geneve 6343:sflow 6379:redis 6443:kubernetes "
    "6667:irc 8080:http-alt 8443:https-alt 8883:mqtts 9092:kafka 9100:jetdirect 9200:elasticsearch 11211:memcached "
    "20000:dnp3 27017:mongodb 44818:enip 47808:bacnet 51820:wireguard"
)
_STEP_BITS: Final = 4


@cache
def protocol_name(number: int) -> str:
    """An IP protocol."""
    return _PROTOCOLS.get(number, f"proto-{number}")


def service(port: int, other: int) -> str | None:
    """The service of a conversation: that of the lower port, or of the other one if nobody knows that."""
    low, high = min(port, other), max(port, other)
    return _SERVICES.get(low) or _SERVICES.get(high)


@cache
def network_name(path: int, kind: int) -> str:
    """What comes behind the headers in ``path``; see ``cbpf.capture.surveyor.Flow``. "" if nothing is known of it."""
    last = path & (1 << _STEP_BITS) - 1
    if last == headers.LLC:
        return _LLC.get(kind, f"sap-0x{kind:02x}")
    if not kind:
        return ""
    if last == headers.PPP:
        return _PPP.get(kind) or _ETHERTYPES.get(kind) or f"ppp-0x{kind:04x}"
    return _ETHERTYPES.get(kind, f"0x{kind:04x}")


@cache
def outside(linktype: int, path: int, kind: int) -> str:
    """The way from the link layer to the network layer, as in "eth/vlan/ip"."""
    steps: list[str] = []
    while path >> _STEP_BITS * len(steps):
        steps.append(_STEPS[path >> _STEP_BITS * len(steps) & (1 << _STEP_BITS) - 1])
    link = _LINKS.get(linktype, linktype_name(linktype).lower())
    names = [link, *reversed(steps), network_name(path, kind)]
    return "/".join(name for at, name in enumerate(names) if name and (at == 0 or name != names[at - 1] or at > 1))


@cache
def protocol_path(way: str, protocol: int, named: str | None) -> str:
    """All of the way, with IP's protocol and a service."""
    return "/".join(filter(None, (way, protocol_name(protocol), named)))


def address(ends: int, number: int) -> str:
    """An address of a kind, as it is usually written."""
    if ends == headers.V4:
        return f"{number >> 24}.{number >> 16 & 0xFF}.{number >> 8 & 0xFF}.{number & 0xFF}"
    if ends == headers.V6:
        from ipaddress import IPv6Address

        return str(IPv6Address(number))
    return ":".join(f"{number >> shift & 0xFF:02x}" for shift in range(40, -8, -8))

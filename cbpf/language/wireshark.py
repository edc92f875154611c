"""Wireshark's display filters, which people write where a capture filter is needed: the common fields, translated.

Loaded only when an expression has been refused. The fields are those of Wireshark's display filter reference.
"""

from __future__ import annotations

import re

# A field, and the qualifiers of the primitive that asks the same.
_QUALIFIERS = dict(
    entry.split(":")
    for entry in (
        "ip.addr:ip host,ip.src:ip src host,ip.dst:ip dst host,ip.host:ip host,ip.src_host:ip src host,"
        "ip.dst_host:ip dst host,ipv6.addr:ip6 host,ipv6.src:ip6 src host,ipv6.dst:ip6 dst host,ipv6.host:ip6 host,"
        "arp.src.proto_ipv4:arp src host,arp.dst.proto_ipv4:arp dst host,"
        "eth.addr:ether host,eth.src:ether src,eth.dst:ether dst,"
        "tcp.port:tcp port,tcp.srcport:tcp src port,tcp.dstport:tcp dst port,"
        "udp.port:udp port,udp.srcport:udp src port,udp.dstport:udp dst port,"
        "sctp.port:sctp port,sctp.srcport:sctp src port,sctp.dstport:sctp dst port,"
        "ip.proto:ip proto,ipv6.nxt:ip6 proto,eth.type:ether proto,vlan.id:vlan,mpls.label:mpls"
    ).split(",")
)

# A field, and the bytes that hold it.
_VALUES = dict(
    entry.split("~")
    for entry in (
        "frame.len~len,ip.version~ip[0] >> 4,ip.len~ip[2:2],ip.id~ip[4:2],ip.ttl~ip[8],ipv6.hlim~ip6[7],"
        "ipv6.plen~ip6[4:2],arp.opcode~arp[6:2],icmp.type~icmp[icmptype],icmp.code~icmp[icmpcode],"
        "icmpv6.type~icmp6[icmp6type],icmpv6.code~icmp6[icmp6code],udp.length~udp[4:2],"
        "tcp.seq_raw~tcp[4:4],tcp.ack_raw~tcp[8:4],tcp.flags~tcp[tcpflags],tcp.window_size_value~tcp[14:2]"
    ).split(",")
)

# A field of one bit, and what is not zero where it is set.
_BITS = {
    "ip.flags.df": "ip[6] & 0x40",
    "ip.flags.mf": "ip[6] & 0x20",
    "eth.dst.ig": "ether[0] & 1",
    "tcp.flags.reset": "tcp[tcpflags] & tcp-rst",
    **{f"tcp.flags.{flag}": f"tcp[tcpflags] & tcp-{flag}" for flag in "fin syn push ack urg ece cwr".split()},
}

# Protocols by their names in display filters: where their servers usually are, or our name.
PROTOCOLS = dict(
    entry.split(":")
    for entry in (
        "http:tcp port 80,http2:tcp port 443,tls:tcp port 443,ssl:tcp port 443,dns:port 53,mdns:udp port 5353,"
        "dhcp:udp port 67 or 68,bootp:udp port 67 or 68,dhcpv6:udp port 546 or 547,ntp:udp port 123,quic:udp port 443,"
        "ssh:tcp port 22,ftp:tcp port 21,smtp:tcp port 25,telnet:tcp port 23,pop:tcp port 110,imap:tcp port 143,"
        "snmp:udp port 161 or 162,syslog:udp port 514,sip:port 5060,radius:udp port 1812 or 1813,bgp:tcp port 179,"
        "ldap:tcp port 389,rdp:tcp port 3389,smb:tcp port 445,smb2:tcp port 445,tftp:udp port 69,"
        "eth:len > 0,ipv6:ip6,icmpv6:icmp6"
    ).split(",")
)

# The first parts of the names of fields.
_FAMILIES = frozenset({*PROTOCOLS, *"arp data frame icmp igmp ip mpls sctp tcp udp vlan wlan wlan_radio".split()})

_RELATIONS = {"eq": "=", "==": "=", "=": "=", "===": "=", "ne": "!=", "gt": ">", "lt": "<", "ge": ">=", "le": "<="}
_FIELD = r"(?<![\w.\\-])(?P<field>[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)"
_COMPARISON = re.compile(
    rf"{_FIELD}(?:\s*(?P<sign>===?|!=|[<>]=?|=)\s*|\s+(?P<word>eq|ne|gt|lt|ge|le)\s+)(?P<value>[\w.:/-]+)"
    rf"|{_FIELD.replace('field', 'member')}\s+in\s+\{{(?P<set>[^{{}}]*)\}}"
    rf"|(?<![\w.\\-])(?P<protocol>[a-z][a-z0-9]*)(?![\w.-])"
)


def is_display_filter(word: str) -> bool:
    """Whether ``word`` is the name of a field, as far as its look goes."""
    return "." in word and word.partition(".")[0] in _FAMILIES


def translated(text: str) -> str | None:
    """A capture filter that asks what the display filter ``text`` does; None if there is something else in it."""
    unknown: list[str] = []

    def translation(match: re.Match[str]) -> str:
        found = _translation(match)
        if found is None:
            unknown.append(match.group())
        return found or ""

    result = _COMPARISON.sub(translation, text)
    return None if unknown else result


def _translation(match: re.Match[str]) -> str | None:
    parts = match.groupdict()
    if parts["protocol"]:
        meaning = PROTOCOLS.get(parts["protocol"], parts["protocol"])
        return f"({meaning})" if " or " in meaning and match.string.strip() != parts["protocol"] else meaning
    if parts["member"]:
        values = parts["set"].replace(",", " ").split()
        simple = parts["member"] in _QUALIFIERS and values and not any(".." in value for value in values)
        return f"{_QUALIFIERS[parts['member']]} ({' or '.join(values)})" if simple else None
    field, operator, value = parts["field"], parts["sign"] or parts["word"], parts["value"]
    return _comparison(field, _RELATIONS.get(operator, operator), {"true": "1", "false": "0"}.get(value.lower(), value))


def _comparison(field: str, operator: str, value: str) -> str | None:
    if field in _VALUES:
        return f"{_VALUES[field]} {operator} {value}"
    if field in _BITS and operator in ("=", "!=") and value in ("0", "1"):
        return f"{_BITS[field]} {'!=' if (operator == '=') == (value == '1') else '='} 0"
    if field not in _QUALIFIERS:
        return None
    qualifiers = _QUALIFIERS[field]
    if operator in ("=", "!="):
        if "/" in value:
            qualifiers = qualifiers.replace("host", "net")
        return f"{'not ' if operator == '!=' else ''}{qualifiers} {value}"
    ports = ports_of(operator, value) if qualifiers.endswith("port") else None
    return ports and f"{qualifiers}range {ports}"


def ports_of(operator: str, value: str) -> str | None:
    """The range of the ports that are ``operator value``, one of < <= > >=, as `portrange` takes it."""
    if not value.isdecimal() or len(value) > 5:
        return None
    number = int(value)
    first, last = {
        "<": (0, number - 1),
        "<=": (0, number),
        ">": (number + 1, 0xFFFF),
        ">=": (number, 0xFFFF),
    }[operator]
    return f"{first}-{last}" if 0 <= first <= last <= 0xFFFF else None

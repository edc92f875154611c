"""Random expressions, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.linktypes import has

# Conditions by what a link type must have for them; ~ stands for a blank.
_CONDITIONS = {
    "": "less~60 greater~60 less~100 greater~1000 byte~0~&~1 byte~14~=~0x45 byte~9~>~5",
    "protocols": (
        "ip ip6 tcp udp sctp icmp icmp6 igmp pim ah host~10.0.0.1 src~host~10.0.0.2 dst~host~fe80::1 net~10.0.0.0/8 "
        "src~and~dst~net~10 net~fe80::/10 ip~host~10.0.0.1 dst~net~2001:db8::/33 net~128.0.0.0/1 port~80 port~53 "
        "src~port~80 dst~port~53 tcp~port~80 udp~port~53 tcp~dst~port~443 portrange~50-100 udp~src~portrange~53-80 "
        "sctp~port~80 ip~proto~6 ip6~proto~17 proto~17 ip~proto~51 ip~multicast ip6~multicast arp rarp "
        "arp~host~10.0.0.1 ip~broadcast port~(80~or~53) host~(10.0.0.1~or~10.0.0.2) protochain~6 ip6~protochain~58 "
        "src~net~0.0.0.0/0 vxlan~7 geneve iso"
    ),
    "ethertypes": (
        "stp ipx isis l1 atalk aarp decnet decnet~host~1.2 ether~proto~0x800 ether~proto~0xfe pppoed pppoes pppoes~7 "
        "vxlan"
    ),
    "mac48": (
        "ether~host~00:11:22:33:44:55 ether~src~00:11:22:33:44:55 ether~dst~66:77:88:99:aa:bb "
        "ether~src~and~dst~00:11:22:33:44:55"
    ),
    "mac8": "ether~host~$21 ether~src~$3 ether~dst~$ff",
    "broadcast": "broadcast",
    "multicast": "multicast ether~multicast",
    "vlan": "vlan vlan~100",
    "mpls": "mpls mpls~100",
    "llc": "llc llc~u llc~s llc~i llc~xid",
    "wlan": (
        "type~mgt type~ctl type~data subtype~beacon type~data~subtype~qos-data subtype~ack subtype~rts dir~nods "
        "dir~tods dir~fromds dir~dstods wlan~addr1~00:11:22:33:44:55 wlan~addr2~66:77:88:99:aa:bb "
        "wlan~addr3~host~00:11:22:33:44:55 wlan~addr4~00:11:22:33:44:55 wlan~ra~00:11:22:33:44:55 "
        "wlan~ta~66:77:88:99:aa:bb"
    ),
    "radio": "radio[8]~&~0x20~!=~0 radio[2:2]~>~0x900 radio[0:4]~=~0x44",
    "direction": "inbound outbound",
    "ifindex": "ifindex~7",
    "ss7": (
        "fisu lssu msu hfisu hlssu hmsu sio~3 hsio~5 opc~5 dpc~0x1234 opc~>~256 dpc~<=~5 hopc~!=~5 hdpc~>=~256 sls~0 "
        "sls~>~7 hsls~3 sio~(3~or~5)"
    ),
    "atm": ("lane vpi~0 vpi~>~0 vci~5 vci~!=~5 vci~(1~or~33) oam oamf4sc metac bcc sc ilmic connectmsg metaconnect"),
    "pflog": "on~em1 ifname~lo rset~a rnr~5 srnr~0 reason~match reason~short reason~7 action~pass action~block",
}
_NUMBERS = st.sampled_from(
    "0 1 2 4 5 6 7 15 17 20 31 40 60 64 80 100 0xff 0x800 0xffff 0x86dd 0x45000000 0x80000000 0xfffffffe "
    "0xffffffff".split()
)
_LINK_BYTES = st.sampled_from("link[0] link[6] link[12:2] link[0:4] link[3] link[4:2] len len".split())
_BYTES = st.sampled_from(
    "link[0] link[6] link[12:2] link[0:4] link[14:4] ip[0] ip[2:2] ip[6:2] ip[8] ip[9] ip[12:4] ip6[6] ip6[8:4] "
    "tcp[13] tcp[0:2] tcp[12] udp[0:2] udp[2:2] udp[4:2] icmp[0] icmp6[0] len len".split()
)
_OPERATORS = st.sampled_from("+ - * / % & | ^ << >> & & +".split())
_RELATIONS = st.sampled_from("= != < > <= >=".split())


def _arithmetic(operands: st.SearchStrategy[str], protocols: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sizes = st.sampled_from(["", ":1", ":2", ":4"])
    return st.one_of(
        st.builds("({} {} {})".format, operands, _OPERATORS, operands),
        st.builds("{} {} {}".format, operands, _OPERATORS, operands),
        st.builds("-{}".format, operands),
        st.builds("{}[{}{}]".format, protocols, operands, sizes),
    )


def _comparisons(linktype: str) -> st.SearchStrategy[str]:
    """Relations between numbers, lengths, bytes of the packet, and what is computed from them."""
    internet = has(linktype, "protocols")
    protocols = st.sampled_from("link ip ip6 tcp udp icmp".split() if internet else ["link"])
    leaves = st.one_of(_NUMBERS, _BYTES if internet else _LINK_BYTES)
    values = st.recursive(leaves, lambda operands: _arithmetic(operands, protocols), max_leaves=5)
    return st.builds("{} {} {}".format, values, _RELATIONS, values)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.sampled_from(["and", "or"])
    return st.one_of(
        st.builds("{} {} {}".format, parts, words, parts),
        st.builds("({} {} {})".format, parts, words, parts),
        st.builds("not ({})".format, parts),
    )


def conditions(linktype: str) -> list[str]:
    """Simple conditions that make sense on a link type."""
    features = [feature for feature in _CONDITIONS if not feature or has(linktype, feature)]
    found = [text.replace("~", " ") for feature in features for text in _CONDITIONS[feature].split()]
    if has(linktype, "variable header"):
        found = [condition for condition in found if "protochain" not in condition]
    return found


def combined(leaves: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    """Up to that many conditions, joined at random by and, or, not and parentheses."""
    return st.recursive(leaves, _joined, max_leaves=most)


def expressions(linktype: str, most: int = 8) -> st.SearchStrategy[str]:
    """Random expressions for a link type. Some are refused: `arp` behind `mpls`, division by a constant 0."""
    condition = st.sampled_from(conditions(linktype))
    negated = st.builds("not {}".format, condition)
    return combined(st.one_of(condition, condition, negated, _comparisons(linktype)), most)

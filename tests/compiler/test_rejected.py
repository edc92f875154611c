"""What must be refused, for which reason, and which part of the text the message is about."""

from __future__ import annotations

import pytest

import cbpf
from cbpf import FilterError, Reason
from tests.expressions import FixedNames
from tests.shared import needs_corpus, refused

SYNTAX, ADDRESS, RANGE, NAME = Reason.SYNTAX, Reason.BAD_ADDRESS, Reason.OUT_OF_RANGE, Reason.UNKNOWN_NAME
MISMATCH, HERE, INDEX, OTHER = Reason.QUALIFIER_MISMATCH, Reason.NOT_ON_THIS_LINKTYPE, Reason.BAD_INDEX, Reason.OTHER
WLAN, NOTHING = Reason.DIRECTION_NEEDS_WLAN, Reason.MATCHES_NOTHING

# By reason: expressions on Ethernet, the offending part between braces.
ON_ETHERNET = {
    SYNTAX: [
        # lexical
        "host 1.2.3.4 {;} tcp", "{\\}", "tcp {\f}or udp", "tcp {\v}or udp", "ether host {$}123", "ether host {$}",
        "{~}tcp", "ip[0] {?} 1", "host {_}a", "host {é}",
        # parentheses and adjacent conditions
        "{(}tcp", "tcp{)}", "({)}", "tcp {udp}", "tcp port 80 {443}", "host a {host} b", "((tcp) {udp})", "(tcp{]}",
        # a bare value comes first, or nothing is in force
        "{80}", "{1.1.1.1}", "{foo}", "({80} or tcp)", "tcp or {80}", "(port 80) or {443}", "vlan 5 or {6}",
        "port 80 or tcp or {443}", "{TCP}", "{::1}", "{1:2:3:4:5:6}",
        # qualifiers
        "src {proto} 6", "dst {protochain} 6", "src {gateway} router", "ip {1.2.3.4}", "ether {1:2:3:4:5:6}",
        "ip proto {tcp}", "host {on}", "host (a or {src} b)", "src or {src} host 1.2.3.4", "src {tcp} port 80",
        "tcp {ip} host 1.2.3.4", "tcp {PORT} 80",
        # keywords with arguments
        "pppoed {5}", "vlan {any}", "less {(}5)", "less {-}5", "byte 0 {!=} 1", "net 10{/}8", "net 10 {mask} 255.0.0.0",
        "vlan ({)}", "byte {x} = 1", "{portrange 1-2-3}", "action {1}",
        "subtype {0x80}", "isis proto {clnp}", "portrange 1{-}", "vlan {\\5}",
        # arithmetic
        "1<2{<}3", "len{}", "tcp[0]{}", "({1})", "tcp and{}", "{and} tcp", "not{}", "1 ={}", "ip[0:{x}] = 1",
        "ip[{]} = 1", "ip[0 {=} 1", "1 + {=} 2", "1 = {tcp}", "len = {udp} and tcp",
    ],
    OTHER: [
        "port {089}", "port {4294967296}", "port {0x100000000}", "port {0777777777777}", "host 1.2.3.4 or port {08}",
        "{link}", "{ether}", "tcp and {radio}", "{ip broadcast}",
        "1/{0} = 1", "len/{(1 - 1)} = 1", "5 % {0} = 1", "1 << {32} = 1", "ip[0]<<{(16+16)} = 1", "ip[0] >> {0xff} = 1",
    ],
    ADDRESS: [
        "ether host {1:2:3:4:5}", "ether host {ab:cd:ef:0}g:00:00", "ether[{0:1:2}] = 1", "host {1.2.3.256}",
        "host {0x1.2.3.4}", "{net 10.0.0.0/33}", "{net fe80::/129}", "{decnet host 64.1}", "{decnet host 1.1024}",
        "{net 192.168/8}", "tcp or {net fe80::1/10}", "{net 192.168.1.1 mask 255.255.255.0}", "{host 1:2:3:4:5:6}",
        "{ether host 1.2.3.4}", "{ether host 5}", "{link net 10}", "{decnet host router}",
        "{ta host 1:2:3:4:5:6}", "host {::1.2.3.256}",
    ],
    RANGE: [
        "{port 65536}", "{portrange 1-65536}", "{ip proto 256}", "{ip6 proto 256}", "{proto 256}", "{protochain 256}",
        "{iso proto 256}", "{isis proto 32}", "{ether proto 65536}", "{ether proto 256}", "{ether proto 1500}",
        "{vlan 4096}", "tcp or {vlan (4096)}", "{mpls 1048576}", "{pppoes 65536}", "{geneve 16777216}",
        "{vxlan 16777216}", "{byte 0 = 256}", "port 80 or {65536}",
    ],
    NAME: [
        "{port nosuch}", "{proto nosuch}", "{ether proto nosuch}", "{ether proto IP}", "{iso proto nosuch}",
        "net {nosuch}", "{ether host nosuch}", "{gateway nosuch}", "llc {nosuch}", "{host nosuch}",
        "tcp port 80 or {nosuch}", r"{isis proto \clnp}", "{portrange web-nosuch}", "{portrange web}",
    ],
    MISMATCH: [
        "{port 1.2.3.4}", "{portrange ::1}", "{proto 1.2.3.4}", "{host 10.0.0.0/8}", "{src 10.0.0.0/8}",
        "{src fe80::/10}", "{gateway 1.2.3.4}", "{gateway 5}", "{tcp host 1.2.3.4}", "{icmp net 10}",
        "{ip6 host 1.2.3.4}", "{ip host ::1}",
        "{ether host ::1}", "{decnet net 1.2}", "{ip port 80}", "{ether port 80}", "{arp proto 6}",
        "{tcp protochain 6}",
        "{ip6 broadcast}", "{arp multicast}", "{ether gateway router}", "{ra port 80}", "{udp port web}",
        "{tcp portrange time-time}", "{port 1:2:3:4:5:6}", "{ip6 host 10}", "{host $12}", "{net $12}",
    ],
    WLAN: ["{addr1 host 1.2.3.4}", "{addr4 ::1}", "{decnet addr2 1.2}", "tcp and {ra host 10.0.0.1}"],
    HERE: [
        *("{radio[0] = 1}", "{type mgt}", "{dir tods}", "{rnr 5}", "{on em0}", "{vpi 5}", "{oam}", "{sio 5}", "{lane}"),
        *("{ifindex 5}", "{inbound}", "{outbound}", "{fisu}", "{reason match}", "{subtype beacon}"),
        "mpls and {arp}", "mpls and {vlan}", "mpls and {gateway router}", "geneve and {gateway router}",
        "vxlan and {gateway router}", "pppoes and {vlan}", "pppoes and {ether host 1:2:3:4:5:6}",
        "pppoes and {broadcast}", "pppoes and {llc}", "geneve and {protochain 6}", "vxlan and {protochain 6}",
        "mpls and {ether proto 0x806}",
    ],
    INDEX: [
        "{ip[0:3]} = 1", "tcp and {ip[0:0]} = 1", "1 = {tcp[0:8]}", "{aarp[0]} = 1", "{iso[0]} = 1", "{stp[0]} = 1",
        "{ipx[0]} = 1", "{netbeui[0]} = 1", "{esp[0]} = 1", "{ah[0]} = 1", "{clnp[0]} = 1", "{esis[0]} = 1",
        "{isis[0]} = 1", "{l1[0]} = 1", "{iih[0]} = 1", "{lsp[0]} = 1", "{snp[0]} = 1",
        "{csnp[0]} = 1", "{psnp[0]} = 1",
    ],
}  # fmt: skip

# By link type and reason: whole expressions.
ELSEWHERE = {
    "RAW": {
        HERE: ["ether host 1:2:3:4:5:6", "broadcast", "multicast", "vlan", "mpls", "llc", "gateway router", "inbound"],
        NOTHING: ["arp host 1.2.3.4", r"link proto \stp", "ip and ip6", "arp"],
    },
    "IPV4": {NOTHING: ["ip6 and igmp", "ip6", "not ip"], HERE: ["vlan", "ifindex 5"]},
    "IPV6": {NOTHING: ["igmp", "ip", "tcp[0] = 1"], HERE: ["mpls"]},
    "NULL": {HERE: ["ether host 1:2:3:4:5:6", "vlan 5"], NOTHING: ["arp", "stp"]},
    "LOOP": {HERE: ["broadcast", "inbound"], NOTHING: ["rarp or iso"]},
    "LINUX_SLL": {HERE: ["llc", "vlan", "ether host 1:2:3:4:5:6", "ifindex 7"], RANGE: ["ether proto 1000"]},
    "LINUX_SLL2": {HERE: ["llc", "vlan", "broadcast"], RANGE: ["ether proto 65536"]},
    "EN10MB": {
        NOTHING: [
            *("1 = 2", "tcp and udp", "ip and arp", "port 80 and arp", "tcp and not tcp", "ip[0] = 1 and ip[0] = 2"),
            *("src port 80 and src port 81", "ip proto 6 and ip proto 17", "tcp[0]=1 and udp[0]=1", "byte 0 & 0"),
            *("len < 0", "ip[0] > 256"),
        ],
    },
}


def refusal(expression: str, linktype: str) -> FilterError:
    with pytest.raises(FilterError) as raised:
        cbpf.compile(expression, linktype, names=FixedNames())
    return raised.value


@pytest.mark.parametrize("reason", ON_ETHERNET)
def test_on_ethernet(reason: Reason) -> None:
    for marked in ON_ETHERNET[reason]:
        text = marked.replace("{", "").replace("}", "")
        error = refusal(text, "EN10MB")
        start, end = error.span
        assert (error.reason, f"{text[:start]}{{{text[start:end]}}}{text[end:]}") == (reason, marked)
        assert error.expression == text
        assert error.message in str(error)
        assert text.replace("\f", " ").replace("\v", " ") in str(error)


@pytest.mark.parametrize("linktype", ELSEWHERE)
def test_elsewhere(linktype: str) -> None:
    for reason, expressions in ELSEWHERE[linktype].items():
        found = {expression: refusal(expression, linktype).reason for expression in expressions}
        assert found == dict.fromkeys(expressions, reason)


# What the collection has no class for.
CLASSED_OTHERWISE = {"link proto 1": HERE}


@needs_corpus
def test_the_corpus() -> None:
    rows = refused()
    assert len({row.linktype for row in rows}) > 160
    found = [(row, refusal(row.expression, row.linktype)) for row in rows]
    wrong = [
        (row, error.reason) for row, error in found if error.reason != CLASSED_OTHERWISE.get(row.expression, row.reason)
    ]
    assert wrong == []
    assert all(0 <= error.span.start < error.span.end <= len(row.expression) for row, error in found)


# The first failure in the order of the text is reported, unless a character cannot be read at all.
@pytest.mark.parametrize(
    ("expression", "marked"),
    [
        ("port 65536 and vlan 5000", "port 65536"),
        ("host 1.2.3.256 and port 65536", "1.2.3.256"),
        ("port 65536 and ;", ";"),
        ("not (tcp and (udp or port 70000 or vlan 9999))", "port 70000"),
    ],
)
def test_the_first_mistake_is_reported(expression: str, marked: str) -> None:
    span = refusal(expression, "EN10MB").span
    assert expression[span.start : span.end] == marked


@pytest.mark.parametrize("snaplen", [0, -1, 1 << 32])
def test_snapshot_lengths(snaplen: int) -> None:
    with pytest.raises(FilterError, match="snapshot length"):
        cbpf.compile("tcp", snaplen=snaplen)


@pytest.mark.parametrize("netmask", ["255.255", "1.2.3.256", "a.b.c.d", "", "255.255.255.0.0"])
def test_netmasks(netmask: str) -> None:
    with pytest.raises(FilterError, match="netmask"):
        cbpf.compile("ip broadcast", netmask=netmask)

"""The grammar: how things group, what a bare value inherits, and what each mistake is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.errors import FilterError, Reason
from cbpf.language import parse
from cbpf.language.vocabulary import CONSTANTS, KEYWORDS
from tests.language.rendering import render

MEANINGS = {
    "": "",
    " \n": "",
    "tcp": "tcp",
    # and, or: the same precedence, from the left; not: tighter.
    "tcp or udp and arp": "((tcp or udp) and arp)",
    "tcp and udp or arp": "((tcp and udp) or arp)",
    "tcp and udp and arp": "(tcp and udp and arp)",
    "not tcp and udp": "(not tcp and udp)",
    "not (tcp and udp)": "not (tcp and udp)",
    "not not tcp": "tcp",
    "! ! ! tcp": "not tcp",
    "tcp and (udp or arp)": "(tcp and (udp or arp))",
    "((tcp))": "tcp",
    # Qualifiers.
    "port 80": "port 80",
    "tcp src port 80": "tcp src port 80",
    "src 80": "src 80",
    "src or dst 1.2.3.4": "or 1.2.3.4",
    "dst or src host a": "or host a",
    "src || dst net 10": "or net 10",
    "src and dst net 10.0.0.0/8": "and net 10.0.0.0/8",
    "net 10.0.0.0 mask 255.0.0.0": "net 10.0.0.0 mask 255.0.0.0",
    "ip src or dst net 10.0.0.2/  32": "ip or net 10.0.0.2/32",
    "ether proto \\ip": "link proto ip",
    "host \\on": "host on",
    "gateway gw": "gateway gw",
    "addr4 1:2:3:4:5:6": "addr4 1:2:3:4:5:6",
    "portrange 6000-6063": "portrange 6000-6063",
    "host tcp-syn": "host tcp-syn",
    # What a bare value inherits.
    "tcp dst port 80 or 443": "(tcp dst port 80 or tcp dst port 443)",
    "port 80 or not 443": "(port 80 or not port 443)",
    "not port 80 or 443": "(not port 80 or port 443)",
    "port (80 or 443)": "(port 80 or port 443)",
    "port (80 or (443 and not 22))": "(port 80 or (port 443 and not port 22))",
    "port not 80": "not port 80",
    "port !80": "not port 80",
    "not port not 80": "port 80",
    "port not (80 or 443)": "not (port 80 or port 443)",
    "tcp port ((80))": "tcp port 80",
    "port 80 or (443 or 22) or 21": "(port 80 or (port 443 or port 22) or port 21)",
    "tcp port 22 and (udp port 80) or 443": "((tcp port 22 and udp port 80) or tcp port 443)",
    "port (80 or 443) or 22": "((port 80 or port 443) or port 22)",
    "port 80 and ((udp port 53) and 443)": "(port 80 and (udp port 53 and port 443))",
    "port 80 or not ((tcp) or 22)": "(port 80 or not (tcp or port 22))",
    "tcp or udp port 80": "(tcp or udp port 80)",
    "host a and not b": "(host a and not host b)",
    "src host a or b and c": "((src host a or src host b) and src host c)",
    "net (10.0.0.0/8 or fe80::/10)": "(net 10.0.0.0/8 or net fe80::/10)",
    # Relations.
    "port 80 or 443 = 443": "(port 80 or 443 = 443)",
    "port 80 or (443) = 443": "(port 80 or 443 = 443)",
    "port 80 or (443 = 443)": "(port 80 or 443 = 443)",
    "(len + 1) > 5 and (len > 5)": "((len + 1) > 5 and len > 5)",
    "ip[0] & 0xf != 5": "(ip[0:1] & 15) != 5",
    "ip[ip[2:2] & 1:4] = 1": "ip[(ip[2:2] & 1):4] = 1",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0": "(tcp[13:1] & (2 | 1)) != 0",
    "ether[len - 4:4] == 1": "link[(len - 4):4] = 1",
    "1 + 2 * 3 - 4 = 5": "((1 + (2 * 3)) - 4) = 5",
    "2*3%4 = 7%4*2": "(2 * (3 % 4)) = (7 % (4 * 2))",
    "- 5%3 = - 1 - 1": "-(5 % 3) = (-1 - 1)",
    # Keywords with arguments.
    "vlan and vlan 5 and mpls (7)": "(vlan and vlan 5 and mpls 7)",
    "vlan ((5)) or ip": "(vlan 5 or ip)",
    "pppoed or pppoes 17": "(pppoed or pppoes 17)",
    "geneve 1 and vxlan": "(geneve 1 and vxlan)",
    "less 5 or greater 9": "(less 5 or greater 9)",
    "byte 0 & 1 or ip": "(byte 0 & 1 or ip)",
    "ether broadcast and ip multicast": "(link broadcast and ip multicast)",
    "llc and llc rr and llc rnr": "(llc and llc rr and llc rnr)",
    "ip type mgt": "type mgt",
    "wlan type mgt subtype beacon or dir tods": "(type mgt subtype beacon or dir tods)",
    "subtype beacon": "subtype beacon",
    "vpi 3 or vci (1 or 2) or sio > 4": "(vpi (= 3) or vci (= 1 or = 2) or sio (> 4))",
    "on em0 and reason match and rnr 5": "(on em0 and reason match and rnr 5)",
    "ifname em0 and rulenum 5": "(on em0 and rnr 5)",
    "l1 or iih or fisu or oamf4": "(l1 or iih or fisu or oamf4)",
    "inbound and ifindex 3": "(inbound and ifindex 3)",
}


@pytest.mark.parametrize("text", MEANINGS)
def test_grammar(text: str) -> None:
    assert render(parse(text)) == MEANINGS[text]


MISTAKES = {
    # text: (the characters the error is about, a word of its message or hint)
    "tcp udp": ("udp", "between"),
    "tcp port 80 443": ("443", "between"),
    "host a host b": ("host", "between"),
    "()": (")", "nothing"),
    "80": ("80", "port 80"),
    "foo": ("foo", "host foo"),
    "(80 or tcp)": ("80", "qualifier"),
    "tcp or 80": ("80", "qualifier"),
    "(port 80) or 443": ("443", "qualifier"),
    "port 80 or tcp or 443": ("443", "qualifier"),
    "vlan 5 or 6": ("6", "qualifier"),
    "host (a or src b)": ("src", "needed"),
    "host ether": ("ether", "\\ether"),
    "port and": ("and", "needed"),
    "host on": ("on", "\\on"),
    "ip proto tcp": ("tcp", "\\tcp"),
    "ip 1.2.3.4": ("1.2.3.4", "between"),
    "dst proto 1": ("proto", "direction"),
    "src protochain 1": ("protochain", "direction"),
    "dst gateway a": ("gateway", "direction"),
    "src or src a": ("src", "dst"),
    "net 10/8": ("/", "10.0.0.0/8"),
    "net 10 mask 255.0.0.0": ("mask", "dots"),
    "net 10.0.0.0 mask 255": ("255", "mask"),
    "len": ("", "compare"),
    "tcp[0]": ("", "compare"),
    "(1)": ("1", "qualifier"),
    "1 < 2 < 3": ("<", "chain"),
    "tcp[0": ("[", "closed"),
    "tcp[0) = 1": (")", "open"),
    "tcp[0:3] = 1": ("tcp[0:3]", "3"),
    "pppoed 5": ("5", "between"),
    "vlan any": ("any", "between"),
    "less (5)": ("(", "number"),
    "byte 0 != 1": ("!=", "operators"),
    "action 1": ("1", "name"),
    "wlan subtype 0": ("0", "name"),
    "(tcp": ("(", "closed"),
    "tcp)": (")", "none"),
    "tcp and": ("", "condition"),
    "not": ("", "condition"),
    "port": ("", "needed"),
    "tpc port 80": ("tpc", "'tcp'"),
    "tcp prt 80": ("prt", "'port'"),
    "udp or hots": ("hots", "'host'"),
    "hsot 1.2.3.4": ("hsot", "'host'"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_are_pointed_at(text: str) -> None:
    about, word = MISTAKES[text]
    with pytest.raises(FilterError) as caught:
        parse(text)
    error = caught.value
    assert text[error.span.start : error.span.end] == about
    assert error.span.start == (len(text) if not about else text.rindex(about) if about != "src" else error.span.start)
    assert word in f"{error.message} {error.hint}"
    assert error.reason is (Reason.BAD_INDEX if "[0:3]" in text else Reason.SYNTAX)
    assert error.expression == text
    caret = str(error).splitlines()[2]
    assert caret.index("^") == 2 + error.span.start


signs = ["(", ")", "[", "]", ":", "=", "<", "&", "%", "-", "/"]
words = st.sampled_from([*KEYWORDS, *CONSTANTS, *signs, *signs, "80", "1.2.3.4", "fe80::1", "a"])


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=14).map(" ".join)))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except FilterError as error:
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert error.message
        return
    assert tree is None or text[tree.span.start : tree.span.end]

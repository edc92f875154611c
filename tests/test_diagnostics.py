"""What a refused expression is told: corrections that compile, for the mistakes that people make; never a wrong one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cbpf
from cbpf import FilterError, Reason
from cbpf.errors import Edit, Span
from cbpf.language import mistakes, wireshark
from cbpf.language.names import Service
from cbpf.language.vocabulary import CONSTANTS, KEYWORDS
from tests import libpcap
from tests.expressions import FixedNames
from tests.oracles import needs_libpcap
from tests.shared import needs_corpus, refused


class EveryName(FixedNames):
    """A network in which everything that may be a name is one."""

    def service(self, name: str) -> Service | None:
        known = super().service(name)
        return Service(7777, None) if known is None and name.isalpha() else known

    def protocol(self, name: str) -> int | None:
        return super().protocol(name) or (200 if name.replace("-", "").isalnum() and not name.isdecimal() else None)

    def hosts(self, name: str) -> tuple[list[int], list[int]]:
        return ([0xC0000201], [0xFD << 120 | 2])

    def network(self, name: str) -> int | None:
        return super().network(name) or 0x0A000000


NAMES = EveryName()

# The expression, the part that is wrong between braces: the expression that was meant.
CORRECTIONS = {
    # Keywords that are used as names.
    "host {len}": r"host \len",
    "net {type}": r"net \type",
    "port {proto} and tcp": r"port \proto and tcp",
    "proto {tcp}": r"proto \tcp",
    "ip proto {tcp} or arp": r"ip proto \tcp or arp",
    "ip6 proto {icmp6}": r"ip6 proto \ipv6-icmp",
    "ip6 protochain {tcp}": r"ip6 protochain \tcp",
    "ether proto {ip}": r"ether proto \ip",
    "iso proto {clnp}": r"iso proto \clnp",
    "ether proto {tcp}": "tcp",
    "arp or ip proto {arp}": "arp or arp",
    "{lldp}": r"ether proto \lldp",
    # Capital letters.
    "{TCP} PORT 80": "tcp port 80",
    "host 1.2.3.4 {AND} TCP": "host 1.2.3.4 and tcp",
    "tcp {Port} 80": "tcp port 80",
    # Several values.
    "port 80 {443}": "port (80 or 443)",
    "tcp and port 80 {443} 8080 and ip": "tcp and port (80 or 443 or 8080) and ip",
    "port 80{,}443": "port (80 or 443)",
    "tcp and port 80{,} 443, 8080": "tcp and port (80 or 443 or 8080)",
    "host 1.2.3.4{,} 5.6.7.8": "host (1.2.3.4 or 5.6.7.8)",
    "host {[}fe80::1]": "host fe80::1",
    "port {{}80, 443}": "port (80 or 443)",
    "port in {{}80, 443}": "port (80 or 443)",
    "tcp{,} udp": "tcp or udp",
    "host a {b}": "host (a or b)",
    # A protocol and a value, a value alone.
    "tcp {80}": "tcp port 80",
    "udp {53} or 54": "udp port 53 or 54",
    "tcp {ssh}": "tcp port ssh",
    "icmp {8}": "icmp[icmptype] = 8",
    "icmp6 {135}": "icmp6[icmp6type] = 135",
    "ip {1.2.3.4}": "ip host 1.2.3.4",
    "arp {10.0.0.0}/8": "arp net 10.0.0.0/8",
    "ip6 {fe80::1}": "ip6 host fe80::1",
    "ether {1:2:3:4:5:6}": "ether host 1:2:3:4:5:6",
    "ether {1.2.3.4}": "host 1.2.3.4",
    "not tcp {1.2.3.4}": "not (tcp and host 1.2.3.4)",
    "tcp port 80 {1.2.3.4}": "tcp port 80 and host 1.2.3.4",
    "{10.0.0.0}/8": "net 10.0.0.0/8",
    "{1.2.3.4}": "host 1.2.3.4",
    "{::1}": "host ::1",
    "tcp and {1:2:3:4:5:6}": "tcp and ether host 1:2:3:4:5:6",
    "tcp or {80}": "tcp or port 80",
    "(port 80) or {443}": "(port 80) or port 443",
    "{example.com}": "host example.com",
    "{gre}": "proto gre",
    "{https}": "port https",
    "{dns}": "port 53",
    "not {dhcp} and ip": "not (udp port 67 or 68) and ip",
    # Addresses with a port.
    "host 1.2.3.4{:}80": "host 1.2.3.4 and port 80",
    "not host 1.2.3.4{:}80": "not (host 1.2.3.4 and port 80)",
    "src 1.2.3.4{:}80": "src 1.2.3.4 and src port 80",
    "host 1.2.3.4 {80}": "host 1.2.3.4 and port 80",
    # Networks.
    "{host 1.2.3.4/24}": "net 1.2.3.0/24",
    "tcp or {src host 1.2.3.0/24}": "tcp or src net 1.2.3.0/24",
    "{src 10.0.0.0/8}": "src net 10.0.0.0/8",
    "{src fe80::/10}": "src net fe80::/10",
    "{net 1.2.3.4/24}": "net 1.2.3.0/24",
    "{net fe80::1/10}": "net fe80::/10",
    "host 1.2.3.4 or net (10.0.0.0/8 or {10.1.2.3/16})": "host 1.2.3.4 or net (10.0.0.0/8 or 10.1.0.0/16)",
    "{net 192.168.1.1 mask 255.255.255.0}": "net 192.168.1.0 mask 255.255.255.0",
    "net 10{/}8": "net 10.0.0.0/8",
    "net 10 {mask} 255.0.0.0": "net 10.0.0.0 mask 255.0.0.0",
    "net 10.0.0.0 {255.0.0.0}": "net 10.0.0.0 mask 255.0.0.0",
    "host 192.168.1.{*}": "net 192.168.1.0/24",
    "src 10.*{.}*.*": "src net 10.0.0.0/8",
    # Conditions that are not joined, or joined in another language's way.
    "src 1.2.3.4 {dst} 5.6.7.8": "src 1.2.3.4 and dst 5.6.7.8",
    "arp or src 1.2.3.4 {dst} 5.6.7.8": "arp or (src 1.2.3.4 and dst 5.6.7.8)",
    "port 80 {port} 443": "port 80 or port 443",
    "ip and port 80 {port} 443": "ip and (port 80 or port 443)",
    "host 1.2.3.4 {port} 80": "host 1.2.3.4 and port 80",
    "tcp {udp}": "tcp or udp",
    "ip {tcp}": "ip and tcp",
    "tcp {arp}": "tcp or arp",
    "llc {multicast} and greater 60": "llc and multicast and greater 60",
    "tcp {not} port 80": "tcp and not port 80",
    "ip {&} tcp": "ip && tcp",
    "tcp {|} udp": "tcp || udp",
    "ip &&{&} tcp": "ip && tcp",
    "ip and {and} tcp": "ip and tcp",
    "{and} tcp": "tcp",
    "{~}tcp": "not tcp",
    # Comparisons.
    "1<2{<}3": "1 < 2 and 2 < 3",
    "tcp and 10 < len {<} 20": "tcp and (10 < len and len < 20)",
    "tcp[13] & 2{}": "tcp[13] & 2 != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) {and} port 80": "tcp[tcpflags] & (tcp-syn|tcp-ack) != 0 and port 80",
    "{tcp-syn}": "tcp[tcpflags] & tcp-syn != 0",
    "{tcp[13:3]} = 1": "(tcp[12:4] & 0xffffff) = 1",
    "{ip[0:3]} = 1": "(ip[0:4] >> 8) = 1",
    "{ether[0:6]} = 1:2:3:4:5:6": "ether dst 1:2:3:4:5:6",
    "ip[16:4] = {10.0.0.1}": "ip[16:4] = 0x0a000001",
    "ether[0:4] = {00:11:22:33}": "ether[0:4] = 0x00112233",
    "ether[6:2] = 00{:}1": "ether[6:2] = 0x0001",
    "ip[0] =={=} 5": "ip[0] = 5",
    "ip[0] <{>} 5": "ip[0] != 5",
    "ip[0] ={>} 5": "ip[0] >= 5",
    "ip[0] & {~}1 = 0": "ip[0] & 0xfffffffe = 0",
    "{len-14} > 100": "len - 14 > 100",
    "less {than} 100": "less 100",
    "byte 0 {!=} 1": "ether[0] != 1",
    "port {089}": "port 89",
    # Signs between a qualifier and its value.
    "port {=} 80": "port 80",
    "tcp and not src port {==} 80": "tcp and not src port 80",
    "tcp port {!=} 80": "not tcp port 80",
    "ip {=} 1.2.3.4": "ip host 1.2.3.4",
    "port {>} 1024": "portrange 1025-65535",
    "tcp dst port {<} 1024": "tcp dst portrange 0-1023",
    "vlan {=} 5": "vlan 5",
    # Qualifiers that do not go with the value.
    "{ip host ::1}": "ip6 host ::1",
    "{ip6 src 1.2.3.4}": "ip src host 1.2.3.4",
    "{host 0:1:2:3:4:5}": "ether host 0:1:2:3:4:5",
    "{src 0:1:2:3:4:5}": "ether src host 0:1:2:3:4:5",
    "{net 0:1:2:3:4:5}": "ether host 0:1:2:3:4:5",
    "{ether host 1.2.3.4}": "host 1.2.3.4",
    "{tcp host 1.2.3.4}": "tcp and host 1.2.3.4",
    "arp or {tcp src 1.2.3.4}": "arp or (tcp and src host 1.2.3.4)",
    "{udp net 10.1.2.3/8}": "udp and net 10.0.0.0/8",
    "{ip port 80}": "ip and port 80",
    "{ether port 80}": "port 80",
    "{port 1.2.3.4}": "host 1.2.3.4",
    "{tcp port 1.2.3.4}": "tcp and host 1.2.3.4",
    "dst {proto} 6": "proto 6",
    # Ranges of ports.
    "{port 80-90}": "portrange 80-90",
    "port 80{:}90": "portrange 80-90",
    "portrange 80 {-} 90": "portrange 80-90",
    "portrange 80 {to} 90": "portrange 80-90",
    "portrange 80{,}90": "portrange 80-90",
    "{portrange web}": "portrange web".replace("range", ""),
    # Qualifiers in another order.
    "dst {tcp} port 80": "tcp dst port 80",
    "src {ip} 1.2.3.4": "ip src 1.2.3.4",
    "port {tcp} 80": "tcp port 80",
    "host {src} 1.2.3.4": "src host 1.2.3.4",
    "multicast {ip}": "ip multicast",
    "ether dst {broadcast}": "ether broadcast",
    # Other people's words, and misspelt ones.
    "{dport} 80": "dst port 80",
    "{ipv6} and tcp": "ip6 and tcp",
    "{source} 1.2.3.4": "src 1.2.3.4",
    "tcp[tcpflags] & {syn} != 0": "tcp[tcpflags] & tcp-syn != 0",
    "tcp[tcpflags] = {tcp-synack}": "tcp[tcpflags] = (tcp-syn|tcp-ack)",
    "tcp[tcpflags] & {tcpsyn} != 0": "tcp[tcpflags] & tcp-syn != 0",
    "{tcpsyn}": "tcp[tcpflags] & tcp-syn != 0",
    "icmp[icmptype] = {icmp-echo-request}": "icmp[icmptype] = icmp-echo",
    "icmp[{icmp-type}] = 8": "icmp[icmptype] = 8",
    "tcp[{tcpflag}] = 2": "tcp[tcpflags] = 2",
    "{prot} 80": "port 80",
    "{hots} 1.2.3.4": "host 1.2.3.4",
    "{udpp} port 53": "udp port 53",
    # Quotes, and what word processors make of signs.
    '{"}port 80"': "port 80",
    "tcp and {“}port 80”": "tcp and port 80",
    "portrange 6000{\u2013}6063": "portrange 6000-6063",
    "len {≥} 100": "len >= 100",
    "tcp{\u00a0}port 80": "tcp port 80",
    # Display filters.
    "{ip.addr} == 1.2.3.4": "ip host 1.2.3.4",
    "{ip.addr}==1.2.3.4 && tcp.port==80": "ip host 1.2.3.4 && tcp port 80",
    "!({ip.src} == 10.0.0.0/8)": "!(ip src net 10.0.0.0/8)",
    "{tcp.port} eq 80 or udp.dstport >= 1024": "tcp port 80 or udp dst portrange 1024-65535",
    "{eth.src} == 00:11:22:33:44:55": "ether src 00:11:22:33:44:55",
    "{frame.len} > 100": "len > 100",
    "{tcp.flags.syn} == 1 and tcp.flags.ack == 0": "tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack = 0",
    "tcp.port in {{}80, 443}": "tcp port (80 or 443)",
    "tcp port 80 and ip.addr {==} 1.2.3.4": "tcp port 80 and ip host 1.2.3.4",
    "{http} or dns": "tcp port 80 or dns",
}

# Where no correction is clear: a word of the hint or the message.
REMARKS = {
    "{eth.src}": "Wireshark",
    "{tcp.analysis.retransmission}": "Wireshark",
    "tcp[{0:1:2}] = 1": "tcp[12:4]",
    "vlan 5 or {6}": "one number",
    "-{n} port 80": "Options",
    "tcp {-}n": "Options",
    "port 80 {#} web": "-F",
    "port 80{;} tcp": "'and'",
    "host http{:}//example.com": "http://",
    "udp or {hots}": "'host'",
    "{(}tcp": "never closed",
    "((tcp) and {(}udp": "never closed",
    "tcp{)}": "closes none",
    "tcp and ({)}": "nothing",
    "tcp{[}0": "bracket",
    "port {4294967296}": "0xffffffff",
    "{port 65536}": "65535",
    "{vlan 5000}": "4095",
    "{net 10.0.0.0/33}": "32",
    "ether host {1:2:3:4:5}": "six groups",
    "tcp[13]{}": "compare",
    "ether {llc}": "between",
    "{portrange 80-90-100}": "one hyphen",
}


def refusal(text: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        cbpf.compile(text, names=NAMES)
    return caught.value


def unmarked(marked: str) -> tuple[str, Span]:
    """The expression, and the part of it that was between the braces: they are doubled around one."""
    start = marked.index("{")
    end = marked.index("}", start + 1)
    text = marked[:start] + marked[start + 1 : end] + marked[end + 1 :]
    return text, Span(start, end - 1)


@pytest.mark.parametrize("marked", CORRECTIONS)
def test_corrections(marked: str) -> None:
    text, span = unmarked(marked)
    error = refusal(text)
    assert (error.span, error.correction) == (span, CORRECTIONS[marked])
    assert error.hint is not None
    if marked != "{http} or dns":
        cbpf.compile(CORRECTIONS[marked], names=NAMES)


@pytest.mark.parametrize("marked", REMARKS)
def test_remarks(marked: str) -> None:
    text, span = unmarked(marked)
    error = refusal(text)
    assert (error.span, error.correction) == (span, None)
    assert REMARKS[marked] in f"{error.message} {error.hint}"


@needs_libpcap
def test_libpcap_refuses_the_mistakes_and_takes_the_corrections() -> None:
    """It has to look names up, and does not know those of EveryName, so those with letters only it may know are out."""
    compared = 0
    for marked, correction in CORRECTIONS.items():
        text, _ = unmarked(marked)
        with pytest.raises(libpcap.Refused):
            libpcap.compile_expression(text, "EN10MB")
        if not any(name in correction for name in ("\\", "example", "host (a", "dns", "web", "gre", "https", "ssh")):
            libpcap.compile_expression(correction, "EN10MB")
            compared += 1
    assert compared > 100


# Hints.


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("tcp prt 80", "Did you mean 'port'?"),
        ("port 80 443", "Did you mean 'port (80 or 443)'?"),
        ("TCP", "Keywords are written in small letters: 'tcp'."),
        ("host on", "'on' is a keyword; to use it as a name, write \\on, in a shell within quotes."),
        ("tcp.port == 80", "This is a display filter of Wireshark's. The capture filter is 'tcp port 80'."),
        ("'arp'", "Quotes are for the shell; the expression itself is arp"),
        (
            " or ".join(["tcp port 80 and host 1.2.3.4"] * 9 + ["tcp 80"] + ["arp"] * 30),
            "Did you mean '... tcp port 80 and host 1.2.3.4 or tcp port 80 or arp or arp or arp or arp ...'?",
        ),
    ],
)
def test_hints(text: str, hint: str) -> None:
    assert refusal(text).hint == hint


def test_an_edit_of_two_conditions_gets_parentheses_among_others() -> None:
    assert Edit(Span(0, 3), "a or b").apply("xyz ") == "a or b "
    assert Edit(Span(4, 7), "a or b").apply("not xyz") == "not (a or b)"
    assert Edit(Span(4, 7), "ab").apply("not xyz") == "not ab"


def test_nothing_of_this_is_loaded_for_a_correct_expression() -> None:
    modules = {"cbpf.language.advice", "cbpf.language.mistakes", "cbpf.language.wireshark", "difflib"}
    code = f"import cbpf, sys; cbpf.compile('tcp port 80 and net 10.0.0.0/8'); print(sys.modules.keys() & {modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# The tables.


_NUMBERS = ("ip.proto", "ipv6.nxt", "eth.type", *wireshark._VALUES, *wireshark._BITS)


@pytest.mark.parametrize("field", [*wireshark._QUALIFIERS, *wireshark._VALUES, *wireshark._BITS])
def test_every_field_of_a_display_filter(field: str) -> None:
    address = {"ip.": "1.2.3.4", "arp": "1.2.3.4", "ipv": "fe80::1", "eth": "1:2:3:4:5:6"}.get(field[:3], "1")
    value = "2048" if field == "eth.type" else "1" if field in _NUMBERS else address
    for operator in ("==", "!=", "eq"):
        correction = refusal(f"arp or {field} {operator} {value}").correction
        assert correction is not None
        cbpf.compile(correction, names=NAMES)


@pytest.mark.parametrize("word", [*wireshark.PROTOCOLS, *mistakes.ALIASES])
def test_every_word_of_other_languages(word: str) -> None:
    """Wherever it is written, its correction is one or leads to one."""
    for context in (
        "{}",
        "not {} and tcp",
        "tcp {} 80",
        "{} 80",
        "{} 1.2.3.4",
        "host 1.2.3.4 {} 5",
        "tcp[{}] & {} != 0",
    ):
        follow(context.replace("{}", word))


@needs_corpus
def test_the_corpus() -> None:
    """Of what libpcap's own tests have refused, every correction compiles, except that names stay unknown."""
    corrected = 0
    for row in refused():
        with pytest.raises(FilterError) as caught:
            cbpf.compile(row.expression, row.linktype, names=FixedNames())
        correction = caught.value.correction
        if correction is None or row.expression in ("08", "09"):  # those need another one after it
            continue
        corrected += 1
        try:
            cbpf.compile(correction, row.linktype, names=FixedNames())
        except FilterError as error:
            assert error.reason is Reason.UNKNOWN_NAME, (row.expression, correction)
    assert corrected > 50


# Any text.


def follow(text: str) -> None:
    """Make the corrections that are proposed, one after the other: that comes to an end, at another mistake or none."""
    seen = []
    while True:
        try:
            cbpf.compile(text, names=NAMES, netmask="255.0.0.0")
        except FilterError as error:
            assert 0 <= error.span.start <= error.span.end <= len(text)
            assert error.hint is None or len(error.hint) < 1000
            seen.append(text)
            if error.correction is None:
                return
            text = error.correction
            assert text not in seen
            assert len(seen) < 40
            continue
        return


_VALUES = "80 1.2.3.4 10.0.0.0/8 10.1.2.3/8 ::1 fe80::/10 1:2:3:4:5:6 1.2 1-2 web TCP tpc ip.addr 089".split()
_SIGNS = '( ) [ ] : = == != < > <> + - * / % & && | ^ ~ , , { } ; " ! not and or'.split()
_WORDS = st.sampled_from([*KEYWORDS, *CONSTANTS, *list(mistakes.ALIASES), *_VALUES * 6, *_SIGNS * 4])
_COMMON = "tcp udp ip ip6 arp host net port portrange src dst ether proto and or not len tcp[13]".split()


@settings(max_examples=800, deadline=None)
@given(
    st.lists(st.one_of(_WORDS, st.sampled_from([*_COMMON * 2, *_VALUES, *_SIGNS])), max_size=9).map(" ".join)
    | st.lists(_WORDS, max_size=5).map("".join)
    | st.text(max_size=30)
)
def test_corrections_lead_somewhere(text: str) -> None:
    follow(text)

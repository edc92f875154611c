"""Tables of the mistakes that people make in filter expressions, and of what they mean by them.

A pattern is a regular expression for the text around the place of the mistake, which is marked in it with ``PLACE``. In
it a blank stands for blanks, ` ?` for blanks or none, and a letter in angle brackets for one of ``_PARTS``. Loaded only
when an expression has been refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from cbpf.language.names import registered_protocols, registered_service
from cbpf.language.tokens import number_value
from cbpf.language.vocabulary import KEYWORDS, PROTOCOLS
from cbpf.language.wireshark import PROTOCOLS as APPLICATIONS
from cbpf.language.wireshark import ports_of

PLACE = "‸"

# Where a condition begins.
BEGINNING = r"(?:^\s*|\(\s*|(?<![\w.-])(?:and|or|not)\s+|(?:&&|\|\||!)\s*)"

_NO_KEYWORD = rf"(?<![\w.-])(?!(?:{'|'.join(map(re.escape, KEYWORDS))})(?![\w.-]))"
_HEX = "[0-9A-Fa-f]"
_PARTS = {
    "n": r"(?:0[xX][0-9A-Fa-f]+|[0-9]+)(?![\w.-])",  # a number
    "a": r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,3}(?![\w.-])",  # a dotted address
    "q": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w.-])",  # one of four groups
    "6": rf"(?=[0-9A-Fa-f]*:)(?:{_HEX}{{0,4}}:){{2,7}}{_HEX}{{0,4}}(?![\w.:-])",  # an IPv6 address
    "m": rf"{_HEX}{{1,2}}(?:[:-]{_HEX}{{1,2}}){{5}}(?![\w.:-])",  # a MAC address
    "w": rf"{_NO_KEYWORD}[A-Za-z0-9][-_.A-Za-z0-9]*(?![\w.-])",  # any word but a keyword
    "s": rf"{_NO_KEYWORD}[A-Za-z0-9][-_A-Za-z0-9]*(?![\w.-])",  # a port or a service
    "h": rf"(?![0-9]+(?![\w.:-])){_NO_KEYWORD}[A-Za-z0-9:][-_.:A-Za-z0-9]*(?![\w.:-])",  # a name or an address
    "v": rf"{_NO_KEYWORD}[A-Za-z0-9:][-_.:/A-Za-z0-9]*(?![\w.:-])",  # any value
    "p": rf"(?<![\w.-])(?:{'|'.join(word for word in KEYWORDS if KEYWORDS[word] in PROTOCOLS)})(?![\w.-])",
    "e": r"(?<![\w.-])(?:ether|link|wlan|ppp|slip|fddi|tr)(?![\w.-])",  # the link layer
    "o": r"(?:len|tcp-[a-z]+|0[xX][0-9A-Fa-f]+|[0-9]+|[a-z][a-z0-9]*\[[^\[\]]*\])",  # an operand
    "r": r"(?:[<>!=]=|[<>=])",  # a comparison
    "k": r"(?<![\w.-])(?!(?:and|or|not)\b)[a-z][a-z0-9]*(?![\w.-])",  # what may be a qualifier
    "x": f"{_HEX}{{1,2}}",  # a byte in hexadecimal
    "b": BEGINNING,
}


class Rule(NamedTuple):
    """What to write in place of the group ``wrong`` of the pattern; ``replacement`` gives None where it cannot say."""

    pattern: re.Pattern[str]
    replacement: Callable[[re.Match[str]], str | None]


def _pattern(text: str) -> re.Pattern[str]:
    text = text.replace(" ?", r"\s*").replace(" ", r"\s+")
    return re.compile(re.sub(r"(?<!\?P)<([a-z0-9])>", lambda found: _PARTS[found[1]], text))


def _rule(context: str, wrong: str, replacement: str | Callable[[re.Match[str]], str | None]) -> Rule:
    """``wrong`` is to be replaced where ``context`` stands before it; groups are named, for both may have some."""
    expand = replacement if callable(replacement) else lambda match: re.sub(r"\s+", " ", match.expand(replacement))
    return Rule(_pattern(f"(?:{context})(?P<wrong>{wrong})"), expand)


def _alternatives(match: re.Match[str]) -> str:
    """A list of values, joined as the language has it."""
    return " or ".join(
        word for word in re.split(rf"[\s,{{}}{PLACE}\[\]]+", match["list"]) if word not in ("", "or", "and")
    )


def _range(match: re.Match[str]) -> str | None:
    ports = ports_of(match["sign"], match["n"])
    return ports and f"{match['q']}portrange {ports}"


def _wildcard(match: re.Match[str]) -> str:
    groups = match["n"].split(".")
    return f"{match['before'] or ''}net {'.'.join((*groups, '0', '0', '0')[:4])}/{8 * len(groups)}"


def _short_network(match: re.Match[str]) -> str | None:
    return f"{match['n']}.0.0.0/{match['bits']}" if int(match["n"]) < 256 and 8 <= int(match["bits"]) <= 32 else None


def _mask(match: re.Match[str]) -> str | None:
    """`mask`, if the second of two addresses is a mask of the first."""
    net, mask = (int.from_bytes(int(group) & 0xFF for group in match[name].split(".")) for name in ("net", "mask"))
    ones = mask ^ 0xFFFFFFFF
    return f"mask {match['mask']}" if mask and not ones & (ones + 1) and not net & ones else None


def _service(match: re.Match[str]) -> str | None:
    if registered_service(match["w"]):
        return f"{match['p']} port {match['w']}"
    meaning = APPLICATIONS.get(match["w"], "")
    return meaning if meaning.startswith(f"{match['p']} port") else None


def _kind(match: re.Match[str]) -> str:
    """An address of which nothing is said, with `host` or, if it has a prefix length, `net`."""
    return f"{match['before']}{'net' if '/' in match['v'] else 'host'} {match['v']}"


_ONE_NUMBER = re.compile(rf"(?:vlan|mpls|pppoes|geneve|vxlan)\s+\S+\s+(?:or|and)\s+{PLACE}")


def _port(match: re.Match[str]) -> str | None:
    """A number of nothing; behind a keyword that takes one number it may be meant for another such."""
    possible = len(match["n"]) < 6 and int(match["n"]) < 65536 and not _ONE_NUMBER.search(match.string)
    return f"port {match['n']}" if possible else None


def _dotted_number(match: re.Match[str]) -> str | None:
    groups = [int(group) for group in match["q"].split(".")]
    return "0x" + bytes(groups).hex() if max(groups) < 256 else None


def _byte_string(match: re.Match[str]) -> str:
    return "0x" + "".join(group.strip(PLACE).zfill(2) for group in match["bytes"].split(":"))


def _complement(match: re.Match[str]) -> str | None:
    number = number_value(match["n"])
    return None if number is None or number >> 32 else hex(number ^ 0xFFFFFFFF)


def _three_bytes(match: re.Match[str]) -> str:
    at = int(match["n"])
    return f"({match['p']}[{at - 1}:4] & 0xffffff)" if at else f"({match['p']}[0:4] >> 8)"


# In order of preference. Those that are about more of the text come before those that are about less of it.
RULES: tuple[Rule, ...] = (
    # Lists and ranges.
    _rule("portrange ", r"(?P<a>[0-9]+) ?‸(?:[-:,]|to )? ?(?P<b>[0-9]+)(?![\w.-])", r"\g<a>-\g<b>"),
    _rule("", r"\bport (?P<a>[0-9]+) ?‸(?:[-:]|to ) ?(?P<b>[0-9]+)(?![\w.-])", r"portrange \g<a>-\g<b>"),
    _rule("", r"(?:\bin )?‸(?P<list>[{\[] ?<v>(?:(?: ?, ?| )<v>)* ?[}\]])", _alternatives),
    _rule("", r"(?P<list><v> ?‸,(?: ?(?:or |and )?<v>(?: ?,)?)+)(?<!,)", _alternatives),
    _rule("", r"(?P<list><p> ?‸,(?: ?<p>(?: ?,)?)+)(?<!,)", _alternatives),
    _rule("port(?:range)? ", r"(?P<list><s> ‸<s>(?: <s>)*)", _alternatives),
    _rule(r"net (?P<net><q>) ", r"‸(?P<mask><q>)", _mask),
    _rule("", r"(?P<list><h> ‸<h>(?: <h>)*)", _alternatives),
    # Host and port in one.
    _rule(
        "", r"(?P<p>(?:<p> )?)(?P<d>src|dst)(?P<t>(?: host)?) (?P<h><h>) ?‸:? ?(?P<n><n>)",
        r"\g<p>\g<d>\g<t> \g<h> and \g<d> port \g<n>",
    ),
    _rule("", r"(?P<q>(?:<p> )?)host (?P<h><h>) ?‸:? ?(?P<n><n>)", r"\g<q>host \g<h> and port \g<n>"),
    _rule("", r"‸\[(?P<v><6>|<a>)\]", r"\g<v>"),
    # Networks.
    _rule("net ", r"(?P<n>[0-9]+) ?‸/ ?(?P<bits>[0-9]+)(?![\w.-])", _short_network),
    _rule("net ", r"(?P<n>[0-9]{1,3}) ‸mask (?P<q><q>)", r"\g<n>.0.0.0 mask \g<q>"),
    _rule(
        "", r"(?P<before>(?:src |dst )?)(?:(?:host|net) )?(?P<n>[0-9]{1,3}(?:\.[0-9]{1,3}){0,2})(?:\.‸?\*‸?)+",
        _wildcard,
    ),
    # A protocol and a value with nothing said of it.
    _rule("(?<![\\w.-])(?:tcp|udp|sctp) ", r"‸(?P<n>[0-9]+)(?![\w.:-])", _port),
    _rule("", r"(?<![\w.-])(?P<p>tcp|udp|sctp) ‸(?P<w><w>)", _service),
    _rule("", r"(?<![\w.-])icmp(?P<v>6?) ‸(?P<n><n>)", r"icmp\g<v>[icmp\g<v>type] = \g<n>"),
    _rule("", r"(?<![\w.-])(?P<before>(?:ip|arp|rarp) )‸(?P<v><a>(?:/[0-9]+)?)", _kind),
    _rule("", r"(?<![\w.-])(?P<before>ip6 )‸(?P<v><6>(?:/[0-9]+)?)", _kind),
    _rule("", r"(?P<e><e>) ‸(?P<m><m>)", r"\g<e> host \g<m>"),
    _rule("", r"<e> ‸(?P<before>)(?P<v>(?:<a>|<6>)(?:/[0-9]+)?)", _kind),
    _rule("", r"(?P<before><p> )‸(?P<v>(?:<a>|<6>)(?:/[0-9]+)?)", lambda m: _kind(m).replace(" ", " and ", 1)),
    # A value with nothing said of it.
    _rule("<b>", r"‸(?P<m><m>)", r"ether host \g<m>"),
    _rule("<b>", r"‸(?P<before>)(?P<v>(?:<a>|<6>)(?:/[0-9]+)?)", _kind),
    _rule("<b>", r"‸(?P<n>[0-9]+)(?![\w.:-])", _port),
    _rule("<v> ", r"‸(?P<m><m>)", r"and ether host \g<m>"),
    _rule("<v> ", r"(?P<before>)‸(?P<v>(?:<a>|<6>)(?:/[0-9]+)?)", lambda m: f"and {_kind(m)}"),
    # Qualifiers in another order.
    _rule("", r"\b(?P<t>port|portrange) ‸(?P<q>(?:(?:tcp|udp|sctp|src|dst) )+)(?P<v><v>)", r"\g<q>\g<t> \g<v>"),
    _rule("", r"\b(?P<t>host|net) ‸(?P<q>(?:(?:ip6?|arp|rarp|src|dst) )+)(?P<v><v>)", r"\g<q>\g<t> \g<v>"),
    _rule("", r"\b(?P<d>src|dst) ‸(?P<p>tcp|udp|sctp) (?P<t>port|portrange)\b", r"\g<p> \g<d> \g<t>"),
    _rule("", r"\b(?P<d>src|dst) ‸(?P<p>ip6?|arp|rarp|ether) (?P<t>(?:(?:host|net) )?<v>)", r"\g<p> \g<d> \g<t>"),
    _rule("", r"\b(?P<t>broadcast|multicast) ‸(?P<p><e>|ip)(?![\w.-])", r"\g<p> \g<t>"),
    _rule("", r"\bmulticast ‸ip6(?![\w.-])", "ip6 multicast"),
    _rule("", r"(?P<p><e>|\bip) (?:src|dst|host) ‸(?P<t>broadcast|multicast)\b", r"\g<p> \g<t>"),
    _rule("", r"\b(?P<d>src|dst) ‸(?P<t>proto|protochain) (?P<v><v>)", r"\g<t> \g<v>"),
    # Signs between a qualifier and its value.
    _rule("", r"(?P<q>(?:(?:tcp|udp|sctp|src|dst) )*)port ?‸(?P<sign>[<>]=?) ?(?P<n>[0-9]+)", _range),
    _rule("", r"\b(?P<p>ip6?|arp|rarp) ?‸==? ?(?P<v><a>|<6>)", r"\g<p> host \g<v>"),
    _rule("", r"\b(?P<p>ip6?|arp|rarp) ?‸!= ?(?P<v><a>|<6>)", r"not \g<p> host \g<v>"),
    _rule("", r"(?P<q>(?:<k> )*<k>) ?‸==? ?(?P<v><v>)", r"\g<q> \g<v>"),
    _rule("", r"(?P<q>(?:<k> )*<k>) ?‸!= ?(?P<v><v>)", r"not \g<q> \g<v>"),
    _rule("", r"\bbyte (?P<n><n>) ?‸(?P<r>!=|<=|>=) ?(?P<v><n>)", r"ether[\g<n>] \g<r> \g<v>"),
    # Comparisons and arithmetic.
    _rule(
        "", r"(?P<a><o>) ?(?P<r><r>) ?(?P<b><o>) ?‸(?P<s><r>) ?(?P<c><o>)",
        r"\g<a> \g<r> \g<b> and \g<b> \g<s> \g<c>",
    ),
    _rule(r"<o> ?& ?(?:<o>|\([^()]*\))", "(?P<s> ?)‸", lambda m: f" != 0{m['s']}"),
    _rule("", r"(?P<s>!?=)=?‸=+", r"\g<s>"),
    _rule("", r"<‸>", "!="),
    _rule("", r"=‸(?P<s>[<>])", r"\g<s>="),
    _rule("", r"‸<e>\[0:6\] ?==? ?(?P<m><m>)", r"ether dst \g<m>"),
    _rule("", r"‸<e>\[6:6\] ?==? ?(?P<m><m>)", r"ether src \g<m>"),
    _rule("", r"‸(?P<p>[a-z0-9]+)\[(?P<n>[0-9]{1,9}):3\]", _three_bytes),
    _rule("<r> ?|& ?", r"‸(?P<q><q>)", _dotted_number),
    _rule("<r> ?", "(?P<bytes>‸?<x>‸?:<x>(?::<x>:<x>)?)(?![\\w.:])", _byte_string),
    _rule("", r"‸(?P<a>len|[0-9]+)-(?P<b>len|[0-9]+)(?![\w.-])", r"\g<a> - \g<b>"),
    _rule("", r"‸~ ?(?P<n><n>)", _complement),
    _rule("", r"\b(?P<k>less|greater) ‸than ", r"\g<k> "),
    # Joining conditions.
    _rule("", r"‸~ ?(?=[a-z(])(?![a-z0-9]+\[)", "not "),
    _rule("&& ?", "‸&+", ""),
    _rule(r"\|\| ?", r"‸\|+", ""),
    _rule("", "‸&", "&&"),
    _rule("", r"‸\|", "||"),
    _rule(r"(?:\band|&&) ", r"‸(?:and|&&) ?", ""),
    _rule(r"(?:\bor|\|\|) ", r"‸(?:or|\|\|) ?", ""),
    _rule("^ ?", r"‸(?:and|or|&&|\|\|) ?", ""),
)  # fmt: skip

# What a condition is made of, from a constant alone that begins so.
CONDITIONS = (
    ("tcp-", "tcp[tcpflags] & {} != 0"),
    ("icmp-", "icmp[icmptype] = {}"),
    ("icmp6-", "icmp6[icmp6type] = {}"),
)

# Words that mean something in other places: in tcpdump's output, in iptables, in Wireshark, in English.
ALIASES: dict[str, tuple[str, ...]] = {
    **{word: (meaning,) for word, meaning in APPLICATIONS.items()},
    **{
        words.partition(":")[0]: tuple(words.partition(":")[2].split("/"))
        for words in (
            "ipv4:ip,ip4:ip,icmp4:icmp,icmpv4:icmp,ethernet:ether,mac:ether/ether host,addr:host,address:host,"
            "source:src,from:src/src host,saddr:src host,destination:dst,dest:dst,to:dst host,daddr:dst host,"
            "sport:src port,dport:dst port,srcport:src port,dstport:dst port,ports:port/portrange,range:portrange,"
            "network:net,subnet:net,netmask:mask,protocol:proto,size:len,pktlen:len,length:len,"
            "tcp-synack:(tcp-syn|tcp-ack),synack:(tcp-syn|tcp-ack),tcp-psh:tcp-push,psh:tcp-push,syn:tcp-syn,"
            "ack:tcp-ack,fin:tcp-fin,rst:tcp-rst,urg:tcp-urg,tcp-reset:tcp-rst,flags:tcpflags,tcp-flags:tcpflags,"
            "icmp-type:icmptype,icmp-code:icmpcode,icmp-echo-request:icmp-echo,icmp-echorequest:icmp-echo,"
            "icmp-echo-reply:icmp-echoreply,icmp-unreachable:icmp-unreach,icmp-time-exceeded:icmp-timxceed,"
            "icmp6-echo-request:icmp6-echo,icmp6-echo-reply:icmp6-echoreply,equals:=,is:=,"
            r"lldp:ether proto \lldp,slow:ether proto \slow,loopback:ether proto \loopback"
        ).split(",")
    },
}

# Protocols that are keywords too, by the protocol they are asked under, and what they are called there.
FITTING_PROTOCOLS: dict[str, dict[str, str]] = {
    "ip": {**{name: name for name in registered_protocols()}, "icmp6": "ipv6-icmp"},
    "link": {name: name for name in "ip ip6 arp rarp atalk aarp decnet sca lat mopdl moprc".split()},
    "iso": {name: name for name in "clnp esis isis".split()},
    "isis": {},
}

# Characters that word processors, web pages and chats put in place of others; quotes stand for nothing.
QUOTED_CHARACTERS = "'\"`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2032\u2033\u00b4"
CHARACTERS: dict[str, str] = {
    **dict.fromkeys(QUOTED_CHARACTERS, ""),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000\f\v", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    "\u2260": "!=",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u00ac": "not ",
    "\u2227": "and",
    "\u2228": "or",
    "\uff08": "(",
    "\uff09": ")",
    "\uff1a": ":",
    "\uff0c": ",",
    "\u2026": "...",
}

SIGNS_OF_OTHER_LANGUAGES: dict[str, str] = {
    "#": "Comments are for files, which are read with -F.",
    ";": "Conditions are joined with 'and' and 'or'.",
    ",": "Conditions are joined with 'and' and 'or', and so are the values in a list, as in 'port (80 or 443)'.",
    "~": "For the other bits of a number, write 0xffffffff ^ it.",
    "{": "A list is written in parentheses, as in 'port (80 or 443)'.",
    "?": "There are no conditional values; join conditions with 'and' and 'or'.",
    "*": "There are no wildcards; networks are written as in 'net 10.0.0.0/8'.",
}

# What to say where no correction is clear.
REMARKS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (_pattern(pattern), remark)
    for pattern, remark in (
        (r"(?:^|\s)(?:-{1,2}‸[A-Za-z]|‸-{1,2}[A-Za-z])", "Options such as -n go before the expression."),
        (r"\b(?:vlan|mpls|pppoes|geneve|vxlan) <n> or ‸", "This keyword takes one number, not a list."),
        (r"\[‸[0-9]+:[0-9]+:", "An index has an offset and a size, as in tcp[12:4]."),
        (r"‸:?//", "Give the name of the host alone, without http:// and the path."),
        (r"\bportrange .*‸", "A range has two ends with one hyphen between them and no blanks, as in 6000-6063."),
    )
)

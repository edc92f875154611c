"""What is an expression and what is none, as libpcap has it: expressions with words taken out, put in and exchanged."""

from __future__ import annotations

import re
from random import Random

import pytest

import cbpf
from cbpf import FilterError
from tests import libpcap
from tests.compiler.excuses import VERSION
from tests.expressions import EXPRESSIONS, NETMASK
from tests.oracles import needs_libpcap
from tests.symbolic import equivalent

pytestmark = [
    needs_libpcap,
    pytest.mark.skipif(needs_libpcap.args[0] or libpcap.version() != VERSION, reason=f"not libpcap {VERSION}"),
]

# Both compile these to the same, or both refuse them.
GRAMMAR = (
    *("port ((80))", "port (80 or (443))", "port ((80) or 443)", "port not ((80))", "port not (80)", "port not not 80"),
    *("port 80 or ((443))", "port 80 or (not 443)", "port (not 80 or 443)", "port (not (80 or 443) or 22)"),
    *("port 80 and (443)", "port 80 and not not 443", "port 80 or (443) = 443", "port 80 or 443 = 443"),
    *("port 80 or (443 or 22)", "port 80 or ((443) or 22)", "port 80 and (tcp and 443)", "port ((80) = 1)"),
    *("port 80 and ((udp port 53) and 443)", "port 80 or not ((tcp) or 22)", "tcp and ((udp) or (port 80 or 443))"),
    *("host 1.2.3.4 and (src or dst host 1.2.3.5)", "src host 1.2.3.4 or (1.2.3.5 and not 1.2.3.6) or 1.2.3.7"),
    *("(tcp port 80 or 81) and 82", "not (port 80 or 443) or 22", "port 80 or (tcp) or 443", "(((1))) = 1"),
    *("(len)=(60)", "((len))+1=(60)", "(tcp[0])+1 > 5 and (port 80)", "not 1 = 1", "not (1) = 1", "vlan (5) or (vlan)"),
    *("vlan ((5))", "mpls (5", "less 5 or 6", "len = 5 or 6", "len = 5 or 6 = 6", "ip proto (6 or 17)", "llc (i)"),
    *("proto (6 or not 17)", "ip proto 6 or 17", "net (10 or 192.168)", "net 10 or 192.168/16", "src or dst (1.2.3.4)"),
    *("src (1.2.3.4 or 1.2.3.5)", "ether host (1:2:3:4:5:6 or 1:2:3:4:5:7)", "llc i or s", "byte 0 = 1 or 2"),
    *("port 1-2", "portrange 1 - 2", "portrange (1-2 or 5-6)", "tcp[0:(1)] = 1", "(tcp[0:1]) = 1", "- 1 = len"),
)  # fmt: skip

# Where we are not as strict.
DOUBLED = r"\( *(not )*\("
LENIENT = ("port ((80 or 443))", "host ((1.2.3.4))", "port ((80 or 22) or 443)", "port 80 or ((443 or 22))")

# What only 1.10.3 takes, by a part of the expression or of our message.
NEWER = r"decnet|is over|0 ?[/%]"
# Words that it does not know, or takes another way than its next version.
OTHER_WORDS = r"vxlan|gateway|inbound|outbound|ifindex|lldp"


def _theirs(expression: str) -> bool:
    try:
        libpcap.compile_expression(expression, "EN10MB", netmask=0xFFFFFF00)
    except libpcap.Refused:
        return False
    return True


def _ours(expression: str) -> str | None:
    """Why we refuse it."""
    try:
        cbpf.compile(expression, netmask=NETMASK, optimize=False)
    except FilterError as error:
        return error.message
    return None


@pytest.mark.parametrize("expression", GRAMMAR)
def test_grammar(expression: str) -> None:
    assert (_ours(expression) is None) == _theirs(expression)
    if _theirs(expression):
        ours = cbpf.compile(expression, netmask=NETMASK, optimize=False).program
        assert equivalent(ours, libpcap.compile_expression(expression, "EN10MB", netmask=0xFFFFFF00)) is None


@pytest.mark.parametrize("expression", LENIENT)
def test_where_we_are_lenient(expression: str) -> None:
    assert _ours(expression) is None
    assert not _theirs(expression)


_WORDS = re.compile(r"[A-Za-z0-9_.:\\/-]+|[^\sA-Za-z0-9_.:\\/-]")
_SHORT = [expression for linktype, expression in EXPRESSIONS if linktype == "EN10MB" and 0 < len(expression) < 100]
_VOCABULARY = sorted({word for expression in _SHORT for word in _WORDS.findall(expression)})


def _mutant(random: Random) -> str:
    words = _WORDS.findall(random.choice(_SHORT))
    for _ in range(random.choice((1, 1, 2, 3))):
        place, other = random.randrange(len(words)), random.randrange(len(words))
        match random.randrange(4):
            case 0:
                words.insert(place, random.choice(_VOCABULARY))
            case 1:
                words[place] = random.choice(_VOCABULARY)
            case 2:
                words[place], words[other] = words[other], words[place]
            case 3 if len(words) > 1:
                del words[place]
    return " ".join(words)


def test_mutants() -> None:
    random = Random(20)
    counts = {True: 0, False: 0}
    for _ in range(2500):
        expression = _mutant(random)
        if re.search(OTHER_WORDS, expression):
            continue
        theirs, complaint = _theirs(expression), _ours(expression)
        lenient = complaint is None and re.search(DOUBLED, expression)
        if not lenient and not re.search(NEWER, f"{expression} {complaint}"):
            assert (complaint is None) == theirs, (expression, complaint)
        counts[theirs] += 1
    assert min(counts.values()) > 300

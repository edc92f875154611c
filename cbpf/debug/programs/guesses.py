"""Guesses: primitives that a program may be made of, by the numbers that its tests compare with.

Nothing here is known to be right; ``search`` asks what is. A guess is positive, and tells what kind of thing it is
about: alternatives are made of guesses of one kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from cbpf.compiler.graph import Branch, Graph, Node, Test
from cbpf.compiler.optimize.classes import interval
from cbpf.compiler.values import ANCILLARY, ANCILLARY_END, WORD, Binary, Const, Length, Load
from cbpf.debug.programs.relations import Places, relation, words

MOST_NUMBERS: Final = 16  # of each size
MOST_RELATIONS: Final = 120

_PROTOCOLS: Final = ("ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp")
_CASTS: Final = ("ether broadcast", "ether multicast", "ip multicast", "ip6 multicast")
_DIRECTIONS: Final = ("", "src ", "dst ")
_TAGGED: Final = (0x8100, 0x88A8, 0x9100)
_MPLS: Final = (0x8847, 0x8848)
_PPPOE: Final = (0x8864, 0x8863)


class Guess(NamedTuple):
    """``rank`` orders guesses: those with a small one are what people write."""

    text: str
    kind: str
    rank: int


def guesses(graph: Graph, where: Places) -> list[Guess]:
    """What the graph may be made of, where headers are."""
    found = [
        *(Guess(name, "protocol", 1) for name in _PROTOCOLS),
        *(Guess(name, "cast", 2) for name in _CASTS),
        *_of_linux(graph),
        *_numbered(graph),
        *_addressed(graph),
        *islice(_related(graph, where), MOST_RELATIONS),
    ]
    best: dict[str, Guess] = {}
    for guess in sorted(found, key=lambda each: each.rank):  # in the order of the program's tests, where that matters
        best.setdefault(guess.text, guess)
    return list(best.values())


def prefixes(graph: Graph) -> Iterator[str]:
    """Encapsulations that may be in front of everything else, the particular before the general."""
    numbers = set(_compared(graph, 2))
    if numbers & set(_TAGGED):
        tags = {test.right.number for test in graph.tests if _masks(test, 0x0FFF) and isinstance(test.right, Const)}
        yield from (f"vlan {tag}" for tag in sorted(tags)[:MOST_NUMBERS])
        yield "vlan"
    if numbers & set(_MPLS):
        yield "mpls"
    if numbers & set(_PPPOE):
        yield "pppoes"


def _of_linux(graph: Graph) -> Iterator[Guess]:
    """What the kernel knows beside the packet's bytes, if any of that is asked for."""
    for test in graph.tests:
        match test:
            case Test(_, Load(None, offset, size), Const(number)) if ANCILLARY <= offset < ANCILLARY_END:
                yield from (Guess(word, "direction", 1) for word in ("inbound", "outbound"))
                if size == 4:
                    yield Guess(f"ifindex {number}", "interface", 2)


def _numbered(graph: Graph) -> Iterator[Guess]:
    """Ports and protocol numbers."""
    halves, bytes_ = _compared(graph, 2), _compared(graph, 1)
    for number in halves[:MOST_NUMBERS]:
        yield from _port(f"port {number}")
        if number > 1500:
            yield Guess(f"ether proto {number:#x}", "protocol", 6)
    for number in bytes_[:MOST_NUMBERS]:
        for word in ("", "ip ", "ip6 "):
            yield Guess(f"{word}proto {number}", "protocol", 5 if word else 4)
    for low, high in islice(_ranges(graph, 2), MOST_NUMBERS):
        yield from _port(f"portrange {low}-{high}", "range")


def _port(text: str, kind: str = "port") -> Iterator[Guess]:
    for number, direction in enumerate(_DIRECTIONS):
        yield Guess(f"{direction}{text}", kind, 1 + bool(number))
        for protocol in ("tcp ", "udp ", "sctp "):
            yield Guess(f"{protocol}{direction}{text}", kind, 3 + bool(number))


def _addressed(graph: Graph) -> Iterator[Guess]:
    for number in _compared(graph, 4)[:MOST_NUMBERS]:
        yield from _hosts(f"host {_dotted(number)}")
    for low, high in islice(_ranges(graph, 4), MOST_NUMBERS):
        length = 32 - (high - low).bit_length()
        if (high - low + 1) == 1 << (32 - length) and not low & (high - low):
            yield from _hosts(f"net {_dotted(low)}/{length}")
    for start, texts in islice(_wide(graph), MOST_NUMBERS):
        for text in texts:
            for number, direction in enumerate(_DIRECTIONS):
                yield Guess(f"{direction}{text}", "host", 1 + bool(number))
                if start and text.startswith("ether"):
                    yield Guess(text.replace("ether ", f"ether {direction}"), "station", 1 + bool(number))


def _hosts(text: str) -> Iterator[Guess]:
    for number, direction in enumerate(_DIRECTIONS):
        yield Guess(f"{direction}{text}", "host", 1 + bool(number))
        for word in ("ip ", "arp "):
            yield Guess(f"{word}{direction}{text}", "host", 3 + bool(number))


def _wide(graph: Graph) -> Iterator[tuple[int, list[str]]]:
    """Addresses that are compared in several steps: of IPv6 and of Ethernet."""
    for node in graph.order:
        first = _word(node)
        if first is None:
            continue
        place, number, size = first
        assert isinstance(node, Branch)
        chain, following = [number], node.then
        while size == 4 and len(chain) < 4 and (more := _word(following)) is not None:
            if more[0] != place + 4 * len(chain) or more[2] != 4:
                break
            chain.append(more[1])
            assert isinstance(following, Branch)
            following = following.then
        if len(chain) == 4:
            yield 0, [f"host {_colons(chain)}"]
        elif len(chain) > 1:
            yield 0, [f"net {_colons([*chain, *[0] * (4 - len(chain))])}/{32 * len(chain)}"]
        other = _word(node.then)
        for low, high in ((first, other), (other, first)):
            if low and high and low[2] == 2 and high[2] == 4 and high[0] == low[0] + 2:
                octets = (low[1] << 32 | high[1]).to_bytes(6)
                yield 1, [f"ether host {octets.hex(':')}"]


def _word(node: Node) -> tuple[int, int, int] | None:
    """Where a node looks, the number that it compares with, and how many bytes."""
    match node:
        case Branch(Test("=", Load(None, offset, 2 | 4 as size), Const(number))):
            return offset, number, size
    return None


def _related(graph: Graph, where: Places) -> Iterator[Guess]:
    """The tests themselves, by every protocol that has a name for their bytes."""
    for node in graph.order:
        if not isinstance(node, Branch):
            continue
        length = isinstance(node.test.left, Length)
        for place, word in enumerate(words(node.test, where)):
            text = relation(node.test, word, where)
            if text is not None:
                yield Guess(text, "relation", 3 if length else 10 + place)
            if (node.test.operator != "=" or isinstance(node.test.left, Binary)) and (
                text := relation(node.test, word, where, holds=False)
            ) is not None:
                yield Guess(text, "relation", 3 if length else 10 + place)


def _compared(graph: Graph, size: int) -> list[int]:
    """The numbers that loads of so many bytes are compared with, in the order of the tests."""
    found: dict[int, None] = {}
    for node in graph.order:
        match node:
            case Branch(Test("=", Load(_, _, own), Const(number))) if own == size:
                found[number] = None
    return list(found)


def _ranges(graph: Graph, size: int) -> Iterator[tuple[int, int]]:
    """Intervals that loads of so many bytes may be asked to be in."""
    lows: dict[int, None] = {}
    behind: dict[int, None] = {}
    for node in graph.order:
        if not isinstance(node, Branch) or not isinstance(node.test.right, Const):
            continue
        subject, low, high = interval(node.test)
        if not isinstance(subject, Load) or subject.size != size:
            continue
        whole = (1 << 8 * size) - 1
        if node.test.operator == "=":
            if low != high:
                yield low, high
            continue
        cut = low if high == whole else high + 1
        lows[cut] = behind[cut] = None
    for low in (0, *lows):
        for end in (*behind, 1 << 8 * size):
            if low < end - 1 and end - low < 1 << 8 * size:
                yield low, end - 1


def _masks(test: Test, mask: int) -> bool:
    match test.left:
        case Binary("&", Load(), Const(number)):
            return number == mask and test.operator == "="
    return False


def _dotted(number: int) -> str:
    return ".".join(map(str, (number & WORD).to_bytes(4)))


def _colons(numbers: Iterable[int]) -> str:
    from ipaddress import IPv6Address

    return str(IPv6Address(b"".join(number.to_bytes(4) for number in numbers)))

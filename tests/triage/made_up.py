"""Results of triage that nobody found: as many files and filters as are wanted, the same ones every time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from cbpf.counts import Count
from cbpf.triage.report.model import AskedFilter, Gathering, Report
from cbpf.triage.result import SIZES, Conversation, Facts, FileResult, Summary, Timeline, Traffic

_Key = TypeVar("_Key")

START: Final = 1_793_000_000 * 10**9
_WORDS: Final = (
    "tcp-syn-scan dns-errors arp-gratuitous icmp-redirect tls-client-hello http-get ssh smb rdp telnet ftp ntp-monlist "
    "ssdp mdns llmnr nbns quic-initial vxlan geneve gre ip-in-ip vlan-hopping stp lldp cdp ipv6-ra ipv6-ns multicast "
    "jumbo runts low-ttl bogons sip rtp modbus dnp3 s7 bacnet ethernet-ip opc-ua profinet dhcp dns-tcp zero-window "
    "tcp-resets xmas-scan null-scan fin-scan tiny-first overlapping icmp-tunnel radius ldap kerberos snmp syslog mqtt "
    "coap amqp bgp"
).split()
_TAGS: Final = ("tcp", "scan", "names", "industrial", "tunnel", "layer-2", "voice", "management")
_PROTOCOLS: Final = (
    "eth/arp", "eth/ip/icmp", "eth/ip/tcp", "eth/ip/tcp/https", "eth/ip/tcp/ssh", "eth/ip/udp/dns", "eth/ip/udp/ntp",
    "eth/ip6/icmp6", "eth/ip6/udp/dns", "eth/vlan/ip/tcp/http", "eth/llc/stp",
)  # fmt: skip
HOSTILE: Final = (
    "</script><script>alert(1)</script>.pcap",
    "<img src=x onerror=alert(2)>.pcap",
    'it\'s "quoted" $(touch pwned) `id`; &.pcap',
    "two\nlines\x1b[31m.pcap",
    "\u202egnp.exe.pcap",
    "مرحبا بالعالم.pcap",
    "=HYPERLINK(1).pcap",
    "-rf.pcap",
    "not-text-\udcff\udcfe.pcap",
    "<!--<script>.pcap",
)


def filters(count: int) -> list[AskedFilter]:
    names = [*_WORDS, *(f"filter-{number}" for number in range(len(_WORDS), count))][:count]
    return [
        AskedFilter(name, f"tcp port {80 + place}", f"tcp port {80 + place}", f"What <b>{name}</b> &lt;is&gt;",
                    "Packets that somebody wanted to see, and why.", (_TAGS[place % 8], _TAGS[(place * 3 + 1) % 8]))
        for place, name in enumerate(names)
    ]  # fmt: skip


def file_result(
    number: int, named: Iterable[AskedFilter], *, density: float = 0.25, path: str | None = None
) -> FileResult:
    """A file of which each filter matches with a probability of ``density``."""
    dice = random.Random(number)
    packets = int(10 ** dice.uniform(0.5, 6))
    size = packets * dice.randint(70, 900)
    first = START + number * 137 * 10**9 + dice.randrange(10**9)
    last = first + int(dice.uniform(0.1, 900) * 10**9)
    whole = Count(packets, size, first, last)
    path = path or f"captures/site-{number % 40:02}/day-{number // 40:03}/{dice.choice(_WORDS)}-{number:05}.pcap"
    found = {each.name: _part(dice, whole) if dice.random() < density else Count() for each in named}
    facts = Facts("pcapng" if number % 3 == 0 else "pcap", "gzip" if number % 10 == 0 else None, ("EN10MB",), 262144,
                  size, number % 17 != 0, f"{dice.getrandbits(256):064x}")  # fmt: skip
    summary = Summary(
        whole,
        found,
        {f"10.{number % 250}.0.{host}": _traffic(dice, whole) for host in range(1, 15)},
        {
            Conversation("tcp", f"10.{number % 250}.0.{host}", 40000 + host, f"198.51.100.{host}", 443): _traffic(
                dice, whole
            )
            for host in range(1, 15)
        },
        {f"tcp/{port}": _part(dice, whole) for port in (22, 53, 80, 123, 443, 445, 3389, 5060, 8080)},
        {path: _part(dice, whole) for path in dice.sample(_PROTOCOLS, 6)},
        tuple(dice.randrange(packets + 1) for _ in SIZES),
        _timeline(dice, whole),
        {name: _timeline(dice, count) for name, count in list(found.items())[:8] if count.packets},
        {"conversations": dice.randrange(1, 5000)} if number % 5 == 0 else {},
    )
    trouble = "the last packet is cut off (at byte 12345)" if number % 50 == 7 else None
    return FileResult(path, size + 24, last, facts, trouble, summary, ())


def unreadable(path: str) -> FileResult:
    return FileResult(path, 0, START, None, "cannot read: Permission denied", Summary())


def report(files: int, count: int, *, density: float = 0.25, hostile: bool = False) -> Report:
    """A report of so many files and filters; with ``hostile`` names, too."""
    named = filters(count)
    results = [file_result(number, named, density=density) for number in range(files)]
    if hostile:
        results += [
            file_result(100_000 + place, named, density=density, path=path) for place, path in enumerate(HOSTILE)
        ]
        results.append(unreadable("captures/forbidden.pcap"))
    gathering = Gathering(merged, 10)
    for result in results:
        gathering.take(result)
    return Report(gathering.files, named, gathering.summary(), ("captures",), (), "/srv/evidence", START, "0.1.0")


def merged(summaries: Iterable[Summary]) -> Summary:
    """What ``cbpf.triage.merge.merged`` does, as simple as can be."""
    some = list(summaries)
    return Summary(
        _sum([each.packets for each in some]),
        _counts([each.filters for each in some]),
        _traffics([each.talkers for each in some]),
        _traffics([each.conversations for each in some]),
        _counts([each.ports for each in some]),
        _counts([each.protocols for each in some]),
        tuple(map(sum, zip(*(each.sizes for each in some if each.sizes), strict=True))),
        _timelines([each.timeline for each in some if each.timeline.intervals]),
        {
            name: _timelines([each.timelines[name] for each in some if name in each.timelines])
            for name in {name: None for each in some for name in each.timelines}
        },
        {
            name: sum(each.more.get(name, 0) for each in some)
            for name in {name: None for each in some for name in each.more}
        },
    )


def _part(dice: random.Random, whole: Count) -> Count:
    assert whole.first is not None
    assert whole.last is not None
    packets = max(1, int(whole.packets * 10 ** dice.uniform(-5, 0)))
    first = dice.randint(whole.first, whole.last)
    return Count(packets, packets * 80, first, dice.randint(first, whole.last))


def _traffic(dice: random.Random, whole: Count) -> Traffic:
    sent, received = _part(dice, whole), _part(dice, whole)
    return Traffic(sent.packets, sent.bytes, received.packets, received.bytes, sent.first, sent.last)


def _timeline(dice: random.Random, whole: Count) -> Timeline:
    assert whole.first is not None
    assert whole.last is not None
    shift = max(20, math.ceil(math.log2(max(1, (whole.last - whole.first) / 64))))
    places = range(whole.first >> shift, (whole.last >> shift) + 1)
    each = max(1, whole.packets // len(places))
    return Timeline(shift, {place: (dice.randint(1, 2 * each), each * 100) for place in places})


def _sum(counts: Iterable[Count]) -> Count:
    total = Count()
    for count in counts:
        if count.packets:
            assert count.first is not None
            assert count.last is not None
            total = total.plus(count.packets, count.bytes, count.first, count.last)
    return total


def _counts(some: list[Mapping[str, Count]]) -> dict[str, Count]:
    together: dict[str, list[Count]] = {}
    for each in some:
        for name, count in each.items():
            together.setdefault(name, []).append(count)
    return {name: _sum(counts) for name, counts in together.items()}


def _traffics(some: list[Mapping[_Key, Traffic]]) -> dict[_Key, Traffic]:
    together: dict[_Key, list[Traffic]] = {}
    for each in some:
        for key, traffic in each.items():
            together.setdefault(key, []).append(traffic)
    return {
        key: Traffic(
            sum(each.packets for each in found),
            sum(each.bytes for each in found),
            sum(each.packets_back for each in found),
            sum(each.bytes_back for each in found),
            min((each.first for each in found if each.first is not None), default=None),
            max((each.last for each in found if each.last is not None), default=None),
        )
        for key, found in together.items()
    }


def _timelines(some: list[Timeline]) -> Timeline:
    shift = max((each.shift for each in some), default=0)
    intervals: dict[int, tuple[int, int]] = {}
    for each in some:
        for place, (packets, size) in each.intervals.items():
            wide = place >> (shift - each.shift)
            before = intervals.get(wide, (0, 0))
            intervals[wide] = (before[0] + packets, before[1] + size)
    while len(intervals) > 4096:
        shift += 1
        narrower, intervals = intervals, {}
        for place, (packets, size) in narrower.items():
            before = intervals.get(place >> 1, (0, 0))
            intervals[place >> 1] = (before[0] + packets, before[1] + size)
    return Timeline(shift, intervals)

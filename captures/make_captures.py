"""Make the sample captures in this folder, and its README; the same bytes every time.

    python captures/make_captures.py [folder]

The packets come from traffic.py, encapsulations.py and links.py, the file formats from formats.py; the table below
says what goes into which file. Those of the named filters, in the folder filters, come from filter_samples.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import encapsulations
import filter_samples
import links
import traffic
from formats import pcap, pcapng
from scapy.packet import Packet
from traffic import START, records, small

Packets = Iterable[Packet | bytes]


def two_interfaces(order: str = "<") -> bytes:
    """Ethernet and Linux cooked in one file, their packets interleaved."""
    first = records(traffic.http())
    second = records(links.cooked(), interface=1, start=START + 500)
    both = sorted([*first, *second], key=lambda record: record.time)
    return pcapng([(1, "eth0"), (113, "any")], both, order=order)


def damaged() -> bytes:
    """The first packets of http.pcap, cut in the middle of one: what a full disk leaves behind."""
    return ethernet(traffic.http)()[:1000]


def ethernet(packets: Callable[[], Packets]) -> Callable[[], bytes]:
    return lambda: pcap(1, records(packets()))


CAPTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "http.pcap": (ethernet(traffic.http), "loading a page: ARP, DNS, ICMP, HTTP over IPv4 and IPv6, the begin of TLS"),
    "tls.pcap": (ethernet(traffic.tls), "a TCP connection to port 443 with a TLS ClientHello and an alert"),
    "dns.pcap": (ethernet(traffic.udp_dns), "DNS queries and responses over UDP: A, AAAA, PTR"),
    "icmp.pcap": (ethernet(traffic.icmp), "ICMP echo, unreachable, time exceeded, redirect"),
    "icmpv6.pcap": (ethernet(traffic.icmpv6), "ICMPv6 echo, neighbour discovery, router advertisement, MLD report"),
    "arp-rarp.pcap": (ethernet(traffic.arp_rarp), "ARP and RARP requests and replies"),
    "multicast.pcap": (ethernet(traffic.multicast), "IGMP query and report with router alert, a multicast datagram"),
    "sctp.pcap": (ethernet(traffic.sctp), "SCTP INIT and DATA over IPv4 and IPv6"),
    "llc.pcap": (
        ethernet(traffic.llc),
        "802.3: STP, IS-IS, IPX, AppleTalk and IPv4 in SNAP, NetBEUI; LLDP, an unknown EtherType",
    ),
    "vlan.pcap": (ethernet(encapsulations.vlan), "802.1Q tags, QinQ with 0x8100 and 0x88a8 outside, STP behind a tag"),
    "mpls.pcap": (ethernet(encapsulations.mpls), "MPLS with one and two labels, and behind a VLAN tag"),
    "pppoe.pcap": (
        ethernet(encapsulations.pppoe),
        "PPPoE discovery, sessions with IPv4, IPv6 and LCP, one behind a VLAN tag",
    ),
    "vxlan.pcap": (
        ethernet(encapsulations.vxlan),
        "VXLAN over IPv4 and IPv6, two network identifiers, a tagged inner frame",
    ),
    "geneve.pcap": (
        ethernet(encapsulations.geneve),
        "Geneve over IPv4 and IPv6 with 0, 1 and 3 options; inside Ethernet, IPv4, IPv6",
    ),
    "fragments.pcap": (ethernet(encapsulations.fragments), "UDP and TCP in IPv4 fragments: first, middle, last"),
    "ip-options.pcap": (
        ethernet(encapsulations.options),
        "IPv4 headers with options: no-operation, record route, router alert",
    ),
    "ipv6-extensions.pcap": (
        ethernet(encapsulations.extension_headers),
        "IPv6 hop-by-hop, destination, routing, fragment, AH, chains; ESP; IPv4 AH",
    ),
    "truncated.pcap": (lambda: pcap(1, encapsulations.truncated()), "two packets cut at every length from 0 on"),
    "cooked.pcap": (lambda: pcap(113, records(links.cooked())), "LINUX_SLL: in and out, IPv4, IPv6, ARP, LLC, VLAN"),
    "cooked2.pcap": (lambda: pcap(276, records(links.cooked2())), "LINUX_SLL2: the same, on two interface indexes"),
    "raw.pcap": (lambda: pcap(101, records(small())), "RAW: IPv4 and IPv6 packets without a link header"),
    "ipv4.pcap": (lambda: pcap(228, records(small(4))), "IPV4: IPv4 packets without a link header"),
    "ipv6.pcap": (lambda: pcap(229, records(small(6))), "IPV6: IPv6 packets without a link header"),
    "null.pcap": (
        lambda: pcap(0, records(links.loopback_null())),
        "NULL: BSD loopback of both byte orders, AF_INET6 as 10, 24, 28, 30",
    ),
    "loop.pcap": (
        lambda: pcap(108, records(links.loopback_loop())),
        "LOOP: OpenBSD loopback, AF_INET6 as 10, 24, 28, 30",
    ),
    "two-interfaces.pcapng": (two_interfaces, "Ethernet and Linux cooked interfaces in one file"),
    "big-endian.pcapng": (lambda: two_interfaces(">"), "the same, written in big-endian byte order"),
    "big-endian.pcap": (
        lambda: pcap(1, records(traffic.http()), order=">"),
        "http.pcap, written in big-endian byte order",
    ),
    "nanoseconds.pcap": (lambda: pcap(1, records(traffic.http()), nano=True), "http.pcap with nanosecond timestamps"),
    "snaplen-96.pcap": (
        lambda: pcap(1, records(traffic.http(), snaplen=96), snaplen=96),
        "http.pcap with a snapshot length of 96 bytes",
    ),
    "damaged.pcap": (damaged, "http.pcap cut inside a packet: reading it ends with an error"),
}


def readme() -> str:
    """The list of the files."""
    lines = [
        "# Sample captures",
        "",
        "Made by `make_captures.py`: the same bytes every time. Link type Ethernet unless another is named.",
        "",
        "| file | what is in it |",
        "|---|---|",
        *(f"| `{name}` | {description} |" for name, (_, description) in CAPTURES.items()),
        "",
        "For each named filter, `filters/` has `NAME.match.pcap`, which matches, and `NAME.miss.pcap`, near misses.",
    ]
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    for name, (make, _) in CAPTURES.items():
        (folder / name).write_bytes(make())
    (folder / "filters").mkdir(exist_ok=True)
    for name, data in filter_samples.files().items():
        (folder / "filters" / name).write_bytes(data)
    (folder / "README.md").write_text(readme())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

"""Summaries: the lines themselves, and agreement with tcpdump on times, addresses, flags and lengths."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cbpf.capture.summary.clock as module
from cbpf.capture import Interface, Packet, open_savefile, summarize
from cbpf.errors import SavefileError

from .tools import REPOSITORY, SAMPLES, SHARED, needs, pcap_file, record


def lines(path: Path) -> list[str]:
    """The summaries of the packets before any damage."""
    found: list[str] = []
    try:
        with open_savefile(str(path)) as savefile:
            found.extend(summarize(packet) for packet in savefile)
    except SavefileError:
        assert path.name == "damaged.pcap"
    return found


def sample(name: str) -> list[str]:
    """The summaries of a sample, without the time."""
    return [line.split(" ", 1)[1] for line in lines(REPOSITORY / "captures" / name)]


V4 = "IP 192.0.2.10{} > 198.51.100.80{}:"
V6 = "IP6 2001:db8::10{} > 2001:db8:1::80{}:"
OPENING = "Flags [S], seq {}, win 8192, length 0"
SYN = f"{V4.format('.51003', '.80')} {OPENING.format(1)}"
SYN6 = f"{V6.format('.51004', '.443')} {OPENING.format(1)}"
QUERY = V4.format(".40053", ".53") + " 8+ A? example.net. (29)"
DATAGRAM = V6.format(".5000", ".6000") + " UDP, length 8"
CLIENT, SERVER, ROUTER = (f"02:00:00:00:00:{last}" for last in ("01", "02", "fe"))
REQUEST = "Flags [P.], seq 1001:1075, ack 5001, win 64240, length 74: HTTP: GET / HTTP/1.1"
AH = "AH(spi=0x00000001,seq=0x1,icv=0x{}): "
VXLAN = "VXLAN, flags [I] (0x08), vni"
LABEL = "(label {}, tc {}{}, ttl {})"

EXPECTED = {
    "http.pcap": {
        0: "ARP, Request who-has 192.0.2.53 tell 192.0.2.10, length 28",
        1: "ARP, Reply 192.0.2.53 is-at 02:00:00:00:00:fe, length 28",
        2: "IP 192.0.2.10.40053 > 192.0.2.53.53: 7+ A? www.example.com. (33)",
        3: "IP 192.0.2.53.53 > 192.0.2.10.40053: 7 1/0/0 A 198.51.100.80 (64)",
        4: V4.format("", "") + " ICMP echo request, id 9, seq 1, length 40",
        9: f"{V4.format('.51000', '.80')} {REQUEST}",
        21: f"{V6.format('.51001', '.80')} {REQUEST}",
    },
    "arp-rarp.pcap": {
        2: f"ARP, Reverse Request who-is {CLIENT} tell {CLIENT}, length 28",
        3: f"ARP, Reverse Reply {CLIENT} at 192.0.2.10, length 28",
    },
    "icmp.pcap": {
        1: "IP 198.51.100.80 > 192.0.2.10: ICMP echo reply, id 9, seq 1, length 40",
        2: "IP 198.51.100.80 > 192.0.2.10: ICMP 198.51.100.80 udp port 6000 unreachable, length 40",
        3: "IP 198.51.100.80 > 192.0.2.10: ICMP 198.51.100.80 unreachable - need to frag, length 40",
        4: "IP 198.51.100.80 > 192.0.2.10: ICMP time exceeded in-transit, length 40",
        5: "IP 198.51.100.80 > 192.0.2.10: ICMP redirect 198.51.100.80 to host 0.0.0.0, length 40",
    },
    "icmpv6.pcap": {
        0: V6.format("", "") + " ICMP6, echo request, id 9, seq 1, length 12",
        2: "IP6 2001:db8::10 > ff02::1:ff00:80: ICMP6, neighbor solicitation, who has 2001:db8:1::80, length 32",
        3: "IP6 2001:db8:1::80 > 2001:db8::10: ICMP6, neighbor advertisement, tgt is 2001:db8:1::80, length 32",
        5: "IP6 fe80::1 > ff02::fb: HBH ICMP6, multicast listener report, max resp delay: 0 addr: ff02::fb, length 24",
    },
    "multicast.pcap": {
        0: "IP 192.0.2.10 > 224.0.0.1: igmp query v2",
        2: "IP 192.0.2.10.5353 > 224.0.0.251.5353: 0 A (QM)? printer.local. (31)",
    },
    "sctp.pcap": {
        0: V4.format(".5000", ".5001") + " sctp (1) [INIT] [init tag: 1] [rwnd: 65535] [OS: 0] [MIS: 0] [init TSN: 1]",
        3: V6.format(".5000", ".5001") + " sctp (1) [DATA] (B)(E) [TSN: 1] [SID: 0] [SSEQ 0] [PPID 0x0]",
    },
    "llc.pcap": {
        0: f"{ROUTER} > 01:80:c2:00:00:00: STP, length 35",
        1: f"{ROUTER} > 01:80:c2:00:00:14: IS-IS, length 27",
        2: f"{CLIENT} > ff:ff:ff:ff:ff:ff: IPX, length 36",
        3: f"{CLIENT} > ff:ff:ff:ff:ff:ff: IPX, length 36",
        4: f"{CLIENT} > 09:00:07:ff:ff:ff: AppleTalk, length 21",
        5: f"{CLIENT} > {SERVER}: " + V4.format(".1", ".2") + " UDP, length 0",
        6: f"{CLIENT} > {SERVER}: NetBEUI, length 0",
        7: f"{CLIENT} > ff:ff:ff:ff:ff:ff: LLDP, length 20",
        8: f"{CLIENT} > {SERVER}: ethertype 0x1234, length 17",
    },
    "vlan.pcap": {
        0: SYN,
        4: "ARP, Request who-has 192.0.2.53 tell 192.0.2.10, length 28",
        5: SYN,
        6: SYN,
        13: "STP, length 35",
    },
    "mpls.pcap": {
        0: f"MPLS {LABEL.format(100, 0, ', [S]', 64)} {SYN}",
        5: f"MPLS {LABEL.format(100, 5, '', 64)} {LABEL.format(1023, 0, ', [S]', 63)} {SYN6}",
        8: f"MPLS {LABEL.format(16, 0, ', [S]', 1)} {SYN}",
    },
    "pppoe.pcap": {
        0: "PPPoE PADI, length 10",
        4: "PPPoE PADT [ses 0x11], length 10",
        5: f"PPPoE  [ses 0x11] {SYN}",
        7: f"PPPoE  [ses 0x11] {SYN6}",
        9: "PPPoE  [ses 0x11] LCP, length 8",
        10: f"PPPoE  [ses 0x11] {SYN}",
    },
    "vxlan.pcap": {
        0: V4.format(".49152", ".4789") + f" {VXLAN} 42: {SYN}",
        15: V6.format(".49152", ".4789") + f" {VXLAN} 11259375: {DATAGRAM}",
        16: V4.format(".49152", ".4789") + f" {VXLAN} 42: {SYN}",
    },
    "geneve.pcap": {
        0: V4.format(".49153", ".6081") + f" Geneve, Flags [none], vni 0x2a: {SYN}",
        1: V4.format(".49153", ".6081") + f" Geneve, Flags [none], vni 0x2b: {SYN}",
        23: V6.format(".49153", ".6081") + f" Geneve, Flags [none], vni 0x2b, options [24 bytes]: {SYN6}",
    },
    "fragments.pcap": {
        0: V4.format(".5000", ".6000") + " UDP, length 800",
        1: V4.format("", "") + " ip-proto-17",
        2: V4.format("", "") + " ip-proto-17",
        3: V4.format(".5001", ".80") + " Flags [S], seq 0:284, win 8192, length 284: HTTP",
    },
    "ipv6-extensions.pcap": {
        4: V6.format("", "")
        + " HBH DSTOPT RT6 (len=2, type=0 [Deprecated], segleft=0, [0]2001:db8::99) 51006 > 80: "
        + OPENING.format(0),
        5: f"{V6.format('', '')} frag (0|20) 51006 > 80: {OPENING.format(0)}",
        6: V6.format("", "") + " frag (800|20)",
        9: f"{V6.format('', '')} {AH.format(8 * '0')}{AH.format(24 * '0')}51006 > 80: {OPENING.format(0)}",
        33: f"{V4.format('', '')} {AH.format(8 * '0')}51006 > 80: {OPENING.format(0)}",
        35: V6.format("", "") + " no next header",
        36: V6.format("", "") + " ESP(spi=0x00000000,seq=0x0), length 24",
    },
    "cooked.pcap": {
        0: SYN,
        1: SYN,
        8: "ARP, Request who-has 192.0.2.53 tell 192.0.2.10, length 28",
        10: "STP, length 35",
        11: SYN,
    },
    "cooked2.pcap": {0: f"if2   In  {SYN}", 1: f"if3   Out {SYN}", 10: "if2   M   STP, length 35"},
    "raw.pcap": {0: SYN, 1: QUERY, 2: SYN6, 3: DATAGRAM},
    "ipv4.pcap": {0: SYN, 1: QUERY},
    "ipv6.pcap": {0: SYN6, 1: DATAGRAM},
    "null.pcap": dict(enumerate([SYN, QUERY, *[SYN6] * 4] * 2)),
    "loop.pcap": dict(enumerate([SYN, QUERY, *[SYN6] * 4])),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_lines_of_the_samples(name: str) -> None:
    found = sample(name)
    assert {number: found[number] for number in EXPECTED[name]} == EXPECTED[name]


def ethernet(text: str, *, wirelen: int | None = None) -> str:
    """The summary of an Ethernet frame in hexadecimal, without the time."""
    data = bytes.fromhex(text)
    return summarize(Packet(0, len(data) if wirelen is None else wirelen, data, Interface())).split(" ", 1)[1]


MACS = "020000000002 020000000001"
ANSWER = "0007 8180 0001 0001 0000 0000 0161 00 0001 0001 c00c"
IPV4 = f"{MACS} 0800 45000020 00010000 40{{}}0000 c000020a c6336450"
ADDRESSES = "IP 192.0.2.10{} > 198.51.100.80{}:"


@pytest.mark.parametrize(
    ("text", "wirelen", "expected"),
    [
        ("", 60, "[truncated]"),
        ("", 0, "[malformed]"),
        (f"{MACS} 08", 60, "[truncated]"),
        (f"{MACS} 0800 45", 60, "IP [truncated]"),
        (f"{MACS} 0800 45", None, "IP [malformed]"),
        (IPV4.format("06") + "0050", 60, f"{ADDRESSES.format('', '')} [truncated]"),
        (IPV4.format("06") + "0050 0051", 60, f"{ADDRESSES.format('.80', '.81')} [truncated]"),
        (
            IPV4.format("11") + "0050 0051 0004",
            None,
            f"IP truncated-ip - 6 bytes missing! {ADDRESSES.format('.80', '.81')[3:]} UDP [malformed]",
        ),
        (IPV4.format("fd") + 12 * "00", None, f"{ADDRESSES.format('', '')} ip-proto-253, length 12"),
        (IPV4.format("01") + "6363" + 10 * "00", None, f"{ADDRESSES.format('', '')} ICMP type-#99, length 12"),
        (f"{MACS} 0800 65000020" + 16 * "00", None, "IP 0.0.0.0 > 0.0.0.0: [malformed]"),
        (f"{MACS} 0800 44000020" + 16 * "00", None, "IP 0.0.0.0 > 0.0.0.0: [malformed]"),
        (f"{MACS} 0800 45000013" + 16 * "00", None, "IP 0.0.0.0 > 0.0.0.0: [malformed]"),
        (f"{MACS} 86dd 40000000" + 36 * "00", None, "IP6 :: > ::: [malformed]"),
        (f"{MACS} 8847 00064140 ff", None, "MPLS (label 100, tc 0, [S], ttl 64) unknown payload, length 1"),
        (f"{MACS} 8864 1100 0001 0002 8021", None, "PPPoE  [ses 0x1] IPCP, length 0"),
        (f"{MACS} 0003 101103", None, f"{CLIENT} > {SERVER}: LLC dsap 0x10 ssap 0x11 control 0x03, length 0"),
        (f"{MACS} 0806 0006 0800 0604 0001", None, "ARP, [malformed]"),
        (f"{MACS} 0806 0006 86dd 0610 0001", None, "ARP, operation 1 for protocol 0x86dd, length 8"),
    ],
)  # fmt: skip
def test_odd_frames(text: str, wirelen: int | None, expected: str) -> None:
    assert ethernet(text, wirelen=wirelen) == expected


@pytest.mark.parametrize(
    ("linktype", "text", "expected"),
    [
        # A length of 0, from captures made before segmentation.
        (228, "{tcp} 0050 0051" + 8 * "00" + "5002" + 9 * "00", "Flags [S], seq 0:3, win 0, length 3: HTTP"),
        (229, "60000000 0000 1140" + 32 * "00" + "0135 0136 0000 0000 0000", "UDP, length 2"),
        (0, "0000 0102 00", "address family 258, length 1"),
        (0, "0201 0000 00", "address family 258, length 1"),
        (228, "{gre} 0000 0800", "GREv0, length 32: IP"),
        (228, "{gre} 8000 0800 00000000", "GREv0, length 36: IP"),
        (228, "{gre} b000 0800" + 12 * "00", "GREv0, key=0x0, seq 0, length 44: IP"),
        (228, "{gre} 2000 6558 00000000", "22: 00:00:00:00:00:00 > 00:00:00:00:00:00: ethertype 0x1234, length 0"),
        (228, "{gre} 0000 00fe 83", "GREv0, length 5: protocol 0x00fe, length 1"),
        (228, "{gre} 3001 880b 0000", "GREv1, length 6"),
        (101, "50", "IP version 5, length 1"),
        (113, 14 * "00" + "0001", "IPX, length 0"),
        (113, "0007" + 12 * "00" + "000c", "protocol 0x000c, length 0"),
    ],
)  # fmt: skip
def test_odd_packets_of_other_links(linktype: int, text: str, expected: str) -> None:
    header = "45000000 00010000 40{}0000 c000020a c6336450"
    text = text.replace("{gre}", header.format("2f")).replace("{tcp}", header.format("06"))
    inner = "4500001c 00010000 40fd0000 0a000001 0a000002" + 8 * "00" if expected.endswith(": IP") else ""
    inner += 12 * "00" + "1234" if "0x1234" in expected else ""
    data = bytes.fromhex(text + inner)
    line = summarize(Packet(0, len(data), data, Interface(linktype=linktype)))
    ending = " 10.0.0.1 > 10.0.0.2: ip-proto-253, length 8" if expected.endswith(": IP") else ""
    assert line.endswith(expected + ending)


def test_ethernet_padding_is_not_part_of_the_packet() -> None:
    """A TCP header announced by the lengths to be cut short, with padding where the rest would be."""
    assert ethernet(IPV4.format("06").replace("45000020", "4500001e") + "0050 0051" + "00" * 40) == (
        f"{ADDRESSES.format('.80', '.81')} [malformed]"
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("0007 0100 0001 0000 0000 0000 00 0002 0001", "7+ NS? . (17)"),
        ("0007 8183 0001 0000 0000 0000 0161 00 0001 0001", "7 NXDomain 0/0/0 (19)"),
        ("0007 8180 0001 0003 0000 0000 0161 00 1234 0001", "7 3/0/0 [malformed]"),
        ("0007 0100 0000 0000 0000 0000", "7+ [0q] (12)"),
        ("0007 0100 0001 0000 0000 0000 03610a62 00 001c 0001", r"7+ AAAA? a\010b. (21)"),
        (f"{ANSWER} 000f 0001 00000000 0006 000a 016d c00c", "7 1/0/0 MX m.a. 10 (37)"),
        (f"{ANSWER} 0010 0001 00000000 0007 02 7879 03 622063", '7 1/0/0 TXT "xy" "b c" (38)'),
        (f"{ANSWER} 0021 0001 00000000 0009 0001 0002 0050 0161 00", "7 1/0/0 SRV a.:80 1 2 (40)"),
        (f"{ANSWER} 0005 0003 00000000 0002 c00c", "7 1/0/0 CHAOS CNAME a. (33)"),
        (f"{ANSWER} 0005 0001 00000000 0002 c01f", "7 1/0/0 [malformed]"),
    ],
)
def test_dns(message: str, expected: str) -> None:
    payload = bytes.fromhex(message)
    header = f"{MACS} 0800 4500 {28 + len(payload):04x} 0001 0000 4011 0000 c000020a c6336450"
    udp = f"0001 0035 {8 + len(payload):04x} 0000"
    assert ethernet(header + udp + message) == f"{ADDRESSES.format('.1', '.53')} {expected}"


@pytest.mark.parametrize("name", ["0007 0100 0001 0000 0000 0000 c00c 0001 0001", "0007 0100 0001 0000 0000 0000 40"])
def test_dns_names_that_point_nowhere(name: str) -> None:
    payload = bytes.fromhex(name)
    header = f"{MACS} 0800 4500 {28 + len(payload):04x} 0001 0000 4011 0000 c000020a c6336450"
    udp = f"0001 0035 {8 + len(payload):04x} 0000"
    assert ethernet(header + udp + name) == f"{ADDRESSES.format('.1', '.53')} 7+ [malformed]"


def test_other_link_types_give_their_name() -> None:
    assert summarize(Packet(0, 60, b"", Interface(linktype=195))).endswith(" IEEE802_15_4, length 60")
    assert summarize(Packet(0, 60, b"", Interface(linktype=999))).endswith(" LINKTYPE_999, length 60")


def test_digits_follow_the_resolution() -> None:
    for resolution, digits in ((10**6, ".000000"), (10**9, ".000000999"), (10**3, ".000000")):
        line = summarize(Packet(999, 0, b"", Interface(linktype=9, resolution=resolution)))
        assert re.fullmatch(rf"\d\d:\d\d:\d\d{re.escape(digits)} .*", line)


def test_every_shared_packet_has_a_line() -> None:
    if not SHARED:
        pytest.skip("no folder of shared captures beside the repository")
    found = [line for path in SHARED for line in lines(path)]
    assert len(found) > 1000
    assert all(line.isprintable() and len(line) < 1000 for line in found)
    broken = [line for line in found if line.endswith(("[malformed]", "[truncated]"))]
    # Most of these captures test what is deep inside packets; few are broken where summaries look.
    assert len(broken) < len(found) / 20


# --- tcpdump as the oracle


@pytest.fixture(params=["UTC0", "EST5EDT,M3.2.0,M11.1.0", "XXX-5:45"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A time zone of this process and the ones it starts; also one with summer time, and one off the hour."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    module._utc_offset.cache_clear()
    yield request.param
    monkeypatch.undo()
    time.tzset()
    module._utc_offset.cache_clear()


def tcpdump_lines(path: Path) -> list[str]:
    """One line a packet; continuation lines left out."""
    done = subprocess.run(
        ["tcpdump", "-n", "-K", "--nano", "-r", path], capture_output=True, check=False, env=os.environ
    )
    text = done.stdout.decode(errors="replace")
    return [line for line in text.splitlines() if re.match(r"\d\d:\d\d:\d\d\.\d{9} ", line)]


@needs("tcpdump")
@pytest.mark.parametrize("name", ["http.pcap", "nanoseconds.pcap"])
def test_times_are_those_of_tcpdump(name: str, zone: str) -> None:
    path = REPOSITORY / "captures" / name
    digits = 18 if name.startswith("nano") else 15
    assert [line.split()[0] for line in lines(path)] == [line[:digits] for line in tcpdump_lines(path)]


@needs("tcpdump")
def test_times_in_summer_and_winter(zone: str, tmp_path: Path) -> None:
    """Hours around both changes of summer time."""
    seconds = [*range(1_772_900_000, 1_773_000_000, 1800), *range(1_793_400_000, 1_793_600_000, 1800)]
    path = tmp_path / "times.pcap"
    records = [second.to_bytes(4, "little") + record(bytes(60))[4:] for second in seconds]
    path.write_bytes(pcap_file(records, link=228))
    assert [line.split()[0] for line in lines(path)] == [line[:15] for line in tcpdump_lines(path)]


ENDS = re.compile(r"\b(IP6? \S+ > \S+:)")
PLAIN = ["http", "dns", "tls", "icmp", "icmpv6", "sctp", "multicast", "ip-options", "raw", "ipv4", "ipv6"]
PLAIN += ["cooked", "cooked2", "mpls", "pppoe", "vlan", "snaplen-96", "big-endian", "nanoseconds"]


@needs("tcpdump")
@pytest.mark.parametrize("name", PLAIN)
def test_addresses_and_ports_are_those_of_tcpdump(name: str) -> None:
    path = REPOSITORY / "captures" / f"{name}.pcap"
    found = [ENDS.findall(line) for line in lines(path)]
    assert found == [ENDS.findall(line) for line in tcpdump_lines(path)]
    assert any(found)


@needs("tcpdump")
def test_tcp_flags_and_lengths_are_those_of_tcpdump() -> None:
    """Wherever both see a TCP segment. tcpdump may give up early, so the packets are matched by their times."""
    mine = r"(\d\S+) .*?> \S+:.* Flags \[(\S+)\],.*? length (\d+)(?::|$)"
    its = r"(\d\S+) .*Flags \[(\S+)\],.*? length (\d+)"
    compared = 0
    for path in [*SAMPLES, *SHARED]:
        ours, theirs = by_time(mine, lines(path)), by_time(its, tcpdump_lines(path))
        shared = ours.keys() & theirs.keys()
        assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}, path.name
        compared += len(shared)
    assert compared > 150


def by_time(pattern: str, found: list[str]) -> dict[str, tuple[str, str]]:
    """Flags and length by time in nanoseconds, of the segments that are alone at their time."""
    matches = [match for line in found if (match := re.search(pattern, line))]
    times = [match[1].ljust(18, "0") for match in matches]
    return {at: (match[2], match[3]) for at, match in zip(times, matches, strict=True) if times.count(at) == 1}

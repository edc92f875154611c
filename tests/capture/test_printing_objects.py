"""JSON objects: valid for every packet, and the same addresses, ports and protocols as tshark finds."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cbpf.capture import Interface, Packet, PcapngWriter, open_savefile
from cbpf.capture.printing import Printer, Style, objects
from cbpf.errors import SavefileError

from .tools import REPOSITORY, SAMPLES, SHARED, needs

KEYS = {
    *"time timestamp number file interface linktype caplen wirelen verdict filters eth_src eth_dst vlan mpls".split(),
    *"pppoe protocol src dst ttl fragment sport dport tcp_flags tcp_seq tcp_ack icmp_type icmp_code".split(),
    "arp_operation",
}


def packets(path: Path) -> list[Packet]:
    """Those before any damage."""
    found: list[Packet] = []
    try:
        with open_savefile(str(path)) as savefile:
            found.extend(savefile)
    except SavefileError:
        pass
    return found


def found_in(path: Path) -> list[dict[str, Any]]:
    printer = Printer(Style(json=True))
    return [json.loads(printer.text(packet, file=str(path))) for packet in packets(path)]


@pytest.mark.parametrize("half", [0, 1])
def test_every_packet_is_one_object_on_one_line(half: int) -> None:
    for path in [*SAMPLES, *SHARED][half::2]:
        printer = Printer(Style(json=True))
        for number, packet in enumerate(packets(path), 1):
            text = printer.text(packet, file=path.name)
            assert text.endswith("}\n")
            assert text.count("\n") == 1
            known = json.loads(text)
            assert known.keys() <= KEYS
            assert (known["number"], known["caplen"], known["wirelen"]) == (number, len(packet.data), packet.wirelen)
            assert (
                Decimal(known["timestamp"]) * 10**9 == packet.timestamp // 1000 * 1000 or packet.interface.nanoseconds
            )


def test_the_keys_are_documented() -> None:
    assert objects.__doc__ is not None
    assert {word for word in objects.__doc__.split("``")[1::2] if word in KEYS} == KEYS


def test_what_is_around_a_packet() -> None:
    packet = Packet(1_795_168_800_007_407_123, 60, b"", Interface(name="eth0", resolution=10**9))
    text = Printer(Style(json=True)).text(packet, file="a\udcff.pcap", verdict=96, filters=["web", "dns"])
    assert json.loads(text) == {
        "time": "2026-11-20T10:00:00.007407123Z",
        "timestamp": "1795168800.007407123",
        "number": 1,
        "file": "a\N{REPLACEMENT CHARACTER}.pcap",
        "interface": "eth0",
        "linktype": "EN10MB",
        "caplen": 0,
        "wirelen": 60,
        "verdict": 96,
        "filters": ["web", "dns"],
    }


@pytest.mark.parametrize(
    ("timestamp", "exact", "time"),
    [
        (0, "0.000000", "1970-01-01T00:00:00.000000Z"),
        (-500_000_000, "-0.500000", "1969-12-31T23:59:59.500000Z"),
        (253_402_300_799_999_999_000, "253402300799.999999", "9999-12-31T23:59:59.999999Z"),
        (253_402_300_800_000_000_000, "253402300800.000000", None),
        (-(2**80), "-1208925819614629.174706", None),
    ],
)
def test_times_are_exact_and_in_iso_8601(timestamp: int, exact: str, time: str | None) -> None:
    known = json.loads(Printer(Style(json=True)).text(Packet(timestamp, 0, b"", Interface())))
    assert known["timestamp"] == exact
    assert known.get("time") == time


# tshark's fields, ours, and how to compare them.
FIELDS = {
    "ip.src": "src",
    "ip.dst": "dst",
    "ipv6.src": "src",
    "ipv6.dst": "dst",
    "tcp.srcport": "sport",
    "tcp.dstport": "dport",
    "udp.srcport": "sport",
    "udp.dstport": "dport",
    "sctp.srcport": "sport",
    "sctp.dstport": "dport",
    "eth.src": "eth_src",
    "eth.dst": "eth_dst",
    "ip.ttl": "ttl",
    "ipv6.hlim": "ttl",
    "arp.src.proto_ipv4": "src",
    "arp.dst.proto_ipv4": "dst",
    "arp.opcode": "arp_operation",
    "tcp.seq_raw": "tcp_seq",
}
NAMES = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "icmpv6": "icmp6", "arp": "arp", "sctp": "sctp", "igmp": "igmp"}
NAMES |= {"ospf": "ospf", "pim": "pim", "gre": "gre", "lldp": "lldp", "stp": "stp", "eigrp": "eigrp", "vrrp": "vrrp"}
TUNNELS = {"gre", "pim", "vxlan", "geneve", "icmp", "icmpv6", "ipip", "teredo", "mpls"}


def tshark(path: Path) -> list[tuple[list[str], dict[str, str]]]:
    """The protocols of each packet, and the fields: the first of each."""
    wanted = [word for field in ("frame.protocols", *FIELDS) for word in ("-e", field)]
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        "-o",
        "ip.defragment:FALSE",
        "-o",
        "ipv6.defragment:FALSE",
        "-T",
        "fields",
        "-E",
        "occurrence=f",
        *wanted,
    ]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [(row[0].split(":"), dict(zip(FIELDS, row[1:], strict=True))) for row in rows]


SOME = [*(path for path in SAMPLES if path.stem not in ("damaged", "truncated")), *SHARED[3::8]]
MOST = 80  # packets of a file


@needs("tshark")
def test_fields_are_those_of_tshark(tmp_path: Path) -> None:
    """All files are made one, since tshark takes its time to start."""
    together = tmp_path / "together.pcapng"
    written = 0
    with PcapngWriter(str(together)) as writer:
        for path in SOME:
            for packet in packets(path)[:MOST]:
                interface = packet.interface._replace(name=path.name, number=written)
                writer.add_interface(interface)
                writer.write(packet._replace(interface=interface))
                written += 1
    ours, theirs = found_in(together), tshark(together)
    assert len(ours) == len(theirs) == written
    compared = 0
    for known, (protocols, fields) in zip(ours, theirs, strict=True):
        where = (known["interface"], protocols)
        if "src" not in known or TUNNELS & set(protocols) or "_ws.malformed" in protocols:
            continue  # an inner packet may be the first that has a field, and order decides nothing
        for field, key in FIELDS.items():
            if fields[field]:
                assert str(known.get(key)) == fields[field], (*where, field)
                compared += 1
        innermost = [NAMES[each] for each in protocols if each in NAMES]
        if innermost and "fragment" not in known:
            assert known["protocol"].replace("rarp", "arp") in innermost, where
    assert compared > 1500


@pytest.mark.parametrize("cut", range(0, 80, 3))
def test_keys_of_what_was_not_captured_are_missing(cut: int) -> None:
    whole = packets(REPOSITORY / "captures/http.pcap")[9]
    known = json.loads(Printer(Style(json=True)).text(whole))
    part = json.loads(Printer(Style(json=True)).text(whole._replace(data=whole.data[:cut])))
    assert part.pop("caplen") == cut
    assert part.items() <= {key: value for key, value in known.items() if not isinstance(value, list)}.items()

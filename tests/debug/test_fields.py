"""Names of fields: where they are by tshark, and that nothing is named twice or out of thin air."""

from __future__ import annotations

import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.debug.fields import field, headers, named
from cbpf.debug.tables import TABLES
from cbpf.debug.wording import worded
from cbpf.linktypes import NUMBERS
from tests.linktypes import KNOWN
from tests.packets import packets as random_packets

from .samples import CAPTURES, READABLE, packets

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

# tshark's names for some of the fields that have one here.
_FIELDS = {
    "eth.dst": "destination MAC address",
    "eth.src": "source MAC address",
    "eth.type": "EtherType",
    "vlan.etype": "VLAN EtherType",
    "arp.opcode": "ARP operation",
    "arp.src.hw_mac": "ARP sender hardware address",
    "arp.dst.proto_ipv4": "ARP target protocol address",
    "ip.ttl": "IPv4 time to live",
    "ip.proto": "IPv4 protocol",
    "ip.src": "IPv4 source address",
    "ip.dst": "IPv4 destination address",
    "ip.len": "IPv4 total length",
    "ipv6.nxt": "IPv6 next header",
    "ipv6.src": "IPv6 source address",
    "ipv6.dst": "IPv6 destination address",
    "tcp.srcport": "TCP source port",
    "tcp.dstport": "TCP destination port",
    "tcp.window_size_value": "TCP window",
    "udp.srcport": "UDP source port",
    "udp.dstport": "UDP destination port",
    "udp.length": "UDP length",
    "sctp.srcport": "SCTP source port",
    "icmp.type": "ICMP type",
    "icmpv6.type": "ICMPv6 type",
    "sll.etype": "protocol",
    "pppoe.session_id": "PPPoE session",
}
# Inside of what these say is the header of the packet that they are about, which has no names here.
_QUOTING = ("icmp.pcap",)


def _dissected(name: str) -> list[list[tuple[str, int, int]]]:
    """For each packet of a sample the fields that tshark found, with their places."""
    command = [
        "tshark",
        "-r",
        str(CAPTURES / name),
        "-T",
        "pdml",
        "-o",
        "ip.defragment:FALSE",
        "-o",
        "ipv6.defragment:FALSE",
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    found = []
    for element in ElementTree.fromstring(done.stdout).iter("packet"):
        fields = [
            each.attrib for each in element.iter("field") if each.get("name") in _FIELDS and "hide" not in each.attrib
        ]
        found.append([(each["name"], int(each["pos"]), int(each["size"])) for each in fields])
    return found


_NOT_WHOLLY_KNOWN = ("cooked.pcap", "cooked2.pcap", "llc.pcap", "pppoe.pcap")


@needs_tshark
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=() if name in ("http.pcap", "vxlan.pcap", "ipv6-extensions.pcap") else pytest.mark.slow
        )
        for name in READABLE
        if not name.startswith(("truncated", "snaplen", *_QUOTING))
    ],
)
def test_fields_are_where_tshark_finds_them(name: str) -> None:
    seen = 0
    for number, (packet, fields) in enumerate(zip(packets(name), _dissected(name), strict=True), 1):
        found = headers(packet.interface.linktype, packet.data)
        for what, offset, size in fields:
            ours = field(offset, size, found).replace("RARP", "ARP")  # which tshark shows as ARP
            # What the compiler finds no way into, such as tags behind cooked headers, has no names, but no wrong ones.
            unknown = name in _NOT_WHOLLY_KNOWN and ours.startswith("byte")
            assert unknown or ours == _FIELDS[what], (number, what, offset)
            seen += 1
    assert seen > len(packets(name)) or name in ("llc.pcap", "pppoe.pcap", "loop.pcap", "null.pcap")


@pytest.mark.parametrize("linktype", KNOWN)
def test_whatever_a_packet_is_it_has_headers_in_order(linktype: str) -> None:
    for packet in random_packets(linktype, 5, 60):
        found = headers(NUMBERS[linktype], packet)
        starts = [header.start for header in found]
        assert starts == sorted(starts)
        assert all(header.start <= header.end for header in found)
        for offset in range(0, len(packet) + 8, 3):
            for size in (1, 2, 4):
                assert field(offset, size, found).isprintable()


@given(st.sampled_from([NUMBERS[name] for name in KNOWN]), st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_named_without_complaint(linktype: int, octets: bytes) -> None:
    found = headers(linktype, octets)
    for offset in (0, 2, 12, 14, 23, 40):
        for each in named(offset, 2, found):
            value = octets[each.offset : each.offset + each.size]
            assert len(value) < each.size or worded(each.kind, value)


def test_parts_and_neighbours_of_fields() -> None:
    found = headers(1, packets("http.pcap")[6].data)
    assert field(0, 4, found) == "destination MAC address, bytes 0-3"
    assert field(4, 2, found) == "destination MAC address, bytes 4-5"
    assert field(34, 4, found) == "TCP source port and destination port"
    assert field(20, 2, found) == "IPv4 fragment offset and flags"
    assert field(54, 2, found) == "TCP options, bytes 0-1"
    assert field(9999, 2, found) == "bytes 9999-10000"
    assert field(9999, 1, found) == "byte 9999"


def test_what_is_not_known_is_just_bytes() -> None:
    assert headers(NUMBERS["USER0"], bytes(60)) == ()
    assert field(23, 1, headers(NUMBERS["USER0"], bytes(60))) == "byte 23"
    # an EtherType of nobody's
    assert field(23, 1, headers(1, bytes(12) + b"\xbe\xef" + bytes(46))) == "byte 23"


def test_a_later_fragment_has_no_transport_header() -> None:
    found = headers(1, packets("fragments.pcap")[1].data)
    assert field(34, 2, found) == "rest of a fragmented packet, bytes 0-1"


def test_the_tables_have_no_gaps_or_overlaps() -> None:
    for name, table in TABLES.items():
        ends = [each.offset + each.size for each in table.fields]
        assert [each.offset for each in table.fields] == [0, *ends[:-1]], name
        assert ends[-1] == table.size


def test_acknowledgements_of_wlans_have_one_address() -> None:
    """tshark calls bytes 10 to 15 of an ACK nothing, and those of an RTS the transmitter's address."""
    addresses = bytes(range(12))
    acknowledgement, request = b"\xd4\0\0\0" + addresses, b"\xb4\0\0\0" + addresses
    assert field(4, 6, headers(105, acknowledgement)) == field(4, 6, headers(105, request)) == "802.11 address 1"
    assert field(10, 6, headers(105, acknowledgement)) == "bytes 10-15"
    assert field(10, 6, headers(105, request)) == "802.11 address 2"

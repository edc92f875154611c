"""Where the format of a frame says what is right and libpcap does something else: the packets that tell.

Each row: link type, expression, packets that match, packets that do not. Numbers in the comments are those of bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import cbpf
from cbpf import Program
from cbpf.engine import run

from .compiling import optimized, plain

_ADDRESSES = bytes((10, 0, 0, 1, 10, 0, 0, 2))
_TCP = b"\x45\0\0\x28\0\0\0\0\x40\6\0\0" + _ADDRESSES + b"\0\x50\4\0" + bytes(16)
_TCP6 = b"\x60\0\0\0\0\x14\6\x40" + bytes(32) + b"\0\x50\4\0" + bytes(16)


def _udp(port: int, payload: bytes) -> bytes:
    length = (28 + len(payload)).to_bytes(2)
    datagram = b"\4\0" + port.to_bytes(2) + (8 + len(payload)).to_bytes(2) + b"\0\0" + payload
    return b"\x45\0" + length + b"\0\0\0\0\x40\x11\0\0" + _ADDRESSES + datagram


def _routing_label(origin: int, destination: int, selection: int = 3) -> bytes:
    return (selection << 28 | origin << 14 | destination).to_bytes(4, "little")


def _signal_unit(label: bytes, before: int = 4) -> bytes:
    return bytes(before) + label + bytes(4)


def _ipnet(hook: int, family: int = 2) -> bytes:
    return bytes((1, family)) + hook.to_bytes(2) + bytes(20)


def _wlan(control: int, way: int = 0, addresses: bytes = b"\1" * 6 + b"\2" * 6 + b"\3" * 6) -> bytes:
    return bytes((control, way, 0, 0)) + addresses + bytes(16)


def _dsa(tag: int, behind: bytes = b"\x08\6") -> bytes:
    """A switch tag between the addresses and the type."""
    return b"\1" * 6 + b"\2" * 6 + bytes((tag, 0, 0, 0)) + behind


def _ppi(inner: int, payload: bytes = b"") -> bytes:
    """An 802.11 data frame, which the header says to be of the link type ``inner``."""
    frame = bytes((_DATA,)) + bytes(23) + b"\xaa\xaa\3\0\0\0" + payload
    return b"\0\0\x08\0" + inner.to_bytes(4, "little") + frame


_CTS, _ACK, _RTS, _BEACON, _DATA = 0xC4, 0xD4, 0xB4, 0x80, 0x08
_ONE, _TWO = "01:01:01:01:01:01", "02:02:02:02:02:02"

_VXLAN = b"\x08\0\0\0\0\0\7\0"
_ARP_FRAME = bytes(12) + b"\x08\6" + bytes(28)
_IP_FRAME = bytes(12) + b"\x08\0" + _TCP
_LABEL = b"\0\0\x51\x40"  # label 5, bottom of the stack

Row = tuple[str, str, list[bytes], list[bytes]]

ROWS: list[Row] = [
    # SLIP: the version is where the IP header is, at 16 or 24, not in the direction byte
    (
        "SLIP",
        "tcp port 80",
        [bytes(16) + _TCP, b"\1" + bytes(15) + _TCP],
        [b"\x45" + bytes(15) + _TCP6[:6] + bytes(40)],
    ),
    ("SLIP", "ip6", [bytes(16) + _TCP6], [bytes(16) + _TCP, b"\x60" + bytes(15) + _TCP]),
    ("SLIP_BSDOS", "ip and src host 10.0.0.1", [bytes(24) + _TCP], [b"\x45" + bytes(23) + _TCP6]),
    # frame relay: the IP header is behind address, control and NLPID; an OSI header begins with the NLPID
    ("FRELAY", "tcp port 80 and dst host 10.0.0.2", [b"\x18\x41\3\xcc" + _TCP], [b"\x18\x41\3\xcc" + _TCP6]),
    ("FRELAY", "ip6 and tcp src port 80", [b"\x18\x41\3\x8e" + _TCP6], [b"\x18\x41\3\xcc" + _TCP]),
    (
        "FRELAY",
        "isis proto 18",
        [b"\x18\x41\3\x83\x1b\1\0\x12" + bytes(9)],
        [b"\x18\x41\3\x83\x12\x12\x12\x13\x12\x12"],
    ),
    ("FRELAY", "iso proto 0x80", [b"\x18\x41\3\x80"], [b"\x18\x41\3\x81", b"\x18\x41\2\x80"]),
    # HDLC has a byte of padding in front of OSI
    (
        "C_HDLC",
        "isis proto 18",
        [b"\x0f\0\xfe\xfe\3\x83\x1b\1\0\x12" + bytes(9)],
        [b"\x0f\0\xfe\xfe\x83\x1b\1\0\x12" + bytes(9)],
    ),
    # point codes are compared as the numbers they are, not as the bytes that they lie in
    (
        "MTP2",
        "dpc > 5",
        [_signal_unit(_routing_label(0, n)) for n in (6, 256, 16383)],
        [_signal_unit(_routing_label(9, n)) for n in (0, 5)],
    ),
    (
        "MTP2",
        "opc <= 300",
        [_signal_unit(_routing_label(n, 9)) for n in (0, 255, 300)],
        [_signal_unit(_routing_label(n, 9)) for n in (301, 1024, 16383)],
    ),
    ("MTP2", "hopc < 300", [_signal_unit(_routing_label(299, 0), 7)], [_signal_unit(_routing_label(300, 0), 7)]),
    ("ERF", "hdpc >= 300", [_signal_unit(_routing_label(0, 300), 27)], [_signal_unit(_routing_label(16383, 299), 27)]),
    ("MTP2", "opc 5 and dpc 6 and sls 3", [_signal_unit(_routing_label(5, 6))], [_signal_unit(_routing_label(6, 5))]),
    ("MTP2_WITH_PHDR", "opc != 5", [_signal_unit(_routing_label(6, 5), 8)], [_signal_unit(_routing_label(5, 6), 8)]),
    # IPNET: 0 arrives, 1 departs, 2 comes from another zone
    ("IPNET", "inbound", [_ipnet(0), _ipnet(2)], [_ipnet(1), _ipnet(3)]),
    ("IPNET", "outbound", [_ipnet(1)], [_ipnet(0), _ipnet(2)]),
    # Juniper: an OSI header begins where the payload does
    ("JUNIPER_PPP", "clnp", [b"MGC\1\x81"], [b"MGC\x81\1"]),
    ("JUNIPER_ATM1", "esis", [b"MGC\1" + bytes(10) + b"\x82"], [b"MGC\1\x82" + bytes(10)]),
    # control frames have receivers, and all but two kinds transmitters
    ("IEEE802_11", f"wlan ra {_ONE}", [_wlan(kind) for kind in (_CTS, _ACK, _RTS, _DATA)], [_wlan(_BEACON)]),
    ("IEEE802_11", f"wlan ta {_TWO}", [_wlan(_RTS), _wlan(_DATA)], [_wlan(_CTS), _wlan(_ACK), _wlan(_BEACON)]),
    # address families of all systems, in every byte order that captures have
    (
        "ENC",
        "ip6",
        [bytes((0, 0, 0, n)) + bytes(8) for n in (24, 28, 30)] + [bytes((n, 0, 0, 0)) + bytes(8) for n in (24, 28, 30)],
        [bytes((0, 0, 0, 10)) + bytes(8)],
    ),
    ("PFLOG", "ip6", [bytes((61, n)) for n in (24, 28, 30)], [bytes((61, 10)), bytes((61, 2))]),
    ("LOOP", "ip6", [bytes((0, 0, 0, 30))], [bytes((30, 0, 0, 0))]),
    # there are no labels in a tunnel, whatever is around it
    (
        "EN10MB",
        "mpls 5 and vxlan and tcp",
        [bytes(12) + b"\x88\x47" + _LABEL + _udp(4789, _VXLAN + _IP_FRAME)],
        [bytes(12) + b"\x88\x47" + _LABEL + _udp(4789, _VXLAN + _ARP_FRAME)],
    ),
    (
        "C_HDLC",
        "mpls and geneve and arp",
        [b"\x0f\0\x88\x47" + _LABEL + _udp(6081, b"\0\0\x65\x58" + bytes(4) + _ARP_FRAME)],
        [b"\x0f\0\x88\x47" + _LABEL + _udp(6081, b"\0\0\x65\x58" + bytes(4) + _IP_FRAME)],
    ),
    # OSI in a tunnel is behind the 802.2 header of the frame there, whatever is around it
    (
        "RAW",
        "vxlan and clnp",
        [_udp(4789, _VXLAN + bytes(12) + b"\0\x08\xfe\xfe\3\x81")],
        [_udp(4789, _VXLAN + bytes(12) + b"\0\x08\xfe\xfe\x81\3")],
    ),
]

# What libpcap 1.10.3 does not have.
NEWER: list[Row] = [
    ("DSA_TAG_BRCM", "inbound", [_dsa(0x00), _dsa(0x1F)], [_dsa(0x20), _dsa(0x40), _dsa(0xE0)]),
    ("DSA_TAG_BRCM", "outbound", [_dsa(0x20), _dsa(0x3F)], [_dsa(0x00), _dsa(0x60)]),
    ("DSA_TAG_DSA", "inbound", [_dsa(0x00), _dsa(0x80)], [_dsa(0x40), _dsa(0xC0)]),
    ("DSA_TAG_DSA", "outbound", [_dsa(0x40), _dsa(0x7F)], [_dsa(0x00), _dsa(0xC0)]),
    ("DSA_TAG_DSA", "vlan 5 and tcp port 80", [_dsa(0x40, b"\x81\0\0\5\x08\0" + _TCP)], [_dsa(0x40, b"\x08\0" + _TCP)]),
    (
        "DSA_TAG_BRCM",
        f"link src {_TWO} and not broadcast",
        [_dsa(0)],
        [b"\xff" * 6 + _dsa(0)[6:], _dsa(0)[6:] + bytes(9)],
    ),
    ("BACNET_MS_TP", "link src $a8 and link dst host $b3", [b"\x55\xff\0\xb3\xa8"], [b"\x55\xff\0\xa8\xb3"]),
    ("BACNET_MS_TP", "broadcast", [b"\x55\xff\0\xff\1"], [b"\x55\xff\0\0\xff"]),
    ("ARCNET", "link host $8c", [b"\x8c\1\xd4", b"\1\x8c\xd4"], [b"\xd8\1\xd4"]),
    ("PPI", "type data and dir nods", [_ppi(105)], [_ppi(1)]),
    ("SLIP", "outbound", [b"\1"], [b"\0", b"\2"]),
    ("EN10MB", "llc rnr", [bytes(12) + b"\0\x20\x42\x42\x35"], [bytes(12) + b"\0\x20\x42\x42\x31"]),
]


@pytest.mark.parametrize("compiled", [plain, optimized], ids=["plain", "optimized"])
@pytest.mark.parametrize("row", ROWS + NEWER, ids=lambda row: f"{row[0]} {row[1]}")
def test_what_is_right(row: Row, compiled: Callable[[str, str], Program]) -> None:
    linktype, expression, matching, others = row
    program = compiled(expression, linktype)
    assert [packet.hex() for packet in matching if not run(program, packet)] == []
    assert [packet.hex() for packet in others if run(program, packet)] == []


# PPI: only what is 802.11 inside is looked at, whatever the expression asks and wherever it looks in the end.


@pytest.mark.parametrize("compiled", [plain, optimized], ids=["plain", "optimized"])
@pytest.mark.parametrize(
    ("expression", "payload"),
    [
        ("len > 5", b""),
        ("not arp", b"\x08\0" + _TCP),
        ("tcp port 80", b"\x08\0" + _TCP),
        ("pppoes and tcp", b"\x88\x64\x11\0\0\7\0\x40\0\x21" + _TCP),
        ("vxlan and arp", b"\x08\0" + _udp(4789, _VXLAN + _ARP_FRAME)),
        ("geneve and tcp", b"\x08\0" + _udp(6081, b"\0\0\x65\x58" + bytes(4) + _IP_FRAME)),
        ("vxlan or not vxlan", b"\x08\0" + _TCP),
    ],
)
def test_ppi_of_other_link_types_never_matches(
    expression: str, payload: bytes, compiled: Callable[[str, str], Program]
) -> None:
    program = compiled(expression, "PPI")
    assert run(program, _ppi(105, payload))
    assert not run(program, _ppi(1, payload))
    assert not run(program, _ppi(105 << 24, payload))


def test_ppi_without_an_expression_takes_everything() -> None:
    assert run(plain("", "PPI"), _ppi(1)) > 0


# Headers of variable length are computed at the start, if anything in the expression wants them and only then.


@pytest.mark.parametrize("compiled", [plain, optimized], ids=["plain", "optimized"])
def test_a_header_that_is_cut_off_is_missed_only_if_it_is_wanted(compiled: Callable[[str, str], Program]) -> None:
    def matches(expression: str, packet: bytes) -> bool:
        return run(compiled(expression, "IEEE802_11_RADIO"), packet, 100) > 0

    cut = b"\0\0\x20\0" + bytes(8)
    assert matches("len > 50", cut)
    assert matches("radio[0] = 0", cut)
    assert not matches("radio[0] = 0 or ip", cut)
    assert not matches("len > 50 or type data", cut[:2])


def test_bytes_are_read_from_the_mac_header() -> None:
    packet = b"\0\0\x0a\0" + bytes(6) + b"\x40\0\1\2"
    for expression in ("link[2:2] = 0x0102", "byte 3 = 2", "type mgt subtype probe-req", "radio[12:2] = 0x0102"):
        assert run(plain(expression, "IEEE802_11_RADIO"), packet), expression


def test_names_of_interfaces_and_rules_are_prefixes() -> None:
    """Documented as equality, and prefixes for everybody who uses it."""
    packet = bytes((61, 2, 0, 0)) + b"em10".ljust(16, b"\0") + b"anchor".ljust(16, b"\0") + bytes(25)
    for expression in ("on em10", "ifname em1", "on e", "rset anchor", "ruleset anch", r"on \em10"):
        assert run(plain(expression, "PFLOG"), packet), expression
    for expression in ("on em100", "on em2", "rset anchors", "rset nchor"):
        assert not run(plain(expression, "PFLOG"), packet), expression


def test_a_savefile_filter_needs_no_metadata() -> None:
    for linktype in ("EN10MB", "PPP_PPPD", "DSA_TAG_BRCM"):
        program = cbpf.compile("vlan or ip" if linktype != "PPP_PPPD" else "inbound", linktype).program
        assert all(instruction.k < 0xFFFFF000 for instruction in program)

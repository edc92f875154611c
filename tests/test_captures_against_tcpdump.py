"""Real and sample captures: the packets that optimized filters select are those that libpcap and tcpdump select.

libpcap judges every packet with every expression in this process; tcpdump itself is run on every file with a few.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import cbpf
from cbpf.capture import Packet, open_savefile
from cbpf.engine import PythonEngine
from cbpf.errors import FilterError, SavefileError
from cbpf.linktypes import linktype_name, linktype_number

from . import libpcap
from .compiler.compiling import optimized
from .compiler.excuses import FAULTS, UNKNOWN, VERSION, listed
from .expressions import EXPRESSIONS, TUNNELS
from .oracles import needs_libpcap, needs_tcpdump
from .shared import CAPTURES

SAMPLES: Final = sorted((Path(__file__).resolve().parents[1] / "captures").glob("*.pcap*"))
FILES: Final = [*SAMPLES, *CAPTURES]

known_libpcap = pytest.mark.skipif(
    needs_libpcap.args[0] or libpcap.version() != VERSION, reason=f"not libpcap {VERSION}"
)

# Asked of every file, through tcpdump itself.
ASKED: Final = ("ip or ip6", "tcp port 80 or udp port 53", "not tcp and greater 80")

# Asked of every file as well, where there is time, as far as the link type has it.
ASKED_SLOWLY: Final = (
    "ip6",
    "arp or rarp",
    "tcp",
    "udp and greater 300",
    "icmp or icmp6",
    "port 80 or 443",
    "udp port 53",
    "portrange 1-1023",
    "src port 53 or dst port 67",
    "net 192.168.0.0/16 or net 10.0.0.0/8",
    "net fe80::/10 or ff02::/16",
    "not ip and not ip6",
    "not (tcp or udp)",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "ip[6:2] & 0x1fff != 0 or ip[0] & 0xf > 5",
    "ip6 proto 58 or ip6[6] = 0",
    "less 64",
    "ip proto 89 or igmp or pim or vrrp",
    "ah or esp or sctp",
    "ip[2:2] - ((ip[0]&0xf)<<2) > 100 and not port 22",
    "ether multicast",
    "vlan and (ip or ip6 or arp)",
    "mpls and ip",
    "pppoes and tcp",
    "stp or iso or ipx or netbeui or atalk",
)

# Which expressions libpcap's own optimizer changes the meaning of, on packets in these captures, and how.
UNLIKE_ITSELF: Final = {
    "0 != len and 0 = (0/(len&0))": "takes 0 divided by 0 for 0",
    "udp[0:2] = len or udp port 53": "takes one register's value for another's",
    "tcp[0:2] = ip[4:2] or tcp port 80": "takes one register's value for another's",
    "link[0] & 0xffffffff != 0": "takes a mask of all bits for none",
    "1/2=1/3&&1>4/5&&1>6/7": "takes a constant for another",
    "len >= 0x80000000 & 0x80000000 or len < 0 | 0x80000000": "compares constants as if they had signs",
    "len <= 0xffffffff & 0x7fffffff and len > 0x7fffffff + 0": "compares constants as if they had signs",
    "udp port 53 or arp or ether multicast or ip": "loses the last test",
    "net fd00::/8 and udp or arp or multicast or ip6": "loses the last test",
    "(udp port 53 and greater 100) or (icmp and len >= 2048)": "loses a test of the length",
    "(ip proto 6 or greater 100) and ((greater 100 and sctp) and ip)": "loses the test for SCTP",
    "host 10.0.0.1 and not ((host 10.0.0.2 or host 10.0.0.3) and icmp) and not (host 10.0.0.3 or host 10.0.0.1)": (
        "loses a test"
    ),
    "port 161 or ip": "loses a load that fails in packets cut short",
    "ether[1] > tcp[100] or ip": "loses a load that fails in packets cut short",
}

# Of these there are samples.
SAMPLED: Final = ("EN10MB", "RAW", "IPV4", "IPV6", "NULL", "LOOP", "LINUX_SLL", "LINUX_SLL2")
# Of these there are captures in the collection beside the repository, and libpcap is right about them.
COLLECTED: Final = (
    "IEEE802_11_RADIO IEEE802_11 C_HDLC PPP JUNIPER_ETHER JUNIPER_ATM1 JUNIPER_ES SUNATM IPNET ATM_RFC1483 "
    "ARCNET_LINUX IEEE802_15_4 DSA_TAG_EDSA USER2 DBUS VSOCK MFR"
).split()


@cache
def _packets(path: Path) -> list[Packet]:
    """The packets of a file up to where it is damaged; those of one of our link types, if the file has only that."""
    packets: list[Packet] = []
    try:
        with open_savefile(str(path)) as savefile:
            packets.extend(savefile)
    except SavefileError:
        pass
    linktypes = {linktype_name(packet.interface.linktype) for packet in packets}
    return packets if len(linktypes) == 1 and linktypes <= {*SAMPLED, *COLLECTED} else []


def _excused(expression: str, linktype: str) -> bool:
    return listed(FAULTS + UNKNOWN, expression, linktype) or bool(
        re.search(r"ip broadcast|ip\[-2:2\]|protochain", expression)
    )


def _linktype(path: Path) -> str:
    return linktype_name(_packets(path)[0].interface.linktype)


def _gathered(linktype: str, folder: Path) -> Iterator[tuple[Path, list[Packet]]]:
    """All packets of a link type in one savefile; on NULL file by file, since byte orders differ."""
    paths = [path for path in FILES if _packets(path) and _linktype(path) == linktype]
    groups = [[path] for path in paths] if linktype == "NULL" else [paths]
    for number, group in enumerate(groups):
        packets = [packet for path in group for packet in _packets(path)]
        order = ">" if linktype == "NULL" and _is_big_endian(group[0]) else "<"
        target = folder / f"{linktype}{number}.pcap"
        header = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype_number(linktype))
        records = (
            struct.pack(f"{order}IIII", 0, 0, len(packet.data), packet.wirelen) + packet.data for packet in packets
        )
        target.write_bytes(header + b"".join(records))
        yield target, packets


def _is_big_endian(path: Path) -> bool:
    return path.read_bytes()[:4] in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d")


def _comparable(packet: bytes, linktype: str, path: Path) -> bool:
    """On NULL libpcap only knows the byte order of the file, in which an address family is a small number."""
    return linktype != "NULL" or int.from_bytes(packet[:4], "big" if _is_big_endian(path) else "little") <= 0xFF


def _selected(expression: str, linktype: str, packets: list[Packet]) -> list[bool]:
    engine = PythonEngine(optimized(expression, linktype, None))
    return [bool(engine.run(packet.data, packet.wirelen)) for packet in packets]


@known_libpcap
@pytest.mark.parametrize("linktype", [*SAMPLED, *COLLECTED])
def test_the_packets_that_libpcap_selects(linktype: str, tmp_path: Path) -> None:
    rows = [row for where, row in EXPRESSIONS + TUNNELS if where == linktype and not _excused(row, linktype)]
    gathered = list(_gathered(linktype, tmp_path))
    assert gathered or (linktype in COLLECTED and not CAPTURES)
    for path, packets in gathered:
        for row in rows:
            found = zip(packets, _selected(row, linktype, packets), libpcap.matches(path, row), strict=True)
            wrong = [packet.data.hex() for packet, ours, theirs in found if ours != theirs]
            assert not [packet for packet in wrong if _comparable(bytes.fromhex(packet), linktype, path)], row


@known_libpcap
@pytest.mark.parametrize("linktype", SAMPLED)
def test_where_the_optimizer_of_libpcap_changes_what_is_selected(linktype: str, tmp_path: Path) -> None:
    rows = [row for where, row in EXPRESSIONS if where == linktype]
    for path, _ in _gathered(linktype, tmp_path):
        changed = set()
        for row in rows:
            try:
                if libpcap.matches(path, row) != libpcap.matches(path, row, optimize=True):
                    changed.add(row)
            except libpcap.Refused:
                continue  # it finds that nothing can match
        named = {row for row in rows if row in UNLIKE_ITSELF and linktype == "EN10MB"}
        changed = {row for row in changed if not _excused(row, linktype)}
        assert changed == named if CAPTURES else changed <= named


@needs_tcpdump
@pytest.mark.parametrize("paths", [pytest.param(SAMPLES, id="samples"), pytest.param(CAPTURES[::3], id="shared")])
def test_the_packets_that_tcpdump_writes(paths: list[Path], tmp_path: Path) -> None:
    compared = [path for path in paths if _packets(path)]
    if not compared:
        pytest.skip("no captures here")
    asked = [(path, row) for path in compared for row in ASKED if _compiles(row, _linktype(path))]
    assert len(asked) > 2 * len(compared)
    assert not [(path.name, row) for path, row in asked if not _as_tcpdump(path, row, tmp_path / "found")]


@needs_tcpdump
@pytest.mark.slow
def test_the_packets_that_tcpdump_writes_for_many_expressions(tmp_path: Path) -> None:
    compared = [path for path in CAPTURES if _packets(path)]
    if not compared:
        pytest.skip("no captures here")
    asked = [(path, row) for path in compared for row in ASKED_SLOWLY if _compiles(row, _linktype(path))]
    assert len(asked) > 20 * len(compared)
    assert not [(path.name, row) for path, row in asked if not _as_tcpdump(path, row, tmp_path / "found")]


def _compiles(expression: str, linktype: str) -> bool:
    try:
        cbpf.compile(expression, linktype)
    except FilterError:  # also of what can match nothing there, which tcpdump refuses as well
        return False
    return True


def _as_tcpdump(path: Path, expression: str, scratch: Path) -> bool:
    linktype, packets = _linktype(path), _packets(path)
    done = subprocess.run(["tcpdump", "-r", path, "-w", "-", expression], capture_output=True, check=False)
    scratch.write_bytes(done.stdout)
    with open_savefile(str(scratch)) as savefile:
        theirs = [packet for packet in savefile if _comparable(packet.data, linktype, path)]
    chosen = zip(packets, _selected(expression, linktype, packets), strict=True)
    ours = [packet for packet, selected in chosen if selected and _comparable(packet.data, linktype, path)]
    return [(packet.wirelen, packet.data) for packet in theirs] == [(packet.wirelen, packet.data) for packet in ours]

"""Counts and copies must be tcpdump's, for every sample and a choice of expressions.

tcpdump runs with -O: its optimizer changes verdicts on truncated packets.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cbpf.capture import open_savefile
from tests.oracles import needs_tcpdump
from tests.shared import CAPTURES as SHARED

from .tools import CAPTURES, MIXED, cbpf, halves, packets, tcpdump

pytestmark = needs_tcpdump

ETHERNET = [path for path in sorted(CAPTURES.glob("*.pcap")) if path.read_bytes()[20:24] in (b"\1\0\0\0", b"\0\0\0\1")]
OTHERS = [path for path in sorted(CAPTURES.glob("*.pcap")) if path not in ETHERNET]
DAMAGED = {"damaged.pcap"}

EXPRESSIONS = [
    "",
    "tcp port 80",
    "host 192.0.2.10 and not arp",
    "ip6 or arp",
    "udp port 53 or icmp or icmp6",
    "vlan 100 and ip",
    "mpls",
    "pppoes and ip",
    "ip[6:2] & 0x1fff != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "ether multicast",
    "ether[100] = 0 or len < 60",
    "portrange 1-1023 and greater 200",
    "net 192.0.2.0/24",
    "sctp or igmp",
]
# Not of NULL, whose address families libpcap knows in one byte order only.
IP = {"ip", "ip6", "tcp", "udp port 53", "host 192.0.2.10", "ip[8] > 60"}
ON_OTHERS = [
    (path, expression)
    for path in OTHERS
    for expression in ["", "len > 80", *sorted(IP)]
    if path.name != "null.pcap" or expression not in IP
]


def status(path: Path) -> int:
    return 1 if path.name in DAMAGED else 0


def counted(path: Path, expression: str) -> str:
    return tcpdump("-O", "-r", path, "--count", expression, status=status(path)).decode().strip()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_counts(expression: str) -> None:
    expected = [counted(path, expression) for path in ETHERNET]
    inputs = [argument for path in ETHERNET for argument in ("-r", path)]
    result = cbpf("filter", "-O", "--count", *inputs, expression)
    assert result.lines[:-1] == [f"{path}: {count}" for path, count in zip(ETHERNET, expected, strict=True)]
    total = sum(int(count.split()[0]) for count in expected)
    assert result.lines[-1].split()[0] == str(total)
    assert total > 0
    assert result.status == 1  # one of them is damaged


@pytest.mark.parametrize(("path", "expression"), ON_OTHERS, ids=lambda value: getattr(value, "name", value))
def test_counts_on_other_link_types(path: Path, expression: str) -> None:
    assert cbpf("filter", "-O", "--count", "-r", path, expression) == (0, f"{counted(path, expression)}\n".encode(), "")


COPIES = [("http.pcap", "tcp port 80"), ("big-endian.pcap", "ip6"), ("nanoseconds.pcap", "udp"), ("damaged.pcap", "")]
COPIES += [("snaplen-96.pcap", "tcp"), ("truncated.pcap", "ip[40] < 128"), ("cooked.pcap", "ip"), ("raw.pcap", "ip6")]
COPIES += [("vlan.pcap", "vlan and vlan"), ("null.pcap", ""), ("http.pcap", "tcp port 9")]


@pytest.mark.parametrize(("name", "expression"), COPIES)
def test_copies(name: str, expression: str, tmp_path: Path) -> None:
    path, out = CAPTURES / name, tmp_path / "out.pcap"
    with open_savefile(str(path)) as savefile:
        precision = ["--nano"] if savefile.interfaces[0].nanoseconds else []
    expected = tcpdump("-O", "-r", path, "-w", "-", *precision, expression, status=status(path))
    assert cbpf("filter", "-O", "-r", path, "-w", out, expression).status == status(path)
    assert out.read_bytes() == expected


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_limits(count: int, tmp_path: Path) -> None:
    path, out = CAPTURES / "http.pcap", tmp_path / "out.pcap"
    assert cbpf("filter", "-r", path, "-w", out, "-c", str(count), "tcp").status == 0
    assert out.read_bytes() == tcpdump("-r", path, "-w", "-", "-c", str(count), "tcp")


@pytest.mark.parametrize("name", ["two-interfaces.pcapng", "big-endian.pcapng"])
@pytest.mark.parametrize("expression", ["ip", "ip6", "tcp port 80", "arp or udp", "len > 100"])
def test_mixed_link_types(name: str, expression: str, tmp_path: Path) -> None:
    """tcpdump refuses such a file, and so gets the packets of each link type in a file of their own."""
    out = tmp_path / "out.pcapng"
    assert cbpf("filter", "-r", CAPTURES / name, "-w", out, expression) == (0, b"", "")
    found = packets(out)
    for linktype, half in halves(str(CAPTURES / name), tmp_path).items():
        theirs = tmp_path / "theirs.pcap"
        theirs.write_bytes(tcpdump("-O", "--nano", "-r", half, "-w", "-", expression))
        ours = [(each.timestamp, each.data) for each in found if each.interface.linktype == linktype]
        assert ours == [(each.timestamp, each.data) for each in packets(theirs)]


def test_tcpdump_needs_the_halves() -> None:
    """If it does not any more, the test above can be simpler."""
    tcpdump("-r", MIXED, "--count", status=1)


@pytest.mark.parametrize("path", [*sorted(CAPTURES.glob("*.pcap*")), *SHARED], ids=lambda path: path.name)
def test_copies_of_whole_files(path: Path, tmp_path: Path) -> None:
    """Byte for byte, file header and damaged files too; nanoseconds are kept, for which tcpdump wants to be told."""
    ours, theirs = tmp_path / "ours.pcap", tmp_path / "theirs.pcap"
    cbpf("filter", "-r", path, "-w", ours)
    for options in ([], ["--nano"]):
        subprocess.run(["tcpdump", *options, "-r", path, "-w", theirs], capture_output=True, check=False)
        if ours.exists() and theirs.exists() and ours.read_bytes()[:4] == theirs.read_bytes()[:4]:
            break
    if path.name in ("two-interfaces.pcapng", "big-endian.pcapng"):  # which tcpdump takes no part in
        return
    assert ours.exists() == theirs.exists()
    if ours.exists():
        assert ours.read_bytes() == theirs.read_bytes()

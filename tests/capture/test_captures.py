"""The sample captures: the script makes them again byte for byte, and they hold what their names say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cbpf.capture import Interface, open_savefile

from .tools import REPOSITORY, SAMPLES, needs, read

FOLDER = REPOSITORY / "captures"


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, made anew."""
    pytest.importorskip("scapy")
    folder = tmp_path_factory.mktemp("captures")
    subprocess.run([sys.executable, FOLDER / "make_captures.py", folder], check=True, capture_output=True)
    return folder


def test_the_script_makes_the_committed_files(remade: Path) -> None:
    made = {path.relative_to(remade): path.read_bytes() for path in remade.rglob("*") if path.is_file()}
    committed = [*SAMPLES, FOLDER / "README.md", *(FOLDER / "filters").iterdir()]
    assert made == {path.relative_to(FOLDER): path.read_bytes() for path in committed}


def test_the_files_are_small() -> None:
    assert len(SAMPLES) > 25
    assert max(path.stat().st_size for path in SAMPLES) < 30_000


def test_the_readme_names_every_file() -> None:
    named = re.findall(r"^\| `(\S+)` \| .+ \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == [path.name for path in SAMPLES]


def test_the_main_sample() -> None:
    records = read(FOLDER / "http.pcap").records
    assert 20 <= len(records) <= 40
    assert any(b"GET / HTTP/1.1" in data for _, _, data in records)
    assert all(wirelen == len(data) for _, wirelen, data in records)


@pytest.mark.parametrize("name", ["big-endian.pcap", "nanoseconds.pcap"])
def test_variants_hold_the_packets_of_the_main_sample(name: str) -> None:
    records, variant = read(FOLDER / "http.pcap").records, read(FOLDER / name).records
    assert [each[1:] for each in variant] == [each[1:] for each in records]
    assert [time // 1000 for time, *_ in variant] == [time // 1000 for time, *_ in records]


def test_the_pcapng_samples_differ_only_in_byte_order() -> None:
    assert read(FOLDER / "two-interfaces.pcapng") == read(FOLDER / "big-endian.pcapng")
    with open_savefile(str(FOLDER / "two-interfaces.pcapng")) as savefile:
        linktypes = {packet.interface.linktype for packet in savefile}
        assert linktypes == {1, 113}
        assert savefile.interfaces == [Interface(name="eth0"), Interface(linktype=113, name="any", number=1)]


def test_the_truncated_sample_has_every_length() -> None:
    found: dict[int, list[int]] = {}
    for _, wirelen, data in read(FOLDER / "truncated.pcap").records:
        found.setdefault(wirelen, []).append(len(data))
    assert len(found) == 2
    assert all(lengths == list(range(wirelen + 1)) for wirelen, lengths in found.items())


def test_the_snaplen_sample_is_cut() -> None:
    records = read(FOLDER / "snaplen-96.pcap").records
    assert max(len(data) for _, _, data in records) == 96
    assert [(wirelen, data) for _, wirelen, data in records] == [
        (wirelen, data[:96]) for _, wirelen, data in read(FOLDER / "http.pcap").records
    ]


def test_the_damaged_sample_is_damaged() -> None:
    records, error = read(FOLDER / "damaged.pcap")
    assert records == read(FOLDER / "http.pcap").records[: len(records)]
    assert len(records) > 5
    assert error is not None
    assert "the file ends inside a packet" in error


# Samples in which nothing is wrong on purpose, as a second dissector sees it.
SOUND = [path for path in SAMPLES if path.name not in {"damaged.pcap", "truncated.pcap", "snaplen-96.pcap"}]


@pytest.mark.slow
@needs("tshark")
def test_tshark_finds_nothing_malformed() -> None:
    for path in SOUND:
        options = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
        wanted = [
            "-Y",
            "_ws.malformed or ip.checksum.status == 0 or tcp.checksum.status == 0 or udp.checksum.status == 0",
        ]
        command = ["tshark", "-n", *options, "-r", str(path), *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "", path.name


# What a file is about, as a Wireshark filter, and how many packets have it.
CONTENTS = {
    "http.pcap": [("http.request", 2), ("http.response", 2), ("dns", 4), ("tls.handshake.type == 1", 1), ("arp", 2)],
    "icmpv6.pcap": [("icmpv6.type == 135", 1), ("icmpv6.type == 136", 1), ("icmpv6.type == 128", 1)],
    "arp-rarp.pcap": [("eth.type == 0x8035", 2), ("eth.type == 0x0806", 2)],
    "llc.pcap": [("stp", 1), ("isis", 1), ("ipx", 2), ("ddp", 1), ("lldp", 1)],
    "sctp.pcap": [("sctp.chunk_type == 1", 2), ("sctp.chunk_type == 0", 2), ("ipv6", 2)],
    "vlan.pcap": [("vlan", 15), ("ieee8021ad", 4), ("stp", 1)],
    "mpls.pcap": [("mpls", 9), ("mpls.label == 1023", 4)],
    "pppoe.pcap": [("pppoed", 5), ("pppoes", 6)],
    "vxlan.pcap": [("vxlan", 17), ("vxlan.vni == 42", 9)],
    "geneve.pcap": [("geneve", 24), ("geneve.option", 16)],
    "fragments.pcap": [("ip.flags.mf == 1", 4), ("ip.frag_offset > 0", 4)],
    "ip-options.pcap": [("ip.opt.type == 7", 3), ("ip.hdr_len > 20", 9)],
    "ipv6-extensions.pcap": [("ah", 11), ("ipv6.fraghdr", 9), ("ipv6.hopopts", 12), ("ipv6.dstopts", 9), ("esp", 1)],
    "cooked.pcap": [("sll", 12), ("sll.pkttype == 4", 5), ("arp", 2), ("stp", 1)],
    "cooked2.pcap": [("sll.ifindex == 2", 6), ("sll.ifindex == 3", 6)],
}


@needs("tshark")
@pytest.mark.parametrize("name", CONTENTS)
def test_contents(name: str) -> None:
    statistics = ",".join(["io,stat,0", *(display for display, _ in CONTENTS[name])])
    command = ["tshark", "-n", "-q", "-r", str(FOLDER / name), "-z", statistics]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # The last row of the table has the number of packets and bytes for each filter in turn.
    row = [line for line in done.stdout.splitlines() if "<>" in line][-1]
    counts = [int(cell) for cell in row.split("|")[2:-1:2]]
    assert counts == [count for _, count in CONTENTS[name]]

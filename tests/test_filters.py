"""The shipped filters: each says what it is, finds what its samples are, and nothing of its near misses.

All samples of all filters are put into one capture, one packet after the other, which is asked about once: so every
filter meets those of every other, and tcpdump and tshark need not be started for each of some hundred files.
"""

from __future__ import annotations

import re
import struct
import subprocess
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

import cbpf
from cbpf.capture import open_savefile
from cbpf.cli.options import without_comments
from cbpf.debug.lint import lint
from cbpf.debug.lint.context import context
from cbpf.debug.subject import read
from cbpf.engine import PythonEngine
from cbpf.language.syntax import Not
from cbpf.linktypes import linktype_number
from tests.capture.tools import needs
from tests.filter_displays import DISPLAYS
from tests.oracles import needs_tcpdump
from tests.shared import CAPTURES, needs_captures

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / "filters"
SAMPLES = REPOSITORY / "captures" / "filters"
FILTERS = sorted(FOLDER.glob("*.pcapfilter"))
NAMES = [file.stem for file in FILTERS]
KINDS = ("match", "miss")

KEYS = ["title", "finds", "linktypes", "false-positives", "references", "tags"]
CARRIERS = ["EN10MB", "RAW", "LINUX_SLL", "LINUX_SLL2", "NULL", "LOOP", "PPP"]  # "any", as filters/README.md says

each_filter = pytest.mark.parametrize("name", NAMES)


def header(name: str) -> dict[str, str]:
    """The comments that a file begins with, by key; continued lines are indented."""
    found: dict[str, str] = {}
    for line in (FOLDER / f"{name}.pcapfilter").read_text().splitlines():
        if continued := re.fullmatch(r"#  +(\S.*)", line):
            found[next(reversed(found))] += f" {continued[1]}"
        elif begun := re.fullmatch(r"# ([a-z-]+): (\S.*)", line):
            found[begun[1]] = begun[2]
        else:
            break
    return found


def expression(name: str) -> str:
    return without_comments((FOLDER / f"{name}.pcapfilter").read_text())


def linktypes(name: str) -> list[str]:
    said = header(name)["linktypes"]
    return CARRIERS if said == "any" else said.split(", ")


def packets(name: str, kind: str) -> list[bytes]:
    with open_savefile(str(SAMPLES / f"{name}.{kind}.pcap")) as savefile:
        return [bytes(packet.data) for packet in savefile]


# What a file says.


@each_filter
def test_the_header(name: str) -> None:
    found = header(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert list(found) == KEYS
    assert len(found["title"]) <= 60
    assert not found["title"].endswith(".")
    assert all(found[key].endswith(".") for key in ("finds", "false-positives"))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", tag) for tag in found["tags"].split(", "))
    assert all(re.search(r"\w", reference) for reference in found["references"].split("; "))
    for each in linktypes(name):
        assert linktype_number(each) >= 0


def test_titles_are_different() -> None:
    titles = [header(name)["title"] for name in NAMES]
    assert len(titles) == len(set(titles))


def test_the_readme_lists_them_by_their_first_tags() -> None:
    """Under a heading for each first tag, a row for each filter."""
    rows, heading = {}, ""
    for line in (FOLDER / "README.md").read_text().splitlines():
        if line.startswith("### "):
            heading = line.removeprefix("### ")
        elif row := re.fullmatch(r"\| `([a-z0-9-]+)` \| (.+) \|", line):
            rows[row[1]] = (heading, row[2])
    expected = {name: (header(name)["tags"].split(", ")[0], header(name)["title"]) for name in NAMES}
    assert rows == expected


def test_every_filter_has_samples_and_every_sample_a_filter() -> None:
    expected = {f"{name}.{kind}.pcap" for name in NAMES for kind in KINDS}
    assert {path.name for path in SAMPLES.iterdir()} == expected
    assert all(packets(name, kind) for name in NAMES for kind in KINDS)
    assert len(NAMES) >= 60


# Of the filters that are for every link type, those about something that one version of IP alone has.
OF_IPV4 = set(
    "dhcp dhcp-servers dhcp-trouble icmp-probes ip-options ip-reserved-bit link-local-addresses teredo".split()
)
OF_IPV6 = {name for name in NAMES if name.startswith("ipv6-")} | {"dhcpv6"}


@each_filter
def test_samples_have_the_versions_of_ip_that_a_filter_is_about(name: str) -> None:
    if header(name)["linktypes"] == "any":
        versions = {packet[12:14] for packet in packets(name, "match")}
        wanted = {b"\x08\x00": name not in OF_IPV6, b"\x86\xdd": name not in OF_IPV4}
        assert versions == {version for version, is_wanted in wanted.items() if is_wanted}


@each_filter
def test_lint_finds_nothing(name: str) -> None:
    """But that ports are hidden in fragments, which no expression can change, and the file says."""
    for linktype in linktypes(name)[:1]:
        findings = lint(expression(name), linktype_number(linktype))
        assert {finding.rule for finding in findings} <= {"hidden-ports"}
        if findings:
            assert "fragments" in header(name)["false-positives"]


# What a filter selects.


class Merged(NamedTuple):
    """All samples in one capture. ``places`` says of each filter and kind which packets, from 0 on, are its own."""

    packets: list[bytes]
    places: dict[tuple[str, str], range]


@cache
def merged() -> Merged:
    everything: list[bytes] = []
    places = {}
    for name in NAMES:
        for kind in KINDS:
            own = packets(name, kind)
            places[name, kind] = range(len(everything), len(everything) + len(own))
            everything.extend(own)
    return Merged(everything, places)


def capture(linktype: int, frames: list[bytes]) -> bytes:
    """A pcap file; each packet's number, from 0 on, is its time in microseconds."""
    parts = [struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype)]
    for number, frame in enumerate(frames):
        parts += [struct.pack("<IIII", *divmod(number, 10**6), len(frame), len(frame)), frame]
    return b"".join(parts)


def numbers(pcap: bytes) -> set[int]:
    """The numbers of the packets in such a file."""
    found, at = set(), 24
    while at < len(pcap):
        seconds, micros, length = struct.unpack_from("<III", pcap, at)
        found.add(seconds * 10**6 + micros)
        at += 16 + length
    return found


@cache
def selected() -> dict[str, set[int]]:
    """Which packets of all samples each filter matches."""
    programs = {name: PythonEngine(cbpf.compile(expression(name)).program) for name in NAMES}
    return {
        name: {number for number, packet in enumerate(merged().packets) if program.run(packet)}
        for name, program in programs.items()
    }


@each_filter
def test_samples_match_and_near_misses_do_not(name: str) -> None:
    engine = PythonEngine(cbpf.compile(expression(name)).program)
    assert all(engine.run(packet) for packet in packets(name, "match"))
    assert not any(engine.run(packet) for packet in packets(name, "miss"))


NEEDLESS = {("dhcp-servers", "ip"), ("dhcp-trouble", "ip")}  # written for those who read them: udp[...] is IPv4's


@pytest.mark.slow
@each_filter
def test_samples_need_every_clause(name: str) -> None:
    """Without one of its clauses, a filter misses something that it is to match, or matches a near miss."""
    about = context(read(expression(name), 1))
    assert about is not None
    for clause in about.clauses:
        if clause.parent is not None and not isinstance(clause.parent.node, Not):
            engine = PythonEngine(cbpf.compile(about.corrected({id(clause.node): None})).program)
            right = all(map(engine.run, packets(name, "match"))) and not any(map(engine.run, packets(name, "miss")))
            said = about.text(clause)
            assert right == ((name, said) in NEEDLESS), said


PROTOCOLS = {0x0800: 0x21, 0x86DD: 0x57}  # in PPP, by EtherType
FAMILIES = {0x0800: 2, 0x86DD: 24}  # of NULL and LOOP


def elsewhere(frame: bytes, linktype: str) -> bytes | None:
    """The packet of an Ethernet frame as another link type has it; None if that cannot be."""
    kind, packet = int.from_bytes(frame[12:14]), frame[14:]
    if kind < 0x0600 or kind == 0x8100:
        return None
    if linktype.startswith("LINUX_SLL"):
        address = frame[6:12] + bytes(2)
        if linktype == "LINUX_SLL":
            return struct.pack("!HHH8sH", 0, 1, 6, address, kind) + packet
        return struct.pack("!HHIHBB8s", kind, 0, 2, 1, 0, 6, address) + packet
    if kind not in PROTOCOLS:
        return None
    heads = {
        "RAW": b"",
        "NULL": struct.pack("<I", FAMILIES[kind]),
        "LOOP": struct.pack("!I", FAMILIES[kind]),
        "PPP": struct.pack("!HH", 0xFF03, PROTOCOLS[kind]),
    }
    return heads[linktype] + packet


@pytest.mark.parametrize("others", [slice(1, 2), pytest.param(slice(2, None), marks=pytest.mark.slow)])
@each_filter
def test_other_link_types(name: str, others: slice) -> None:
    for linktype in linktypes(name)[others]:
        engine = PythonEngine(cbpf.compile(expression(name), linktype).program)
        for kind in KINDS:
            moved = [elsewhere(packet, linktype) for packet in packets(name, kind)]
            verdicts = {bool(engine.run(packet)) for packet in moved if packet is not None}
            assert verdicts <= {kind == "match"}, linktype
            assert verdicts or kind == "miss", linktype


# What others say.


def by_tcpdump(name: str, path: Path) -> bytes:
    """The file that tcpdump makes of what it selects with a filter's file as it is."""
    command = ["tcpdump", "-r", str(path), "-w", "-", "-F", str(FOLDER / f"{name}.pcapfilter")]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "everything.pcap"
    path.write_bytes(capture(1, merged().packets))
    return path


@needs_tcpdump
@each_filter
def test_tcpdump_selects_the_same_of_all_samples(name: str, everything: Path) -> None:
    assert numbers(by_tcpdump(name, everything)) == selected()[name]


STATELESS = ("tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE", "ip.defragment:FALSE")


@needs("tshark")
def test_tshark_says_that_samples_are_what_they_should_be(everything: Path) -> None:
    assert set(DISPLAYS) == set(NAMES)
    places = merged().places
    wanted = [
        f"({DISPLAYS[name]}) && frame.number >= {own.start + 1} && frame.number <= {own.stop}"
        for (name, _), own in places.items()
    ]
    assert not any("," in each for each in wanted)
    options = [part for each in STATELESS for part in ("-o", each)]
    command = ["tshark", "-n", "-q", *options, "-d", "udp.port==443,quic", "-r", str(everything)]
    done = subprocess.run(
        [*command, "-z", ",".join(["io,stat,0", *wanted])], capture_output=True, text=True, check=True
    )
    row = [line for line in done.stdout.splitlines() if re.match(r"\|\s*[\d.]+ <>", line)][-1]
    counts = [int(cell) for cell in row.split("|")[2:-1:2]]
    assert dict(zip(places, counts, strict=True)) == {
        (name, kind): len(own) if kind == "match" else 0 for (name, kind), own in places.items()
    }


# Real traffic, if there is a collection of captures beside the repository.

TESTED = ("EN10MB", "LINUX_SLL", "LINUX_SLL2", "RAW")


@cache
def real_packets() -> dict[str, list[bytes]]:
    """What is in the captures, by the link types of the table above; the first packets of long ones."""
    found: dict[str, list[bytes]] = {linktype: [] for linktype in TESTED}
    names = {linktype_number(linktype): linktype for linktype in TESTED}
    for path in CAPTURES:
        with suppress(cbpf.SavefileError), open_savefile(str(path)) as savefile:
            for packet in islice(savefile, 2000):
                if packet.interface.linktype in names:
                    found[names[packet.interface.linktype]].append(bytes(packet.data))
    return found


@pytest.mark.slow
@needs_captures
@needs_tcpdump
@pytest.mark.parametrize("linktype", TESTED)
def test_tcpdump_selects_the_same_of_real_traffic(linktype: str, tmp_path: Path) -> None:
    frames = real_packets()[linktype]
    path = tmp_path / "real.pcap"
    path.write_bytes(capture(linktype_number(linktype), frames))
    for name in NAMES:
        if linktype in linktypes(name):
            match = cbpf.compile(expression(name), linktype).match
            ours = {number for number, frame in enumerate(frames) if match(frame)}
            assert numbers(by_tcpdump(name, path)) == ours, name

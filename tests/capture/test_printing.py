"""Printed packets against tcpdump: whole lines, all forms of times, dumps byte for byte; and the short way to lines."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cbpf.capture import Interface, Packet, open_savefile
from cbpf.capture.piece import Match
from cbpf.capture.printing import Printer, Style, Time
from cbpf.capture.summary import Flows, Line, describe
from cbpf.capture.summary.everyday import everyday
from cbpf.errors import SavefileError

from .tools import REPOSITORY, SAMPLES, SHARED, needs, pcap_file, record

HTTP = REPOSITORY / "captures" / "http.pcap"
EVERYTHING = [*SAMPLES, *SHARED]
ETHERNET = 1


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def packets(path: Path) -> list[Packet]:
    """Those before any damage."""
    found: list[Packet] = []
    try:
        with open_savefile(str(path)) as savefile:
            found.extend(savefile)
    except SavefileError:
        pass
    return found


def printed(path: Path, style: Style) -> list[str]:
    """The text about each packet."""
    printer = Printer(style)
    return [printer.text(packet) for packet in packets(path)]


def tcpdump(path: Path, *options: str) -> str:
    command = ["tcpdump", "-n", "-K", *options, "-r", str(path)]
    done = subprocess.run(command, capture_output=True, check=False, env=os.environ)
    return done.stdout.decode("latin-1")


# --- lines

# What tcpdump says otherwise than we do: it dumps what it does not know, writes blanks at ends and names of interfaces,
# follows protocols of routers, and marks what is cut or wrong by its place.
OTHERS = re.compile(
    r"\[\||invalid|AF Unknown|Unknown AF|STP|IS-IS|IPX|^\S+ AT |NetBeui|NETBEUI|PAD[IORST]|LCP|Unnumbered|reportmax"
)
WHOLE = "arp-rarp big-endian dns fragments http icmp ip-options ipv4 ipv6 ipv6-extensions mpls multicast nanoseconds "
WHOLE += "pppoe raw sctp tls vlan cooked"


def comparable(path: Path, style: Style, *options: str) -> tuple[list[str], list[str]]:
    """Our lines and tcpdump's, but for those that are known to differ."""
    ours = [text.rstrip() for text in printed(path, style._replace(digits=9))]
    theirs = [line.rstrip() for line in tcpdump(path, "--nano", *options).splitlines() if re.match(r"\s*\d", line)]
    assert len(ours) == len(theirs)
    pairs = [(mine, its) for mine, its in zip(ours, theirs, strict=True) if not OTHERS.search(its)]
    return [mine for mine, _ in pairs], [its for _, its in pairs]


@needs("tcpdump")
@pytest.mark.parametrize("name", WHOLE.split())
@pytest.mark.parametrize(
    ("style", "options"),
    [(Style(), ()), (Style(quick=True), ("-q",)), (Style(headers=True), ("-e",)), (Style(number=True), ("-#",))],
    ids=["plain", "-q", "-e", "-#"],
)
def test_lines_are_those_of_tcpdump(name: str, style: Style, options: tuple[str, ...]) -> None:
    mine, its = comparable(REPOSITORY / "captures" / f"{name}.pcap", style, *options)
    if name == "cooked":  # a tag in a cooked frame, which tcpdump introduces in its own way
        its = [line.replace(" ethertype IPv4, ", " ") if "vlan" not in line else "" for line in its]
        mine = [line if "vlan" not in line else "" for line in mine]
    assert mine == its
    assert mine


@needs("tcpdump")
def test_geneve_is_as_tcpdump_has_it() -> None:
    mine, its = comparable(REPOSITORY / "captures/geneve.pcap", Style(headers=True), "-e")
    assert mine == its


@needs("tcpdump")
def test_everyday_lines_of_real_captures() -> None:
    """TCP, UDP that is not looked into, ARP and pings: the same lines wherever tcpdump has them, too."""
    everyday_line = re.compile(
        r"^\S+ IP6? \S+ > \S+: (Flags \[.*, length \d+|UDP, length \d+|ICMP6?,? echo .*)$|^\S+ ARP, (Request|Reply)"
    )
    compared = 0
    for path in SHARED:
        if "timestamp_invalid" in path.name:  # which tcpdump shows as they are
            continue
        ours, theirs = printed(path, Style(digits=9)), tcpdump(path, "--nano").splitlines()
        theirs = [line for line in theirs if re.match(r"\d\d:\d\d:\d\d\.", line)]
        if len(ours) == len(theirs):
            for mine, its in zip(ours, theirs, strict=True):
                if everyday_line.match(its) and "md5" not in its and "mptcp" not in its and "LINKTYPE" not in mine:
                    compared += mine == f"{its}\n"
                    assert mine == f"{its}\n" or not everyday_line.match(mine.rstrip()), path.name
    if SHARED:
        assert compared > 400


# --- times


@needs("tcpdump")
@pytest.mark.parametrize("kind", list(Time))
@pytest.mark.parametrize("digits", [6, 9])
def test_times_are_those_of_tcpdump(kind: Time, digits: int) -> None:
    path = REPOSITORY / "captures" / "nanoseconds.pcap"
    options = ["--nano" if digits == 9 else "--micro", *(["-" + "t" * kind] if kind else [])]
    assert "".join(printed(path, Style(time=kind, digits=digits))) == tcpdump(path, *options)


@needs("tcpdump")
@pytest.mark.parametrize("kind", [Time.SINCE_PREVIOUS, Time.SINCE_FIRST, Time.DATE, Time.EPOCH])
def test_times_out_of_order_and_far_apart(kind: Time, tmp_path: Path) -> None:
    times = [1_800_000_000, 1_799_999_990, 1_800_040_000, 1_800_000_000, 0, 0x7FFFFFFF]
    path = tmp_path / "times.pcap"
    path.write_bytes(pcap_file([each.to_bytes(4, "little") + record(bytes(60))[4:] for each in times], link=228))
    shown = re.compile(r"[-\d :]+\.\d{6}(?= )")
    ours = [shown.match(text) for text in printed(path, Style(time=kind))]
    theirs = [shown.match(line) for line in tcpdump(path, "-" + "t" * kind).splitlines()]
    assert len(ours) == len(theirs)
    # tcpdump counts no hours beyond a day.
    near = times if kind in (Time.DATE, Time.EPOCH) else times[:4]
    assert [each and each[0] for each in ours[: len(near)]] == [each and each[0] for each in theirs[: len(near)]]


def test_durations_count_hours_beyond_a_day() -> None:
    printer = Printer(Style(time=Time.SINCE_FIRST))
    first, later = (Packet(at, 0, b"", Interface(linktype=195)) for at in (0, 30 * 3600 * 10**9))
    printer.text(first)
    assert printer.text(later).startswith(" 30:00:00.000000 ")


# --- dumps

DUMPS = [
    ("-x", Style(hexadecimal=1)),
    ("-xx", Style(hexadecimal=2)),
    ("-X", Style(hexadecimal_ascii=1)),
    ("-XX", Style(hexadecimal_ascii=2)),
    ("-A", Style(ascii=1)),
    ("-AA", Style(ascii=2)),
]


def dumps(text: str) -> list[str]:
    """What is below the lines of packets, as far as it is there."""
    return [part for part in re.split(r"^\d\d:\d\d:\d\d\.\d{6} .*\n|^\[Invalid header.*\n", text, flags=re.M) if part]


@needs("tcpdump")
@pytest.mark.parametrize(("option", "style"), DUMPS, ids=[option for option, _ in DUMPS])
@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcap"], ids=lambda path: path.stem)
def test_dumps_are_those_of_tcpdump(path: Path, option: str, style: Style) -> None:
    if path.stem == "truncated" and len(option) == 2:
        pytest.skip("tcpdump shows the link-level header, too, where a packet is cut short")
    mine = dumps("".join(text for text in printed(path, style._replace(digits=6)) if text.rstrip("\n").count("\n")))
    its = dumps(tcpdump(path, option))
    if "A" in option:  # what tcpdump does not know it dumps in another form first
        its = [re.sub(r"^(\t0x.*\n)+", "", each) for each in its]
    assert mine == [each for each in its if each.strip("\n")]


@needs("tcpdump")
@pytest.mark.parametrize(("option", "style"), [DUMPS[1], DUMPS[3]], ids=["-xx", "-XX"])
def test_whole_dumps_of_real_captures(option: str, style: Style) -> None:
    found = []
    for path in SHARED[::4]:
        its = tcpdump(path, option)
        if not its:  # it does not read the file, or not that link type
            continue
        for text in printed(path, style):
            found.append(text.split("\n", 1)[1] in its)
    # A few packets it gives up on before it comes to their bytes.
    assert not SHARED or (len(found) > 100 and found.count(False) < 3)


def test_one_form_of_dumps_wins() -> None:
    style = Style(hexadecimal=1, hexadecimal_ascii=1, ascii=1)
    assert printed(HTTP, style) == printed(HTTP, Style(hexadecimal_ascii=1))


# --- the short way


@pytest.mark.parametrize("half", [0, 1])
def test_the_short_way_leads_to_the_same_line(half: int) -> None:
    """Over all captures; and with the packets cut anywhere, and their lengths wrong."""
    taken = 0
    for path in EVERYTHING[half::2]:
        ours, reference = Flows(), Flows()
        short = everyday(ours)
        for packet in packets(path):
            if packet.interface.linktype != ETHERNET:
                continue
            whole = describe(ETHERNET, Line(packet.data, packet.wirelen, flows=reference))
            line = short(memoryview(packet.data), packet.wirelen)
            taken += line is not None
            assert whole == (
                describe(ETHERNET, Line(packet.data, packet.wirelen, flows=ours)) if line is None else line
            )
    assert taken > 100


@pytest.mark.parametrize("name", ["http", "dns", "tls", "icmp", "icmpv6", "vlan", "ipv6-extensions"])
def test_the_short_way_with_damaged_packets(name: str) -> None:
    for packet in packets(REPOSITORY / "captures" / f"{name}.pcap"):
        data = packet.data[:90]
        variants = [data[:cut] for cut in range(len(data))]
        variants += [
            data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :] for at in range(12, len(data)) for bits in (1, 0xF0)
        ]
        for wirelen in (packet.wirelen, 20, 60, 1500):
            ours, reference = Flows(), Flows()
            short = everyday(ours)
            for variant in variants:
                whole = describe(ETHERNET, Line(variant, wirelen, flows=reference))
                line = short(variant, wirelen)
                assert whole == (describe(ETHERNET, Line(variant, wirelen, flows=ours)) if line is None else line)


def test_the_short_way_is_not_for_tags_without_end() -> None:
    assert everyday(Flows())(bytes(12) + b"\x81\0\0\1" * 16000, 64012) is None


def test_batches_are_the_same_as_packets() -> None:
    for path in SAMPLES:
        every = packets(path)
        matches = [Match(0, *packet[:2], memoryview(packet.data), packet.interface) for packet in every]
        for style in (Style(), Style(time=Time.SINCE_PREVIOUS), Style(headers=True, hexadecimal=1), Style(json=True)):
            printer = Printer(style)
            assert Printer(style).batch(matches) == "".join(printer.text(packet, verdict=1) for packet in every)


def test_what_repeats_is_said_again_and_memory_is_bounded() -> None:
    printer = Printer(Style(time=Time.NONE))
    interface = Interface()
    for number in range(10_000):
        frame = bytes(12) + b"\x12\x34" + number.to_bytes(4, "big")
        assert printer.text(Packet(0, 18, frame, interface)) == printer.text(Packet(0, 18, frame, interface))
    assert len(printer._repeats) <= 4096


# --- what stands around a line


def test_names_of_filters_are_behind_the_time() -> None:
    packet = packets(HTTP)[0]
    text = Printer().text(packet, filters=["web", "dns"])
    assert text.startswith("10:00:00.000000 [web,dns] ARP, Request")
    match = Match(0, *packet[:2], memoryview(packet.data), packet.interface, 0b101)
    assert Printer().batch([match], names=["a", "b", "c"]).startswith("10:00:00.000000 [a,c] ARP")


def test_colors_only_add_to_the_line() -> None:
    for path in SAMPLES:
        for plain, colored in zip(printed(path, Style()), printed(path, Style(color=True)), strict=True):
            assert re.sub(r"\x1b\[\d*m", "", colored) == plain
            assert colored.startswith("\x1b[2m")


def test_details_come_from_scapy() -> None:
    packet = packets(HTTP)[6]
    line, detail, *rest = Printer(Style(details=1)).text(packet).splitlines()
    assert (detail[0], rest) == ("\t", [])
    assert "Ether / IP / TCP 192.0.2.10:" in detail
    tree = Printer(Style(details=2)).text(packet).splitlines()
    assert tree[0] == line
    assert "\t###[ Ethernet ]###" in tree
    assert all(each.startswith("\t") for each in tree[1:])


def test_details_of_what_scapy_does_not_know_are_bytes() -> None:
    text = Printer(Style(details=1)).text(Packet(0, 4, b"\0\1\2\3", Interface(linktype=291)))
    assert text.splitlines()[1:] == ["\t0x0000:  0001 0203"]


def test_details_of_damaged_packets_end_no_run() -> None:
    printers = [Printer(Style(details=times)) for times in (1, 2)]
    for path in [*SAMPLES, *SHARED[::12]]:
        for packet in packets(path)[:6]:
            for printer in printers:
                text = printer.text(packet)
                assert text.replace("\n", "").replace("\t", "").isprintable()

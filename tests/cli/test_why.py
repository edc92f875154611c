"""``cbpf why``, as people and programs use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import libpcap
from tests.oracles import needs_libpcap

from .tools import CAPTURES, HTTP, MIXED, cbpf, packets, process


def test_a_packet_by_its_number() -> None:
    done = cbpf("why", "-r", HTTP, "-n", "3", "udp", "and", "port", "80")
    assert done.status == 0
    assert done.lines == [
        "packet 3 did not match: `port 80` failed: source port is 40053, destination port is 53",
        "  udp and port 80",
        "          ^^^^^^^",
    ]


def test_several_packets_and_ranges() -> None:
    done = cbpf("why", "-r", HTTP, "-n", "3", "-n", "5-6", "len > 0")
    assert [line.split()[1] for line in done.lines] == ["3", "5", "6"]
    everything = cbpf("why", "-r", HTTP, "-n", "1-", "len > 0")
    assert len(everything.lines) == len(packets(HTTP))


@needs_libpcap
def test_without_a_number_it_is_the_first_that_does_not_match() -> None:
    unmatched = libpcap.matches(Path(HTTP), "arp").index(False) + 1
    assert cbpf("why", "-r", HTTP, "arp").lines[0].startswith(f"packet {unmatched} did not match:")


def test_all_packets_match() -> None:
    done = cbpf("why", "-r", HTTP, "ip or arp or ip6")
    assert done.lines[:2] == ["all packets match", "packet 1 matched: `arp` holds: it is ARP"]


@needs_libpcap
def test_verdicts_are_those_of_libpcap() -> None:
    expression = "tcp port 80 and not host 2001:db8::10"
    done = cbpf("why", "-r", HTTP, "-n", "1-", "--json", expression)
    found = [json.loads(line) for line in done.lines]
    assert [each["matched"] for each in found] == libpcap.matches(Path(HTTP), expression)


def test_json() -> None:
    (line,) = cbpf("why", "-r", HTTP, "-n", "3", "--json", "tcp or not udp").lines
    found = json.loads(line)
    assert found["matched"] is False
    assert [(clause["text"], clause["holds"], clause["negated"]) for clause in found["clauses"]] == [
        ("tcp", False, False),
        ("udp", True, True),
    ]
    assert found["clauses"][0]["span"] == {"start": 0, "end": 3}
    assert found["clauses"][0]["facts"][0]["wanted"] == ["TCP"]
    assert found["clauses"][0]["facts"][0]["offset"] == 23


def test_programs(tmp_path: Path) -> None:
    file = tmp_path / "filter.bpf"
    for form in ("decimal", "text", "asm", "json"):
        file.write_bytes(cbpf("compile", "--format", form, "tcp port 80").out)
        done = cbpf("why", "-r", HTTP, "-n", "3", "--program", file)
        assert done.status == 0
        assert "packet 3 was rejected, decided by (003) jeq #0x6" in done.text
        assert "IPv4 protocol = UDP" in done.text


def test_each_link_type_of_a_file() -> None:
    done = cbpf("why", "-r", MIXED, "-n", "1-4", "ip6")
    assert done.status == 0
    assert len([line for line in done.lines if line.startswith("packet")]) == 4


def test_another_link_type() -> None:
    done = cbpf("why", "-r", HTTP, "-n", "3", "-y", "RAW", "ip")
    assert "not IPv4" in done.text


def test_the_netmask() -> None:
    done = cbpf("why", "-r", HTTP, "-n", "3", "--netmask", "255.255.255.0", "ip broadcast")
    assert "destination address is 192.0.2.53" in done.text


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("-r", HTTP, "-n", "999", "ip"), 1, "has only 35 packets"),
        (("-r", "/nowhere", "ip"), 1, "/nowhere: cannot open: No such file or directory"),
        (("ip",), 2, "name a savefile with -r"),
        (("-r", HTTP, "-n", "0", "ip"), 2, "counted from 1"),
        (("-r", HTTP, "-n", "5-3", "ip"), 2, "counted from 1"),
        (("-r", HTTP, "tcp prt"), 2, "two conditions need"),
        (("-r", HTTP, "-y", "nosuch", "ip"), 2, "unknown link type"),
        (("-r", HTTP, "--program", HTTP, "ip"), 2, "use one"),
        (("-r", HTTP, "--program", HTTP), 2, "not a program"),
        (("-r", "-", "-F", "-"), 2, "standard input can only be read once"),
        (("-r", CAPTURES / "damaged.pcap", "-n", "1-", "ip or arp"), 1, "the file ends inside a packet"),
        (("-r", HTTP, "ifindex 3"), 2, "does not exist on"),
    ],
)
def test_what_goes_wrong(arguments: tuple[str | Path, ...], status: int, message: str) -> None:
    done = cbpf("why", *arguments)
    assert done.status == status
    assert message in done.err
    assert "Traceback" not in done.err


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b[" not in cbpf("why", "-r", HTTP, "-n", "3", "tcp").text
    assert "\x1b[" in cbpf("why", "-r", HTTP, "-n", "3", "--color", "always", "tcp").text
    assert "\x1b[" not in cbpf("why", "-r", HTTP, "-n", "3", "--color", "always", "--json", "tcp").text


def test_standard_input() -> None:
    done = process("why", "-r", "-", "-n", "3", "tcp", stdin=Path(HTTP).read_bytes())
    assert "protocol is UDP, not TCP" in done.text


@pytest.mark.parametrize("number", [(), ("-n", "1")])
def test_a_file_without_packets(number: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "empty.pcap"
    file.write_bytes(Path(HTTP).read_bytes()[:24])
    done = cbpf("why", "-r", file, *number, "ip")
    assert (done.status, done.err) == (1, f"cbpf: {file}: has no packets\n")

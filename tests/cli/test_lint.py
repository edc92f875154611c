"""``cbpf lint``: what it prints, in which form, and its exit status."""

from __future__ import annotations

import json

from .tools import CAPTURES, REPOSITORY, cbpf

FILTERS = sorted((REPOSITORY / "filters").glob("*.pcapfilter"))


def test_a_warning() -> None:
    result = cbpf("lint", "vlan 2 or vlan 3")
    assert result.status == 1
    first, *others = result.lines
    assert first.startswith("warning: ")
    assert first.endswith("[moved-by-encapsulation]")
    assert others == [
        "  vlan 2 or vlan 3",
        "            ^^^^^^",
        "  instead: vlan and (ether[14:2] & 0xfff = 2 or ether[14:2] & 0xfff = 3)",
    ]
    assert result.err == ""


def test_what_is_the_same_is_called_so() -> None:
    assert cbpf("lint", "arp or arp").lines[-1] == "  the same: arp"


def test_notes_are_no_warnings() -> None:
    result = cbpf("lint", "tcp port 80")
    assert result.status == 0
    assert result.lines[0].startswith("note: ")
    quiet = cbpf("lint", "--no-notes", "tcp port 80")
    assert (quiet.status, quiet.out, quiet.err) == (0, b"", "")


def test_warnings_come_first() -> None:
    severities = [
        line.split(":")[0] for line in cbpf("lint", "port 80 or src 80").lines if line.startswith(("note:", "warning:"))
    ]
    assert severities == ["warning", "note"]


def test_clean() -> None:
    result = cbpf("lint", "icmp or arp")
    assert (result.status, result.out, result.err) == (0, b"", "")
    assert cbpf("lint").status == 0


def test_shipped_filters() -> None:
    for file in FILTERS[:2]:
        assert cbpf("lint", "-F", file).status == 0


def test_what_never_matches_is_a_warning() -> None:
    """Though it does not compile."""
    assert cbpf("compile", "tcp and udp").status == 2
    result = cbpf("lint", "tcp and udp")
    assert result.status == 1
    assert "[never-matches]" in result.lines[0]


def test_json() -> None:
    result = cbpf("lint", "--json", "tcp or tcp port 80")
    found = json.loads(result.text)
    assert result.status == 1
    assert (found["expression"], found["linktype"]) == ("tcp or tcp port 80", "EN10MB")
    assert [(each["rule"], each["severity"]) for each in found["findings"]] == [
        ("shadowed", "warning"),
        ("hidden-ports", "note"),
    ]
    warning = found["findings"][0]
    assert warning["span"] == {"start": 7, "end": 18}
    assert (warning["correction"], warning["equivalent"]) == ("tcp", True)
    clean = json.loads(cbpf("lint", "--json", "--no-notes", "tcp port 80").text)
    assert clean["findings"] == []


def test_the_link_type() -> None:
    assert cbpf("lint", "arp").status == 0
    assert cbpf("lint", "-y", "RAW", "arp").status == 1
    assert cbpf("lint", "-r", CAPTURES / "raw.pcap", "arp").status == 1


def test_the_netmask() -> None:
    assert cbpf("lint", "--netmask", "255.255.255.0", "ip broadcast").status == 0


def test_color() -> None:
    assert "\x1b[" not in cbpf("lint", "src 80").text
    assert "\x1b[33mwarning:\x1b[0m" in cbpf("lint", "--color", "always", "src 80").text

"""``cbpf filter``: expressions, several files, several link types, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbpf.capture import Interface, Packet, PcapWriter

from .tools import CAPTURES, DAMAGED, DNS, HTTP, LINUX_SLL, MIXED, cbpf, packets


def test_prints_a_line_for_each_packet() -> None:
    result = cbpf("filter", "-r", DNS)
    assert (result.status, result.err) == (0, "")
    assert len(result.lines) == len(packets(DNS))
    assert all("192.0.2.53" in line for line in result.lines[:2])


def test_words_are_joined() -> None:
    assert cbpf("filter", "--count", "-r", HTTP, "tcp", "port", "443").text == "7 packets\n"
    assert cbpf("filter", "tcp port", "443", "--count", "-r", HTTP).text == "7 packets\n"


def test_nothing_matches_is_fine() -> None:
    assert cbpf("filter", "-r", HTTP, "tcp port 9") == (0, b"", "")
    assert cbpf("filter", "-r", HTTP, "--count", "tcp port 9") == (0, b"0 packets\n", "")


def test_one_packet_is_not_two() -> None:
    assert cbpf("filter", "-r", HTTP, "--count", "-c", "1").text == "1 packet\n"


def test_limit_is_for_all_files_together() -> None:
    both = [len(packets(path)) for path in (DNS, HTTP)]
    result = cbpf("filter", "-r", DNS, "-r", HTTP, "-r", DNS, "--count", "-c", str(both[0] + 2))
    assert result.lines == [f"{DNS}: {both[0]} packets", f"{HTTP}: 2 packets", f"{both[0] + 2} packets"]
    assert len(cbpf("filter", "-r", DNS, "-r", HTTP, "-c", str(both[0] + 2)).lines) == both[0] + 2


def test_the_limit_comes_before_damage() -> None:
    whole = len(packets_before_damage())
    assert cbpf("filter", "-r", DAMAGED, "--count", "-c", str(whole)) == (0, f"{whole} packets\n".encode(), "")
    assert cbpf("filter", "-r", DAMAGED, "--count", "-c", str(whole + 1)).status == 1


def packets_before_damage() -> list[str]:
    return cbpf("filter", "-r", DAMAGED).lines


def test_standard_input() -> None:
    assert cbpf("filter", "-r", "-", "--count", "arp", stdin=Path(HTTP).read_bytes()).text == "2 packets\n"


def test_snapshot_length_cuts_packets(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", HTTP, "-w", out, "-s", "60", "ip").status == 0
    ours, theirs = packets(out), [packet for packet in packets(HTTP) if packet.data[12:14] == b"\x08\0"]
    assert [packet.data for packet in ours] == [packet.data[:60] for packet in theirs]
    assert [packet.wirelen for packet in ours] == [packet.wirelen for packet in theirs]
    assert any(len(packet.data) > 60 for packet in theirs)


@pytest.mark.parametrize("expression", ["", "len >= 0"])
def test_snapshot_length_of_zero_cuts_nothing(expression: str, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", HTTP, "-w", out, "-s", "0", expression).status == 0
    assert packets(out) == packets(HTTP)


def test_snapshot_length_without_expression(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert cbpf("filter", "-r", HTTP, "-w", out, "-s", "20").status == 0
    assert {len(packet.data) for packet in packets(out)} == {20}


def test_long_packets_stay_whole(tmp_path: Path) -> None:
    """D-Bus messages may be longer than the 262144 bytes that limit most packets."""
    interface = Interface(linktype=231, snaplen=2**20)
    path, out = tmp_path / "in.pcap", tmp_path / "out.pcap"
    with PcapWriter(str(path), interface) as writer:
        writer.write(Packet(0, 300_000, bytes(300_000), interface))
    assert cbpf("filter", "-r", path, "-w", out).status == 0
    assert [len(packet.data) for packet in packets(out)] == [300_000]


def test_an_impossible_expression_is_refused_unless_unoptimized() -> None:
    refused = cbpf("filter", "-r", HTTP, "ip and ip6")
    assert (refused.status, refused.out) == (2, b"")
    assert "no packet can match" in refused.err
    assert cbpf("filter", "-r", HTTP, "-O", "--count", "ip and ip6") == (0, b"0 packets\n", "")


def test_netmask(tmp_path: Path) -> None:
    assert cbpf("filter", "-r", HTTP, "--count", "ip broadcast").status == 2
    path = tmp_path / "broadcast.pcap"
    query = packets(DNS)[0]
    with PcapWriter(str(path), query.interface) as writer:
        for last in (53, 54, 55, 56, 57):
            data = bytearray(query.data)
            data[33] = last
            writer.write(query._replace(data=bytes(data)))
    # All ones and all zeros behind a netmask of 29 bits: 192.0.2.55 and 192.0.2.56.
    assert cbpf("filter", "-r", path, "--count", "--netmask", "255.255.255.248", "ip broadcast").text == "2 packets\n"


def test_expression_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "expression"
    path.write_text("tcp port 443 # TLS\n")
    assert cbpf("filter", "-F", path, "-r", HTTP, "--count").text == "7 packets\n"
    assert cbpf("filter", "-F", "-", "-r", HTTP, "--count", stdin="arp").text == "2 packets\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["tcp"], 2, "name a savefile with -r, or an interface with -i"),
        (["-r", HTTP, "tcp prt 80"], 2, "\n  tcp prt 80\n      ^^^\n"),
        (["-r", "/nonexistent", "tcp prt 80"], 2, "\n  tcp prt 80\n      ^^^\n"),
        (["-r", HTTP, "host nosuchhost.invalid"], 2, "cbpf: no host is called 'nosuchhost.invalid'\n"),
        (["-r", HTTP, "-c", "0"], 2, "0 is not"),
        (["-r", HTTP, "-c", "x"], 2, "'x' is not"),
        (["-r", HTTP, "-F", DNS, "ip"], 2, "not from both"),
        (["-r", HTTP, "-F", DNS], 2, f"{DNS}: not UTF-8 text"),
        (["-r", HTTP, "-F", "/nonexistent"], 1, "/nonexistent: cannot read"),
        (["-r", "-", "-r", "-"], 2, "standard input can only be read once"),
        (["-r", "-", "-F", "-"], 2, "standard input can only be read once"),
        (["-r", HTTP, "--count", "-w", "-"], 2, "standard output has either the count or packets"),
        (["-r", HTTP, "--netmask", "255.0.0", "ip"], 2, "'255.0.0' is not a netmask"),
        (["-r", HTTP, "-w", "/nonexistent/out.pcap"], 1, "/nonexistent/out.pcap: cannot write: No such file"),
        (["-r", HTTP, "-w", str(CAPTURES)], 1, f"{CAPTURES}: cannot write: Is a directory"),
        (["-r", "-"], 1, "standard input: the file is empty"),
    ],
)
def test_refusals(arguments: list[str], status: int, message: str) -> None:
    result = cbpf("filter", *arguments)
    assert (result.status, result.out) == (status, b"")
    assert result.err.startswith("cbpf: ")
    assert message in result.err


@pytest.mark.parametrize("bad", ["missing", "folder", "file/below", "loop", "text", "empty"])
def test_files_that_cannot_be_read_leave_the_others(bad: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "text").write_text("Not packets.")
    (tmp_path / "empty").write_bytes(b"")
    path = tmp_path / bad
    result = cbpf("filter", "--count", "-r", DNS, "-r", path, "-r", HTTP, "udp")
    assert result.status == 1
    assert result.lines == [f"{DNS}: 6 packets", f"{HTTP}: 4 packets", "10 packets"]
    assert result.err.startswith(f"cbpf: {path}: ")
    assert result.err.count("\n") == 1


def test_damage_leaves_what_comes_before_and_the_other_files(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    result = cbpf("filter", "-r", DAMAGED, "-r", DNS, "-w", out)
    assert (result.status, result.out) == (1, b"")
    assert result.err.startswith(f"cbpf: {DAMAGED}: the file ends inside a packet")
    assert result.err.count("\n") == 1
    before = len(packets_before_damage())
    assert before > 3
    assert [packet.data for packet in packets(out)] == [packet.data for packet in packets(HTTP)[:before] + packets(DNS)]


def test_every_link_type_has_its_program() -> None:
    expected = [0, 0]
    for packet in packets(MIXED):
        ethertype = packet.data[14:16] if packet.interface.linktype == LINUX_SLL else packet.data[12:14]
        expected[packet.interface.linktype == LINUX_SLL] += ethertype == b"\x86\xdd"
    assert all(expected)
    assert cbpf("filter", "-r", MIXED, "--count", "ip6") == (0, f"{sum(expected)} packets\n".encode(), "")


def test_a_link_type_that_is_refused_leaves_the_others() -> None:
    result = cbpf("filter", "-r", MIXED, "--count", "ether multicast")
    first, *rest = result.err.splitlines()
    assert result.status == 1
    assert first.startswith(f"cbpf: {MIXED}: interface 1 'any' (LINUX_SLL): ")
    assert rest == ["  ether multicast", "  ^^^^^^^^^^^^^^^"]
    assert result.text == "1 packet\n"
    assert len([p for p in packets(MIXED) if p.interface.linktype != LINUX_SLL and p.data[0] & 1]) == 1


def test_a_file_that_is_refused_leaves_the_others() -> None:
    null = str(CAPTURES / "null.pcap")
    result = cbpf("filter", "-r", null, "-r", CAPTURES / "vlan.pcap", "-r", null, "--count", "vlan 100")
    assert result.status == 1
    assert result.lines[0] == result.lines[2] == f"{null}: 0 packets"
    assert result.lines[1] != f"{CAPTURES / 'vlan.pcap'}: 0 packets"
    assert result.err.count(f"cbpf: {null}: interface 0 (NULL): ") == 1


def test_an_expression_that_no_link_type_takes_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    out.write_text("precious")
    result = cbpf("filter", "-r", CAPTURES / "null.pcap", "-w", out, "vlan 100")
    assert result.status == 2
    assert "^" in result.err
    assert out.read_text() == "precious"


def test_unknown_link_types_have_all_their_packets_but_no_filter(tmp_path: Path) -> None:
    path = tmp_path / "unknown.pcap"
    data = bytearray(Path(DNS).read_bytes())
    data[20:24] = (4242).to_bytes(4, "little")
    path.write_bytes(data)
    assert cbpf("filter", "-r", path, "--count").text == "6 packets\n"
    result = cbpf("filter", "-r", path, "--count", "ip")
    assert result.status == 2
    assert "unknown link type 4242" in result.err


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_has_examples(option: str) -> None:
    result = cbpf("filter", option)
    assert result.status == 0
    assert "Examples:\n    cbpf filter -r http.pcap tcp port 80\n" in result.text

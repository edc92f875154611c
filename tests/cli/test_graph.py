"""``cbpf graph``, as people and programs use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .tools import CAPTURES, REPOSITORY, cbpf


def test_a_graph_in_the_terminal() -> None:
    done = cbpf("graph", "icmp")
    assert (done.status, done.err) == (0, "")
    assert done.lines == [
        "IPv4 protocol = ICMP?  no: reject, yes: next  [icmp]",
        "EtherType = IPv4 (0x800)?  yes: accept, no: reject",
    ]
    assert cbpf("graph").text == "accept\n"
    assert cbpf("graph", "tcp and udp and ip6 and ip").text == "reject\n"


def test_blocks_of_instructions() -> None:
    lines = cbpf("graph", "--kind", "flow", "-s", "96", "tcp port 80").lines
    assert "  (000) ldh [12]               EtherType" in lines
    listing = cbpf("compile", "-d", "-s", "96", "tcp port 80").lines
    shown = [line.split()[:2] for line in lines if line.startswith("  (")]
    assert shown == [line.split()[:2] for line in listing]


@pytest.mark.parametrize("form", ["-d", "-dd", "-ddd"])
def test_programs(form: str, tmp_path: Path) -> None:
    file = tmp_path / "filter.bpf"
    file.write_bytes(cbpf("compile", form, "tcp port 80").out)
    blocks = cbpf("graph", "--program", file)
    assert "TCP destination port = 80" in blocks.text
    decided = cbpf("graph", "--kind", "decision", "--program", "-", stdin=file.read_bytes())
    expected = cbpf("graph", "tcp port 80").text.replace("  [tcp port 80]", "")
    assert sorted(decided.lines) == sorted(expected.splitlines())
    for option in (["--passes"], ["--diff"], ["--pass", "fold"], ["ip"]):
        assert cbpf("graph", "--program", file, *option).status == 2


def test_passes_and_what_they_changed() -> None:
    lines = cbpf("graph", "--passes", "icmp").lines
    names = [line.split()[0] for line in lines]
    assert names[:2] == ["lower", "fold"]
    assert "reorder" in names
    for name in names:
        assert cbpf("graph", "--pass", name, "icmp").status == 0
    assert "+++ reorder" in cbpf("graph", "--diff", "icmp").lines
    assert cbpf("graph", "--diff", "--pass", "reorder", "icmp").lines[:2] == [
        f"--- {names[names.index('reorder') - 1]}",
        "+++ reorder",
    ]
    unchanged = [line.split()[0] for line in lines if line.endswith("(no change)")]
    assert unchanged
    assert all(cbpf("graph", "--diff", "--pass", name, "icmp").text == "" for name in unchanged)
    refused = cbpf("graph", "--pass", "magic", "icmp")
    assert refused.status == 2
    assert "there is no pass 'magic'; they are lower, fold" in refused.err
    assert cbpf("graph", "-O", "--passes", "icmp").lines == ["lower       2 nodes"]


def test_json_has_everything() -> None:
    found = json.loads(cbpf("graph", "--json", "ip and len > 100").text)
    assert found["kind"] == "decision"
    assert {node["kind"] for node in found["nodes"]} == {"test", "accept", "reject"}
    test = next(node for node in found["nodes"] if node["formula"] == "link[12:2] = 0x800")
    assert test["clauses"] == [{"span": {"start": 0, "end": 2}, "text": "ip"}]
    assert [edge["answer"] for edge in test["edges"]] == ["yes", "no"]


def test_files_say_the_form(tmp_path: Path) -> None:
    for name, begin in (("a.dot", b"digraph "), ("a.GV", b"digraph "), ("a.json", b"{"), ("a.txt", b"EtherType")):
        assert cbpf("graph", "-o", tmp_path / name, "ip").text == ""
        assert (tmp_path / name).read_bytes().startswith(begin)
    assert cbpf("graph", "--dot", "-o", "-", "ip").text == cbpf("graph", "--dot", "ip").text
    failed = cbpf("graph", "-o", tmp_path / "no" / "a.dot", "ip")
    assert failed.status == 1
    assert "cannot write: No such file" in failed.err


def test_svg_needs_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cbpf("graph", "-o", tmp_path / "a.svg", "ip")
    assert done.status == 2
    assert done.err == "cbpf: SVG is drawn by Graphviz, whose program 'dot' is not installed\n"
    assert not (tmp_path / "a.svg").exists()
    dot = tmp_path / "dot"
    dot.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:], sys.stdin.read().startswith('digraph'))\n")
    dot.chmod(0o755)
    assert cbpf("graph", "--svg", "ip").text == "['-Tsvg'] True\n"
    dot.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('out of ink')\n")
    assert "out of ink" in cbpf("graph", "--svg", "ip").err


def test_long_graphs_are_cut() -> None:
    expression = " or ".join(f"ip6 host ::{number:x}" for number in range(1, 100))
    done = cbpf("graph", "--limit", "10", expression)
    assert len(done.lines) == 10
    assert "of which 10 are shown (see --limit)" in done.err
    whole = cbpf("graph", "--limit", "0", expression)
    assert whole.err == ""
    assert "more nodes" not in whole.text


def test_link_types() -> None:
    assert "IPv4 version = 4" in cbpf("graph", "-y", "RAW", "ip").text
    assert "IPv4 version = 4" in cbpf("graph", "-r", CAPTURES / "raw.pcap", "ip").text
    assert "Linux's packet type = 4" in cbpf("graph", "--target", "linux", "outbound").text


@pytest.mark.parametrize(
    "arguments",
    [
        ["tcp port"],
        ["-y", "RAW", "-r", str(CAPTURES / "raw.pcap"), "ip"],
        ["-y", "NOTHING", "ip"],
        ["--dot", "--diff", "ip"],
        ["--program", "-", "-F", "-"],
    ],
)
def test_what_is_refused(arguments: list[str]) -> None:
    done = cbpf("graph", *arguments)
    assert (done.status, done.out) == (2, b"")
    assert done.err.startswith("cbpf: ")


def test_colours() -> None:
    assert "\x1b[" not in cbpf("graph", "ip").text
    assert "\x1b[32maccept\x1b[0m" in cbpf("graph", "--color", "always", "ip").text
    assert "\x1b[" not in cbpf("graph", "--color", "always", "--dot", "ip").text
    assert "\x1b[36m@@" in cbpf("graph", "--color", "always", "--diff", "icmp").text


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from cbpf.cli.application import run\n"
        "run(['graph', 'tcp port 80'])\n"
        "heavy = {'scapy', 'llvmlite', 'zstandard', 'lz4', 'json', 'dpkt', 'asyncio', 'difflib', 'subprocess'}\n"
        "print(*sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.splitlines()[-1] == ""

"""Named filters on the command line: ``@NAME`` everywhere, and ``cbpf filters``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.tools import CAPTURES, DNS, HTTP, REPOSITORY, cbpf, packets, tcpdump
from tests.oracles import needs_tcpdump

SHIPPED = REPOSITORY / "filters"
WEB = """\
# title: Web servers
# finds: what goes to and from web servers
# linktypes: any
# tags: web, tcp
tcp port 80
  or @tls   # since 1994
"""


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the user's filters, which does not exist yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CBPF_FILTERS", raising=False)
    return tmp_path / "config" / "cbpf" / "filters"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with filters."""
    made = tmp_path / "folder"
    made.mkdir()
    (made / "web.pcapfilter").write_text(WEB)
    (made / "tls.pcapfilter").write_text("tcp port 443")
    (made / "bad.pcapfilter").write_text("# title: Bad\ntcp\nor host 1.2.3.400\n")
    return made


# In expressions.

BY_HAND = "(tcp port 80 or (tcp port 443)) and ip"
COMMANDS = {
    "filter": ("-r", HTTP),
    "compile": ("-d",),
    "explain": (),
    "lint": (),
    "trace": ("-r", HTTP, "-n", "5"),
    "why": ("-r", HTTP, "-n", "5"),
    "annotate": ("-r", HTTP),
    "debug": ("-r", HTTP),
    "graph": (),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_named_filters(name: str, folder: Path) -> None:
    expected = cbpf(name, *COMMANDS[name], BY_HAND, stdin="run 5\nwhy\nexpression\n")
    assert expected.status == 0
    found = cbpf(name, *COMMANDS[name], "--filters", folder, "@web and ip", stdin="run 5\nwhy\nexpression\n")
    assert found == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_of_mistakes_in_the_expression_that_was_written(name: str, folder: Path) -> None:
    result = cbpf(name, *COMMANDS[name], "--filters", folder, "icmp or @bad")
    assert result.status == 2
    lines = result.err.splitlines()
    assert lines[0].startswith(f"cbpf: in filter 'bad' ({folder / 'bad.pcapfilter'} line 3): '1.2.3.400' is not")
    assert lines[1:3] == ["  icmp or @bad", "          ^^^^"]
    assert lines[4:6] == ["  or host 1.2.3.400", "          ^^^^^^^^^"]
    assert cbpf(name, *COMMANDS[name], "--filters", folder, "@weg").err.splitlines()[-1] == "Did you mean '@web'?"


@pytest.mark.parametrize("name", COMMANDS)
def test_folders_must_be_there(name: str, tmp_path: Path) -> None:
    result = cbpf(name, *COMMANDS[name], "--filters", tmp_path / "missing", "tcp")
    assert result.status == 2
    assert "does not exist" in result.err


@pytest.mark.parametrize("name", COMMANDS)
def test_mistakes_of_a_link_type_are_those_of_the_expression_that_was_written(name: str, folder: Path) -> None:
    (folder / "wireless.pcapfilter").write_text("tcp\nor wlan type data")
    expected = cbpf(name, *COMMANDS[name], "icmp or (tcp or wlan type data)", stdin="disassemble")
    result = cbpf(name, *COMMANDS[name], "--filters", folder, "icmp or @wireless", stdin="disassemble")
    assert (result.status, result.out) == (expected.status, expected.out)
    assert "an 802.11 frame type does not exist on Ethernet" in result.err
    assert "in filter 'wireless'" in result.err


def test_expressions_in_files_include_filters(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "expression"
    file.write_text("# ours\n@web # all of it\nand ip\n")
    assert cbpf("compile", "-F", file, "--filters", folder) == cbpf("compile", BY_HAND)


def test_the_debugger_takes_other_expressions(folder: Path) -> None:
    script = "expression @tls\nexpression\nexpression @bad\nexpression\n"
    result = cbpf("debug", "--filters", folder, "tcp", stdin=script)
    assert result.lines[-2:] == ["(tcp port 443)"] * 2
    assert "line 3: in filter 'bad'" in result.err


def test_split_by_named_filters(folder: Path, tmp_path: Path) -> None:
    options = ("--filters", folder, "--split-by-filter", "@web", "--split-by-filter", "names=port 53 and not @tls")
    assert cbpf("filter", "-r", HTTP, "-w", tmp_path / "out.pcap", *options).status == 0
    for name, expression in {"web": "tcp port 80 or tcp port 443", "names": "port 53"}.items():
        cbpf("filter", "-r", HTTP, "-w", tmp_path / f"expected-{name}.pcap", expression)
        assert packets(tmp_path / f"out-{name}.pcap") == packets(tmp_path / f"expected-{name}.pcap")
    unknown = cbpf("filter", "-r", HTTP, "--split-by-filter", "@no-such-filter-there")
    assert (unknown.status, unknown.out) == (2, b"")


def test_folders_override_each_other(folder: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(*options: str | Path) -> bytes:
        return cbpf("compile", *options, "@dns").out

    shipped = compiled()
    for name, text in {"own": "tcp", "variable": "udp", "option": "icmp"}.items():
        place = own if name == "own" else tmp_path / name
        place.mkdir(parents=True)
        (place / "dns.pcapfilter").write_text(text)
        if name == "variable":
            monkeypatch.setenv("CBPF_FILTERS", f"{folder}{os.pathsep}{place}")
        options = ("--filters", place, "--filters", folder) if name == "option" else ()
        assert compiled(*options) == cbpf("compile", text).out != shipped


@needs_tcpdump
@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.pcapfilter"))[::20], ids=lambda file: file.stem)
@pytest.mark.parametrize("sample", ["http.pcap", "dns.pcap", "icmp.pcap", "fragments.pcap"])
def test_tcpdump_selects_the_same_with_the_file(file: Path, sample: str) -> None:
    expected = tcpdump("-r", CAPTURES / sample, "-F", file, "--count")
    found = cbpf("filter", "-r", CAPTURES / sample, "--count", f"@{file.stem}").text
    assert int(found.split()[0]) == int(expected.split()[0])


# Completion.


def completed(*words: str) -> list[str]:
    environment = {**os.environ, "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    run = subprocess.run(
        [sys.executable, "-m", "cbpf"],
        env={**environment, "_CBPF_COMPLETE": "zsh_complete"},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def test_completion_knows_names_and_titles(folder: Path) -> None:
    found = completed("cbpf", "filter", "--filters", str(folder), "@we")
    assert found[found.index("@web") + 1] == "Web servers"
    assert "tcp and not (@web" in completed("cbpf", "explain", "--filters", str(folder), "'tcp and not (@we'")
    assert "dns" in completed("cbpf", "filters", "show", "dn")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_names_though_it_divides_them(tmp_path: Path) -> None:
    """What bash 5.2 tells a function of ``@dns-er``: two words, the second of which is to be completed."""
    command = tmp_path / "cbpf"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cbpf "$@"\n')
    command.chmod(0o755)
    (tmp_path / "script").write_bytes(cbpf("completion", "bash").out)
    commands = (
        "source script; COMP_WORDS=(cbpf filter tcp and @ dns-er); COMP_CWORD=5; "
        '_cbpf_named_filters cbpf; printf "%s\\n" "${COMPREPLY[@]}"; '
        "COMPREPLY=(); COMP_WORDS=(cbpf filter icmp6-ec); COMP_CWORD=2; "
        '_cbpf_named_filters cbpf; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        ["bash", "--norc", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["@dns-errors", "icmp6-echo", "icmp6-echoreply"]


# cbpf filters list


def test_list(folder: Path) -> None:
    result = cbpf("filters", "list", "--filters", folder, "WEB", "serv", "--tag", "tcp")
    assert (result.status, result.text) == (0, "web  Web servers  web, tcp\n")
    names = [line.split()[0] for line in cbpf("filters", "list", "--filters", folder).lines]
    shipped = [path.name.removesuffix(".pcapfilter") for path in SHIPPED.glob("*.pcapfilter")]
    assert names == sorted({*shipped, "web", "tls", "bad"})
    nothing = cbpf("filters", "list", "no such word")
    assert (nothing.status, nothing.out, nothing.err) == (0, b"", "cbpf: no filter is like that\n")


def test_list_leaves_out_what_cannot_be_read(folder: Path) -> None:
    (folder / "broken.pcapfilter").write_bytes(b"\xff")
    result = cbpf("filters", "list", "--filters", folder, "web")
    assert [line.split()[0] for line in result.lines][-1] == "web"
    assert "broken.pcapfilter: not UTF-8 text" in result.err


def test_list_as_json(folder: Path) -> None:
    result = cbpf("filters", "list", "--filters", folder, "--json", "web servers")
    (found,) = map(json.loads, result.lines)
    assert found["name"] == "web"
    assert found["tags"] == ["web", "tcp"]
    assert found["linktypes"] == ["any"]
    assert found["expression"] == "tcp port 80 or @tls"
    assert (found["path"], found["overrides"]) == (str(folder / "web.pcapfilter"), [])


# cbpf filters show


def test_show(folder: Path) -> None:
    text = cbpf("filters", "show", "@web", "--filters", folder).text
    assert text.startswith("@web: Web servers\nfinds: what goes")
    assert "\n  tcp port 80\n    or @tls   # since 1994\n" in text
    assert text.endswith("in full:\n  tcp port 80 or (tcp port 443)\n")
    assert "in full:" not in cbpf("filters", "show", "tls", "--filters", folder).text
    found = json.loads(cbpf("filters", "show", "web", "--filters", folder, "--json").text)
    assert found["expanded"] == "tcp port 80 or (tcp port 443)"


def test_show_tells_what_is_overridden(folder: Path) -> None:
    (folder / "dns.pcapfilter").write_text("port 53")
    found = json.loads(cbpf("filters", "show", "dns", "--filters", folder, "--json").text)
    assert found["overrides"] == [str(SHIPPED / "dns.pcapfilter")]


@pytest.mark.parametrize("name", ["wev", "@", "", "Web", "a b", "../x", "web)"])
def test_there_is_no_such_filter(name: str, folder: Path) -> None:
    result = cbpf("filters", "show", "--filters", folder, "--", name)
    assert (result.status, result.out) == (2, b"")
    assert result.err.startswith("cbpf: ")


# cbpf filters test


def sample(path: Path, source: str, expression: str) -> None:
    assert cbpf("filter", "-r", source, "-w", path, "--force", expression).status == 0


@pytest.mark.parametrize("place", ["", "captures", "../captures/filters"])
def test_samples(folder: Path, place: str) -> None:
    if place.startswith(".."):
        folder = folder.rename(folder.parent / "filters")
    where = folder / place
    where.mkdir(parents=True, exist_ok=True)
    sample(where / "web.match.pcap", HTTP, "tcp port 80")
    sample(where / "web.miss.pcap", HTTP, "not tcp")
    result = cbpf("filters", "test", "web", "tls", "--filters", folder)
    number = len(packets(where / "web.match.pcap"))
    assert result.lines[0] == f"ok    web: {number} match, {len(packets(where / 'web.miss.pcap'))} do not"
    assert result.lines[1:] == ["ok    tls: no samples", "2 filters tested, 0 failed"]
    assert result.status == 0


def test_a_packet_that_should_not_match(folder: Path) -> None:
    sample(folder / "tls.miss.pcap", HTTP, "not tcp port 443")
    sample(folder / "tls.match.pcap", HTTP, "tcp")
    result = cbpf("filters", "test", "tls", "--filters", folder)
    assert result.status == 1
    assert result.lines[0] == f"FAIL  tls ({folder / 'tls.pcapfilter'})"
    commands = [line.strip() for line in result.lines if line.startswith("    cbpf why")]
    wrong = [number for number, _ in enumerate(packets(folder / "tls.match.pcap"), 1)]
    assert len(commands) == len([line for line in result.lines if "does not match, and should" in line])
    assert commands[0].split()[1:6] == ["why", "-r", str(folder / "tls.match.pcap"), "-n", str(wrong[0])]
    why = cbpf(*commands[0].split()[1:])
    assert (why.status, why.text.startswith(f"packet {wrong[0]} did not match")) == (0, True)


def test_what_does_not_compile_or_is_not_meant_fails(folder: Path) -> None:
    (folder / "empty.pcapfilter").write_text("# title: Nothing\n")
    (folder / "linted.pcapfilter").write_text("not tcp or not udp")
    (folder / "elsewhere.pcapfilter").write_text("# linktypes: RAW, NO_SUCH_TYPE\ntcp")
    (folder / "wireless.pcapfilter").write_text("# linktypes: IEEE802_11\nwlan type data")
    (folder / "Upper.pcapfilter").write_text("tcp")
    result = cbpf("filters", "test", "--filters", folder)
    assert result.status == 1
    failed = {line.split()[1] for line in result.lines if line.startswith("FAIL")}
    assert failed == {"bad", "empty", "linted", "elsewhere"}
    assert result.lines[-1] == "7 filters tested, 4 failed"
    assert "[negated-alternatives]" in result.text
    assert "Upper.pcapfilter" in result.err
    found = [json.loads(line) for line in cbpf("filters", "test", "--json", "--filters", folder).lines]
    assert {each["name"] for each in found if each["problems"]} == failed


def test_a_damaged_sample_fails(folder: Path) -> None:
    (folder / "tls.match.pcap").write_bytes(b"no savefile")
    result = cbpf("filters", "test", "tls", "--filters", folder)
    assert (result.status, "tls.match.pcap" in result.text) == (1, True)


# cbpf filters new


def test_new(own: Path) -> None:
    matches = [f"{HTTP}#{number}" for number, each in enumerate(packets(HTTP), 1) if b"HTTP/1.1 200" in each.data][:1]
    options = ("--title", "Web, but\nnot TLS", "--tag", "web", "--match", matches[0], "--miss", f"{DNS}#1")
    result = cbpf("filters", "new", "plain-web", "tcp", "port", "80", *options)
    assert result.lines == [str(own / f"plain-web.{end}") for end in ("pcapfilter", "match.pcap", "miss.pcap")]
    text = (own / "plain-web.pcapfilter").read_text()
    assert text.startswith("# title: Web, but not TLS\n# finds: <")
    assert text.endswith("# tags: web\ntcp port 80\n")
    tested = cbpf("filters", "test", "plain-web")
    assert (tested.status, tested.lines[0]) == (0, "ok    plain-web: 1 match, 1 do not")
    assert cbpf("compile", "@plain-web") == cbpf("compile", "tcp port 80")
    again = cbpf("filters", "new", "plain-web", "udp")
    assert (again.status, "is there already" in again.err) == (2, True)
    assert (own / "plain-web.pcapfilter").read_text() == text


@needs_tcpdump
def test_tcpdump_reads_what_is_made(own: Path) -> None:
    assert cbpf("filters", "new", "plain", "tcp port 80 and not host 192.0.2.1").status == 0
    expected = cbpf("compile", "-d", "-O", "@plain").status
    assert (expected, bool(tcpdump("-d", "-y", "EN10MB", "-F", own / "plain.pcapfilter"))) == (0, True)


def test_new_without_an_expression_is_to_be_filled_in(folder: Path) -> None:
    assert cbpf("filters", "new", "later", "--filters", folder).status == 0
    assert cbpf("filters", "test", "later", "--filters", folder).status == 1
    with (folder / "later.pcapfilter").open("a") as file:
        file.write("tcp\n")
    assert cbpf("filters", "test", "later", "--filters", folder).status == 0


def test_new_tells_what_it_overrides(folder: Path) -> None:
    result = cbpf("filters", "new", "dns", "port 53", "--filters", folder)
    assert (result.status, str(SHIPPED / "dns.pcapfilter") in result.err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("Name", "tcp"), 2, "no name for a filter"),
        (("../x", "tcp"), 2, "no name for a filter"),
        (("x" * 101, "tcp"), 2, "no name for a filter"),
        (("x", "tcp prt 80"), 2, "unexpected name"),
        (("x", "tcp and @no-such-filter-there"), 2, "there is no filter"),
        (("x", "tcp and udp"), 0, ""),
        (("dns", "@dns and tcp"), 2, "cannot include itself"),
        (("x", "tcp", "--match", HTTP), 2, "is no packet"),
        (("x", "tcp", "--match", f"{HTTP}#0"), 2, "is no packet"),
        (("x", "tcp", "--match", f"{HTTP}#100000"), 1, "has only"),
        (("x", "tcp", "--match", "missing.pcap#1"), 1, "missing.pcap"),
        (("x", "arp", "--miss", f"{HTTP}#1"), 1, "matches; cbpf why -r"),
        (("x", "--match", f"{HTTP}#1"), 2, "give one"),
    ],
)
def test_new_refuses(own: Path, arguments: tuple[str, ...], status: int, message: str) -> None:
    result = cbpf("filters", "new", *arguments)
    assert (result.status, message in result.err) == (status, True)
    assert status == 0 or not own.exists()


def test_new_leaves_nothing_behind_if_it_cannot_write(folder: Path) -> None:
    (folder / "x.miss.pcap").write_bytes(b"mine")
    result = cbpf("filters", "new", "x", "arp", "--miss", f"{DNS}#1", "--filters", folder)
    assert result.status == 2
    assert not (folder / "x.pcapfilter").exists()
    assert (folder / "x.miss.pcap").read_bytes() == b"mine"

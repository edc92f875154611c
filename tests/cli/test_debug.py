"""``cbpf debug`` as scripts use it, through standard input, and as people do, at a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cbpf.engine import steps
from cbpf.machine import Form, read_program, write
from tests.oracles import needs_tcpdump

from .tools import CAPTURES, DAMAGED, HTTP, MIXED, REPOSITORY, Result, cbpf, large, packets, process, start, tcpdump

EXPRESSION = "tcp port 80 or udp port 53"


def debug(*lines: str, arguments: tuple[str | Path, ...] = ("-r", HTTP, EXPRESSION)) -> Result:
    return cbpf("debug", *arguments, stdin="".join(f"{line}\n" for line in lines))


def blocks(result: Result) -> list[dict[str, str]]:
    """The lines of an answer by their names, for each place that was shown."""
    found: list[dict[str, str]] = []
    for line in result.lines:
        name, _, text = line.partition(":")
        if name == "packet":
            found.append({})
        found[-1][name] = text.strip()
    return found


def counts(result: Result) -> list[tuple[int, ...]]:
    return [tuple(map(int, found)) for found in re.findall(r"bpf passes:(\d+) fails:(\d+)", result.text)]


@pytest.mark.parametrize("expression", ["tcp port 80", "udp", "not ip", "ip[8] > 63 or ip6[7] > 63"])
@pytest.mark.parametrize("name", ["http.pcap", "fragments.pcap", "truncated.pcap", "vlan.pcap", "ipv6.pcap"])
@needs_tcpdump
def test_running_counts_as_tcpdump_and_filter_do(name: str, expression: str) -> None:
    file = str(CAPTURES / name)
    done = debug("run", "break 0", "run", "break reset", "run", arguments=("-r", file, expression, "--plain"))
    total = len(packets(file))
    matched = int(tcpdump("-r", file, "--count", expression).split()[0])
    assert int(cbpf("filter", "-r", file, "--count", expression).text.split()[0]) == matched
    assert done.status == 0
    assert counts(done)[0] == (matched, total - matched)
    assert counts(done)[-1] == (matched, total - matched)
    assert "breakpoint: instruction 0\npacket:  1, " in done.text


@needs_tcpdump
def test_listings_are_tcpdumps() -> None:
    code = tcpdump("-y", "EN10MB", "-r", HTTP, "-ddd", EXPRESSION).decode()
    load = "load bpf " + ",".join(code.splitlines())
    done = debug(load, "disassemble", arguments=("-r", HTTP))
    assert done.text.split("\n", 1)[1] == tcpdump("-y", "EN10MB", "-r", HTTP, "-d", EXPRESSION).decode()
    done = debug(load + ",", "dump", arguments=())
    assert done.text.split("\n", 1)[1] == tcpdump("-y", "EN10MB", "-r", HTTP, "-dd", EXPRESSION).decode()
    assert debug("dis 1", "dis 99", arguments=("ip",)).text.startswith("(001) jeq      #0x800")


def test_a_step_shows_the_interpreters_state() -> None:
    program = read_program(cbpf("compile", "--format", "json", "-r", HTTP, EXPRESSION).text)
    packet = packets(HTTP)[6]
    made = list(steps(program, packet.data, packet.wirelen))
    forward = blocks(debug("select 7", *["step"] * len(made)))
    back = blocks(debug("sel 7", "finish", *["step -1"] * len(made)))
    assert back[1:] == forward[:0:-1] + forward[:1]
    listing = [" ".join(line.split()) for line in write(program, Form.TEXT).splitlines()]
    for done, shown in enumerate(forward):
        state = made[done - 1].after if done else made[0].before
        pc = made[done].pc if done < len(made) else made[-1].pc
        assert shown["packet"].endswith(f" {done} executed")
        assert shown["pc"].split("  ;")[0] == listing[pc]
        assert [int(shown[name].split()[0]) for name in "AX"] == [state.a, state.x]
        assert ("verdict" in shown) == (done == len(made))
    assert forward[0]["pc"].endswith("; EtherType")
    assert forward[1]["load"] == "bytes 12-13: EtherType = IPv4"
    assert set(forward[0]["clause"].split(" | ")) <= {"tcp port 80", "udp port 53"}
    assert forward[-1]["verdict"].startswith("accepted: ")


def test_scratch_memory_is_shown_where_it_is_not_zero() -> None:
    load = "load bpf 4,0 0 0 5,2 0 0 3,2 0 0 0,6 0 0 0"
    assert "\nM[3]:    5\n" in debug(load, "step 2", arguments=("-r", HTTP)).text
    assert "M[0]:" not in debug(load, "step 2", arguments=("-r", HTTP)).text
    done = debug(load, "step 2", "registers", arguments=("-r", HTTP))
    assert "M[0]:    0x00000000 0\n" in done.text
    assert "M[3]:    0x00000005 5\n" in done.text


def test_a_script_with_mistakes_goes_on() -> None:
    done = process(
        "debug",
        "-r",
        HTTP,
        EXPRESSION,
        stdin=b"frobnicate\nselect 0\nselect 99999\ns\nbreak 1000\nload bpf 2,1\nload pcap /nowhere\nload\n\xff\n"
        b"expression tcp port\nstep -1\nbreak nowhere\nrun x\ndump 3\n# nothing\n\n  run  \nq\nrun\n",
    )
    assert done.status == 1
    complaints = [line for line in done.err.splitlines() if line.startswith("cbpf: ")]
    assert [int(re.findall(r"line (\d+): ", line)[0]) for line in complaints] == list(range(1, 15))
    assert "Traceback" not in done.err
    assert counts(done) == counts(debug("run"))


@pytest.mark.parametrize("stdin", ["", "run", "quit\n", "\n\n#\n"])
def test_what_goes_well_ends_well(stdin: str) -> None:
    done = cbpf("debug", "-r", HTTP, EXPRESSION, stdin=stdin)
    assert (done.status, done.err) == (0, "")
    assert ">" not in done.text


def test_until_change_next_previous_and_why() -> None:
    done = debug("until-change", "why", "next", "previous 2", "finish", "packet", "next 1000")
    assert done.status == 1
    number = int(re.findall(r"^packet (\d+) is accepted: \d+ bytes; before it was rejected$", done.text, re.M)[0])
    expected = cbpf("why", "-r", HTTP, "-n", str(number), EXPRESSION).lines[0]
    assert expected in done.lines
    assert f"packet:  {number + 1}, " in done.text
    assert f"packet:  {number - 1}, " in done.text
    assert "^^" in done.text


def test_breakpoints() -> None:
    done = debug("br", "br 2", "br packet 9", "br clause udp port 53", "br", "run", "run", "br reset", "br", "run")
    assert done.status == 0
    assert done.lines[0] == "no breakpoints"
    assert "instruction (002) ldb [23]" in done.lines
    assert "clause udp port 53" in done.lines
    assert "packet 9" in done.lines
    assert done.lines.count("no breakpoints") == 2
    assert len(re.findall("^breakpoint: ", done.text, re.M)) == 2
    assert counts(done) == counts(debug("run"))


def test_another_expression_and_another_file() -> None:
    other = str(CAPTURES / "dns.pcap")
    done = debug("expression udp", "expression", f"load pcap {other}", "run", "why", "load bpf 1,6 0 0 9", "why")
    assert done.status == 0
    assert "udp" in done.lines
    assert counts(done) == [counts(debug("run", arguments=("-r", other, "udp")))[0]]
    assert done.lines[-1] == "packet 1 was accepted: 9 bytes"


def test_files_with_two_link_types(tmp_path: Path) -> None:
    matched = int(cbpf("filter", "-r", MIXED, "--count", "ip").text.split()[0])
    assert counts(debug("run", arguments=("-r", MIXED, "ip")))[0][0] == matched
    file = tmp_path / "raw.json"
    file.write_bytes(cbpf("compile", "--format", "json", "-y", "PPP", "ip").out)
    done = debug("where", "run", arguments=("-r", MIXED, "--program", file))
    assert done.status == 1
    assert "no program: the program is for PPP" in done.text


def test_damage_is_told_after_the_counts() -> None:
    done = debug("run", "run", arguments=("-r", DAMAGED, "ip"))
    assert done.status == 1
    assert len(set(counts(done))) == 1
    assert done.err.count(DAMAGED) == 2


def test_what_no_packet_can_match() -> None:
    done = debug("expression ip6 and tcp[13] = 2", "run")
    assert "no packet can match this expression" in done.text
    assert counts(done) == [(0, len(packets(HTTP)))]


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["-r", "-"], 2, "standard input gives the commands"),
        (["--program", "-"], 2, "standard input gives the commands"),
        (["-F", "-"], 2, "standard input gives the commands"),
        (["--program", "x", "ip"], 2, "use one"),
        (["-r", "/nowhere"], 1, "/nowhere: cannot open"),
        (["--program", "/nowhere"], 1, "/nowhere: cannot read"),
        (["-r", HTTP, "tcp port"], 2, "tcp port"),
        (["-y", "nonsense"], 2, "unknown link type"),
    ],
)
def test_bad_usage(arguments: list[str], status: int, complaint: str) -> None:
    done = cbpf("debug", *arguments, stdin="help\n")
    assert (done.status, done.out) == (status, b"")
    assert complaint in done.err


def test_link_types() -> None:
    assert debug("dis", arguments=("-y", "RAW", "ip")).text == cbpf("compile", "-d", "-y", "RAW", "ip").text
    assert "packet:  1, RAW, " in debug("where", arguments=("-y", "RAW", "-r", HTTP, "ip")).text


def test_a_savefile_from_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    file = large(tmp_path / "large.pcap")
    with subprocess.Popen(["cp", file, pipe]) as writer:
        done = process("debug", "-r", pipe, "tcp", stdin=b"select 20000\nprevious 5\nselect 1\nrun 3\n")
        writer.kill()
    assert done.status == 1
    assert "packet:  19995, " in done.text
    assert "cannot be read twice" in done.err


def test_many_steps_in_a_large_file(tmp_path: Path) -> None:
    file = large(tmp_path / "large.pcap")
    done = process("debug", "-r", file, EXPRESSION, stdin=b"step 60000\nstep -60000\nrun\nselect 30001\nstep\n")
    shown = [line for line in done.lines if line.startswith("packet:")]
    assert shown[1].startswith("packet:  1, ")
    assert shown[1].endswith(" 0 executed")
    assert shown[2].startswith("packet:  30001, ")
    assert counts(done)[0] == tuple(1000 * each for each in counts(debug("run"))[0])


def test_many_commands() -> None:
    load = b"load bpf 2,5 0 0 4294967295,6 0 0 0\n"
    done = process("debug", "-r", HTTP, stdin=load + b"step\n" * 20_000)
    assert done.status == 0
    assert done.text.count(" executed\n") == 20_000
    assert "\npacket:  1, EN10MB, 42 bytes, 20000 executed\n" in done.text


def test_at_a_terminal() -> None:
    """A prompt, completion, an interruption that ends only what is being done, and the end of input."""
    ours, theirs = pty.openpty()
    with start("debug", "--plain", "-r", HTTP, EXPRESSION, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        try:
            assert "0 executed" in until(ours, "> ")
            os.write(ours, b"nonsense\n")
            assert "there is no command 'nonsense'" in until(ours, "lists")
            os.write(ours, b"fin\t\n")
            until(ours, "verdict:")
            os.write(ours, b"load bpf 2,5 0 0 4294967295,6 0 0 0\n")
            until(ours, "2 instructions\r\n> ")
            os.write(ours, b"step 1000000\n")
            until(ours, "\n")
            time.sleep(0.2)  # let it begin; where it is interrupted does not matter
            running.send_signal(signal.SIGINT)
            until(ours, "\n> ")
            os.write(ours, b"registers\n")
            until(ours, "M[15]:")
            os.write(ours, b"next\n")
            until(ours, "packet:  2, ")
            until(ours, "\n> ")
            os.write(ours, b"\x04")
            assert running.wait(timeout=20) == 0
        finally:
            running.kill()
            os.close(ours)


def until(terminal: int, part: str) -> str:
    """What is written up to a part of it."""
    end, text = time.monotonic() + 20, ""
    while part not in text:
        assert time.monotonic() < end, text
        if select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 1).decode()
    return text


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from cbpf.cli.application import run\n"
        f"run(['debug', '-r', {HTTP!r}, 'tcp port 80'])\n"
        "heavy = {'scapy', 'llvmlite', 'zstandard', 'lz4', 'json', 'dpkt', 'asyncio', 'readline'}\n"
        "print(*sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        input="run\nbreak 1\nrun\nwhy\npacket\n",
    )
    assert done.stdout.splitlines()[-1] == ""

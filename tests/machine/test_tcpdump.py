from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbpf.errors import ProgramError
from cbpf.machine import Instruction, Program, disassemble
from cbpf.machine.numeric import read_decimal, write_c
from cbpf.machine.tcpdump import read_text, write_text
from tests.oracles import libpcap_image, needs_libpcap, needs_tcpdump, tcpdump
from tests.programs import THOROUGH, canonical, instructions, valid_programs

EXPRESSIONS = [
    ("EN10MB", "tcp port 443 or udp portrange 1000-2000"),
    ("EN10MB", "ip[0:4] * len + ether[6:2] << 2 >> 1 > 5 ^ len % 4 / 2"),
    ("EN10MB", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and not src net 192.168.0.0/16"),
    ("EN10MB", "ip6 protochain 6"),
    ("EN10MB", "ip protochain 6"),
    ("EN10MB", "vlan 5 and mpls and host 1.2.3.4"),
    ("EN10MB", "pppoes and ip6 host 2001:db8::1"),
    ("EN10MB", "5 = -ip[0] and less 100"),
    ("RAW", "icmp or icmp6"),
    ("LINUX_SLL", "inbound and arp"),
    ("LINUX_SLL2", "ifindex 3 and tcp"),
    ("IEEE802_11_RADIO", "type mgt subtype beacon"),
    ("IEEE802_11", "wlan host 00:11:22:33:44:55"),
    ("PPP", "ip and udp dst port 53"),
    ("NULL", "ip6"),
    ("ATM_RFC1483", "ip"),
    ("PFLOG", "action pass"),
    ("MTP2", "sio 3"),
]


@needs_tcpdump
@pytest.mark.parametrize("options", [[], ["-O"]], ids=["optimized", "plain"])
@pytest.mark.parametrize(("linktype", "expression"), EXPRESSIONS)
def test_listings_are_tcpdumps_byte_for_byte(linktype: str, expression: str, options: list[str]) -> None:
    program = read_decimal(tcpdump("-y", linktype, *options, "-ddd", expression))
    listing = tcpdump("-y", linktype, *options, "-d", expression)
    assert write_text(program) == listing
    assert write_c(program) == tcpdump("-y", linktype, *options, "-dd", expression)
    assert read_text(listing) == canonical(program)


@needs_libpcap
@given(instructions, st.sampled_from([0, 9, 10, 254, 255, 999, 1000]))
@THOROUGH
def test_every_instruction_is_written_as_libpcap_does(instruction: Instruction, index: int) -> None:
    program = Program([(6, 0, 0, 0)] * index + [instruction])
    assert write_text(program).splitlines()[index] == libpcap_image(instruction, index)


@needs_libpcap
@pytest.mark.parametrize("number", range(68))
@pytest.mark.parametrize("code", [0x20, 0x28, 0x30, 0x40])
def test_ancillary_loads_are_written_as_libpcap_does(code: int, number: int) -> None:
    instruction = Instruction(code, 0, 0, 0xFFFFF000 + number)
    assert write_text(Program([instruction])) == libpcap_image(instruction, 0) + "\n"
    assert read_text(write_text(Program([instruction])))[0] == instruction


@given(valid_programs)
@THOROUGH
def test_what_is_written_can_be_read(program: Program) -> None:
    assert read_text(write_text(program)) == canonical(program)


@given(st.lists(instructions, min_size=1, max_size=5))
def test_even_nonsense_that_is_written_can_be_read(rows: list[Instruction]) -> None:
    listing = write_text(Program(rows))
    assert write_text(read_text(listing)) == listing


def test_the_one_valid_instruction_without_a_line() -> None:
    listing = write_text(Program([(0x81, 0, 0, 0), (0x16, 0, 0, 0)]))
    assert listing == "(000) unimp    0x81\n(001) ret      \n"
    assert disassemble(read_text(listing)) == "ldx len\nret a\n"


def test_lost_spaces_and_blank_lines_do_no_harm() -> None:
    text = "\n  (000) ldh [12]\n(001) jeq #0x800 jt 2 jf 3\n\n(002) ret #-1  \n(003) ret\n"
    assert list(read_text(text)) == [(0x28, 0, 0, 12), (0x15, 0, 1, 0x800), (6, 0, 0, 0xFFFFFFFF), (0x16, 0, 0, 0)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("(000) ret #0\n(002) ret #0", 2, r"expected instruction \(001\)"),
        ("(000) ret #0\nhello", 2, r"expected instruction \(001\), found 'hello'"),
        ("(000) foo #0", 1, "there is no instruction 'foo' with #k"),
        ("(000) ldh", 1, "there is no instruction 'ldh' with nothing"),
        ("(000) ", 1, "expected an instruction"),
        ("(000) ret #0 1", 1, "expected the end of the line, found '1'"),
        ("(000) jeq #0 jf 1", 1, "expected 'jt', found 'jf'"),
        ("(000) jeq #0 jt 1", 1, "expected 'jf', found the end"),
        ("(000) jeq #0 jt 0 jf 1", 1, "a jump from 0 reaches 1 to 256 only"),
        ("(000) jeq #0 jt 1 jf 257", 1, "a jump from 0 reaches 1 to 256 only"),
        ("(000) ja x", 1, "expected an instruction's number"),
        ("(000) unimp", 1, "expected an opcode"),
    ],
)
def test_errors_say_where_and_what_was_expected(text: str, line: int, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        read_text(text)
    assert caught.value.line == line

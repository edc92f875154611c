from __future__ import annotations

import pytest

from cbpf.engine import Semantics
from cbpf.machine.opcodes import Ancillary
from tests.engine.running import verdict

PACKET = bytes(range(0x81, 0x91))
BOTH: list[Semantics] = ["libpcap", "linux"]


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ld [0]", 0x81828384),
        ("ldh [0]", 0x8182),
        ("ldb [0]", 0x81),
        ("ld [12]", 0x8D8E8F90),
        ("ldh [14]", 0x8F90),
        ("ldb [15]", 0x90),
        ("ldx #3\n ld [x + 2]", 0x86878889),
        ("ldx #3\n ldh [x + 2]", 0x8687),
        ("ldx #3\n ldb [x + 2]", 0x86),
        ("ldx #12\n ld [x + 0]", 0x8D8E8F90),
        ("ldx 4*([14]&0xf)\n txa", 0x3C),
        ("ld #0xffffffff", 0xFFFFFFFF),
        ("ldx #0xffffffff\n txa", 0xFFFFFFFF),
        ("ld len", 99),
        ("ldx len\n txa", 99),
    ],
)
def test_loads(text: str, value: int, semantics: Semantics) -> None:
    assert verdict(text + "\n ret a", PACKET, 99, semantics=semantics) == value


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize(
    "text",
    [
        "ld [13]",
        "ldh [15]",
        "ldb [16]",
        "ldb [0x7fffffff]",
        "ldb [0x80000000]",
        "ldx 4*([16]&0xf)",
        "ldx #12\n ld [x + 1]",
        "ldx #14\n ldh [x + 1]",
        "ldx #15\n ldb [x + 1]",
        "ldx #0x80000000\n ldb [x + 0]",
    ],
)
def test_loads_out_of_range_reject_the_packet(text: str, semantics: Semantics) -> None:
    assert verdict(text + "\n ret #1", PACKET, 99, semantics=semantics) == 0


def test_an_empty_packet_has_a_length_but_no_bytes() -> None:
    assert verdict("ldb [0]\n ret #1", b"") == 0
    assert verdict("ld len\n ret a", b"") == 0
    assert verdict("ld len\n ret a", b"", 60) == 60


def test_the_length_is_that_on_the_wire_modulo_32_bits() -> None:
    assert verdict("ld len\n ret a", PACKET) == 16
    assert verdict("ldx len\n txa\n ret a", PACKET, (1 << 32) + 5) == 5


@pytest.mark.parametrize("text", ["ldx #-1\n ldb [x + 1]", "ldx #1\n ldb [x + 0xffffffff]"])
def test_indirect_offsets_wrap_on_linux_only(text: str) -> None:
    assert verdict(text + "\n ret a", PACKET, semantics="linux") == 0x81
    assert verdict(text + "\n ret a", PACKET, semantics="libpcap") == 0


@pytest.mark.parametrize("base", [0xFFF00000, 0xFFE00000])
@pytest.mark.parametrize("text", ["ldb [{}]", "ldx #{}\n ldb [x + 0]", "ldx 4*([{}]&0xf)\n txa\n rsh #2\n or #0x80"])
def test_offsets_from_a_header_count_from_the_start_on_linux(base: int, text: str) -> None:
    load = text.format(base + 2) + "\n ret a"
    assert verdict(load, PACKET, semantics="linux") == 0x83
    assert verdict(load, PACKET, semantics="libpcap") == 0
    assert verdict(text.format(base + 16) + "\n ret #1", PACKET, semantics="linux") == 0


@pytest.mark.parametrize("mnemonic", ["ld", "ldh", "ldb"])
@pytest.mark.parametrize("number", sorted(set(Ancillary) - {Ancillary.ALU_XOR_X}))
def test_ancillary_loads_give_what_they_are_given(number: Ancillary, mnemonic: str) -> None:
    text = f"{mnemonic} {number.name.lower()}\n add #1\n ret a"
    assert verdict(text, PACKET, semantics="linux", ancillary={number: 0x12345678}) == 0x12345679
    absent = 0 if number in {Ancillary.IFIDX, Ancillary.HATYPE} else 1
    assert verdict(text, PACKET, semantics="linux") == absent
    assert verdict(text, PACKET, semantics="libpcap", ancillary={number: 0x12345678}) == 0


def test_the_nameless_ancillary_load_is_an_operation() -> None:
    text = "ld #0xff00\n ldx #0x0ff0\n ldb xor_x\n ret a"
    assert verdict(text, PACKET, semantics="linux") == 0xF0F0
    assert verdict(text, PACKET, semantics="libpcap") == 0

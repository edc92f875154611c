from __future__ import annotations

import pytest

from cbpf.errors import ProgramError
from cbpf.machine import Instruction, assemble

TAIL = "\nL1: ret #0\nL2: ret #1\n"


# One instruction a line, in the order of the table in the kernel's filter.rst; then what it encodes to.
@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("ld [4]", (0x20, 0, 0, 4)),
        ("ld [x + 4]", (0x40, 0, 0, 4)),
        ("ld [%x+4]", (0x40, 0, 0, 4)),
        ("ld M[3]", (0x60, 0, 0, 3)),
        ("ld #4", (0x00, 0, 0, 4)),
        ("ld len", (0x80, 0, 0, 0)),
        ("ld #len", (0x80, 0, 0, 0)),
        ("ld #pktlen", (0x80, 0, 0, 0)),
        ("ldi 4", (0x00, 0, 0, 4)),
        ("ldi #4", (0x00, 0, 0, 4)),
        ("ldh [12]", (0x28, 0, 0, 12)),
        ("ldh [x+12]", (0x48, 0, 0, 12)),
        ("ldb [12]", (0x30, 0, 0, 12)),
        ("ldb [x+12]", (0x50, 0, 0, 12)),
        ("ldx M[15]", (0x61, 0, 0, 15)),
        ("ldx #1", (0x01, 0, 0, 1)),
        ("ldx len", (0x81, 0, 0, 0)),
        ("ldx #len", (0x81, 0, 0, 0)),
        ("ldx 4*([14]&0xf)", (0xB1, 0, 0, 14)),
        ("ldxi 1", (0x01, 0, 0, 1)),
        ("ldxb 4 * ( [ 0xe ] & 15 )", (0xB1, 0, 0, 14)),
        ("st M[0]", (0x02, 0, 0, 0)),
        ("stx M[1]", (0x03, 0, 0, 1)),
        ("jmp L2", (0x05, 0, 0, 1)),
        ("ja L2", (0x05, 0, 0, 1)),
        ("jeq #5, L1, L2", (0x15, 0, 1, 5)),
        ("jeq #5, L2", (0x15, 1, 0, 5)),
        ("jeq x, L2, L1", (0x1D, 1, 0, 0)),
        ("jeq %x, L2", (0x1D, 1, 0, 0)),
        ("jneq #5, L2", (0x15, 0, 1, 5)),
        ("jne #5, L2", (0x15, 0, 1, 5)),
        ("jne x, L2", (0x1D, 0, 1, 0)),
        ("jne #5, L2, L1", (0x15, 0, 1, 5)),
        ("jlt #5, L2", (0x35, 0, 1, 5)),
        ("jlt x, L2", (0x3D, 0, 1, 0)),
        ("jle #5, L2", (0x25, 0, 1, 5)),
        ("jle x, L2", (0x2D, 0, 1, 0)),
        ("jgt #5, L2", (0x25, 1, 0, 5)),
        ("jgt x, L1, L2", (0x2D, 0, 1, 0)),
        ("jge #5, L2", (0x35, 1, 0, 5)),
        ("jge x, L2", (0x3D, 1, 0, 0)),
        ("jset #5, L2", (0x45, 1, 0, 5)),
        ("jset x, L2", (0x4D, 1, 0, 0)),
        ("add #1", (0x04, 0, 0, 1)),
        ("add x", (0x0C, 0, 0, 0)),
        ("sub #1", (0x14, 0, 0, 1)),
        ("sub %x", (0x1C, 0, 0, 0)),
        ("mul #1", (0x24, 0, 0, 1)),
        ("mul x", (0x2C, 0, 0, 0)),
        ("div #1", (0x34, 0, 0, 1)),
        ("div x", (0x3C, 0, 0, 0)),
        ("mod #1", (0x94, 0, 0, 1)),
        ("mod x", (0x9C, 0, 0, 0)),
        ("neg", (0x84, 0, 0, 0)),
        ("and #1", (0x54, 0, 0, 1)),
        ("and x", (0x5C, 0, 0, 0)),
        ("or #1", (0x44, 0, 0, 1)),
        ("or x", (0x4C, 0, 0, 0)),
        ("xor #1", (0xA4, 0, 0, 1)),
        ("xor x", (0xAC, 0, 0, 0)),
        ("lsh #1", (0x64, 0, 0, 1)),
        ("lsh x", (0x6C, 0, 0, 0)),
        ("rsh #1", (0x74, 0, 0, 1)),
        ("rsh x", (0x7C, 0, 0, 0)),
        ("tax", (0x07, 0, 0, 0)),
        ("txa", (0x87, 0, 0, 0)),
        ("ret #-1", (0x06, 0, 0, 0xFFFFFFFF)),
        ("ret a", (0x16, 0, 0, 0)),
        ("ret %a", (0x16, 0, 0, 0)),
        ("ret x", (0x0E, 0, 0, 0)),
    ],
)
def test_every_instruction(text: str, fields: tuple[int, int, int, int]) -> None:
    assert assemble(text + TAIL)[0] == Instruction(*fields)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("proto", 0),
        ("type", 4),
        ("ifidx", 8),
        ("nla", 12),
        ("nlan", 16),
        ("mark", 20),
        ("queue", 24),
        ("hatype", 28),
        ("rxhash", 32),
        ("cpu", 36),
        ("xor_x", 40),
        ("vlan_tci", 44),
        ("vlan_avail", 48),
        ("vlan_pr", 48),
        ("poff", 52),
        ("rand", 56),
        ("vlan_tpid", 60),
    ],
)
def test_every_extension(name: str, number: int) -> None:
    for text, code in ((f"ld {name}", 0x20), (f"ld #{name}", 0x20), (f"ldh {name}", 0x28), (f"ldb #{name}", 0x30)):
        assert assemble(text + TAIL)[0] == Instruction(code, 0, 0, 0xFFFFF000 + number)


@pytest.mark.parametrize(
    ("number", "value"),
    [("255", 255), ("0xfF", 255), ("0377", 255), ("0b11", 3), ("0", 0), ("-2", 0xFFFFFFFE), ("4294967295", 0xFFFFFFFF)],
)
def test_numbers_in_every_base(number: str, value: int) -> None:
    assert assemble(f"ret #{number}")[0].k == value


def test_comments_and_line_ends_do_not_matter() -> None:
    text = """# starts a line
    ; stands anywhere
    ldh [12] /* even over
    two lines */ jeq #0x800, keep, /* here */
      drop
    keep: ret #-1 ; keep it
      # a comment too
    drop:
    ret
    #0
    """
    with pytest.raises(ProgramError, match="line 11"):
        # The one catch, as in bpf_asm: '#' at the start of a line is a comment even where an operand is due.
        assemble(text)
    program = assemble(text.replace("ret\n", "ret"))
    assert list(program) == [(0x28, 0, 0, 12), (0x15, 0, 1, 0x800), (6, 0, 0, 0xFFFFFFFF), (6, 0, 0, 0)]


def test_what_is_known_of_the_source_is_kept() -> None:
    program = assemble("ret #0", linktype=1, snaplen=96, expression="less 0")
    assert (program.linktype, program.snaplen, program.expression) == (1, 96, "less 0")


def test_an_unconditional_jump_may_go_back() -> None:
    assert assemble("again: ja again\n ret #0")[0] == Instruction(5, 0, 0, 0xFFFFFFFF)


def test_a_conditional_jump_reaches_255_instructions() -> None:
    def text(skipped: int) -> str:
        return "ldh [12]\njeq #1, far\n" + "tax\n" * skipped + "far: ret #0"

    assert assemble(text(255))[1].jt == 255
    with pytest.raises(ProgramError, match=r"line 2: label 'far' is 256 instructions on"):
        assemble(text(256))
    assert assemble(text(256).replace("jeq #1,", "ja"))[1].k == 256


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "expected an instruction, found the end"),
        ("; nothing\n\n", 3, "expected an instruction, found the end"),
        ("ret #0\nfoo", 2, "there is no instruction 'foo'"),
        ("12", 1, "expected an instruction or a label, found '12'"),
        ("\nldh", 2, r"expected \[k\] or \[x\+k\], found the end"),
        ("ldb #5", 1, r"ldb takes \[k\] or \[x\+k\], not #k"),
        ("ld 5", 1, "expected .*, found '5'"),
        ("ld #foo", 1, "expected a number or the name of an extension, found 'foo'"),
        ("ld [foo]", 1, r"expected an offset, or x \+ an offset, found 'foo'"),
        ("ld [5\nret #0", 2, r"expected '\]', found 'ret'"),
        ("ld [x 5]", 1, r"expected '\+', found '5'"),
        ("ld M[x]", 1, "expected the number of a scratch cell, found 'x'"),
        ("ldx 5*([1]&0xf)", 1, r"expected the 4 of 4\*\(\[k\]&0xf\), found '5'"),
        ("ldx 4*([1]&7)", 1, r"expected the 15 of 4\*\(\[k\]&0xf\), found '7'"),
        ("ldxb [1]", 1, r"ldxb takes 4\*\(\[k\]&0xf\), not \[k\]"),
        ("ret #08", 1, "'08' is not a number"),
        ("ret #0xg", 1, "'0xg' is not a number"),
        ("ret #4294967296", 1, "does not fit"),
        ("ret #-2147483649", 1, "does not fit"),
        ("ret $1", 1, r"'\$' has no meaning"),
        ("ld /* endless", 1, "'/' has no meaning"),
        ("jeq #1 drop", 1, "expected ',', found 'drop'"),
        ("jeq #1, 5", 1, "expected a label, found '5'"),
        ("jeq len, a", 1, "jeq takes #k or x, not len"),
        ("ja 5", 1, "expected a label, found '5'"),
        ("\njeq #1, drop\nret #0", 2, "there is no label 'drop'"),
        ("a: ret #0\na: ret #0", 2, "label 'a' is already taken"),
        ("a: a: ret #0", 1, "label 'a' is already taken"),
        ("ret #0\na:\n", 3, "no instruction follows label 'a'"),
        ("a: tax\njeq #1, a\nret #0", 2, "label 'a' is behind"),
    ],
)
def test_errors_say_where_and_what_was_expected(text: str, line: int, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        assemble(text)
    assert caught.value.line == line

from __future__ import annotations

import pytest

from cbpf.engine import Semantics
from cbpf.machine import Program
from tests.engine.running import verdict

BOTH: list[Semantics] = ["libpcap", "linux"]


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize(
    ("a", "operation", "value", "result"),
    [
        (5, "add", 7, 12),
        (0xFFFFFFFF, "add", 2, 1),
        (5, "sub", 7, 0xFFFFFFFE),
        (7, "sub", 7, 0),
        (6, "mul", 7, 42),
        (0x10001, "mul", 0x10001, 0x20001),
        (0xFFFFFFFF, "mul", 0xFFFFFFFF, 1),
        (43, "div", 7, 6),
        (0xFFFFFFFF, "div", 2, 0x7FFFFFFF),
        (0x80000000, "div", 0xFFFFFFFF, 0),
        (43, "mod", 7, 1),
        (0xFFFFFFFF, "mod", 0x80000000, 0x7FFFFFFF),
        (0xF0F0, "and", 0x0FF0, 0x00F0),
        (0xF0F0, "or", 0x0FF0, 0xFFF0),
        (0xF0F0, "xor", 0x0FF0, 0xFF00),
        (1, "lsh", 31, 0x80000000),
        (3, "lsh", 31, 0x80000000),
        (0x80000000, "rsh", 31, 1),
        (7, "rsh", 0, 7),
    ],
)
def test_operations_on_32_bits(a: int, operation: str, value: int, result: int, semantics: Semantics) -> None:
    assert verdict(f"ld #{a}\n {operation} #{value}\n ret a", semantics=semantics) == result
    assert verdict(f"ld #{a}\n ldx #{value}\n {operation} x\n ret a", semantics=semantics) == result


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize(("a", "result"), [(0, 0), (1, 0xFFFFFFFF), (0x80000000, 0x80000000), (0xFFFFFFFF, 1)])
def test_negation(a: int, result: int, semantics: Semantics) -> None:
    assert verdict(f"ld #{a}\n neg\n ret a", semantics=semantics) == result


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize("operation", ["div", "mod"])
def test_dividing_by_zero_rejects_the_packet(operation: str, semantics: Semantics) -> None:
    assert verdict(f"ld #5\n ldx #0\n {operation} x\n ret #1", semantics=semantics) == 0


@pytest.mark.parametrize(
    ("operation", "count", "libpcap", "linux"),
    [
        ("lsh", 32, 0, 5),
        ("lsh", 33, 0, 10),
        ("lsh", 0xFFFFFFFF, 0, 0x80000000),
        ("rsh", 32, 0, 5),
        ("rsh", 33, 0, 2),
        ("rsh", 0xFFFFFFFF, 0, 0),
    ],
)
def test_shifts_by_32_bits_and_more(operation: str, count: int, libpcap: int, linux: int) -> None:
    text = f"ld #5\n ldx #{count}\n {operation} x\n ret a"
    assert verdict(text, semantics="libpcap") == libpcap
    assert verdict(text, semantics="linux") == linux


@pytest.mark.parametrize("code", [0x64, 0x74])
@pytest.mark.parametrize("count", [32, 0xFFFFFFFF])
def test_libpcap_lets_constants_shift_everything_out(code: int, count: int) -> None:
    assert verdict(Program([(0x00, 0, 0, 5), (code, 0, 0, count), (0x16, 0, 0, 0)])) == 0

"""Kernels mean the same to Python and to LLVM: everything that a kernel may say, on numbers of all sizes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbpf.engine.kernel import (
    DECLARATIONS,
    Buffer,
    bound,
    compiled,
    copy,
    load8,
    load16,
    load32,
    load64,
    lowest_bit,
    store32,
    store64,
    swap16,
    swap32,
)
from cbpf.engine.llvm import MachineCode

pytest.importorskip("llvmlite")

LIMIT = 1000
GIVEN = 1  # another number when it is compiled


def arithmetic(a: int, b: int) -> int:
    small = a & 0xFFFF
    result = small + b % 1000 * 3 - 1 if small > 0 else b // (small + 1)
    result ^= a | b & 0xFF
    result += (b & 31) << 3
    return result >> 1


def conditions(a: int, b: int) -> int:
    result = 0
    if (a < b and not (a == 5 or a == 6)) or b >= 1 << 40:  # noqa: PLR1714 (kernels may say so)
        result += 1
    elif a in (5, 6, LIMIT) and b not in (1, 2):
        result += 10
    else:
        result += 100
    if a > b or (a <= 7 and b != 3):
        result += 1000
    return result + (1 if a == b else 0) + (a > 3)


def loops(a: int, b: int) -> int:
    total = 0
    count = 0
    while True:
        count += 1
        if count > 20:
            break
        if count % 3 == a % 3:
            continue
        inner = 0
        while inner < b % 5:
            inner += 1
            total += inner * count
    return total


def constants(a: int, b: int) -> int:
    if GIVEN:
        return a & 0xFF
    if GIVEN == 0 and LIMIT > 5:
        return helper(b, a)
    return 0


def helper(a: int, b: int) -> int:
    """Kernels call kernels."""
    return a % 7 + b % 11 + GIVEN


KERNELS = (arithmetic, conditions, loops, constants)
_SIZES = st.one_of(st.integers(0, 12), st.integers(0, (1 << 62) - 1))


def _functions(kernels: tuple[Callable[..., int], ...], given: dict[str, int]) -> dict[str, Callable[..., int]]:
    code = MachineCode(DECLARATIONS + compiled(kernels, given))
    made: dict[str, Callable[..., int]] = {}
    for kernel in kernels:
        numbers = [ctypes.c_uint64] * kernel.__code__.co_argcount
        made[kernel.__name__] = ctypes.CFUNCTYPE(ctypes.c_uint64, *numbers)(code.address(kernel.__name__))
    made["keep"] = lambda: id(code)
    return made


@pytest.mark.parametrize("given_number", [0, 1])
def test_numbers(given_number: int) -> None:
    functions = _functions(KERNELS, {"GIVEN": given_number})
    references = {kernel.__name__: bound(kernel, {"GIVEN": given_number}) for kernel in KERNELS}

    @settings(max_examples=500, deadline=None)
    @given(_SIZES, _SIZES)
    def check(a: int, b: int) -> None:
        for name, reference in references.items():
            assert functions[name](a, b) == reference(a, b), name

    check()


def memory(source: Buffer, target: Buffer, at: int) -> int:
    value = load8(source, at) + load16(source, at + 1) * 3 + load32(source, at + 3) * 5
    store32(target, 0, value)
    store64(target, 4, load64(source, at))
    store32(target, 12, swap16(load16(source, at)))
    store32(target, 16, swap32(load32(source, at)))
    copy(target, 20, source, at, 9)
    copy(target, 22, target, 20, 9)  # to where it comes from
    return lowest_bit(load64(source, at) | 1 << 63)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=40, max_size=40), st.integers(0, 30))
def test_memory(content: bytes, at: int) -> None:
    source, target, expected = bytearray(content), bytearray(40), bytearray(40)
    addresses = [ctypes.addressof((ctypes.c_char * 40).from_buffer(buffer)) for buffer in (source, target)]
    result = _MEMORY["memory"](*addresses, at)
    assert result == memory(source, expected, at)
    assert target == expected


_MEMORY = _functions((memory,), {})


def unsaid(a: int) -> int:
    return len(str(a))


def test_what_no_kernel_can_say() -> None:
    with pytest.raises(NotImplementedError, match="unsaid"):
        compiled([unsaid], {})

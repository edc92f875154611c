"""Machine code against the interpreter, the reference: the same verdicts on every program and packet."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import cbpf
from cbpf import Program, ProgramError
from cbpf.engine import PythonEngine, Semantics, engine, functions, llvm, native, run
from cbpf.engine.bytecode import ENDLESS, encoded, interpret
from cbpf.engine.interpreter import RULES
from cbpf.engine.kernel import bound
from cbpf.engine.llvm import MachineCode
from cbpf.engine.native import NativeEngine
from cbpf.machine import Rules, assemble, verify
from cbpf.machine import opcodes as op
from tests.compiler.compiling import optimized, plain
from tests.expressions import EXPRESSIONS, TUNNELS
from tests.linktypes import KNOWN, some_of
from tests.packets import packets as packets_of
from tests.programs import packets, valid_programs
from tests.shared import accepted

pytest.importorskip("llvmlite")

SEMANTICS: tuple[Semantics, ...] = ("libpcap", "linux")
_ROOT = Path(__file__).resolve().parents[2]

# All of many programs compiled at once, which takes hardly longer than one of them.
_ASK = """
define i64 @ask(i64 %which, i64 %packet, i64 %caplen, i64 %wirelen, i64 %readable) {
  %verdict = call i64 @judge(i64 %packet, i64 0, i64 %caplen, i64 %wirelen, i64 %readable, i64 %which, i64 0)
  ret i64 %verdict
}
"""


class Compiled:
    """The verdicts of programs in machine code."""

    def __init__(self, programs: list[Program], semantics: Semantics) -> None:
        text = native.judge([(program,) for program in programs], 0, semantics)
        self._code = MachineCode(text + _ASK)
        numbers = [ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64]
        self._ask = ctypes.CFUNCTYPE(ctypes.c_uint64, *numbers)(self._code.address("ask"))

    def __call__(self, which: int, packet: bytes, wirelen: int, behind: bytes = b"") -> int:
        """``behind`` is what is in memory behind the packet."""
        return int(self._ask(which, packet + behind, len(packet), wirelen, len(packet + behind)))


@pytest.fixture(params=["compiled", "interpreted"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long programs are interpreted by machine code: here, all are at times."""
    if request.param == "interpreted":
        monkeypatch.setattr(functions, "MOST_COMPILED", 0)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("semantics", SEMANTICS)
def test_random_programs(semantics: Semantics) -> None:
    @hypothesis_settings(max_examples=25, deadline=None)
    @given(
        programs=st.lists(valid_programs, min_size=8, max_size=8),
        captured=st.lists(packets, min_size=6, max_size=6),
        more=st.integers(0, 9),
    )
    def check(programs: list[Program], captured: list[bytes], more: int) -> None:
        compiled = Compiled(programs, semantics)
        for which, program in enumerate(programs):
            for packet in captured:
                wirelen = len(packet) + more
                verdict = run(program, packet, wirelen, semantics=semantics)
                assert compiled(which, packet, wirelen) == verdict
                assert compiled(which, packet, wirelen, bytes(range(200))) == verdict

    check()


@pytest.mark.parametrize("semantics", SEMANTICS)
@given(program=valid_programs, packet=packets, more=st.integers(0, 9))
@hypothesis_settings(max_examples=300, deadline=None)
def test_the_kernel_that_interprets_in_python(semantics: Semantics, program: Program, packet: bytes, more: int) -> None:
    little = int(sys.byteorder == "little")
    kernel = bound(interpret, {"LINUX": int(semantics == "linux"), "LITTLE": little})
    wirelen = len(packet) + more
    verdict = kernel(encoded(program), packet, 0, len(packet), wirelen, bytearray(8 * op.SCRATCH_CELLS))
    assert verdict == run(program, packet, wirelen, semantics=semantics)


@pytest.mark.parametrize("linktype", some_of(KNOWN))
def test_filters(linktype: str) -> None:
    _check_filters(linktype)


@pytest.mark.parametrize("linktype", some_of(KNOWN))
def test_filters_that_are_interpreted(linktype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "MOST_COMPILED", 0)
    _check_filters(linktype)


def _check_filters(linktype: str) -> None:
    rows = [expression for where, expression in EXPRESSIONS + TUNNELS if where == linktype]
    programs = [plain(row, linktype) for row in rows]
    known = [row for row in accepted() if row.linktype == linktype]
    rows += [row.expression for row in known]
    programs += [optimized(row.expression, linktype, row.netmask) for row in known]
    if not programs:
        pytest.skip("no expressions")
    compiled = Compiled(programs, "libpcap")
    tried = packets_of(linktype, 3, 60)
    for which, program in enumerate(programs):
        reference = PythonEngine(program)
        for packet in tried:
            verdict = reference.run(packet)
            assert compiled(which, packet, len(packet)) == verdict, (rows[which], packet.hex())
            assert compiled(which, packet, len(packet), packet) == verdict, (rows[which], packet.hex())


def test_ancillary_loads_are_those_of_a_packet_that_met_no_device() -> None:
    names = ["proto", "type", "ifidx", "hatype", "rxhash", "cpu", "vlan_tci", "vlan_avail", "vlan_tpid", "rand"]
    programs = [assemble(f"ldx #5\n ld {name}\n add x\n ret a") for name in names]
    compiled = Compiled(programs, "linux")
    for which, program in enumerate(programs):
        assert compiled(which, bytes(20), 20) == run(program, bytes(20), semantics="linux"), names[which]


FAR = (0xFFFFFFFF, 0xFFFFFFF0, 0xFFF0000E, 0xFFEFFFFF, 0xFFE0000C, 0xFFE00000, 0x7FFFFFFF, 200, 14, 1, 0)


@pytest.mark.parametrize("semantics", SEMANTICS)
def test_loads_at_the_edges(semantics: Semantics) -> None:
    """Where offsets wrap around, mean a header, and where bytes are near or not, with more and less in memory."""
    programs = [
        Program([(op.LD | size | op.ABS, 0, 0, k), (op.RET | op.A, 0, 0, 0)])
        for size in (op.W, op.H, op.B)
        for k in (*FAR, *range(118, 134))
    ]
    programs += [
        Program(
            [
                (op.LD | op.H | op.ABS, 0, 0, 2),  # so that there are near bytes
                (op.LDX | op.W | op.IMM, 0, 0, x),
                (op.LD | size | op.IND, 0, 0, k),
                (op.RET | op.A, 0, 0, 0),
            ]
        )
        for size in (op.W, op.H, op.B)
        for x in FAR
        for k in FAR
    ]
    programs = [program for program in programs if _is_valid(program, semantics)]
    compiled = Compiled(programs, semantics)
    packet = bytes(number % 255 + 1 for number in range(134))
    for which, program in enumerate(programs):
        reference = PythonEngine(program, semantics=semantics)
        for caplen in (0, 3, 4, 5, 16, 117, 122, 123, 124, 125, 126, 127, 128, 129, 130, 134):
            for behind in (b"", bytes(1), bytes(130 - caplen if caplen < 130 else 4), bytes(200)):
                verdict = reference.run(packet[:caplen])
                assert compiled(which, packet[:caplen], caplen, behind) == verdict, (list(program), caplen, behind)


def _is_valid(program: Program, semantics: Semantics) -> bool:
    try:
        verify(program, RULES[semantics])
    except ProgramError:
        return False
    return True


def _counting(times: int) -> Program:
    """Goes round a loop so many times: five instructions each. Bytes at a fixed place are loaded before."""
    return Program(
        [
            (op.LD | op.B | op.ABS, 0, 0, 3),
            (op.LD | op.IMM, 0, 0, times),
            (op.JMP | op.JEQ, 2, 0, 0),
            (op.ALU | op.SUB, 0, 0, 1),
            (op.JMP | op.JA, 0, 0, (1 << 32) - 3),
            (op.RET | op.K, 0, 0, 7),
        ]
    )


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("times", [0, 1, 1000, 333_332, 333_333, 400_000])
def test_programs_that_jump_back(times: int) -> None:
    program = _counting(times)
    verify(program, Rules.LIBPCAP)
    compiled = Compiled([program], "libpcap")
    try:
        expected = run(program, bytes(8))
    except ProgramError:
        expected = ENDLESS
    assert compiled(0, bytes(8), 8) == expected
    if expected == ENDLESS:
        with pytest.raises(ProgramError, match="loops"):
            NativeEngine(program).run(bytes(8))
    else:
        assert NativeEngine(program).run(bytes(8)) == expected


def test_what_can_be_called_with_what() -> None:
    packet = bytes(12) + b"\x08\0" + bytes(20)
    match = NativeEngine(assemble("ldh [12]\n jne #0x800, no\n ld len\n ret a\n no: ret #0")).run
    assert match(packet) == match(bytearray(packet)) == match(memoryview(packet)) == len(packet)
    assert match(packet, 99) == match(packet, wirelen=99) == match(packet=packet, wirelen=99) == 99
    assert match(packet, None) == len(packet)
    assert match(packet, (1 << 32) + 5) == 5
    assert match(b"") == 0
    wrong: list[Callable[..., object]] = [
        match,
        lambda: match(5),  # type: ignore[arg-type]
        lambda: match(packet, 1, 2, 3),  # type: ignore[call-arg, arg-type]
        lambda: match(packet, length=1),  # type: ignore[call-arg]
    ]
    for call in wrong:
        with pytest.raises(TypeError):
            call()
    assert match(packet) == len(packet)


def test_arguments_are_given_back() -> None:
    """No reference is lost or kept: the counts are the same after many calls, and buffers can be resized."""
    match = NativeEngine(assemble("ld [0]\n ret a")).run
    packet, short, wirelen = bytes(range(64)), b"", 1 << 40
    before = [sys.getrefcount(each) for each in (packet, short, wirelen)]
    for _ in range(1000):
        match(packet, wirelen)
        match(short)
    assert [sys.getrefcount(each) for each in (packet, short, wirelen)] == before
    buffer = bytearray(packet)
    match(buffer)
    buffer.append(0)


def test_functions_outlive_what_made_them() -> None:
    matches = [cbpf.compile(f"port {port}").match for port in range(20)]
    assert [match(bytes(60)) for match in matches] == [0] * 20


def test_functions_are_given_up_with_the_garbage() -> None:
    """In cycles, the order in which things go is nobody's."""
    program = assemble("ld [0]\n ret a")
    gc.freeze()  # what is there already would take long to look through, again and again
    try:
        for _ in range(60):
            cycle: list[object] = [NativeEngine(program).run]
            cycle.append(cycle)
            del cycle
            gc.collect()
    finally:
        gc.unfreeze()


def test_many_threads() -> None:
    f = cbpf.compile("tcp port 80")
    hit = bytes(12) + b"\x08\0\x45" + bytes(8) + b"\6" + bytes(10) + b"\0\x50" + bytes(20)
    found: list[bool] = []

    def work() -> None:
        found.append(f.match_many([hit, bytes(60)] * 2000) == [262144, 0] * 2000)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8


def test_without_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    program = assemble("ldh [12]\n ret a")
    monkeypatch.setenv("CBPF_ENGINE", "interpreter")
    with pytest.warns(RuntimeWarning, match="CBPF_ENGINE"):
        assert isinstance(engine(program), PythonEngine)
    monkeypatch.delenv("CBPF_ENGINE")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(engine(program), NativeEngine)


def test_where_there_is_no_llvmlite() -> None:
    text = "import sys; sys.modules['llvmlite'] = None\nimport cbpf\nprint(cbpf.compile('ip').match(bytes(60)))"
    result = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=_ROOT)
    assert result.stdout == "0\n"
    assert result.stderr.count("llvmlite cannot be loaded") == 1


def test_where_llvm_itself_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with too little memory: llvmlite loads it when it is first used."""
    binding = pytest.importorskip("llvmlite.binding")

    def refused() -> None:
        raise OSError("failed to map segment")

    monkeypatch.setattr(binding, "initialize_native_target", refused)
    llvm._binding.cache_clear()
    with pytest.raises(llvm.NoNativeCode, match="cannot be loaded"):
        llvm.available()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects memory as Linux does")
@pytest.mark.parametrize("suite", ["programs", "savefiles", "surveys"])
def test_nothing_outside_the_buffers_is_touched(suite: str) -> None:
    """Behind the buffers is memory that nobody may touch: whoever does is killed."""
    command = [sys.executable, "-m", "tests.engine.guarded", suite]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT, env={**os.environ})
    assert (result.returncode, result.stderr) == (0, "")
    assert int(result.stdout) > 1000

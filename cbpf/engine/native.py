"""Machine code, by way of LLVM: the same verdicts as the interpreter's, in nanoseconds.

``NativeEngine`` is one program, compiled to be called from Python. ``judge`` is the function that decides about packets
in the scan over savefiles (``cbpf.capture.scan``), which has it compiled together with the loop over the records.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from cbpf.engine.bytecode import ENDLESS
from cbpf.engine.functions import definition, runtime
from cbpf.engine.interpreter import RULES, Semantics
from cbpf.engine.llvm import MachineCode, available
from cbpf.engine.meaning import WORD, Packet
from cbpf.engine.translator import PythonEngine, RunFunction
from cbpf.machine.program import Program
from cbpf.machine.verifier import verify


def judge(
    judges: Sequence[Sequence[Program]],
    words: int,
    semantics: Semantics = "libpcap",
    *,
    rest: bool = False,
    inverted: int | None = None,
) -> str:
    """The function ``judge`` of ``cbpf.capture.walk``: ``which`` of the ``judges`` decides about a packet.

    Each is one program, whose verdict is given, or if there are ``words`` a set of them, of which those that match set
    their bits. With ``rest`` the bit behind theirs is set if no other is. If ``inverted`` is not None, those packets
    match that a single program rejects, and so many bytes of them are kept. A packet for a judge that does not exist
    matches nothing.
    """
    numbers: dict[Program, int] = {}
    for program in (program for each in judges for program in each):
        numbers.setdefault(program, len(numbers))
    alone = all(len(each) == 1 for each in judges)  # several share what they load and test, if they jump
    functions = [
        definition(program, f"filter.{number}", semantics, straight=alone) for program, number in numbers.items()
    ]
    cases = [
        _set(which, each, words, numbers, rest=rest) if words else _single(which, each, numbers, inverted)
        for which, each in enumerate(judges)
    ]
    labels = " ".join(f"i64 {which}, label %judge.{which}" for which in range(len(judges)))
    return "\n".join(
        [
            runtime(numbers, semantics),
            *functions,
            "define internal i64 @judge(i64 %data, i64 %start, i64 %caplen, i64 %wirelen, i64 %readable, i64 %which, "
            "i64 %rows)",
            "alwaysinline {",
            "  %packet = add i64 %data, %start",
            f"  switch i64 %which, label %none [ {labels} ]",
            *(f"judge.{which}:\n{text}" for which, text in enumerate(cases)),
            "none:",
            "  ret i64 0",
            "}",
        ]
    )


def _single(which: int, programs: Sequence[Program], numbers: Mapping[Program, int], inverted: int | None) -> str:
    (program,) = programs
    name = f"%verdict.{which}"
    lines = [_asked(name, numbers[program])]
    if inverted is None:
        return "\n".join([*lines, f"  ret i64 {name}"])
    lines += [
        f"  {name}.n = icmp eq i64 {name}, 0",
        f"  {name}.l = icmp ugt i64 {name}, {WORD}",
        f"  {name}.k = select i1 {name}.l, i64 {name}, i64 0",
        f"  {name}.i = select i1 {name}.n, i64 {inverted}, i64 {name}.k",
        f"  ret i64 {name}.i",
    ]
    return "\n".join(lines)


def _set(which: int, programs: Sequence[Program], words: int, numbers: Mapping[Program, int], *, rest: bool) -> str:
    """Ask all programs, and only then store their bits: between stores, nothing is known to be loaded already."""
    lines: list[str] = []
    found, endless = ["0"] * words, "false"
    for bit, program in enumerate(programs):
        name = f"%set.{which}.{bit}"
        word, place = divmod(bit, 64)
        lines += [
            _asked(name, numbers[program]),
            f"  {name}.y = icmp ne i64 {name}, 0",
            f"  {name}.b = select i1 {name}.y, i64 {1 << place}, i64 0",
            f"  {name}.w = or i64 {found[word]}, {name}.b",
            f"  {name}.l = icmp ugt i64 {name}, {WORD}",
            f"  {name}.e = or i1 {endless}, {name}.l",
        ]
        found[word], endless = f"{name}.w", f"{name}.e"
    if rest:
        lines += _rest(which, len(programs), found)
    either = "0"
    for word, bits in enumerate(found):
        name = f"%set.{which}.word.{word}"
        lines += [
            f"  {name}.a = add i64 %rows, {8 * word}",
            f"  {name}.p = inttoptr i64 {name}.a to ptr",
            f"  store i64 {bits}, ptr {name}.p, align 1",
            f"  {name} = or i64 {either}, {bits}",
        ]
        either = name
    name = f"%set.{which}.any"
    lines += [
        f"  {name}.y = icmp ne i64 {either}, 0",
        f"  {name}.v = zext i1 {name}.y to i64",
        f"  {name} = select i1 {endless}, i64 {ENDLESS}, i64 {name}.v",
    ]
    return "\n".join([*lines, f"  ret i64 {name}"])


def _rest(which: int, number: int, found: list[str]) -> list[str]:
    """Set the bit of that number in what is ``found`` if no other is set."""
    name, lines, either = f"%set.{which}.rest", [], found[0]
    for word, bits in enumerate(found[1:], 1):
        lines.append(f"  {name}.{word} = or i64 {either}, {bits}")
        either = f"{name}.{word}"
    word, place = divmod(number, 64)
    lines += [
        f"  {name}.n = icmp eq i64 {either}, 0",
        f"  {name}.b = select i1 {name}.n, i64 {1 << place}, i64 0",
        f"  {name} = or i64 {found[word]}, {name}.b",
    ]
    found[word] = name
    return lines


def _asked(result: str, number: int) -> str:
    return f"  {result} = call i64 @filter.{number}(i64 %packet, i64 %caplen, i64 %wirelen, i64 %readable)"


class NativeEngine:
    """One program, made ready to run over many packets: ``run(packet, wirelen=None)``.

    Raises NoNativeCode where there is no LLVM, and ProgramError if the machine whose ``semantics`` these are would
    refuse the program. ``run`` raises ProgramError if the program does not end.
    """

    __slots__ = ("program", "run", "semantics")

    def __init__(self, program: Program, *, semantics: Semantics = "libpcap") -> None:
        available()
        verify(program, RULES[semantics])
        self.program: Final = program
        self.semantics: Final = semantics
        self.run: Final = _callable(program, semantics)


# CPython calls what this defines as it calls its own functions in C: `run(packet)` and `run(packet, wirelen)`, the
# latter a whole number, are answered here. All other calls, and those that end in an error, are handed to ``self``,
# which is a function in Python. The numbers are addresses of functions of CPython's stable interface, and of None.
_ENTRY: Final = """
define ptr @run(ptr %self, ptr %arguments, i64 %count, ptr %names) {{
  %view = alloca [20 x i64], align 16
  %named = icmp ne ptr %names, null
  %less = sub i64 %count, 1
  %many = icmp ugt i64 %less, 1
  %odd = or i1 %named, %many
  br i1 %odd, label %other, label %plain
plain:
  %packet = load ptr, ptr %arguments
  %buffer = inttoptr i64 {get_buffer} to ptr
  %failed = call i32 %buffer(ptr %packet, ptr %view, i32 0)
  %bad = icmp ne i32 %failed, 0
  br i1 %bad, label %error, label %taken
taken:
  %bytes = load i64, ptr %view
  %place = getelementptr i64, ptr %view, i64 2
  %caplen = load i64, ptr %place
  %alone = icmp eq i64 %count, 1
  br i1 %alone, label %ask, label %second
second:
  %slot = getelementptr ptr, ptr %arguments, i64 1
  %length = load ptr, ptr %slot
  %address = ptrtoint ptr %length to i64
  %none = icmp eq i64 %address, {none}
  br i1 %none, label %ask, label %number
number:
  %convert = inttoptr i64 {as_number} to ptr
  %given = call i64 %convert(ptr %length)
  %suspicious = icmp eq i64 %given, -1
  br i1 %suspicious, label %release, label %ask
ask:
  %wirelen = phi i64 [%caplen, %taken], [%caplen, %second], [%given, %number]
  %verdict = call i64 @filter(i64 %bytes, i64 %caplen, i64 %wirelen, i64 %caplen)
  %drop = inttoptr i64 {release_buffer} to ptr
  call void %drop(ptr %view)
  %endless = icmp ugt i64 %verdict, {largest}
  br i1 %endless, label %other, label %done
done:
  %make = inttoptr i64 {make_number} to ptr
  %result = tail call ptr %make(i64 %verdict)
  ret ptr %result
release:
  %drop2 = inttoptr i64 {release_buffer} to ptr
  call void %drop2(ptr %view)
  br label %error
error:
  %clear = inttoptr i64 {clear_error} to ptr
  call void %clear()
  br label %other
other:
  %call = inttoptr i64 {call_object} to ptr
  %answer = call ptr %call(ptr %self, ptr %arguments, i64 %count, ptr %names)
  ret ptr %answer
}}
"""

_METH_FASTCALL_KEYWORDS: Final = 0x0080 | 0x0002


class _MethodDefinition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


class _Python:
    """What ``run`` does in Python: calls of an unusual kind, and errors. It keeps the machine code in memory."""

    def __init__(self, program: Program, semantics: Semantics, code: MachineCode) -> None:
        self._program, self._semantics, self._code = program, semantics, code
        text = b"run(packet, wirelen=None)\n--\n\nThe verdict on a packet: how many of its bytes to keep."
        self.definition = _MethodDefinition(b"run", code.address("run"), _METH_FASTCALL_KEYWORDS, text)

    @cached_property
    def _engine(self) -> PythonEngine:
        return PythonEngine(self._program, semantics=self._semantics)

    def __call__(self, packet: Packet, wirelen: int | None = None) -> int:
        return self._engine.run(packet, wirelen)


def _callable(program: Program, semantics: Semantics) -> RunFunction:
    api = ctypes.pythonapi
    entry = _ENTRY.format(
        none=id(None),
        largest=WORD,
        get_buffer=_address(api.PyObject_GetBuffer),
        release_buffer=_address(api.PyBuffer_Release),
        as_number=_address(api.PyLong_AsUnsignedLongLongMask),
        make_number=_address(api.PyLong_FromUnsignedLongLong),
        clear_error=_address(api.PyErr_Clear),
        call_object=_address(api.PyObject_Vectorcall),
    )
    code = MachineCode("\n".join((runtime([program], semantics), definition(program, "filter", semantics), entry)))
    python = _Python(program, semantics, code)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    run: RunFunction = make(("PyCFunction_NewEx", api))(ctypes.addressof(python.definition), python, None)
    return run


def _address(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbpf.engine import PythonEngine, Semantics, run, translate
from cbpf.machine import Program, assemble
from cbpf.machine.opcodes import Ancillary
from tests.programs import THOROUGH, packets, valid_programs


def test_the_example_of_the_docstring() -> None:
    source = translate(assemble("ldh [12]\n jne #0x800, no\n ret #262144\n no: ret #0"))
    assert source == (
        """def run(packet, wirelen=None, ancillary=NO_ANCILLARY):
    A = X = 0
    at = 0
    try:
        while True:
            A = packet[12] << 8 | packet[12 + 1]
            if A != 2048:
                return 0
            return 262144
    except (IndexError, KeyError, ZeroDivisionError):
        return 0"""
    )


@pytest.mark.parametrize("semantics", ["libpcap", "linux"])
@given(program=valid_programs, captured=st.lists(packets, min_size=3, max_size=3), more=st.integers(0, 9))
@THOROUGH
def test_translations_agree_with_the_interpreter(
    semantics: Semantics, program: Program, captured: list[bytes], more: int
) -> None:
    engine = PythonEngine(program, semantics=semantics)
    for packet in captured:
        wirelen = len(packet) + more
        assert engine.run(packet, wirelen) == run(program, packet, wirelen, semantics=semantics)


# Python has limits on nesting, recursion and shifting that programs have not.
@pytest.mark.parametrize("semantics", ["libpcap", "linux"])
@pytest.mark.parametrize(
    "text",
    [
        "ldb [0]\n" + "".join(f"jeq #{i}, L{i}\n add #1\n L{i}: add #2\n" for i in range(1300)) + "ret a",
        "ldb [0]\n" + "".join(f"jgt #{i}, L{i}, no\n L{i}: add #3\n" for i in range(120)) + "ret a\n no: ret #1",
        "ldb [0]\n" + "".join(f"jset #{i}, A{i}, B{i}\n A{i}: add #3\n B{i}: tax\n" for i in range(200)) + "ret a",
        "ldb [0]\n ldx #31\n" + "lsh x\n mul x\n neg\n" * 1000 + "ret a",
    ],
)
def test_large_programs(text: str, semantics: Semantics) -> None:
    program = assemble(text)
    engine = PythonEngine(program, semantics=semantics)
    for first in (0, 1, 7, 200, 255):
        packet = bytes([first])
        assert engine.run(packet) == run(program, packet, semantics=semantics)


def test_true_branches_nested_deeper_than_python_allows() -> None:
    depth = 120
    text = "ldb [0]\n" + "".join(f"jgt #{i}, L{i}, N{i}\n L{i}:\n" for i in range(depth)) + "ret a\n"
    text += "".join(f"N{i}: add #1\n" for i in reversed(range(depth))) + "ret a"
    engine = PythonEngine(assemble(text))
    assert [engine.run(bytes([first])) for first in (0, 1, 50, 119, 120, 255)] == [1, 3, 101, 239, 120, 255]


def test_the_source_grows_no_faster_than_the_program() -> None:
    diamonds = "".join(f"jeq #{i}, L{i}\n add #1\n L{i}: add #2\n" for i in range(300))
    program = assemble(f"ldb [0]\n{diamonds} ret a")
    assert len(translate(program).splitlines()) < 5 * len(program)


def test_ancillary_data_may_change_with_every_packet() -> None:
    engine = PythonEngine(assemble("ld vlan_tci\n ret a"), semantics="linux")
    assert [engine.run(b"x", ancillary={Ancillary.VLAN_TCI: tag}) for tag in (5, 6)] == [5, 6]
    assert engine.run(b"x") == 0

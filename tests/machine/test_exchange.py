from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbpf.errors import ProgramError, Span
from cbpf.machine import Instruction, Program
from cbpf.machine.exchange import read_json, write_json
from tests.programs import instructions

spans = st.lists(st.builds(Span, st.integers(0, 99), st.integers(0, 99)), max_size=3).map(tuple)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    rows = draw(st.lists(instructions, max_size=5))
    return Program(
        rows,
        linktype=draw(st.none() | st.integers(0, 300)),
        snaplen=draw(st.integers(0, 262144)),
        spans=draw(st.lists(spans, min_size=len(rows), max_size=len(rows)) | st.just([])),
        expression=draw(st.none() | st.text()),
    )


@given(programs())
def test_everything_comes_back(program: Program) -> None:
    copy = read_json(write_json(program))
    assert copy == program
    assert (copy.linktype, copy.snaplen, copy.spans, copy.expression) == (
        program.linktype,
        program.snaplen,
        program.spans,
        program.expression,
    )


def test_the_form() -> None:
    program = Program([(6, 0, 0, 5)], linktype=1, snaplen=5, spans=[(Span(0, 2),)], expression="ip")
    text = write_json(program)
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "version": 1,
        "linktype": 1,
        "snaplen": 5,
        "expression": "ip",
        "instructions": [[6, 0, 0, 5]],
        "spans": [[[0, 2]]],
    }


def test_only_version_and_instructions_are_needed() -> None:
    program = read_json('{"version": 1, "instructions": [[6, 0, 0, 5]], "comment": "ignored"}')
    assert program[0] == Instruction(6, 0, 0, 5)
    assert (program.linktype, program.snaplen, program.spans, program.expression) == (None, 262144, (), None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version 2"),
        ({"version": None}, "'version' should be a number"),
        ({"version": True}, "'version' should be a number"),
        ({"linktype": "EN10MB"}, "'linktype' should be a number"),
        ({"snaplen": 1.5}, "'snaplen' should be a number"),
        ({"expression": 5}, "'expression' should be a text"),
        ({"instructions": {}}, "'instructions' should be a list"),
        ({"instructions": [[6, 0, 0]]}, r"expected a list of 4 numbers, found \[6, 0, 0\]"),
        ({"instructions": [[6, 0, 0, True]]}, "expected a list of 4 numbers"),
        ({"instructions": [[6, 0, 0, -1]]}, "instruction 0: k is -1"),
        ({"spans": [5]}, "expected a list of spans, found 5"),
        ({"spans": [[[1]]]}, "expected a list of 2 numbers"),
        ({"spans": [[], []]}, "1 instructions cannot have 2 sets of spans"),
    ],
)
def test_damaged_objects(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        read_json(json.dumps({"version": 1, "instructions": [[6, 0, 0, 5]]} | changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 1,\n}', "line 2: this is not JSON"),
        ('{"version": 1}', "'instructions' is missing"),
        ("[]", "not an object"),
        ('{"a":' + "[" * 100_000, "not a program's"),
        ('{"version": ' + "1" * 5000 + "}", "not a program's"),
    ],
)
def test_damaged_texts(text: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        read_json(text)

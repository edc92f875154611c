"""Programs as JSON: the one form that carries all a ``Program`` knows.

    {"version": 1, "linktype": 1, "snaplen": 262144, "expression": "ip",
     "instructions": [[40, 0, 0, 12], [21, 0, 1, 2048], [6, 0, 0, 262144], [6, 0, 0, 0]],
     "spans": [[[0, 2]], [[0, 2]], [[0, 2]], [[0, 2]]]}

``linktype`` and ``expression`` may be null and ``spans`` empty, or absent, like ``snaplen``. A span is the pair of
offsets, in characters, between which a part of the expression lies.
"""

from __future__ import annotations

from typing import Any, Final

from cbpf.errors import ProgramError, Span
from cbpf.machine.program import DEFAULT_SNAPLEN, Instruction, Program

_VERSION: Final = 1


def write_json(program: Program) -> str:
    """The program as one JSON object on one line."""
    import json  # here, since most commands never need it

    fields = {
        "version": _VERSION,
        "linktype": program.linktype,
        "snaplen": program.snaplen,
        "expression": program.expression,
        "instructions": program.instructions,
        "spans": program.spans,
    }
    return json.dumps(fields) + "\n"


def read_json(text: str) -> Program:
    """The program of a JSON object. Raises ProgramError for anything that is not of this module's form."""
    import json  # here, since most commands never need it

    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise ProgramError(f"this is not JSON: {error.msg}", line=error.lineno) from None
    except (RecursionError, ValueError):
        raise ProgramError("this JSON is not a program's") from None
    if type(fields) is not dict:
        raise ProgramError("this JSON is not an object")
    version = _field(fields, "version", int)
    if version != _VERSION:
        raise ProgramError(f"version {version} of the JSON form is unknown: this is version {_VERSION}")
    return Program(
        [Instruction(*_numbers(row, 4)) for row in _field(fields, "instructions", list)],
        linktype=_field(fields, "linktype", int, None),
        snaplen=_field(fields, "snaplen", int, DEFAULT_SNAPLEN),
        spans=[_spans(row) for row in _field(fields, "spans", list, [])],
        expression=_field(fields, "expression", str, None),
    )


_REQUIRED: Final = object()


def _field(fields: Any, name: str, kind: type, default: Any = _REQUIRED) -> Any:
    value = fields.get(name, default)
    # An exact type, since to isinstance true and false are integers.
    if type(value) is not kind and value is not default:
        raise ProgramError(f"'{name}' should be {_KINDS[kind]}")
    if value is _REQUIRED:
        raise ProgramError(f"'{name}' is missing")
    return value


_KINDS: Final = {int: "a number", str: "a text", list: "a list"}


def _numbers(row: Any, count: int) -> list[int]:
    if type(row) is not list or len(row) != count or any(type(number) is not int for number in row):
        raise ProgramError(f"expected a list of {count} numbers, found {row!r}")
    return row


def _spans(row: Any) -> tuple[Span, ...]:
    if type(row) is not list:
        raise ProgramError(f"expected a list of spans, found {row!r}")
    return tuple(Span(*_numbers(span, 2)) for span in row)

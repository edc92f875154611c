"""Answers as JSON."""

from __future__ import annotations


def json_line(value: object) -> str:
    """A value as JSON in one line; named tuples are objects, other tuples are lists."""
    import json

    return json.dumps(_plain(value)) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is not None:
            return {name: _plain(part) for name, part in zip(fields, value, strict=True)}
        return [_plain(part) for part in value]
    return value

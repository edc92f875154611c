"""The collection of expressions, packets and captures that may stand in a folder ``shared`` beside the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest

_FOLDER: Final = Path(__file__).resolve().parents[1].parent / "shared"
_CORPUS: Final = _FOLDER / "corpus"

CAPTURES: Final = sorted((_FOLDER / "captures").glob("*"))

needs_corpus = pytest.mark.skipif(not _CORPUS.is_dir(), reason="no collection of expressions beside the repository")
needs_sheets = pytest.mark.skipif(not (_FOLDER / "peers.md").exists(), reason="no sheets beside the repository")
needs_captures = pytest.mark.skipif(not CAPTURES, reason="no collection of captures beside the repository")


class Accepted(NamedTuple):
    """An expression that compiles. Those of one group are different ways to say the same."""

    group: str
    linktype: str
    snaplen: int
    netmask: str | None
    expression: str


class Refused(NamedTuple):
    """An expression that does not compile, and the value of the ``Reason`` why."""

    linktype: str
    expression: str
    reason: str


class Miscompiled(NamedTuple):
    """An expression some libpcap got wrong, on Ethernet; and the names of the packets that it matches."""

    meaning: str
    expression: str
    padding: int
    matches: frozenset[str]


def accepted() -> list[Accepted]:
    return [
        Accepted(group, linktype, int(snaplen), netmask or None, expression)
        for group, linktype, snaplen, netmask, expression in _rows("accepted.tsv")
    ]


def refused() -> list[Refused]:
    return [Refused(*row) for row in _rows("rejected.tsv")]


def miscompiled() -> list[Miscompiled]:
    return [
        Miscompiled(meaning, expression, 300 if packets == "padded300" else 0, frozenset(matches.split(",")) - {"-"})
        for _, _, expression, meaning, packets, matches, *_ in _rows("miscompiled.tsv")
    ]


def miscompiled_packets() -> dict[str, bytes]:
    lines = (_CORPUS / "miscompiled-packets.hex").read_text().splitlines()
    return {name: bytes.fromhex(octets) for name, octets in (line.split() for line in lines if line[0] != "#")}


def sheet(name: str) -> str:
    """The text of a sheet of facts about the language, the link types or other implementations."""
    return (_FOLDER / name).read_text()


def _rows(name: str) -> list[list[str]]:
    """The rows of a table below its first line; none if there is no collection."""
    path = _CORPUS / name
    return [line.split("\t") for line in path.read_text().rstrip("\n").split("\n")[1:]] if path.exists() else []

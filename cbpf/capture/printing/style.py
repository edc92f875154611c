"""How packets are printed: tcpdump's options of printing, as values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple


class Time(IntEnum):
    """What a line says about the time: by how often tcpdump's -t is given."""

    OF_DAY = 0
    NONE = 1
    EPOCH = 2
    SINCE_PREVIOUS = 3
    DATE = 4
    SINCE_FIRST = 5


class Style(NamedTuple):
    """Values of the options of tcpdump(1) that are about printing.

    * ``time``: -t and its repetitions.
    * ``digits``: 6 or 9 of a second (``--micro``, ``--nano``), None for what the interface's resolution needs.
    * ``headers``: -e, the link-level header on the line.
    * ``quick``: -q, less about protocols.
    * ``details``: -v, a line with scapy's summary; 2 or more, scapy's tree of all fields.
    * ``hexadecimal``: -x, the bytes behind the link-level header; 2 or more, all bytes.
    * ``hexadecimal_ascii``, ``ascii``: -X and -A, the same in other forms. Of several forms, -X wins over -x over -A.
    * ``number``: -#, the number of the packet among those that are printed.
    * ``absolute``: -S, TCP's sequence numbers as they are, not counted from a connection's first.
    * ``json``: one JSON object a line, which none of the above changes but ``digits``.
    * ``color``: ANSI colours.
    """

    time: Time = Time.OF_DAY
    digits: int | None = None
    headers: bool = False
    quick: bool = False
    details: int = 0
    hexadecimal: int = 0
    hexadecimal_ascii: int = 0
    ascii: int = 0
    number: bool = False
    absolute: bool = False
    json: bool = False
    color: bool = False


class Surroundings(NamedTuple):
    """What a JSON object says about a packet that is not in the packet.

    * ``number``: of the packet among those that are printed, from 1.
    * ``digits``: of a second, 6 or 9.
    * ``file``: its name, "" if there is none.
    * ``verdict``: the bytes the filter keeps, None if that is not known.
    * ``filters``: the names of the filters that matched; none if they have no names.
    """

    number: int
    digits: int
    file: str
    verdict: int | None
    filters: Sequence[str]

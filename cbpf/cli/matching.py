"""The pass over packets: which of them match, and how much of each is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from cbpf.errors import SavefileError

if TYPE_CHECKING:
    from cbpf.capture import Interface, Packet, Savefile

Verdict = Callable[[bytes, int], int]
"""How many bytes to keep of a packet, 0 for none, from its captured bytes and its length on the wire."""


def matching(packets: Iterable[Packet], choose: Callable[[Interface], Verdict | None]) -> Iterator[Packet]:
    """The ``packets`` that match, each cut to the number of bytes its verdict keeps.

    ``choose`` gives the verdict function for the packets of an interface, None if they are to be passed over.
    """
    current: Interface | None = None
    verdict: Verdict | None = None
    for packet in packets:
        _, wirelen, data, interface = packet
        if interface is not current:
            current, verdict = interface, choose(interface)
        if verdict is not None:
            kept = verdict(data, wirelen)
            if kept:
                yield packet if kept >= len(data) else packet._replace(data=data[:kept])


def opened(paths: Iterable[str], report: Callable[[SavefileError], None]) -> Iterator[Savefile]:
    """The savefiles ``paths``, open one at a time; those that cannot be opened are reported and left out."""
    from cbpf.capture import open_savefile

    for path in paths:
        try:
            savefile = open_savefile(path)
        except SavefileError as error:
            report(error)
            continue
        with savefile:
            yield savefile


def undamaged(savefile: Savefile, report: Callable[[SavefileError], None]) -> Iterator[Packet]:
    """The packets up to the first damage, which is reported."""
    try:
        yield from savefile
    except SavefileError as error:
        report(error)

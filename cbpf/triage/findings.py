"""What flows add up to: protocols, ports, talkers and conversations, in memory that is bounded.

There may be more flows in a file than fit into memory. Of conversations and talkers, those with fewest bytes are let
go when there are too many, and counted. Protocols and ports are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from cbpf.capture import headers
from cbpf.capture.surveyor import Flow
from cbpf.counts import Count
from cbpf.triage.merge import largest, turned
from cbpf.triage.naming import address, outside, protocol_name, protocol_path, service
from cbpf.triage.result import Conversation, Summary, Traffic

MOST_IN_MEMORY: Final = 100_000
"""Conversations, and talkers, of a file."""

MOST_KEPT: Final = 250
"""Conversations, talkers and ports in a file's result; and there may be many files."""

End = tuple[int, int]  # what kind of address, and the address
Talk = tuple[str, int, int, int, int, int, bool]  # protocol, kind of addresses, A and its port, B, whether ports matter
Sums = tuple[int, int, int, int, int, int]  # packets and bytes, the same back, first and last time
Key = TypeVar("Key", End, Talk)


class Findings:
    """Sums over the flows of one file."""

    def __init__(self) -> None:
        self._conversations: dict[Talk, Sums] = {}
        self._begun_by_b: set[Talk] = set()
        self._talkers: dict[End, Sums] = {}
        self._ports: dict[tuple[int, int], Sums] = {}
        self._protocols: dict[str, Sums] = {}
        self._gone = {"conversations": 0, "talkers": 0}

    def add(self, flows: Iterable[Flow]) -> None:
        """Take in flows, of which some may have been there before."""
        for flow in flows:
            self._add(flow)
        self._gone["conversations"] += _let_go(self._conversations)
        self._gone["talkers"] += _let_go(self._talkers)
        if len(self._begun_by_b) > MOST_IN_MEMORY:
            self._begun_by_b.intersection_update(self._conversations)

    def _add(self, flow: Flow) -> None:
        linktype, kind, path, protocol, ends, ports, a, port_a, b, port_b = flow[:10]
        packets, size, packets_back, size_back, first, last, begun = flow[10:]
        both = (packets + packets_back, size + size_back, 0, 0, first, last)
        way = outside(linktype, path, kind)
        ip = ends in (headers.V4, headers.V6)
        named = protocol_path(way, protocol, service(port_a, port_b) if ports else None) if ip else way
        _plus(self._protocols, named, both)
        if ends == headers.NO_ENDS:
            return
        if ports:
            _plus(self._ports, (protocol, min(port_a, port_b)), both)
        sums = (packets, size, packets_back, size_back, first, last)
        _plus(self._talkers, (ends, a), sums)
        _plus(self._talkers, (ends, b), (packets_back, size_back, packets, size, first, last))
        what = protocol_name(protocol) if ip else way.rpartition("/")[2]
        talk = what, ends, a, port_a, b, port_b, ports
        had = self._conversations.get(talk)
        if had is None or first < had[4]:
            if begun:
                self._begun_by_b.add(talk)
            else:
                self._begun_by_b.discard(talk)
        _plus(self._conversations, talk, sums)

    def summary(self) -> Summary:
        """What there is, named and shortened."""
        talkers = _most(self._talkers)
        ports = {port: _count(sums) for port, sums in self._ports.items()}
        more = {
            "talkers": self._gone["talkers"] + len(self._talkers) - len(talkers),
            "conversations": self._gone["conversations"] + max(0, len(self._conversations) - MOST_KEPT),
            "ports": max(0, len(ports) - MOST_KEPT),
        }
        return Summary(
            talkers={address(*end): Traffic(*sums) for end, sums in talkers},
            conversations=dict(self._named(talk, sums) for talk, sums in _most(self._conversations)),
            ports={f"{protocol_name(of)}/{port}": count for (of, port), count in largest(ports, MOST_KEPT).items()},
            protocols={name: _count(sums) for name, sums in sorted(self._protocols.items())},
            more={name: count for name, count in more.items() if count},
        )

    def _named(self, talk: Talk, sums: Sums) -> tuple[Conversation, Traffic]:
        """A conversation by its name: A is who began."""
        what, ends, a, port_a, b, port_b, ports = talk
        one = address(ends, a), port_a if ports else None
        other = address(ends, b), port_b if ports else None
        if talk in self._begun_by_b:
            return Conversation(what, *other, *one), turned(Traffic(*sums))
        return Conversation(what, *one, *other), Traffic(*sums)


def _plus(table: dict[Any, Sums], key: object, sums: Sums) -> None:
    had = table.get(key)
    if had is None:
        table[key] = sums
        return
    packets, size, packets_back, size_back, first, last = sums
    table[key] = (
        had[0] + packets,
        had[1] + size,
        had[2] + packets_back,
        had[3] + size_back,
        first if first < had[4] else had[4],
        last if last > had[5] else had[5],
    )


def _let_go(table: dict[Key, Sums]) -> int:
    """Make room in a table that is too large; how many rows are gone. Of equals, those stay that came first."""
    if len(table) <= MOST_IN_MEMORY:
        return 0
    rows = sorted(table.items(), key=lambda row: -row[1][1] - row[1][3])
    table.clear()
    table.update(rows[: MOST_IN_MEMORY // 2])
    return len(rows) - len(table)


def _most(table: Mapping[Key, Sums]) -> list[tuple[Key, Sums]]:
    """The rows with most bytes, as many as are kept."""
    from heapq import nsmallest

    return nsmallest(MOST_KEPT, table.items(), key=lambda row: (-row[1][1] - row[1][3], row[0]))


def _count(sums: Sums) -> Count:
    return Count(sums[0], sums[1], sums[4], sums[5])

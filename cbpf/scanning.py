"""Filters over whole savefiles: ``count`` and ``scan``, and sets of filters that are asked in one pass."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, overload

from cbpf.counts import Count
from cbpf.errors import OF_THE_LINKTYPE, FilterError
from cbpf.filter import Filter, compile
from cbpf.linktypes import LinkTypeError, linktype_name
from cbpf.machine import Program, opcodes

if TYPE_CHECKING:
    from cbpf.capture import Interface, Savefile
    from cbpf.capture.scan import Match, Scan
    from cbpf.language.includes import Shelf

_NOTHING: Final = Program([(opcodes.RET | opcodes.K, 0, 0, 0)])


class FilterSet:
    """Named filters that are asked about each packet in one pass: expressions, or filters for one link type each.

    An expression is compiled for every link type that is met; where it cannot mean anything, it matches nothing.
    ``@name`` in an expression is the filter of that name in ``library``, by default as in ``compile``. Raises
    FilterError for an expression that is wrong on Ethernet, unless that is for its link type alone.
    """

    def __init__(self, filters: Mapping[str, str | Filter], *, library: Shelf | None = None) -> None:
        if not isinstance(filters, Mapping) or not all(isinstance(each, str | Filter) for each in filters.values()):
            raise TypeError(f"filters are an expression, a Filter, or names of such ones, not {filters!r}")
        self._filters = dict(filters)
        self._library = library
        self._programs: dict[int, tuple[Program, ...]] = {}
        self.programs(1)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order: the filter number i is the one of bit i in ``Match.filters``."""
        return tuple(self._filters)

    def matching(self, filters: int) -> list[str]:
        """The names of the filters whose bits are set."""
        return [name for bit, name in enumerate(self._filters) if filters >> bit & 1]

    def programs(self, linktype: int) -> tuple[Program, ...]:
        """The programs for a LINKTYPE number."""
        if linktype not in self._programs:
            self._programs[linktype] = tuple(
                _program_or_none(each, linktype, self._library) for each in self._filters.values()
            )
        return self._programs[linktype]

    def __iter__(self) -> Iterator[str]:
        return iter(self._filters)

    def __len__(self) -> int:
        return len(self._filters)


Filters = str | Filter | FilterSet | Mapping[str, str | Filter]
"""One filter, or a set of them."""


@overload
def count(path: str, filters: str | Filter = "", *, threads: int | None = None) -> Count: ...
@overload
def count(
    path: str, filters: FilterSet | Mapping[str, str | Filter], *, threads: int | None = None
) -> dict[str, Count]: ...
def count(path: str, filters: Filters = "", *, threads: int | None = None) -> Count | dict[str, Count]:
    """How many packets of the savefile ``path`` ("-" is standard input) match a filter, or each of a set of them.

    Large files are scanned by so many ``threads``, by default as many as there are processors. Raises SavefileError for
    a file that cannot be read or is damaged, FilterError for an expression, and LinkTypeError for a single filter that
    was compiled for another link type; in a set, what means nothing on a link type matches nothing there.
    """
    from cbpf.capture import open_savefile, walk

    with open_savefile(path) as savefile:
        scanning = _scanning(savefile, filters, walk.COUNT, threads, one=1)
        for _ in scanning:
            pass
    return scanning.counts[0] if isinstance(filters, str | Filter) else dict(zip(filters, scanning.counts, strict=True))


def scan(path: str, filters: Filters = "", *, threads: int | None = None) -> Iterator[Sequence[Match]]:
    """The packets of the savefile ``path`` that match a filter, or one of a set of them, in batches.

    Each ``Match`` has the packet's bytes as a memoryview, which may be kept; those that a single filter keeps.
    Arguments and errors are those of ``count``, when the first batch is asked for; what comes before damage is yielded
    before that is raised.
    """
    from cbpf.capture import open_savefile, walk

    with open_savefile(path) as savefile:
        for batch in _scanning(savefile, filters, walk.DATA, threads, one=None):
            yield batch.matches


def _scanning(savefile: Savefile, filters: Filters, form: int, threads: int | None, *, one: int | None) -> Scan:
    """A scan. A single filter is counted as a set of one: ``one`` is 1 then, else None."""
    from cbpf.capture.scan import NoOutput, Scan
    from cbpf.capture.walks import Walks

    if threads is not None and threads < 1:
        raise ValueError(f"there must be a thread, not {threads}")
    chosen = filters if isinstance(filters, str | Filter | FilterSet) else FilterSet(filters)

    def choose(interface: Interface) -> tuple[Program, ...]:
        if isinstance(chosen, FilterSet):
            return chosen.programs(interface.linktype)
        return (_program(chosen, interface.linktype),)

    walks = Walks(len(chosen) if isinstance(chosen, FilterSet) else one)
    return Scan(savefile, choose, NoOutput(form), walks, threads=threads or processors())


def _program(filter: str | Filter, linktype: int, library: Shelf | None = None) -> Program:
    if isinstance(filter, str):
        return compile(filter, linktype, library=library).program
    if filter.linktype != linktype:
        raise LinkTypeError(f"the filter is for {_name(filter.linktype)}, and there are packets of {_name(linktype)}")
    return filter.program


def _program_or_none(filter: str | Filter, linktype: int, library: Shelf | None) -> Program:
    """The program, or one that matches nothing where the filter means nothing."""
    try:
        return _program(filter, linktype, library)
    except LinkTypeError:
        return _NOTHING
    except FilterError as error:
        if error.reason not in OF_THE_LINKTYPE:
            raise
        return _NOTHING


def _name(linktype: int | None) -> str:
    return "no link type" if linktype is None else linktype_name(linktype)


def processors() -> int:
    """How many processors there are for this process."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1

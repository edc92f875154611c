"""What the commands that explain packets share: whose verdict it is, which packets, and the form of the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from cbpf.cli.linktype import linktype_option
from cbpf.cli.options import (
    FILE,
    Source,
    all_of,
    color_option,
    expression_options,
    netmask_number,
    one_reader_of_stdin,
    program_option,
    source,
)
from cbpf.cli.printing import colored
from cbpf.cli.programs import no_expression, verified_program
from cbpf.cli.streams import complain, input_name, named

if TYPE_CHECKING:
    from cbpf.capture import Packet
    from cbpf.debug.clauses import Clauses
    from cbpf.debug.why import Why
    from cbpf.machine import Program

_Command = TypeVar("_Command", bound=Callable[..., Any])

_RANGE: Final = re.compile(r"(\d{1,18})(?:-(\d{0,18}))?")
_LAST: Final = 1 << 62  # no file has so many packets


class Question(NamedTuple):
    """An expression (``source``) or a program, and the packets it is about.

    ``path`` is the savefile; ``linktype`` what its packets are taken for, None for what the file says; ``ranges`` are
    the numbers of packets, from 1, each range with its ends; none if nobody said.
    """

    source: Source
    program: Program | None
    path: str
    linktype: int | None
    ranges: tuple[tuple[int, int], ...]
    json: bool
    color: bool


def question_options(command: _Command) -> _Command:
    """The expression or --program, -r, -n, -y, --json and --color; ``question`` makes one value of them."""
    return all_of(
        click.option(
            "-r",
            "path",
            type=FILE,
            metavar="FILE",
            help="The savefile with the packets, pcap or pcapng, compressed or not ('-' is standard input).",
        ),
        click.option(
            "-n",
            "ranges",
            multiple=True,
            callback=_ranges,
            metavar="N",
            help="The packet with this number, counted from 1; 'N-M' for all from N to M.  May be repeated.",
        ),
        program_option,
        expression_options,
        linktype_option(
            "Take the packets for ones of this link type, by name or number.  [default: what the file says]"
        ),
        click.option("--json", "json", is_flag=True, help="Print a JSON object for each packet, one a line."),
        color_option("output"),
    )(command)


def question(values: Mapping[str, Any]) -> Question:
    """The values of ``question_options`` as one. Raises UsageError for what does not go together."""
    one_reader_of_stdin(values["path"], values["file"], values["program"])
    if values["path"] is None:
        raise click.UsageError("name a savefile with -r")
    no_expression(values, compiles=False)
    return Question(
        source(values).in_full(),
        None if values["program"] is None else verified_program(values["program"]),
        values["path"],
        values["linktype"],
        values["ranges"],
        values["json"],
        not values["json"] and colored(values["color"]),
    )


def packets(asked: Question, ranges: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, Packet]]:
    """The packets with numbers in ``ranges``, each with its number, in the file's order and no further than needed.

    Raises SavefileError for a damaged file and ClickException if it ends before the last number that was named.
    """
    from cbpf.capture import open_savefile
    from cbpf.errors import SavefileError

    last, number = max(end for _, end in ranges), 0
    named_last = max(end if end != _LAST else start for start, end in ranges)
    try:
        with open_savefile(asked.path) as savefile:
            for number, packet in enumerate(savefile, 1):
                if any(start <= number <= end for start, end in ranges):
                    linktype = packet.interface.linktype if asked.linktype is None else asked.linktype
                    yield number, packet._replace(interface=packet.interface._replace(linktype=linktype))
                if number >= last:
                    return
    except SavefileError as error:
        raise click.ClickException(named(error, input_name(asked.path))) from error
    if number < named_last:
        amount = "no packets" if number == 0 else f"only {number} packet{'s' * (number > 1)}"
        raise click.ClickException(f"{input_name(asked.path)}: has {amount}")


def everything() -> tuple[tuple[int, int], ...]:
    """The range of all packets, of which there need not be one."""
    return ((0, _LAST),)


def compiled(asked: Question, packet: Packet) -> Program:
    """The program for packets like this one.

    One that no packet can match is not optimized away but explained like any other; stderr tells of it.
    """
    import cbpf
    from cbpf.cli.verdicts import program_judge
    from cbpf.errors import FilterError, Reason
    from cbpf.machine import DEFAULT_SNAPLEN

    interface, what = packet.interface, asked.source
    if asked.program is not None:
        return program_judge(asked.program)(interface.linktype)
    snaplen = what.snaplen or interface.snaplen or DEFAULT_SNAPLEN
    try:
        return cbpf.compile(what.expression, interface.linktype, snaplen, what.netmask, what.optimize).program
    except FilterError as error:
        if error.reason is not Reason.MATCHES_NOTHING:
            raise
        complain("no packet can match this expression; it is shown as it is without optimization (-O)")
        return cbpf.compile(what.expression, interface.linktype, snaplen, what.netmask, optimize=False).program


def reason_of(asked: Question, packet: Packet) -> Why | None:
    """Why the expression matches a packet or not; None if there is a program in its place."""
    from cbpf.debug.why import why

    if asked.program is not None:
        return None
    linktype = packet.interface.linktype
    return why(_clauses(asked.source.expression, asked.source.netmask, linktype), linktype, packet.data, packet.wirelen)


@lru_cache(maxsize=8)
def _clauses(expression: str, netmask: str | None, linktype: int) -> Clauses:
    """The expression, read once for each link type. The netmask has been looked at already."""
    from cbpf.debug.clauses import Clauses

    return Clauses(expression, linktype, netmask=netmask_number(netmask))


def _ranges(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(map(_range, texts))


def _range(text: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    first = int(found[1]) if found else 0
    last = first if not found or found[2] is None else int(found[2] or _LAST)
    if not 0 < first <= last:
        raise click.BadParameter(f"{text!r} is no number of a packet: they are counted from 1; 'N-M' is a range")
    return first, last

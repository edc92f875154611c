"""Options and arguments that several commands take, and how they become values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from cbpf.cli.streams import read_text

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Decorator = Callable[[_Command], _Command]

LARGEST_SNAPLEN = 0xFFFFFFFF


class Source(NamedTuple):
    """An expression and how to compile it. ``snaplen`` is in bytes, None if nobody said."""

    expression: str
    snaplen: int | None
    netmask: str | None
    optimize: bool


class Output(NamedTuple):
    """What to do with matching packets: copy them to the savefile ``write``, only count them, or print them.

    ``counts`` says to print how many there are, ``limit`` ends the run after so many, and ``unbuffered`` hands on each
    at once; large files are scanned by so many ``threads``.
    """

    write: str | None
    counts: bool
    limit: int | None
    unbuffered: bool
    threads: int = 1


def expression_options(command: _Command) -> _Command:
    """EXPRESSION, -F, -s, -O and --netmask; ``source`` makes one value of them."""
    return _all(
        click.argument("words", metavar="[EXPRESSION]...", nargs=-1),
        click.option(
            "-F",
            "file",
            type=click.Path(),
            metavar="FILE",
            help="Read the expression from FILE ('-' is standard input); '#' begins a comment.",
        ),
        click.option(
            "-s",
            "snaplen",
            type=click.IntRange(0, LARGEST_SNAPLEN),
            metavar="SNAPLEN",
            help="Keep no more than SNAPLEN bytes of a packet; 0 means the default.",
        ),
        click.option("-O", "optimize", flag_value=False, default=True, help="Do not optimize the program."),
        click.option(
            "--netmask",
            callback=_netmask,
            metavar="MASK",
            help="Netmask of the captured network, as in 255.255.255.0; 'ip broadcast' needs it.",
        ),
    )(command)


def input_options(command: _Command) -> _Command:
    """-r, once or more."""
    return click.option(
        "-r",
        "paths",
        type=click.Path(),
        metavar="FILE",
        multiple=True,
        required=True,
        help="Read packets from the savefile FILE, pcap or pcapng ('-' is standard input). May be repeated.",
    )(command)


def output_options(command: _Command) -> _Command:
    """-w, --count, -c, -U and --threads; ``output`` makes one value of them."""
    return _all(
        click.option(
            "-w",
            "write",
            type=click.Path(),
            metavar="FILE",
            help="Write the packets to FILE ('-' is standard output): pcapng if its name ends so, else pcap.",
        ),
        click.option("--count", is_flag=True, help="Print how many packets match instead of the packets."),
        click.option("-c", "limit", type=click.IntRange(1), metavar="N", help="Stop after N matching packets."),
        click.option("-U", "unbuffered", is_flag=True, help="Hand on every packet at once."),
        click.option(
            "--threads",
            type=click.IntRange(1),
            metavar="N",
            help="Scan large files with N threads.  [default: as many as there are processors]",
        ),
    )(command)


def source(
    words: tuple[str, ...], file: str | None, snaplen: int | None, netmask: str | None, optimize: bool
) -> Source:
    """The values of ``expression_options`` as one. Words are joined with blanks; -s 0 is as good as none."""
    if file is not None and words:
        raise click.UsageError("the expression comes from -F or from the command line, not from both")
    expression = " ".join(words) if file is None else without_comments(read_text(file))
    return Source(expression, snaplen or None, netmask, optimize)


def output(write: str | None, count: bool, limit: int | None, unbuffered: bool, threads: int | None) -> Output:
    """The values of ``output_options`` as one. Who wants every packet at once gets it from one thread."""
    if count and write == "-":
        raise click.UsageError("--count and -w - cannot share standard output")
    from cbpf.scanning import processors

    return Output(write, count, limit, unbuffered, 1 if unbuffered else threads or processors())


def one_reader_of_stdin(*paths: str | None) -> None:
    """UsageError if more than one of ``paths`` is standard input."""
    if paths.count("-") > 1:
        raise click.UsageError("standard input can only be read once")


def without_comments(text: str) -> str:
    """``text`` with blanks in place of comments, so that everything else stays where it is."""
    lines = text.splitlines(keepends=True)
    return "".join(line.split("#", 1)[0].ljust(len(line)) if "#" in line else line for line in lines)


def _all(*decorators: _Decorator[_Command]) -> _Decorator[_Command]:
    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _netmask(_context: click.Context, _option: click.Parameter, netmask: str | None) -> str | None:
    """Refuse what is no netmask before any file is looked at."""
    if netmask is not None:
        import cbpf

        try:
            cbpf.compile("", netmask=netmask)
        except cbpf.FilterError as error:
            raise click.BadParameter(error.message) from error
    return netmask

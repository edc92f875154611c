"""Options and arguments that several commands take, and how they become values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from cbpf.cli.completion import keywords
from cbpf.cli.includes import folders_option, in_full, library, told_as_written
from cbpf.cli.streams import read_text

if TYPE_CHECKING:
    from cbpf.library import Library

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Decorator = Callable[[_Command], _Command]

LARGEST_SNAPLEN = 0xFFFFFFFF

_COMMENT = re.compile(r"#[^\n]*")

FILE = click.Path(readable=False)
"""The name of a file: whether it can be used is found out by using it."""


class Source(NamedTuple):
    """An expression and how to compile it.

    ``snaplen`` is in bytes, None if nobody said; ``folders`` are those of named filters beside the usual ones.
    """

    expression: str
    snaplen: int | None
    netmask: str | None
    optimize: bool
    folders: tuple[str, ...] = ()

    @property
    def library(self) -> Library | None:
        """The filters that it may include; None if it includes none."""
        return library(self.folders) if "@" in self.expression else None

    def in_full(self) -> Source:
        """With every ``@name`` in full."""
        return self._replace(expression=in_full(self.expression, self.folders))


file_option = click.option(
    "-F",
    "file",
    type=FILE,
    metavar="FILE",
    help="Read the expression from FILE ('-' is standard input); '#' begins a comment.",
)

program_option = click.option(
    "--program",
    "program",
    type=FILE,
    metavar="FILE",
    help="In place of an expression: the program in FILE, in any form that 'cbpf run' reads.",
)


def target_option(what: str = "the program") -> Callable[[_Command], _Command]:
    """--target, where ``what`` is to run: a key of ``cbpf.compiler.TARGETS``."""
    return click.option(
        "--target",
        type=click.Choice(("savefile", "linux")),
        default="savefile",
        show_default=True,
        help=f"Where {what} is to run: over savefiles, or in the Linux kernel, attached to a socket.",
    )


def color_option(what: str) -> Callable[[_Command], _Command]:
    """--color, for ``what`` a command prints; ``cbpf.cli.printing.colored`` makes yes or no of it."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help=f"Colour the {what}; auto: on a terminal, unless NO_COLOR is set.",
    )


def expression_options(command: _Command) -> _Command:
    """EXPRESSION, -F, --filters, -s, -O and --netmask; ``source`` makes one value of them."""
    return all_of(
        click.argument("words", metavar="[EXPRESSION]...", nargs=-1, shell_complete=keywords),
        file_option,
        folders_option,
        click.option(
            "-s",
            "--snapshot-length",
            "--snaplen",
            "snaplen",
            type=click.IntRange(0, LARGEST_SNAPLEN),
            metavar="SNAPLEN",
            help="Keep no more than SNAPLEN bytes of a packet; 0 means the default.",
        ),
        click.option(
            "-O", "--no-optimize", "optimize", flag_value=False, default=True, help="Do not optimize the program."
        ),
        click.option(
            "--netmask",
            callback=netmask_option,
            metavar="MASK",
            help="Netmask of the captured network, as in 255.255.255.0; 'ip broadcast' needs it.",
        ),
    )(told_as_written(command))


def source(values: Mapping[str, Any]) -> Source:
    """The values of ``expression_options`` as one. Words are joined with blanks; -s 0 is as good as none."""
    words, file = values["words"], values["file"]
    if file is not None and words:
        raise click.UsageError("the expression comes from -F or from the command line, not from both")
    expression = " ".join(words) if file is None else without_comments(read_text(file))
    return Source(expression, values["snaplen"] or None, values["netmask"], values["optimize"], values["folders"])


def one_reader_of_stdin(*paths: str | None) -> None:
    """UsageError if more than one of ``paths`` is standard input."""
    if paths.count("-") > 1:
        raise click.UsageError("standard input can only be read once")


def without_comments(text: str) -> str:
    """``text`` with blanks in place of comments, so that everything else stays where it is."""
    return _COMMENT.sub(lambda comment: " " * len(comment[0]), text)


def all_of(*decorators: _Decorator[_Command]) -> _Decorator[_Command]:
    """Several decorators as one, the first of them outermost: options are listed in the order they are given in."""

    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def netmask_option(_context: click.Context, _option: click.Parameter, netmask: str | None) -> str | None:
    """Refuse what is no netmask before any file is looked at."""
    if netmask is not None:
        import cbpf

        try:
            cbpf.compile("", netmask=netmask)
        except cbpf.FilterError as error:
            raise click.BadParameter(error.message) from error
    return netmask


def netmask_number(netmask: str | None) -> int | None:
    """The 32 bits of a netmask that ``netmask_option`` let through."""
    return None if netmask is None else int.from_bytes(bytes(map(int, netmask.split("."))))

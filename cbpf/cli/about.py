"""What the commands about an expression itself share: the expression, the link type, and the form of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import click

from cbpf.cli.completion import keywords
from cbpf.cli.includes import folders_option, in_full, told_as_written
from cbpf.cli.linktype import first_interface, linktype_option
from cbpf.cli.options import (
    FILE,
    all_of,
    color_option,
    file_option,
    netmask_number,
    netmask_option,
    one_reader_of_stdin,
    program_option,
    target_option,
    without_comments,
)
from cbpf.cli.printing import colored
from cbpf.cli.programs import no_expression
from cbpf.cli.streams import read_text

_Command = TypeVar("_Command", bound=Callable[..., Any])

_ETHERNET: Final = 1
BOLD, DIM, YELLOW, GREEN = "1", "2", "33", "32"


class About(NamedTuple):
    """``expression`` has every ``@name`` in full; ``linktype`` is a LINKTYPE number, ``netmask`` has 32 bits.

    ``target`` is where it is to run, as ``cbpf.compile`` has it. ``program`` is the file of a program in place of an
    expression; its link type is ``chosen``, if that is a number.
    """

    expression: str
    linktype: int
    netmask: int | None
    json: bool
    color: bool
    target: str = "savefile"
    program: str | None = None
    chosen: int | None = None

    def painted(self, text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self.color else text


def about_options(command: _Command) -> _Command:
    """EXPRESSION, -F, --filters, -y, -r, --netmask, --target, --program, --json and --color.

    ``about`` makes one value of them.
    """
    return all_of(
        click.argument("words", metavar="[EXPRESSION]...", nargs=-1, shell_complete=keywords),
        file_option,
        folders_option,
        linktype_option("For packets of this link type, by name or number.  [default: EN10MB]"),
        click.option(
            "-r",
            "path",
            type=FILE,
            metavar="FILE",
            help="For packets of this savefile: its (first) link type.",
        ),
        click.option(
            "--netmask",
            callback=netmask_option,
            metavar="MASK",
            help="Netmask of the captured network, as in 255.255.255.0; 'ip broadcast' needs it.",
        ),
        target_option("it"),
        program_option,
        click.option("--json", "json", is_flag=True, help="Print a JSON object."),
        color_option("output"),
    )(told_as_written(command))


def about(values: Mapping[str, Any]) -> About:
    """The values of ``about_options`` as one. Raises UsageError for what does not go together."""
    words, file, path, linktype = values["words"], values["file"], values["path"], values["linktype"]
    one_reader_of_stdin(file, path, values["program"])
    no_expression(values, compiles=False)
    if file is not None and words:
        raise click.UsageError("the expression comes from -F or from the command line, not from both")
    if linktype is not None and path is not None:
        raise click.UsageError("-y and -r are two ways to name the link type: use one")
    expression = " ".join(words) if file is None else without_comments(read_text(file))
    if path is not None:
        linktype = first_interface(path).linktype
    return About(
        in_full(expression, values["folders"]),
        _ETHERNET if linktype is None else linktype,
        netmask_number(values["netmask"]),
        values["json"],
        not values["json"] and colored(values["color"]),
        values["target"],
        values["program"],
        linktype,
    )

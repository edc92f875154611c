"""Which link type is meant: by its name or number, or by that of a savefile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cbpf.cli.completion import linktypes
from cbpf.cli.streams import input_name, named

if TYPE_CHECKING:
    from cbpf.capture import Interface


_Command = TypeVar("_Command", bound=Callable[..., Any])


def linktype_option(help: str) -> Callable[[_Command], _Command]:
    """-y, a LINKTYPE number, or None if nobody said; ``help`` says what for."""
    return click.option(
        "-y",
        "linktype",
        metavar="LINKTYPE",
        callback=_number,
        shell_complete=linktypes,
        help=help,
    )


def _number(_context: click.Context, _option: click.Parameter, name: str | None) -> int | None:
    """The LINKTYPE number of an option's value. Raises BadParameter if there is none of that name."""
    from cbpf.linktypes import LinkTypeError, linktype_number

    try:
        return None if name is None else linktype_number(name)
    except LinkTypeError as error:
        raise click.BadParameter(str(error)) from error


def first_interface(path: str) -> Interface:
    """The first interface of the savefile ``path``. Raises ClickException if it cannot be read, or has none."""
    from cbpf.capture import open_savefile
    from cbpf.errors import SavefileError

    try:
        with open_savefile(path) as savefile:
            if not savefile.interfaces:
                raise SavefileError("the file describes no interface", path=path)
            return savefile.interfaces[0]
    except SavefileError as error:
        raise click.ClickException(named(error, input_name(path))) from error

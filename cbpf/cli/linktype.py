"""Which link type is meant: by its name or number, or by that of a savefile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cbpf.cli.streams import input_name, named

if TYPE_CHECKING:
    from cbpf.capture import Interface


def linktype(_context: click.Context, _option: click.Parameter, name: str | None) -> int | None:
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

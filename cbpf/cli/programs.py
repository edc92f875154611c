"""Programs in files, for the commands that take one in place of an expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from cbpf.cli.streams import input_name, read_bytes

if TYPE_CHECKING:
    from cbpf.machine import Program, Rules

# What says how to compile an expression, and the values of those options if nobody gave them.
_COMPILING: Final = {"snaplen": ("-s", (None, 0)), "netmask": ("--netmask", (None,)), "optimize": ("-O", (True,))}


def any_program(path: str) -> Program:
    """The program in a file ("-" is standard input), in any form, whether it is valid or not.

    Raises ProgramError, with the file's name, if there is none.
    """
    from cbpf.errors import ProgramError
    from cbpf.machine import read_program

    try:
        return read_program(read_bytes(path))
    except ProgramError as error:
        raise ProgramError(f"{input_name(path)}: {error}") from error


def verified_program(path: str, rules: Rules | None = None) -> Program:
    """The program in a file. Raises ProgramError, with the file's name, if it is none or breaks ``rules``, which are
    libpcap's if nobody says otherwise.
    """
    from cbpf.errors import ProgramError
    from cbpf.machine import Rules, verify

    program = any_program(path)
    try:
        verify(program, rules or Rules.LIBPCAP)
    except ProgramError as error:
        raise ProgramError(f"{input_name(path)}: {error}") from error
    return program


def no_expression(values: Mapping[str, Any], *, compiles: bool = True) -> None:
    """UsageError if there are both --program and an expression, or, if the command ``compiles``, what says how to."""
    if values["program"] is None:
        return
    if values["words"] or values["file"] is not None:
        raise click.UsageError("an expression and --program are two ways to name the filter: use one")
    for name, (option, unsaid) in _COMPILING.items() if compiles else ():
        if values[name] not in unsaid:
            raise click.UsageError(f"{option} is about compiling an expression, and a program has been compiled")

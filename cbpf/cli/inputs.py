"""Which savefiles are read: -r, -V, and what the shell makes of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import click

from cbpf.cli.options import FILE, all_of, one_reader_of_stdin
from cbpf.cli.streams import complain, input_name, read_bytes

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Inputs(NamedTuple):
    """``paths`` are to be read, in order; ``lists`` say which ones are, and must not be written either.

    Of files that a folder was searched for (``found``), those that are no savefiles are left out. It is ``incomplete``
    if a folder could not be searched.
    """

    paths: Sequence[str]
    lists: Sequence[str] = ()
    found: frozenset[str] = frozenset()
    incomplete: bool = False


def input_options(command: _Command) -> _Command:
    """-r, -V and --recursive; ``inputs`` makes one value of them."""
    return all_of(
        click.option(
            "-r",
            "paths",
            type=FILE,
            metavar="FILE",
            multiple=True,
            help="Read packets from the savefile FILE, pcap or pcapng, compressed or not ('-' is standard input).  \
May be repeated, or followed by more files: -r *.pcap.",
        ),
        click.option(
            "-V",
            "lists",
            type=FILE,
            metavar="FILE",
            multiple=True,
            help="Read the savefiles that FILE lists, one a line ('-' is standard input).",
        ),
        click.option("--recursive", is_flag=True, help="With -r FOLDER: all savefiles in it and below, by name."),
    )(command)


def inputs(values: Mapping[str, Any]) -> Inputs:
    """The values of ``input_options`` as one. Raises ClickException if a list cannot be read."""
    given, lists, recursive = values["paths"], values["lists"], values["recursive"]
    one_reader_of_stdin(*given, *lists, values.get("file"))
    listed = [path for name in lists for path in _listed(name)]
    if listed.count("-"):
        raise click.UsageError("a list names files; standard input is read with -r -")
    paths: list[str] = []
    found: set[str] = set()
    incomplete = False
    for path in (*given, *listed):
        if recursive and path != "-" and os.path.isdir(path):
            below, complete = _below(path)
            incomplete |= not complete
            found.update(below)
            paths += below
        else:
            paths.append(path)
    return Inputs(paths, lists, frozenset(found.difference(given, listed)), incomplete)


def leading_files(words: Sequence[str]) -> int:
    """How many words are files, which the shell has put behind those of -r: no expression begins with a name."""
    from cbpf.language.vocabulary import CONSTANTS, KEYWORDS

    for count, word in enumerate(words):
        if word in KEYWORDS or word in CONSTANTS or not os.path.isfile(word):
            return count
    return len(words)


def _listed(name: str) -> Iterator[str]:
    """The names in a list, which are bytes like those of all files."""
    for line in read_bytes(name).split(b"\n"):
        path = line.removesuffix(b"\r")
        if b"\0" in path:
            raise click.ClickException(f"{input_name(name)}: not a list of files, one a line")
        if path:
            yield os.fsdecode(path)


def _below(folder: str) -> tuple[list[str], bool]:
    """The regular files in a folder and the folders in it, by name, and whether all could be looked into."""
    errors: list[OSError] = []
    files: list[str] = []
    for where, folders, names in os.walk(folder, onerror=errors.append):
        folders.sort()
        files += [path for name in sorted(names) if os.path.isfile(path := os.path.join(where, name))]
    for error in errors:
        complain(f"{error.filename}: cannot be searched: {error.strerror}")
    return files, not errors

"""Which filters a triage is about: all of the library, or those that ``--filters`` chooses."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from cbpf.cli.includes import in_full, library
from cbpf.cli.streams import complain
from cbpf.errors import OF_THE_LINKTYPE, CbpfError, FilterError
from cbpf.triage.report.model import AskedFilter

if TYPE_CHECKING:
    from cbpf.library import Library, NamedFilter

_OWN: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_ETHERNET: Final = 1


class Chosen(NamedTuple):
    """The filters, the same as ``expressions`` by name with every ``@name`` in full, and the ``folders`` they need.

    ``whole`` says that nobody chose: all of the library that can be used is in it.
    """

    filters: Sequence[AskedFilter]
    expressions: dict[str, str]
    folders: Sequence[str]
    whole: bool


def chosen(wanted: Sequence[str]) -> Chosen:
    """What the values of --filters choose: folders add to the library, and everything else chooses.

    Raises UsageError for a name that nothing has, and FilterError for an expression that is wrong. If nothing is
    chosen, filters of the library that cannot be used are complained about and left out.

    Nothing is compiled, which takes most of the time: ``compiled`` is for what turns out to be wrong then.
    """
    folders = [each for each in wanted if _is_folder(each)]
    choices = [each for each in wanted if not _is_folder(each)]
    shelf = library(folders)
    if not choices:
        usable: dict[str, str] = {}
        for found in _readable(shelf):
            with _left_out(found.path):
                usable[found.name] = _in_full(AskedFilter(found.name, found.expression, f"@{found.name}"), folders)
        return Chosen([_of_library(shelf, name) for name in usable], usable, folders, True)
    filters: dict[str, AskedFilter] = {}
    for choice in choices:
        for each in _choose(choice, shelf):
            if filters.setdefault(each.name, each) != each:
                raise click.UsageError(f"there are two filters '{each.name}'")
    texts = {each.name: _in_full(each, folders) for each in filters.values()}
    return Chosen(list(filters.values()), texts, folders, False)


def compiled(chosen: Chosen) -> Chosen:
    """The filters that can be compiled. Raises FilterError, with its name, for one that somebody chose and cannot."""
    import cbpf

    good: dict[str, str] = {}
    for filter in chosen.filters:
        text = chosen.expressions[filter.name]
        with _left_out(f"filter '{filter.name}'") if chosen.whole else _named_error(filter):
            try:
                cbpf.compile(text, _ETHERNET)
            except FilterError as error:
                if error.reason not in OF_THE_LINKTYPE:
                    raise
            good[filter.name] = text
    return chosen._replace(filters=[each for each in chosen.filters if each.name in good], expressions=good)


def _is_folder(text: str) -> bool:
    return not text.startswith("@") and os.path.isdir(text)


def _choose(choice: str, shelf: Library) -> Iterator[AskedFilter]:
    """The filters that a value of --filters means. Raises UsageError if it means none."""
    own = _OWN.fullmatch(choice)
    if own is not None:
        yield AskedFilter(own[1], own[2], own[2])
        return
    names = _named(choice.removeprefix("@"), shelf, tags=not choice.startswith("@"))
    if not names:
        close = get_close_matches(choice.removeprefix("@"), shelf.names(), 1)
        hint = f". Did you mean '{close[0]}'?" if close else "; 'cbpf filters list' has those that there are"
        raise click.UsageError(
            f"--filters {choice!r} is no folder, no filter's name or tag, and not NAME=EXPRESSION{hint}"
        )
    for name in names:
        yield _of_library(shelf, name)


def _named(pattern: str, shelf: Library, *, tags: bool) -> list[str]:
    """The filters of a name (or names with * and ? in them) or a tag."""
    names = [name for name in shelf.names() if fnmatchcase(name, pattern)]
    if tags:
        tagged = {each.name for each in _readable(shelf, quiet=True) if pattern in each.header.tags}
        names += sorted(tagged.difference(names))
    return names


def _readable(shelf: Library, *, quiet: bool = False) -> Iterator[NamedFilter]:
    for name in shelf.names():
        try:
            found = shelf.find(name)
        except CbpfError as error:
            if not quiet:
                complain(str(error))
            continue
        assert found is not None
        yield found


def _in_full(filter: AskedFilter, folders: Iterable[str]) -> str:
    """The expression with every ``@name`` in full. Raises FilterError if it is wrong whatever the link type."""
    from cbpf.language import parse

    with _named_error(filter):
        text = in_full(filter.asked, folders)
        parse(text)
    return text


@contextmanager
def _left_out(what: str) -> Iterator[None]:
    """Errors are complained about, and no more."""
    try:
        yield
    except CbpfError as error:
        complain(f"{what}: left out: {error}")


@contextmanager
def _named_error(filter: AskedFilter) -> Iterator[None]:
    """Errors in an expression say which filter it is, if the expression does not."""
    try:
        yield
    except FilterError as error:
        if not filter.asked.startswith("@"):
            error.message = f"filter '{filter.name}': {error.message}"
        raise


def _of_library(shelf: Library, name: str) -> AskedFilter:
    found = shelf.find(name)
    assert found is not None
    header = found.header
    return AskedFilter(name, " ".join(found.expression.split()), f"@{name}", header.title, header.finds, header.tags)

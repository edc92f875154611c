"""Named filters on the command line: where they are looked for, and expressions with all of them in full.

Commands that show an expression, or say which part of it decides, work on the text in which every ``@name`` is in full;
the errors that come of it are told of the expression as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from cbpf.errors import FilterError

if TYPE_CHECKING:
    from cbpf.language.includes import Expansion
    from cbpf.library import Library

_Command = TypeVar("_Command", bound=Callable[..., Any])

_EXPANSIONS = "cbpf.expansions"

folders_option = click.option(
    "--filters",
    "folders",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    multiple=True,
    help="Look for named filters (@NAME) in DIR, too, and there first.  May be repeated.",
)


def library(folders: Iterable[str]) -> Library:
    """The filters that can be included, those of ``folders`` among them."""
    from cbpf.library import default_library

    return default_library(folders)


def check(expression: str, folders: Iterable[str]) -> None:
    """Raise FilterError for what is wrong with an expression on every link type."""
    from cbpf.language import parse

    if "@" in expression:
        in_full(expression, folders)
    else:
        parse(expression)


def in_full(expression: str, folders: Iterable[str]) -> str:
    """The expression with every ``@name`` in full. Raises FilterError for one that cannot be."""
    if "@" not in expression:
        return expression
    from cbpf.language.includes import expand

    expansion = expand(expression, library(folders))
    click.get_current_context().meta.setdefault(_EXPANSIONS, {})[expansion.text] = expansion
    return expansion.text


def told_as_written(command: _Command) -> _Command:
    """A command whose errors are those of ``as_written``."""

    @wraps(command)
    def run(*arguments: Any, **values: Any) -> Any:
        with as_written():
            return command(*arguments, **values)

    return cast(_Command, run)


@contextmanager
def as_written() -> Iterator[None]:
    """Errors about a text that ``in_full`` gave are raised as ones about what the user wrote."""
    try:
        yield
    except FilterError as error:
        expansions: dict[str, Expansion] = click.get_current_context().meta.get(_EXPANSIONS, {})
        expansion = expansions.get(error.expression)
        if expansion is None:
            raise
        raise expansion.restated(error) from error

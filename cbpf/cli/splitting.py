"""Several filters in one pass, with an output for each: --split-by-filter and --unmatched."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from cbpf.cli.options import FILE, Source, all_of
from cbpf.cli.sinks import Sink
from cbpf.cli.verdicts import Judges, each, expression_judge
from cbpf.errors import FilterError

if TYPE_CHECKING:
    from cbpf.capture import Interface
    from cbpf.capture.packet import Place
    from cbpf.capture.scan import Batch
    from cbpf.cli.copies import Copies
    from cbpf.cli.target import Target

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Split(NamedTuple):
    """Named filters, and the file for packets that none of them matches (None: they are dropped)."""

    filters: Mapping[str, str] = {}
    unmatched: str | None = None

    @property
    def names(self) -> list[str]:
        """Those of the outputs, in order."""
        return [*self.filters, *(["unmatched"] if self.unmatched is not None else [])]


def splitting_options(command: _Command) -> _Command:
    """--split-by-filter and --unmatched; ``split`` makes one value of them."""
    return all_of(
        click.option(
            "--split-by-filter",
            "filters",
            metavar="NAME=EXPRESSION",
            multiple=True,
            help="Instead of EXPRESSION, several filters in one pass; @NAME alone is a named filter. With -w \
FILE.pcap, the packets of each go to FILE-NAME.pcap, or where {name} stands in FILE; else its name stands before them.",
        ),
        click.option(
            "--unmatched",
            type=FILE,
            metavar="FILE",
            help="With --split-by-filter and -w: write the packets that none of the filters matches to FILE.",
        ),
    )(command)


def split(values: Mapping[str, Any], *, writes: bool, expression: bool) -> Split:
    """The values of ``splitting_options`` as one."""
    filters: dict[str, str] = {}
    for text in values["filters"]:
        name, equals, words = text.partition("=")
        if not equals and name.startswith("@"):
            name, equals, words = name[1:], "=", name
        if not equals or not name.strip() or "/" in name or "\0" in name:
            raise click.UsageError(
                f"--split-by-filter is NAME=EXPRESSION, and NAME is part of a file's name: not {text!r}"
            )
        if name in filters:
            raise click.UsageError(f"there are two filters '{name}'")
        filters[name] = words
    if filters and expression:
        raise click.UsageError("with --split-by-filter there is no other expression: write it into each of the filters")
    if values["unmatched"] is not None and not (filters and writes):
        raise click.UsageError("--unmatched is for packets that --split-by-filter and -w leave over")
    if values["unmatched"] is not None and "unmatched" in filters:
        raise click.UsageError("'unmatched' is the name of the packets that --unmatched is for")
    if filters and values["invert"]:
        raise click.UsageError("--invert is for a single filter; --unmatched has what none of several matches")
    return Split(filters, values["unmatched"])


def split_judges(filters: Mapping[str, str], source: Source, target: str = "savefile") -> Judges:
    """Verdicts by several expressions, compiled as ``source`` says; what is wrong with one is said with its name."""

    def named(name: str, expression: str) -> Callable[[int], Any]:
        judge = expression_judge(source._replace(expression=expression), target)

        def ask(linktype: int) -> Any:
            try:
                return judge(linktype)
            except FilterError as error:
                error.message = f"filter '{name}': {error.message}"
                raise

        return ask

    return each([named(*item) for item in filters.items()])


def share_targets(target: Target, split: Split) -> list[Target]:
    """Where the packets of each output go."""
    from cbpf.capture.writer import format_by_name

    target = target._replace(format=target.format or format_by_name(target.path))  # the same for --unmatched
    rotates = target.size is not None or target.seconds is not None
    shown = {name: name.replace("%", "%%") if target.seconds is not None else name for name in split.filters}
    targets = [target._replace(path=_named(target.path, name)) for name in shown.values()]
    if split.unmatched is not None:
        targets.append(target._replace(path=split.unmatched))
    paths = [os.path.abspath(each.path) for each in targets]
    if "-" in {target.path, *(each.path for each in targets)} or len(set(paths)) < len(paths):
        raise click.UsageError("--split-by-filter and --unmatched need a file of its own for each output")
    if rotates and any(re.fullmatch(re.escape(one) + "[0-9]+", other) for one in paths for other in paths):
        raise click.UsageError("with numbers behind them, the names of two outputs would be the same")
    return targets


def _named(path: str, name: str) -> str:
    """``FILE-NAME.pcap`` for ``FILE.pcap``, or with the name where ``{name}`` stands."""
    if "{name}" in path:
        return path.replace("{name}", name)
    folder, file = os.path.split(path)
    stem, _, rest = file.partition(".")
    if rest and not stem:  # a hidden file
        stem, rest = file, ""
    return os.path.join(folder, f"{stem}-{name}.{rest}" if rest else f"{stem}-{name}")


class Shares(Sink):
    """Writes the packets of each filter to a savefile of its own."""

    def __init__(self, copies: Sequence[Copies]) -> None:
        self._copies = copies
        self.form = copies[0].form

    @property
    def done(self) -> bool:
        return all(copies.done for copies in self._copies)

    @property
    def failed(self) -> bool:
        return any(copies.failed for copies in self._copies)

    def expect(self, interface: Interface) -> None:
        for copies in self._copies:
            copies.expect(interface)

    def place(self, interface: Interface) -> Place:
        # All of them have met the same interfaces in the same order.
        return [copies.place(interface) for copies in self._copies][-1]

    def give(self, user: int, group: int) -> None:
        for copies in self._copies:
            copies.give(user, group)

    def take(self, batch: Batch) -> int:
        for number, share in enumerate(batch.shares):
            if share.found:
                self._copies[number].take(share)
        for match in batch.matches:
            for number, copies in enumerate(self._copies):
                if match.filters >> number & 1:
                    copies.take(batch._replace(found=1, matches=(match,), shares=()))
        return batch.found

    def flush(self) -> None:
        for copies in self._copies:
            copies.flush()

    def close(self) -> None:
        errors: list[BaseException] = []
        for end in (*(copies.finish for copies in self._copies), *(copies.wait for copies in self._copies)):
            try:
                end()
            except BaseException as error:  # the others are to be finished all the same
                errors.append(error)
        if errors:
            raise errors[0]

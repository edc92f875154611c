"""The compiler against libpcap's: sizes of programs, instructions executed, seconds to compile, and large filters.

    python -m benchmarks.optimizer                      everything
    python -m benchmarks.optimizer static -y RAW        the sizes of the programs for one link type

from the project's root. The expressions and packets are those of a folder ``shared`` beside the project, unless told
otherwise. It always exits with 0: it measures, and judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, TextIO

import click

import cbpf
from benchmarks import comparison, compile_time, dynamic, scale
from benchmarks.captures import captured
from benchmarks.comparison import Entry
from benchmarks.corpus import Compiled, Pair, Row, compiled, rows
from benchmarks.tables import table
from tests import libpcap

_SHARED: Final = Path(__file__).resolve().parents[2] / "shared"
_PARTS: Final = ("static", "dynamic", "time", "scale")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    default=_SHARED / "corpus" / "accepted.tsv",
    help="Table of expressions.",
)
@click.option("--captures", type=click.Path(path_type=Path), default=_SHARED / "captures", help="Folder of savefiles.")
@click.option("--packets", default=5000, show_default=True, help="Most packets of a link type to run programs over.")
@click.option("-y", "--linktype", "linktypes", multiple=True, help="Only rows of this link type; may be repeated.")
@click.option("--worst", default=20, show_default=True, help="Longest list of rows to print.")
@click.option("--repeat", default=5, show_default=True, help="Times to compile each row.")
@click.option("--largest", default=10_000, show_default=True, help="Most conditions in one filter.")
@click.option("--check", is_flag=True, help="Prove first which rows mean the same to both (needs z3).")
@click.option("--json", "json_file", type=click.File("w"), help="Write the figures to this file too.")
def main(
    parts: tuple[str, ...],
    corpus: Path,
    captures: Path,
    packets: int,
    linktypes: tuple[str, ...],
    worst: int,
    repeat: int,
    largest: int,
    check: bool,
    json_file: TextIO | None,
) -> None:
    """Measure cbpf's compiler against libpcap's: PARTS of it, or all."""
    click.echo(f"cbpf {cbpf.__version__} and libpcap {_libpcap_version()}, both optimizing\n")
    chosen = frozenset(parts or _PARTS)
    found = _rows(corpus, linktypes) if chosen - {"scale"} else []
    pairs, others = both = compiled(found)
    measures: dict[str, Callable[[], Part]] = {
        "rows": lambda: Part("Rows of the collection", others, _compared(both)),
        "check": lambda: _check(found),
        "static": lambda: _static(pairs, worst),
        "dynamic": lambda: _dynamic(pairs, captures, packets, worst),
        "time": lambda: _time(pairs, repeat, worst),
        "scale": lambda: _scale(largest),
    }
    wanted = chosen | ({"rows"} if found else set()) | ({"check"} if check else set())
    figures: dict[str, object] = {}
    for name, measure in measures.items():
        if name in wanted:
            title, figures[name], lines = measure()
            click.echo("\n".join([f"== {title}", "", *lines, ""]))
    if json_file:
        json.dump(_plain(figures), json_file, indent=1)


class Part(NamedTuple):
    """What was measured: as data, and as lines of text."""

    title: str
    figures: object
    lines: Iterable[str]


def _compared(both: Compiled) -> list[str]:
    others = [(rows, linktype, reason) for (reason, linktype), rows in both.others.most_common()]
    return [
        f"  {len(both.pairs)} rows are compiled by both, {both.others.total()} are not",
        *table("rows link_type why", others),
    ]


def _check(found: list[Row]) -> Part:
    from benchmarks import check  # z3 is not needed for anything else

    findings = check.check(found)
    return Part("Rows whose meaning is not as known", findings, check.lines(findings))


def _static(pairs: list[Pair], worst: int) -> Part:
    entries = [Entry(pair.row, pair.difference, len(pair.ours), len(pair.theirs), 1) for pair in pairs]
    return Part("Instructions in the programs", entries, comparison.lines(entries, worst))


def _dynamic(pairs: list[Pair], captures: Path, packets: int, worst: int) -> Part:
    try:
        found = captured(captures)
    except OSError as error:
        raise click.UsageError(f"cannot read the folder of captures: {error}") from error
    report = dynamic.measure(pairs, found, packets)
    return Part("Instructions executed for a packet", report, dynamic.lines(report, worst))


def _time(pairs: list[Pair], repeat: int, worst: int) -> Part:
    times = compile_time.measure(pairs, repeat)
    return Part("Time to compile", times, compile_time.lines(times, worst))


def _scale(largest: int) -> Part:
    measurements = []
    for measurement in scale.measure(largest):
        measurements.append(measurement)
        click.echo(f"{measurement.compiler}, {measurement.size} times {measurement.conditions}: done", err=True)
    return Part("Filters of many conditions", measurements, scale.lines(measurements))


def _rows(corpus: Path, linktypes: tuple[str, ...]) -> list[Row]:
    try:
        return rows(corpus, linktypes)
    except OSError as error:
        raise click.UsageError(f"cannot read the table of expressions: {error}") from error


def _libpcap_version() -> str:
    try:
        return libpcap.version()
    except OSError as error:
        raise click.UsageError(f"there is no libpcap to measure against: {error}") from error


def _plain(figures: object) -> object:
    """Named tuples as dictionaries, all the way down."""
    match figures:
        case dict():
            return {_key(key): _plain(value) for key, value in figures.items()}
        case tuple() if hasattr(figures, "_asdict"):
            return _plain(figures._asdict())
        case bytes():
            return figures.hex()
        case list() | tuple():
            return [_plain(value) for value in figures]
    return figures


def _key(key: object) -> str:
    return ", ".join(key) if isinstance(key, tuple) else str(key)


if __name__ == "__main__":
    main()

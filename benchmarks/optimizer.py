"""The compiler against libpcap's: sizes of programs, instructions executed, seconds to compile, and large filters.

    python -m benchmarks.optimizer                      everything
    python -m benchmarks.optimizer static -y RAW        the sizes of the programs for one link type

from the project's root. The expressions and packets are those of a folder ``shared`` beside the project, unless told
otherwise. It always exits with 0: it measures, and judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TextIO

import click

from benchmarks import comparison, compile_time, static
from benchmarks.corpus import Compiled, compiled, rows
from benchmarks.tables import table
from tests import libpcap

_SHARED: Final = Path(__file__).resolve().parents[2] / "shared"
_PARTS: Final = ("static", "time")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    default=_SHARED / "corpus" / "accepted.tsv",
    help="Table of expressions.",
)
@click.option("-y", "--linktype", "linktypes", multiple=True, help="Only rows of this link type; may be repeated.")
@click.option("--worst", default=20, show_default=True, help="Longest list of rows to print.")
@click.option("--repeat", default=5, show_default=True, help="Times to compile each row.")
@click.option("--check", is_flag=True, help="Prove first which rows mean the same to both (needs z3).")
@click.option("--json", "json_file", type=click.File("w"), help="Write the figures to this file too.")
def main(
    parts: tuple[str, ...],
    corpus: Path,
    linktypes: tuple[str, ...],
    worst: int,
    repeat: int,
    check: bool,
    json_file: TextIO | None,
) -> None:
    """Measure cbpf's compiler against libpcap's: PARTS of it, or all."""
    figures: dict[str, object] = {"libpcap": libpcap.version()}
    chosen = parts or _PARTS
    chosen_rows = rows(corpus, linktypes)
    both = compiled(chosen_rows)
    _print(f"cbpf and libpcap {libpcap.version()}, both optimizing", _uncompared(both))
    if check:
        from benchmarks import check as proofs  # z3 is not needed for anything else

        findings = proofs.check(chosen_rows)
        figures["check"] = findings
        _print("Rows whose meaning is not as known", proofs.lines(findings))
    if "static" in chosen:
        entries = static.entries(both.pairs)
        figures["static"] = entries
        _print("Instructions in the programs", comparison.lines(entries, worst))
    if "time" in chosen and both.pairs:
        times = compile_time.measure(both.pairs, repeat)
        figures["time"] = times
        _print("Time to compile", compile_time.lines(times, worst))
    if json_file:
        json.dump(_plain(figures), json_file, indent=1)


def _uncompared(both: Compiled) -> list[str]:
    others = [(rows, linktype, reason) for (reason, linktype), rows in both.others.most_common()]
    return [
        f"  {len(both.pairs)} rows are compiled by both, {both.others.total()} are not",
        *(table("rows link_type why", others) if others else []),
    ]


def _print(title: str, lines: Iterable[str]) -> None:
    click.echo("\n".join([f"== {title}", "", *lines, ""]))


def _plain(figures: object) -> object:
    """Named tuples as dictionaries, all the way down."""
    match figures:
        case dict():
            return {str(key): _plain(value) for key, value in figures.items()}
        case tuple() if hasattr(figures, "_asdict"):
            return _plain(figures._asdict())
        case list() | tuple():
            return [_plain(value) for value in figures]
    return figures


if __name__ == "__main__":
    main()

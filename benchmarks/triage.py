"""Triage measured against a shell's loop of tcpdump, and as files are added: whole processes, start-up included.

    python -m benchmarks.triage                          1,000 files of 2 MiB, 60 filters
    python -m benchmarks.triage --files 100 --size 1024  100 files of 1 MiB

from the project's root. tcpdump is run with each filter over a sample of the files; the time of all of them is the
sample's, times the files. The files are to fit into memory: they have just been written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import click

from benchmarks.large import write_large_capture
from benchmarks.tables import NONE, Cell, table
from cbpf.library import Library

_FILTERS: Final = Path(__file__).resolve().parents[1] / "filters"
_KIBIBYTE: Final = 1024
_TRIAGE: Final = (
    "import json, sys\n"
    "from cbpf.triage.run import triage\n"
    "if __name__ == '__main__':\n"
    "    filters, hashes = json.load(open(sys.argv[1])), sys.argv[3] == 'hashes'\n"
    "    print(sum(1 for _ in triage(sys.argv[4:], filters, results=sys.argv[2], hashes=hashes)))\n"
)


class Took(NamedTuple):
    """Seconds that passed, and seconds of a processor, which do not depend on what else there is to do."""

    seconds: float
    processor: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--files", default=1000, show_default=True, help="How many files there are.")
@click.option("--size", default=2148, show_default=True, help="KiB of each.")
@click.option("--filters", "number", default=60, show_default=True, help="How many filters.")
@click.option(
    "--packets",
    type=click.Choice(["samples", "mixed"]),
    default="mixed",
    show_default=True,
    help="The project's packets as they are, which are short, or with long ones among them.",
)
@click.option("--sample", default=3, show_default=True, help="Files that tcpdump is run over.")
@click.option("--repeat", default=3, show_default=True, help="Runs of each command; the median counts.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to make the files, instead of a new folder.")
def main(files: int, size: int, number: int, packets: str, sample: int, repeat: int, folder: Path | None) -> None:
    """Measure triage."""
    filters = _filters(number)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        heap = Path(made) / "heap"
        paths = _heap(heap, files, size * _KIBIBYTE, mixed=packets == "mixed")
        whole = sum(path.stat().st_size for path in paths)
        click.echo(
            f"{len(paths):,} files, {whole:,} bytes, {len(filters)} filters; {os.cpu_count()} processors, "
            f"load {os.getloadavg()[0]:.1f}"
        )
        loop = _tcpdump(paths[:: max(1, len(paths) // sample)][:sample], filters, repeat)
        rows: list[list[Cell]] = [["tcpdump in a loop, scaled", len(paths), *_times(loop, len(paths)), NONE, NONE]]
        for hashes in ("hashes", "none"):
            for part in (len(paths) // 2, len(paths)):
                took = _triage(Path(made), paths[:part], filters, hashes, repeat)
                what = "triage" if hashes == "hashes" else "triage without hashes"
                ratios = [scaled / own for scaled, own in zip(_times(loop, part), took, strict=True)]
                rows.append([what, part, *took, *ratios])
        click.echo("\n".join(table("what files seconds processor tcpdump_takes_longer of_processors", rows)))


def _filters(number: int) -> dict[str, str]:
    """So many of the filters that come with the project, by name."""
    found = {each.name: f"@{each.name}" for each in Library([_FILTERS])}
    if len(found) < number:
        raise click.ClickException(f"there are {len(found)} filters, not {number}")
    return dict(list(found.items())[:: len(found) // number][:number])


def _heap(folder: Path, files: int, size: int, *, mixed: bool) -> list[Path]:
    """So many files of about a size; a few different ones, again and again."""
    folder.mkdir()
    different = 10
    paths: list[Path] = []
    for number in range(files):
        path = folder / f"{number:05}.pcap"
        if number < different:
            write_large_capture(path, size * (different + number) // (2 * different - different // 2), mixed=mixed)
        else:
            path.write_bytes(paths[number % different].read_bytes())
        paths.append(path)
    return paths


def _tcpdump(paths: Sequence[Path], filters: dict[str, str], repeat: int) -> Took:
    """What a shell's loop takes with each filter over a file, on average over the files."""
    from cbpf.language.includes import expand
    from cbpf.library import Library

    library = Library([_FILTERS])
    texts = [expand(text, library).text for text in filters.values()]
    loop = 'for file in "$@"; do while read -r filter; do tcpdump -n -r "$file" --count "$filter"; done < "$0"; done'
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lines:
        lines.write("".join(" ".join(text.split()) + "\n" for text in texts))
        lines.flush()
        took = _time(["sh", "-c", loop, lines.name, *map(str, paths)], repeat)
        return Took(took.seconds / len(paths), took.processor / len(paths))


def _times(took: Took, files: int) -> list[float]:
    return [each * files for each in took]


def _triage(folder: Path, paths: Sequence[Path], filters: dict[str, str], hashes: str, repeat: int) -> Took:
    """What triage of files takes."""
    import json

    chosen = folder / "filters.json"
    chosen.write_text(json.dumps(filters))
    results = folder / "results.jsonl"
    runs = []
    for _ in range(repeat):
        results.unlink(missing_ok=True)
        runs.append(_time([sys.executable, "-c", _TRIAGE, str(chosen), str(results), hashes, *map(str, paths)], 1))
    return Took(median(run.seconds for run in runs), median(run.processor for run in runs))


def _time(command: Sequence[str], repeat: int) -> Took:
    """The median of runs of a command."""
    runs = []
    for _ in range(repeat):
        start, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        seconds, after = perf_counter() - start, getrusage(RUSAGE_CHILDREN)
        runs.append(Took(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
        if done.returncode:
            raise click.ClickException(f"{command[0]} failed: {done.stderr[-400:]}")
    return Took(median(run.seconds for run in runs), median(run.processor for run in runs))


if __name__ == "__main__":
    main()

"""`cbpf annotate` measured against `cbpf filter --count`: whole processes over the same large capture.

Counting what becomes of every packet may take five times as long as counting those that match, and takes less.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import click

from benchmarks.large import write_large_capture
from benchmarks.scan import _CBPF, _MEBIBYTE, _SINGLE, _time
from benchmarks.tables import Cell, shortened, table

_EXPRESSIONS: Final = (
    *_SINGLE,
    "tcp port 80 or (udp and not port 53)",
    "host 192.0.2.10 and not (port 80 or port 443) and greater 60",
    "vlan and (ip or ip6) or geneve and tcp",
)
_LISTS: Final = {  # which are passed over at once where none of it holds
    "30 ports": " or ".join(f"port {number}" for number in range(1, 31)),
    "500 hosts": " or ".join(f"host 198.51.{number // 250}.{number % 250 + 1}" for number in range(500)),
    "3,000 hosts": " or ".join(f"host 198.51.{number // 250}.{number % 250 + 1}" for number in range(3000)),
    "3,000 hosts, scattered": " or ".join(f"host 198.{number % 199}.{number // 199}.7" for number in range(3000)),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", default=512, show_default=True, help="MiB of the capture.")
@click.option("--repeat", default=3, show_default=True, help="Runs of each command.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to make the capture, instead of a new folder.")
def main(size: int, repeat: int, folder: Path | None) -> None:
    """Measure how much longer it takes to annotate than to count."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = Path(made) / "large.pcap"
        packets = write_large_capture(path, size * _MEBIBYTE, mixed=False)
        click.echo(f"{path.stat().st_size:,} bytes, {packets:,} packets")
        rows: list[list[Cell]] = []
        for name, expression in {**{each: each for each in _EXPRESSIONS}, **_LISTS}.items():
            counted = _time([_CBPF, "filter", "-r", str(path), "--count", expression], repeat).seconds
            annotated = _time([_CBPF, "annotate", "-r", str(path), "--json", expression], repeat)
            rows.append([shortened(name), counted, annotated.seconds, annotated.seconds / counted, annotated.memory])
        click.echo("\n".join(table("expression count annotate takes_times MB", rows)))


if __name__ == "__main__":
    main()

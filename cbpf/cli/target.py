"""What -w and its companions say, and what of it makes no sense together."""

from __future__ import annotations

import re
import time
from typing import Final, Literal, NamedTuple

import click

Format = Literal["pcap", "pcapng"]
Compression = Literal["gzip", "bzip2", "xz", "zstd", "lz4", "none"]
Resolution = Literal["micro", "nano"]

_MILLION: Final = 1_000_000
_UNITS: Final = {"": _MILLION, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SIZE: Final = re.compile(r"([0-9]+)(?:([kmg])(?:i?b)?)?", re.IGNORECASE)
_LARGEST: Final = (1 << 63) - 1  # bytes of a file


class Target(NamedTuple):
    """The savefile to write, or the row of them.

    * ``path``: "-" is standard output; with ``seconds`` a template of strftime(3) (-w).
    * ``format``: None is what the name says: pcapng if it ends in ``.pcapng``, before the extension of a compression.
    * ``compression``: None is what the name's extension says: .gz, .bz2, .xz, .zst or .lz4.
    * ``resolution``: of timestamps; None is that of the input.
    * ``size``: another file is begun after so many bytes (-C).
    * ``seconds``: and after so much time (-G).
    * ``files``: how many there are (-W).
    * ``command``: is run on every file that is finished (-z).
    * ``force``: whether files that have something in them are overwritten (--force).
    """

    path: str
    format: Format | None = None
    compression: Compression | None = None
    resolution: Resolution | None = None
    size: int | None = None
    seconds: int | None = None
    files: int | None = None
    command: str | None = None
    force: bool = False


def file_size(text: str) -> int:
    """The bytes that -C's argument means, as in tcpdump(1).

    A plain number has a million bytes for its unit, one with "k", "m" or "g" 2**10, 2**20 or 2**30; "b" or "ib" may
    follow, and all letters may be capitals. Raises ValueError for anything else, for 0, and for more than 2**63 - 1.
    """
    parts = _SIZE.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is not a size: a number of millions of bytes, or one with k, m or g behind it")
    size = int(parts[1]) * _UNITS[(parts[2] or "").lower()]
    if not 0 < size <= _LARGEST:
        raise ValueError(f"{text!r} is not a size that a file can have")
    return size


def check(target: Target) -> None:
    """Raise click.UsageError for a target that makes no sense."""
    rotates = target.size is not None or target.seconds is not None
    if target.files is not None and not rotates:
        raise click.UsageError("-W counts the files that -C or -G begin; give one of them, too")
    if target.path == "-" and rotates:
        raise click.UsageError("-C and -G need the name of a file; standard output is only one")
    if target.path == "-" and target.command is not None:
        raise click.UsageError("-z needs the name of a file; standard output has none")
    if (
        target.seconds is not None
        and target.size is None
        and not target.force
        and _repeats(target.path, target.seconds)
    ):
        raise click.UsageError(
            f"-G {target.seconds} gives the name {target.path} to files one after the other, which would overwrite "
            "each other; put the time into it, as in %Y-%m-%d_%H:%M:%S (see strftime(3)), or give -C or --force, too"
        )


def _repeats(template: str, seconds: int) -> bool:
    """Whether two periods of so many seconds, one behind the other, have the same name from the start of a year on."""
    begin = int(time.mktime((2001, 1, 1, 0, 0, 0, 0, 1, -1)))
    try:
        names = [time.strftime(template, time.localtime(second)) for second in (begin, begin + seconds)]
    except (OverflowError, OSError, ValueError):
        return False  # such a period has no end in sight
    return names[0] == names[1]

"""What becomes of packets that match: the options that say so, and the values that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import click

from cbpf.cli.options import FILE, all_of
from cbpf.cli.target import Target, check, file_size

_MOST = (1 << 63) - 1  # packets

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Output(NamedTuple):
    """What to do with matching packets: write them to ``target``, only count them (``counts``), or print them.

    ``prints`` says to print them although they are written. ``limit`` ends the run after so many, ``unbuffered`` hands
    on each at once, large files are scanned by so many ``threads``, and ``statistics`` come at the end; ``user`` is who
    to become when files are open.
    """

    target: Target | None
    counts: bool = False
    prints: bool = False
    limit: int | None = None
    unbuffered: bool = False
    threads: int = 1
    statistics: bool = False
    user: str | None = None


def output_options(command: _Command) -> _Command:
    """-w and its companions, --count, -c, -U, --threads, --stats and -Z; ``output`` makes one value of them."""
    return all_of(
        click.option(
            "-w",
            "write",
            type=FILE,
            metavar="FILE",
            help="Write the packets to FILE ('-' is standard output): pcapng if its name ends so, else pcap; \
compressed if it ends in .gz, .bz2, .xz, .zst or .lz4.",
        ),
        click.option("--format", type=click.Choice(["pcap", "pcapng"]), help="The format, whatever the name."),
        click.option(
            "--compress",
            type=click.Choice(["gzip", "bzip2", "xz", "zstd", "lz4", "none"]),
            help="The compression, whatever the name.",
        ),
        click.option(
            "--time-stamp-precision",
            "resolution",
            type=click.Choice(["micro", "nano"]),
            help="Write timestamps in micro- or nanoseconds.  [default: as they come]",
        ),
        click.option("--micro", "resolution", flag_value="micro", help="The same as --time-stamp-precision micro."),
        click.option("--nano", "resolution", flag_value="nano", help="The same as --time-stamp-precision nano."),
        click.option("--force", is_flag=True, help="Overwrite a file that exists."),
        click.option(
            "-C",
            "size",
            callback=_size,
            metavar="SIZE",
            help="Begin another file after SIZE million bytes; k, m or g behind it are 2^10, 2^20 or 2^30 bytes.",
        ),
        click.option(
            "-G",
            "seconds",
            type=click.IntRange(1),
            metavar="SECONDS",
            help="Begin another file every SECONDS; its name is made of FILE by strftime(3).",
        ),
        click.option(
            "-W",
            "files",
            type=click.IntRange(1),
            metavar="N",
            help="With -C, go round N files; with -G, stop after N of them.",
        ),
        click.option(
            "-z",
            "finished",
            metavar="COMMAND",
            help="Run COMMAND on every file that is finished; no shell is involved.",
        ),
        click.option("--print", "prints", is_flag=True, help="With -w, print the packets, too."),
        click.option("--count", is_flag=True, help="Print how many packets match instead of the packets."),
        click.option("-c", "limit", type=click.IntRange(1, _MOST), metavar="N", help="Stop after N matching packets."),
        click.option("-U", "-l", "--packet-buffered", "unbuffered", is_flag=True, help="Hand on every packet at once."),
        click.option(
            "--threads",
            type=click.IntRange(1),
            metavar="N",
            help="Scan large files with N threads.  [default: as many as there are processors]",
        ),
        click.option("--stats", is_flag=True, help="Say at the end, on standard error, how much was read and matched."),
        click.option(
            "-Z",
            "--relinquish-privileges",
            "user",
            callback=_user,
            metavar="USER",
            help="Become USER when the interface, or the first file, is open.",
        ),
    )(command)


def output(values: Mapping[str, Any]) -> Output:
    """The values of ``output_options`` as one. Who wants every packet at once gets it from one thread."""
    from cbpf.scanning import processors

    target = _target(values)
    if values["count"] and (values["prints"] or (target is not None and target.path == "-")):
        raise click.UsageError("standard output has either the count or packets")
    if values["prints"] and (target is None or target.path == "-"):
        raise click.UsageError("--print is for packets that are written to a file with -w")
    return Output(
        target,
        counts=values["count"],
        prints=values["prints"],
        limit=values["limit"],
        unbuffered=values["unbuffered"],
        threads=1 if values["unbuffered"] else values["threads"] or processors(),
        statistics=values["stats"],
        user=values["user"],
    )


_COMPANIONS = {
    "format": "--format",
    "compress": "--compress",
    "size": "-C",
    "seconds": "-G",
    "files": "-W",
    "finished": "-z",
    "force": "--force",
}


def _target(values: Mapping[str, Any]) -> Target | None:
    if values["write"] is None:
        for name, option in _COMPANIONS.items():
            if values[name]:
                raise click.UsageError(f"{option} is about a file: name it with -w")
        return None
    target = Target(
        values["write"],
        values["format"],
        values["compress"],
        values["resolution"],
        values["size"],
        values["seconds"],
        values["files"],
        values["finished"],
        values["force"],
    )
    check(target)
    return target


def _size(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else file_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _user(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Refuse who does not exist before anything is done."""
    if name is not None:
        from cbpf.cli.privileges import account

        account(name)
    return name

"""The options about printing packets, as tcpdump has them, and the style that their values make."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cbpf.cli.options import color_option

if TYPE_CHECKING:
    from cbpf.capture.printing import Style

_Command = TypeVar("_Command", bound=Callable[..., Any])

_MOST_TIMES: Final = 5
_DIGITS: Final = {"micro": 6, "nano": 9}


def printing_options(command: _Command) -> _Command:
    """-n, -e, -t, -q, -v, -x, -X, -A, -#, --json and --color; ``style`` makes one value of them."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def style(values: Mapping[str, Any]) -> Style:
    """The values of ``printing_options`` as one, and that of --time-stamp-precision.

    -n changes nothing, since no names are looked up anyway. Raises UsageError for what contradicts itself.
    """
    from cbpf.capture.printing.style import Style, Time

    if values["times"] > _MOST_TIMES:
        raise click.UsageError(f"-t can be given {_MOST_TIMES} times, not {values['times']}")
    named = {name: values[name] for name in Style._fields if name in values}
    chosen = Style(**named)._replace(time=Time(values["times"]), color=False, json=False)
    if values["json"]:
        for flag, value, default in zip(_FLAGS, chosen, Style(), strict=False):
            if flag and value != default:
                raise click.UsageError(f"--json and {flag} cannot be combined: an object has all that is known")
        chosen = Style(json=True)
    precision = values["resolution"]
    color = not values["json"] and colored(values["color"])
    return chosen._replace(digits=None if precision is None else _DIGITS[precision], color=color)


# In the order of ``Style``; those that are no options of lines have none.
_FLAGS: Final = ("-t", "", "-e", "-q", "-v", "-x", "-X", "-A", "-#", "-S")


def colored(color: str) -> bool:
    """Whether to colour: of itself only on a terminal that can, and if nobody set NO_COLOR (no-color.org)."""
    if color != "auto":
        return color == "always"
    return (
        not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
        and sys.stdout is not None
        and sys.stdout.isatty()
    )


_OPTIONS: Final = (
    click.option("-n", "numeric", count=True, help="Look up no names, as is the case anyway."),
    click.option("-e", "headers", is_flag=True, help="Print the link-level header on each line."),
    click.option(
        "-t",
        "times",
        count=True,
        help="Print no time; -tt: seconds since the epoch; -ttt: since the previous line; -tttt: date and time; "
        "-ttttt: since the first line.",
    ),
    click.option("-q", "quick", is_flag=True, help="Print less about protocols."),
    click.option("-v", "details", count=True, help="Print scapy's summary, too; -vv: its tree of all fields."),
    click.option(
        "-x", "hexadecimal", count=True, help="Print the bytes in hexadecimal, too; -xx: with the link-level header."
    ),
    click.option("-X", "hexadecimal_ascii", count=True, help="The same in hexadecimal and ASCII."),
    click.option("-A", "ascii", count=True, help="The same in ASCII."),
    click.option("-#", "--number", "number", is_flag=True, help="Print the packet's number."),
    click.option(
        "-S",
        "--absolute-tcp-sequence-numbers",
        "absolute",
        is_flag=True,
        help="Print TCP's sequence numbers as they are.",
    ),
    click.option("--json", "json", is_flag=True, help="Print a JSON object for each packet, one a line."),
    color_option("lines"),
)

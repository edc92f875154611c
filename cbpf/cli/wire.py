"""Which interface is listened to, and how: the options that say so. What is done then is in ``cbpf.cli.live``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import click

from cbpf.cli.completion import interfaces
from cbpf.cli.options import all_of
from cbpf.cli.streams import put
from cbpf.machine import DEFAULT_SNAPLEN

_Command = TypeVar("_Command", bound=Callable[..., Any])

_KIBIBYTE: Final = 1024


class Wire(NamedTuple):
    """What to listen to, and how. ``duration`` is in seconds, ``buffer`` in bytes."""

    interface: str
    snaplen: int
    promiscuous: bool
    direction: Any
    buffer: int | None
    immediate: bool
    duration: float | None


def live_options(command: _Command) -> _Command:
    """-i and what goes with it; ``wire`` makes one value of them."""
    return all_of(
        click.option(
            "-i",
            "--interface",
            "interface",
            metavar="INTERFACE",
            help="Capture from a network interface, by name or by its number in -D; 'any' is all of them.",
            shell_complete=interfaces,
        ),
        click.option(
            "-D",
            "--list-interfaces",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda *of: _list() if of[2] and not of[0].resilient_parsing else None,
            help="List the network interfaces, and exit.",
        ),
        click.option(
            "-p",
            "--no-promiscuous-mode",
            "promiscuous",
            flag_value=False,
            default=True,
            help="Only packets meant for this machine.",
        ),
        click.option(
            "-Q",
            "--direction",
            "direction",
            type=click.Choice(["in", "out", "inout"]),
            help="Only packets that come, or that go.",
        ),
        click.option(
            "-B",
            "--buffer-size",
            "buffer",
            type=click.IntRange(1, 1 << 21),
            metavar="KIB",
            help="KiB of memory for packets that wait.  [default: 32768]",
        ),
        click.option(
            "--immediate-mode", "--immediate", "immediate", is_flag=True, help="Hand over every packet when it comes."
        ),
        click.option(
            "--duration", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Stop after so many seconds."
        ),
    )(command)


def wire(values: Mapping[str, Any], snaplen: int | None) -> Wire | None:
    """The values of ``live_options`` as one; None if savefiles are to be read."""
    if values["interface"] is None:
        given = {"direction": "-Q", "buffer": "-B", "duration": "--duration", "immediate": "--immediate-mode"}
        for name, option in given.items():
            if values[name]:
                raise click.UsageError(f"{option} is for a live capture: name an interface with -i")
        if not values["promiscuous"]:
            raise click.UsageError("-p is for a live capture: name an interface with -i")
        return None
    buffer = values["buffer"]
    return Wire(
        values["interface"],
        min(snaplen or DEFAULT_SNAPLEN, DEFAULT_SNAPLEN),
        values["promiscuous"],
        values["direction"] or "inout",
        None if buffer is None else buffer * _KIBIBYTE,
        values["immediate"],
        values["duration"],
    )


def _list() -> None:
    """Print the interfaces as tcpdump does, and exit."""
    from cbpf.capture.live import interfaces as listed

    for each in listed():
        flags = f" [{', '.join(each.flags)}]" if each.flags else ""
        addresses = f" {' '.join(each.addresses)}" if each.addresses else ""
        put(f"{each.number}.{each.name}{addresses}{flags}\n")
    raise click.exceptions.Exit(0)

"""Which packets are of interest beside those that match: options, and the times and ranges in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from cbpf.capture.packet import NANOSECONDS
from cbpf.capture.selection import NEVER, Selection
from cbpf.cli.options import all_of

_Command = TypeVar("_Command", bound=Callable[..., Any])

_COMPACT: Final = re.compile(r"(?:19|20)\d{6}")
_DATE: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
)


def choosing_options(command: _Command) -> _Command:
    """--after, --before, --range, --sample and --invert; ``selection`` makes one value of them."""
    return all_of(
        click.option(
            "--after",
            callback=_time,
            metavar="TIME",
            help="Only packets from TIME on: '2026-11-26', '2026-11-26 10:15', '2026-11-26T10:15:00.25Z', or seconds \
since 1970. Local time, unless it says otherwise.",
        ),
        click.option("--before", callback=_time, metavar="TIME", help="Only packets before TIME."),
        click.option(
            "--range",
            "numbers",
            callback=_range,
            metavar="N-M",
            help="Only the packets N to M of each file, counted from 1; 'N-', '-M' and 'N' are possible, too.",
        ),
        click.option(
            "--sample",
            callback=_sample,
            metavar="1/N",
            help="Of the packets that match, the first and each N-th after it.",
        ),
        click.option("--invert", is_flag=True, help="The packets that do not match, as grep -v has it."),
    )(command)


def selection(values: Mapping[str, Any], snaplen: int | None) -> Selection:
    """The values of ``choosing_options`` as one, for packets of which at most ``snaplen`` bytes are kept."""
    first, last = values["numbers"]
    before = values["before"]
    return Selection(
        after=min(NEVER, max(0, values["after"] or 0)),
        before=NEVER if before is None else min(NEVER, max(0, before - 1)),
        first=first,
        last=last,
        every=values["sample"],
        keep=snaplen or NEVER,
        inverted=values["invert"],
    )


def nanoseconds(text: str) -> int:
    """The time that a text says, in nanoseconds since 1970-01-01 00:00 UTC. Raises ValueError if it says none."""
    from datetime import UTC, datetime
    from decimal import Decimal, InvalidOperation

    if _COMPACT.fullmatch(text):
        raise ValueError("that would be a number of seconds; write a date as YYYY-MM-DD")
    try:
        seconds = Decimal(text)
        if seconds.is_finite() and abs(seconds) < 1 << 63:
            return int(seconds * NANOSECONDS)
    except InvalidOperation:
        pass
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise ValueError("a time is YYYY-MM-DD, with HH:MM, seconds and a zone if wanted, or seconds since 1970")
    zone = (found["zone"] or "").replace("Z", "+00:00")
    moment = datetime.fromisoformat(f"{found['date']}T{found['clock'] or '00:00'}:{found['second'] or '00'}{zone}")
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * NANOSECONDS + int((found["fraction"] or "0").ljust(9, "0"))


def _time(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else nanoseconds(text)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{text!r}: {error}") from error


def _range(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{0,18})(-?)(\d{0,18})", "1-" if text is None else text)
    if not found or not (found[1] or found[3]):
        raise click.BadParameter(f"{text!r} is no range of packet numbers, such as 1-100")
    first = int(found[1] or 1)
    last = int(found[3]) if found[3] else NEVER if found[2] else first
    if first == 0 or last < first:
        raise click.BadParameter(f"{text!r} has no packets in it: they are counted from 1")
    return first, last


def _sample(_context: click.Context, _option: click.Parameter, text: str | None) -> int:
    found = re.fullmatch(r"(?:1/)?(\d{1,18})", text or "1")
    if not found or int(found[1]) == 0:
        raise click.BadParameter(f"{text!r} is no sample, such as 1/100")
    return int(found[1])

"""The report for terminals: what matters first, in sections of lines that fit into a width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from cbpf.counts import Count
from cbpf.triage.report.commands import extract, extract_below
from cbpf.triage.report.model import Matched, Report, in_trouble, matched, most, reason, share, state
from cbpf.triage.report.table import bar, clipped, columns, sparkline, width, wrapped
from cbpf.triage.report.units import duration, moment, number, percent, shown, size
from cbpf.triage.result import SIZES, Conversation, FileResult, Timeline, Traffic

_BOLD, _DIM, _WARN = "1", "2", "33"
_FEW: Final = 3  # files that a command names one by one
_BAR: Final = 24  # columns
_NEAR: Final = 60_000_000_000  # nanoseconds
_NARROWEST_NAME: Final = 20
_FILES: Final = 40  # that are listed, unless more of everything are wanted
_RARE: Final = 1000  # a protocol with less than one packet in so many has no line of its own


class Look(NamedTuple):
    """``width`` of lines in columns, ``top`` entries of each list (None: all), in ``color`` or not."""

    width: int = 100
    top: int | None = 10
    color: bool = False

    @property
    def files(self) -> int | None:
        """How many files are listed."""
        return None if self.top is None else max(_FILES, self.top)

    def in_style(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text


def lines(report: Report, look: Look) -> Iterator[str]:
    """The lines of the report, without their ends."""
    found = matched(report)
    yield from _overview(report, found, look)
    sections: tuple[tuple[str, Iterator[str]], ...] = (
        ("Damage", _damage(report, look)),
        ("Filters that matched", _filters(report, found, look)),
        ("Files and filters", _matrix(report, found, look)),
        ("Files", _files(report, look)),
        ("Traffic over time", _time(report, look)),
        ("Protocols", _protocols(report, look)),
        ("Conversations", _conversations(report, look)),
        ("Talkers", _talkers(report, look)),
        ("Ports", _ports(report, look)),
        ("Packet sizes", _sizes(report)),
    )
    for title, content in sections:
        first = next(content, None)
        if first is not None:
            yield ""
            yield look.in_style(title, _BOLD)
            yield first
            yield from content


def _overview(report: Report, found: Sequence[Matched], look: Look) -> Iterator[str]:
    count = report.summary.packets
    parts = [
        _many(len(report.files), "file"),
        _many(count.packets, "packet"),
        f"{size(count.bytes)} on the network",
        f"{number(len(found))} of {_many(len(report.filters), 'filter')} matched",
    ]
    yield look.in_style(", ".join(parts), _BOLD)
    if count.first is not None and count.last is not None:
        first, last = _ends(count)
        yield f"{first} to {last} UTC ({duration(count.last - count.first)})"
    if not report.complete:
        yield look.in_style("interrupted: not all files that were asked for are in this report", _WARN)


def _damage(report: Report, look: Look) -> Iterator[str]:
    broken = in_trouble(report.files)
    for file in broken[: look.files]:
        yield f"{look.in_style(f'{state(file):10}', _WARN)}  {shown(file.path)}: {shown(reason(file))}"
    yield from _left_out(len(broken), look.files, "file")


def _filters(report: Report, found: Sequence[Matched], look: Look) -> Iterator[str]:
    head = ("filter", "packets", "share", "bytes", "files", "first (UTC)", "last (UTC)")
    rows = [head, *(_filter(report, each) for each in found)]
    if not found:
        return
    table = columns(rows, "lrrrrll")
    yield look.in_style(table[0], _DIM)
    for each, line in zip(found, table[1:], strict=True):
        yield line
        if each.filter.title:
            yield f"    {shown(each.filter.title)}"
        yield look.in_style(f"    {_command(report, each)}", _DIM)


def _filter(report: Report, each: Matched) -> tuple[str, ...]:
    count = each.total
    part = percent(share(count, report.summary.packets))
    times = moment(count.first), moment(count.last)
    return (shown(each.filter.name), number(count.packets), part, size(count.bytes), number(len(each.files)), *times)


def _command(report: Report, each: Matched) -> str:
    """The command for all files: by name if they are few, else for the folders that were searched."""
    if len(each.files) <= _FEW or not report.paths:
        return extract(each.files, each.filter, report.folders)
    command = extract_below(report, each)
    if len(report.paths) <= _FEW:
        return command
    first = extract(each.files[:1], each.filter, report.folders)
    return f"{first}    # and {number(len(each.files) - 1)} more"


def _matrix(report: Report, found: Sequence[Matched], look: Look) -> Iterator[str]:
    """Files down and filters across if that fits; else each file with its filters behind it."""
    rows = [file for file in report.files if any(count.packets for count in file.summary.filters.values())]
    if not rows or not found:
        return
    listed = rows[: look.files]
    across = [("", *(shown(each.filter.name) for each in found))]
    names = [each.filter.name for each in found]
    across += [
        (shown(file.path), *(_cell(file.summary.filters.get(name, Count())) for name in names)) for file in listed
    ]
    room = look.width - sum(2 + max(width(row[place]) for row in across) for place in range(1, len(names) + 1))
    if room >= _NARROWEST_NAME:
        yield from columns([(clipped(row[0], room), *row[1:]) for row in across], "l" + "r" * len(names))
    else:
        for file in listed:
            yield shown(file.path)
            cells = ((name, file.summary.filters.get(name, Count())) for name in names)
            yield from wrapped(
                (f"{shown(name)} {_cell(count)}" for name, count in cells if count.packets), look.width, "    "
            )
    yield from _left_out(len(rows), look.files, "file")
    yield look.in_style("(--csv, --json and --html have the command that extracts the packets of each cell)", _DIM)


def _cell(count: Count) -> str:
    return number(count.packets) if count.packets else ""


def _files(report: Report, look: Look) -> Iterator[str]:
    head = ("file", "packets", "bytes", "duration", "first (UTC)", "format", "link types")
    listed = report.files[: look.files]
    if not listed:
        return
    facts = [_file(file) for file in listed]
    others = columns([row[1:] for row in (head, *facts)], "rrrlll")
    room = max(_NARROWEST_NAME, look.width - max(map(width, others)) - 2)
    names = columns([(clipped(row[0], room),) for row in (head, *facts)], "l")
    wide = max(map(width, names))
    for place, (name, rest) in enumerate(zip(names, others, strict=True)):
        line = f"{name}{' ' * (wide - width(name))}  {rest}"
        yield look.in_style(line, _DIM) if place == 0 else line
    yield from _left_out(len(report.files), look.files, "file")


def _file(file: FileResult) -> tuple[str, ...]:
    count, facts = file.summary.packets, file.facts
    long = "" if count.first is None or count.last is None else duration(count.last - count.first)
    form = state(file) if facts is None else f"{facts.format}{f', {facts.compression}' if facts.compression else ''}"
    notes = [*(facts.linktypes if facts else ()), *(["not in order"] if facts and not facts.in_order else [])]
    return (
        shown(file.path),
        number(count.packets),
        size(count.bytes),
        long,
        moment(count.first),
        form,
        ", ".join(notes),
    )


def _time(report: Report, look: Look) -> Iterator[str]:
    values = _slots(report.summary.timeline, look.width)
    if not values:
        return
    count = report.summary.packets
    yield sparkline(values)
    first, last = _ends(count)
    yield f"{first}{last:>{max(len(last) + 2, len(values) - len(first))}}"


def _ends(count: Count) -> tuple[str, str]:
    """The first and the last time, in milliseconds if they are near each other."""
    near = count.first is not None and count.last is not None and count.last - count.first < _NEAR
    return moment(count.first, digits=3 if near else 0), moment(count.last, digits=3 if near else 0)


def _slots(timeline: Timeline, wide: int) -> list[int]:
    """Packets in at most so many intervals of the same width."""
    if not timeline.intervals:
        return []
    first, last = min(timeline.intervals), max(timeline.intervals)
    each = -(-(last - first + 1) // wide)
    slots = [0] * ((last - first) // each + 1)
    for place, (packets, _) in timeline.intervals.items():
        slots[(place - first) // each] += packets
    return slots


class _Protocol:
    """A protocol with all that is inside it, by name."""

    def __init__(self) -> None:
        self.packets = self.bytes = 0
        self.inside: dict[str, _Protocol] = {}

    def add(self, names: Sequence[str], count: Count) -> None:
        self.packets += count.packets
        self.bytes += count.bytes
        if names:
            self.inside.setdefault(names[0], _Protocol()).add(names[1:], count)


def _protocols(report: Report, look: Look) -> Iterator[str]:
    """All that is inside each protocol, in a tree; what is rare in a line, with its sum."""
    root = _Protocol()
    for path, count in report.summary.protocols.items():
        root.add(path.split("/"), count)
    rows: list[tuple[str, ...]] = []

    def tell(name: str, packets: int, octets: int) -> None:
        part = packets / root.packets
        rows.append((name, number(packets), percent(part), size(octets), bar(part, _BAR)))

    def walk(outer: _Protocol, indent: str) -> None:
        ranked = sorted(outer.inside.items(), key=lambda item: (-item[1].packets, item[0]))
        listed = sum(each.packets * _RARE >= root.packets for _, each in ranked[: look.top])
        if look.top is None or listed + 1 == len(ranked):  # a single one is no longer than a line about it
            listed = len(ranked)
        for name, each in ranked[:listed]:
            tell(indent + shown(name), each.packets, each.bytes)
            walk(each, indent + "  ")
        rest = [each for _, each in ranked[listed:]]
        if rest:
            sums = sum(each.packets for each in rest), sum(each.bytes for each in rest)
            tell(f"{indent}... {number(len(rest))} more", *sums)

    walk(root, "")
    yield from columns(rows, "lrrrl")


def _conversations(report: Report, look: Look) -> Iterator[str]:
    summary = report.summary
    rows = [_conversation(*each) for each in most(summary.conversations, look.top)]
    if rows:
        yield from _with_head(
            ("protocol", "from", "to", "packets", "there", "back", "first (UTC)"), rows, "lllrrrl", look
        )
        yield from _left_out(
            len(summary.conversations) + summary.more.get("conversations", 0), look.top, "conversation"
        )


def _conversation(ends: Conversation, traffic: Traffic) -> tuple[str, ...]:
    a, b = (_end(*end) for end in ((ends.a, ends.port_a), (ends.b, ends.port_b)))
    packets = number(traffic.packets + traffic.packets_back)
    return (shown(ends.protocol), a, b, packets, size(traffic.bytes), size(traffic.bytes_back), moment(traffic.first))


def _end(address: str, port: int | None) -> str:
    address = shown(address)
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _talkers(report: Report, look: Look) -> Iterator[str]:
    summary = report.summary
    rows = [
        (shown(name), number(traffic.packets + traffic.packets_back), size(traffic.bytes), size(traffic.bytes_back))
        for name, traffic in most(summary.talkers, look.top)
    ]
    if rows:
        yield from _with_head(("address", "packets", "sent", "received"), rows, "lrrr", look)
        yield from _left_out(len(summary.talkers) + summary.more.get("talkers", 0), look.top, "address", "addresses")


def _ports(report: Report, look: Look) -> Iterator[str]:
    summary = report.summary
    rows = [(shown(name), number(count.packets), size(count.bytes)) for name, count in most(summary.ports, look.top)]
    if rows:
        yield from _with_head(("port", "packets", "bytes"), rows, "lrr", look)
        yield from _left_out(len(summary.ports) + summary.more.get("ports", 0), look.top, "port")


def _sizes(report: Report) -> Iterator[str]:
    counts = report.summary.sizes
    whole = sum(counts)
    if not whole:
        return
    ends = [f"{number(end - 1)}" for end in SIZES[1:]]
    names = [f"{number(begin)} to {end}" for begin, end in zip(SIZES, ends, strict=False)]
    names.append(f"{number(SIZES[-1])} and more")
    rows = [
        (name, number(count), percent(count / whole), bar(count / max(counts), _BAR))
        for name, count in zip(names, counts, strict=False)
    ]
    yield from columns(rows, "lrrl")


def _with_head(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], align: str, look: Look) -> Iterator[str]:
    table = columns([head, *rows], align)
    yield look.in_style(table[0], _DIM)
    yield from table[1:]


def _left_out(all_of_them: int, most_listed: int | None, noun: str, nouns: str | None = None) -> Iterator[str]:
    if most_listed is not None and all_of_them > most_listed:
        yield f"... and {_many(all_of_them - most_listed, noun, nouns)} more (--top 0 lists what is known)"


def _many(count: int, noun: str, nouns: str | None = None) -> str:
    return f"{number(count)} {noun if count == 1 else nouns or noun + 's'}"

"""``cbpf why``: why a filter matched a packet, or why it did not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.debugging import Question, compiled, everything, packets, question, question_options, reason_of
from cbpf.cli.objects import json_line
from cbpf.cli.streams import input_name, put

if TYPE_CHECKING:
    from cbpf.capture import Packet
    from cbpf.debug.why import Why

_EXAMPLES = """\b
Examples:
  cbpf why -r http.pcap -n 7 tcp port 80 and host 10.0.0.1
  cbpf why -r vlan.pcap tcp port 80
  cbpf why -r http.pcap -n 7 --program filter.bpf
"""


@click.command("why", short_help="Say why a filter matched a packet or not.", epilog=_EXAMPLES)
@question_options
def command(**values: Any) -> int:
    """Say why EXPRESSION matches a packet, or why not: the clauses that decide, and what it is in the packet that makes
    them hold or fail.

    Without -n it is the first packet that does not match; the first one if all do.
    """
    asked = question(values)
    found = packets(asked, asked.ranges) if asked.ranges else _first_unmatched(asked)
    for number, packet in found:
        _show(asked, number, reason_of(asked, packet) or _of_program(asked, packet))
    return 0


def _first_unmatched(asked: Question) -> Iterator[tuple[int, Packet]]:
    """The first packet that does not match; if all do, the first one."""
    from cbpf.engine import PythonEngine

    engines: dict[int, PythonEngine] = {}
    first: tuple[int, Packet] | None = None
    for number, packet in packets(asked, everything()):
        linktype = packet.interface.linktype
        if linktype not in engines:
            engines[linktype] = PythonEngine(compiled(asked, packet))
        if not engines[linktype].run(packet.data, packet.wirelen):
            yield number, packet
            return
        first = first or (number, packet)
    if first is None:
        raise click.ClickException(f"{input_name(asked.path)}: has no packets")
    if not asked.json:
        put("all packets match\n")
    yield first


def _of_program(asked: Question, packet: Packet) -> Why:
    """Of a program no clauses are known: the instruction that decided must do."""
    from cbpf.debug.listing import verdict
    from cbpf.debug.trace import trace
    from cbpf.debug.why import Why

    found = trace(compiled(asked, packet), packet.data, packet.wirelen, linktype=packet.interface.linktype)
    return Why(found.verdict > 0, f"was {verdict(found)}", ())


def _show(asked: Question, number: int, found: Why) -> None:
    if asked.json:
        put(json_line({"number": number, **found._asdict()}))
        return
    put(f"packet {number} {_painted(found) if asked.color else found.text}\n")
    put("".join(f"{line}\n" for line in _underlined(asked, found)))


def _underlined(asked: Question, found: Why) -> list[str]:
    """Where in the expression the clause is that decided, if it is one of several."""
    from cbpf.errors import underline

    if len(found.clauses) != 1:
        return []
    start, end = found.clauses[0].span
    expression = asked.source.expression
    return underline(expression, found.clauses[0].span) if end - start < len(expression.strip()) else []


def _painted(found: Why) -> str:
    from cbpf.debug.listing import paint

    begin, colon, rest = found.text.partition(":")
    name: Callable[[re.Match[str]], str] = lambda match: paint("name", match[0])  # noqa: E731
    return paint("good" if found.matched else "bad", begin) + colon + re.sub(r"`[^`]*`", name, rest)

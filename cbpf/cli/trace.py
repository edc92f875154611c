"""``cbpf trace``: what a filter does with a packet, instruction by instruction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.debugging import Question, compiled, packets, question, question_options, reason_of
from cbpf.cli.objects import json_line
from cbpf.cli.streams import put

if TYPE_CHECKING:
    from cbpf.capture import Packet

_EXAMPLES = """\b
Examples:
  cbpf trace -r http.pcap -n 7 tcp port 80
  cbpf trace -r http.pcap -n 7 -O 'tcp[tcpflags] & tcp-syn != 0'
  cbpf trace -r http.pcap -n 1-3 --program filter.bpf --json
"""


@click.command("trace", short_help="Show what a filter does with a packet, step by step.", epilog=_EXAMPLES)
@question_options
def command(**values: Any) -> int:
    """Run the program of EXPRESSION on packets of a savefile, and show each instruction that is executed: what it
    reads and what that is called, what comes of it, and the part of the expression it comes from. Then the bytes of
    the packet, with those that were read marked.

    Without -n it is the first packet. 'cbpf why' says in one sentence what decided.
    """
    asked = question(values)
    for count, (number, packet) in enumerate(packets(asked, asked.ranges or ((1, 1),))):
        _show(asked, number, packet, apart=count > 0)
    return 0


def _show(asked: Question, number: int, packet: Packet, *, apart: bool) -> None:
    from cbpf.debug.listing import render
    from cbpf.debug.trace import trace
    from cbpf.linktypes import linktype_name

    linktype = packet.interface.linktype
    found = trace(compiled(asked, packet), packet.data, packet.wirelen, linktype=linktype)
    reason = reason_of(asked, packet)
    if asked.json:
        known = {**found._asdict(), "linktype": linktype_name(linktype), "clauses": found.clauses}
        put(json_line({"number": number, **known, "why": None if reason is None else reason.text}))
        return
    captured = f"{found.caplen} bytes" + (f" of {found.wirelen}" if found.wirelen != found.caplen else "")
    kinds = ", ".join(header.name for header in found.headers)
    put("\n" * apart + f"packet {number}: {linktype_name(linktype)}, {captured}{f': {kinds}' if kinds else ''}\n\n")
    put(render(found, packet.data, color=asked.color))
    if reason is not None:
        put(f"\npacket {number} {reason.text}\n")

"""``cbpf explain``: what an expression means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.about import BOLD, DIM, About, about, about_options
from cbpf.cli.objects import json_line
from cbpf.cli.programs import verified_program
from cbpf.cli.streams import put

if TYPE_CHECKING:
    from cbpf.debug.explain import Explanation, Link, Node, Shift
    from cbpf.debug.programs import ProgramExplanation
    from cbpf.errors import Span

_EXAMPLES = """\b
Examples:
  cbpf explain tcp port 80
  cbpf explain 'vlan 7 and udp port 53'
  cbpf explain -y LINUX_SLL 'not host 192.0.2.1 and icmp'
  cbpf explain --program filter.bpf
  cbpf explain --json -F expression.txt
"""


@click.command("explain", short_help="Say what an expression means.", epilog=_EXAMPLES)
@about_options
def command(**values: Any) -> int:
    """Say what EXPRESSION means: in English; as an expression that matches the same packets and has everything that is
    implied written out; as a tree; and where in the packet it looks.

    With --program, say what a program asks of a packet: in English; as an expression, if there is one that matches the
    same packets; as a graph of decisions; and instruction by instruction.
    """
    from cbpf.debug.explain import explain

    asked = about(values)
    if asked.program is not None:
        put(_of_program(asked, asked.program))
        return 0
    found = explain(asked.expression, asked.linktype, netmask=asked.netmask, target=asked.target)
    if asked.json:
        put(_json(found))
    else:
        put("\n".join(_report(asked, found)) + "\n")
    return 0


def _of_program(asked: About, path: str) -> str:
    from cbpf.debug.programs import explain_program

    found = explain_program(verified_program(path), asked.chosen, target=asked.target)
    if asked.json:
        return json_line(found)
    return "".join(f"{line}\n" for line in _told(asked, found))


def _told(asked: About, found: ProgramExplanation) -> Iterator[str]:
    from cbpf.debug.graph import render
    from cbpf.debug.layout import laid_out

    yield from found.english
    if found.keeps:
        yield found.keeps
    yield ""
    yield asked.painted("As an expression:", BOLD)
    if found.expression:
        yield from (f"  {line}" for line in laid_out(found.expression))
    yield asked.painted(f"  {found.note}", DIM)
    if found.decisions is not None:
        yield ""
        yield asked.painted(f"What is asked ({found.linktype}):", BOLD)
        yield from (f"  {line}" for line in render(found.decisions, color=asked.color).splitlines())
    yield ""
    yield asked.painted("Instructions:", BOLD)
    width = max((len(line.text) for line in found.lines), default=0)
    for line in found.lines:
        yield f"  ({line.pc:03}) {line.text:{width}}  {asked.painted(line.meaning, DIM)}".rstrip()


def _json(found: Explanation) -> str:
    """As JSON; the parser of the language allows deeper trees than that of JSON."""
    try:
        return json_line(found)
    except RecursionError:
        raise click.ClickException("the expression is nested too deeply for JSON") from None


def _report(asked: About, found: Explanation) -> Iterator[str]:
    from cbpf.debug.explain import notes
    from cbpf.debug.layout import laid_out

    yield from found.english
    said = notes(found.meaning)
    if said:
        yield ""
        yield asked.painted("Implied:", BOLD)
        yield from (asked.painted(f"  {note}", DIM) for note in said)
    if found.tree is not None:
        yield ""
        yield asked.painted("In full:", BOLD)
        yield from (f"  {line}" for line in laid_out(found.qualified))
        yield ""
        yield asked.painted("Tree:", BOLD)
        yield from _tree(found.tree)
    yield ""
    yield asked.painted(f"Where it looks ({found.linktype}):", BOLD)
    yield f"  {_where(found.link)}"
    for shift in found.shifts:
        yield from _moved(found.expression, shift)


def _tree(tree: Node) -> Iterator[str]:
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        yield "  " * depth + (node.text if node.kind == "primitive" else node.kind)
        pending.extend((part, depth + 1) for part in reversed(node.operands))


def _where(link: Link) -> str:
    if link.header is None and link.network is not None and not link.field:
        return f"{link.name}: no link-layer header in Linux, network header at {link.network}"
    if link.header is None or (link.network is None and link.protocol is None):
        return f"{link.name}: in the bytes alone, it does not say what protocol a packet is"
    parts = [f"link-layer header at {link.header}"]
    if link.protocol is not None:
        parts.append(f"{link.field} at {link.protocol}")
    parts.append("network header nowhere" if link.network is None else f"network header at {link.network}")
    return f"{link.name}: {', '.join(parts)}"


_LONGEST_LIST = 6  # primitives that are named


def _moved(expression: str, shift: Shift) -> Iterator[str]:
    """What an encapsulation keyword does, and to what."""
    word = _excerpt(expression, shift.span)
    by = "" if shift.moved is None else f" by {shift.moved} bytes"
    when = "" if shift.always else ", where it matches"
    yield f"  '{word}' moves the network header{by}{when}, for what is written after it:"
    yield f"    {_where(shift.after)}"
    named = [_excerpt(expression, span) for span in shift.affected[:_LONGEST_LIST]]
    more = f", and {len(shift.affected) - len(named)} more" if len(shift.affected) > len(named) else ""
    yield f"    for {', '.join(named)}{more}" if named else "    nothing is"


def _excerpt(expression: str, span: Span) -> str:
    return " ".join(expression[span.start : span.end].split())

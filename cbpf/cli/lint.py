"""``cbpf lint``: what is probably wrong with an expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.about import BOLD, DIM, GREEN, YELLOW, About, about, about_options
from cbpf.cli.objects import json_line
from cbpf.cli.streams import put

if TYPE_CHECKING:
    from cbpf.debug.lint import Finding

_WARNED = 1
_EXAMPLES = """\b
Examples:
  cbpf lint 'port 80 or host 192.0.2.1 and udp'
  cbpf lint --no-notes 'vlan 2 or vlan 3'
  cbpf lint -y RAW -F expression.txt
"""


@click.command("lint", short_help="Say what is probably wrong with an expression.", epilog=_EXAMPLES)
@about_options
@click.option("--notes/--no-notes", "notes", default=True, help="Whether to print notes, too.  [default: notes]")
def command(notes: bool, **values: Any) -> int:
    """Say what is probably wrong with EXPRESSION, though it compiles.

    A warning is about something that hardly anybody means: conditions that no packet or every packet meets, or that
    change nothing; 'and' and 'or' in an order that surprises; tests that 'vlan' moves. A note is about something worth
    knowing: packets that are not looked for, and what tcpdump makes of the expression, where it is wrong about it.

    \b
    Exit status:
      0  no warning
      1  a warning, or a file could not be read
      2  bad usage, or a bad expression
    """
    from cbpf.debug.lint import Severity, lint
    from cbpf.linktypes import linktype_name

    asked = about(values)
    found = lint(asked.expression, asked.linktype, netmask=asked.netmask)
    warned = any(finding.severity is Severity.WARNING for finding in found)
    shown = [finding for finding in found if notes or finding.severity is Severity.WARNING]
    if asked.json:
        put(_json(asked, linktype_name(asked.linktype), shown))
    else:
        put("".join(f"{line}\n" for finding in shown for line in _report(asked, finding)))
    return _WARNED if warned else 0


def _json(asked: About, linktype: str, found: list[Finding]) -> str:
    from typing import NamedTuple

    class Answer(NamedTuple):
        expression: str
        linktype: str
        findings: tuple[Finding, ...]

    return json_line(Answer(asked.expression, linktype, tuple(found)))


def _report(asked: About, finding: Finding) -> Iterator[str]:
    from cbpf.errors import underline

    severity = asked.painted(f"{finding.severity}:", YELLOW if finding.severity == "warning" else BOLD)
    yield f"{severity} {finding.message} {asked.painted(f'[{finding.rule}]', DIM)}"
    yield from underline(asked.expression, finding.span)
    if finding.correction is not None:
        label = "the same:" if finding.equivalent else "instead:"
        yield f"  {label} {asked.painted(finding.correction, GREEN)}"

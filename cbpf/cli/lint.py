"""``cbpf lint``: what is probably wrong with an expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.about import BOLD, DIM, GREEN, YELLOW, About, about, about_options
from cbpf.cli.objects import json_line
from cbpf.cli.programs import any_program
from cbpf.cli.streams import put

if TYPE_CHECKING:
    from cbpf.debug.lint import Finding

_WARNED = 1
_EXAMPLES = """\b
Examples:
  cbpf lint 'port 80 or host 192.0.2.1 and udp'
  cbpf lint --no-notes 'vlan 2 or vlan 3'
  cbpf lint --program filter.bpf
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

    With --program, say what is suspicious in a program, valid or not: rules of libpcap and Linux that it breaks,
    instructions that are not reached or do nothing, and tests whose answer is known by what was asked before.

    \b
    Exit status:
      0  no warning
      1  a warning, or a file could not be read
      2  bad usage, or a bad expression
    """
    from cbpf.debug.lint import Severity, lint
    from cbpf.linktypes import linktype_name

    asked = about(values)
    if asked.program is not None:
        return _of_program(asked, asked.program, notes=notes)
    found = lint(asked.expression, asked.linktype, netmask=asked.netmask, target=asked.target)
    warned = any(finding.severity is Severity.WARNING for finding in found)
    shown = [finding for finding in found if notes or finding.severity is Severity.WARNING]
    if asked.json:
        put(_json(asked, linktype_name(asked.linktype), shown))
    else:
        put("".join(f"{line}\n" for finding in shown for line in _report(asked, finding)))
    return _WARNED if warned else 0


def _of_program(asked: About, path: str, *, notes: bool) -> int:
    from typing import NamedTuple

    from cbpf.debug.lint import ProgramFinding, Severity, lint_program
    from cbpf.machine import Form, write

    program = any_program(path)
    found = lint_program(program)
    shown = [finding for finding in found if notes or finding.severity is Severity.WARNING]

    class Answer(NamedTuple):
        instructions: int
        findings: tuple[ProgramFinding, ...]

    if asked.json:
        put(json_line(Answer(len(program), tuple(shown))))
    else:
        lines = [" ".join(line.split()) for line in write(program, Form.TEXT).splitlines()]
        for finding in shown:
            severity = asked.painted(f"{finding.severity}:", YELLOW if finding.severity == "warning" else BOLD)
            put(f"{severity} {finding.message} {asked.painted(f'[{finding.rule}]', DIM)}\n")
            if finding.instruction is not None and finding.instruction < len(lines):
                put(f"  {lines[finding.instruction]}\n")
    return _WARNED if any(finding.severity is Severity.WARNING for finding in found) else 0


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

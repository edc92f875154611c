"""What is probably wrong with an expression that compiles: ``lint`` finds what people are bitten by.

A rule is a function from a ``Context`` to ``Finding``s; ``RULES`` lists them. Those about truth ask the optimizer,
those about the way an expression is written look at the tree, and ``libpcap`` is a table of facts. Expressions of
every day are free of warnings; notes are about what may be worth knowing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cbpf.compiler import compile_program
from cbpf.debug.lint.context import Context, context
from cbpf.debug.lint.encapsulation import moved_alternatives
from cbpf.debug.lint.finding import Finding, Severity
from cbpf.debug.lint.grouping import negated_alternatives, precedence, reach_of_not
from cbpf.debug.lint.ipv6 import ipv4_only_index
from cbpf.debug.lint.libpcap import differs
from cbpf.debug.lint.limits import hidden_ports, length
from cbpf.debug.lint.programs import ProgramFinding, lint_program
from cbpf.debug.lint.relations import exact_flags, operator_precedence
from cbpf.debug.lint.truth import truths
from cbpf.debug.lint.values import number_as_host, services, several_addresses, short_address
from cbpf.debug.subject import Subject, read
from cbpf.errors import FilterError, Reason, Span
from cbpf.language.names import Names
from cbpf.machine.program import DEFAULT_SNAPLEN

__all__ = ["RULES", "Finding", "ProgramFinding", "Severity", "lint", "lint_program"]

RULES: tuple[Callable[[Context], Iterable[Finding]], ...] = (
    precedence,
    reach_of_not,
    negated_alternatives,
    moved_alternatives,
    operator_precedence,
    truths,
    short_address,
    number_as_host,
    services,
    several_addresses,
    exact_flags,
    ipv4_only_index,
    hidden_ports,
    length,
    differs,
)


def lint(
    expression: str,
    linktype: int,
    names: Names | None = None,
    netmask: int | None = None,
    *,
    target: str = "savefile",
) -> tuple[Finding, ...]:
    """What is probably wrong with an expression for packets of this LINKTYPE number, in savefiles or, if that is the
    ``target``, in Linux; warnings first.

    ``netmask`` (32 bits) is that of the captured network, which `ip broadcast` needs. Raises FilterError as compiling
    does, except that of an expression which no packet can match, it says why.
    """
    subject = read(expression, linktype, names, netmask, target=target)
    about = context(subject)
    if about is None:
        return ()
    found = [
        _checked(subject, finding._replace(span=_with_parentheses(expression, finding.span)))
        for rule in RULES
        for finding in rule(about)
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: (each.severity is Severity.NOTE, each.span)))


def _with_parentheses(text: str, span: Span) -> Span:
    """A span that has both of every pair of parentheses, or none: the tree knows of those inside alone."""
    start, end = span
    opened = unopened = 0
    for character in text[start:end]:
        opened += character == "("
        if character == ")":
            opened, unopened = (opened - 1, unopened) if opened else (opened, unopened + 1)
    for _ in range(unopened):
        start = text.rfind("(", 0, start)
    for _ in range(opened):
        end = text.find(")", end) + 1
    return Span(start, end) if 0 <= start < end else span


def _checked(subject: Subject, finding: Finding) -> Finding:
    """Without a correction that does not compile, or is what was written."""
    if finding.correction is None:
        return finding
    try:
        compile_program(
            finding.correction,
            subject.linktype,
            snaplen=DEFAULT_SNAPLEN,
            netmask=subject.netmask,
            optimize=True,
            names=subject.names,
            target=subject.target,
        )
    except FilterError as error:
        if error.reason is not Reason.MATCHES_NOTHING or not finding.equivalent:
            return finding._replace(correction=None, equivalent=False)
    return finding

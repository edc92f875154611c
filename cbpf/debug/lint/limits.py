"""What an expression does not reach, and what does not take it."""

from __future__ import annotations

from collections.abc import Iterator

from cbpf.compiler import compile_program
from cbpf.debug.lint.context import Context
from cbpf.debug.lint.finding import NOTE, WARNING, Finding
from cbpf.errors import FilterError, Span
from cbpf.language.syntax import Qualified
from cbpf.machine.program import DEFAULT_SNAPLEN

MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS, linux/bpf_common.h


def hidden_ports(context: Context) -> Iterator[Finding]:
    """The first port, of which packets may have one that is not seen."""
    for reading in context.subject.readings:
        primitive = reading.primitive
        if isinstance(primitive, Qualified) and primitive.qualifiers.type in ("port", "portrange"):
            message = (
                "ports are not seen in IPv4 fragments after the first, nor behind IPv6 extension headers: "
                "those packets do not match"
            )
            yield Finding("hidden-ports", NOTE, primitive.span, message)
            return


def length(context: Context) -> Iterator[Finding]:
    """More instructions than Linux takes."""
    subject = context.subject
    try:
        program = compile_program(
            subject.expression,
            subject.linktype,
            snaplen=DEFAULT_SNAPLEN,
            netmask=subject.netmask,
            optimize=True,
            names=subject.names,
            target=subject.target,
        )
    except FilterError:  # of which other rules say more
        return
    if len(program) > MOST_INSTRUCTIONS:
        message = (
            f"the program has {len(program)} instructions, and Linux takes {MOST_INSTRUCTIONS}: "
            "live captures are filtered outside the kernel"
        )
        yield Finding("too-long", WARNING, Span(0, len(subject.expression)), message)

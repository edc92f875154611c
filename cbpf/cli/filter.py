"""``cbpf filter``: the packets of savefiles or of an interface that match an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.choosing import choosing_options, selection
from cbpf.cli.inputs import input_options, inputs, leading_files
from cbpf.cli.options import Source, expression_options, source
from cbpf.cli.output import output, output_options
from cbpf.cli.printing import printing_options, style
from cbpf.cli.splitting import split, splitting_options
from cbpf.cli.wire import Wire, live_options, wire

if TYPE_CHECKING:
    from cbpf.cli.delivery import Job

_EXAMPLES = """\b
Examples:
  cbpf filter -r http.pcap tcp port 80
  cbpf filter -r big.pcap.zst -w dns.pcap 'udp port 53 and host 192.0.2.53'
  cbpf filter --count -r *.pcap icmp
  cbpf filter --recursive -r captures --after 2026-11-01 --json 'tcp[tcpflags] & tcp-rst != 0'
  cbpf filter -r all.pcap -w out.pcapng --split-by-filter web='port 80 or port 443' --split-by-filter dns='port 53'
  cbpf filter -i eth0 -w '%H%M.pcap' -G 60 -z gzip not port 22
  tcpdump -U -w - | cbpf filter -U -r - icmp6
"""


@click.command("filter", short_help="Print the packets that match an expression.", epilog=_EXAMPLES)
@input_options
@live_options
@output_options
@splitting_options
@choosing_options
@printing_options
@expression_options
def command(**values: Any) -> int:
    """Print the packets that match EXPRESSION, one line each: those of savefiles (-r), or of a network interface (-i).

    The words of the expression are joined with blanks; put '--' before them if one begins with a dash. Without an
    expression every packet matches. The language is that of pcap-filter(7).

    With -w, the packets are written to a savefile instead. With --count, only 'N packets' is printed: after a line
    'FILE: N packets' for each file if there are several, and for all of them together.

    A pcapng file may hold packets of several link types: the expression is compiled for each. Where that is not
    possible for some, a message says why, the packets of the others are processed, and the exit status is 1.

    Of a damaged file, all packets before the damage are processed. The exit status is then 1, too.
    """
    from cbpf.cli.delivery import Job, deliver
    from cbpf.cli.verdicts import expression_judge, only
    from cbpf.language import parse

    if values["paths"]:
        count = leading_files(values["words"])
        values["paths"] += values["words"][:count]
        values["words"] = values["words"][count:]
    where, what = output(values), source(values)
    division = split(values, writes=where.target is not None, expression=bool(what.expression.strip()))
    for expression in (what.expression, *division.filters.values()):
        parse(expression)  # what is wrong on every link type is said before any file is touched
    listening = wire(values, what.snaplen)
    job = Job(
        where,
        style(values),
        selection(values, what.snaplen),
        division,
        () if values["file"] is None else (values["file"],),
    )
    if listening is not None:
        return _live(listening, what, job, values)
    read = inputs(values)
    if not values["paths"] and not values["lists"]:
        raise click.UsageError("name a savefile with -r, or an interface with -i")
    if division.filters:
        from cbpf.cli.splitting import split_judges

        return deliver(read, split_judges(division.filters, what), job)
    return deliver(read, only(expression_judge(what)), job)


def _live(listening: Wire, what: Source, job: Job, values: dict[str, Any]) -> int:
    from cbpf.cli.live import capture
    from cbpf.cli.splitting import split_judges
    from cbpf.cli.verdicts import expression_judge, only

    if values["paths"] or values["lists"]:
        raise click.UsageError("packets come from savefiles or from an interface: use -r or -i")
    if job.selection.first != 1 or job.selection.last != type(job.selection)().last:
        raise click.UsageError("--range counts the packets of a file; -c stops a capture")
    kernel = only(expression_judge(what, "linux"))
    if job.split.filters:
        return capture(listening, kernel, split_judges(job.split.filters, what), job)
    return capture(listening, kernel, only(expression_judge(what)), job)

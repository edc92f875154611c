"""``cbpf filter``: the packets of savefiles or of an interface that match an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.choosing import choosing_options, selection
from cbpf.cli.includes import check
from cbpf.cli.inputs import input_options, inputs, leading_files
from cbpf.cli.options import expression_options, one_reader_of_stdin, program_option, source
from cbpf.cli.output import output, output_options
from cbpf.cli.printing import printing_options, style
from cbpf.cli.programs import no_expression, verified_program
from cbpf.cli.splitting import split, splitting_options
from cbpf.cli.wire import Wire, live_options, wire

if TYPE_CHECKING:
    from cbpf.cli.delivery import Job
    from cbpf.cli.verdicts import Judges

_EXAMPLES = """\b
Examples:
  cbpf filter -r http.pcap tcp port 80
  cbpf filter -r big.pcap.zst -w dns.pcap 'udp port 53 and host 192.0.2.53'
  cbpf filter --count -r *.pcap icmp
  cbpf filter --recursive -r captures --after 2026-11-01 --json 'tcp[tcpflags] & tcp-rst != 0'
  cbpf filter -r all.pcap -w out.pcapng --split-by-filter web='port 80 or port 443' --split-by-filter dns='port 53'
  cbpf filter -r http.pcap --program filter.bpf
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
@program_option
@expression_options
def command(**values: Any) -> int:
    """Print the packets that match EXPRESSION, one line each: those of savefiles (-r), or of a network interface (-i).

    The words of the expression are joined with blanks; put '--' before them if one begins with a dash. Without an
    expression every packet matches. The language is that of pcap-filter(7).

    With -w, the packets are written to a savefile instead. With --count, only 'N packets' is printed: after a line
    'FILE: N packets' for each file if there are several, and for all of them together.

    A pcapng file may hold packets of several link types: the expression is compiled for each. Where that is not
    possible for some, a message says why, the packets of the others are processed, and the exit status is 1.

    With --program, a program decides in place of an expression, and how much it returns is how much of a packet is
    kept. A JSON program knows its link type, and is not run on packets of any other.

    Of a damaged file, all packets before the damage are processed. The exit status is then 1, too.
    """
    from cbpf.cli.delivery import Job, deliver
    from cbpf.cli.splitting import split_judges
    from cbpf.cli.verdicts import expression_judge, only, program_judge
    from cbpf.machine import Rules

    if values["paths"]:
        count = leading_files(values["words"])
        values["paths"] += values["words"][:count]
        values["words"] = values["words"][count:]
    no_expression(values)
    one_reader_of_stdin(values["program"], values["file"], *values["paths"])
    where, what, program = output(values), source(values), values["program"]
    one_filter = program is not None or bool(what.expression.strip())
    division = split(values, writes=where.target is not None, expression=one_filter)
    for expression in (what.expression, *division.filters.values()):
        check(expression, what.folders)  # what is wrong on every link type is said before any file is touched
    listening = wire(values, what.snaplen)
    job = Job(
        where,
        style(values),
        selection(values, what.snaplen),
        division,
        tuple(path for path in (values["file"], program) if path is not None),
    )
    if program is not None:
        kernel = here = only(program_judge(verified_program(program, Rules.ALL)))
    else:
        kernel = only(expression_judge(what, "linux"))
        here = split_judges(division.filters, what) if division.filters else only(expression_judge(what))
    if listening is not None:
        return _live(listening, kernel, here, job, values)
    read = inputs(values)
    if not values["paths"] and not values["lists"]:
        raise click.UsageError("name a savefile with -r, or an interface with -i")
    return deliver(read, here, job)


def _live(listening: Wire, kernel: Judges, here: Judges, job: Job, values: dict[str, Any]) -> int:
    from cbpf.cli.live import capture

    if values["paths"] or values["lists"]:
        raise click.UsageError("packets come from savefiles or from an interface: use -r or -i")
    if job.selection.first != 1 or job.selection.last != type(job.selection)().last:
        raise click.UsageError("--range counts the packets of a file; -c stops a capture")
    return capture(listening, kernel, here, job)

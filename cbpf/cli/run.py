"""``cbpf run``: the packets of savefiles that a program accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.choosing import choosing_options, selection
from cbpf.cli.inputs import input_options, inputs
from cbpf.cli.options import FILE
from cbpf.cli.output import output, output_options
from cbpf.cli.printing import printing_options, style
from cbpf.cli.programs import verified_program

if TYPE_CHECKING:
    from cbpf.engine import Semantics

_EXAMPLES = """\b
Examples:
  cbpf run filter.bpf -r http.pcap
  tcpdump -y EN10MB -ddd tcp port 80 | cbpf run - -r http.pcap -w web.pcap
  cbpf compile --format json ip6 > ip6.json; cbpf run ip6.json -r http.pcap --count
"""


@click.command("run", short_help="Print the packets a program accepts.", epilog=_EXAMPLES)
@click.argument("path", metavar="PROGRAM", type=FILE)
@input_options
@output_options
@choosing_options
@printing_options
@click.option(
    "--semantics",
    type=click.Choice(["libpcap", "linux"]),
    help="Verify by this machine's rules alone, and run as it does where machines differ.  \
[default: the rules of both, run as libpcap does]",
)
def command(path: str, semantics: Semantics | None, **values: Any) -> int:
    """Run PROGRAM on packets, and print those it accepts, one line each.

    PROGRAM is a file ('-' is standard input) with a classic BPF program in any form that 'cbpf compile' writes:
    assembler, or a listing by tcpdump -d, -dd or -ddd, with commas for line ends, or JSON, or the bytes of the
    instructions, in hexadecimal digits or raw. It must pass the verifier.

    A packet is cut to the number of bytes the program returns. A JSON program knows its link type, and is not run on
    packets of any other; all others are run on whatever there is.
    """
    from cbpf.cli.delivery import Job, deliver
    from cbpf.cli.verdicts import only, program_judge
    from cbpf.engine.interpreter import RULES
    from cbpf.machine import Rules

    read = inputs({**values, "file": path})
    where = output(values)
    if not read.paths and not values["lists"]:
        raise click.UsageError("name a savefile with -r")
    program = verified_program(path, RULES[semantics] if semantics else Rules.ALL)
    job = Job(
        where,
        style(values),
        selection(values, None),
        also_read=(path,),
    )
    return deliver(read, only(program_judge(program)), job, semantics=semantics or "libpcap")

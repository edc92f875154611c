"""``cbpf compile``: the program an expression becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cbpf.cli.linktype import first_interface, linktype_option
from cbpf.cli.options import FILE, expression_options, one_reader_of_stdin, program_option, source, target_option
from cbpf.cli.programs import any_program, no_expression
from cbpf.cli.streams import put

if TYPE_CHECKING:
    from cbpf.machine import Program

_FORMATS = ("text", "c", "decimal", "line", "json", "asm", "hex")
_EXAMPLES = """\b
Examples:
  cbpf compile -d tcp port 80
  cbpf compile -dd -s 96 'icmp or arp'
  cbpf compile -y RAW --format line udp port 53
  cbpf compile -r http.pcap -F expression.txt
  cbpf compile --program filter.hex --format asm
"""


@click.command("compile", short_help="Print the program of an expression.", epilog=_EXAMPLES)
@click.option("-d", "depth", count=True, help="-d: a listing to read; -dd: a C array; -ddd: decimal numbers.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="The form by name.  [default: text]")
@linktype_option("Compile for packets of this link type, by name or number.  [default: EN10MB]")
@click.option(
    "-r",
    "path",
    type=FILE,
    metavar="FILE",
    help="Compile for packets of this savefile: its (first) link type and its snapshot length.",
)
@target_option()
@program_option
@expression_options
def command(
    depth: int,
    form: str | None,
    linktype: int | None,
    path: str | None,
    target: str,
    **values: Any,
) -> int:
    """Compile EXPRESSION, and print the program.

    The words of the expression are joined with blanks; put '--' before them if one begins with a dash. The language is
    that of pcap-filter(7). With --program nothing is compiled: a program from elsewhere, valid or not, is printed in
    another form.

    \b
    text     tcpdump -d: a listing to read
    c        tcpdump -dd: an array of struct bpf_insn or sock_filter
    decimal  tcpdump -ddd: the number of instructions, then one a line
    line     decimal, with commas for line ends: for iptables -m bpf and tc
    asm      assembler, for bpf_asm
    json     an object with everything that is known
    hex      the bytes of the instructions (struct sock_filter, little-endian) as hexadecimal digits, one a line
    """
    import cbpf
    from cbpf.machine import DEFAULT_SNAPLEN, Form, write

    one_reader_of_stdin(values["file"], values["program"], path)
    no_expression(values)
    if depth and form is not None:
        raise click.UsageError("-d and --format are two ways to name the form: use one")
    if linktype is not None and path is not None:
        raise click.UsageError("-y and -r are two ways to name the link type: use one")
    written_as = Form(form or _FORMATS[max(0, min(depth, 3) - 1)])
    if values["program"] is not None:
        put(write(_of_linktype(any_program(values["program"]), linktype, path), written_as))
        return 0
    what, snaplen = source(values), None
    if path is not None:
        interface = first_interface(path)
        linktype, snaplen = interface.linktype, interface.snaplen
    compiled = cbpf.compile(
        what.expression,
        1 if linktype is None else linktype,
        what.snaplen or snaplen or DEFAULT_SNAPLEN,
        what.netmask,
        what.optimize,
        target=target,
        library=what.library,
    )
    put(write(compiled.program, written_as))
    return 0


def _of_linktype(program: Program, linktype: int | None, path: str | None) -> Program:
    """The program for packets of a LINKTYPE number, or of the first of a savefile: JSON tells of it."""
    from cbpf.machine import Program

    if path is not None:
        linktype = first_interface(path).linktype
    return Program(
        program.instructions,
        linktype=program.linktype if linktype is None else linktype,
        snaplen=program.snaplen,
        spans=program.spans,
        expression=program.expression,
    )

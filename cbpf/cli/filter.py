"""``cbpf filter``: the packets of savefiles that match an expression."""

from __future__ import annotations

import click

from cbpf.cli.options import expression_options, input_options, one_reader_of_stdin, output, output_options, source

_EXAMPLES = """\b
Examples:
  cbpf filter -r http.pcap tcp port 80
  cbpf filter -r big.pcap -w dns.pcap 'udp port 53 and host 192.0.2.53'
  cbpf filter --count -r monday.pcap -r tuesday.pcap icmp
  cbpf filter -r trace.pcapng -w headers.pcapng -s 96 -F expression.txt
  tcpdump -U -w - | cbpf filter -U -r - 'tcp[tcpflags] & tcp-rst != 0'
"""


@click.command("filter", short_help="Print the packets that match an expression.", epilog=_EXAMPLES)
@input_options
@output_options
@expression_options
def command(
    words: tuple[str, ...],
    file: str | None,
    snaplen: int | None,
    netmask: str | None,
    optimize: bool,
    paths: tuple[str, ...],
    write: str | None,
    count: bool,
    limit: int | None,
    unbuffered: bool,
    threads: int | None,
) -> int:
    """Print the packets that match EXPRESSION, one line each.

    The words of the expression are joined with blanks; put '--' before them if one begins with a dash. Without an
    expression every packet matches. The language is that of pcap-filter(7).

    With -w, the packets are written to a savefile instead. With --count, only 'N packets' is printed: after a line
    'FILE: N packets' for each file if there are several, and for all of them together.

    A pcapng file may hold packets of several link types: the expression is compiled for each. Where that is not
    possible for some, a message says why, the packets of the others are processed, and the exit status is 1.

    Of a damaged file, all packets before the damage are processed. The exit status is then 1, too.
    """
    from cbpf.cli.delivery import deliver
    from cbpf.cli.verdicts import expression_judge
    from cbpf.language import parse

    one_reader_of_stdin(*paths, file)
    where = output(write, count, limit, unbuffered, threads)
    what = source(words, file, snaplen, netmask, optimize)
    parse(what.expression)  # what is wrong on every link type is said before any file is touched
    return deliver(paths, expression_judge(what), where, also_read=() if file is None else (file,))

"""``cbpf annotate``: what became of the packets of captures, clause by clause and instruction by instruction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from cbpf.cli.includes import as_written
from cbpf.cli.inputs import input_options, inputs, leading_files
from cbpf.cli.options import color_option, expression_options, netmask_number, program_option, source
from cbpf.cli.printing import colored
from cbpf.cli.programs import no_expression, verified_program
from cbpf.cli.streams import complain, put

if TYPE_CHECKING:
    from cbpf.capture import Interface, Savefile
    from cbpf.capture.scan import Batch
    from cbpf.cli.inputs import Inputs
    from cbpf.cli.verdicts import Judges
    from cbpf.debug.annotate import Annotation, Annotator
    from cbpf.machine import Program

_EXAMPLES = """\b
Examples:
  cbpf annotate -r http.pcap 'tcp port 80 and not host 192.0.2.1'
  cbpf annotate --recursive -r captures --clauses -F expression.txt
  cbpf annotate -r big.pcap.zst --listing --program filter.bpf
  cbpf annotate -r http.pcap --json 'icmp or arp' | python3 -m json.tool
"""


class _Form(NamedTuple):
    """Which parts are printed, and how."""

    clauses: bool
    listing: bool
    json: bool
    color: bool


@click.command("annotate", short_help="Count what became of packets, clause by clause.", epilog=_EXAMPLES)
@input_options
@program_option
@expression_options
@click.option("--clauses", "part", flag_value="clauses", help="Print only the expression, and not the program.")
@click.option("--listing", "part", flag_value="listing", help="Print only the program, and not the expression.")
@click.option("--json", "json", is_flag=True, help="Print one JSON object.")
@color_option("output")
def command(**values: Any) -> int:
    """Run EXPRESSION over savefiles, and print it, and its program, with how many packets came to each part.

    Of each clause: how many packets reached it, passed and failed it, and were cut, that is, too short for it to be
    told. Of each instruction: how often it was executed, how often a condition was met (yes) and not (no), and how
    often a load was cut. What was never reached says so.

    A clause passes if it holds: behind 'not' those that fail are the ones that go on. Clauses are counted in the order
    they are written; the program may have merged them, and asked them in another one (-O shows it as written).

    All link types are counted, and printed one after the other. Of a damaged file, all packets before the damage are;
    the exit status is then 1.
    """
    from cbpf.cli.verdicts import program_judge
    from cbpf.debug.annotate import Annotator
    from cbpf.machine import DEFAULT_SNAPLEN

    if values["paths"]:
        count = leading_files(values["words"])
        values["paths"] += values["words"][:count]
        values["words"] = values["words"][count:]
    no_expression(values)
    what = source(values).in_full()
    read = inputs({**values, "file": values["file"] or values["program"]})
    if not values["paths"] and not values["lists"]:
        raise click.UsageError("name a savefile with -r")
    program = None if values["program"] is None else verified_program(values["program"])
    if values["part"] == "clauses" and program is not None:
        raise click.UsageError("--clauses is about an expression: of a program there is only the listing")
    annotator = Annotator(
        what.expression if program is None else program,
        snaplen=what.snaplen or DEFAULT_SNAPLEN,
        netmask=netmask_number(what.netmask),
        optimize=what.optimize,
        note=complain,
    )

    def judges(linktype: int) -> Sequence[Program]:
        if program is not None:
            program_judge(program)(linktype)
        with as_written():
            return annotator.programs(linktype)

    status, files = _count(annotator, judges, read)
    part = values["part"]
    color = not values["json"] and colored(values["color"])
    form = _Form(part != "listing", part != "clauses", values["json"], color)
    with suppress(BrokenPipeError):
        put(_shown(annotator.result(files), form))
    return status


def _count(annotator: Annotator, judges: Judges, read: Inputs) -> tuple[int, list[str]]:
    """Count the packets of all files; the exit status, and the files that were read."""
    from cbpf.capture.printing.style import Style
    from cbpf.cli.delivery import Delivery, Job
    from cbpf.cli.output import Output
    from cbpf.cli.progress import progress
    from cbpf.cli.sinks import Sink
    from cbpf.errors import SavefileError

    class Counting(Delivery):
        """What is delivered are counts."""

        def _batches(self, savefile: Savefile, limit: int | None) -> Iterator[Batch]:
            def choose(interface: Interface) -> Sequence[Program] | None:
                return self._choice(savefile.path, interface)

            try:
                self._scan = annotator.scan(savefile, choose)
                if savefile.format == "pcap" and choose(savefile.interfaces[0]) is None:
                    return
                yield from self._scan
                if not (self._choice.accepted or self._choice.refused) and savefile.interfaces:
                    choose(savefile.interfaces[0])  # which has no packets: the program is of interest
            except SavefileError as error:
                self._report(error)

    counting = Counting(judges, Job(Output(None, counts=True), Style()), Sink())
    with counting.told_by_signals(), progress(counting.state, wanted=True):
        counting.run(read)
    return counting.status, [path for path, _ in counting.counts]


def _shown(found: Annotation, form: _Form) -> str:
    """An annotation as it is printed."""
    if form.json:
        return _json(found, form)
    from cbpf.debug.annotate.text import render

    texts = (render(each, clauses=form.clauses, listing=form.listing, color=form.color) for each in found.linktypes)
    return "\n".join(texts)


def _json(found: Annotation, form: _Form) -> str:
    from cbpf.cli.objects import json_line

    unwanted = {
        name for name, wanted in zip(_PARTS, (form.clauses, form.clauses, form.listing), strict=True) if not wanted
    }
    linktypes = tuple(
        {name: value for name, value in each._asdict().items() if name not in unwanted} for each in found.linktypes
    )
    return json_line({**found._asdict(), "linktypes": linktypes})


_PARTS: Final = ("clauses", "groups", "instructions")

"""``cbpf graph``: the graphs of an expression or a program, in the terminal, for Graphviz, as SVG or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from cbpf.cli.linktype import first_interface, linktype_option
from cbpf.cli.options import (
    FILE,
    Source,
    color_option,
    expression_options,
    netmask_number,
    one_reader_of_stdin,
    program_option,
    source,
    target_option,
)
from cbpf.cli.printing import colored
from cbpf.cli.programs import no_expression, verified_program
from cbpf.cli.streams import complain, put

if TYPE_CHECKING:
    from cbpf.debug.graph import Picture, Stages

_ETHERNET: Final = 1
_MOST: Final = 2000  # nodes that are shown unless more are wanted
_KINDS: Final = ("decision", "flow")
_SUFFIXES: Final = {".dot": "dot", ".gv": "dot", ".svg": "svg", ".json": "json"}
_EXAMPLES = """\b
Examples:
  cbpf graph tcp port 80
  cbpf graph --kind flow -o port80.svg tcp port 80
  cbpf graph --passes 'port 80 and host 192.0.2.1'
  cbpf graph --diff --pass reorder icmp
  cbpf graph --dot --program filter.bpf | dot -Tpng > filter.png
"""


class _Asked(NamedTuple):
    """``linktype`` is a LINKTYPE number, None if nobody said; ``most`` is None for all nodes."""

    source: Source
    program: str | None
    linktype: int | None
    target: str
    kind: str | None
    name: str | None
    form: str
    output: str | None
    most: int | None
    color: bool


@click.command("graph", short_help="Show the graph of an expression or a program.", epilog=_EXAMPLES)
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    help="decision: the tests and what follows from them; flow: the program's instructions in blocks.  "
    "[default: decision; flow with --program]",
)
@click.option("--pass", "name", metavar="NAME", help="The graph after this pass of the optimizer.  [default: the last]")
@click.option("--passes", "listing", is_flag=True, help="List the passes, with how many nodes each left.")
@click.option("--diff", "diff", is_flag=True, help="Print what a pass changed; without --pass, what each of them did.")
@click.option("--dot", "form", flag_value="dot", help="Print it for Graphviz.")
@click.option("--svg", "form", flag_value="svg", help="Draw it, with Graphviz's dot.")
@click.option("--json", "form", flag_value="json", help="Print a JSON object, with all nodes.")
@click.option(
    "-o",
    "output",
    type=FILE,
    metavar="FILE",
    help="Write to FILE; one that ends in .dot, .gv, .svg or .json says in which form.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=_MOST,
    show_default=True,
    metavar="N",
    help="Show no more than N nodes; 0 means all.",
)
@program_option
@linktype_option("For packets of this link type, by name or number.  [default: the program's, or EN10MB]")
@click.option("-r", "path", type=FILE, metavar="FILE", help="For packets of this savefile: its (first) link type.")
@target_option()
@expression_options
@color_option("text")
def command(listing: bool, diff: bool, **values: Any) -> int:
    """Show what EXPRESSION asks of a packet as a graph, with bytes by the names of their fields; or the program that
    it becomes, in blocks of instructions.

    In the text, a way that ends at once or goes to a node with a number is on the node's own line, and "next" is the
    line below. A part of the expression stands in brackets where it begins.
    """
    from cbpf.cli.objects import json_line
    from cbpf.debug.graph import dot, render, svg

    asked = _asked(values, wants_text=listing or diff)
    if asked.program is not None:
        if listing or diff or asked.name is not None:
            raise click.UsageError("--pass, --passes and --diff are about expressions: a program has been compiled")
        picture = _of_program(asked, asked.program)
    else:
        found = _stages(asked)
        if listing or diff:
            text = _passes(found) if listing else "".join(_differences(asked, found))
            _deliver(asked.output, text.encode())
            return 0
        picture = _of_expression(asked, found, asked.name)
    if asked.form == "json":
        _deliver(asked.output, json_line(picture).encode())
        return 0
    shown = _cut(asked, picture)
    forms: dict[str, Callable[[], bytes]] = {
        "text": lambda: render(shown, color=asked.color).encode(),
        "dot": lambda: dot(shown).encode(),
        "svg": lambda: svg(shown),
    }
    _deliver(asked.output, forms[asked.form]())
    return 0


def _asked(values: dict[str, Any], *, wants_text: bool) -> _Asked:
    """The options as one. Raises UsageError for what does not go together."""
    path, program, output, form = (values[name] for name in ("path", "program", "output", "form"))
    one_reader_of_stdin(values["file"], program, path)
    no_expression(values, compiles=False)
    if values["linktype"] is not None and path is not None:
        raise click.UsageError("-y and -r are two ways to name the link type: use one")
    if wants_text and form is not None:
        raise click.UsageError(f"--passes and --diff are text: they do not go with --{form}")
    if form is None and output is not None and not wants_text:
        form = next((form for suffix, form in _SUFFIXES.items() if output.lower().endswith(suffix)), None)
    return _Asked(
        source(values).in_full(),
        program,
        values["linktype"] if path is None else first_interface(path).linktype,
        values["target"],
        values["kind"],
        values["name"],
        form or "text",
        None if output == "-" else output,
        values["limit"] or None,
        output in (None, "-") and colored(values["color"]),
    )


def _stages(asked: _Asked) -> Stages:
    from cbpf.debug.graph import stages

    what = asked.source
    return stages(
        what.expression,
        _ETHERNET if asked.linktype is None else asked.linktype,
        netmask=netmask_number(what.netmask),
        optimize=what.optimize,
        target=asked.target,
    )


def _of_expression(asked: _Asked, found: Stages, name: str | None) -> Picture:
    from cbpf.debug.graph import decision, flow
    from cbpf.machine import DEFAULT_SNAPLEN

    place = _place(found, name)
    if asked.kind == "flow":
        return flow(found, place, asked.source.snaplen or DEFAULT_SNAPLEN)
    return decision(found, place)


def _place(found: Stages, name: str | None) -> int:
    """The place of a pass, by default the last. Raises UsageError if there is none of that name."""
    try:
        return found.find(name)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error


def _of_program(asked: _Asked, path: str) -> Picture:
    from cbpf.debug.graph import decision_of_program, flow_of_program

    picture = decision_of_program if asked.kind == "decision" else flow_of_program
    return picture(verified_program(path), asked.linktype, target=asked.target)


def _passes(found: Stages) -> str:
    """How many nodes there are after each pass, verdicts not counted."""
    from cbpf.compiler.graph import successors

    width = max(len(stage.name) for stage in found.stages)
    lines = []
    for stage in found.stages:
        count = sum(bool(successors(node)) for node in stage.graph.order)
        nodes = f"{count:6} node{'s' * (count != 1)}"
        lines.append(f"{stage.name:{width}}  {nodes}{'' if stage.changed else '  (no change)'}\n")
    return "".join(lines)


def _differences(asked: _Asked, found: Stages) -> Iterator[str]:
    """What the pass that was asked for changed, or each one that changed something."""
    from cbpf.debug.graph import difference

    if asked.name is not None:
        _place(found, asked.name)
    for previous, stage in pairwise(found.stages):
        if not stage.changed or asked.name not in (None, stage.name):
            continue
        before, after = (_cut(asked, _of_expression(asked, found, each.name)) for each in (previous, stage))
        yield difference(before, after, (previous.name, stage.name), color=asked.color)


def _cut(asked: _Asked, picture: Picture) -> Picture:
    from cbpf.debug.graph import cut

    if asked.most is None or len(picture.nodes) <= asked.most:
        return picture
    complain(f"the graph has {len(picture.nodes)} nodes, of which {asked.most} are shown (see --limit)")
    return cut(picture, asked.most)


def _deliver(output: str | None, data: bytes) -> None:
    """Write the answer to a file, or to stdout. Raises ClickException if that cannot be done."""
    if output is None:
        put(data.decode())
        return
    try:
        with open(output, "wb") as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{output}: cannot write: {getattr(error, 'strerror', None) or error}") from error

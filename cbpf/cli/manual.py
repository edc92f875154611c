"""The manual page cbpf(1), made of the commands: ``python -m cbpf.cli.manual > cbpf/cli/cbpf.1``.

click-man would do that for click's usual groups; it does not know commands that are loaded when they are asked for, and
leaves the examples out. Source: man(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from cbpf.cli.application import group
from cbpf.version import __version__

_SEE_ALSO = "pcap-filter(7), tcpdump(1), pcap-savefile(5), bpf(4)"


def page() -> str:
    """The page, in the language of man(7)."""
    context = click.Context(group, info_name="cbpf", help_option_names=["-h", "--help"])
    lines = [
        f'.TH CBPF 1 "" "cbpf {__version__}" "User Commands"',
        ".SH NAME",
        r"cbpf \- classic BPF packet filters: compile tcpdump expressions, and run them over packets",
        ".SH SYNOPSIS",
        r"\fBcbpf\fR \fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]...",
        ".SH DESCRIPTION",
        *_prose(group.help or ""),
        ".SH COMMANDS",
    ]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        lines += _command(click.Context(command, info_name=name, parent=context), command)
    lines += [
        ".SH ENVIRONMENT",
        ".TP",
        r"\fBCBPF_ENGINE\fR",
        *_prose("interpreter: run programs in Python, and make no machine code."),
        ".TP",
        r"\fBCBPF_FILTERS\fR",
        *_prose("Folders of named filters, with ':' between them; those of --filters override theirs."),
        ".TP",
        r"\fBXDG_CONFIG_HOME\fR",
        *_prose("Named filters are looked for in cbpf/filters there, by default in ~/.config/cbpf/filters."),
        ".TP",
        r"\fBNO_COLOR\fR",
        *_prose("If it is set, output has no colours of itself."),
        ".SH SEE ALSO",
        _escaped(_SEE_ALSO),
    ]
    return "\n".join(lines) + "\n"


def _command(context: click.Context, command: click.Command) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    name = context.command_path
    yield f".SS {name}"
    yield rf"\fB{name}\fR {_escaped(usage)}"
    yield ".PP"
    yield from _prose(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            names, text = record
            yield ".TP"
            yield rf"\fB{_escaped(names)}\fR"
            yield from _prose(text)
    if command.epilog:
        yield ".PP"
        yield from _prose(command.epilog)
    for part, inner in command.commands.items() if isinstance(command, click.Group) else ():
        yield from _command(click.Context(inner, info_name=part, parent=context), inner)


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; those that click's mark forbids to be filled keep their lines."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", cleandoc(text))):
        if number:
            yield ".PP"
        lines = paragraph.split("\n")
        if lines[0].strip() == "\b":
            yield ".nf"
            yield from map(_escaped, lines[1:])
            yield ".fi"
        else:
            yield _escaped(" ".join(line.strip() for line in lines))


def _escaped(text: str) -> str:
    """Text as it is, to troff."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("^", r"\(ha").replace("~", r"\(ti")
    text = text.replace("'", r"\(aq").replace("`", r"\(ga")
    return rf"\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    click.echo(page(), nl=False)

"""What the commands about an expression itself share: the expression, the link type, and the form of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import click

from cbpf.cli.compile import _interface, _linktype
from cbpf.cli.completion import keywords, linktypes
from cbpf.cli.options import _netmask, all_of, one_reader_of_stdin, without_comments
from cbpf.cli.printing import _colored
from cbpf.cli.streams import read_text

_Command = TypeVar("_Command", bound=Callable[..., Any])

_ETHERNET: Final = 1
BOLD, DIM, YELLOW, GREEN = "1", "2", "33", "32"


class About(NamedTuple):
    """``linktype`` is a LINKTYPE number, ``netmask`` has 32 bits."""

    expression: str
    linktype: int
    netmask: int | None
    json: bool
    color: bool

    def painted(self, text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self.color else text


def about_options(command: _Command) -> _Command:
    """EXPRESSION, -F, -y, -r, --netmask, --json and --color; ``about`` makes one value of them."""
    return all_of(
        click.argument("words", metavar="[EXPRESSION]...", nargs=-1, shell_complete=keywords),
        click.option(
            "-F",
            "file",
            type=click.Path(),
            metavar="FILE",
            help="Read the expression from FILE ('-' is standard input); '#' begins a comment.",
        ),
        click.option(
            "-y",
            "linktype",
            metavar="LINKTYPE",
            callback=lambda *of: _linktype(of[2]),
            shell_complete=linktypes,
            help="For packets of this link type, by name or number.  [default: EN10MB]",
        ),
        click.option(
            "-r",
            "path",
            type=click.Path(),
            metavar="FILE",
            help="For packets of this savefile: its (first) link type.",
        ),
        click.option(
            "--netmask",
            callback=_netmask,
            metavar="MASK",
            help="Netmask of the captured network, as in 255.255.255.0; 'ip broadcast' needs it.",
        ),
        click.option("--json", "json", is_flag=True, help="Print a JSON object."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            help="Colour the output; auto: on a terminal, unless NO_COLOR is set.",
        ),
    )(command)


def about(values: Mapping[str, Any]) -> About:
    """The values of ``about_options`` as one. Raises UsageError for what does not go together."""
    words, file, path, linktype = values["words"], values["file"], values["path"], values["linktype"]
    one_reader_of_stdin(file, path)
    if file is not None and words:
        raise click.UsageError("the expression comes from -F or from the command line, not from both")
    if linktype is not None and path is not None:
        raise click.UsageError("-y and -r are two ways to name the link type: use one")
    expression = " ".join(words) if file is None else without_comments(read_text(file))
    if path is not None:
        linktype = _interface(path).linktype
    netmask = values["netmask"]
    return About(
        expression,
        _ETHERNET if linktype is None else linktype,
        None if netmask is None else int.from_bytes(bytes(map(int, netmask.split(".")))),
        values["json"],
        not values["json"] and _colored(values["color"]),
    )


def json_text(value: object) -> str:
    """JSON in one line; named tuples are objects, other tuples are lists."""
    import json

    return json.dumps(_plain(value)) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is not None:
            return {name: _plain(part) for name, part in zip(fields, value, strict=True)}
        return [_plain(part) for part in value]
    return value

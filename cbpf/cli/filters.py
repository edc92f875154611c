"""``cbpf filters``: the named filters, which ``@NAME`` in an expression includes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from cbpf.cli.completion import filters as names_of_filters
from cbpf.cli.includes import folders_option, library
from cbpf.cli.objects import json_line
from cbpf.cli.streams import complain, flush, printable, put

if TYPE_CHECKING:
    from cbpf.capture import Packet
    from cbpf.library import Header, Library, NamedFilter
    from cbpf.library.checking import Checked

_MISTAKEN: Final = re.compile(r"[-_.A-Za-z0-9]+")  # what the language takes for a name behind '@'
_FAILED: Final = 1
_NARROWEST: Final = 30  # columns for a title
_LONGEST_TITLE: Final = 60
_EXAMPLES = """\b
Examples:
  cbpf filters list --tag tcp
  cbpf filters show tcp-syn-scan
  cbpf filters new our-servers 'net 192.0.2.0/24 and @tcp-syn-scan'
  cbpf filters test --filters ./filters
"""


@click.group("filters", short_help="List, show, test and make named filters.", epilog=_EXAMPLES, no_args_is_help=False)
def command() -> None:
    """Named filters: in any expression, @NAME stands for the filter of that name, in parentheses.

    A filter is a file NAME.pcapfilter, of small letters, digits and hyphens, as tcpdump's -F reads it: an expression,
    and comments behind '#'. Those that are shipped come first; one of the same name in a later folder overrides them:

    \b
    1. the filters that are shipped
    2. $XDG_CONFIG_HOME/cbpf/filters, or ~/.config/cbpf/filters
    3. the folders in CBPF_FILTERS, with ':' between them
    4. --filters DIR
    """


_json_option = click.option("--json", "json", is_flag=True, help="Print a JSON object for each filter, one a line.")


# list


@command.command("list", short_help="List their names, titles and tags.")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only those with this tag.  May be repeated.")
@folders_option
@_json_option
def list_command(words: tuple[str, ...], tags: tuple[str, ...], folders: tuple[str, ...], json: bool) -> int:
    """List the named filters: name, title and tags. With WORDs, those in whose names or headers all of them occur."""
    shelf = library(folders)
    found = [each for each in _readable(shelf) if _wanted(each, words, tags)]
    if json:
        put("".join(json_line(_entry(each, shelf)) for each in found))
    elif found:
        put(printable("\n".join(_table(found)) + "\n"))
    else:
        complain("no filter is like that" if words or tags else "there are no filters")
    return 0


def _readable(shelf: Library) -> Iterator[NamedFilter]:
    """The filters that can be read; of the others it is told that they cannot."""
    from cbpf.library import LibraryError

    for name in shelf.names():
        try:
            found = shelf.find(name)
        except LibraryError as error:
            complain(str(error))
            continue
        if found is not None:
            yield found


def _wanted(found: NamedFilter, words: Sequence[str], tags: Sequence[str]) -> bool:
    header = found.header
    text = " ".join((found.name, header.title, header.finds, *header.tags)).lower()
    return all(word.lower() in text for word in words) and all(tag in header.tags for tag in tags)


def _table(found: Sequence[NamedFilter]) -> Iterator[str]:
    """Three columns, as wide as the terminal; as wide as they are where there is none."""
    name = max(len(each.name) for each in found)
    title = min(_LONGEST_TITLE, max(len(each.header.title) for each in found))
    width = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None
    if width is not None:
        tags = max(len(", ".join(each.header.tags)) for each in found)
        title = max(_NARROWEST, min(title, width - name - tags - 4))
    for each in found:
        line = f"{each.name:{name}}  {_cut(each.header.title, title):{title}}  {', '.join(each.header.tags)}".rstrip()
        yield line if width is None else _cut(line, width)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."


class _Entry(NamedTuple):
    name: str
    title: str
    finds: str
    linktypes: tuple[str, ...]
    false_positives: str
    references: tuple[str, ...]
    tags: tuple[str, ...]
    expression: str
    path: str
    overrides: tuple[str, ...]


def _entry(found: NamedFilter, shelf: Library) -> _Entry:
    expression = " ".join(found.expression.split())
    return _Entry(found.name, *found.header, expression, found.path, shelf.overridden(found.name))


# show


@command.command("show", short_help="Show what one finds, its expression, and where it is.")
@click.argument("name", metavar="NAME", shell_complete=names_of_filters)
@folders_option
@click.option("--json", "json", is_flag=True, help="Print a JSON object.")
def show_command(name: str, folders: tuple[str, ...], json: bool) -> int:
    """Show the filter NAME: what it finds, its expression, that with all filters it includes in full, and its file."""
    from cbpf.language.includes import expand

    shelf = library(folders)
    found = _named(name, shelf)
    expansion = expand(f"@{found.name}", shelf)
    full = expansion.text[1:-1] if len(expansion.included) > 1 else None
    if json:
        put(json_line({**_entry(found, shelf)._asdict(), "expanded": full}))
        return 0
    put(printable("\n".join(_description(found, full, shelf.overridden(found.name))) + "\n"))
    return 0


def _named(name: str, shelf: Library) -> NamedFilter:
    """The filter that a user names, with or without ``@``. Raises FilterError, with a suggestion, if there is none."""
    from cbpf.language.includes import expand

    name = name.removeprefix("@")
    found = shelf.find(name)
    if found is None:
        if _MISTAKEN.fullmatch(name):
            expand(f"@{name}", shelf)
        raise click.UsageError(f"{name!r} is not the name of a filter")
    return found


def _description(found: NamedFilter, full: str | None, overridden: Sequence[str]) -> Iterator[str]:
    width = min(100, shutil.get_terminal_size().columns)
    header = found.header
    entries = {
        "finds": header.finds,
        "link types": ", ".join(header.linktypes),
        "false positives": header.false_positives,
        "references": "; ".join(header.references),
        "tags": ", ".join(header.tags),
        "file": found.path,
        "overrides": ", ".join(overridden),
    }
    yield f"@{found.name}" + (f": {header.title}" if header.title else "")
    for key, value in entries.items():
        if value:
            yield textwrap.fill(f"{key}: {value}", width, subsequent_indent="  ", break_on_hyphens=False)
    yield ""
    lines = found.content.rstrip().split("\n")
    start = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    yield from (f"  {line.rstrip()}" for line in lines[start:] or ["(no expression)"])
    if full is not None:
        yield ""
        yield "in full:"
        yield textwrap.fill(full, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


# test


@command.command("test", short_help="Test whether they compile, and do on samples what they should.")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=names_of_filters)
@folders_option
@_json_option
def test_command(names: tuple[str, ...], folders: tuple[str, ...], json: bool) -> int:
    """Test the filters NAME, or those of --filters DIR, or all of them: whether they compile on their link types, are
    free of warnings by 'cbpf lint', and do on their samples what they should.

    A filter matches all packets of the savefile NAME.match.pcap, and none of NAME.miss.pcap, which are looked for
    beside its file, in the folder captures there, and, for a folder named filters, in captures/filters beside that.
    A filter without samples does not fail.

    \b
    Exit status:
      0  none failed
      1  some failed
      2  bad usage
    """
    from cbpf.library.checking import check

    shelf = library(folders)
    chosen = [_named(name, shelf).name for name in names] or _all_of(shelf, folders)
    failed = bad = 0
    for file in [] if names else _misnamed(shelf, folders):
        complain(f"{file}: not a name of small letters, digits and hyphens: it cannot be included")
        bad += 1
    for name in chosen:
        result = check(_named(name, shelf), shelf)
        failed += bool(result.problems)
        put(json_line(result) if json else "".join(f"{printable(line)}\n" for line in _verdict(result, folders)))
        flush()
    if not json:
        put(f"{len(chosen)} filter{'s' * (len(chosen) != 1)} tested, {failed} failed\n")
    return _FAILED if failed or bad else 0


def _all_of(shelf: Library, folders: Sequence[str]) -> list[str]:
    """The names of the filters in some folders; of all if there are none."""
    wanted = {os.path.abspath(folder) for folder in folders}
    return [each.name for each in shelf if not wanted or os.path.dirname(each.path) in wanted]


def _misnamed(shelf: Library, folders: Sequence[str]) -> Iterator[str]:
    from cbpf.library.shelf import misnamed

    for folder in folders or shelf.folders:
        yield from (os.path.join(folder, file) for file in misnamed(folder))


def _verdict(result: Checked, folders: Sequence[str]) -> Iterator[str]:
    samples = [
        f"{count} {what}" for count, what in ((result.match, "match"), (result.miss, "do not")) if count is not None
    ]
    lacking = [f"no {result.name}.{kind}.pcap" for kind in ("match", "miss") if getattr(result, kind) is None]
    if not result.problems:
        yield f"ok    {result.name}: {', '.join([*samples, *lacking] if samples else ['no samples'])}"
        return
    yield f"FAIL  {result.name} ({result.path})"
    for problem in result.problems:
        yield f"  {problem.message}"
        if problem.path is not None:
            given = [part for folder in folders for part in ("--filters", folder)]
            what = [problem.path, "-n", str(problem.number), *given, f"@{result.name}"]
            yield f"    {shlex.join(['cbpf', 'why', '-r', *what])}"


# new


@command.command("new", short_help="Make one.")
@click.argument("name", metavar="NAME")
@click.argument("words", metavar="[EXPRESSION]...", nargs=-1)
@click.option("--title", default="", metavar="TEXT", help="What it is, in a few words.")
@click.option("--finds", default="", metavar="TEXT", help="What it finds, and why one wants to know.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag.  May be repeated.")
@click.option(
    "--match", multiple=True, metavar="FILE#N", help="A packet that it matches, for its sample.  May be repeated."
)
@click.option("--miss", multiple=True, metavar="FILE#N", help="A near miss, for the other sample.  May be repeated.")
@folders_option
def new_command(name: str, words: tuple[str, ...], folders: tuple[str, ...], **values: Any) -> int:
    """Make the filter NAME with EXPRESSION: a file with a header to fill in, in the last folder of --filters, or else
    in the user's own. Nothing is overwritten. 'cbpf filters test NAME' tests it.

    Packets of savefiles become samples of what it matches (--match), or does not match (--miss): FILE#7 is the
    seventh packet of FILE.
    """
    from cbpf.library.folders import own
    from cbpf.library.making import content, create, is_name

    name = name.removeprefix("@")
    if not is_name(name):
        raise click.UsageError(f"{name!r} is no name for a filter: small letters, digits and hyphens, as in dns-errors")
    shelf, expression = library(folders), " ".join(words)
    linktypes = _compiled(name, expression, shelf)
    samples = {kind: [_packet(text) for text in values[kind]] for kind in ("match", "miss")}
    for kind, packets in samples.items():
        _agree(expression, shelf, kind, packets, values[kind])
    hidden = shelf.find(name)
    header = _header(values, linktypes)
    written = create(folders[-1] if folders else own(), name, content(header, expression), samples)
    put(printable("".join(f"{path}\n" for path in written)))
    if hidden is not None:
        complain(f"it overrides {hidden.path}")
    return 0


def _header(values: dict[str, Any], linktypes: tuple[str, ...]) -> Header:
    from cbpf.library import Header

    return Header(title=values["title"], finds=values["finds"], linktypes=linktypes, tags=values["tags"])


def _compiled(name: str, expression: str, shelf: Library) -> tuple[str, ...]:
    """The link types that carry IP, on which the expression means something. Raises FilterError if it is wrong."""
    import cbpf
    from cbpf.errors import OF_THE_LINKTYPE
    from cbpf.language.includes import expand
    from cbpf.library.checking import CARRIERS

    if not expression.strip():
        return ()
    if name in [each.name for each in expand(expression, shelf).included]:
        raise click.UsageError(f"a filter cannot include itself, and '@{name}' would be this one")
    found = []
    for linktype in CARRIERS:
        try:
            cbpf.compile(expression, linktype, library=shelf)
            found.append(linktype)
        except cbpf.FilterError as error:
            if error.reason not in OF_THE_LINKTYPE:
                raise
    return ("any",) if len(found) == len(CARRIERS) else tuple(found)


def _packet(text: str) -> Packet:
    """The packet that FILE#N names. Raises UsageError if it is none, ClickException if it cannot be read."""
    from cbpf.capture import open_savefile
    from cbpf.errors import SavefileError

    path, _, digits = text.rpartition("#")
    if not path or not digits.isascii() or not digits.isdecimal() or int(digits[:19]) == 0:
        raise click.UsageError(f"{text!r} is no packet: FILE#7 is the seventh packet of FILE")
    wanted, number = int(digits[:19]), 0
    try:
        with open_savefile(path) as savefile:
            for number, packet in enumerate(savefile, 1):
                if number == wanted:
                    return packet
    except SavefileError as error:
        raise click.ClickException(str(error)) from error
    raise click.ClickException(f"{path}: has only {number} packet{'s' * (number != 1)}")


def _agree(expression: str, shelf: Library, kind: str, packets: Sequence[Packet], given: Sequence[str]) -> None:
    """Raise ClickException for a packet that the expression does not treat as its sample says."""
    import cbpf
    from cbpf.engine import PythonEngine

    if packets and not expression.strip():
        raise click.UsageError(f"--{kind} is about an expression: give one")
    for packet, text in zip(packets, given, strict=True):
        if packet.interface.linktype != packets[0].interface.linktype:
            raise click.UsageError(f"the packets of --{kind} are for one file, and have different link types")
        program = cbpf.compile(expression, packet.interface.linktype, library=shelf).program
        if bool(PythonEngine(program).run(packet.data, packet.wirelen)) != (kind == "match"):
            path, _, number = text.rpartition("#")
            why = shlex.join(["cbpf", "why", "-r", path, "-n", number, expression])
            raise click.ClickException(f"{text} {'does not match' if kind == 'match' else 'matches'}; {why} says why")

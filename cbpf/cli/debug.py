"""``cbpf debug``: the debugger, on the whole screen for people at a terminal, and line by line for scripts."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from cbpf.cli.includes import library
from cbpf.cli.linktype import linktype_option
from cbpf.cli.options import FILE, expression_options, netmask_number, program_option, source
from cbpf.cli.programs import verified_program
from cbpf.cli.streams import complain, flush, printable, put

if TYPE_CHECKING:
    from cbpf.capture import Packet
    from cbpf.debug.commands import Debugger
    from cbpf.debug.debuggee import Debuggee
    from cbpf.debug.numbered import Numbered

_PROMPT: Final = "> "
_LONGEST: Final = 1 << 24  # bytes of a line: as many as the largest program needs, many times over
_EXAMPLES = """\b
Examples:
  cbpf debug -r http.pcap tcp port 80
  printf 'break port 80\\nrun\\nstep\\nwhy\\n' | cbpf debug -r http.pcap tcp port 80
  cbpf debug --program filter.bpf -r http.pcap < commands.txt
"""


@click.command("debug", short_help="Step through a filter on the packets of a savefile.", epilog=_EXAMPLES)
@click.option(
    "-r",
    "path",
    type=FILE,
    metavar="FILE",
    help="The savefile with the packets, pcap or pcapng, compressed or not.",
)
@program_option
@linktype_option(
    "Take the packets for ones of this link type, by name or number.  [default: what the file says; \
without one, EN10MB]"
)
@click.option("--plain", is_flag=True, help="Line by line on a terminal, too, and not on the whole screen.")
@expression_options
def command(plain: bool, **values: Any) -> int:
    """Go through the program of EXPRESSION step by step, forward and back, on the packets of a savefile.

    On a terminal it fills the screen: the expression, the program, the registers, the bytes and the packets, with '?'
    for its keys. That needs Textual (pip install 'cbpf[debugger]'); without it, or with --plain, there are a prompt, a
    history and completion.

    From a file or a pipe, standard input has commands, one a line; a line that begins with '#' is a comment. Nothing is
    printed but answers; what cannot be done is told on standard error, the next line is gone on with, and the exit
    status is 1 in the end.

    The commands are those of the Linux kernel's bpf_dbg and some more; names may be shortened as far as they are clear.

    \b
    load bpf N,CODE JT JF K,...   another program
    load pcap FILE                another savefile
    expression [TEXT]             another expression; the present one
    disassemble [PC]              the program, as tcpdump -d has it
    dump                          the program, as tcpdump -dd has it
    breakpoint [PC]               stop in front of an instruction; list all
    breakpoint [clause] WORDS     stop where a part of the expression begins
    breakpoint packet N           stop in front of a packet
    breakpoint reset              remove all
    select N                      go to a packet, counted from 1
    next [N], previous [N]        go to the next packet, or to the one before
    run [N]                       run up to a breakpoint, N packets, or the end
    step [-N|+N]                  execute an instruction, or N, or go N back
    finish                        execute all up to the verdict on the packet
    until-change                  go to the next packet with another verdict
    where                         the present instruction
    registers                     all registers
    packet                        the bytes, with those that were read last
    why                           why the packet matches or not
    help [COMMAND], quit

    A step from the verdict on a packet leads to the next packet. A line 'pc' is the instruction that comes next, with
    the name of what it is going to read.
    """
    debugger = _debugger(values)
    if not _at_terminal():
        return _follow(debugger)
    if plain or not _can_fill_the_screen():
        return _talk(debugger)
    from cbpf.debug.screen import show

    # Standard output was wrapped anew. Python asks the first one how large the terminal is.
    sys.__stdout__ = sys.stdout  # type: ignore[misc,assignment]
    return show(debugger)


def _debugger(values: Mapping[str, Any]) -> Debugger:
    """The debugger with the filter and the savefile of the command line, as far as it names them."""
    from cbpf.capture import Interface
    from cbpf.debug.commands import Debugger
    from cbpf.debug.debuggee import Debuggee
    from cbpf.debug.outcomes import DebugError
    from cbpf.debug.session import Session

    if "-" in (values["path"], values["program"], values["file"]):
        raise click.UsageError("standard input gives the commands; name a file")
    what, chosen = source(values), values["linktype"]
    if values["program"] is not None and (what.expression or values["file"] is not None):
        raise click.UsageError("an expression and --program are two ways to name the filter: use one")
    pattern = Debuggee(
        "",
        snaplen=what.snaplen,
        netmask=netmask_number(what.netmask),
        optimize=what.optimize,
        library=library(what.folders),
    )
    session = Session(interface=Interface() if chosen is None else Interface(chosen))
    debugger = Debugger(session, lambda path: _packets(path, chosen), pattern)
    if values["path"] is not None:
        try:
            session.load_packets(debugger.open_packets(values["path"]))
        except DebugError as error:
            raise click.ClickException(str(error)) from error
    debuggee = _debuggee(pattern, what.expression, values)
    if debuggee is not None:
        session.load_filter(debuggee)
    return debugger


def _debuggee(pattern: Debuggee, expression: str, values: Mapping[str, Any]) -> Debuggee | None:
    from cbpf.debug.debuggee import Debuggee

    if values["program"] is not None:
        return Debuggee(program=verified_program(values["program"]))
    return pattern.changed(expression) if values["words"] or values["file"] is not None else None


def _packets(path: str, taken_for: int | None) -> Numbered:
    """The packets of a savefile. Raises SavefileError if it cannot be opened, or is standard input."""
    from cbpf.capture import open_savefile
    from cbpf.debug.numbered import Numbered
    from cbpf.errors import SavefileError

    def begin() -> Generator[Packet]:
        with open_savefile(path) as savefile:
            for packet in savefile:
                if taken_for is None:
                    yield packet
                else:
                    yield packet._replace(interface=packet.interface._replace(linktype=taken_for))

    if path == "-":
        raise SavefileError("gives the commands; name a file", path="standard input")
    return Numbered(path, begin, again=_is_regular(path))


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # which opening it will tell
        return False


# Who gives the commands.


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdout is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _can_fill_the_screen() -> bool:
    """Whether there is Textual, and a terminal that can do more than write line after line.

    Textual draws on standard error.
    """
    from importlib.util import find_spec

    stderr = sys.__stderr__
    if os.environ.get("TERM", "dumb") == "dumb" or stderr is None or not stderr.isatty():
        return False
    if stderr.encoding.lower() not in ("utf-8", "utf8"):
        return False
    if find_spec("textual") is None:
        complain("line by line, for there is no Textual: pip install 'cbpf[debugger]' fills the screen")
        return False
    return True


def _follow(debugger: Debugger) -> int:
    """Do what the lines of standard input say; 1 if something could not be done."""
    failed = False
    for number, line in enumerate(_lines(), 1):
        complaint = "not UTF-8 text" if line is None else _do(debugger, line)
        if complaint is not None:
            complain(f"line {number}: {complaint}")
            failed = True
        if debugger.over:
            break
    return int(failed)


def _lines() -> Iterator[str | None]:
    """The lines of standard input, None for one that is no text."""
    if sys.stdin is None:
        return
    while line := sys.stdin.buffer.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise click.ClickException(f"standard input: a line has more than {_LONGEST} bytes")
        try:
            yield line.decode()
        except UnicodeDecodeError:
            yield None


def _talk(debugger: Debugger) -> int:
    """Do what is typed. An interruption ends what is being done, and not the debugger."""
    _prepare_terminal(debugger)
    line = "where"
    while not debugger.over:
        try:
            complaint = _do(debugger, line)
            if complaint is not None and line:
                complain(complaint)
            if not debugger.over:
                line = input(_PROMPT)
        except EOFError:
            put("\n")
            break
        except KeyboardInterrupt:
            put("\n")
            debugger.session.recover()
            line = ""
    return 0


def _prepare_terminal(debugger: Debugger) -> None:
    try:
        import readline
    except ImportError:  # Python can be built without it
        return

    def complete(_word: str, number: int) -> str | None:
        found = debugger.complete(readline.get_line_buffer()[: readline.get_endidx()])
        return f"{found[number]} " if number < len(found) else None

    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")


def _do(debugger: Debugger, line: str) -> str | None:
    """Print the answer; gives what went wrong, if something did."""
    from cbpf.errors import CbpfError

    complaint = None
    try:
        for text in debugger.execute(line):
            put(_shown(text))
    except CbpfError as error:
        complaint = str(error)
    flush()
    return complaint


def _shown(text: str) -> str:
    """The text without what makes terminals do things; lines end, and listings have tabs."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "\t".join(map(printable, text.split("\t")))

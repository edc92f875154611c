"""The command group, and what each way to end means for the exit status.

- 0: done, also when nothing matched, or when the reader of the output had enough
- 1: a file or the system failed
- 2: bad usage, a bad expression, a bad program
- 130 and 143: interrupted and terminated
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from cbpf.cli.completion import VARIABLE
from cbpf.cli.streams import complain, discard_output, finish_output, named, prepare_output
from cbpf.errors import CbpfError, SavefileError
from cbpf.version import __version__

# Each is a module of this room whose ``command`` is the click command.
_COMMANDS = tuple("filter compile run explain lint trace why annotate debug graph triage filters completion".split())

_FAILED = 1
_REFUSED = 2
_INTERRUPTED = 130  # what shells report for a command that SIGINT ended
_TERMINATED = 143


class Terminated(BaseException):
    """SIGTERM came. Like KeyboardInterrupt, it passes whatever is being done, which finishes its files."""


class _Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"cbpf.cli.{cmd_name}").command
        return command


@click.group(
    cls=_Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="cbpf", message="%(prog)s %(version)s")
def group() -> None:
    """Classic BPF packet filters: compile tcpdump expressions, and run them over savefiles.

    \b
    Exit status:
      0  done, also when nothing matched
      1  a file could not be read or written to its end
      2  bad usage, a bad expression or a bad program

    Each command has examples: cbpf filter --help
    """


def run_process() -> int:
    """Run ``cbpf`` with the arguments of this process, which may be terminated; gives the exit status."""

    def terminate(_number: int, _frame: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, terminate)
    for name in ("SIGUSR1", "SIGUSR2"):  # who asks when there is nothing to say any more does not end it
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)
    return run(sys.argv[1:])


def run(arguments: Sequence[str]) -> int:
    """Run ``cbpf`` with ``arguments``; gives the exit status, and raises nothing that bad input can cause."""
    prepare_output()
    status = _status(list(arguments))
    return finish_output() or status


def _status(arguments: list[str]) -> int:
    try:
        return _invoke(arguments)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except Terminated:
        return _TERMINATED
    except BrokenPipeError:
        return 0
    except click.UsageError as error:
        complain(error.format_message())
        if error.ctx is not None:
            complain(f"try '{error.ctx.command_path} --help'")
        return error.exit_code
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except SavefileError as error:
        if error.path == "-":
            discard_output()
        complain(named(error, "standard output" if error.path == "-" else error.path))
        return _FAILED
    except MemoryError:
        complain("out of memory")
        return _FAILED
    except OSError as error:  # click's, who prints help; files have errors of their own
        discard_output()
        complain(error.strerror or str(error))
        return _FAILED
    except CbpfError as error:
        complain(str(error))
        return _REFUSED


def _invoke(arguments: list[str]) -> int:
    if VARIABLE in os.environ:
        from click.shell_completion import shell_complete

        try:
            return shell_complete(group, {}, "cbpf", VARIABLE, os.environ[VARIABLE])
        except KeyError as missing:  # another variable that the shell sets
            raise click.UsageError(f"{VARIABLE} is set, and {missing.args[0]} is not: it is for shells only") from None
    with group.make_context("cbpf", arguments) as context:
        status: int = group.invoke(context)
        return status

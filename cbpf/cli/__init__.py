"""The command line: click commands that parse options, call one function, and print.

    application   the command group, and what each way to end means for the exit status
    compile, filter, run, completion   one command each

Options, and the values that are made of them:

    options       the expression
    includes      named filters in it
    inputs, wire  which savefiles are read, or which interface
    choosing      which packets are of interest besides
    output, target, splitting, printing   what becomes of them

Runs:

    verdicts      which program decides about the packets of a link type
    delivery      a whole run over savefiles: packets in, packets out, complaints, exit status
    live          the same over an interface
    sinks         where matching packets go: ``lines``, ``copies`` (with ``commands``), and the shares of ``splitting``
    progress      how far it is
    privileges    becoming another user
    streams       standard streams, and the files of text that commands read
    manual        the manual page

Rooms that a command does not need are not imported before it runs: starting is most of what a short command does.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import Final, NoReturn

# Packets come and go in large batches, and make no cycles: there is no use in looking for some every 700 objects.
_COLLECTED: Final = 100_000


def main() -> NoReturn:
    """The command ``cbpf``: run it on this process's arguments, and exit.

    All files are closed then and all output is handed on. What is left is to give memory back, piece by piece, which
    takes longer than to filter a small file; so that is left to the operating system.
    """
    gc.set_threshold(_COLLECTED)
    try:
        from cbpf.cli.application import run_process

        status = run_process()
    except KeyboardInterrupt:  # while importing
        status = 130
    with suppress(AttributeError, OSError, ValueError):  # no stderr, or one that has gone
        sys.stderr.flush()
    os._exit(status)

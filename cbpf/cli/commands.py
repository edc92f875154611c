"""Running a command on every savefile that is finished (-z), beside the run and without a shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from signal import Signals
from typing import Final

_MOST: Final = 32  # at a time
_LOWEST_PRIORITY: Final = 19  # setpriority(2)


class Commands:
    """Runs one program on files, with the name of the file as its only argument.

    As with tcpdump it is a program and nothing else: blanks, quotes and dollars are part of its name. It has the lowest
    priority, standard output and error of this process, nothing to read, and a process group of its own: Ctrl-C ends a
    capture, and not what is done with its files.

    ``complain`` is told of every one that cannot be run or fails; ``failed`` says whether there were any.
    """

    def __init__(self, program: str, complain: Callable[[str], None]) -> None:
        self.failed = False
        self._program = program
        self._complain = complain
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, path: str) -> None:
        """Begin to run it on a file. It is not waited for, unless very many are running."""
        self._reap()
        if len(self._running) >= _MOST:
            self.wait_for(next(iter(self._running)))
        own_group = {"process_group": 0} if os.name == "posix" else {}
        try:
            process = subprocess.Popen([self._program, path], stdin=subprocess.DEVNULL, **own_group)  # type: ignore[call-overload]
        except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
            self._failure(f"cannot run: {getattr(error, 'strerror', None) or error}")
            return
        self._running[path] = process
        # Not in the child before it begins: what runs there must not touch Python, which has threads.
        with suppress(AttributeError, OSError):  # Windows has none; or it has ended
            os.setpriority(os.PRIO_PROCESS, process.pid, _LOWEST_PRIORITY)

    def wait_for(self, path: str) -> None:
        """Wait for the one that is running on a file, if any."""
        process = self._running.get(path)
        if process is not None:
            process.wait()
            del self._running[path]
            self._judge(path, process.returncode)

    def wait(self) -> None:
        """Wait for all of them."""
        for path in list(self._running):
            self.wait_for(path)

    def _reap(self) -> None:
        for path, process in list(self._running.items()):
            if process.poll() is not None:
                del self._running[path]
                self._judge(path, process.returncode)

    def _judge(self, path: str, status: int) -> None:
        if status < 0:
            with suppress(ValueError):
                self._failure(f"ended by {Signals(-status).name} on {path}")
                return
        if status:
            self._failure(f"ended with status {status} on {path}")

    def _failure(self, what: str) -> None:
        self.failed = True
        self._complain(f"{self._program}: {what}")

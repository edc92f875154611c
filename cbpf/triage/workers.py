"""Processes that look at files: as many as there are jobs, each at one file at a time.

They are started with nothing but this program's module path and talk through pipes, so it does not matter what else is
in memory here. One that dies takes its file with it, which is marked, and another is started in its place.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from signal import Signals
from threading import Thread
from types import TracebackType
from typing import Final, NamedTuple, Self

from cbpf.errors import CbpfError
from cbpf.triage.record import from_json
from cbpf.triage.result import FileResult, Summary
from cbpf.triage.survey import Examination

# The path is this program's own: what lies in the current folder shall not be taken for a module.
# Ctrl-C is told to all that run in a terminal; it is whoever started them that ends these processes.
_START: Final = (
    "import json, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = json.loads(sys.argv[1]); "
    "from cbpf.triage.worker import main; main()"
)

_LAST_MOMENTS: Final = 5.0  # seconds that a process may take to end after its last word


class Reading(NamedTuple):
    """So many bytes of a file have been read."""

    path: str
    bytes: int


class Workers:
    """Looks at files, in this order and several at once: iterate for what is found as it is found.

    It is a context manager: on leaving it the processes end, whatever they are at. There may be fewer than ``jobs``
    where the system allows no more. Raises CbpfError where it allows none.
    """

    def __init__(self, paths: Sequence[str], filters: Mapping[str, str], jobs: int, *, hashes: bool) -> None:
        self._waiting = deque(paths)
        self._filters = filters
        self._hashes = hashes
        self._answers: SimpleQueue[tuple[_Worker, bytes]] = SimpleQueue()
        self._workers: list[_Worker] = []
        wanted = min(jobs, len(paths))
        while len(self._workers) < wanted and self._started():
            pass

    def __iter__(self) -> Iterator[Examination | Reading]:
        busy = sum(map(self._given_next, self._workers))
        while busy:
            worker, line = self._answers.get()
            if not line:
                yield Examination(_died(worker), settled=False)
                self._workers.remove(worker)
                busy -= 1
                if self._waiting and self._started():
                    busy += self._given_next(self._workers[-1])
                continue
            answer = json.loads(line)
            if isinstance(answer, int):
                yield Reading(worker.path, answer)
                continue
            capture, settled, text = answer
            busy += self._given_next(worker) - 1
            yield Examination(from_json(text), capture, settled, text)

    def _started(self) -> bool:
        """Start a process more, if that is possible."""
        try:
            self._workers.append(_Worker(json.dumps([dict(self._filters), self._hashes]), self._answers))
        except (OSError, RuntimeError) as error:  # too many files, processes or threads
            if not self._workers:
                raise CbpfError(f"cannot start a process: {getattr(error, 'strerror', None) or error}") from error
            return False
        return True

    def _given_next(self, worker: _Worker) -> bool:
        """Give a worker the next file, if there is one."""
        if not self._waiting:
            return False
        worker.take(self._waiting.popleft())
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()


class _Worker:
    """One process, and the file it is at. Its answers, and an empty one when it ends, go to all workers' queue."""

    def __init__(self, task: str, answers: SimpleQueue[tuple[_Worker, bytes]]) -> None:
        command = [sys.executable, "-P", "-c", _START, json.dumps(sys.path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.path = ""
        self._answers = answers
        self._say(task)
        Thread(target=self._listen, daemon=True).start()

    def take(self, path: str) -> None:
        self.path = path
        self._say(json.dumps(path))

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended, and its end will be heard of

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                self._answers.put((self, line))
        self._answers.put((self, b""))

    def end(self) -> None:
        """End the process, if it has not ended."""
        self._process.kill()
        self._process.wait()

    def status(self) -> int:
        """The exit status of a process that has nothing to say any more."""
        try:
            return self._process.wait(_LAST_MOMENTS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _died(worker: _Worker) -> FileResult:
    """What is known of a file that a process has not survived."""
    status = worker.status()
    try:
        name = Signals(-status).name
        why = f"the process that looked at it was killed ({name})"
    except ValueError:
        why = f"the process that looked at it ended with status {status}"
    try:
        found = os.stat(worker.path)
        size, mtime = found.st_size, found.st_mtime_ns
    except OSError:
        size = mtime = 0
    return FileResult(worker.path, size, mtime, None, why, Summary())

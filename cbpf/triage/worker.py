"""A process that looks at files: what to do comes in on standard input, and what was found goes out, a line each.

It is started by ``cbpf.triage.workers`` and ends when its input does. First comes a line with the filters and whether
hashes are wanted, then a path a line, all in JSON. For each path there are lines with a number, the bytes read so far,
and then one with what an ``Examination`` says of it: ``capture``, ``settled``, and the FileResult's own text.
"""

from __future__ import annotations

import json
import os
import sys
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Final

_EVERY: Final = 0.25  # seconds between two words on how far it is


def main() -> None:
    """Serve until there is nothing left to do."""
    from cbpf.scanning import FilterSet
    from cbpf.triage.record import to_json
    from cbpf.triage.survey import Examiner

    lines: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_listen, args=(lines,), daemon=True).start()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may get between the answers
    filters, hashes = json.loads(lines.get())
    examiner = Examiner(FilterSet(filters))
    said = monotonic()

    def say(text: str) -> None:
        answers.write(text.encode() + b"\n")
        answers.flush()

    def tell(read: int) -> None:
        nonlocal said
        if monotonic() - said > _EVERY:
            said = monotonic()
            say(str(read))

    while True:
        examination = examiner.examine(json.loads(lines.get()), hashes=hashes, tell=tell)
        say(json.dumps([examination.capture, examination.settled, to_json(examination.result)]))


def _listen(lines: SimpleQueue[bytes]) -> None:
    """Put what comes in into a queue. Where nothing comes any more, nobody waits for answers: the process ends."""
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)

"""One savefile scanned by several threads, with the results of one.

The file is cut into parts of equal length. Where the first record of a part begins is guessed by its thread; that is
right if the part before ends there. Otherwise the part is scanned again from where that one ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from cbpf.capture import walk
from cbpf.capture.piece import Batch, Piece, Task
from cbpf.capture.walks import Walks


class Part(NamedTuple):
    """What the records from ``begin`` to ``end`` have come to: packets seen, those that match, and tallies of a set.

    ``whole`` if the next record begins in another part, and not if it is one that is not plain, or not all there.
    """

    begin: int
    end: int
    seen: int
    batches: list[Batch]
    counted: bytes
    whole: bool


class Parts:
    """The parts of a file from ``begin`` to ``end``, in order: up to the first that is not whole.

    ``length`` is how long they are; what matches in as many as there are ``threads``, and one, is in memory at once.
    """

    def __init__(self, walks: Walks, form: int, task: Task, begin: int, end: int, *, length: int, threads: int) -> None:
        self._walks = walks
        self._form = form
        self._task = task
        self._begin = begin
        self._threads = threads
        self._stops = deque([*range(begin + length, end, length), end])
        self._spare: list[Piece] = []  # of threads that are done with a part

    def __iter__(self) -> Iterator[Part]:
        at = start = self._begin
        waiting: deque[tuple[int, Future[Part]]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                while self._stops or waiting:
                    while self._stops and len(waiting) <= self._threads:
                        stop = self._stops.popleft()
                        waiting.append((stop, pool.submit(self._guessed, start, stop)))
                        start = stop
                    stop, future = waiting.popleft()
                    part = future.result()
                    if at >= stop:
                        continue  # the part before went on beyond the end of this one
                    if part.begin != at:
                        part = self._scanned(self._piece(at), at, stop)
                    at = part.end
                    yield part
                    if not part.whole:
                        return
            finally:
                for _, future in waiting:
                    future.cancel()

    def _guessed(self, begin: int, stop: int) -> Part:
        """A part whose first record must be found. One that has none is empty, and begins where it cannot."""
        piece = self._piece(begin)
        if begin != self._begin and not (self._read(piece) and piece.find(self._task)):
            self._spare.append(piece)
            return Part(stop, stop, 0, [], b"", whole=True)
        return self._scanned(piece, piece.offset, stop)

    def _scanned(self, piece: Piece, begin: int, stop: int) -> Part:
        """The records that begin in a part, from the first one on."""
        batches: list[Batch] = []
        packets, status = 0, walk.FULL
        while status in (walk.FULL, walk.PAUSED) or (status == walk.STARVED and self._read(piece)):
            status, seen, batch = piece.walk(self._task, stop=stop)
            packets += seen
            if batch.found:
                batches.append(_copied(batch))
        end, counted = piece.offset, piece.counted()
        self._spare.append(piece)
        return Part(begin, end, packets, batches, counted, whole=status == walk.STOPPED)

    def _read(self, piece: Piece) -> bool:
        """Whether there is more. What goes wrong will go wrong again, when the part that ends there is gone on with."""
        try:
            return piece.read_at(self._task.descriptor)
        except OSError:
            return False

    def _piece(self, offset: int) -> Piece:
        try:
            piece = self._spare.pop()  # which no two threads do at once
        except IndexError:
            piece = Piece(self._form, self._walks)
        piece.refill(b"", offset)
        return piece


def _copied(batch: Batch) -> Batch:
    """A batch that is good for longer than until the next one."""
    return batch._replace(encoded=memoryview(bytes(batch.encoded)), shares=[_copied(each) for each in batch.shares])

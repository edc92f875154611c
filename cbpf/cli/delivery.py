"""A whole run: packets in, matching packets out, complaints on the way, and the exit status at the end.

``deliver`` reads savefiles; ``cbpf.cli.live`` does the same for an interface.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import zip_longest
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Final, NamedTuple

from cbpf.capture import walk
from cbpf.capture.selection import EVERYTHING, Selection
from cbpf.cli.inputs import Inputs
from cbpf.cli.output import Output
from cbpf.cli.privileges import account, become
from cbpf.cli.progress import State, amount, progress
from cbpf.cli.sinks import Both, Sink
from cbpf.cli.splitting import Shares, Split, share_targets
from cbpf.cli.streams import complain, input_name, named, printable, put
from cbpf.cli.verdicts import Choice, Judges
from cbpf.errors import SavefileError

if TYPE_CHECKING:
    from cbpf.capture import Interface, Savefile
    from cbpf.capture.printing import Style
    from cbpf.capture.scan import Batch, Scan
    from cbpf.engine import Semantics
    from cbpf.machine import Program


class Job(NamedTuple):
    """What is to be done to packets that match.

    ``also_read`` are other files that this command reads, and so must not write.
    """

    output: Output
    style: Style
    selection: Selection = EVERYTHING
    split: Split = Split()
    also_read: Sequence[str] = ()

    @property
    def prints(self) -> bool:
        """Whether lines about packets go to standard output."""
        return self.output.prints or (self.output.target is None and not self.output.counts)

    def sink(self, inputs: Sequence[str]) -> Sink:
        """Where they go; what is among ``inputs`` is not written to."""
        from cbpf.cli.copies import Copies
        from cbpf.cli.lines import Lines

        output, split = self.output, self.split
        names = split.names
        lines = Lines(self.style, names, unbuffered=output.unbuffered) if self.prints else Sink()
        if output.target is None:
            return lines
        targets = share_targets(output.target, split) if names else [output.target]
        copies = [
            Copies(each, (*inputs, *self.also_read), unbuffered=output.unbuffered, complain=complain)
            for each in targets
        ]
        written = Shares(copies) if names else copies[0]
        return Both(written, lines) if self.prints else written


def deliver(inputs: Inputs, judges: Judges, job: Job, *, semantics: Semantics = "libpcap") -> int:
    """Do to the matching packets of savefiles what a job says; the exit status.

    What is wrong with an input is complained about, and the rest is still delivered; what is wrong with the output is
    raised.
    """
    output = job.output
    sink = job.sink((*inputs.paths, *inputs.lists))
    delivery = Delivery(judges, job, sink, semantics)
    quiet = job.style.quick or (job.prints and _on_a_terminal())
    with suppress(BrokenPipeError), delivery.told_by_signals():  # or whoever reads the output has had enough
        with sink, progress(delivery.state, wanted=not quiet):
            delivery.run(inputs)
        if output.counts:
            show = printable if _on_a_terminal() else str
            put("".join(f"{show(line)}\n" for line in delivery.count_lines()))
    if output.statistics:
        delivery.tell()
    return 1 if sink.failed and not delivery.status else delivery.status


class _OutputFailed(Exception):
    """Something is wrong with the output, not with the savefile that is being read; the cause says what."""


class Delivery:
    """What happened so far: ``counts`` of matching packets, by file in the order they were read, and the ``status``."""

    def __init__(self, judges: Judges, job: Job, sink: Sink, semantics: Semantics = "libpcap") -> None:
        from cbpf.capture.walks import Walks

        self.counts: list[tuple[str, int]] = []
        self._job = job
        self._sink = sink
        self._choice = Choice(judges, complain)
        filters, selection = job.split.filters, job.selection
        self._walks = Walks(
            len(filters) if filters else None,
            semantics,
            complain,
            rest=job.split.unmatched is not None,
            inverted=min(selection.keep, 0xFFFFFFFF) if selection.inverted else None,
        )
        self._names = job.split.names
        self._named = [0] * len(self._names)  # packets of each
        self._started = monotonic()
        self._scan: Scan | None = None
        self._seen = self._read = self._files = 0  # packets, bytes, and savefiles that are done with
        self._size: int | None = None
        self._phase = 0
        self._failed = False
        self._privileged = job.output.user is not None

    @property
    def status(self) -> int:
        if self._choice.refused and not self._choice.accepted:
            return 2
        return 1 if self._failed or self._choice.refused else 0

    def run(self, inputs: Inputs) -> None:
        """Hand the matching packets of the savefiles to the sink, as many as are wanted."""
        self._size = _size(inputs.paths)
        self._failed |= inputs.incomplete
        left = self._job.output.limit
        for savefile in self._opened(inputs):
            self._sink.begin(savefile.path)
            found = 0
            for batch in self._batches(savefile, left):
                found += self._sink.take(batch)
                if self._names and self._sink.form == walk.DATA:
                    self._count(batch)
                if self._sink.done:
                    break
            self._end_file(savefile, found)
            if left is not None:
                left -= found
            if left == 0 or self._sink.done:
                return

    def state(self) -> State:
        """How far it is."""
        scan = self._scan
        read, seen = (0, 0) if scan is None else (scan.bytes_read, scan.seen)
        return State(self._read + read, self._size, self._seen + seen)

    def count_lines(self) -> Iterator[str]:
        """A line for each file if there are several, or for each filter, and one for all."""
        if self._names:
            yield from (f"{name}: {_packets(count)}" for name, count in zip(self._names, self._named, strict=True))
            return
        if len(self.counts) > 1:
            yield from (f"{path}: {_packets(count)}" for path, count in self.counts)
        yield _packets(sum(count for _, count in self.counts))

    def tell(self) -> None:
        """Say what happened so far, on standard error."""
        state, seconds = self.state(), max(monotonic() - self._started, 1e-9)
        found = sum(count for _, count in self.counts) + (self._scan.found if self._scan else 0)
        files = self._files + (self._scan is not None)
        rate = f"{amount(int(state.done / seconds))}/s"
        complain(
            f"read {files} file{'s' * (files != 1)}, {amount(state.done)}, {_packets(state.packets)} "
            f"in {seconds:.2f} s ({rate})"
        )
        complain(f"matched {_packets(found)}" + (f" ({found / state.packets:.2%})" if state.packets else ""))
        now = [count.packets for count in self._scan.counts] if self._scan and self._sink.form != walk.DATA else []
        for name, count, more in zip_longest(self._names, self._named, now, fillvalue=0):
            complain(f"  {name}: {_packets(count + more)}")

    @contextmanager
    def told_by_signals(self) -> Iterator[None]:
        """Say what happened so far on SIGUSR1, and hand on what is in memory on SIGUSR2."""

        def tell(_number: int, _frame: object) -> None:
            self.tell()

        def flush(_number: int, _frame: object) -> None:
            self._sink.flush()

        with handled("SIGUSR1", tell), handled("SIGUSR2", flush):
            yield

    def _opened(self, inputs: Inputs) -> Iterator[Savefile]:
        """The savefiles, open one at a time; those that cannot be opened are reported and left out."""
        from cbpf.capture import open_savefile
        from cbpf.errors import NotASavefile

        for path in inputs.paths:
            try:
                if path != "-" and os.path.isdir(path):
                    raise SavefileError("is a folder; --recursive reads what is in it", path=path)
                savefile = open_savefile(path)
            except SavefileError as error:
                if not (isinstance(error, NotASavefile) and path in inputs.found):
                    self._report(error)
                continue
            with savefile:
                yield savefile

    def _batches(self, savefile: Savefile, limit: int | None) -> Iterator[Batch]:
        """What matches, up to the first damage, which is reported."""
        from cbpf.capture.scan import Scan

        def choose(interface: Interface) -> Sequence[Program] | None:
            programs = self._choice(savefile.path, interface)
            if programs is None:
                return None
            try:
                self._sink.expect(interface)
            except SavefileError as error:
                raise _OutputFailed from error
            self._settle(interface)
            return programs

        try:
            # A pcap file has no other interface, so without a program there is no need to read it.
            if savefile.format == "pcap" and choose(savefile.interfaces[0]) is None:
                return
            self._scan = Scan(
                savefile,
                choose,
                self._sink,
                self._walks,
                limit=limit,
                threads=self._job.output.threads,
                selection=self._job.selection,
                phase=self._phase,
            )
            yield from self._scan
            # Only now, since the interface described first need not have captured anything.
            if not (self._choice.accepted or self._choice.refused) and savefile.interfaces:
                choose(savefile.interfaces[0])
        except _OutputFailed as failure:
            assert failure.__cause__ is not None
            raise failure.__cause__ from None
        except SavefileError as error:
            self._report(error)

    def _end_file(self, savefile: Savefile, found: int) -> None:
        """Add what a file has come to."""
        self.counts.append((input_name(savefile.path), found))
        self._files += 1
        if self._scan is not None:
            state, counts = self.state(), self._scan.counts
            self._read, self._seen, self._phase = state.done, state.packets, self._scan.phase
            if self._sink.form != walk.DATA:
                for number, count in enumerate(counts):
                    self._named[number] += count.packets
            self._scan = None

    def _count(self, batch: Batch) -> None:
        """Count packets that are handed over, for each filter of a set."""
        for match in batch.matches:
            for number in range(len(self._named)):
                self._named[number] += match.filters >> number & 1

    def _settle(self, interface: Interface) -> None:
        """Become another user, now that the output is open, if that is wanted."""
        if self._privileged:
            self._privileged = False
            settle(self._sink, interface, self._job.output.user or "")

    def _report(self, error: SavefileError) -> None:
        self._failed = True
        complain(named(error, input_name(error.path)))


# What is loaded when a file asks for it.
_LATE: Final = (
    *("cbpf.capture.parts", "concurrent.futures.thread", "cbpf.capture.writing.compressors", "cbpf.capture.scan"),
    *("gzip", "bz2", "lzma", "zstandard", "lz4.frame", "subprocess", "select"),
)


def settle(sink: Sink, interface: Interface, user: str) -> None:
    """Become another user, when all is loaded that there might be no right to read later. The output is that user's."""
    from cbpf.engine.llvm import NoNativeCode, available

    sink.prepare(interface)
    with suppress(NoNativeCode):
        available()
        import_module("cbpf.engine.native")
    for name in _LATE:
        with suppress(ImportError):
            import_module(name)
    with suppress(OSError):  # where files belong to nobody; or it is that user's already
        _, number, group = account(user)
        sink.give(number, group)
    become(user)


@contextmanager
def handled(name: str, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have a signal handled, where there is one of that name, and this is the thread that gets signals."""
    try:
        number = signal.Signals[name]
        before = signal.signal(number, handler)
    except (KeyError, ValueError):
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, before)


def _packets(count: int) -> str:
    return f"{count} packet" if count == 1 else f"{count} packets"


def _size(paths: Iterable[str]) -> int | None:
    """Bytes of all the files, None if one of them has no size."""
    total = 0
    for path in paths:
        if path == "-" or not os.path.isfile(path):
            return None
        with suppress(OSError):
            total += os.path.getsize(path)
    return total


def _on_a_terminal() -> bool:
    with suppress(AttributeError, OSError, ValueError):
        return sys.stdout.isatty()
    return False

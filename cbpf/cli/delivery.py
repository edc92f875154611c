"""A whole run: savefiles in, matching packets out, complaints on the way, and the exit status at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from cbpf.cli.sinks import Copies, Lines, Sink
from cbpf.cli.streams import complain, input_name, named, put
from cbpf.cli.verdicts import Choice, Judge
from cbpf.errors import SavefileError

if TYPE_CHECKING:
    from cbpf.capture import Interface, Savefile
    from cbpf.capture.scan import Batch
    from cbpf.cli.options import Output
    from cbpf.engine import Semantics
    from cbpf.machine import Program


def deliver(
    paths: Sequence[str],
    judge: Judge,
    output: Output,
    *,
    also_read: Iterable[str] = (),
    semantics: Semantics = "libpcap",
) -> int:
    """Do to the matching packets of the savefiles ``paths`` what ``output`` says; the exit status.

    ``also_read`` are other files that this command reads, and so must not write. What is wrong with an input is
    complained about, and the rest is still delivered; what is wrong with the output is raised.
    """
    delivery = Delivery(judge, semantics, output.threads)
    with suppress(BrokenPipeError):  # whoever reads the output has had enough
        with _sink(output, (*paths, *also_read)) as sink:
            delivery.run(paths, sink, output.limit)
        if output.counts:
            put("".join(f"{line}\n" for line in count_lines(delivery.counts)))
    return delivery.status


def count_lines(counts: Sequence[tuple[str, int]]) -> Iterator[str]:
    """A line for each file if there are several, and one for all."""
    if len(counts) > 1:
        yield from (f"{path}: {_packets(count)}" for path, count in counts)
    yield _packets(sum(count for _, count in counts))


def _packets(count: int) -> str:
    return f"{count} packet" if count == 1 else f"{count} packets"


def _sink(output: Output, inputs: Sequence[str]) -> Sink:
    if output.write is not None:
        return Copies(output.write, inputs, unbuffered=output.unbuffered)
    return Sink() if output.counts else Lines(unbuffered=output.unbuffered)


class _OutputFailed(Exception):
    """Something is wrong with the output, not with the savefile that is being read; the cause says what."""


class Delivery:
    """What happened so far: ``counts`` of matching packets, by file in the order they were read, and the ``status``."""

    def __init__(self, judge: Judge, semantics: Semantics = "libpcap", threads: int = 1) -> None:
        from cbpf.capture.walks import Walks

        self.counts: list[tuple[str, int]] = []
        self._choice = Choice(judge, complain)
        self._walks = Walks(semantics=semantics, note=complain)
        self._threads = threads
        self._failed = False

    @property
    def status(self) -> int:
        if self._choice.refused and not self._choice.accepted:
            return 2
        return 1 if self._failed or self._choice.refused else 0

    def run(self, paths: Iterable[str], sink: Sink, limit: int | None) -> None:
        """Hand the matching packets of ``paths`` to ``sink``, up to ``limit`` of them."""
        left = limit
        for savefile in self._opened(paths):
            found = 0
            for batch in self._batches(savefile, sink, left):
                found += batch.found
                sink.take(batch)
            self.counts.append((input_name(savefile.path), found))
            if left is not None:
                left -= found
                if not left:
                    return

    def _opened(self, paths: Iterable[str]) -> Iterator[Savefile]:
        """The savefiles, open one at a time; those that cannot be opened are reported and left out."""
        from cbpf.capture import open_savefile

        for path in paths:
            try:
                savefile = open_savefile(path)
            except SavefileError as error:
                self._report(error)
                continue
            with savefile:
                yield savefile

    def _batches(self, savefile: Savefile, sink: Sink, limit: int | None) -> Iterator[Batch]:
        """What matches, up to the first damage, which is reported."""
        from cbpf.capture.scan import Scan

        def choose(interface: Interface) -> tuple[Program] | None:
            program = self._choice(savefile.path, interface)
            if program is None:
                return None
            try:
                sink.expect(interface)
            except SavefileError as error:
                raise _OutputFailed from error
            return (program,)

        try:
            # A pcap file has no other interface, so without a program there is no need to read it.
            if savefile.format == "pcap" and choose(savefile.interfaces[0]) is None:
                return
            yield from Scan(savefile, choose, sink, self._walks, limit=limit, threads=self._threads)
            # Only now, since the interface described first need not have captured anything.
            if not (self._choice.accepted or self._choice.refused) and savefile.interfaces:
                choose(savefile.interfaces[0])
        except _OutputFailed as failure:
            assert failure.__cause__ is not None
            raise failure.__cause__ from None
        except SavefileError as error:
            self._report(error)

    def _report(self, error: SavefileError) -> None:
        self._failed = True
        complain(named(error, input_name(error.path)))

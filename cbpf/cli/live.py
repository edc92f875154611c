"""A run over an interface: as ``cbpf.cli.delivery`` does it for savefiles, until somebody or something ends it."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Final

import click

from cbpf.capture.live import CaptureError, Live, Refused, interface_name, open_live
from cbpf.capture.piece import NOTHING, Batch, Match
from cbpf.cli.delivery import Job, handled, settle
from cbpf.cli.streams import complain, put
from cbpf.cli.verdicts import Judges
from cbpf.cli.wire import Wire
from cbpf.engine import engine
from cbpf.linktypes import linktype_name

if TYPE_CHECKING:
    from cbpf.capture.packet import Packet
    from cbpf.engine import PythonEngine
    from cbpf.engine.native import NativeEngine
    from cbpf.machine import Program

_WAIT: Final = 0.25  # seconds after which signals and the end of the time are looked for, at the latest


def capture(what: Wire, kernel: Judges, here: Judges, job: Job) -> int:
    """Do to the matching packets of an interface what a job says; the exit status.

    ``kernel`` are the programs to be attached, ``here`` those that judge in this process, if the kernel takes none or
    there is more to decide than whether a packet matches.
    """
    started = monotonic()
    try:
        live = open_live(
            interface_name(what.interface),
            snaplen=what.snaplen,
            promiscuous=what.promiscuous,
            direction=what.direction,
            buffer_size=what.buffer,
            immediate=what.immediate or (job.output.target is None and not job.output.counts),
        )
    except CaptureError as error:
        raise click.ClickException(str(error)) from error
    with live:
        capturing = _Capturing(live, kernel, here, job)
        end = None if what.duration is None else started + what.duration
        return capturing.run(end)


class _Capturing:
    """One capture: packets from ``live`` to where the job wants them."""

    def __init__(self, live: Live, kernel: Judges, here: Judges, job: Job) -> None:
        self._live = live
        self._job = job
        self._sink = job.sink(())
        self._found = 0
        self._named = [0] * len(job.split.names)  # packets of each filter
        self._phase = 0
        self._stopped = False  # by a signal
        self._engines: list[NativeEngine | PythonEngine] = []  # that judge in this process
        linktype = live.interface.linktype
        in_kernel = not job.split.filters and not job.selection.inverted
        self._program = kernel(linktype)[0] if in_kernel else None
        self._local = here if in_kernel else _known(here(linktype))

    def run(self, end: float | None) -> int:
        """Capture until ``end``, a limit or a signal; the exit status."""
        status = 0
        with suppress(BrokenPipeError), self._signals():
            with self._sink:
                self._sink.begin(self._live.interface.name or "")
                self._sink.expect(self._live.interface)
                if self._job.output.user is not None:
                    settle(self._sink, self._live.interface, self._job.output.user)
                self._attach()
                complain(f"listening on {self._live.interface.name}, {linktype_name(self._live.interface.linktype)}")
                try:
                    self._listen(end)
                except CaptureError as error:
                    complain(str(error))
                    status = 1
            if self._job.output.counts:
                put("".join(f"{line}\n" for line in self._count_lines()))
        self._tell()
        return 1 if self._sink.failed else status

    def _count_lines(self) -> Iterator[str]:
        for name, count in zip(self._job.split.names, self._named, strict=True):
            yield f"{name}: {count} packet{'s' * (count != 1)}"
        if not self._named:
            yield f"{self._found} packet{'s' * (self._found != 1)}"

    def _attach(self) -> None:
        """Have the kernel filter, or else do it here."""
        if self._program is not None:
            try:
                self._live.attach(self._program)
            except Refused as refusal:
                complain(f"{refusal}; filtering in this process")
            else:
                return
        self._engines = [engine(program) for program in self._local(self._live.interface.linktype)]
        self._live.detach()

    def _listen(self, end: float | None) -> None:
        while not self._stopped:
            left = _WAIT if end is None else min(_WAIT, end - monotonic())
            if left <= 0:
                break
            self._take(self._live.read(left))
            if self._enough():
                return
        for packets in self._live.finish():  # what came before that
            self._take(packets)
            if self._enough():
                return

    def _enough(self) -> bool:
        limit = self._job.output.limit
        return self._sink.done or (limit is not None and self._found >= limit)

    def _take(self, packets: Sequence[Packet]) -> None:
        matches = list(self._matching(packets))
        if matches:
            limit = self._job.output.limit
            matches = matches if limit is None else matches[: limit - self._found]
            self._found += self._sink.take(Batch(len(matches), NOTHING, matches))
            for match in matches if self._named else ():
                for number in range(len(self._named)):
                    self._named[number] += match.filters >> number & 1
        if not packets and self._job.prints:
            self._sink.flush()

    def _matching(self, packets: Sequence[Packet]) -> Iterator[Match]:
        chosen = self._job.selection
        for timestamp, wirelen, data, interface in packets:
            # The kernel has cut the packet, and does not say what the verdict was.
            kept, filters = self._judged(data, wirelen) if self._engines else (0, 1)
            if not filters or (chosen.chooses and not chosen.includes(1, timestamp)):
                continue
            if self._phase:
                self._phase -= 1
                continue
            self._phase = chosen.every - 1
            yield Match(0, timestamp, wirelen, memoryview(data)[: kept or None], interface, filters, kept)

    def _judged(self, data: bytes, wirelen: int) -> tuple[int, int]:
        """How many bytes to keep, and the bits of the filters that match."""
        selection, split = self._job.selection, self._job.split
        verdicts = [each.run(data, wirelen) for each in self._engines]
        if not split.filters:
            whole = min(selection.keep, 0xFFFFFFFF)
            return (whole, int(not verdicts[0])) if selection.inverted else (verdicts[0], int(verdicts[0] > 0))
        bits = sum(1 << bit for bit, verdict in enumerate(verdicts) if verdict)
        return selection.keep, bits or (split.unmatched is not None) << len(verdicts)

    # What is said, and when.

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: object) -> None:
            if self._stopped:  # it was asked to before, and something does not end
                raise KeyboardInterrupt
            self._stopped = True

        def tell(_number: int, _frame: object) -> None:
            self._tell()

        def flush(_number: int, _frame: object) -> None:
            self._sink.flush()

        with ExitStack() as stack:
            for name in ("SIGINT", "SIGTERM", *_hangup()):
                stack.enter_context(handled(name, stop))
            stack.enter_context(handled("SIGUSR1", tell))
            stack.enter_context(handled("SIGUSR2", flush))
            yield

    def _tell(self) -> None:
        """The numbers that tcpdump has at its end."""
        received, dropped, _ = self._live.statistics()
        if self._engines:
            complain(f"{received} captured, {self._found} matched in this process, {dropped} dropped by kernel")
        else:
            complain(f"{self._found} captured, {received} matched in the kernel, {dropped} dropped by kernel")
        if self._job.output.statistics:
            for name, count in zip(self._job.split.names, self._named, strict=True):
                complain(f"  {name}: {count} packet{'s' * (count != 1)}")


def _known(programs: Sequence[Program]) -> Judges:
    return lambda _: programs


def _hangup() -> Iterator[str]:
    """SIGHUP, unless it is to be ignored, as nohup(1) has it."""
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        yield "SIGHUP"

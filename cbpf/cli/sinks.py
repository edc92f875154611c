"""Where matching packets go: to lines on stdout, to a savefile, or nowhere when they are only counted."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from stat import S_ISREG
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from cbpf.capture import walk
from cbpf.capture.packet import Place
from cbpf.cli.streams import flush, input_name, put

if TYPE_CHECKING:
    from cbpf.capture import Interface, PcapngWriter, PcapWriter
    from cbpf.capture.scan import Batch


class Sink:
    """Takes batches of packets; this one throws them away. A context manager, whose end finishes what was begun.

    It is the output of a ``cbpf.capture.scan.Scan``, too.
    """

    form = walk.COUNT

    def expect(self, interface: Interface) -> None:
        """Packets of ``interface`` may come. Raises what ``take`` raises."""

    def place(self, interface: Interface) -> Place:
        """How the scan is to put packets of an interface that was expected."""
        return Place()

    def take(self, batch: Batch) -> None:
        """Take packets of interfaces that were expected.

        Raises SavefileError or ClickException if they cannot be written, BrokenPipeError if nobody reads them any more.
        """

    def close(self) -> None:
        """Finish. Raises what ``take`` raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Lines(Sink):
    """Prints one line about each packet."""

    form = walk.DATA

    def __init__(self, *, unbuffered: bool) -> None:
        from cbpf.capture import summarize

        self._summarize = summarize
        self._unbuffered = unbuffered

    def take(self, batch: Batch) -> None:
        for match in batch.matches:
            put(self._summarize(match.packet()) + "\n")
            if self._unbuffered:
                flush()


class Copies(Sink):
    """Writes the packets to a savefile.

    It is opened when the first interface is expected: a run that fails before that leaves a file as it was. ``inputs``
    are the files that are read, which it does not write to.
    """

    def __init__(self, path: str, inputs: Sequence[str], *, unbuffered: bool) -> None:
        self.form = walk.PCAPNG if path.lower().endswith(".pcapng") else walk.PCAP
        self._path = path
        self._inputs = inputs
        self._unbuffered = unbuffered
        self._writer: PcapWriter | PcapngWriter | None = None
        self._rewritable = False  # whether the header may still be changed when there is need of more room

    def expect(self, interface: Interface) -> None:
        from cbpf.capture import PcapngWriter, PcapWriter

        if self._writer is None and self._path == "-":
            _spare_inputs(self._inputs)
        if self._writer is None and self.form == walk.PCAPNG:
            self._writer = PcapngWriter(self._path, inputs=self._inputs)
        elif self._writer is None:
            self._rewritable = self._path != "-" and (os.path.isfile(self._path) or not os.path.exists(self._path))
            roomy = _roomy(interface, self._inputs)
            if self._rewritable:
                roomy = roomy._replace(snaplen=interface.snaplen)
            self._writer = PcapWriter(self._path, roomy, inputs=self._inputs)
        elif isinstance(self._writer, PcapWriter) and self._rewritable:
            self._writer.widen(interface.snaplen)
        if isinstance(self._writer, PcapngWriter):
            self._writer.add_interface(interface)

    def place(self, interface: Interface) -> Place:
        assert self._writer is not None
        return self._writer.place(interface)

    def take(self, batch: Batch) -> None:
        assert self._writer is not None
        self._writer.put(batch.encoded)
        for match in batch.matches:
            self._writer.write(match.packet())
        if self._unbuffered:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _spare_inputs(inputs: Sequence[str]) -> None:
    """Raise ClickException if stdout is a file among ``inputs``: it would be read and written without end."""
    with suppress(AttributeError, OSError, ValueError):  # no stdout, or one without a file number
        target = os.fstat(sys.stdout.fileno())
        for path in inputs:
            with suppress(OSError):
                status = os.fstat(0) if path == "-" else os.stat(path)
                if S_ISREG(status.st_mode) and os.path.samestat(status, target):
                    raise click.ClickException(f"standard output is {input_name(path)}, which is being read")


def _roomy(first: Interface, paths: Sequence[str]) -> Interface:
    """``first``, with the snapshot length and timestamp resolution that the packets of all ``paths`` need.

    The header of a pcap file says these once for all packets, and comes first: in a pipe it cannot be changed any more.
    So the files are looked into; those which cannot be, and pcapng files, may have interfaces of any snapshot length.
    """
    from cbpf.capture import open_savefile
    from cbpf.capture.limits import maximum_snaplen
    from cbpf.errors import SavefileError

    interfaces = [first]
    surprises = False
    for path in paths:
        if not os.path.isfile(path):
            surprises |= len(paths) > 1
            continue
        try:
            with open_savefile(path) as savefile:
                interfaces += savefile.interfaces
                surprises |= savefile.format != "pcap"
        except SavefileError:
            continue  # nothing comes from it, and whoever reads it will say so
    snaplen = max(each.snaplen for each in interfaces)
    return first._replace(
        snaplen=max(snaplen, maximum_snaplen(first.linktype)) if surprises else snaplen,
        resolution=max((each.resolution for each in interfaces if each.nanoseconds), default=first.resolution),
    )

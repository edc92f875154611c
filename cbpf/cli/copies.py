"""Matching packets into savefiles: one, or a row of them, with a command for each that is finished."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from cbpf.capture import walk
from cbpf.capture.packet import MICROSECONDS, NANOSECONDS, Place
from cbpf.cli.commands import Commands
from cbpf.cli.sinks import Sink
from cbpf.cli.streams import input_name
from cbpf.cli.target import Target
from cbpf.errors import SavefileError

if TYPE_CHECKING:
    from cbpf.capture import Interface
    from cbpf.capture.scan import Batch
    from cbpf.capture.writing.rotation import Series

_RESOLUTIONS: Final = {None: None, "micro": MICROSECONDS, "nano": NANOSECONDS}


class Written(NamedTuple):
    """So many packets, in files of so many bytes."""

    packets: int = 0
    bytes: int = 0


class Copies(Sink):
    """Writes the packets to where ``target`` says; ``cbpf.capture.writing.rotation`` has the rules for many files.

    The file is opened when the first interface is expected: a run that fails before that leaves a file as it was. With
    -G its name, and so its opening, has to wait for the first packet. ``inputs`` are the files that are read, which it
    does not write to. ``unbuffered`` hands on every batch at once. ``complain`` is told what goes wrong with -z.

    ``failed`` says whether a command did, and is the last word after ``close``.
    """

    def __init__(
        self, target: Target, inputs: Sequence[str], *, unbuffered: bool, complain: Callable[[str], None]
    ) -> None:
        from cbpf.capture.writer import format_by_name

        self.form = walk.PCAPNG if (target.format or format_by_name(target.path)) == "pcapng" else walk.PCAP
        self._target = target
        self._inputs = inputs
        self._unbuffered = unbuffered
        self._commands = None if target.command is None else Commands(target.command, complain)
        self._series: Series | None = None
        self._complain = complain
        self._fine = target.resolution is not None  # or somebody has chosen
        self._coarse_told = False
        self._busy = False
        self._flush_wanted = False

    @property
    def paths(self) -> list[str]:
        """The files, in the order in which they were begun; of those that are reused, for the first time."""
        return [] if self._series is None else self._series.paths

    @property
    def written(self) -> Written:
        """What has been written so far."""
        return Written() if self._series is None else Written(self._series.packets, self._series.size)

    @property
    def done(self) -> bool:
        """Whether the last of the files that -G and -W allow is over, so that nothing more is taken."""
        return self._series is not None and self._series.done

    @property
    def failed(self) -> bool:
        """Whether a command could not be run, or failed."""
        return self._commands is not None and self._commands.failed

    def expect(self, interface: Interface) -> None:
        with self._undisturbed():
            if self._series is None:
                self._series = self._new_series(interface)
                self._series.describe(interface)
                self._series.open()
                return
            self._series.widen(interface.snaplen)
            if self.form == walk.PCAP and interface.nanoseconds and not self._fine and not self._coarse_told:
                self._coarse_told = True
                self._complain(f"{self._target.path}: microseconds, and later packets have nanoseconds: see --nano")
            if self.form == walk.PCAPNG:  # what a pcap file cannot hold is only an error if packets of it come
                self._series.describe(interface)

    def place(self, interface: Interface) -> Place:
        assert self._series is not None
        return self._series.place(interface)

    def take(self, batch: Batch) -> int:
        with self._undisturbed():
            assert self._series is not None
            before = self._series.packets
            self._series.put(batch.encoded, batch.found - len(batch.matches))
            for match in batch.matches:
                self._series.write(match.packet())
        if self._unbuffered:
            self.flush()
        return self._series.packets - before

    def give(self, user: int, group: int) -> None:
        if self._series is not None:
            self._series.give(user, group)

    def flush(self) -> None:
        """Hand on what is in memory, so that it can be read; raises what ``take`` raises.

        A signal handler may do this. If it is in the middle of something else here, it is done after that.
        """
        if self._busy:
            self._flush_wanted = True
        elif self._series is not None:
            with self._undisturbed():
                self._series.flush()

    def finish(self) -> None:
        """Finish the last file."""
        self._busy = True  # from now on
        if self._series is not None:
            self._series.close()

    def wait(self) -> None:
        """Wait for the commands."""
        if self._commands is not None:
            self._commands.wait()

    def close(self) -> None:
        """Finish the last file, and wait for the commands."""
        try:
            self.finish()
        finally:
            self.wait()

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """A time in which nothing is flushed."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._flush_wanted:
            self._flush_wanted = False
            self.flush()

    def _new_series(self, interface: Interface) -> Series:
        from cbpf.capture.writing.encoding import PcapEncoding, PcapngEncoding
        from cbpf.capture.writing.rotation import Limits, Series

        target = self._target
        if target.path == "-":
            _spare_inputs(self._inputs)
        resolution = _RESOLUTIONS[target.resolution]
        encoding: PcapEncoding | PcapngEncoding
        if self.form == walk.PCAPNG:
            encoding = PcapngEncoding(target.path, resolution)
        else:
            roomy = _roomy(interface, self._inputs)
            if self._rewritable():
                roomy = roomy._replace(snaplen=interface.snaplen)
            self._fine |= roomy.nanoseconds
            encoding = PcapEncoding(target.path, roomy, resolution)
        limits = Limits(target.size, target.seconds, target.files)
        if target.size is not None and target.seconds is None and not target.force:
            _refuse_numbered(target.path)
        return Series(
            target.path,
            encoding,
            limits,
            inputs=self._inputs,
            force=target.force,
            compression=target.compression,
            closed=_ignore if self._commands is None else self._commands.run,
            reused=_ignore if self._commands is None else self._commands.wait_for,
        )

    def _rewritable(self) -> bool:
        """Whether the header of a pcap file may still be changed when there is need of more room."""
        from cbpf.capture.writing.compressors import by_name

        path = self._target.path
        if path == "-" or (self._target.compression or by_name(path)[1]) != "none":
            return False
        return os.path.isfile(path) or not os.path.exists(path)


def _refuse_numbered(path: str) -> None:
    """Raise SavefileError if there are files with the names of later ones: better at once than in the middle."""
    folder, name = os.path.split(path)
    numbered = re.compile(re.escape(name) + "[0-9]+")
    with suppress(OSError):
        for other in sorted(os.listdir(folder or ".")):
            there = os.path.join(folder, other)
            if numbered.fullmatch(other) and os.path.isfile(there) and os.path.getsize(there):
                raise SavefileError("exists, and may have to follow; --force overwrites it", path=there)


def _ignore(_path: str) -> None:
    """There is no command."""


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
        if path == "-" or not os.path.isfile(path):
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

"""Matching packets as text on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cbpf.capture import walk
from cbpf.capture.packet import Interface, Packet
from cbpf.cli.sinks import Sink
from cbpf.cli.streams import flush, input_name, put

if TYPE_CHECKING:
    from cbpf.capture.printing import Style
    from cbpf.capture.scan import Batch


class Lines(Sink):
    """Prints packets in a style; ``names`` are those of the filters, if they have some."""

    form = walk.DATA

    def __init__(self, style: Style, names: Sequence[str], *, unbuffered: bool) -> None:
        from cbpf.capture.printing import Printer

        self._style = style
        self._printer = Printer(style)
        self._names = names
        self._unbuffered = unbuffered
        self._file = ""
        self._busy = self._flush_wanted = False  # streams cannot be written to while they are

    def begin(self, path: str) -> None:
        self._file = input_name(path)

    def prepare(self, interface: Interface) -> None:
        from cbpf.capture.printing import Printer

        Printer(self._style).text(Packet(0, 1, b"\0", interface))

    def take(self, batch: Batch) -> int:
        self._busy = True
        put(self._printer.batch(batch.matches, file=self._file, names=self._names))
        if self._unbuffered or self._flush_wanted:
            flush()
        self._busy = self._flush_wanted = False
        return batch.found

    def flush(self) -> None:
        if self._busy:
            self._flush_wanted = True
        else:
            self._busy = True
            flush()
            self._busy = False

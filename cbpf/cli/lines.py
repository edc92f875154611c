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

    def begin(self, path: str) -> None:
        self._file = input_name(path)

    def prepare(self, interface: Interface) -> None:
        from cbpf.capture.printing import Printer

        Printer(self._style).text(Packet(0, 1, b"\0", interface))

    def take(self, batch: Batch) -> None:
        put(self._printer.batch(batch.matches, file=self._file, names=self._names))
        if self._unbuffered:
            flush()

    def flush(self) -> None:
        flush()

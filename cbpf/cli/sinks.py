"""Where matching packets go. The kinds are ``Lines``, ``Copies`` and ``Shares``, in rooms of their own."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from cbpf.capture import walk
from cbpf.capture.packet import Place

if TYPE_CHECKING:
    from cbpf.capture import Interface
    from cbpf.capture.scan import Batch


class Sink:
    """Takes batches of packets; this one throws them away. A context manager, whose end finishes what was begun.

    It is the output of a ``cbpf.capture.scan.Scan``, too: ``form`` is what it wants of packets.
    """

    form = walk.COUNT

    @property
    def done(self) -> bool:
        """Whether nothing more is taken."""
        return False

    @property
    def failed(self) -> bool:
        """Whether something went wrong that did not end the run."""
        return False

    def begin(self, path: str) -> None:
        """From now on packets come from this file, or interface."""

    def expect(self, interface: Interface) -> None:
        """Packets of ``interface`` may come. Raises what ``take`` raises."""

    def place(self, interface: Interface) -> Place:
        """How the scan is to put packets of an interface that was expected."""
        return Place()

    def prepare(self, interface: Interface) -> None:
        """Load all that packets of an interface that was expected will want."""

    def take(self, batch: Batch) -> None:
        """Take packets of interfaces that were expected.

        Raises SavefileError or ClickException if they cannot be written, BrokenPipeError if nobody reads them any more.
        """

    def flush(self) -> None:
        """Hand on what is in memory. Raises what ``take`` raises."""

    def close(self) -> None:
        """Finish. Raises what ``take`` raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Both(Sink):
    """Two sinks that get the same packets, each as an object."""

    form = walk.DATA

    def __init__(self, one: Sink, other: Sink) -> None:
        self._one, self._other = one, other

    @property
    def done(self) -> bool:
        return self._one.done or self._other.done

    @property
    def failed(self) -> bool:
        return self._one.failed or self._other.failed

    def begin(self, path: str) -> None:
        self._one.begin(path)
        self._other.begin(path)

    def expect(self, interface: Interface) -> None:
        self._one.expect(interface)
        self._other.expect(interface)

    def prepare(self, interface: Interface) -> None:
        self._one.prepare(interface)
        self._other.prepare(interface)

    def take(self, batch: Batch) -> None:
        self._one.take(batch)
        self._other.take(batch)

    def flush(self) -> None:
        self._one.flush()
        self._other.flush()

    def close(self) -> None:
        try:
            self._one.close()
        finally:
            self._other.close()

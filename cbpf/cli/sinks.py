"""Where matching packets go. The kinds are ``Lines``, ``Copies`` and ``Shares``, in rooms of their own."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from cbpf.capture import walk
from cbpf.capture.packet import Place
from cbpf.cli.streams import discard_output

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

    def give(self, user: int, group: int) -> None:
        """Let files that are open be those of a user and a group. Raises OSError if that is not possible."""

    def take(self, batch: Batch) -> int:
        """Take packets of interfaces that were expected; how many of them are wanted.

        Raises SavefileError or ClickException if they cannot be written, BrokenPipeError if nobody reads them any more.
        """
        return batch.found

    def flush(self) -> None:
        """Hand on what is in memory. Raises what ``take`` raises.

        A signal handler may do this: in the middle of something else it is done after that.
        """

    def close(self) -> None:
        """Finish. Raises what ``take`` raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Both(Sink):
    """Two sinks that get the same packets, each as an object. ``other`` is given up if nobody reads it any more."""

    form = walk.DATA

    def __init__(self, one: Sink, other: Sink) -> None:
        self._one, self._other = one, other

    def _give_up(self) -> None:
        self._other = Sink()
        discard_output()

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

    def give(self, user: int, group: int) -> None:
        self._one.give(user, group)

    def take(self, batch: Batch) -> int:
        taken = self._one.take(batch)
        try:
            self._other.take(batch)
        except BrokenPipeError:
            self._give_up()
        return taken

    def flush(self) -> None:
        self._one.flush()
        try:
            self._other.flush()
        except BrokenPipeError:
            self._give_up()

    def close(self) -> None:
        try:
            self._one.close()
        finally:
            self._other.close()

"""A program on one packet, instruction by instruction, forward and back.

The interpreter only goes forward. The steps that it made last are kept, which is all of them for any program that does
not loop; to go back behind those it runs again from the start, which takes the same way.
"""

from __future__ import annotations

from typing import Final

from cbpf.engine.interpreter import (
    NO_ANCILLARY,
    State,
    Step,
    steps_of,  # without verifying the program for every packet again
)
from cbpf.engine.interpreter import machine_of as machine
from cbpf.errors import ProgramError
from cbpf.machine.opcodes import SCRATCH_CELLS
from cbpf.machine.program import Program

KEPT: Final = 1 << 13  # steps; about 2 MB

_START: Final = State(0, 0, (0,) * SCRATCH_CELLS)


class Replay:
    """``done`` is how many instructions have been executed; in front of the first there are none.

    The program must be a valid one (``cbpf.machine.verify``, by libpcap's rules).
    """

    def __init__(self, program: Program, packet: bytes, wirelen: int) -> None:
        self._program, self._packet, self._wirelen = program, packet, wirelen
        self.done = 0
        self._begin()

    @property
    def last(self) -> Step | None:
        """The step that led here."""
        return self._kept[self.done - self._dropped - 1] if self.done else None

    @property
    def executed(self) -> list[Step]:
        """The steps that led here, as far as they are kept."""
        return self._kept[: self.done - self._dropped]

    @property
    def load(self) -> Step | None:
        """The step that read from the packet last, or tried to."""
        return self._loads[self.done - self._dropped - 1] if self.done else None

    @property
    def upcoming(self) -> Step | None:
        """The step that is next: the interpreter is always one ahead. None behind the last, and if it gives up."""
        place = self.done - self._dropped
        return self._kept[place] if place < len(self._kept) else None

    @property
    def state(self) -> State:
        last = self.last
        return _START if last is None else last.after

    @property
    def pc(self) -> int | None:
        """The number of the next instruction, None behind the last."""
        upcoming = self.upcoming
        if upcoming is not None:
            return upcoming.pc
        return None if self._failure is None else self._failure.index

    @property
    def verdict(self) -> int | None:
        """The bytes to keep, 0 if the packet was rejected; None before the last instruction."""
        last = self.last
        return None if last is None else last.verdict

    def forward(self) -> bool:
        """Execute an instruction; False if there is none, for the verdict is there.

        Raises ProgramError if the program has run for so long that it must loop.
        """
        if self.done - self._dropped == len(self._kept):
            if self._failure is not None:
                raise self._failure
            return False
        self.done += 1
        if self.done - self._dropped == len(self._kept):
            self._look_ahead()
        return True

    def finish(self) -> int:
        """Execute all that is left; gives the verdict."""
        while self.forward():
            pass
        verdict = self.verdict
        assert verdict is not None
        return verdict

    def back(self, count: int) -> None:
        """Undo ``count`` instructions, which must be no more than have been executed."""
        self.done -= count
        # The step that led here must be there, too.
        if self.done <= self._dropped and self._dropped:
            target, self.done = self.done, 0
            self._begin()
            while self.done < target:
                self.forward()

    def _begin(self) -> None:
        self._steps = steps_of(self._program, machine(self._packet, self._wirelen, "libpcap", NO_ANCILLARY))
        self._kept: list[Step] = []
        self._loads: list[Step | None] = []  # for each of them the last one up to it that reads
        self._dropped = 0
        self._failure: ProgramError | None = None
        self._look_ahead()

    def _look_ahead(self) -> None:
        if len(self._kept) >= 2 * KEPT:
            del self._kept[:KEPT], self._loads[:KEPT]
            self._dropped += KEPT
        try:
            step = next(self._steps, None)
        except ProgramError as error:  # told when it is asked for
            self._failure = error
            return
        if step is not None:
            self._kept.append(step)
            self._loads.append(step if step.loaded is not None else self._loads[-1] if self._loads else None)

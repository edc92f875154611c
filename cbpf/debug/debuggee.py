"""The filter in the debugger: an expression or a program, and what it is for packets of one interface."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Final

from cbpf.capture.packet import Interface
from cbpf.debug.clauses import Clauses
from cbpf.debug.trace import Part, clauses_of
from cbpf.engine.translator import PythonEngine
from cbpf.errors import FilterError, Reason, Span
from cbpf.filter import compile as compile_expression
from cbpf.language.includes import Shelf, expand
from cbpf.linktypes import LinkTypeError, linktype_name
from cbpf.machine import opcodes as op
from cbpf.machine.listing import Form, write
from cbpf.machine.program import DEFAULT_SNAPLEN, Program
from cbpf.machine.verifier import Rules, verify

NOTHING_MATCHES: Final = "no packet can match this expression; it is shown as it is without optimization (-O)"


class Made:
    """A valid program for some packets. ``lines`` are its instructions, as ``tcpdump -d`` has them.

    ``parts[pc]`` are the parts of the expression that an instruction came from. ``pointless``: no packet can match.
    """

    def __init__(self, program: Program, *, pointless: bool = False) -> None:
        verify(program, Rules.LIBPCAP)
        self.program = program
        self.pointless = pointless

    @cached_property
    def lines(self) -> tuple[str, ...]:
        return tuple(" ".join(line.split()) for line in write(self.program, Form.TEXT).splitlines())

    @cached_property
    def parts(self) -> tuple[tuple[Part, ...], ...]:
        return tuple(clauses_of(self.program, pc) for pc in range(len(self.program)))

    @cached_property
    def engine(self) -> PythonEngine:
        return PythonEngine(self.program)

    def of_words(self, words: str) -> frozenset[int]:
        """The numbers of the instructions whose part of the expression these words are of, or are in."""
        places = occurrences(words, self.program.expression or "")
        return frozenset(
            pc
            for pc, parts in enumerate(self.parts)
            if any(span.start < end and start < span.end for span, _ in parts for start, end in places)
        )


class Debuggee:
    """An ``expression``, compiled for every link type that is met, or else a ``program``.

    ``snaplen`` in bytes is what an accepting filter returns, by default that of the interface; ``netmask`` (32 bits)
    what `ip broadcast` needs. ``@name`` in the expression is the filter of that name in ``library``, and the expression
    is the one in which that is in full: so its parts can be named.
    """

    def __init__(
        self,
        expression: str | None = None,
        *,
        program: Program | None = None,
        snaplen: int | None = None,
        netmask: int | None = None,
        optimize: bool = True,
        library: Shelf | None = None,
    ) -> None:
        self._expansion = expand(expression, library) if library and expression and "@" in expression else None
        self.expression = self._expansion.text if self._expansion else expression
        self._library = library
        self.program = program
        self.snaplen, self.netmask, self.optimize = snaplen, netmask, optimize
        self._made: dict[tuple[int, int], Made] = {}
        self.clauses = lru_cache(maxsize=8)(self._clauses)

    def changed(self, expression: str) -> Debuggee:
        """Another expression, to be compiled as this one is."""
        return Debuggee(
            expression, snaplen=self.snaplen, netmask=self.netmask, optimize=self.optimize, library=self._library
        )

    def made_for(self, interface: Interface) -> Made:
        """The program for the packets of an interface.

        Raises FilterError if the expression does not compile, LinkTypeError if the program is for another link type,
        ProgramError if it is not valid.
        """
        key = interface.linktype, self.snaplen or interface.snaplen or DEFAULT_SNAPLEN
        if key not in self._made:
            try:
                self._made[key] = self._make(*key)
            except FilterError as error:
                if self._expansion is None:
                    raise
                raise self._expansion.restated(error) from error
        return self._made[key]

    def _make(self, linktype: int, snaplen: int) -> Made:
        if self.program is not None:
            if self.program.linktype not in (None, linktype):
                raise LinkTypeError(f"the program is for {linktype_name(self.program.linktype or 0)}")
            return Made(self.program)
        expression = self.expression or ""
        if not expression.strip():  # takes the packets of any link type
            return Made(Program([(op.RET | op.K, 0, 0, snaplen)]))
        try:
            return Made(compile_expression(expression, linktype, snaplen, self.netmask, self.optimize).program)
        except FilterError as error:
            if error.reason is not Reason.MATCHES_NOTHING:
                raise
        unoptimized = compile_expression(expression, linktype, snaplen, self.netmask, optimize=False)
        return Made(unoptimized.program, pointless=True)

    def _clauses(self, linktype: int) -> Clauses:
        """The expression, to be asked clause by clause. Raises FilterError if it does not compile."""
        return Clauses(self.expression or "", linktype, netmask=self.netmask)


def occurrences(words: str, expression: str) -> list[Span]:
    """Where words stand in an expression, as whole words; blanks between them may be any."""
    import re

    between = r"\s+".join(map(re.escape, words.split()))
    if not between:
        return []
    return [Span(*found.span()) for found in re.finditer(rf"(?<!\w){between}(?!\w)", expression)]

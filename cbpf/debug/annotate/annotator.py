"""Counting what becomes of packets, in an expression and its program: plain data in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple
from warnings import warn

import cbpf
from cbpf.capture import Interface, Savefile, open_savefile
from cbpf.compiler import collector_at_rest
from cbpf.compiler.flow import Step, flow
from cbpf.debug.annotate.marks import Marked
from cbpf.debug.annotate.parts import Clause, Group, parts
from cbpf.debug.annotate.scan import CountingScan, CountingWalks
from cbpf.debug.graph import flow_of_program
from cbpf.debug.trace import Part, branches, clauses_of
from cbpf.engine.counting import Counting, Counts
from cbpf.errors import FilterError, Reason, Span
from cbpf.language.names import AskedOnce, Names
from cbpf.language.parser import parse
from cbpf.language.syntax import Expression
from cbpf.linktypes import linktype_name
from cbpf.machine.listing import Form, write
from cbpf.machine.program import DEFAULT_SNAPLEN, Program
from cbpf.machine.verifier import Rules, verify
from cbpf.scanning import processors

_LONGEST_PART: Final = 200  # characters: a list of alternatives is the part that thousands of instructions came from
_MOST_NAMED: Final = 2000  # instructions whose fields are looked for: that takes longer than to scan


class Counted(NamedTuple):
    """An instruction, and how often it was executed.

    * ``pc``: its number; ``text``: its line in a listing, as ``tcpdump -d`` has it; ``field``: what it reads or asks.
    * ``executed``: packets that came to it, as often as they did if the program jumps back.
    * ``taken``, ``not_taken``: how often the condition of a jump held, and not; None for all that cannot go two ways.
    * ``cut``: how often it rejected a packet in the middle: a load of bytes that were not captured, a division by zero.
    * ``clauses``: the parts of the expression it came from, very long ones cut off; none if that is not known.
    """

    pc: int
    text: str
    field: str
    executed: int
    taken: int | None
    not_taken: int | None
    cut: int
    clauses: tuple[Part, ...]


class Annotated(NamedTuple):
    """What became of the packets of one link type.

    ``unread`` packets were rejected before any clause was asked: they are not what the link type promises, or too short
    to tell where things are. Without an expression there are no clauses.
    """

    linktype: str
    packets: int
    matched: int
    unread: int
    clauses: tuple[Clause, ...]
    groups: tuple[Group, ...]
    instructions: tuple[Counted, ...]


class Annotation(NamedTuple):
    """``expression`` is None if there was a program in its place; ``files`` are the captures that were read."""

    expression: str | None
    files: tuple[str, ...]
    packets: int
    matched: int
    linktypes: tuple[Annotated, ...]


class _Subject(NamedTuple):
    """What is counted of a link type. ``programs`` is what the walks know it by."""

    linktype: int
    programs: Sequence[Program]
    marked: Marked | None


class Annotator:
    """An expression, or a valid program, that counts what becomes of the packets of any number of savefiles.

    ``snaplen`` in bytes, ``netmask`` (32 bits) and ``optimize`` are those of ``cbpf.compile``. ``note`` is told what a
    user should know. Raises FilterError for an expression that is wrong on all link types, and ProgramError for a
    program that libpcap would not run.
    """

    def __init__(
        self,
        what: str | Program,
        *,
        snaplen: int = DEFAULT_SNAPLEN,
        netmask: int | None = None,
        optimize: bool = True,
        names: Names | None = None,
        note: Callable[[str], None] = warn,
    ) -> None:
        self.what: Final = what
        self.walks: Final = CountingWalks(note)
        self._note = note
        self._compiling = (snaplen, netmask)
        self._optimize = optimize
        self._names = AskedOnce(names or Names())
        self._tree: Expression | None = None
        self._steps: list[Step] = []
        self._subjects: dict[int, _Subject] = {}
        if isinstance(what, Program):
            verify(what, Rules.LIBPCAP)
        else:
            self._tree = parse(what)
            self._steps = flow(self._tree) if self._tree else []

    def programs(self, linktype: int) -> Sequence[Program]:
        """The programs that packets of a LINKTYPE number go through. Raises FilterError if there can be none.

        An expression that no packet can match is not optimized, so that it can be shown where packets fail.
        """
        if linktype not in self._subjects:
            program = self._program(linktype)
            with collector_at_rest():
                marked = self._marked(linktype)
                countings = [Counting(program), *([marked.counting] if marked else [])]
                self._subjects[linktype] = _Subject(linktype, self.walks.add(countings), marked)
        return self._subjects[linktype].programs

    def scan(
        self,
        savefile: Savefile,
        choose: Callable[[Interface], Sequence[Program] | None] | None = None,
        threads: int | None = None,
    ) -> CountingScan:
        """A scan, which is to be iterated over to the end. ``choose`` gives what ``programs`` gave, or None.

        Iterating raises SavefileError for damage; what comes before has been counted.
        """

        def by_linktype(interface: Interface) -> Sequence[Program]:
            return self.programs(interface.linktype)

        return CountingScan(savefile, choose or by_linktype, self.walks, threads=threads or processors())

    def result(self, files: Iterable[str] = ()) -> Annotation:
        """What has been counted so far."""
        found = tuple(self._annotated(subject) for subject in self._subjects.values())
        packets, matched = sum(each.packets for each in found), sum(each.matched for each in found)
        expression = None if isinstance(self.what, Program) else self.what
        return Annotation(expression, tuple(files), packets, matched, found)

    def _program(self, linktype: int) -> Program:
        if isinstance(self.what, Program):
            return self.what
        compiled = self._compiled(linktype, optimize=self._optimize)
        if compiled is None:
            self._note("no packet can match this expression; it is shown as it is without optimization (-O)")
            compiled = self._compiled(linktype, optimize=False)
        assert compiled is not None
        return compiled

    def _compiled(self, linktype: int, *, optimize: bool) -> Program | None:
        """None if it would match no packet at all."""
        assert isinstance(self.what, str)
        try:
            return cbpf.compile(self.what, linktype, *self._compiling, optimize, names=self._names).program
        except FilterError as error:
            if error.reason is not Reason.MATCHES_NOTHING:
                raise
            return None

    def _marked(self, linktype: int) -> Marked | None:
        """None if there is nothing to be marked: or not enough memory in the machine for all at once."""
        if not self._steps:
            return None
        try:
            return Marked(self._steps, linktype, self._names, self._compiling[1])
        except FilterError as error:
            self._note(f"clauses are not counted: {error.message}")
            return None

    def _annotated(self, subject: _Subject) -> Annotated:
        counts = self.walks.counts(subject.programs)
        clauses: tuple[Clause, ...] = ()
        groups: tuple[Group, ...] = ()
        unread = 0
        if subject.marked is not None and self._tree is not None and isinstance(self.what, str):
            asked = subject.marked.asked(counts[1])
            clauses, groups = parts(self.what, self._tree, self._steps, asked)
            unread = counts[1].packets - asked[0].reached
        name = linktype_name(subject.linktype)
        instructions = _instructions(subject.programs[0], subject.linktype, counts[0])
        return Annotated(name, counts[0].packets, counts[0].matched, unread, clauses, groups, instructions)


def annotate(
    paths: Iterable[str],
    what: str | Program,
    *,
    snaplen: int = DEFAULT_SNAPLEN,
    netmask: int | None = None,
    optimize: bool = True,
    names: Names | None = None,
    threads: int | None = None,
) -> Annotation:
    """What becomes of the packets of savefiles ("-" is standard input) in an expression, or a program.

    Arguments and errors are those of ``Annotator``. Also raises SavefileError for a file that cannot be read or is
    damaged.
    """
    annotator = Annotator(what, snaplen=snaplen, netmask=netmask, optimize=optimize, names=names)
    files = []
    for path in paths:
        with open_savefile(path) as savefile:
            for _ in annotator.scan(savefile, threads=threads):
                pass
        files.append(path)
    return annotator.result(files)


def _instructions(program: Program, linktype: int, counts: Counts) -> tuple[Counted, ...]:
    texts = [line.partition(" ")[2] for line in write(program, Form.TEXT).splitlines()]
    fields = _fields(program, linktype)
    known: dict[tuple[Span, ...], tuple[Part, ...]] = {}
    found = []
    for pc, instruction in enumerate(program):
        executed, taken = counts.executed[pc], counts.taken[pc]
        yes, no = (taken, executed - taken) if branches(instruction) else (None, None)
        text = " ".join(texts[pc].split())
        spans = program.spans[pc] if program.spans else ()
        clauses = known.get(spans)
        if clauses is None:
            clauses = known[spans] = tuple(map(_shortened, clauses_of(program, pc)))
        found.append(Counted(pc, text, fields.get(pc, ""), executed, yes, no, counts.cut[pc], clauses))
    return tuple(found)


def _shortened(part: Part) -> Part:
    return part if len(part.text) <= _LONGEST_PART else part._replace(text=f"{part.text[:_LONGEST_PART]}...")


def _fields(program: Program, linktype: int) -> dict[int, str]:
    """What instructions read and ask, as far as that is known without a packet."""
    if len(program) > _MOST_NAMED:
        return {}
    lines = (line for node in flow_of_program(program, linktype).nodes for line in node.lines)
    return {line.pc: line.meaning for line in lines}

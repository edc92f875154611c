"""Which program decides about a packet: one for each link type, made when the first packet of it is met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import cbpf
from cbpf.cli.streams import input_name
from cbpf.errors import OF_THE_LINKTYPE, CbpfError, FilterError
from cbpf.linktypes import LinkTypeError, linktype_name, linktype_number
from cbpf.machine import Program, opcodes

if TYPE_CHECKING:
    from cbpf.capture import Interface
    from cbpf.cli.options import Source

_Programs = TypeVar("_Programs")

Judge = Callable[[int], Program]
"""The program for a LINKTYPE number; raises CbpfError if there can be none."""

Judges = Callable[[int], Sequence[Program]]
"""The same for a set of filters, or for a single one as a set."""

_NOTHING: Final = Program([(opcodes.RET | opcodes.K, 0, 0, 0)])
_WHOLE: Final = 0xFFFFFFFF


def expression_judge(source: Source, target: str = "savefile") -> Judge:
    """Verdicts by an expression, compiled for each link type. One without any words takes every packet of any."""
    snaplen = source.snaplen or _WHOLE

    def judge(linktype: int) -> Program:
        if not source.expression.strip():
            return Program([(opcodes.RET | opcodes.K, 0, 0, snaplen)])
        return cbpf.compile(
            source.expression,
            linktype,
            snaplen,
            source.netmask,
            source.optimize,
            target=target,
            library=source.library,
        ).program

    return judge


def only(judge: Judge) -> Judges:
    """A single judge as a set of them."""
    return lambda linktype: (judge(linktype),)


def each(judges: Sequence[Judge]) -> Judges:
    """A set of judges. One that means nothing on a link type matches nothing there, unless none of them does."""

    def ask(linktype: int) -> Sequence[Program]:
        programs: list[Program] = []
        refusal: FilterError | None = None
        for judge in judges:
            try:
                programs.append(judge(linktype))
            except FilterError as error:
                if error.reason not in OF_THE_LINKTYPE:
                    raise
                programs.append(_NOTHING)
                refusal = refusal or error
        if refusal is not None and all(program is _NOTHING for program in programs):
            raise refusal
        return programs

    return ask


def program_judge(program: Program) -> Judge:
    """Verdicts by ``program``, for packets of its link type, or of all if it has none."""

    def judge(linktype: int) -> Program:
        if program.linktype is not None and _canonical(program.linktype) != _canonical(linktype):
            raise LinkTypeError(f"the program is for {linktype_name(program.linktype)}")
        return program

    return judge


def _canonical(linktype: int) -> int:
    try:
        return linktype_number(linktype)
    except LinkTypeError:
        return linktype


class Choice(Generic[_Programs]):
    """Chooses the program (or what else the judge gives) for an interface, and remembers where there is none, and why.

    ``accepted`` and ``refused`` say whether it had one for any interface so far, and none for any. A refusal goes to
    ``report`` once for each file and link type, unless the link type has no part in it and nothing has been accepted:
    then it is the expression that is wrong, and the FilterError is raised.
    """

    def __init__(self, judge: Callable[[int], _Programs], report: Callable[[str], None]) -> None:
        self._judge = judge
        self._report = report
        self._known: dict[int, _Programs | CbpfError] = {}
        self._reported: set[tuple[str, int]] = set()
        self.accepted = False
        self.refused = False

    def __call__(self, path: str, interface: Interface) -> _Programs | None:
        """The program for packets that ``interface`` of file ``path`` captured, None if there is none."""
        linktype = interface.linktype
        if linktype not in self._known:
            self._known[linktype] = self._ask(linktype)
        found = self._known[linktype]
        if not isinstance(found, CbpfError):
            self.accepted = True
            return found
        self.refused = True
        if (path, linktype) not in self._reported:
            self._reported.add((path, linktype))
            self._report(f"{input_name(path)}: {_described(interface)}: {found}")
        return None

    def _ask(self, linktype: int) -> _Programs | CbpfError:
        try:
            return self._judge(linktype)
        except FilterError as error:
            if error.reason not in OF_THE_LINKTYPE and not self.accepted:
                raise
            return error
        except CbpfError as error:
            return error


def _described(interface: Interface) -> str:
    name = "" if interface.name is None else f" '{interface.name}'"
    return f"interface {interface.number}{name} ({linktype_name(interface.linktype)})"

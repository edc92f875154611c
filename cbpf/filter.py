"""The face of the library: ``compile`` an expression into a ``Filter``, ``match`` packets with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

from cbpf.compiler import TARGETS, compile_program
from cbpf.errors import FilterError
from cbpf.language.names import Names
from cbpf.language.tokens import decimal_value
from cbpf.linktypes import linktype_number
from cbpf.machine.program import DEFAULT_SNAPLEN, Program

if TYPE_CHECKING:
    from cbpf.engine import Packet
    from cbpf.language.includes import Shelf


class Match(Protocol):
    """The verdict on a packet."""

    def __call__(self, packet: Packet, wirelen: int | None = None) -> int: ...


_SHOWN = 200  # characters of an expression


class Filter:
    """A compiled filter: its ``expression``, and the ``program`` that decides. Immutable, and safe to share."""

    def __init__(self, expression: str, program: Program) -> None:
        self.expression = expression
        self.program = program

    @property
    def linktype(self) -> int | None:
        """The LINKTYPE number of the packets it is for."""
        return self.program.linktype

    @cached_property
    def match(self) -> Match:
        """``match(packet, wirelen=None)``: how many bytes of a packet to keep, 0 if it does not match.

        ``packet`` holds the captured bytes from the link-layer header on; ``wirelen`` is the packet's length on the
        wire in bytes if more was sent than captured.

        The first use makes machine code, in a few hundredths of a second. Where there is no llvmlite, or the
        environment says ``CBPF_ENGINE=interpreter``, the program runs in Python, after a warning.
        """
        from cbpf.engine import engine  # compiling alone need not wait for it

        return engine(self.program).run

    def match_many(self, packets: Iterable[Packet]) -> list[int]:
        """The verdicts on packets that were captured whole."""
        return list(map(self.match, packets))

    def __getstate__(self) -> dict[str, object]:
        return {"expression": self.expression, "program": self.program}

    def __repr__(self) -> str:
        shown = self.expression if len(self.expression) <= _SHOWN else f"{self.expression[:_SHOWN]}..."
        return f"<Filter {shown!r}: {len(self.program)} instructions>"


def compile(  # the name that `re` taught everybody
    expression: str,
    linktype: str | int = "EN10MB",
    snaplen: int = DEFAULT_SNAPLEN,
    netmask: str | int | None = None,
    optimize: bool = True,
    *,
    names: Names | None = None,
    target: str = "savefile",
    library: Shelf | None = None,
) -> Filter:
    """Compile a tcpdump expression, as pcap-filter(7) describes the language.

    ``linktype`` is a name (``EN10MB``, ``DLT_RAW``, ``linktype_null``) or the number savefile headers carry;
    ``snaplen`` the number of bytes an accepting filter returns (1..2**32-1); ``netmask`` that of the captured network,
    dotted or as a number, which `ip broadcast` needs; ``names`` answers for names instead of the system's databases.

    ``target`` is "savefile", or "linux" for a filter that is to be attached to a socket: there the kernel knows of
    every packet whether it comes or goes and through which interface (`inbound`, `outbound`, `ifindex`), may have taken
    a VLAN tag off it (EN10MB), and has no cooked header in front of it (LINUX_SLL, LINUX_SLL2). Only the kernel can
    answer for what it knows: ``match`` takes such a load for one outside the packet.

    ``@name`` in the expression is the filter of that name in ``library`` (a ``cbpf.library.Library``), by default those
    that are shipped and the user's own. The program's spans are then those of the expression as it was given.

    Raises FilterError (a ValueError) for an expression that cannot be compiled, and LinkTypeError for a link type that
    does not exist.
    """
    if not 0 < snaplen <= 0xFFFFFFFF:
        raise FilterError(f"the snapshot length must be 1 to 4294967295 bytes, not {snaplen}")
    if target not in TARGETS:
        raise FilterError(f"the target must be {' or '.join(map(repr, TARGETS))}, not {target!r}")
    compiled = partial(
        compile_program,
        linktype=linktype_number(linktype),
        snaplen=snaplen,
        netmask=_netmask(netmask),
        optimize=optimize,
        names=names or Names(),
        target=target,
    )
    return Filter(
        expression, _with_library(expression, library, compiled) if "@" in expression else compiled(expression)
    )


def _with_library(expression: str, library: Shelf | None, compiled: Callable[[str], Program]) -> Program:
    """The program of an expression that may include filters, and whose spans and errors are about it as it is."""
    from cbpf.language.includes import expand

    if library is None:
        from cbpf.library import default_library

        library = default_library()
    expansion = expand(expression, library)
    try:
        program = compiled(expansion.text)
    except FilterError as error:
        raise expansion.restated(error) from error
    return Program(
        program,
        linktype=program.linktype,
        snaplen=program.snaplen,
        spans=[tuple(dict.fromkeys(map(expansion.written, spans))) for spans in program.spans],
        expression=expression,
    )


def _netmask(netmask: str | int | None) -> int | None:
    if netmask is None:
        return None
    if isinstance(netmask, int):
        if not 0 <= netmask <= 0xFFFFFFFF:
            raise FilterError(f"a netmask has 32 bits; {netmask} is not one")
        return netmask
    groups = [decimal_value(group, 0xFF) for group in netmask.split(".")]
    if len(groups) != 4 or None in groups:
        raise FilterError(f"'{netmask}' is not a netmask; it has four numbers, as in 255.255.255.0")
    return int.from_bytes(bytes(group or 0 for group in groups))

"""cbpf: classic BPF packet filters.

    >>> import cbpf
    >>> web = cbpf.compile("tcp port 80")
    >>> len(web.program)
    20
    >>> web.match(bytes(60))
    0

``compile`` makes a ``Filter`` from a tcpdump expression; ``Filter.match`` gives the verdict on a packet and
``Filter.program`` the instructions behind it. ``count`` and ``scan`` go over whole savefiles with a filter, or with a
``FilterSet`` in one pass. ``cbpf.machine`` has the instruction set, assembler, listings and verifier; ``cbpf.engine``
runs programs; ``cbpf.capture`` reads and writes savefiles; ``cbpf.library`` has the named filters that ``@name`` in an
expression includes; ``cbpf.debug`` explains, and ``cbpf.triage`` surveys many files. Every error that bad input causes
is a ``CbpfError``; those about expressions are ``FilterError`` and carry the span they are about.
"""

from cbpf.counts import Count
from cbpf.errors import CbpfError, FilterError, ProgramError, Reason, SavefileError, Span
from cbpf.filter import Filter, compile
from cbpf.linktypes import LinkTypeError
from cbpf.machine.program import Instruction, Program
from cbpf.scanning import FilterSet, count, scan
from cbpf.version import __version__

__all__ = [
    "CbpfError",
    "Count",
    "Filter",
    "FilterError",
    "FilterSet",
    "Instruction",
    "LinkTypeError",
    "Program",
    "ProgramError",
    "Reason",
    "SavefileError",
    "Span",
    "__version__",
    "compile",
    "count",
    "scan",
]

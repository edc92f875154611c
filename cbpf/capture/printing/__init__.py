"""Printing packets: as lines in tcpdump's style with all that may be below them, or as JSON objects.

    printer = Printer(Style(time=Time.DATE, hexadecimal=1))
    for batch in cbpf.scan("in.pcap", "tcp port 80"):
        sys.stdout.write(printer.batch(batch))

``cbpf.capture.summary`` knows what a line says about a packet; this package knows what stands around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbpf.capture.printing.style import Style, Time

if TYPE_CHECKING:
    from cbpf.capture.printing.printer import Printer

__all__ = ["Printer", "Style", "Time"]


def __getattr__(name: str) -> object:
    """Load the printer when it is first asked for: who only counts need not wait for the dissectors."""
    if name != "Printer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cbpf.capture.printing.printer import Printer

    globals()[name] = Printer
    return Printer

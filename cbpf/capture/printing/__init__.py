"""Printing packets: as lines in tcpdump's style with all that may be below them, or as JSON objects.

    printer = Printer(Style(time=Time.DATE, hexadecimal=1))
    for batch in cbpf.scan("in.pcap", "tcp port 80"):
        sys.stdout.write(printer.batch(batch))

``cbpf.capture.summary`` knows what a line says about a packet; this package knows what stands around it.
"""

from __future__ import annotations

from cbpf.capture.printing.printer import Printer
from cbpf.capture.printing.style import Style, Time

__all__ = ["Printer", "Style", "Time"]

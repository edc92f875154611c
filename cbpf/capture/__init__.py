"""The capture room: packets of savefiles and interfaces, in and out, and what is printed about them.

    with open_savefile("in.pcap") as savefile, open_writer("out.pcapng", savefile.interfaces[0]) as writer:
        for packet in savefile:
            print(summarize(packet))
            writer.write(packet)

    savefile    reading: ``pcap``, ``pcapng``, ``snoop``, ``compression``, through a ``window`` over the file
    scan        the packets that match, at the speed of memory: ``walk``, ``walks``, ``piece``, ``parts``, ``selection``
    surveyor    flows, sizes and times of all packets, noted by the scan on its way: ``survey``, ``headers``
    writer      writing, with what is in ``writing``
    live        interfaces, with what is in ``sockets``
    summary     what a line says about a packet
    printing    lines and JSON objects, and all that may stand around them

Errors are ``cbpf.errors.SavefileError`` and ``cbpf.capture.live.CaptureError``. Nothing here knows expressions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbpf.capture.packet import Interface, Packet
from cbpf.capture.savefile import Savefile, open_savefile
from cbpf.capture.writer import PcapngWriter, PcapWriter, Writer, open_writer

if TYPE_CHECKING:
    from cbpf.capture.summary import summarize

__all__ = [
    "Interface",
    "Packet",
    "PcapWriter",
    "PcapngWriter",
    "Savefile",
    "Writer",
    "open_savefile",
    "open_writer",
    "summarize",
]


def __getattr__(name: str) -> object:
    """Load the summaries when they are first asked for: they are a third of this room's start-up time."""
    if name != "summarize":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cbpf.capture.summary import summarize

    globals()[name] = summarize
    return summarize

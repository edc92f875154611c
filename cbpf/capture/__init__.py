"""The capture room: savefiles in and out, and one-line packet summaries.

    with open_savefile("in.pcap") as savefile, open_writer("out.pcapng", savefile.interfaces[0]) as writer:
        for packet in savefile:
            print(summarize(packet))
            writer.write(packet)

``scan`` goes over the packets of a savefile with programs that judge them, ``walk`` over the records in memory, and
``walks`` makes machine code of both. Every error is a ``cbpf.errors.SavefileError``. Nothing here knows expressions.
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

"""The capture room: savefiles in and out, and one-line packet summaries.

    with open_savefile("in.pcap") as savefile, open_writer("out.pcapng", savefile.interfaces[0]) as writer:
        for packet in savefile:
            print(summarize(packet))
            writer.write(packet)

Every error is a ``cbpf.errors.SavefileError``. Nothing here knows what a filter is.
"""

from cbpf.capture.packet import Interface, Packet
from cbpf.capture.savefile import Savefile, open_savefile
from cbpf.capture.summary import summarize
from cbpf.capture.writer import PcapngWriter, PcapWriter, Writer, open_writer

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

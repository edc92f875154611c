"""The capture room: savefiles in and out, and one-line packet summaries.

    with open_savefile("in.pcapng") as savefile, open_writer("out.pcap", savefile.interfaces[0]) as writer:
        for packet in savefile:
            print(summarize(packet))
            writer.write(packet)

Every error is a ``cbpf.errors.SavefileError``. Nothing here knows what a filter is.
"""

from cbpf.capture.packet import Interface, Packet
from cbpf.capture.savefile import Savefile, open_savefile

__all__ = ["Interface", "Packet", "Savefile", "open_savefile"]

"""What a savefile holds: packets, and the interfaces they were captured on.

Both are immutable, cheap, and free of any file format; readers make them and writers take them.
"""

from __future__ import annotations

from typing import NamedTuple

MICROSECONDS = 1_000_000
NANOSECONDS = 1_000_000_000


class Interface(NamedTuple):
    """One capture interface, as the savefile describes it.

    * ``linktype``: LINKTYPE number as the file has it, without the FCS and reserved bits of pcap's link-type word
      (draft-ietf-opsawg-pcap, section 4). Numbers without a name are passed through.
    * ``snaplen``: snapshot length in bytes. 0 and anything above 2**31 - 1 in the file mean "no limit" and are
      replaced by the link type's maximum, as libpcap does.
    * ``resolution``: timestamp units per second in the file: 10**6, 10**9, or any power of 10 or 2 in a pcapng file.
    * ``name``: the interface's name (pcapng ``if_name``), if known.
    * ``number``: position of the interface in its file, from 0, counted through all sections of a pcapng file.
    * ``fcslen``: length in bytes of the frame check sequence at the end of each packet, if the file tells it.
    * ``linkbits``: the top six bits of pcap's link-type word, in place, so that a copy of the file keeps them.
    """

    linktype: int = 1
    snaplen: int = 262144
    resolution: int = MICROSECONDS
    name: str | None = None
    number: int = 0
    fcslen: int | None = None
    linkbits: int = 0

    @property
    def nanoseconds(self) -> bool:
        """Whether whole microseconds could lose a part of this interface's timestamps."""
        return MICROSECONDS % self.resolution != 0


class Packet(NamedTuple):
    """One captured packet.

    * ``timestamp``: nanoseconds since 1970-01-01 00:00 UTC.
    * ``wirelen``: length in bytes the packet had on the network.
    * ``data``: the captured bytes; their number is the capture length.
    * ``interface``: where it was captured, which tells the link type.
    """

    timestamp: int
    wirelen: int
    data: bytes
    interface: Interface


class Place(NamedTuple):
    """How packets of an interface are put into an output.

    * ``number``: that of the interface there.
    * ``unit``: nanoseconds in a unit of time there.
    * ``longest``: the most bytes that a packet may have there, None if that does not matter.
    """

    number: int = 0
    unit: int = 1
    longest: int | None = None

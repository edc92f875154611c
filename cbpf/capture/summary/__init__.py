"""One-line packet summaries, as tcpdump -n prints them.

    10:00:00.009876 IP 192.0.2.10.51000 > 198.51.100.80.80: Flags [S], seq 1000, win 64240, length 0

Where tcpdump knows a protocol only by its insides (routing, spanning trees, ...) a line has its name and length, with
the link-level addresses if there are no others. Every packet is one line, tunnels too. A line ends with
``[truncated]`` where the captured bytes end too early, and with ``[malformed]`` where the packet contradicts itself.
Hand-written rather than built on a dissection library: a line costs a few microseconds, and damaged packets are as
welcome as whole ones.
"""

from __future__ import annotations

import struct
from typing import Final

from cbpf.capture.packet import Packet
from cbpf.capture.summary.clock import time_of_day
from cbpf.capture.summary.flows import Flows
from cbpf.capture.summary.line import MAXIMUM_8023_LENGTH, Line, Malformed
from cbpf.capture.summary.links import ETHERTYPES, LINKS, llc
from cbpf.capture.summary.network import NETWORKS
from cbpf.linktypes import linktype_name

_DISSECTORS: Final = {**NETWORKS, **ETHERTYPES}
_ETHERTYPE_NAMES: Final = {
    0x6003: "DECnet",
    0x809B: "AppleTalk",
    0x80F3: "AARP",
    0x8137: "IPX",
    0x8808: "MAC control",
    0x8809: "slow protocols",
    0x888E: "EAPOL",
    0x88A2: "AoE",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
    0x88F7: "PTP",
    0x8902: "CFM",
    0x8906: "FCoE",
    0x9000: "loopback",
}


def summarize(packet: Packet) -> str:
    """One line about ``packet``: local time of day, protocols, addresses, ports, lengths in bytes. Never raises.

    TCP's sequence numbers are those in the packet (tcpdump's -S): this knows no other packets. Packets of a link type
    that is not known give the link type and the wire length only.
    """
    time = time_of_day(packet.timestamp, 9 if packet.interface.nanoseconds else 6)
    return f"{time} {describe(packet.interface.linktype, Line(packet.data, packet.wirelen))}"


def describe(linktype: int, line: Line) -> str:
    """The text about a packet on a link of a LINKTYPE number, of which ``line`` has nothing yet. Never raises."""
    link = LINKS.get(linktype)
    if link is None:
        return f"{linktype_name(linktype)}, length {line.length}"
    wirelen, captured = line.length, len(line.data)
    try:
        following = link(line)
        while following is not None:
            dissector = _DISSECTORS.get(following)
            following = _other(line, following) if dissector is None else dissector(line)
    except (IndexError, struct.error):
        _end(line, "[truncated]" if captured < wirelen else "[malformed]")
    except Malformed:
        _end(line, "[malformed]")
    return "".join(line.out)


def _end(line: Line, mark: str) -> None:
    line.name_ends()
    line.out.append(mark if not line.out or line.out[-1].endswith(" ") else f" {mark}")


def _other(line: Line, ethertype: int) -> int | None:
    """What has no dissector behind the EtherType field, or is an 802.3 frame; the EtherType behind that, or None."""
    if ethertype <= MAXIMUM_8023_LENGTH:
        line.cut(ethertype)
        return llc(line)
    line.say(_ETHERTYPE_NAMES.get(ethertype, f"ethertype {ethertype:#06x}"))
    return None


__all__ = ["Flows", "Line", "describe", "summarize"]

"""One-line packet summaries in tcpdump's spirit.

    10:00:00.009876 vlan 100 IP 192.0.2.10.51000 > 198.51.100.80.80: TCP [S], length 0

Tags, labels and sessions come first, written as the filter language names them (``vlan 100``, ``mpls 100``,
``pppoes 17``). A line ends with ``[truncated]`` where the captured bytes end too early, and with ``[malformed]``
where the packet contradicts itself. Hand-written rather than built on a dissection library: a line costs a few
microseconds, and damaged packets are as welcome as whole ones.
"""

from __future__ import annotations

import struct
import time
from functools import lru_cache
from typing import Final

from cbpf.capture.packet import Packet
from cbpf.capture.summary.line import MAXIMUM_8023_LENGTH, Line, Malformed
from cbpf.capture.summary.links import ETHERTYPES, LINKS, llc
from cbpf.capture.summary.network import NETWORKS

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

_BILLION: Final = 10**9
_DAY: Final = 86400
# Offsets from UTC change on quarters of an hour, so one look-up serves all packets of a quarter.
_QUARTER: Final = 900


def summarize(packet: Packet) -> str:
    """One line about ``packet``: local time of day, protocols, addresses, ports, lengths in bytes. Never raises.

    Packets of a link type that is not known give the link type and the wire length only.
    """
    out = [time_of_day(packet.timestamp, 9 if packet.interface.nanoseconds else 6)]
    link = LINKS.get(packet.interface.linktype)
    if link is None:
        out.append(f"LINKTYPE {packet.interface.linktype}, length {packet.wirelen}")
        return " ".join(out)
    line = Line(out, packet.data, packet.wirelen)
    try:
        following = link(line)
        while following is not None:
            following = _follow(line, following)
    except (IndexError, struct.error):
        out.append("[truncated]" if len(packet.data) < packet.wirelen else "[malformed]")
    except Malformed:
        out.append("[malformed]")
    return " ".join(out)


def _follow(line: Line, ethertype: int) -> int | None:
    """Dissect what comes behind the EtherType field (or 802.3 length); the EtherType behind that, or None."""
    dissector = _DISSECTORS.get(ethertype)
    if dissector is not None:
        return dissector(line)
    if ethertype <= MAXIMUM_8023_LENGTH:
        line.cut(ethertype)
        return llc(line)
    line.say(_ETHERTYPE_NAMES.get(ethertype, f"ethertype {ethertype:#06x}"))
    return None


def time_of_day(timestamp: int, digits: int) -> str:
    """Local time of day of ``timestamp`` (nanoseconds since the epoch), with 6 or 9 digits of a second."""
    seconds, fraction = divmod(timestamp, _BILLION)
    if digits == 6:
        fraction //= 1000
    minutes, second = divmod((seconds + _utc_offset(seconds // _QUARTER)) % _DAY, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}.{fraction:0{digits}}"


@lru_cache(maxsize=64)
def _utc_offset(quarter: int) -> int:
    """Seconds to add to UTC for local time; 0 for times the system has no calendar for."""
    try:
        return time.localtime(quarter * _QUARTER).tm_gmtoff
    except (OverflowError, OSError, ValueError):
        return 0

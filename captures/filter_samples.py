"""The samples of the named filters: for each, NAME.match.pcap with packets that match, and NAME.miss.pcap with none.

Those of NAME.miss.pcap are near misses: they differ from packets that match in what matters.
"""

from __future__ import annotations

import filter_samples_devices
import filter_samples_ethernet
import filter_samples_icmp
import filter_samples_ip
import filter_samples_names
import filter_samples_services
import filter_samples_tcp
import filter_samples_tunnels
from filter_samples_parts import Frames, Samples
from formats import pcap
from traffic import records

TOPICS = (
    filter_samples_tcp,
    filter_samples_ip,
    filter_samples_icmp,
    filter_samples_ethernet,
    filter_samples_names,
    filter_samples_tunnels,
    filter_samples_services,
    filter_samples_devices,
)


ANY_PROTOCOL = frozenset(
    "bogon-sources ecn-congestion local-mac-addresses loopback-addresses low-ttl private-addresses runt-frames "
    "same-source-and-destination".split()
)
"""Filters that match whatever is behind IPv6."""


def files() -> dict[str, bytes]:
    """The files by name."""
    made = {}
    for name, sample in samples().items():
        others = [] if name in ANY_PROTOCOL else disguised(sample.match)
        made[f"{name}.match.pcap"] = pcap(1, records(sample.match))
        made[f"{name}.miss.pcap"] = pcap(1, records([*sample.miss, *others]))
    return made


def disguised(match: Frames) -> Frames:
    """The first IPv6 packet of each protocol, with all its bytes, but as one for experiments (253, RFC 3692).

    For filters that look at the bytes of IPv6 themselves: they must look at the next header, too.
    """
    found: dict[int, bytes] = {}
    for frame in map(bytes, match):
        if frame[12:14] == b"\x86\xdd" and frame[20] in (0, 6, 17, 43, 44):
            found.setdefault(frame[20], frame[:20] + b"\xfd" + frame[21:])
    return list(found.values())


def samples() -> Samples:
    found: Samples = {}
    for topic in TOPICS:
        found |= topic.samples()
    return found

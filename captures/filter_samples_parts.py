"""What the samples of the named filters are made of: packets in both IP versions, and neighbours of ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6Unknown
from scapy.packet import Packet, Raw
from traffic import ip, ip6, up

Frames = list[Packet | bytes]


class Sample(NamedTuple):
    """For one filter: packets that match, and near misses, which do not."""

    match: Frames
    miss: Frames


Samples = dict[str, Sample]


def four(*payloads: Packet, **fields: Any) -> Frames:
    """The payloads in IPv4, with these fields in its header."""
    return [up(ip(**fields) / payload) for payload in payloads]


def six(*payloads: Packet, **fields: Any) -> Frames:
    """The payloads in IPv6, with these fields in its header."""
    return [up(ip6(**fields) / payload) for payload in payloads]


def both(*payloads: Packet) -> Frames:
    """The payloads in IPv4, and in IPv6."""
    return four(*payloads) + six(*payloads)


def tcp(data: bytes = b"", **fields: Any) -> Packet:
    """A TCP segment; its flags are ACK, and PSH if it has data, unless others are given."""
    flags = fields.get("flags", "PA" if data else "A")
    numbers = {"seq": 1000, "ack": 5000 if "A" in flags else 0, "window": 64240}
    header = TCP(**{"sport": 51000, "dport": 8000, "flags": flags, **numbers, **fields})
    return header / Raw(data) if data else header


def udp(data: bytes = b"sample", *, sport: int = 50000, dport: int = 8000, **fields: Any) -> Packet:
    """A UDP datagram."""
    return UDP(sport=sport, dport=dport, **fields) / Raw(data)


def icmp(type: int, code: int = 0, data: bytes = b"sample") -> Packet:
    """An ICMP message."""
    times = {"ts_ori": 1, "ts_rx": 0, "ts_tx": 0} if type in (13, 14) else {}  # else they would be of today
    return ICMP(type=type, code=code, **times) / Raw(data)


def icmp6(type: int, code: int = 0, data: bytes = b"sample") -> Packet:
    """An ICMPv6 message: behind type, code and checksum come four bytes, and the data."""
    return ICMPv6Unknown(type=type, code=code, msgbody=bytes(4) + data)


def _segment(sport: int, dport: int) -> Packet:
    return tcp(flags="S", sport=sport, dport=dport)


def _datagram(sport: int, dport: int) -> Packet:
    return udp(sport=sport, dport=dport)


_MADE: dict[str, Callable[[int, int], Packet]] = {"tcp": _segment, "udp": _datagram}
_OTHER = {"tcp": "udp", "udp": "tcp"}


def ports(*wanted: tuple[str, int], target: bool = False, versions: str = "46") -> Sample:
    """Packets to and from ports, given as transport and number; ``target``: only those to them match.

    Near misses are packets to the next port that is not one of them, and of the other transport to the same port.
    ``versions``: the IP versions that match; packets of the other one are near misses, too.
    """
    chosen = set(wanted)
    matching: list[Packet] = []
    missing: list[Packet] = []
    for transport, port in wanted:
        make, other = _MADE[transport], _OTHER[transport]
        neighbour = next(each for each in range(port + 1, port + 99) if (transport, each) not in chosen)
        matching.append(make(50000, port))
        (missing if target else matching).append(make(port, 50000))
        missing.append(make(50000, neighbour))
        if (other, port) not in chosen:
            missing.append(_MADE[other](50000, port))
    others = {"4": "6", "6": "4"}.get(versions, "")
    return Sample(_versions(versions, matching), both(*missing) + _versions(others, matching))


def _versions(versions: str, payloads: Iterable[Packet]) -> Frames:
    made: dict[str, Callable[..., Frames]] = {"4": four, "6": six}
    return [packet for version in versions for packet in made[version](*payloads)]

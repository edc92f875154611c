"""Packets as JSON objects, one a line.

A key is missing where the packet has no such thing, or where the bytes that would tell were not captured.

| key | value |
|---|---|
| ``time`` | string: ISO 8601, UTC, with all digits: ``2026-11-20T10:00:00.007407Z`` |
| ``timestamp`` | string: seconds since the epoch with all digits, exact where a number would be rounded |
| ``number`` | of the packet in the output, from 1 |
| ``file`` | string: name of the savefile |
| ``interface`` | string: name of the interface, or its number in the file, from 0 |
| ``linktype`` | string: name of the link type |
| ``caplen``, ``wirelen`` | bytes that were captured, and that were on the network |
| ``verdict`` | bytes that the filter keeps |
| ``filters`` | list of strings: names of the filters that match, if they have names |
| ``eth_src``, ``eth_dst`` | strings: MAC addresses |
| ``vlan`` | list of VLAN numbers, from the outermost tag on |
| ``mpls`` | list of MPLS labels, from the outermost on |
| ``pppoe`` | number of the PPPoE session |
| ``protocol`` | string: the innermost that is known before any tunnel, such as ``tcp``, ``icmp6``, ``arp`` or ``stp`` |
| ``src``, ``dst`` | strings: IP addresses; of ARP, those of sender and target |
| ``ttl`` | time to live or hop limit |
| ``fragment`` | offset of a fragment, in bytes; ports are in the first one only |
| ``sport``, ``dport`` | ports |
| ``tcp_flags`` | string: letters as in lines, ``S.``; ``none`` if there are none |
| ``tcp_seq``, ``tcp_ack`` | numbers as they are in the segment; ``tcp_ack`` with the flag only |
| ``icmp_type``, ``icmp_code`` | of ICMP and ICMPv6 |
| ``arp_operation`` | 1 request, 2 reply, 3 and 4 those of RARP |

Of tunnels (GRE, VXLAN, IP in IP, ...) the outermost packet is described, which is what filters look at first.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cbpf.capture.packet import Packet
from cbpf.capture.printing.fields import fields
from cbpf.capture.printing.style import Surroundings
from cbpf.capture.printing.times import date, fraction
from cbpf.capture.summary.clock import BILLION, DAY
from cbpf.linktypes import linktype_name

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_DAY: Final = -719_162  # 0001-01-01, the first that ISO 8601 has without agreement
_LAST_DAY: Final = 2_932_896  # 9999-12-31


def encoded(packet: Packet, around: Surroundings) -> str:
    """The object about a packet, with the line's end. Never raises."""
    known = {**_record(packet, around), **fields(packet.interface.linktype, packet.data)}
    return f"{_encoder()(known)}\n"


@cache
def _encoder() -> Callable[[object], str]:
    from json import JSONEncoder

    return JSONEncoder().encode


def _record(packet: Packet, around: Surroundings) -> dict[str, Any]:
    """What the savefile and the filter say about a packet."""
    timestamp, wirelen, data, interface = packet
    seconds, rest = divmod(timestamp, BILLION)
    known: dict[str, Any] = {}
    day, second = divmod(seconds, DAY)
    after = fraction(rest, around.digits)
    if _FIRST_DAY <= day <= _LAST_DAY:
        time = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        known["time"] = f"{date(day).rjust(10, '0')}T{time}.{after}Z"
    known |= {"timestamp": _exact(timestamp, around.digits), "number": around.number}
    if around.file:
        # File names are bytes, which JSON cannot have.
        known["file"] = _text(around.file)
    known["interface"] = interface.number if interface.name is None else interface.name
    known |= {"linktype": linktype_name(interface.linktype), "caplen": len(data), "wirelen": wirelen}
    if around.verdict is not None:
        known["verdict"] = around.verdict
    if around.filters:
        known["filters"] = list(map(_text, around.filters))
    return known


def _exact(timestamp: int, digits: int) -> str:
    """Seconds as a decimal number. The sign is that of the number: -0.5 is half a second before the epoch."""
    seconds, rest = divmod(abs(timestamp), BILLION)
    return f"{'-' if timestamp < 0 else ''}{seconds}.{fraction(rest, digits)}"


def _text(name: str) -> str:
    """A name from the command line as text, whatever bytes it has."""
    return name.encode(errors="surrogateescape").decode(errors="replace")

"""802.11, behind each of the headers that it may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.compiler.faults.common import (
    INNER_TCP,
    OVER_GENEVE,
    TCP_OVER_IPV4,
    Whose,
    found,
    lost,
    on,
    passed,
    pflog,
    taken,
)
from tests.frames import (
    DATA,
    FROM_DS,
    HERE,
    IPV4,
    MANAGEMENT,
    PPPOE,
    QOS_DATA,
    TCP,
    THERE,
    TO_DS,
    TRANSPARENT_ETHERNET,
    UDP,
    acknowledgment,
    avs,
    geneve,
    ip,
    ppi,
    pppoe,
    prism,
    radiotap,
    request_to_send,
    snap,
    tcp,
    wlan,
)

_OVER_LLC: Final = snap(0, IPV4, ip(TCP, tcp(1024, 80)))
_PPPOE_OVER_LLC: Final = snap(0, PPPOE, pppoe(0x21, ip(TCP)))
_GENEVE_OVER_LLC: Final = snap(0, IPV4, ip(UDP, geneve(7, TRANSPARENT_ETHERNET, INNER_TCP)))
_HEADERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "IEEE802_11": bytes,
    "IEEE802_11_RADIO": radiotap,
    "IEEE802_11_RADIO_AVS": avs,
    "PRISM_HEADER": prism,
    "PPI": ppi,
}

WIRELESS: Final = (
    *(
        on(linktype, "L8", Whose.COMPILER, expression, *packets)
        for linktype, header in _HEADERS.items()
        for expression, packets in (
            (
                "wlan ra 02:00:00:00:00:01",
                (
                    lost(header(acknowledgment())),
                    lost(header(request_to_send())),
                    found(header(wlan(DATA, TO_DS, _OVER_LLC))),
                    passed(header(wlan(MANAGEMENT))),
                ),
            ),
            (
                "wlan ta 02:00:00:00:00:02",
                (
                    lost(header(request_to_send())),
                    found(header(wlan(DATA, TO_DS, _OVER_LLC))),
                    passed(header(acknowledgment())),
                    passed(header(wlan(MANAGEMENT))),
                ),
            ),
        )
    ),
    # The outer offsets behind a tunnel or a session.
    *(
        on(
            linktype,
            item,
            Whose.COMPILER,
            expression,
            lost(header(wlan(DATA, TO_DS, octets))),
            passed(header(wlan(DATA, TO_DS, other))),
        )
        for linktype, header in _HEADERS.items()
        for item, expression, octets, other in (
            ("L9", "geneve and ip", _GENEVE_OVER_LLC, _OVER_LLC),
            ("L9", "geneve or tcp", _OVER_LLC, _PPPOE_OVER_LLC),
            ("L10", "pppoes and ip", _PPPOE_OVER_LLC, _OVER_LLC),
            ("#834", "pppoes", _PPPOE_OVER_LLC, _OVER_LLC),
        )
        if linktype != "IEEE802_11" or item == "L9"
    ),
    on(
        "PFLOG",
        "L9",
        Whose.COMPILER,
        "geneve and ip",
        lost(pflog(payload=OVER_GENEVE[14:])),
        passed(pflog(payload=ip(TCP))),
    ),
    on(
        "PPI",
        "L7",
        Whose.NEITHER,
        "tcp port 80",
        found(ppi(wlan(DATA, TO_DS, _OVER_LLC))),
        passed(ppi(wlan(DATA, TO_DS, _OVER_LLC), inner=1)),
    ),
    on(
        "PPI",
        "L7",
        Whose.COMPILER,
        "pppoes or len > 5",
        taken(ppi(wlan(DATA, TO_DS, _OVER_LLC), inner=1)),
        found(ppi(wlan(DATA, TO_DS, _OVER_LLC))),
    ),
    on(
        "PPI",
        "L7",
        Whose.COMPILER,
        "not geneve",
        taken(ppi(TCP_OVER_IPV4, inner=1)),
        found(ppi(wlan(DATA, TO_DS, _OVER_LLC))),
    ),
    # Where the 802.11 header begins is computed too late if something else is tested before.
    on(
        "IEEE802_11_RADIO",
        "#1192",
        Whose.COMPILER,
        "(radio[4] & 0x40) == 0 and type mgt subtype probe-req",
        lost(radiotap(wlan(0x40))),
        passed(radiotap(wlan(0x80))),
    ),
    on(
        "IEEE802_11_RADIO",
        "#1192",
        Whose.NEITHER,
        "type mgt subtype probe-req and (radio[4] & 0x40) == 0",
        found(radiotap(wlan(0x40))),
        passed(radiotap(wlan(0x80))),
    ),
    # Limits that are documented, and kept.
    *(
        on(
            linktype,
            "B20",
            Whose.NEITHER,
            "tcp port 80",
            found(header(wlan(QOS_DATA, TO_DS, _OVER_LLC))),
            passed(header(wlan(DATA, TO_DS | FROM_DS, bytes(6) + _OVER_LLC))),
        )
        for linktype, header in _HEADERS.items()
    ),
    on(
        "IEEE802",
        "B20",
        Whose.NEITHER,
        "tcp",
        found(b"\x10\x40" + HERE + THERE + _OVER_LLC),
        passed(b"\x10\x40" + HERE + b"\x82" + THERE[1:] + bytes(6) + _OVER_LLC),
    ),
    on(
        "IEEE802",
        "L3",
        Whose.NEITHER,
        "tcp",
        found(b"\x10\x40" + HERE + THERE + _OVER_LLC),
        passed(b"\x10\x40" + HERE + b"\x82" + THERE[1:] + bytes(6) + _OVER_LLC),
    ),
    on(
        "ARCNET",
        "L3",
        Whose.NEITHER,
        "tcp",
        found(b"\1\2\xd4\0\0\1" + ip(TCP)),
        passed(b"\1\2\xd4\0\0\2" + ip(TCP)[30:]),
    ),
    on(
        "IEEE802",
        "L14",
        Whose.NEITHER,
        "tcp",
        found(b"\x10\x40" + HERE + THERE + _OVER_LLC),
        found(b"\x10\x40" + HERE + THERE + b"\1\2\3\4\5\6" + _OVER_LLC[6:]),
    ),
)

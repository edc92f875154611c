"""What filters can ask for on which link type, and which of them the default run of the tests takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import pytest

from cbpf.linktypes import NUMBERS

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

LINKTYPES: Final = tuple(NUMBERS)

_WLAN: Final = "IEEE802_11 IEEE802_11_RADIO IEEE802_11_RADIO_AVS PRISM_HEADER PPI"
_ETHERNET: Final = "EN10MB NETANALYZER NETANALYZER_TRANSPARENT DSA_TAG_BRCM DSA_TAG_DSA"
_ARCNET: Final = "ARCNET ARCNET_LINUX"
_COOKED: Final = "LINUX_SLL LINUX_SLL2"
_JUNIPER: Final = " ".join(
    f"JUNIPER_{name}"
    for name in "MLPPP MLFR ES GGSN MFR ATM2 SERVICES ATM1 MONITOR PPPOE PPPOE_ATM ETHER PPP FRELAY CHDLC VP ISM ST VS "
    "SRX_E2E FIBRECHANNEL ATM_CEMIC".split()
)
_IP: Final = "RAW IPV4 IPV6 NULL LOOP ENC PFLOG IPNET SLIP SLIP_BSDOS LTALK"
_LLC: Final = "IEEE802 FDDI ATM_RFC1483 ATM_CLIP IP_OVER_FC SUNATM"
_PPP: Final = "PPP PPP_SERIAL PPP_PPPD PPP_ETHER PPP_BSDOS"
_LINES: Final = f"{_PPP} C_HDLC HDLC FRELAY"
_SS7: Final = "MTP2 MTP2_WITH_PHDR ERF"

_FEATURES: Final = {
    "protocols": f"{_WLAN} {_ETHERNET} {_ARCNET} {_COOKED} {_JUNIPER} {_IP} {_LLC} {_LINES} "
    "APPLE_IP_OVER_IEEE1394 SYMANTEC_FIREWALL",
    "ethertypes": f"{_WLAN} {_ETHERNET} {_COOKED} {_LLC} C_HDLC HDLC APPLE_IP_OVER_IEEE1394 SYMANTEC_FIREWALL",
    "variable header": f"{_WLAN} PFLOG",
    "mac48": f"{_WLAN} {_ETHERNET} IEEE802 FDDI IP_OVER_FC",
    "mac8": f"{_ARCNET} BACNET_MS_TP",
    "broadcast": f"{_WLAN} {_ETHERNET} IEEE802 FDDI IP_OVER_FC {_ARCNET} BACNET_MS_TP",
    "multicast": f"{_WLAN} {_ETHERNET} IEEE802 FDDI IP_OVER_FC {_ARCNET}",
    "vlan": f"{_ETHERNET} IEEE802_11 IEEE802_11_RADIO IEEE802_11_RADIO_AVS PRISM_HEADER",
    "mpls": f"{_ETHERNET} C_HDLC HDLC PPP",
    "llc": f"EN10MB DSA_TAG_BRCM DSA_TAG_DSA IEEE802 FDDI ATM_RFC1483 SUNATM {_WLAN}",
    "wlan": _WLAN,
    "direction": f"{_COOKED} {_JUNIPER} SLIP PPP_PPPD IPNET PFLOG DSA_TAG_BRCM DSA_TAG_DSA",
    "ss7": _SS7,
    "atm": "SUNATM",
    "pflog": "PFLOG",
    "radio": "IEEE802_11_RADIO IEEE802_11_RADIO_AVS PRISM_HEADER",
    "ifindex": "LINUX_SLL2",
}
FEATURES: Final = {feature: frozenset(linktypes.split()) for feature, linktypes in _FEATURES.items()}

# Those of which filters know more than bytes.
KNOWN: Final = tuple(linktype for linktype in LINKTYPES if any(linktype in those for those in FEATURES.values()))

# And those of which filters know only bytes, all alike; one of them stands for all where that has been shown.
OTHERS: Final = tuple(linktype for linktype in LINKTYPES if linktype not in KNOWN)
ANY_OTHER: Final = "USER0"

# One or two of every kind, for what is too much to do for all of them every time.
_TYPICAL: Final = frozenset("EN10MB RAW PFLOG LINUX_SLL2 IEEE802_11_RADIO SUNATM MTP2 JUNIPER_GGSN".split())


def has(linktype: str, feature: str) -> bool:
    return linktype in FEATURES[feature]


THIRDS: Final = [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
"""Where a test that takes every third row of a table begins; the default run takes one third."""


def some_of(linktypes: Iterable[str]) -> list[ParameterSet]:
    """The parameters of a test: those link types of which the test is slow, but for the typical ones."""
    return [pytest.param(name, marks=() if name in _TYPICAL else pytest.mark.slow) for name in linktypes]

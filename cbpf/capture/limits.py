"""How long packets in a savefile may be, per link type, and how many interfaces there may be: more is damage."""

from __future__ import annotations

MAXIMUM_SNAPLEN = 262144
MAXIMUM_INTERFACES = 2**18
"""Of one savefile, all sections together. They are remembered, and a small compressed file could have billions."""
LONGEST_NAME = 255
"""Characters of an interface's name that are kept, of the 65535 bytes that it may have."""
_INT_MAX = 2**31 - 1

# Link types whose packets may be longer: DBUS, EBHSCR and USBPCAP (libpcap's rule).
_LONGER = {231: 128 * 1024 * 1024, 279: 8 * 1024 * 1024, 249: 1024 * 1024}


def maximum_snaplen(linktype: int) -> int:
    """The most bytes one packet of ``linktype`` may have in a savefile."""
    return _LONGER.get(linktype, MAXIMUM_SNAPLEN)


def effective_snaplen(linktype: int, snaplen: int) -> int:
    """The snapshot length meant by the number in a file, which may be 0 or absurd for "no limit"."""
    return snaplen if 0 < snaplen <= _INT_MAX else maximum_snaplen(linktype)

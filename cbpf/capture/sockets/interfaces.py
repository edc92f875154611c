"""The network interfaces of this host: a numbered list of them, and what Linux says of one by its name.

Source of the order: libpcap, whose tools number them too. Source of the requests: netdevice(7).
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cbpf.capture.sockets.failures import CaptureError
from cbpf.capture.sockets.hardware import ANY

_SIOCGIFFLAGS: Final = 0x8913
_SIOCGIFHWADDR: Final = 0x8927
_SIOCETHTOOL: Final = 0x8946
_ETHTOOL_GLINK: Final = 0x0A  # linux/ethtool.h: whether there is a link, as a struct ethtool_value
_ETHTOOL_VALUE: Final = struct.Struct("=II")
_IFNAMSIZ: Final = 16
_IFREQ: Final = struct.Struct("@16s24s")

IFF_UP: Final = 0x1
_FLAGS: Final = (("up", IFF_UP), ("running", 0x40), ("loopback", 0x8))


class NamedInterface(NamedTuple):
    """One interface that packets can be captured on.

    * ``number``: its position in the list, from 1.
    * ``addresses``: its IPv4 and then its IPv6 addresses.
    * ``flags``: of "up", "running", "loopback", "wireless", and "connected" or "disconnected" where that is known.
    """

    number: int
    name: str
    addresses: tuple[str, ...]
    flags: tuple[str, ...]


def interfaces() -> list[NamedInterface]:
    """All interfaces: those up and connected first, loopback last of them; on Linux "any", which is all of them."""
    import scapy.arch  # noqa: F401 (it knows how this system lists them)
    from scapy.config import conf

    conf.ifaces.reload()
    found = sorted(conf.ifaces.values(), key=lambda each: int(each.index))
    named = [(each.network_name, _addresses(each.ips), _flags(each.network_name, int(each.flags))) for each in found]
    if sys.platform == "linux":
        named.append((ANY, (), ("up", "running")))
    named.sort(key=lambda each: _place(each[0], each[2]))
    return [NamedInterface(number, *each) for number, each in enumerate(named, 1)]


def interface_name(text: str) -> str:
    """The interface meant by a name, or by a number in the list if none is called so; ``text`` if there is no such."""
    if not (text.isascii() and text.isdecimal()) or hardware_type(text) is not None:
        return text
    return next((each.name for each in interfaces() if each.number == int(text[:9])), text)


def hardware_type(name: str) -> int | None:
    """The ARPHRD number of an interface, None if Linux has none of this name."""
    return _ask(name, _SIOCGIFHWADDR)


def interface_flags(name: str) -> int | None:
    """The IFF_ flags of an interface, None if Linux has none of this name."""
    return _ask(name, _SIOCGIFFLAGS)


def no_such_interface(name: str) -> CaptureError:
    """The error that says so, and which there are."""
    names = [each.name for each in interfaces()]
    return CaptureError(f"there is no such interface; there are {', '.join(names)}", interface=name)


def _ask(name: str, request: int) -> int | None:
    """The 16-bit number that a request for an interface is answered with."""
    answer = _request(name, request, b"")
    return None if answer is None else int.from_bytes(answer[:2], sys.byteorder)


def _request(name: str, request: int, argument: bytes) -> bytes | None:
    """What a struct ifreq has behind the name after a request; None if there is no such interface, or no answer."""
    encoded = os.fsencode(name)
    if not 0 < len(encoded) < _IFNAMSIZ or b"\0" in encoded or sys.platform != "linux":
        return None
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            return fcntl.ioctl(asked, request, _IFREQ.pack(encoded, argument))[_IFNAMSIZ:]
        except OSError:
            return None


def _flags(name: str, bits: int) -> tuple[str, ...]:
    """The flags of an interface whose IFF_ flags are ``bits``."""
    flags = [flag for flag, bit in _FLAGS if bits & bit]
    folder = Path("/sys/class/net", name)
    if (folder / "wireless").exists() or (folder / "phy80211").exists():
        flags.append("wireless")
    if "loopback" in flags:  # it has no other end
        return tuple(flags)
    linked = ctypes.create_string_buffer(_ETHTOOL_VALUE.pack(_ETHTOOL_GLINK, 0))
    if _request(name, _SIOCETHTOOL, struct.pack("@P", ctypes.addressof(linked))) is not None:
        flags.append("connected" if _ETHTOOL_VALUE.unpack_from(linked)[1] else "disconnected")
    return tuple(flags)


def _addresses(known: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    return tuple(address for version in (4, 6) for address in known.get(version, ()))


def _place(name: str, flags: Collection[str]) -> tuple[bool, ...]:
    """Where an interface stands: the one with the smallest comes first."""
    unlinked = "disconnected" in flags and "wireless" not in flags
    return ("running" not in flags, "up" not in flags, unlinked, "loopback" in flags, name == ANY)

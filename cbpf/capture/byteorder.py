"""Host-order fields inside packets, when the host that wrote the savefile had the other byte order.

A few link types begin with a header in the capturing host's byte order. libpcap converts these fields to the reading
host's order before a filter sees them, so the readers here do it as well. A field that the packet does not wholly
contain is left as it is. Nothing else is converted: NULL, ENC, CAN_SOCKETCAN and the like are handed over as stored.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Final

Converter = Callable[[bytes, int], bytes]
"""From the captured bytes and the wire length of a packet in the other byte order to the same in this host's."""

HOST_ORDER: Final = "<" if sys.byteorder == "little" else ">"


def converter(linktype: int, order: str) -> Converter | None:
    """The function for packets of ``linktype`` from a file in ``order`` ("<" or ">"); None if there is none to do."""
    return None if order == HOST_ORDER else _CONVERTERS.get(linktype)


def _reverse(packet: bytearray, fields: Iterable[tuple[int, int]], limit: int) -> bool:
    """Reverse each (offset, width) field of ``packet``, up to the first that ends after ``limit``; True if all fit."""
    for offset, width in fields:
        if offset + width > limit:
            return False
        packet[offset : offset + width] = packet[offset : offset + width][::-1]
    return True


# --- PFLOG: user and process numbers, as far as the header's own length byte says they are there.

_PFLOG_FIELDS: Final = ((44, 4), (48, 4), (52, 4), (56, 4))


def _pflog(data: bytes, wirelen: int) -> bytes:
    packet = bytearray(data)
    if packet:
        _reverse(packet, _PFLOG_FIELDS, min(len(packet), wirelen, packet[0]))
    return bytes(packet)


# --- Linux cooked, both versions: the SocketCAN header that follows for the protocols CAN, CAN FD and CAN XL.

_CAN_ID: Final = ((0, 4),)
_CAN_FIELDS: Final = {0x000C: _CAN_ID, 0x000D: _CAN_ID, 0x000E: ((0, 4), (6, 2), (8, 4))}


def _cooked(protocol_at: int, header_length: int) -> Converter:
    def convert(data: bytes, wirelen: int) -> bytes:
        if min(len(data), wirelen) < header_length:
            return data
        fields = _CAN_FIELDS.get(int.from_bytes(data[protocol_at : protocol_at + 2], "big"))
        if fields is None:
            return data
        packet = bytearray(data)
        _reverse(packet, ((header_length + offset, width) for offset, width in fields), min(len(packet), wirelen))
        return bytes(packet)

    return convert


# --- USB as usbmon gives it: the 48-byte header, and with memory mapping the 64-byte one and isochronous descriptors.

_USB_FIELDS: Final = ((0, 8), (12, 2), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4))
_USB_ISOCHRONOUS_FIELDS: Final = ((40, 4), (44, 4))
_USB_MMAPPED_FIELDS: Final = ((48, 4), (52, 4), (56, 4), (60, 4))
_USB_TRANSFER_TYPE_AT: Final = 9
_USB_ISOCHRONOUS: Final = 0
_USB_DESCRIPTOR_COUNT: Final = slice(60, 64)  # those in the packet; 44-47 counts those of the transfer
_USB_DESCRIPTORS_AT: Final = 64
_USB_DESCRIPTOR_LENGTH: Final = 16


def _usb(data: bytes, wirelen: int) -> bytes:
    packet = bytearray(data)
    _usb_header(packet)
    return bytes(packet)


def _usb_mmapped(data: bytes, wirelen: int) -> bytes:
    packet = bytearray(data)
    if _usb_header(packet) and _reverse(packet, _USB_MMAPPED_FIELDS, len(packet)) and _is_isochronous(packet):
        count = int.from_bytes(packet[_USB_DESCRIPTOR_COUNT], sys.byteorder)
        held = (len(packet) - _USB_DESCRIPTORS_AT) // _USB_DESCRIPTOR_LENGTH + 1
        for number in range(min(count, held)):
            start = _USB_DESCRIPTORS_AT + number * _USB_DESCRIPTOR_LENGTH
            _reverse(packet, ((start, 4), (start + 4, 4), (start + 8, 4)), len(packet))
    return bytes(packet)


def _usb_header(packet: bytearray) -> bool:
    """Convert the 48 bytes both kinds begin with; True if they are all there."""
    if not _reverse(packet, _USB_FIELDS, len(packet)):
        return False
    if _is_isochronous(packet):
        return _reverse(packet, _USB_ISOCHRONOUS_FIELDS, len(packet))
    return True


def _is_isochronous(packet: bytearray) -> bool:
    return packet[_USB_TRANSFER_TYPE_AT] == _USB_ISOCHRONOUS


# --- NFLOG: length and type of each attribute, which are padded to four bytes.

_NFLOG_HEADER_LENGTH: Final = 4
_NFLOG_VERSION_AT: Final = 1
_NFLOG_ATTRIBUTE_HEADER_LENGTH: Final = 4


def _nflog(data: bytes, wirelen: int) -> bytes:
    limit = min(len(data), wirelen)
    if limit < _NFLOG_HEADER_LENGTH or data[_NFLOG_VERSION_AT] != 0:
        return data
    packet = bytearray(data)
    at = _NFLOG_HEADER_LENGTH
    while at + _NFLOG_ATTRIBUTE_HEADER_LENGTH <= len(packet):
        _reverse(packet, ((at, 2), (at + 2, 2)), len(packet))
        padded = (int.from_bytes(packet[at : at + 2], sys.byteorder) + 3) & ~3
        at += padded
        if padded < _NFLOG_ATTRIBUTE_HEADER_LENGTH or at > limit:
            break
    return bytes(packet)


_CONVERTERS: Final[dict[int, Converter]] = {
    113: _cooked(protocol_at=14, header_length=16),  # LINUX_SLL
    117: _pflog,
    189: _usb,  # USB_LINUX
    220: _usb_mmapped,  # USB_LINUX_MMAPPED
    239: _nflog,
    276: _cooked(protocol_at=0, header_length=20),  # LINUX_SLL2
}

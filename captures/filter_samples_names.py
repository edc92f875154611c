"""Samples of the filters about names, addresses, time, and services that are misused as amplifiers."""

from __future__ import annotations

import struct
from typing import Any

from filter_samples_parts import Sample, Samples, both, four, ports, six, tcp, udp
from scapy.packet import Packet, Padding
from traffic import ip, up

NAME = b"\3www\7example\3com\0"
OPT = bytes.fromhex("00 0029 04d0 00000000 0000")  # EDNS: the root, type 41, a size of 1232
COOKIE = bytes.fromhex("00 0029 04d0 00000000 000c 000a 0008 0102030405060708")


def message(
    flags: int,
    kind: int = 1,
    *,
    answers: int = 0,
    additional: bytes = b"",
    padding: int = 0,
    name: bytes = NAME,
    questions: int = 1,
) -> bytes:
    """A DNS message with a question; each answer is a TXT record of 200 bytes."""
    header = struct.pack("!HHHHHH", 7, flags, questions, answers, 0, bool(additional))
    text = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 300, 200) + bytes([199]) + b"t" * 199
    return header + name + struct.pack("!HH", kind, 1) + text * answers + additional + bytes(padding)


def question(data: bytes) -> Packet:
    return udp(data, dport=53)


def answer(data: bytes) -> Packet:
    return udp(data, sport=53, dport=50000)


def stream(data: bytes, *, dport: int = 53, **fields: Any) -> Packet:
    """A DNS message over TCP, behind its length."""
    return tcp(len(data).to_bytes(2, "big") + data, dport=dport, **fields)


QUERY, RESPONSE = 0x0100, 0x8180


def dns() -> Samples:
    bad = [answer(message(RESPONSE | code)) for code in (1, 2, 5)]
    unknown = answer(message(RESPONSE | 3))
    good = answer(message(RESPONSE, answers=1))
    asked = question(message(QUERY))
    odd = udp(message(QUERY | 3), sport=53)
    # What has 255 where it would be the type if there were other additional records than there are.
    late = b"\0" + struct.pack("!HHIH", 1, 1, 0, 4) + bytes.fromhex("00ff 0001")
    names = [bytes([10 + more, 0, 255]) + bytes(8 + more) + b"\0" for more in (0, 12)]
    large = answer(message(RESPONSE, answers=3))
    at_limit = answer(message(RESPONSE, padding=512 - len(message(RESPONSE))))
    return {
        "dns": ports(("udp", 53), ("tcp", 53)),
        "dns-tcp": ports(("tcp", 53)),
        "dns-errors": Sample(
            both(*bad, unknown),
            both(odd, good, asked, question(message(QUERY | 3)), udp(message(RESPONSE | 3), sport=5300)),
        ),
        "dns-nxdomain": Sample(
            both(unknown), both(odd, *bad, good, question(message(QUERY | 3)), udp(message(RESPONSE | 3), sport=5300))
        ),
        "dns-truncated": Sample(
            both(answer(message(RESPONSE | 0x0200))),
            both(
                udp(message(RESPONSE | 0x0200), sport=5300),
                good,
                unknown,
                asked,
                question(message(QUERY | 0x0200)),
                answer(message(QUERY | 0x0200)),
            ),
        ),
        "dns-large": Sample(
            both(large, answer(message(RESPONSE, padding=513 - len(message(RESPONSE))))),
            both(
                udp(message(RESPONSE, answers=3), sport=5300),
                good,
                at_limit,
                question(message(QUERY, answers=3)),
                answer(message(QUERY, answers=3)),
            ),
        ),
        "dns-any": Sample(
            both(*(question(message(QUERY, 255, additional=each)) for each in (b"", OPT, COOKIE))),
            both(*(question(message(QUERY, kind, additional=each)) for kind in (1, 252) for each in (b"", OPT, COOKIE)))
            + both(
                answer(message(RESPONSE, 255)),
                udp(message(QUERY, 255), dport=5300),
                udp(message(RESPONSE, 255), sport=53, dport=53),
            )
            + both(question(message(QUERY, additional=late)), *(question(message(QUERY, name=each)) for each in names)),
        ),
        "dns-zone-transfer": Sample(
            [
                up(ip() / stream(message(QUERY, 252)) / Padding(bytes(4))),  # the end of the frame is not the message's
                *both(stream(message(QUERY, 252)), stream(message(0, 252), options=[("NOP", None)] * 4)),
            ],
            both(
                *(stream(message(QUERY, kind)) for kind in (1, 251, 255)),
                stream(message(RESPONSE, 252)),
                stream(message(QUERY, 252, questions=2)),
                stream(message(QUERY, 252), dport=5300),
                question(message(QUERY, 252)),
                tcp(dport=53),
            ),
        ),
        "dns-update": Sample(
            both(question(message(0x2800, 6)), answer(message(0xA800, 6))),
            both(asked, good, question(message(0x2000, 6)), udp(message(0x2800, 6), dport=5300)),
        ),
        "dns-encrypted": ports(("tcp", 853), ("udp", 853)),
    }


def neighbours() -> Samples:
    return {
        "mdns": ports(("udp", 5353)),
        "llmnr": ports(("udp", 5355), ("tcp", 5355)),
        "netbios-names": ports(("udp", 137)),
        "ssdp": ports(("udp", 1900)),
        "ws-discovery": ports(("udp", 3702)),
    }


def bootp(operation: int, kind: int) -> bytes:
    """A DHCP message: 236 bytes of BOOTP, the cookie, the options."""
    fixed = bytes([operation, 1, 6, 0]) + bytes.fromhex("00000001") + bytes(228)
    return fixed + bytes.fromhex("63825363") + bytes([53, 1, kind, 255])


def configuration() -> Samples:
    def request(kind: int) -> Packet:
        return udp(bootp(1, kind), sport=68, dport=67)

    def reply(kind: int) -> Packet:
        return udp(bootp(2, kind), sport=67, dport=68)

    cookie, option = bootp(2, 6).replace(b"\x63\x82", b"\x63\x83"), bootp(2, 6).replace(bytes([53, 1]), bytes([54, 1]))
    elsewhere = udp(bootp(2, 6), sport=4011, dport=4012)
    return {
        "dhcp": ports(("udp", 67), ("udp", 68), versions="4"),
        "dhcp-servers": Sample(
            four(*(reply(kind) for kind in (2, 5, 6)), udp(bootp(2, 2), sport=67, dport=67)),
            four(*(request(kind) for kind in (1, 3)), udp(bootp(1, 1), sport=67, dport=67), elsewhere) + six(reply(2)),
        ),
        "dhcp-trouble": Sample(
            four(request(4), reply(6), udp(bootp(2, 6), sport=67, dport=67), udp(bootp(2, 6), sport=1067, dport=68)),
            four(*(udp(each, sport=67, dport=68) for each in (cookie, option)))
            + four(*(request(kind) for kind in (1, 3, 7)), *(reply(kind) for kind in (2, 5)), elsewhere)
            + six(reply(6)),
        ),
        "dhcpv6": ports(("udp", 546), ("udp", 547), versions="6"),
        "tftp": ports(("udp", 69), target=True),
        "ntp": ports(("udp", 123)),
    }


def amplification() -> Samples:
    def time(first: int, code: int = 0) -> bytes:
        return bytes([first, 0, 3, code]) + bytes(44)

    def ntp(first: int, code: int = 0) -> Packet:
        return udp(time(first, code), sport=50000, dport=123)

    reflectors = (17, 19, 123, 161, 389, 1900, 3702, 11211)
    small = [("tcp", port) for port in (7, 9, 13, 17, 19, 37)] + [("udp", port) for port in (7, 9, 13, 17, 19, 37)]
    return {
        "ntp-monlist": Sample(
            both(ntp(0x17, 42), ntp(0x17, 20), udp(time(0x97, 42), sport=123)),
            both(ntp(0x17, 1), ntp(0x16, 42), ntp(0x23, 42), udp(time(0x17, 42), dport=1123)),
        ),
        "ntp-control": Sample(
            both(ntp(0x16), ntp(0x26), udp(time(0x96), sport=123)),
            both(ntp(0x17, 42), ntp(0x23), ntp(0x1B), udp(time(0x16), dport=1123)),
        ),
        "reflected-replies": Sample(
            both(*(udp(bytes(401), sport=port) for port in reflectors)),
            both(*(udp(bytes(400), sport=port) for port in reflectors), udp(bytes(900), dport=1900))
            + both(udp(bytes(900), sport=53), udp(bytes(900), sport=18), tcp(bytes(900), sport=123)),
        ),
        "memcached-udp": ports(("udp", 11211), target=True),
        "small-services": ports(*small, target=True),
    }


def samples() -> Samples:
    return {**dns(), **neighbours(), **configuration(), **amplification()}

"""Samples of the filters about telephones, media and machines: SIP, RTP, and the protocols of industry."""

from __future__ import annotations

import struct
from typing import Any

from filter_samples_ethernet import frame
from filter_samples_parts import Sample, Samples, both, four, ports, six, tcp, udp
from filter_samples_services import TIMES, both_transports, tcp_ports, udp_ports
from scapy.layers.l2 import Dot1Q
from scapy.packet import Packet, Raw
from traffic import up


def sip(method: str) -> bytes:
    lines = ("Via: SIP/2.0/UDP 192.0.2.10", "From: <sip:a@example.com>", "To: <sip:b@example.com>", "Call-ID: 1")
    return "\r\n".join((f"{method} sip:b@example.com SIP/2.0", *lines, f"CSeq: 1 {method}", "", "")).encode()


def media(first: int, second: int, size: int = 160, **where: int) -> Packet:
    data = bytes([first, second]) + struct.pack("!HII", 1, 160, 0x1234) + bytes(size)
    return udp(data[: size or 8], **{"sport": 40000, "dport": 40002, **where})


def voice() -> Samples:
    calling, registering = (udp(sip(method), sport=5060, dport=5060) for method in ("INVITE", "REGISTER"))
    others = ("BYE", "INFO", "OPTIONS", "INVIXX", "XXXXTE", "REGIXXXX", "XXXXSTER")
    other = [udp(sip(method), sport=5060, dport=5060) for method in others]
    answered = udp(b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n", sport=5060, dport=5060)
    report = media(0x80, 200, 28, dport=40003)
    bound = struct.pack("!HHI", 1, 0, 0x2112A442) + bytes(range(12))
    without = struct.pack("!HHI", 1, 0, 0x2112A443) + bytes(range(12))
    return {
        "sip": ports(*both_transports(5060, 5061)),
        "sip-invite": Sample(
            both(calling, udp(sip("INVITE"), dport=5080)),
            both(registering, *other, answered, tcp(sip("INVITE"), dport=5060)),
        ),
        "sip-register": Sample(
            both(registering, udp(sip("REGISTER"), dport=5080)),
            both(calling, *other, answered, tcp(sip("REGISTER"), dport=5060)),
        ),
        "rtp": Sample(
            both(media(0x80, 0), media(0x80, 0x80 | 8), media(0x90, 96), media(0x80, 127), media(0x80, 34)),
            both(*(media(0x80, second) for second in (35, 95, 72, 200)), media(0x00, 0), media(0x40, 0), media(0xC0, 0))
            + both(
                media(0x80, 0, dport=40003), media(0x80, 0, dport=1022), media(0x80, 0, sport=1023), media(0x80, 0, 0)
            ),
        ),
        "rtcp": Sample(
            both(
                report,
                media(0x81, 201, 32, dport=40003),
                media(0x81, 206, 28, dport=40003),
                media(0x80, 207, 28, dport=40003),
            ),
            both(
                media(0x80, 0),
                media(0x80, 199),
                media(0x80, 208),
                media(0x00, 200),
                media(0x80, 200, 28, dport=53),
                media(0x80, 200, 28, sport=53),
            ),
        ),
        "stun": Sample(
            both(udp(bound, dport=3478), udp(bound, dport=19302), udp(b"\1\1" + bound[2:], sport=3478)),
            both(
                udp(without, dport=3478),
                udp(b"\x80" + bound[1:], dport=3478),
                udp(b"x" + bound),
                tcp(bound, dport=3478),
            ),
        ),
    }


def modbus(function: int, protocol: int = 0, **where: Any) -> Packet:
    data = struct.pack("!HHHBBHH", 1, protocol, 6, 1, function, 1, 1)
    return tcp(data, **{"dport": 502, **where})


def control() -> Samples:
    writes = (5, 6, 15, 16, 21, 22, 23)
    reads = (1, 2, 3, 4, 7, 14, 17, 20, 24, 43)
    begun = bytes.fromhex("0564 05 c0 0100 0000 91f8")
    wrong = bytes.fromhex("0565 05 c0 0100 0000 91f8")

    def s7(protocol: int, cotp: str = "02f080") -> bytes:
        return (
            bytes.fromhex("03000019")
            + bytes.fromhex(cotp)
            + bytes([protocol])
            + bytes.fromhex("01000000000008000000")
            + bytes(7)
        )

    telecontrol = bytes.fromhex("68 04 07000000")
    return {
        "modbus": ports(("tcp", 502)),
        "modbus-writes": Sample(
            both(*map(modbus, writes), tcp(bytes(modbus(6).payload), dport=502, options=TIMES)),
            both(
                *map(modbus, reads),
                modbus(6, 1),
                modbus(6, sport=502, dport=50000),
                modbus(6, dport=503),
                tcp(dport=502),
            ),
        ),
        "dnp3": Sample(
            both(
                *(make(begun, dport=20000) for make in (tcp, udp)), *(make(begun, sport=20000) for make in (tcp, udp))
            ),
            both(
                *(make(wrong, dport=20000) for make in (tcp, udp)), *(make(begun, dport=20001) for make in (tcp, udp))
            ),
        ),
        "s7comm": Sample(
            both(tcp(s7(0x32), dport=102), tcp(s7(0x72), dport=102), tcp(s7(0x32), sport=102, options=TIMES)),
            both(
                tcp(s7(0x33), dport=102),
                tcp(b"\2" + s7(0x32)[1:], dport=102),
                tcp(s7(0x32, "11e000"), dport=102),
                tcp(s7(0x32), dport=103),
            ),
        ),
        "iec104": Sample(
            both(tcp(telecontrol, dport=2404), tcp(telecontrol, sport=2404)),
            both(tcp(b"\x69" + telecontrol[1:], dport=2404), tcp(telecontrol, dport=2405), tcp(dport=2404)),
        ),
        "ethernet-ip": ports(*both_transports(44818), ("udp", 2222)),
        "opc-ua": ports(*tcp_ports(4840)),
        "hart-ip": ports(*both_transports(5094)),
        "omron-fins": ports(*both_transports(9600)),
        "iot-messaging": ports(*tcp_ports(1883, 8883), *udp_ports(5683, 5684)),
    }


def buildings_and_fields() -> Samples:
    def tagged(kind: int, vlan: int = 0) -> Packet:
        return up(Dot1Q(vlan=vlan, prio=6, type=kind) / Raw(bytes(46)))

    bacnet4, bacnet6 = bytes.fromhex("81 0b 000c 0120ffff00ff1008"), bytes.fromhex("82 02 000f 000001 0120ffff00ff1008")
    knx = bytes.fromhex("0610 0201 000e 0801 c000020a 0e57")
    cyclic = ports(*udp_ports(34962, 34963, 34964))
    return {
        "bacnet": Sample(
            four(udp(bacnet4, sport=47808, dport=47808)) + six(udp(bacnet6, sport=47808, dport=47808)),
            four(udp(b"\x80" + bacnet4[1:], dport=47808), udp(bacnet4, dport=47809)) + six(udp(bacnet4, dport=47808)),
        ),
        "knx-ip": Sample(
            both(udp(knx, dport=3671)),
            both(udp(b"\7" + knx[1:], dport=3671), udp(knx, dport=3672), tcp(knx, dport=3671)),
        ),
        "profinet": Sample(
            [frame(0x8892, bytes.fromhex("8000") + bytes(44)), tagged(0x8892), *cyclic.match],
            [
                frame(0x88B5, b"\0\0\x88\x92" + bytes(42)),
                frame(0x8891),
                frame(0x8893),
                tagged(0x8891),
                up(Dot1Q(vlan=0, type=0x8100) / Dot1Q(vlan=1, type=0x8892)),
                *cyclic.miss,
            ],
        ),
        "ethercat": Sample(
            [frame(0x88A4, bytes.fromhex("0e10") + bytes(44)), *ports(("udp", 34980), target=True).match],
            [frame(0x88A3), frame(0x88A5), *ports(("udp", 34980), target=True).miss],
        ),
        "iec61850": Sample(
            [make(kind) for kind in (0x88B8, 0x88B9, 0x88BA) for make in (frame, tagged)],
            [make(kind) for kind in (0x88B7, 0x88BB) for make in (frame, tagged)]
            + [frame(0x88B5, b"\0\0\x88\xb8" + bytes(42))],
        ),
    }


def samples() -> Samples:
    return {**voice(), **control(), **buildings_and_fields()}

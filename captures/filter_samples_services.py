"""Samples of the filters about the web, terminals, files, mail and other services."""

from __future__ import annotations

import struct
from typing import Any

from filter_samples_parts import Sample, Samples, both, ports, tcp, udp
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet
from traffic import HTTP_REQUEST, HTTP_RESPONSE, client_hello

TIMES = [("NOP", None), ("NOP", None), ("Timestamp", (1, 1))]


def beginning(*data: bytes, miss: tuple[bytes, ...], dport: int = 8000, sport: int = 51000) -> Sample:
    """Segments with these bytes, with and without TCP options.

    Near misses are other bytes, and the same ones behind another byte, in UDP, and in the place of options.
    """
    there: dict[str, Any] = {"dport": dport, "sport": sport}
    first = data[0]
    wrong = [*(tcp(each, **there) for each in miss), tcp(b"x" + first, **there), udp(first, **there), tcp(**there)]
    inside = tcp(options=[(253, first[:8].ljust(8))], **there)  # an option for experiments, RFC 4727
    return Sample(
        both(*(tcp(each, **there) for each in data), tcp(first, options=TIMES, **there)), both(*wrong, inside)
    )


def http() -> Samples:
    methods = [HTTP_REQUEST.replace(b"GET", each) for each in b"GET POST HEAD PUT DELETE OPTIONS PATCH TRACE".split()]
    through = tcp(b"CONNECT www.example.com:443 HTTP/1.1\r\n\r\n", dport=3128)
    statuses = {code: HTTP_RESPONSE.replace(b"200 OK", code) for code in (b"200 OK", b"304 Old", b"404 No", b"503 Bad")}
    get, post = methods[:2]
    good, errors = list(statuses.values())[:2], list(statuses.values())[2:]
    requests = beginning(*methods, dport=8080, miss=(HTTP_RESPONSE, b"got /", b"GETS /", b"get / HTTP/1.1\r\n"))
    return {
        "http-requests": Sample([*requests.match, *both(through)], requests.miss),
        "http-get": beginning(get, dport=8080, miss=(post, HTTP_RESPONSE, b"GET/ ", b"get / HTTP/1.1\r\n")),
        "http-post": beginning(post, dport=8080, miss=(get, methods[3], b"POSTED", b"post / HTTP/1.1\r\n")),
        "http-responses": beginning(*statuses.values(), sport=8080, miss=(get, b"HTTPS here", b"http/1.1 200 OK\r\n")),
        "http-errors": beginning(
            *errors, sport=8080, miss=(*good, get, HTTP_RESPONSE.replace(b"200", b"140"), b"ICAP/1.0 404 Not found\r\n")
        ),
    }


def server_hello(version: int) -> bytes:
    """A TLS ServerHello that chooses ``version`` (RFC 5246): a random, no session, a cipher suite, no compression."""
    body = struct.pack("!H", version) + bytes(range(32)) + b"\0" + bytes.fromhex("c02f 00")
    handshake = b"\2" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", 22, min(version, 0x0303), len(handshake)) + handshake


def encrypted() -> Samples:
    ask = client_hello("www.example.com")
    old, new = [server_hello(each) for each in (0x0300, 0x0301, 0x0302)], server_hello(0x0303)
    alert = bytes.fromhex("15 0303 0002 0228")
    hidden = bytes.fromhex("15 0303 001a") + bytes(26)
    certificate = bytes.fromhex("16 0303 0007 0b 000003 000000")
    data = bytes.fromhex("17 0303 0004 01020304")
    odd = (b"\x17" + old[1][1:], ask[:9] + b"\3\1" + ask[11:], old[1][:9] + b"\0\2" + old[1][11:])
    tls = {"dport": 443}

    def quic(first: int, version: int) -> bytes:
        identifiers = b"\x08" + bytes(range(8)) + b"\0"
        return bytes([first]) + version.to_bytes(4, "big") + identifiers + b"\0\x40\x40" + bytes(64)

    def there(first: int, version: int) -> Packet:
        return udp(quic(first, version), dport=443)

    back = udp(quic(0xC0, 0)[:15] + bytes.fromhex("00000001"), sport=443)
    return {
        "tls-client-hello": beginning(ask, miss=(new, alert, certificate, data), **tls),
        "tls-server-hello": beginning(new, *old, miss=(ask, alert, certificate, data), sport=443),
        "tls-old-versions": beginning(*old, miss=(new, ask, server_hello(0x0304), certificate, *odd), sport=443),
        "tls-alerts": beginning(
            alert, miss=(hidden, ask, data, certificate, bytes.fromhex("17 0303 0002 0228")), **tls
        ),
        "quic-initial": Sample(
            both(there(0xC3, 1), udp(quic(0xC0, 1), dport=8443), there(0xD0, 0x6B3343CF)),
            both(
                there(0xD0, 1),
                there(0xE0, 1),
                there(0x43, 1),
                there(0xC0, 2),
                there(0xC0, 0x6B3343CF),
                tcp(quic(0xC3, 1)),
            ),
        ),
        "quic-version-negotiation": Sample(
            both(back), both(there(0xC0, 0), udp(quic(0xC0, 1), sport=443), udp(quic(0x40, 0), sport=443))
        ),
    }


def access() -> Samples:
    old, new = (bytes.fromhex("00000020") + each + bytes(28) for each in (b"\xffSMB", b"\xfeSMB"))
    file_sharing = beginning(old, miss=(new, b"\0\0\0\x20\xffSMX"), dport=445)
    logins = beginning(
        b"USER anonymous\r\n", b"PASS secret\r\n", miss=(b"QUIT\r\n", b"PASV\r\n", b"LIST\r\n"), dport=21
    )
    mail = both(tcp(b"USER someone\r\n", dport=110), tcp(b"PASS secret\r\n", dport=110))
    elsewhere = both(tcp(b"USER someone\r\n", dport=2121), tcp(b"PASS?\r\n", sport=21))
    return {
        "ssh": ports(("tcp", 22)),
        "ssh-banners": beginning(
            b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-1.99-x\r\n", miss=(b"SSH 2.0", b"ssh-2.0-x"), dport=22
        ),
        "telnet": ports(("tcp", 23)),
        "rdp": ports(("tcp", 3389), ("udp", 3389)),
        "vnc": beginning(b"RFB 003.008\n", miss=(b"RFB003.008\n", b"rfb 003.008\n"), dport=5900),
        "winrm": ports(("tcp", 5985), ("tcp", 5986)),
        "smb": ports(("tcp", 445), ("tcp", 139)),
        "smb1": Sample(
            [*file_sharing.match, *both(tcp(old, sport=139))], [*file_sharing.miss, *both(tcp(old, dport=446))]
        ),
        "ftp": ports(("tcp", 21), ("tcp", 20)),
        "cleartext-logins": Sample([*logins.match, *mail], [*logins.miss, *elsewhere]),
        "nfs": ports(("tcp", 2049), ("udp", 2049), ("tcp", 111), ("udp", 111)),
    }


def both_transports(*numbers: int) -> list[tuple[str, int]]:
    return [(transport, number) for number in numbers for transport in ("tcp", "udp")]


def tcp_ports(*numbers: int) -> list[tuple[str, int]]:
    return [("tcp", number) for number in numbers]


def udp_ports(*numbers: int) -> list[tuple[str, int]]:
    return [("udp", number) for number in numbers]


def community(version: int, size: int = 0) -> bytes:
    """An SNMP get request of this version, with a community name of ``size`` bytes (0: "public")."""
    name = b"c" * size or b"public"
    inside = (
        bytes([2, 1, version]) + b"\4" + _length(len(name)) + name + bytes.fromhex("a00b 020101 020100 020100 3000")
    )
    if version == 3:
        inside = bytes.fromhex("020103 300d 020101 02020400 040104 020103 0400 300b 0400 0400 a005 020101 0201 00")
    return b"\x30" + _length(len(inside)) + inside


def _length(size: int) -> bytes:
    """A length of BER: one byte up to 127, else how many follow."""
    if size < 128:
        return bytes([size])
    return b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")


def services() -> Samples:
    exports = ports(*udp_ports(2055, 9995, 9996, 6343), target=True)
    ipfix = ports(*both_transports(4739))
    logins = ports(*udp_ports(1812, 1813, 1645, 1646), *tcp_ports(49, 3868))
    diameter = [SCTP(sport=50000, dport=port, tag=1) / SCTPChunkData(data=b"data", tsn=1) for port in (3868, 3869)]
    odd = [community(2, size) for size in (0, 130, 300)]
    odd += [each.replace(b"\2\1\2\4", b"\x0a\1\0\4", 1) for each in odd]
    odd += [bytes.fromhex("3006") + bytes([10] * more) + bytes.fromhex("020100") + bytes(4) for more in (1, 2)]
    names = [udp(community(version, size), dport=161) for version in (0, 1) for size in (0, 130, 300)]
    return {
        "mail": ports(*tcp_ports(25, 587, 465, 110, 995, 143, 993)),
        "directory-services": ports(*both_transports(389, 88, 464), *tcp_ports(636, 3268, 3269)),
        "radius-tacacs": Sample([*logins.match, *both(diameter[0])], [*logins.miss, *both(diameter[1])]),
        "snmp": ports(*udp_ports(161, 162)),
        "snmp-community": Sample(
            both(*names, udp(community(1), dport=162)),
            both(*(udp(each, dport=161) for each in odd))
            + both(udp(community(3), dport=161), udp(community(1), dport=163), udp(b"1" + community(1)[1:], dport=161)),
        ),
        "syslog": ports(*udp_ports(514, 6514), ("tcp", 6514)),
        "flow-export": Sample([*exports.match, *ipfix.match], [*exports.miss, *ipfix.miss]),
        "databases": ports(*tcp_ports(3306, 5432, 1433, 1521, 27017, 6379, 9042, 9200)),
        "container-apis": ports(*tcp_ports(2375, 2376, 6443, 10250, 2379, 2380)),
        "bittorrent-handshake": beginning(
            b"\x13BitTorrent protocol" + bytes(48),
            dport=6881,
            miss=(b"\x13BitTXXrent protocol", b"\x12BitTorrent", b"\x13Bittorrent"),
        ),
    }


def samples() -> Samples:
    return {**http(), **encrypted(), **access(), **services()}

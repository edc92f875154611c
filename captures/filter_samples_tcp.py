"""Samples of the filters about TCP: flags, windows, options and what else its header has."""

from __future__ import annotations

from filter_samples_parts import Sample, Samples, both, four, ports, tcp, udp
from scapy.layers.inet import IPOption_NOP
from scapy.packet import Padding
from traffic import ip, up

MSS, WINDOW_SCALE = ("MSS", 1460), ("WScale", 7)


def flags(*match: str, miss: tuple[str, ...]) -> Sample:
    """Segments that differ in their flags only."""
    return Sample(both(*(tcp(flags=each) for each in match)), both(*(tcp(flags=each) for each in miss)))


def scans() -> Samples:
    usual = [MSS, ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), WINDOW_SCALE]
    return {
        "tcp-syn": flags("S", "SEC", miss=("SA", "A", "R", "FA")),
        "tcp-syn-ack": flags("SA", "SAE", miss=("S", "A", "RA")),
        "tcp-syn-scan": Sample(
            both(tcp(flags="S"), tcp(flags="S", options=[MSS], window=1024)),
            both(tcp(flags="S", options=usual), tcp(flags="SA", options=[MSS]), tcp(flags="A")),
        ),
        "tcp-fin-scan": flags("F", "FE", miss=("FA", "FPU", "", "A")),
        "tcp-null-scan": flags("", miss=("F", "A", "C")),
        "tcp-xmas-scan": flags("FPU", "FPUE", miss=("FPUA", "FP", "PU", "FU")),
        "tcp-illegal-flags": flags("SF", "SR", "FR", "FSRPAUEC", miss=("S", "F", "R", "FA", "SA", "RA", "FPU")),
        "port-zero": ports(("tcp", 0), ("udp", 0)),
    }


def connections() -> Samples:
    return {
        "tcp-resets": flags("R", "RA", miss=("S", "FA", "A", "PA")),
        "tcp-refused": Sample(
            both(tcp(flags="RA", seq=0, window=0)),
            both(tcp(flags="RA", window=0), tcp(flags="R", seq=0, window=0), tcp(flags="A", seq=0)),
        ),
        "tcp-connections": flags("S", "SA", "FA", "R", "RA", miss=("A", "PA", "U")),
        "tcp-zero-window": Sample(
            both(tcp(window=0), tcp(b"data", window=0)),
            both(tcp(window=1), tcp(window=256), *(tcp(flags=each, window=0) for each in ("R", "RA", "S", "FA"))),
        ),
        "tcp-payload": Sample(
            both(tcp(b"d"), tcp(b"data", options=[WINDOW_SCALE]), tcp(b"data", flags="FA"))
            + four(tcp(b"data"), options=[IPOption_NOP()] * 4),
            [
                up(ip() / tcp() / Padding(bytes(6))),  # what fills an Ethernet frame is no data
                *both(tcp(), tcp(flags="S", options=[MSS, WINDOW_SCALE]), udp()),
                *four(tcp(), options=[IPOption_NOP()] * 4),
            ],
        ),
        "tcp-syn-data": Sample(
            both(tcp(b"data", flags="S"), tcp(b"data", flags="S", options=[MSS])),
            both(tcp(b"data"), tcp(flags="S"), tcp(flags="S", options=[MSS]), tcp(b"data", flags="SA")),
        ),
    }


def headers() -> Samples:
    def mss(size: int) -> list[tuple[str, int]]:
        return [("MSS", size)]

    return {
        "tcp-urgent": Sample(
            both(tcp(b"data", flags="PAU", urgptr=1)), both(tcp(b"data", flags="PA"), tcp(b"data", urgptr=1))
        ),
        "tcp-low-mss": Sample(
            both(*(tcp(flags="S", options=mss(size)) for size in (48, 499)), tcp(flags="SA", options=mss(48))),
            both(
                *(tcp(flags="S", options=mss(size)) for size in (500, 1460)),
                tcp(options=mss(48)),
                tcp(flags="S"),
                tcp(b"\2\4\0\x30", flags="S"),  # data that looks like the option
                tcp(flags="S", options=[("WScale", 0)]),
            ),
        ),
        "tcp-reserved-bits": Sample(
            both(*(tcp(reserved=bits) for bits in (1, 2, 4))), both(tcp(), tcp(flags="NA"), tcp(flags="AEC"))
        ),
        "tcp-bad-offset": Sample(
            both(tcp(dataofs=4), tcp(dataofs=0)), both(tcp(dataofs=5), tcp(dataofs=6, options=[MSS])) + four(udp())
        ),
    }


def samples() -> Samples:
    return {**scans(), **connections(), **headers()}

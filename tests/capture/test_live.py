"""Live capture on a cable and the loopback interface of a namespace of the tests' own: what it promises.

That the packets are those that others see is in ``test_live_against_tcpdump``.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import scapy.supersocket  # noqa: F401 (before privileges are dropped)

from cbpf.capture import Packet
from cbpf.capture.live import CaptureError, Live, Refused
from cbpf.capture.sockets.portable import ScapyListener
from cbpf.machine import Program

from .live_tools import (  # noqa: F401 (the fixtures)
    FAR,
    FRAMES,
    NEAR,
    Record,
    ethernet,
    finished,
    in_namespace,
    ip,
    judged_by,
    lay_cable,
    namespace,
    opened,
    send,
    udp,
    way,
)

RET = 0x06
NOBODY = 65534


@pytest.mark.usefixtures("way")
def test_the_verdict_is_the_number_of_bytes() -> None:
    live = opened(NEAR)
    live.attach(Program([(RET, 0, 0, 20)]))
    send(FAR, [ethernet(udp(53)), ethernet(udp(53), tags=[(0x8100, 7)])])
    untagged, tagged = finished(live)
    assert untagged == Record(74, ethernet(udp(53))[:20])
    assert tagged == Record(78, ethernet(udp(53), tags=[(0x8100, 7)])[:24])  # the kernel counts without the tag


@contextmanager
def chatter() -> Iterator[None]:
    """Both kinds of packets, the whole time."""
    frames, done = [ethernet(udp(53)), ethernet(udp(80))], threading.Event()

    def chat() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
            out.bind((FAR, 0))
            while not done.is_set():
                for frame in frames:
                    out.send(frame)

    thread = threading.Thread(target=chat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("immediate", [True, False])
def test_no_packet_slips_past_the_filter(immediate: bool) -> None:
    with chatter():
        for _ in range(2):
            live = opened(NEAR, immediate=immediate)
            time.sleep(0.02)
            assert live.read(0) == []
            for port in (53, 80):  # the second is attached while the first lets packets pass
                judged_by(live, f"port {port}")
                packets = [packet for _ in range(3) for packet in live.read(5)]
                assert packets
                assert {packet.data for packet in packets} == {ethernet(udp(port))}
            live.detach()
            assert {packet.data for _ in range(2) for packet in live.read(5)} == {ethernet(udp(n)) for n in (53, 80)}
            live.close()


LOAD = (0x00, 0, 0, 0)  # ld #0


@pytest.mark.parametrize(
    "program",
    [
        Program([LOAD] * 4096 + [(RET, 0, 0, 96)]),
        Program([LOAD] * 70_000 + [(RET, 0, 0, 96)]),  # the length has 16 bits
        Program([(0x05, 0, 0, 5)]),  # a jump to nowhere
        Program([]),
    ],
)
def test_what_the_kernel_refuses(program: Program) -> None:
    with opened(NEAR) as live:
        judged_by(live, "port 53")
        send(FAR, FRAMES)
        with pytest.raises(Refused, match="program"):
            live.attach(program)
        send(FAR, FRAMES)
        assert live.read(0.2) == []
        live.detach()
        send(FAR, FRAMES)
        assert len(finished(live)) == len(FRAMES)


def test_a_program_of_any_size_is_attached_or_refused() -> None:
    """The kernel has a limit for the memory that options of a socket take, which differs from one to the other."""
    with opened(NEAR) as live:
        try:
            live.attach(Program([LOAD] * 4095 + [(RET, 0, 0, 96)]))
        except Refused as refused:
            assert "optmem_max" in str(refused)
            live.detach()
        send(FAR, FRAMES)
        assert len(live.read(1)) > 0


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("immediate", [True, False])
def test_statistics_add_up(immediate: bool) -> None:
    live = opened(NEAR, immediate=immediate)
    judged_by(live, "port 53")
    assert send(FAR, [ethernet(udp(53)), ethernet(udp(80))] * 500) == 1000
    first = live.statistics()
    send(FAR, [ethernet(udp(53))] * 20)
    assert (first.received, first.dropped) == (500, 0)
    assert len(finished(live)) == 520
    assert live.statistics().received == 520
    assert live.statistics() == live.statistics()


@pytest.mark.usefixtures("way")
def test_dropped_packets_are_counted() -> None:
    live = opened(NEAR, snaplen=2000, buffer_size=4096)
    live.detach()
    sent = send(FAR, [ethernet(udp(53, 1000))] * 3000)
    kept = len(finished(live))
    statistics = live.statistics()
    assert 0 < kept < sent
    assert statistics.received == sent
    assert statistics.dropped == sent - kept


def test_the_ring_says_how_often_it_was_full() -> None:
    with opened(NEAR, snaplen=2000, buffer_size=4096) as live:
        live.detach()
        assert live.statistics().full == 0
        send(FAR, [ethernet(udp(53, 1000))] * 3000)
        assert live.statistics().full > 0


def test_many_blocks_one_after_the_other() -> None:
    """More than the ring holds, in order, and whole, while somebody reads."""
    live, count = opened(NEAR, buffer_size=2**22), 20_000
    got: list[Packet] = []
    live.detach()
    for start in range(0, count, 500):
        numbers = range(start, start + 500)
        send(FAR, [ethernet(number.to_bytes(4, "big") * (1 + number % 300), 0x88B5) for number in numbers])
        while len(got) < start + 500 and (packets := live.read(1)):
            got += packets
    live.close()
    assert live.statistics().dropped == 0
    assert [int.from_bytes(packet.data[14:18], "big") for packet in got] == list(range(count))
    assert all(packet.wirelen == len(packet.data) == 14 + 4 * (1 + n % 300) for n, packet in enumerate(got))
    times = [packet.timestamp for packet in got]
    assert times == sorted(times)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("commands", "message"),
    [
        (["link del near0"], "the interface is gone"),
        (["link set near0 down"], "the interface went down"),
    ],
)
def test_the_interface_goes_away(commands: list[str], message: str) -> None:
    lay_cable()
    try:
        with opened(NEAR) as live:
            live.detach()
            send(FAR, FRAMES)
            for command in commands:
                ip(*command.split())
            packets = live.read()
            while len(packets) < len(FRAMES):
                packets += live.read()
            assert [packet.data for packet in packets][:4] == list(FRAMES[:4])
            for _ in range(2):
                with pytest.raises(CaptureError, match=message):
                    live.read()
            assert live.statistics().received == len(FRAMES)
    finally:
        lay_cable()


@pytest.mark.usefixtures("way")
def test_the_interface_goes_away_while_somebody_waits() -> None:
    lay_cable()
    with opened(NEAR) as live:
        live.detach()
        timer = threading.Timer(0.1, ip, "link del near0".split())  # of this namespace, as threads inherit it
        timer.start()
        with pytest.raises(CaptureError, match="gone"):
            live.read()
        timer.join()
    lay_cable()


@pytest.mark.usefixtures("way")
def test_an_interface_that_comes_back_is_heard_again() -> None:
    with opened(NEAR) as live:
        live.detach()
        ip("link", "set", NEAR, "down")
        ip("link", "set", NEAR, "up")
        assert live.read(0.5) == []
        send(FAR, FRAMES)
        assert len(live.read(1)) == len(FRAMES)


def test_other_interfaces_going_away_do_not_matter_to_all_of_them() -> None:
    with opened("any") as live:
        judged_by(live, "udp")
        ip("link", "set", NEAR, "down")
        assert live.read(0.3) == []
        lay_cable()
        send(FAR, FRAMES[:1])
        assert len(live.read(1)) >= 1


def test_an_interface_that_is_down() -> None:
    ip("link", "set", FAR, "down")
    try:
        with pytest.raises(CaptureError, match="far0: the interface is down"):
            opened(FAR)
    finally:
        lay_cable()


@pytest.mark.parametrize("name", ["nonesuch0", "", "x" * 300, "a\0b", "near0 ", "größe", "1"])
def test_no_such_interface(name: str) -> None:
    with pytest.raises(CaptureError, match=r"no such interface; there are .*any") as caught:
        opened(name)
    assert all(known in str(caught.value) for known in (NEAR, FAR, "lo"))


def test_no_privileges() -> None:
    os.seteuid(NOBODY)
    try:
        with pytest.raises(CaptureError, match=r"root.*CAP_NET_RAW"):
            opened(NEAR)
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("promiscuous", [True, False])
def test_promiscuous_as_long_as_it_is_open(promiscuous: bool) -> None:
    def promiscuity() -> int:
        return int(json.loads(ip("-d", "-j", "link", "show", NEAR))[0]["promiscuity"])

    with opened(NEAR, promiscuous=promiscuous):
        assert promiscuity() == int(promiscuous)
    assert promiscuity() == 0


@pytest.mark.parametrize("interface", [NEAR, "lo", "any"])
def test_reading_waits_no_longer_than_told(interface: str) -> None:
    with opened(interface) as live:
        judged_by(live, "tcp port 1")
        assert live.read(0) == []
        assert live.read(0.05) == []


def test_packets_of_the_other_direction_do_not_make_it_wait_longer() -> None:
    with chatter(), opened(NEAR, direction="out") as live:
        live.detach()
        assert live.read(0.3) == []


def test_the_way_of_other_systems() -> None:
    """As far as it can be had here: scapy's own socket, and no filter in the kernel."""
    with Live(ScapyListener(NEAR, snaplen=20, promiscuous=True, direction="inout")) as live:
        with pytest.raises(Refused):
            judged_by(live, "udp")
        live.detach()
        assert live.read(0.05) == []
        send(FAR, FRAMES[:4])
        packets = live.read(5)
        while len(packets) < 4:
            packets += live.read(5)
        assert [Record(packet.wirelen, packet.data) for packet in packets] == [
            Record(len(frame), frame[:20]) for frame in FRAMES[:4]
        ]
        assert live.interface.linktype == 1
        assert live.statistics().received == 4
        send(FAR, FRAMES[:1])
        assert len([packet for batch in live.finish() for packet in batch]) == 1


def test_a_snapshot_length_of_zero_is_none() -> None:
    live = opened(NEAR, snaplen=0)
    live.detach()
    send(FAR, FRAMES)
    assert max(len(record.data) for record in finished(live)) == max(map(len, FRAMES))


def test_a_closed_capture() -> None:
    live = opened(NEAR)
    live.detach()
    send(FAR, FRAMES)
    live.close()
    live.close()
    assert live.statistics().received == len(FRAMES)
    with pytest.raises(CaptureError, match="closed"):
        live.read()


@pytest.mark.parametrize("size", [1, 2**16, 2**20, 3 * 2**20 + 5])
@pytest.mark.parametrize("snaplen", [1, 65_535, 262_144])
def test_rings_of_many_sizes(size: int, snaplen: int) -> None:
    live = opened("lo", snaplen=snaplen, buffer_size=size)
    judged_by(live, "udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(bytes(60_000), ("127.0.0.1", 9))
    (record,) = finished(live)
    assert (record.wirelen, len(record.data)) == (60_042, min(60_042, snaplen))

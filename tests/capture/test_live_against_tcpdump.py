"""Live capture beside tcpdump, which listens to the same interfaces at the same time."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import get_args

import pytest

from cbpf.capture.sockets import listener
from cbpf.capture.sockets.frames import Direction
from cbpf.capture.sockets.hardware import Framing

from .live_tools import (  # noqa: F401 (the fixtures)
    FAR,
    FRAMES,
    NEAR,
    Beside,
    Record,
    everywhere,
    finished,
    in_namespace,
    ip,
    judged_by,
    opened,
    send,
    udp,
    way,
)
from .tools import needs


@needs("tcpdump")
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("interface", "expression"),
    [
        *((NEAR, expression) for expression in ("", "udp", "vlan 7", "vlan and vlan", "port 53", "greater 200")),
        *(("lo", expression) for expression in ("", "udp", "greater 200")),
        *(("any", expression) for expression in ("", "udp", "port 53", "ifindex 1", "greater 200", "arp")),
    ],
)
def test_the_packets_are_those_of_tcpdump(interface: str, expression: str, tmp_path: Path) -> None:
    beside = Beside(tmp_path, "-i", interface, "--immediate-mode", *([expression] if expression else []))
    live = judged_by(opened(interface), expression)
    everywhere()
    ours = finished(live)
    linktype, theirs = beside.stop(len(ours))
    assert ours == theirs
    assert live.interface.linktype == linktype
    assert ours


@needs("tcpdump")
@pytest.mark.usefixtures("way")
def test_packets_are_cut_as_by_tcpdump(tmp_path: Path) -> None:
    """At the tag, in the cooked header, and elsewhere; all at once, as tcpdump hands over but once a second."""
    listening = [
        (
            Beside(tmp_path / f"{name}-{snaplen}", "-i", name, "-s", str(snaplen)),
            judged_by(opened(name, snaplen=snaplen, buffer_size=2**22), ""),
        )
        for name, snaplens in ((NEAR, (1, 11, 12, 13, 16, 60)), ("lo", (12, 60)), ("any", (1, 20, 60)))
        for snaplen in snaplens
    ]
    everywhere()
    ours = [finished(live) for _, live in listening]
    assert ours == [beside.stop(len(records))[1] for records, (beside, _) in zip(ours, listening, strict=True)]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("word", "direction"), [("inbound", "in"), ("outbound", "out")])
def test_the_filter_and_the_capture_agree_about_the_direction(word: str, direction: Direction) -> None:
    by_filter, by_capture = judged_by(opened(NEAR), word), opened(NEAR, direction=direction)
    by_capture.detach()
    everywhere()
    filtered, captured = finished(by_filter), finished(by_capture)
    assert filtered == captured
    assert len(filtered) == len(FRAMES)


@needs("tcpdump")
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("direction", get_args(Direction))
@pytest.mark.parametrize("interface", [NEAR, "lo", "any"])
def test_the_direction_is_that_of_tcpdump(interface: str, direction: Direction, tmp_path: Path) -> None:
    beside = Beside(tmp_path, "-i", interface, "-Q", direction, "--immediate-mode")
    live = opened(interface, direction=direction)
    live.detach()
    everywhere()
    ours = finished(live)
    _, theirs = beside.stop(len(ours))
    assert ours == theirs
    assert ours or (interface, direction) == ("lo", "out")


@needs("tcpdump")
@pytest.mark.usefixtures("way")
def test_the_first_cooked_header_is_that_of_tcpdump(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is for interfaces nobody knows, of which there are none here: any interface will do."""
    monkeypatch.setattr(listener, "framing", lambda _: Framing(113, cooked=True))
    beside = Beside(tmp_path, "-i", "any", "-y", "LINUX_SLL", "-Q", "in", "--immediate-mode")
    live = judged_by(opened(NEAR, direction="in"), "")
    send(FAR, FRAMES)
    ours = finished(live)
    linktype, theirs = beside.stop(len(ours))
    assert ours == theirs
    assert len(ours) == len(FRAMES)
    assert linktype == live.interface.linktype == 113


@needs("tcpdump")
@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="there are no tunnels")
def test_a_tunnel_has_no_link_layer(tmp_path: Path) -> None:
    from fcntl import ioctl

    with open("/dev/net/tun", "r+b", buffering=0) as tunnel:
        ioctl(tunnel, 0x400454CA, struct.pack("16sH22x", b"tunnel0", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
        ip("link", "set", "tunnel0", "up")
        beside = Beside(tmp_path, "-i", "tunnel0", "--immediate-mode", "udp port 53")
        live = judged_by(opened("tunnel0"), "udp port 53")
        for port in (53, 54, 53):
            tunnel.write(udp(port))
        ours = finished(live)
        linktype, theirs = beside.stop(len(ours))
    assert ours == theirs == [Record(60, udp(53))] * 2
    assert live.interface.linktype == 101
    assert linktype in (12, 101)

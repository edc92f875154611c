"""The running kernel, given optimized programs, keeps what ``Filter.match`` keeps: of the samples, and of packets
that were made.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import cbpf
from cbpf import FilterError, Reason
from cbpf.capture import open_savefile
from cbpf.errors import SavefileError
from cbpf.linktypes import linktype_name

from .expressions import EXPRESSIONS, NETMASK, TUNNELS
from .linktypes import KNOWN, some_of
from .oracles import kernel_verdicts, needs_kernel
from .packets import packets

pytestmark = needs_kernel

SNAPLEN = 96


SAMPLED = ("EN10MB", "RAW", "IPV4", "IPV6", "NULL", "LOOP", "LINUX_SLL", "LINUX_SLL2")


def _frames(linktype: str) -> list[bytes]:
    """All different frames of a link type in the samples, and some of them cut short."""
    frames: dict[bytes, None] = {}
    for path in sorted((Path(__file__).resolve().parents[1] / "captures").glob("*.pcap*")):
        try:
            with open_savefile(str(path)) as savefile:
                for packet in savefile:
                    if packet.data and linktype_name(packet.interface.linktype) == linktype:
                        frames[packet.data] = None
        except SavefileError:
            continue  # the frames before the damage count
    return [*frames, *(frame[: 1 + number % len(frame)] for number, frame in enumerate(frames))]


@pytest.mark.parametrize("linktype", SAMPLED)
def test_the_kernel_keeps_what_we_keep_of_captures(linktype: str) -> None:
    frames = _frames(linktype)
    assert frames
    assert _kept(linktype, frames) > len(frames)


@pytest.mark.parametrize("linktype", some_of(KNOWN))
def test_the_kernel_keeps_what_we_keep(linktype: str) -> None:
    frames = [packet for packet in packets(linktype, 1, 60) if packet]
    assert _kept(linktype, frames) > len(frames)


def _kept(linktype: str, frames: list[bytes]) -> int:
    """How many of the frames match the expressions of the table, in all; the same for us and for the kernel."""
    kept = 0
    for _, expression in (row for row in EXPRESSIONS + TUNNELS if row[0] == linktype):
        try:
            compiled = cbpf.compile(expression, linktype, SNAPLEN, NETMASK)
        except FilterError as error:
            if error.reason is Reason.MATCHES_NOTHING:
                continue
            raise
        ours = [min(compiled.match(frame), len(frame)) for frame in frames]
        assert kernel_verdicts(compiled.program, frames) == ours, expression
        kept += sum(verdict > 0 for verdict in ours)
    return kept

"""The packets of the savefiles in a folder, link type by link type."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from cbpf import SavefileError
from cbpf.capture import open_savefile
from cbpf.linktypes import linktype_name


class CapturedPacket(NamedTuple):
    """A packet, and where it comes from: a file's name and its number there, from 1."""

    file: str
    number: int
    data: bytes
    wirelen: int


Packets = dict[str, list[CapturedPacket]]  # by the name of the link type


def captured(folder: Path) -> Packets:
    """The packets of all savefiles in a folder, those before the damage of the damaged ones."""
    found: Packets = defaultdict(list)
    for path in sorted(folder.iterdir()):
        try:
            with open_savefile(str(path)) as savefile:
                for number, packet in enumerate(savefile, 1):
                    name = linktype_name(packet.interface.linktype)
                    found[name].append(CapturedPacket(path.name, number, packet.data, packet.wirelen))
        except SavefileError:
            continue
    return found


def thinned(packets: list[CapturedPacket], most: int) -> list[CapturedPacket]:
    """At most that many of the packets, evenly spread."""
    count = min(most, len(packets))
    return [packets[number * len(packets) // count] for number in range(count)]

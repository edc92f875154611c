"""Link-layer addresses as data: how long they are, and which of those in a frame is the sender's or the receiver's.

On most link types an address has its place. In 802.11 it depends on the frame, so what is known of an address is
a ``Finder``: it says which address a question is asked of, and what must hold for there to be one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cbpf.compiler.predicates import Predicate, all_of, any_bit, equal
from cbpf.compiler.values import WORD, Address

Question = Callable[[Address], Predicate]
"""What is asked of a link-layer address, given where it is."""

Finder = Callable[[Address, Question], Predicate]
"""Which address a question is asked of, given where the link-layer header begins."""


class Stations(NamedTuple):
    """How link-layer addresses look: ``size`` bytes (6, or 1), the sender's and the receiver's, that of all stations.

    ``multicast`` asks whether an address stands for several stations; None where no address does.
    ``particular`` finds 802.11's `addr1` to `addr4`, `ra` and `ta`; None elsewhere.
    """

    size: int
    source: Finder
    destination: Finder
    broadcast: int
    multicast: Question | None
    particular: Callable[[str], Finder] | None = None


def at(distance: int) -> Finder:
    """The address ``distance`` bytes into the header."""
    return lambda header, question: question(header.plus(distance))


def group(address: Address) -> Predicate:
    """The group bit of a MAC address (IEEE 802), the first on the wire."""
    return any_bit(address.byte(), 1)


def is_station(size: int, number: int) -> Question:
    """Whether an address is this number; of six bytes the last four are compared first."""
    if size == 1:
        return lambda address: equal(address.byte(), number)
    return lambda address: all_of(equal(address.word(2), number & WORD), equal(address.half(), number >> 32))


BROADCAST = 0xFFFFFFFFFFFF


def mac(source: int, destination: int) -> Stations:
    """Six-byte addresses at these distances."""
    return Stations(6, at(source), at(destination), BROADCAST, group)

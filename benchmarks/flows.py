"""Random TCP flows over IPv4 and IPv6, and lists of conditions made from them whose answers are known."""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Any, Final, NamedTuple

_ETHERTYPE: Final = {4: 0x0800, 6: 0x86DD}
_TCP: Final = 6
_ADDRESS_BITS: Final = {4: 32, 6: 128}
_PREFIXES: Final = (16, 20, 24)


class Flow(NamedTuple):
    """The IP version, both addresses and both ports, as numbers."""

    version: int
    source: int
    destination: int
    source_port: int
    destination_port: int

    def packet(self) -> bytes:
        """A packet of it without payload, on Ethernet."""
        ports = struct.pack("!HH16x", self.source_port, self.destination_port)
        octets = _ADDRESS_BITS[self.version] // 8
        addresses = self.source.to_bytes(octets) + self.destination.to_bytes(octets)
        if self.version == 4:
            header = struct.pack("!BBHIBBH", 0x45, 0, 40, 0, 64, _TCP, 0)
        else:
            header = struct.pack("!IHBB", 6 << 28, 20, _TCP, 64)
        return struct.pack("!12xH", _ETHERTYPE[self.version]) + header + addresses + ports

    def neighbour(self) -> Flow:
        """One whose addresses and ports all differ by one from these."""
        return Flow(self.version, *(number ^ 1 for number in self[1:]))


class Family(NamedTuple):
    """One kind of condition: ``keys`` are what a flow could be found by, ``text`` asks for one of them."""

    name: str
    version: int
    keys: Callable[[Flow], list[Any]]
    text: Callable[[Any], str]


class Conditions(NamedTuple):
    """A list of conditions as an expression, and flows that match it and that do not."""

    expression: str
    matching: list[Flow]
    others: list[Flow]


FAMILIES: Final = (
    Family("host", 4, lambda flow: [flow.source, flow.destination], lambda key: f"host {IPv4Address(key)}"),
    Family(
        "src net, 16 to 24 bits",
        4,
        lambda flow: [(flow.source >> 32 - bits << 32 - bits, bits) for bits in _PREFIXES],
        lambda key: f"src net {IPv4Address(key[0])}/{key[1]}",
    ),
    Family(
        "dst net, 24 bits", 4, lambda flow: [flow.destination & ~0xFF], lambda key: f"dst net {IPv4Address(key)}/24"
    ),
    Family("port", 4, lambda flow: [flow.source_port, flow.destination_port], lambda key: f"port {key}"),
    Family("ip6 host", 6, lambda flow: [flow.source, flow.destination], lambda key: f"ip6 host {IPv6Address(key)}"),
    Family(
        "src host and dst port",
        4,
        lambda flow: [(flow.source, flow.destination_port)],
        lambda key: f"(src host {IPv4Address(key[0])} and dst port {key[1]})",
    ),
)


def conditions(family: Family, size: int, sample: int) -> Conditions:
    """``size`` different random conditions, always the same ones; and about ``sample`` flows of both kinds."""
    random = Random(f"{family.name} {size}")
    chosen: dict[Hashable, Flow] = {}
    while len(chosen) < size:
        flow = _random_flow(random, family.version)
        chosen.setdefault(random.choice(family.keys(flow)), flow)
    known = random.sample(list(chosen.values()), min(sample, size))
    unknown = [_random_flow(random, family.version) for _ in range(sample // 2)]
    near = [flow.neighbour() for flow in known[: sample // 2]]

    def matches(flow: Flow) -> bool:
        return any(key in chosen for key in family.keys(flow))

    return Conditions(
        " or ".join(map(family.text, chosen)),
        known,
        [flow for flow in (*unknown, *near) if not matches(flow)],
    )


def _random_flow(random: Random, version: int) -> Flow:
    bits = _ADDRESS_BITS[version]
    return Flow(version, *(random.getrandbits(width) for width in (bits, bits, 16, 16)))

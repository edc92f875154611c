"""Names with fixed answers, and expressions that use them."""

from __future__ import annotations

from typing import Final

from cbpf.language.names import Names, Service


class FixedNames(Names):
    """A network with a few hosts in it, whatever the system's databases say."""

    def service(self, name: str) -> Service | None:
        known = {"web": Service(80, "tcp"), "names": Service(53, None), "time": Service(123, "udp")}
        return known.get(name)

    def protocol(self, name: str) -> int | None:
        return {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58}.get(name)

    def hosts(self, name: str) -> tuple[list[int], list[int]]:
        return {
            "router": ([0x0A000001, 0x0A000101, 0x0A000201], [0xFE80 << 112 | 1, 0x20010DB8 << 96 | 1]),
            "printer": ([0x0A000002], []),
            "lamp": ([], [0xFD << 120 | 2]),
        }.get(name, ([], []))

    def network(self, name: str) -> int | None:
        return {"office": 0x0A000000, "loop": 0x7F000000}.get(name)

    def ethernet(self, name: str) -> int | None:
        return {"router": 0x001122334455, "printer": 0x66778899AABB}.get(name)


# What an expression matches is decided without names, except that these stand for something only in FixedNames.
NAMED: Final = (
    "host router",
    "src and dst host router",
    "ip host router or ip6 host router",
    "not host (router or printer)",
    "host lamp and tcp",
    "arp host router",
    "ether host printer",
    "gateway router",
    "ip gateway router and not port web",
    "net office",
    "net (office or loop)",
    "port web",
    "udp port names",
    "portrange names-web",
    "port (web or time) or 8080",
    r"ip proto \tcp or \icmp",
    r"proto ipv6-icmp",
)

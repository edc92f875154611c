"""Names: the system's databases first, the built-in tables of registered names where those know nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cbpf.language import Names
from cbpf.language import names as module
from cbpf.language.names import Service

SERVICES = {("both", "tcp"): 1, ("both", "udp"): 1, ("apart", "tcp"): 2, ("apart", "udp"): 3, ("lone", "udp"): 4}


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system with a few services, one protocol and one host."""

    def service(name: str, transport: str) -> int:
        try:
            return SERVICES[name, transport]
        except KeyError:
            raise OSError from None

    def protocol(name: str) -> int:
        if name != "mine":
            raise OSError
        return 253

    def addresses(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if name != "here":
            raise socket.gaierror
        found = ["192.0.2.9", "192.0.2.1", "2001:db8::2", "2001:db8::1", "192.0.2.9", "fe80::1%lo"]
        return [(0, 0, 0, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getservbyname", service)
    monkeypatch.setattr(socket, "getprotobyname", protocol)
    monkeypatch.setattr(socket, "getaddrinfo", addresses)


@pytest.mark.usefixtures("databases")
@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("both", Service(1, None)),
        ("apart", Service(2, "tcp")),
        ("lone", Service(4, "udp")),
        ("80", Service(80, None)),
        ("65536", None),
        ("nobody", None),
        # From the built-in table:
        ("domain", Service(53, None)),
        ("ssh", Service(22, "tcp")),
        ("bootps", Service(67, "udp")),
    ],
)
def test_services(name: str, service: Service | None) -> None:
    assert Names().service(name) == service


@pytest.mark.usefixtures("databases")
@pytest.mark.parametrize(("name", "number"), [("mine", 253), ("sctp", 132), ("ipv6-icmp", 58), ("icmp6", None)])
def test_protocols(name: str, number: int | None) -> None:
    assert Names().protocol(name) == number


@pytest.mark.usefixtures("databases")
def test_hosts_are_sorted_and_unique() -> None:
    ipv4, ipv6 = Names().hosts("here")
    assert ipv4 == [0xC0000201, 0xC0000209]
    assert ipv6 == [0x20010DB8 << 96 | 1, 0x20010DB8 << 96 | 2, 0xFE80 << 112 | 1]
    assert Names().hosts("there") == ([], [])


@pytest.mark.parametrize("name", ["\0", "\udcff", "x" * 300, "a..b", "\xff"])
def test_no_name_breaks_a_lookup(name: str) -> None:
    names = Names()
    assert names.service(name) is None
    assert names.protocol(name) is None
    assert names.hosts(name) == ([], [])
    assert names.network(name) is None
    assert names.ethernet(name) is None


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """networks(5) and ethers(5) with good lines and bad."""
    (tmp_path / "networks").write_text("# mine\ndefault 0.0.0.0\nhome 192.168.5 den # alias\nbad 1.2.x\nlonely\n")
    (tmp_path / "ethers").write_text("0:1:2:3:4:5 desk\n0:1:2:3:4:zz broken\n0:1:2 short\n")
    entries = module._entries
    monkeypatch.setattr(module, "_entries", lambda path: entries(str(tmp_path / Path(path).name)))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("name", "number"), [("home", 0xC0A80500), ("den", 0xC0A80500), ("default", None), ("bad", None), ("lonely", None)]
)
def test_networks(name: str, number: int | None) -> None:
    assert Names().network(name) == number


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("name", "number"), [("desk", 0x000102030405), ("broken", None), ("short", None), ("x", None)])
def test_ethernet_stations(name: str, number: int | None) -> None:
    assert Names().ethernet(name) == number


def test_a_system_without_databases_has_no_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entries = module._entries
    monkeypatch.setattr(module, "_entries", lambda path: entries(str(tmp_path / "none")))
    assert Names().network("loopback") is None
    assert Names().ethernet("desk") is None

"""Long lists of hosts, networks and ports: compiled at once, they mean what they mean one by one."""

from __future__ import annotations

import random
import sys

import pytest

import cbpf
from cbpf import FilterError
from cbpf.compiler.flow import Listed, flow
from cbpf.compiler.optimize.gather import LONG, gather
from cbpf.engine import PythonEngine, run
from cbpf.language.parser import parse
from tests.expressions import FixedNames
from tests.symbolic import equivalent

from .compiling import optimized, plain

_MANY = LONG + 6
_HOSTS = [f"10.0.{number % 3}.{number * 7 % 256}" for number in range(_MANY)]
_NETS = [f"10.{number}.0.0/{16 + number % 9}" for number in range(_MANY)]
_PORTS = [str(number * 11 + number % 2) for number in range(_MANY)]
_RANGES = [f"{number * 100}-{number * 100 + number % 4}" for number in range(_MANY)]


def _any(kind: str, values: list[str]) -> str:
    return " or ".join(f"{kind} {value}" for value in values)


# What is gathered, and how many lists that is; then what looks like it and is not, or in part only.
GATHERED = [
    ("EN10MB", _any("host", _HOSTS), 1),
    ("EN10MB", _any("src host", _HOSTS) + " or " + _any("dst host", _HOSTS), 2),
    ("EN10MB", "not (" + _any("ip src host", _HOSTS) + ")", 1),
    ("EN10MB", " and ".join(f"not host {host}" for host in _HOSTS), 1),
    ("EN10MB", _any("net", _NETS), 1),
    ("EN10MB", _any("net", _NETS) + " or " + _any("port", _PORTS), 2),
    ("EN10MB", _any("port", _PORTS), 1),
    ("EN10MB", _any("tcp dst port", _PORTS) + " and not icmp", 1),
    ("EN10MB", _any("portrange", _RANGES), 1),
    ("EN10MB", _any("portrange", _RANGES) + " or portrange 0-65535", 1),
    ("EN10MB", "vlan and (" + _any("host", _HOSTS) + ")", 1),
    ("EN10MB", "geneve and (" + _any("port", _PORTS) + ")", 1),
    ("EN10MB", f"port ({' or '.join(_PORTS)})", 1),
    ("EN10MB", "(arp and len > 50) or " + _any("host", _HOSTS), 1),
    ("RAW", _any("host", _HOSTS), 1),
    ("RAW", _any("udp src port", _PORTS), 1),
    ("IEEE802_11", _any("host", _HOSTS), 1),
    ("IEEE802_11_RADIO", _any("src net", _NETS), 1),
    ("ARCNET", _any("ether src", [f"${number:x}" for number in range(3, 3 + _MANY)]), 1),
    ("IPV6", _any("port", _PORTS), 1),
    ("NULL", _any("host", _HOSTS), 1),
    ("EN10MB", _any("dst portrange", _RANGES), 1),
    ("RAW", _any("sctp src portrange", _RANGES), 1),
    # more than a number each
    ("EN10MB", _any("src and dst host", _HOSTS), 0),
    ("EN10MB", _any("host", [f"2001:db8::{number:x}" for number in range(_MANY)]), 0),
    ("EN10MB", _any("host", [f"2001:db8:{number:x}::1" for number in range(_MANY)]), 0),
    ("EN10MB", _any("net", [f"2001:{number:x}::/96" for number in range(_MANY)]), 0),
    ("EN10MB", _any("ether host", [f"1:2:3:4:5:{number:x}" for number in range(_MANY)]), 0),
    ("EN10MB", _any("net", [f"10.{number}.0.7 mask 255.255.0.255" for number in range(_MANY)]), 1),
    ("EN10MB", _any("net", [f"0.{number}.0.0 mask 0.255.0.{number % 2}" for number in range(_MANY)]), 1),
    ("EN10MB", _any("port", [*_PORTS[:26], "names", "web"]), 1),
    ("EN10MB", _any("host", _HOSTS[: LONG - 1]), 0),
    ("EN10MB", " or ".join(f"host {host} and tcp" for host in _HOSTS), 0),
    ("EN10MB", "((len > 90 and " + _any("host", _HOSTS[:14]) + ") or " + _any("host", _HOSTS[14:]) + ")", 1),
    ("EN10MB", "((len > 90 and (" + _any("host", _HOSTS[:14]) + ")) or " + _any("host", _HOSTS[14:]) + ")", 0),
]


@pytest.mark.parametrize(("linktype", "expression", "lists"), GATHERED, ids=range(len(GATHERED)))
def test_lists_mean_what_they_mean_one_by_one(linktype: str, expression: str, lists: int) -> None:
    tree = parse(expression)
    assert tree
    assert sum(isinstance(step.primitive, Listed) for step in gather(flow(tree))) == lists
    names = FixedNames()
    assert equivalent(plain(expression, linktype, names=names), optimized(expression, linktype, names=names)) is None


def test_every_number_of_a_long_list_is_found_and_no_other() -> None:
    chosen = random.Random(5).sample(range(65536), 3000)
    engine = PythonEngine(cbpf.compile(_any("udp dst port", [str(port) for port in chosen]), "RAW").program)
    listed = set(chosen)
    for port in range(0, 65536, 7):
        packet = b"\x45" + bytes(8) + b"\x11" + bytes(12) + port.to_bytes(2) + bytes(4)
        assert bool(engine.run(packet)) == (port in listed), port


def test_comparisons_know_the_part_of_the_list_that_they_are_from() -> None:
    expression = _any("udp src port", _PORTS)
    program = cbpf.compile(expression, "RAW").program
    known = {
        instruction.k: {expression[span.start : span.end] for span in spans}
        for instruction, spans in zip(program, program.spans, strict=True)
        if instruction.code == 0x15 and instruction.k > 0x86
    }
    assert len(known) >= len(_PORTS) / 3  # between others, a number is found by its neighbours
    assert known == {port: {f"udp src port {port}"} for port in known}


def test_the_parts_of_a_conjunction_are_not_put_together() -> None:
    """With the source of one IPv6 address and the first half of another as destination, a packet cut short is lost."""
    expression = _any("host", [f"2001:db8:{number:x}::1" for number in range(1, _MANY)])
    source, destination = (bytes.fromhex(f"20010db8000{number}{'0' * 19}1") for number in (3, 2))
    packet = bytes(12) + b"\x86\xdd\x60" + bytes(7) + source + destination[:8]
    assert run(plain(expression, "EN10MB"), packet) == run(optimized(expression, "EN10MB"), packet) == 0
    assert run(optimized(expression, "EN10MB"), packet + bytes(8)) > 0


def test_what_would_take_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["cbpf.compiler.lower"], "MOST_TESTS", 1000)
    expression = " or ".join(f"host 10.0.0.{number} and port {number}" for number in range(200))
    with pytest.raises(FilterError, match="too large") as caught:
        cbpf.compile(expression)
    assert 0 < caught.value.span.start < len(expression)
    assert len(cbpf.compile(_any("port", [str(port) for port in range(2000)])).program) > 10

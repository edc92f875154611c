"""Programs for the Linux kernel, run by it: on frames that go out, with VLAN tags in them, and come in, without."""

from __future__ import annotations

from collections.abc import Iterator
from subprocess import CalledProcessError

import pytest

import cbpf
from cbpf import FilterError, Program, Reason
from cbpf.compiler.values import ANCILLARY
from cbpf.engine import run
from cbpf.machine import Instruction
from cbpf.machine import opcodes as op
from tests.expressions import EXPRESSIONS, NETMASK, TUNNELS
from tests.network import NotPermitted, Wire
from tests.oracles import kernel_accepts, needs_kernel, needs_tcpdump, tcpdump
from tests.symbolic import equivalent

_STATIONS = bytes.fromhex("020000000002 020000000001")
_ARP = bytes.fromhex("0806 0001 0800 0604 0001 020000000001 0a000001 000000000000 0a000002") + bytes(18)
_ADDRESSES = bytes.fromhex("0a000001 0a000002")
_VXLAN = b"\x08\0\0\0\0\0\7\0"


def _udp(port: int, payload: bytes) -> bytes:
    """An EtherType, and an IPv4 packet with a UDP datagram."""
    header = bytes((0x45, 0, 0, 28 + len(payload), 0, 1, 0, 0, 64, 17, 0, 0)) + _ADDRESSES
    return (
        b"\x08\0" + header + (1000).to_bytes(2) + port.to_bytes(2) + (8 + len(payload)).to_bytes(2) + b"\0\0" + payload
    )


def _tag(protocol: int, identifier: int) -> bytes:
    return protocol.to_bytes(2) + (0x2000 | identifier).to_bytes(2)


_DNS = _udp(53, bytes(20))
_PPPOE = b"\x88\x64\x11\0\0\7\0\x40\0\x21" + _DNS[2:]
_TUNNELLED_ARP = _udp(4789, _VXLAN + _STATIONS + _ARP)
_GENEVE_ARP = _udp(6081, b"\0\0\x65\x58\0\0\7\0" + _STATIONS + _ARP)

FRAMES = {
    f"{tags} {payload}".strip(): _STATIONS + octets + behind
    for tags, octets in {
        "": b"",
        "5": _tag(0x8100, 5),
        "6": _tag(0x8100, 6),
        "provider 5": _tag(0x88A8, 5),
        "old 5": _tag(0x9100, 5),
        "5 6": _tag(0x88A8, 5) + _tag(0x8100, 6),
        "5 6 7": _tag(0x88A8, 5) + _tag(0x8100, 6) + _tag(0x8100, 7),
    }.items()
    for payload, behind in {
        "ARP": _ARP,
        "DNS": _DNS,
        "PPPoE": _PPPOE,
        "VXLAN": _TUNNELLED_ARP,
        "Geneve": _GENEVE_ARP,
    }.items()
}

# What these mean is the same wherever the tag is.
ALIKE = [
    "vlan",
    "vlan 5",
    "not vlan 5",
    "vlan and arp",
    "vlan 5 and udp port 53",
    "vlan 6 and (arp or udp port 53)",
    "not (vlan 5 and arp)",
    "vlan and vlan 6 and arp",
    "vlan 5 and vlan and vlan 7 and udp dst port 53",
    "arp or (vlan and arp)",
    "ether proto 0x0806 or (vlan and ether proto 0x0806)",
    "vlan and pppoes 7 and udp port 53",
    "vlan and vxlan and arp",
    "vlan 5 and geneve 7 and arp",
    "vlan and not vxlan and udp",
    "(vlan 5 and arp) or (vlan 6 and vlan)",
]

# A tag that was not looked for moves nothing here: what matches is given.
SKIPPED = {
    "(arp or vlan) and arp": {"ARP", "5 ARP", "6 ARP", "provider 5 ARP", "old 5 ARP"},
    "(vlan 6 or vlan 6) and arp": {"6 ARP", "5 6 ARP"},
    "vlan 5 and (arp or vlan) and arp": {"5 ARP", "provider 5 ARP", "old 5 ARP", "5 6 ARP"},
}


def _live(expression: str, linktype: str = "EN10MB", optimize: bool = True) -> Program:
    return cbpf.compile(expression, linktype, netmask=NETMASK, optimize=optimize, target="linux").program


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from _wire(cooked=False)


@pytest.fixture(scope="module")
def cooked() -> Iterator[Wire]:
    yield from _wire(cooked=True)


def _wire(cooked: bool) -> Iterator[Wire]:
    try:
        made = Wire(cooked=cooked)
    except NotPermitted as error:
        pytest.skip(f"no network interfaces can be made: {error}")
    yield made
    made.close()


def _taken(wire: Wire, program: Program) -> dict[str, set[str]]:
    """The names of the frames that are taken where they are sent and where they are received."""
    wire.attach(program)
    found: dict[str, set[str]] = {"sent": set(), "received": set()}
    for name, frame in FRAMES.items():
        for side, taken in wire.takes(frame).items():
            if taken:
                found[side].add(name)
    return found


@pytest.mark.parametrize("optimize", [True, False], ids=["optimized", "plain"])
@pytest.mark.parametrize("expression", ALIKE)
def test_a_tag_is_found_wherever_it_is(wire: Wire, expression: str, optimize: bool) -> None:
    in_savefile = cbpf.compile(expression, optimize=optimize).program
    right = {name for name, frame in FRAMES.items() if run(in_savefile, frame)}
    assert 0 < len(right) < len(FRAMES)
    assert _taken(wire, _live(expression, optimize=optimize)) == {"sent": right, "received": right}


@pytest.mark.parametrize("expression", SKIPPED)
def test_a_tag_that_nobody_looked_for_moves_nothing(wire: Wire, expression: str) -> None:
    right = SKIPPED[expression]
    assert _taken(wire, _live(expression)) == {"sent": right, "received": right}


def test_direction_and_interface(wire: Wire) -> None:
    everything, nothing = set(FRAMES), set[str]()
    assert _taken(wire, _live("inbound")) == {"sent": nothing, "received": everything}
    assert _taken(wire, _live("outbound")) == {"sent": everything, "received": nothing}
    number = wire.interfaces["received"]
    assert _taken(wire, _live(f"ifindex {number}")) == {"sent": nothing, "received": everything}
    # not displaced by where the inner header is
    inside = {"VXLAN", "5 VXLAN", "6 VXLAN", "provider 5 VXLAN"}
    assert _taken(wire, _live("vxlan and inbound")) == {"sent": nothing, "received": inside}
    assert _taken(wire, _live("pppoes and outbound")) == {"sent": {"PPPoE"}, "received": nothing}


def test_cooked_packets_have_no_header_in_the_kernel(cooked: Wire) -> None:
    def taken(expression: str, linktype: str) -> dict[str, set[str]]:
        return _taken(cooked, _live(expression, linktype))

    for linktype in ("LINUX_SLL", "LINUX_SLL2"):
        assert taken("arp host 10.0.0.1", linktype)["received"] >= {"ARP", "5 ARP"}
        assert taken("udp port 53 and inbound", linktype) == {
            "sent": set(),
            "received": {"DNS", "5 DNS", "6 DNS", "provider 5 DNS"},
        }
        assert taken("outbound and arp", linktype) == {"sent": {"ARP"}, "received": set()}
        assert taken(f"ifindex {cooked.interfaces['sent']} and udp dst port 53", linktype) == {
            "sent": {"DNS"},
            "received": set(),
        }
        assert "VXLAN" in taken("vxlan 7 and arp", linktype)["received"]


def test_cooked_packets_of_802_2(cooked: Wire) -> None:
    bpdu = bytes.fromhex("0180c2000000 020000000001 0026 424203") + bytes(43)
    cooked.attach(_live("stp", "LINUX_SLL"))
    assert cooked.takes(bpdu)["received"]
    cooked.attach(_live("iso", "LINUX_SLL"))
    assert not cooked.takes(bpdu)["received"]


@pytest.mark.parametrize("linktype", ["LINUX_SLL", "LINUX_SLL2"])
@pytest.mark.parametrize("expression", ["link[0] = 1", "ip and byte 3 > 5", "ether[len - 1] = 3"])
def test_bytes_of_a_cooked_header_are_refused(linktype: str, expression: str) -> None:
    with pytest.raises(FilterError, match=f"no {linktype} header") as caught:
        _live(expression, linktype)
    assert caught.value.reason is Reason.NOT_ON_THIS_LINKTYPE
    assert cbpf.compile(expression, linktype)


def test_link_types_that_say_the_direction_themselves_are_believed() -> None:
    for linktype in ("SLIP", "PPP_PPPD", "PFLOG", "IPNET", "DSA_TAG_DSA", "JUNIPER_MFR"):
        assert _live("inbound", linktype) == cbpf.compile("inbound", linktype).program


@pytest.mark.parametrize("linktype", ["EN10MB", "USB_LINUX", "NETANALYZER", "IEEE802_11_RADIO", "RAW", "SUNATM"])
def test_metadata_are_where_they_are_whatever_the_header(linktype: str) -> None:
    assert _live("outbound", linktype) == _live("outbound", "RAW")
    assert _live("not inbound and ifindex 3", linktype) == _live("outbound and ifindex 3", "RAW")


def test_what_is_no_target_is_refused() -> None:
    with pytest.raises(FilterError, match="'savefile' or 'linux'"):
        cbpf.compile("arp", target="windows")


@pytest.mark.parametrize("expression", [row for where, row in EXPRESSIONS if where == "EN10MB" and "vlan" not in row])
def test_without_tags_the_target_makes_no_difference(expression: str) -> None:
    assert _live(expression, optimize=False) == cbpf.compile(expression, netmask=NETMASK, optimize=False).program


@needs_kernel
def test_the_kernel_takes_every_program() -> None:
    programs = [_live(row, optimize=False) for where, row in EXPRESSIONS + TUNNELS if where == "EN10MB"]
    programs += [_live(row, optimize=optimize) for row in (*ALIKE, *SKIPPED) for optimize in (True, False)]
    assert not [program for program in programs if not kernel_accepts(program)]


# Metadata as the first words of a packet, so that programs can be proved equal.
_METADATA_SIZE = 64


def _with_metadata_in_front(program: Program) -> Program:
    """The same for packets that have the kernel's metadata in front, each at its offset; shorter ones are rejected.

    The kernel gives all of a number, whatever the size of the load.
    """

    def moved(instruction: Instruction) -> Instruction:
        reads = instruction.code & 0x07 in (op.LD, op.LDX) and instruction.code & 0xE0 in (op.ABS, op.IND, op.MSH)
        if not reads:
            return instruction
        if instruction.k >= ANCILLARY:
            return Instruction(op.LD | op.W | op.ABS, 0, 0, instruction.k - ANCILLARY)
        return instruction._replace(k=instruction.k + _METADATA_SIZE)

    all_there = Instruction(op.LD | op.B | op.ABS, 0, 0, _METADATA_SIZE - 1)
    return Program([all_there, *(moved(instruction) for instruction in program)])


@pytest.mark.parametrize(
    "expression",
    [
        *ALIKE,
        *SKIPPED,
        "inbound and (vlan 5 or ifindex 5) or outbound and arp",
        "vlan 5 and not inbound or vlan and outbound",
    ],
)
def test_the_optimizer_changes_nothing(expression: str) -> None:
    before, after = (_with_metadata_in_front(_live(expression, optimize=optimize)) for optimize in (False, True))
    assert equivalent(before, after) is None


def test_metadata_in_front_are_read() -> None:
    program = _with_metadata_in_front(_live("vlan 5"))
    metadata = bytes(44) + b"\0\0\x20\5" + b"\0\0\0\1" + bytes(12)
    assert run(program, metadata + bytes(14))
    assert not run(program, bytes(64) + bytes(14) + bytes(4))
    assert run(program, bytes(64) + bytes(12) + _tag(0x8100, 5))


def _of_libpcap(expression: str) -> Program:
    """What libpcap compiles for the loopback interface, which is EN10MB."""
    try:
        lines = tcpdump("-i", "lo", "-O", "-ddd", expression).splitlines()
    except CalledProcessError as error:
        pytest.skip(f"tcpdump cannot open an interface: {error.stderr}")
    return Program([Instruction(*map(int, line.split())) for line in lines[1:]])


@needs_tcpdump
@pytest.mark.parametrize(
    "expression",
    [
        *("inbound", "outbound and tcp", "ifindex 3", "vlan", "vlan 5", "not vlan", "vlan and ip", "vlan and stp"),
        *("vlan 5 and tcp port 80", "vlan and vlan 6 and arp", "vlan 5 or ip", "ip or vlan 5", "vlan 5 or vlan 6"),
        *("arp or (vlan and arp)", "vlan and mpls and ip", "vlan and llc u", "ip and vlan or arp"),
    ],
)
def test_libpcap_compiles_the_same(expression: str) -> None:
    ours, theirs = (_with_metadata_in_front(made(expression)) for made in (_plain, _of_libpcap))
    assert equivalent(ours, theirs) is None


def _plain(expression: str) -> Program:
    return _live(expression, optimize=False)

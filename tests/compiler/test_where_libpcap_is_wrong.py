"""Where libpcap is wrong, we are right; and it is wrong there, or the table would not know what it says."""

from __future__ import annotations

import re
from typing import Final

import pytest

import cbpf
from cbpf import FilterError, Program, ProgramError, Reason
from cbpf.engine import Semantics, run
from cbpf.machine import verify
from cbpf.machine.verifier import Rules
from tests import libpcap
from tests.expressions import NETMASK
from tests.oracles import kernel_accepts, needs_kernel, needs_libpcap
from tests.shared import needs_sheets, sheet

from .compiling import NOTHING
from .faults import FAULTS, Fault, Packet, Whose

VERSION: Final = "1.10.3"

# What both refuse, though somebody may expect otherwise.
REFUSED: Final = {
    "B2": [("EN10MB", "1/0 = 1", Reason.OTHER), ("EN10MB", "1 << 32 = 1", Reason.OTHER)],
    "B23": [
        ("EN10MB", "src 10.0.0.0/8", Reason.QUALIFIER_MISMATCH),
        ("EN10MB", "dst fe80::/10", Reason.QUALIFIER_MISMATCH),
    ],
    "L6": [("NETANALYZER", "llc", Reason.NOT_ON_THIS_LINKTYPE)],
    "L7": [
        ("PPI", "vlan", Reason.NOT_ON_THIS_LINKTYPE),
        ("PPI", "radio[0] = 1", Reason.NOT_ON_THIS_LINKTYPE),
    ],
    "L15": [("PFLOG", "protochain 6", Reason.NOT_ON_THIS_LINKTYPE)],
}

# What is not about a verdict.
ELSEWHERE: Final = {
    "B22": "is about time: see the great expressions of test_robust and the long chains of test_equivalence",
    **dict.fromkeys(("#138", "#1255", "tcpdump#1121"), "is about time, as B22"),
    **dict.fromkeys(("#110", "#1022"), "is about instructions that do nothing: verdicts are right with them"),
    "#184": "is about how libpcap runs programs for the 'any' device, whatever the program is",
    **dict.fromkeys(("#33", "#57", "#58", "#143", "#581"), "has no expression in the sheet"),
    "#972": "is the change that mended #434, #436 and #437",
}


def _libpcap_is_there() -> bool:
    return not needs_libpcap.args[0] and libpcap.version() == VERSION


def _may_capture() -> bool:
    try:
        libpcap.compile_live("")
    except libpcap.Refused:
        return False
    return True


needs_version = pytest.mark.skipif(not _libpcap_is_there(), reason=f"not libpcap {VERSION}")
needs_capture = pytest.mark.skipif(
    not _libpcap_is_there() or not _may_capture(), reason="no privilege to capture, which libpcap needs to compile so"
)
OF_FILES: Final = [fault for fault in FAULTS if fault.target == "savefile"]
LIVE: Final = [fault for fault in FAULTS if fault.target == "linux"]


def _name(fault: Fault) -> str:
    return f"{fault.item} {fault.linktype}: {fault.expression}"


def _ours(fault: Fault, optimize: bool) -> Program:
    try:
        return cbpf.compile(
            fault.expression, fault.linktype, netmask=NETMASK, optimize=optimize, target=fault.target
        ).program
    except FilterError as error:
        if error.reason is not Reason.MATCHES_NOTHING:
            raise
        return NOTHING


def _theirs(fault: Fault, optimize: bool) -> Program:
    if fault.target == "linux":
        return libpcap.compile_live(fault.expression, optimize=optimize)
    netmask = int.from_bytes(bytes(map(int, NETMASK.split("."))))
    return libpcap.compile_expression(fault.expression, fault.linktype, optimize=optimize, netmask=netmask)


def _matches(program: Program, fault: Fault, packet: Packet) -> bool:
    semantics: Semantics = "linux" if fault.target == "linux" else "libpcap"
    return run(program, packet.octets, semantics=semantics, ancillary=packet.ancillary) > 0


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("fault", FAULTS, ids=_name)
def test_we_are_right(fault: Fault, optimize: bool) -> None:
    program = _ours(fault, optimize)
    found = [_matches(program, fault, packet) for packet in fault.packets]
    assert found == [packet.matches for packet in fault.packets]


@needs_kernel
@pytest.mark.parametrize("fault", LIVE, ids=_name)
def test_the_kernel_takes_what_is_for_it(fault: Fault) -> None:
    assert all(kernel_accepts(_ours(fault, optimize)) for optimize in (False, True))


def _libpcap_is_as_the_table_says(fault: Fault) -> None:
    wrong = {
        Whose.COMPILER: (True, True),
        Whose.OPTIMIZER: (False, True),
        Whose.UNOPTIMIZED: (True, False),
        Whose.NEITHER: (False, False),
        Whose.REFUSES_OPTIMIZED: (False, None),
        Whose.REFUSES: (None, None),
        Whose.KERNEL: (None, None),
    }[fault.whose]
    for optimize, mistaken in zip((False, True), wrong, strict=True):
        if fault.whose is Whose.KERNEL:
            with pytest.raises(ProgramError):
                verify(_theirs(fault, optimize), Rules.LINUX)
        elif mistaken is None:
            with pytest.raises(libpcap.Refused):
                _theirs(fault, optimize)
        else:
            program = _theirs(fault, optimize)
            found = [_matches(program, fault, packet) for packet in fault.packets]
            assert found == [packet.matches != (mistaken and packet.tells) for packet in fault.packets]


@needs_version
@pytest.mark.parametrize("fault", OF_FILES, ids=_name)
def test_libpcap_is_wrong(fault: Fault) -> None:
    _libpcap_is_as_the_table_says(fault)


@needs_capture
@pytest.mark.parametrize("fault", LIVE, ids=_name)
def test_libpcap_is_wrong_about_captures(fault: Fault) -> None:
    _libpcap_is_as_the_table_says(fault)


@pytest.mark.parametrize("fault", FAULTS, ids=_name)
def test_who_is_wrong_is_wrong_about_something(fault: Fault) -> None:
    mistaken = fault.whose in {Whose.COMPILER, Whose.OPTIMIZER, Whose.UNOPTIMIZED}
    assert any(packet.tells for packet in fault.packets) == mistaken


@pytest.mark.parametrize("item", REFUSED)
def test_what_stays_refused(item: str) -> None:
    for linktype, expression, reason in REFUSED[item]:
        with pytest.raises(FilterError) as caught:
            cbpf.compile(expression, linktype)
        assert caught.value.reason is reason
        if _libpcap_is_there():
            with pytest.raises(libpcap.Refused):
                libpcap.compile_expression(expression, linktype)


@needs_sheets
def test_every_item_of_the_sheets_is_here() -> None:
    here = {fault.item for fault in FAULTS} | REFUSED.keys() | ELSEWHERE.keys()
    language, links, peers = (sheet(name) for name in ("filter-language.md", "linktypes.md", "peers.md"))
    items = set(re.findall(r"^\| (B\d+) \|", language, re.MULTILINE))
    items |= {f"L{number}" for number in re.findall(r"^(\d+)\. ", links.split("\n## 15.")[1].split("\n## ")[0], re.M)}
    items |= set(re.findall(r"^\| (A\d+) \|", peers, re.MULTILINE))
    tracker = peers.split("\n## 3c.")[1].split("\n## 3d.")[0]
    for row in re.findall(r"^\| ([^|]*) \|", tracker, re.MULTILINE):
        items |= set(re.findall(r"(?:PR|tcpdump)?#\d+", row))
    fixed = peers.split("\n## 3d.")[1].split("\n---")[0]
    items |= set(re.findall(r"(?<!PR)#\d+", fixed))
    assert len(items) > 70
    assert items - here == set()

"""The list of interfaces, which is the one that tcpdump numbers."""

from __future__ import annotations

import re
import subprocess

import pytest

from cbpf.capture.sockets.interfaces import interface_flags, interface_name, interfaces

from .live_tools import FAR, NEAR, in_namespace, ip, wait_for  # noqa: F401 (a fixture)
from .tools import needs

# Those of tcpdump's that are no network interfaces.
OTHERS = {"bluetooth-monitor", "nflog", "nfqueue", "dbus-system", "dbus-session", "rdmasniff"}


def listed_by_tcpdump() -> list[tuple[str, set[str]]]:
    text = subprocess.run(["tcpdump", "-D"], check=True, capture_output=True, text=True).stdout
    rows = re.findall(r"^\d+\.(\S+).*\[(.*)\]$", text, re.MULTILINE)
    return [(name, set(flags.lower().split(", ")) - {"none"}) for name, flags in rows if name not in OTHERS]


def ours_as_listed() -> list[tuple[str, set[str]]]:
    return [(each.name, set(each.flags)) for each in interfaces()]


@needs("tcpdump")
@pytest.mark.parametrize("down", [(), (NEAR,), (FAR,), (NEAR, FAR), ("lo",)])
def test_the_list_is_that_of_tcpdump(down: tuple[str, ...]) -> None:
    for name in down:
        ip("link", "set", name, "down")
    try:
        # The kernel may take a while to see that the other end is down.
        wait_for(lambda: ours_as_listed() == listed_by_tcpdump(), 5)
        ours = interfaces()
        assert ours_as_listed() == listed_by_tcpdump()
        assert [each.number for each in ours] == list(range(1, len(ours) + 1))
        assert [bool((interface_flags(each.name) or 0) & 1) for each in ours if each.name != "any"] == [
            "up" in each.flags for each in ours if each.name != "any"
        ]
    finally:
        for name in down:
            ip("link", "set", name, "up")


def test_addresses() -> None:
    ip("address", "add", "192.0.2.7/24", "dev", NEAR)
    try:
        known = {each.name: each.addresses for each in interfaces()}
    finally:
        ip("address", "del", "192.0.2.7/24", "dev", NEAR)
    assert known[NEAR] == ("192.0.2.7",)
    assert known["any"] == ()
    assert "127.0.0.1" in known["lo"]


def test_a_number_is_one_of_the_list_unless_an_interface_is_called_so() -> None:
    for each in interfaces():
        assert interface_name(str(each.number)) == interface_name(each.name) == each.name
    ip("link", "add", "2", "type", "veth", "peer", "name", "other0")
    try:
        assert interface_name("2") == "2"
    finally:
        ip("link", "del", "2")
    for text in ("0", "99", "9" * 5000, "-1", "", "²"):
        assert interface_name(text) == text

"""What a filter says about a packet is the same whatever frame of whatever link type is around it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cbpf import FilterError, Reason
from cbpf.engine import PythonEngine
from tests.expressions import combined
from tests.packets import packets

from .compiling import optimized, plain
from .framing import ANY, IP, IP6, IP_ONLY

# About IP packets only: nothing that asks for a header in front of them, or that is constant on raw IP.
_ABOUT_IP = (
    "ip ip6 tcp udp sctp icmp icmp6 igmp pim host~10.0.0.1 src~host~10.0.0.2 dst~host~fe80::1 net~10.0.0.0/8 "
    "net~fe80::/10 ip~host~10.0.0.1 dst~net~2001:db8::/33 net~128.0.0.0/1 port~80 src~port~80 tcp~dst~port~443 "
    "portrange~50-100 ip~proto~6 ip6~proto~17 proto~17 ip~multicast ip6~multicast tcp[13]&7!=0 ip[8]>60 "
    "udp[4:2]>ip[2:2]-30 ip6[6]=17 icmp6[0]=128 len>0 vxlan~7 geneve~5 vxlan geneve vxlan~or~geneve~or~port~80 "
    "(vxlan~and~arp) (geneve~and~ether~host~00:11:22:33:44:55) (vxlan~and~vlan~100) (geneve~or~tcp)"
)
_ABOUT_ETHERTYPES = _ABOUT_IP + (
    " arp arp~host~10.0.0.1 rarp atalk[0]=1 decnet ether~proto~0x88cc pppoed pppoes~7 (pppoes~and~tcp~port~80) "
    "(pppoes~and~ip6) (pppoes~7~and~vxlan~and~arp) host~10.0.0.2"
)


def _conditions(text: str) -> st.SearchStrategy[str]:
    return combined(st.sampled_from([condition.replace("~", " ") for condition in text.split()]), 5)


def _verdicts(expression: str, linktype: str, packet: bytes) -> set[bool]:
    """Of the program as it is, and of the optimized one."""
    return {PythonEngine(made(expression, linktype)).run(packet) > 0 for made in (plain, optimized)}


@pytest.mark.parametrize("linktype", ANY)
def test_any_protocol(linktype: str) -> None:
    @settings(max_examples=6, deadline=None)
    @given(_conditions(_ABOUT_ETHERTYPES), st.integers(0, 999))
    def check(expression: str, seed: int) -> None:
        random = Random(seed)
        for packet in packets("EN10MB", seed, 15):
            kind = int.from_bytes(packet[12:14])
            if len(packet) >= 14 and kind > 1500:
                frame = ANY[linktype](random, kind, packet[14:])
                _compare(expression, "EN10MB", packet, linktype, frame)

    check()


@pytest.mark.parametrize("linktype", IP_ONLY)
def test_ip(linktype: str) -> None:
    @settings(max_examples=6, deadline=None)
    @given(_conditions(_ABOUT_IP), st.integers(0, 999))
    def check(expression: str, seed: int) -> None:
        random = Random(seed)
        for packet in packets("RAW", seed, 15):
            if packet and packet[0] >> 4 in (4, 6):
                frame = IP_ONLY[linktype](random, IP if packet[0] >> 4 == 4 else IP6, packet)
                _compare(expression, "RAW", packet, linktype, frame)

    check()


def _compare(expression: str, reference: str, packet: bytes, linktype: str, frame: bytes) -> None:
    try:
        right = _verdicts(expression, reference, packet)
    except FilterError as error:
        assert error.reason is not Reason.OTHER
        assume(False)
    assert _verdicts(expression, linktype, frame) == right, frame.hex()

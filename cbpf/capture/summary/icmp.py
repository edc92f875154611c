"""The control messages of a summary: ICMP (RFC 792), ICMPv6 (RFC 4443, RFC 4861, RFC 2710) and IGMP (RFC 3376)."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from cbpf.capture.summary.line import PAIR, SHORT, WORD, Line, ipv4_text, ipv6_text

_ICMP_NAMES: Final = {
    0: "echo reply",
    4: "source quench",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    13: "time stamp query",
    14: "time stamp reply",
    15: "information request",
    16: "information reply",
    17: "address mask request",
    18: "address mask reply",
}
_UNREACHABLE: Final = {
    0: "net {} unreachable",
    1: "host {} unreachable",
    5: "{} unreachable - source route failed",
    6: "net {} unreachable - unknown",
    7: "host {} unreachable - unknown",
    8: "{} unreachable - source host isolated",
    9: "net {} unreachable - admin prohibited",
    10: "host {} unreachable - admin prohibited",
    11: "net {} unreachable - tos prohibited",
    12: "host {} unreachable - tos prohibited",
    13: "host {} unreachable - admin prohibited filter",
    14: "host {} unreachable - host precedence violation",
    15: "host {} unreachable - precedence cutoff",
}
_REDIRECTS: Final = {
    0: "redirect {} to net {}",
    1: "redirect {} to host {}",
    2: "redirect-tos {} to net {}",
    3: "redirect-tos {} to host {}",
}
_TIME_EXCEEDED: Final = {0: "time exceeded in-transit", 1: "ip reassembly time exceeded"}
_QUOTED: Final = 8  # where the header of the packet that a message is about begins
_TRANSPORT_NAMES: Final = {6: "tcp", 17: "udp"}


def icmp(line: Line) -> None:
    """A message of ICMP."""
    show = _ICMP.get(line.data[line.at])
    kind = line.data[line.at]
    words = _ICMP_NAMES.get(kind, f"type-#{kind}") if show is None else show(line, line.at)
    line.say(f"ICMP {words}")


def _echo(line: Line, at: int) -> str:
    return "{}, id {}, seq {}".format(_ICMP_NAMES[line.data[at]], *PAIR(line.data, at + 4))


def _unreachable(line: Line, at: int) -> str:
    code, mtu = line.data[at + 1], SHORT(line.data, at + 6)[0]
    data, inner = line.data, at + _QUOTED
    target = ipv4_text(data[inner + 16 : inner + 20])
    if code == 2:
        return f"{target} protocol {data[inner + 9]} unreachable"
    if code == 3:
        protocol = data[inner + 9]
        (port,) = SHORT(data, inner + (data[inner] & 15) * 4 + 2)
        name = _TRANSPORT_NAMES.get(protocol, f"protocol {protocol}")
        return f"{target} {name} port {port} unreachable"
    if code == 4:
        return f"{target} unreachable - need to frag{f' (mtu {mtu})' if mtu else ''}"
    return _UNREACHABLE.get(code, f"{{}} unreachable - #{code}").format(target)


def _redirect(line: Line, at: int) -> str:
    code, gateway = line.data[at + 1], ipv4_text(line.data[at + 4 : at + 8])
    target = ipv4_text(line.data[at + _QUOTED + 16 : at + _QUOTED + 20])
    return _REDIRECTS.get(code, f"redirect-#{code} {{}} to net {{}}").format(target, gateway)


def _time_exceeded(line: Line, at: int) -> str:
    code = line.data[at + 1]
    return _TIME_EXCEEDED.get(code, f"time exceeded-#{code}")


def _parameter_problem(line: Line, at: int) -> str:
    code, pointer = line.data[at + 1], line.data[at + 4]
    return f"parameter problem - {f'code {code}' if code else f'octet {pointer}'}"


def _time_stamp(line: Line, at: int) -> str:
    words = "{} id {} seq {}".format(_ICMP_NAMES[line.data[at]], *PAIR(line.data, at + 4))
    if line.data[at] == 13:
        return words
    times = (
        f"{name} {_clock(WORD(line.data, at + place)[0])}" for name, place in (("org", 8), ("recv", 12), ("xmit", 16))
    )
    return f"{words}: {', '.join(times)}"


def _clock(milliseconds: int) -> str:
    """Milliseconds since midnight as a time of day."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"


def _mask(line: Line, at: int) -> str:
    return f"address mask is {WORD(line.data, at + 8)[0]:#010x}"


_ICMP: Final[dict[int, Callable[[Line, int], str]]] = {
    0: _echo,
    3: _unreachable,
    5: _redirect,
    8: _echo,
    11: _time_exceeded,
    12: _parameter_problem,
    13: _time_stamp,
    14: _time_stamp,
    18: _mask,
}

_ICMP6_NAMES: Final = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded in-transit",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "multicast listener query",
    131: "multicast listener report",
    132: "multicast listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    138: "router renumbering",
    143: "multicast listener report v2",
}
_ICMP6_UNREACHABLE: Final = {
    0: "unreachable route {}",
    1: "unreachable prohibited {}",
    2: "beyond scope {}",
    3: "unreachable address {}",
    5: "unreachable policy {}",
    6: "unreachable reject route {}",
}
_ADDRESS6: Final = Struct("16s").unpack_from


def icmp6(line: Line) -> None:
    """A message of ICMPv6."""
    kind = line.data[line.at]
    show = _ICMP6.get(kind)
    words = _ICMP6_NAMES.get(kind, f"unknown icmp6 type ({kind})")
    line.say(f"ICMP6, {words}{'' if show is None else show(line, line.at)}")


def _address6(line: Line, at: int) -> str:
    return ipv6_text(_ADDRESS6(line.data, at)[0])


def _echo6(line: Line, at: int) -> str:
    return ", id {}, seq {}".format(*PAIR(line.data, at + 4))


def _unreachable6(line: Line, at: int) -> str:
    code, inner = line.data[at + 1], at + _QUOTED
    target = _address6(line, inner + 24)
    if code != 4:
        return f", {_ICMP6_UNREACHABLE.get(code, f'unknown unreach code ({code}) {{}}').format(target)}"
    protocol = line.data[inner + 6]
    name = _TRANSPORT_NAMES.get(protocol)
    if name is None:
        return f", unreachable port, {target}"
    return f", unreachable port, {target} {name} port {SHORT(line.data, inner + 42)[0]}"


def _too_big(line: Line, at: int) -> str:
    return f", mtu {WORD(line.data, at + 4)[0]}"


def _time_exceeded6(line: Line, at: int) -> str:
    code = line.data[at + 1]
    if code == 0:
        return f" for {_address6(line, at + _QUOTED + 24)}"
    return " (reassembly)" if code == 1 else f", unknown code ({code})"


def _parameter_problem6(line: Line, at: int) -> str:
    code, (pointer,) = line.data[at + 1], WORD(line.data, at + 4)
    names = {0: "erroneous", 1: "next header", 2: "option"}
    return f", {names[code]} - octet {pointer}" if code in names else f", code-#{code}"


def _listener(line: Line, at: int) -> str:
    return f", max resp delay: {SHORT(line.data, at + 4)[0]} addr: {_address6(line, at + 8)}"


def _listener_report2(line: Line, at: int) -> str:
    return f", {SHORT(line.data, at + 6)[0]} group record(s)"


def _who_has(line: Line, at: int) -> str:
    return f", who has {_address6(line, at + 8)}"


def _is(line: Line, at: int) -> str:
    return f", tgt is {_address6(line, at + 8)}"


def _redirect6(line: Line, at: int) -> str:
    return f", {_address6(line, at + 24)} to {_address6(line, at + 8)}"


_ICMP6: Final[dict[int, Callable[[Line, int], str]]] = {
    1: _unreachable6,
    2: _too_big,
    3: _time_exceeded6,
    4: _parameter_problem6,
    128: _echo6,
    129: _echo6,
    130: _listener,
    131: _listener,
    132: _listener,
    135: _who_has,
    136: _is,
    137: _redirect6,
    143: _listener_report2,
}

_IGMP_NAMES: Final = {0x12: "v1 report", 0x16: "v2 report", 0x17: "leave"}
_IGMP_QUERY, _IGMP_V3_REPORT, _DVMRP, _PIM_V1 = 0x11, 0x22, 0x13, 0x14


def igmp(line: Line) -> None:
    """A message of IGMP."""
    kind, at = line.data[line.at], line.at
    if line.quick:
        line.out.append("igmp")
    elif kind == _IGMP_QUERY:
        line.out.append(_igmp_query(line, at))
    elif kind == _IGMP_V3_REPORT:
        line.out.append(f"igmp v3 report, {SHORT(line.data, at + 6)[0]} group record(s)")
    elif kind in _IGMP_NAMES:
        line.out.append(f"igmp {_IGMP_NAMES[kind]} {_group(line, at)}")
    else:
        line.say({_DVMRP: "igmp dvmrp", _PIM_V1: "igmp pimv1"}.get(kind, f"igmp-{kind}"))


def _group(line: Line, at: int) -> str:
    (group,) = WORD(line.data, at + 4)
    return ipv4_text(group.to_bytes(4, "big"))


def _igmp_query(line: Line, at: int) -> str:
    """Of a version that its length tells, and the time in tenths of a second."""
    group = _group(line, at)
    if line.length >= 12:
        words = f"igmp query v3{'' if group == '0.0.0.0' else f' [gaddr {group}'}"
        sources = SHORT(line.data, at + 10)[0]
        return words + ("" if group == "0.0.0.0" else f" {{{sources} source(s)}}]" if sources else "]")
    delay = line.data[at + 1]
    if delay == 0:
        return f"igmp query v1{'' if group == '0.0.0.0' else f' [gaddr {group}]'}"
    time = "" if delay == 100 else f" [max resp time {delay}]"
    return f"igmp query v2{time}{'' if group == '0.0.0.0' else f' [gaddr {group}]'}"

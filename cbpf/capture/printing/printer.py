"""The text about packets, one after another, in the style that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from cbpf.capture.packet import Interface, Packet
from cbpf.capture.printing.dumps import dump_of
from cbpf.capture.printing.style import Style, Surroundings, Time
from cbpf.capture.printing.times import clock
from cbpf.capture.summary import describe
from cbpf.capture.summary.everyday import everyday
from cbpf.capture.summary.flows import Flows
from cbpf.capture.summary.line import Line

if TYPE_CHECKING:
    from cbpf.capture.piece import Match

_ETHERNET: Final = 1
# Lines about packets that came before to the byte, as announcements and hellos do, are kept, but not too many.
_MOST_REPEATS: Final = 4096
_LONGEST_REPEAT: Final = 256  # bytes


class Printer:
    """Makes the text about each packet, in the order they are given.

    It remembers the time of the previous packet and of the first, the number of packets, and where the sequence numbers
    of TCP connections began; its memory is bounded. Nothing is written: the caller gets the text, with line ends.
    """

    def __init__(self, style: Style = Style()) -> None:  # noqa: B008 -- it never changes
        self._style = style
        self._clock = clock(style.time)
        self._flows = Flows()
        self._short = everyday(self._flows)
        self._repeats: dict[bytes, tuple[int, int, str]] = {}
        self._number = 0
        self._dump = dump_of(style)
        self._plain = style._replace(time=Time.OF_DAY, digits=None) == Style()
        self._make = self._object if style.json else self._lines

    def text(self, packet: Packet, *, file: str = "", verdict: int | None = None, filters: Sequence[str] = ()) -> str:
        """The text about ``packet``, with the line's end.

        ``filters`` are the names of the filters that matched, if they have names: a line has them as ``[web,dns]``
        behind the time. The name of the ``file`` and the ``verdict`` are for JSON objects only.
        """
        return self._make(packet, file, verdict, filters)

    def batch(self, matches: Iterable[Match], *, file: str = "", names: Sequence[str] = ()) -> str:
        """The texts about what a scan found, as one; ``names`` are those of its filters, by bit."""
        if self._plain and not names:
            return self._plain_lines(matches)
        chosen: dict[int, Sequence[str]] = {}
        parts = []
        for match in matches:
            bits = match.filters
            if bits not in chosen:
                chosen[bits] = [name for bit, name in enumerate(names) if bits >> bit & 1]
            verdict = None if names else match.verdict or None
            parts.append(self._make(match.packet(), file, verdict, chosen[bits]))
        return "".join(parts)

    def _plain_lines(self, matches: Iterable[Match]) -> str:
        """Lines without anything special, at which no time is lost."""
        show, short, lengthy, repeats = self._clock, self._short, self._lengthy, self._repeats
        current: Interface | None = None
        digits, linktype, lines = 6, _ETHERNET, []
        for _, timestamp, wirelen, data, interface, _, _ in matches:
            if interface is not current:
                current, digits, linktype = interface, self._digits_of(interface), interface.linktype
            body = short(data, wirelen) if linktype == _ETHERNET else None
            if body is None:
                repeat = repeats.get(bytes(data))
                if repeat is not None and repeat[0] == wirelen and repeat[1] == linktype:
                    body = repeat[2]
                else:
                    body = lengthy(linktype, data, wirelen)
            lines.append(f"{show(timestamp, digits)}{body}\n")
        return "".join(lines)

    def _digits_of(self, interface: Interface) -> int:
        return self._style.digits or (9 if interface.nanoseconds else 6)

    def _lengthy(self, linktype: int, data: memoryview | bytes, wirelen: int) -> str:
        """What the dissectors say about a packet. It is kept for when the same bytes come again."""
        data = bytes(data)
        line = Line(data, wirelen, flows=self._flows)
        body = describe(linktype, line)
        if line.repeats and len(data) <= _LONGEST_REPEAT:
            if len(self._repeats) >= _MOST_REPEATS:
                self._repeats.clear()
            self._repeats[data] = (wirelen, linktype, body)
        return body

    def _body(self, packet: Packet) -> str:
        """What a line says about a packet."""
        style, linktype = self._style, packet.interface.linktype
        if style.quick or style.headers:
            flows = None if style.absolute else self._flows
            line = Line(packet.data, packet.wirelen, quick=style.quick, headers=style.headers, flows=flows)
            return describe(linktype, line)
        if style.absolute:
            return describe(linktype, Line(packet.data, packet.wirelen))
        body = self._short(packet.data, packet.wirelen) if linktype == _ETHERNET else None
        return self._lengthy(linktype, packet.data, packet.wirelen) if body is None else body

    def _lines(self, packet: Packet, file: str, verdict: int | None, filters: Sequence[str]) -> str:
        """The line about a packet, and what is to be below it."""
        style = self._style
        time, body = self._clock(packet.timestamp, self._digits_of(packet.interface)), self._body(packet)
        self._number += 1
        number = f"{self._number:5}  " if style.number else ""
        if style.color:
            from cbpf.capture.printing.colors import colored, dim

            time, body = dim(time), colored(body)
        names = f"[{','.join(filters)}] " if filters else ""
        text = f"{number}{time}{names}{body}\n"
        if style.details:
            from cbpf.capture.printing.details import details

            text += details(packet.interface.linktype, packet.data, style.details)
        return text if self._dump is None else text + self._dumped(packet)

    def _dumped(self, packet: Packet) -> str:
        assert self._dump is not None
        form, whole = self._dump
        if whole:
            return form(packet.data)
        from cbpf.capture.printing.headers import link_header_length

        return form(packet.data[link_header_length(packet.interface.linktype, packet.data) :])

    def _object(self, packet: Packet, file: str, verdict: int | None, filters: Sequence[str]) -> str:
        """The JSON object about a packet, as a line."""
        from cbpf.capture.printing.objects import encoded

        self._number += 1
        around = Surroundings(self._number, self._digits_of(packet.interface), file, verdict, filters)
        return encoded(packet, around)

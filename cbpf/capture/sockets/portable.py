"""Live capture where there are no packet sockets: with what scapy has there, and no filter in the kernel."""

from __future__ import annotations

from time import time_ns
from typing import Final

from cbpf.capture.limits import effective_snaplen
from cbpf.capture.packet import NANOSECONDS, Interface, Packet
from cbpf.capture.sockets.failures import CaptureError, Refused
from cbpf.capture.sockets.frames import Direction
from cbpf.linktypes import NUMBERS
from cbpf.machine.program import Program

_BATCH: Final = 1024  # packets
_LINKTYPES: Final = {  # by scapy's names
    "Ether": "EN10MB",
    "Loopback": "NULL",
    "IP": "RAW",
    "IPv6": "RAW",
    "Dot11": "IEEE802_11",
    "RadioTap": "IEEE802_11_RADIO",
    "PPP": "PPP",
}


class ScapyListener:
    """scapy's listening socket on one interface. See ``cbpf.capture.live.Live`` for what its methods promise."""

    def __init__(self, name: str, *, snaplen: int, promiscuous: bool, direction: Direction) -> None:
        if direction != "inout":
            raise CaptureError("this system does not tell packets that come from those that go", interface=name)
        import scapy.layers.l2  # noqa: F401 (which names the link types)
        from scapy.config import conf

        try:
            self._socket = conf.L2listen(iface=name, promisc=promiscuous)
        except Exception as error:  # whatever this system has to say: scapy does not settle on one class
            raise CaptureError(f"cannot capture: {error}", interface=name) from error
        linktype = _LINKTYPES.get(getattr(self._socket.LL, "__name__", ""), "EN10MB")
        self.interface = Interface(NUMBERS[linktype], effective_snaplen(NUMBERS[linktype], snaplen), NANOSECONDS, name)
        self._received = 0

    def attach(self, program: Program) -> None:
        raise Refused("filters are attached on Linux only", interface=str(self.interface.name))

    def detach(self) -> None:
        """Nothing: all packets pass."""

    def shut(self) -> None:
        """Nothing: packets cannot be kept from passing."""

    def take(self) -> list[Packet] | None:
        packets: list[Packet] = []
        for count in range(_BATCH):
            if not self.wait(0):
                return packets if count else None
            try:
                _, data, seconds = self._socket.recv_raw()
            except OSError as error:
                raise CaptureError(f"capturing ended: {error}", interface=self.interface.name or "") from error
            if data:
                self._received += 1
                timestamp = time_ns() if seconds is None else round(float(seconds) * 10**6) * 1000
                packets.append(Packet(timestamp, len(data), data[: self.interface.snaplen], self.interface))
        return packets

    def wait(self, seconds: float | None) -> bool:
        return bool(self._socket.select([self._socket], seconds))

    def counts(self) -> tuple[int, int, int]:
        """What was received since the last call; this system is not asked what it dropped."""
        received, self._received = self._received, 0
        return received, 0, 0

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def close(self) -> None:
        self._socket.close()

"""Two Ethernet interfaces with a wire between them, in a network namespace of their own, and filters at both ends.

Linux takes VLAN tags off what comes in, and leaves them in what goes out: so both ends see one frame in two ways.
"""

from __future__ import annotations

import ctypes
import shutil
import socket
import struct
import subprocess
import threading
from typing import Final, Literal

from cbpf.machine import Program

Side = Literal["sent", "received"]

_CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h
_EVERY_PROTOCOL: Final = 3  # ETH_P_ALL, linux/if_ether.h
_PATIENCE: Final = 5.0  # seconds
_NAMES: Final[dict[Side, str]] = {"sent": "cbpf0", "received": "cbpf1"}


class NotPermitted(OSError):
    """Interfaces cannot be made here."""


class Wire:
    """Send frames into one end, and see which a filter takes at each. Close it when done.

    ``cooked`` ends are those that libpcap uses for LINUX_SLL: packets come to them without their Ethernet header.
    """

    def __init__(self, *, cooked: bool = False) -> None:
        self._cooked = cooked
        self._problem: Exception | None = None
        made = threading.Thread(target=self._make)  # whose namespace is its own from then on
        made.start()
        made.join()
        if self._problem is not None:
            raise NotPermitted(str(self._problem))

    def _make(self) -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "no network namespace")
            _ip("link", "add", _NAMES["sent"], "type", "veth", "peer", "name", _NAMES["received"])
            for name in _NAMES.values():
                _ip("link", "set", name, "addrgenmode", "none", "up")
            # A frame comes to the socket that was opened last first: what the witness has seen, the others have.
            self._witnesses = {side: _listening(name, socket.SOCK_RAW, _PATIENCE) for side, name in _NAMES.items()}
            kind = socket.SOCK_DGRAM if self._cooked else socket.SOCK_RAW
            self._listeners = {side: _listening(name, kind, 0) for side, name in _NAMES.items()}
            self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._sender.bind((_NAMES["sent"], 0))
            self.interfaces = {side: socket.if_nametoindex(name) for side, name in _NAMES.items()}
        except (OSError, subprocess.SubprocessError) as error:
            self._problem = error

    def close(self) -> None:
        for end in (self._sender, *self._witnesses.values(), *self._listeners.values()):
            end.close()

    def attach(self, program: Program) -> None:
        """Filter at both ends. OSError if the kernel refuses the program."""
        array = ctypes.create_string_buffer(program.packed(), len(program) * 8)
        value = struct.pack("HL", len(program), ctypes.addressof(array))
        for listener in self._listeners.values():
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, value)
            _drained(listener)

    def takes(self, frame: bytes) -> dict[Side, bool]:
        """Whether the filter at each end takes a frame."""
        self._sender.send(frame)
        for witness in self._witnesses.values():
            while witness.recv(len(frame))[:12] != frame[:12]:
                pass
        return {side: _drained(listener) > 0 for side, listener in self._listeners.items()}


def _ip(*arguments: str) -> None:
    if shutil.which("ip") is None:
        raise OSError("there is no command ip")
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _listening(interface: str, kind: int, patience: float) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, kind, 0)
    end.bind((interface, _EVERY_PROTOCOL))
    end.settimeout(patience)
    return end


def _drained(end: socket.socket) -> int:
    """How many packets are waiting. None is left."""
    count = 0
    while True:
        try:
            end.recv(1)
        except BlockingIOError:
            return count
        count += 1

"""What can go wrong with live capture, as errors a user can cause."""

from __future__ import annotations

from cbpf.errors import CbpfError


class CaptureError(CbpfError):
    """Packets cannot be captured, or no longer. ``interface`` is the name of the one they were to come from."""

    def __init__(self, message: str, *, interface: str) -> None:
        super().__init__(message)
        self.message = message
        self.interface = interface

    def __str__(self) -> str:
        return f"{self.interface}: {self.message}"


class Refused(CaptureError):
    """The kernel does not take a filter program. Packets can still be captured, and be filtered in this process."""

"""A new filter: a file with a header to fill in, and samples made of packets that were captured."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cbpf.language.includes import NAME
from cbpf.library.checking import KINDS
from cbpf.library.folders import SUFFIX
from cbpf.library.reading import Header, LibraryError

if TYPE_CHECKING:
    from cbpf.capture import Packet

LONGEST_NAME: Final = 100
"""Characters of a name, so that those of its samples are fit for every file system."""

_HINTS: Final = {
    "title": "what it is, in a few words",
    "finds": "which packets match, and why one wants to know",
    "linktypes": "EN10MB",
    "false-positives": "what matches, too",
    "references": "RFC 9293; https://...",
    "tags": "tcp, scan",
}
_NOTHING: Final = "# the expression, as in: tcp port 80 and not @bogon-sources\n"


def is_name(name: str) -> bool:
    """Whether a filter can be called so."""
    return bool(NAME.fullmatch(name)) and len(name) <= LONGEST_NAME


def content(header: Header, expression: str) -> str:
    """The file of a filter: what is not known yet is to be filled in, between angle brackets."""
    known = {
        "title": header.title,
        "finds": header.finds,
        "linktypes": ", ".join(header.linktypes),
        "false-positives": header.false_positives,
        "references": "; ".join(header.references),
        "tags": ", ".join(header.tags),
    }
    lines = [f"# {key}: {' '.join(value.split()) or f'<{_HINTS[key]}>'}\n" for key, value in known.items()]
    return "".join(lines) + (f"{expression.strip()}\n" if expression.strip() else _NOTHING)


def create(folder: str, name: str, text: str, samples: Mapping[str, Sequence[Packet]]) -> list[str]:
    """Write the file of a filter and its samples ("match", "miss") to a folder; gives the paths, the filter's first.

    Raises LibraryError, and leaves nothing behind, if a file is there already or cannot be written.
    """
    from cbpf.capture import PcapWriter
    from cbpf.errors import SavefileError

    path = os.path.join(folder, name + SUFFIX)
    paths = {kind: os.path.join(folder, f"{name}.{kind}.pcap") for kind in KINDS if samples.get(kind)}
    written: list[str] = []
    try:
        os.makedirs(folder, exist_ok=True)
        for other in paths.values():
            if os.path.lexists(other):
                raise FileExistsError
        with open(path, "x", encoding="utf-8") as file:
            written.append(path)
            file.write(text)
        for kind, other in paths.items():
            written.append(other)
            with PcapWriter(other, samples[kind][0].interface) as writer:
                for packet in samples[kind]:
                    writer.write(packet)
    except (OSError, SavefileError) as error:
        _remove(written)
        if isinstance(error, FileExistsError):
            raise LibraryError("is there already", path=path) from error
        why = error.message if isinstance(error, SavefileError) else error.strerror or str(error)
        raise LibraryError(f"cannot be written: {why}", path=path) from error
    return written


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(OSError):
            os.unlink(path)

"""A file of a filter: tcpdump's ``-F`` syntax, with a header in its first comments.

    # title: DNS over TCP
    # finds: queries and answers that did not fit in a datagram, zone transfers,
    #   and tunnels
    # linktypes: any
    # false-positives: whatever else uses the port
    # references: RFC 7766; RFC 5936
    # tags: dns, tcp
    tcp port 53

All of the header is optional, and what is in angle brackets is still to be filled in. A line goes on in the next one if
that begins with ``#`` and two or more blanks.
"""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple

from cbpf.errors import CbpfError
from cbpf.language.includes import LONGEST
from cbpf.library.folders import SUFFIX

ANY: Final = "any"
"""In place of link types: the filter means something on all that carry IP."""

_ENTRY = re.compile(r"#[ \t]?([a-z-]+):[ \t]*(.*)")
_CONTINUED = re.compile(r"#(?:[ \t]{2,}|\t)(.*)")
_TO_FILL_IN = re.compile(r"<[^<>]*>")
_COMMENT = re.compile(r"#[^\n]*")


class LibraryError(CbpfError):
    """A folder or a file of filters that cannot be read or written. ``path`` is its name."""

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class Header(NamedTuple):
    """What a filter's file says of it. What it does not say is empty; ``linktypes`` may be ("any",)."""

    title: str = ""
    finds: str = ""
    linktypes: tuple[str, ...] = ()
    false_positives: str = ""
    references: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class NamedFilter(NamedTuple):
    """A filter, and the file it is in: ``content`` is all of that."""

    name: str
    path: str
    header: Header
    content: str

    @property
    def expression(self) -> str:
        """What is to be compiled, with blanks in place of comments."""
        return _COMMENT.sub(lambda comment: " " * len(comment[0]), self.content)


def read_filter(path: str) -> NamedFilter:
    """Read a file. Raises LibraryError if that cannot be done."""
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:
        raise LibraryError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=path) from error
    if len(data) > LONGEST:
        raise LibraryError(f"has more than {LONGEST} bytes", path=path)
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LibraryError(f"not UTF-8 text: {data[error.start]:#04x} at byte {error.start}", path=path) from error
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    return NamedFilter(os.path.basename(path).removesuffix(SUFFIX), path, read_header(content), content)


def read_header(content: str) -> Header:
    """The header in the comments that a text begins with. Entries of other names are left out."""
    found: dict[str, str] = {}
    key = ""
    for line in content.split("\n"):
        if not line.startswith("#"):
            break
        continued, entry = _CONTINUED.fullmatch(line), _ENTRY.fullmatch(line)
        if continued and key:
            found[key] += f" {continued[1].strip()}"
        elif entry and not continued:
            key = entry[1].replace("-", "_")
            found[key] = entry[2].strip()
        else:
            key = ""
    found = {key: text for key, text in found.items() if not _TO_FILL_IN.fullmatch(text)}
    return Header(
        found.get("title", ""),
        found.get("finds", ""),
        _parts(found.get("linktypes", ""), ","),
        found.get("false_positives", ""),
        _parts(found.get("references", ""), ";"),
        _parts(found.get("tags", ""), ","),
    )


def _parts(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part for each in text.split(separator) if (part := each.strip()))

"""The ``cbpf`` command that extracts the packets of a cell, to be pasted into a shell.

Names of files may hold anything but a zero byte. Those with characters that do not show are written as $'...', which
bash, zsh, ksh and POSIX since 2024 read: the command is one line that can be looked at before it is run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from shlex import quote
from typing import Final

from cbpf.triage.report.model import AskedFilter, Matched, Report
from cbpf.triage.result import FileResult

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_COMPRESSIONS: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4")
_LONGEST_STEM: Final = 80
_SEVERAL: Final = "all"  # what files made from several begin with: captures have names like dns.pcap themselves


def extract(files: Sequence[FileResult], filter: AskedFilter, folders: Iterable[str] = ()) -> str:
    """The command that writes the packets of some files that match to a file named after them."""
    reads = " ".join(f"-r {quoted_path(file.path)}" for file in files)
    stem = output_stem(files[0].path) if len(files) == 1 else _SEVERAL
    return _command(reads, filter, folders, f"{stem}-{safe(filter.name)}{suffix(files)}")


def extract_below(report: Report, found: Matched) -> str:
    """The same for everything below the paths that were searched, and written where the next such command does not
    find it."""
    reads = " ".join(["--recursive", *(f"-r {quoted_path(path)}" for path in report.paths)])
    target = f"{_outside(report.paths, report.where)}{_SEVERAL}-{safe(found.filter.name)}{suffix(found.files)}"
    return _command(reads, found.filter, report.folders, target)


def _command(reads: str, filter: AskedFilter, folders: Iterable[str], target: str) -> str:
    return f"cbpf filter {options(folders)}{reads} -w {target} {quoted_expression(filter)}"


def _outside(paths: Iterable[str], where: str) -> str:
    """The way from the folder ``where`` up to one that is not below any of the paths; none if all of them are."""
    searched = [os.path.join(os.path.normpath(os.path.join(where, path)), "") for path in paths]
    if os.sep in searched:
        return ""
    folder, way = where, ""
    while any(os.path.join(folder, "").startswith(each) for each in searched):
        folder, way = os.path.dirname(folder), f"../{way}"
    return way


def options(folders: Iterable[str]) -> str:
    """The options that name the folders of further filters, with a blank behind each."""
    return "".join(f"--filters {quoted_path(folder)} " for folder in folders)


def quoted_expression(filter: AskedFilter) -> str:
    """What asks for a filter, as the last argument."""
    asked = " ".join(filter.asked.split()) if filter.asked.isprintable() is False else filter.asked
    return f"-- {quoted(asked)}" if asked.startswith("-") else quoted(asked)


def quoted_path(path: str) -> str:
    """The name of a file or folder as an argument: never an option, and never standard input."""
    return quoted(os.path.join(".", path) if path.startswith("-") else path)


def quoted(text: str) -> str:
    """Text as one word of a shell, all of which can be seen."""
    if text.isprintable():
        return text if re.fullmatch(r"@[a-z0-9-]+", text) else quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def output_stem(path: str) -> str:
    """What a file made from this one begins with: its name without extensions, and without surprises."""
    name = os.path.basename(path)
    for ending in _COMPRESSIONS:
        name = name.removesuffix(ending)
    stem = safe(os.path.splitext(name)[0])[:_LONGEST_STEM]
    return stem or "packets"


def safe(name: str) -> str:
    """A name as part of a file's name, that is no option and needs no quotes."""
    return _UNSAFE.sub("_", name).lstrip("-.") or "packets"


def suffix(files: Iterable[FileResult]) -> str:
    """The format to write: packets of several link types only fit into pcapng."""
    linktypes = {linktype for file in files if file.facts for linktype in file.facts.linktypes}
    return ".pcapng" if len(linktypes) > 1 else ".pcap"


def _escaped(character: str) -> str:
    """A character between $' and '. What was no text in a file's name is a byte of it."""
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    # Bytes, not \u: that depends on the shell's locale. Three octal digits, so that no digit behind can belong to it.
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))

"""The filters of several folders, of which later ones override earlier ones by name."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from cbpf.language.includes import NAME, Text
from cbpf.library.folders import SUFFIX, known
from cbpf.library.reading import LibraryError, NamedFilter, read_filter


class Library:
    """The filters in ``folders``, those of the last by that name. A folder that is not there has none.

    Folders are listed when a filter is looked for first, and files are read when they are needed, each once.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]]) -> None:
        self.folders = tuple(dict.fromkeys(os.path.abspath(folder) for folder in folders))
        self._read: dict[str, NamedFilter] = {}

    def names(self) -> Collection[str]:
        """The names of all filters, in order. Raises LibraryError for a folder that cannot be read."""
        return self._paths.keys()

    def find(self, name: str) -> NamedFilter | None:
        """The filter of this name, None if there is none. Raises LibraryError if it cannot be read."""
        if name not in self._paths:
            return None
        if name not in self._read:
            self._read[name] = read_filter(self._paths[name][-1])
        return self._read[name]

    def text(self, name: str) -> Text | None:
        """The filter of this name as ``cbpf.language.includes`` wants it."""
        found = self.find(name)
        return None if found is None else Text(found.name, found.path, found.expression)

    def overridden(self, name: str) -> tuple[str, ...]:
        """The files of this name that are not used, for a later folder has one, too; the last comes first."""
        return tuple(self._paths.get(name, [])[-2::-1])

    def __iter__(self) -> Iterator[NamedFilter]:
        """All filters by name. Raises LibraryError for the first that cannot be read."""
        for name in self.names():
            found = self.find(name)
            assert found is not None
            yield found

    def __len__(self) -> int:
        return len(self._paths)

    @cached_property
    def _paths(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for folder in self.folders:
            for file in _files(folder):
                name = file.removesuffix(SUFFIX)
                if NAME.fullmatch(name):
                    found.setdefault(name, []).append(os.path.join(folder, file))
        return dict(sorted(found.items()))


def default_library(more: Iterable[str | os.PathLike[str]] = ()) -> Library:
    """The filters that are shipped, the user's own, those of CBPF_FILTERS, and those in ``more`` folders."""
    return Library([*known(), *more])


def misnamed(folder: str) -> list[str]:
    """The files in a folder that look like filters, but cannot be included: their names are none of filters."""
    return [file for file in _files(folder) if not NAME.fullmatch(file.removesuffix(SUFFIX))]


def _files(folder: str) -> list[str]:
    try:
        return sorted(file for file in os.listdir(folder) if file.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise LibraryError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=folder) from error

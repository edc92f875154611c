"""Where filters are looked for: the folder that is shipped, the user's own, and those of the environment.

The shipped filters are the top-level folder ``filters/`` of the project, for they are as good for tcpdump. In a wheel
they are the folder ``filters`` inside the package, put there by ``setup.py``: package data is the only kind of file
that is found next to the code however a wheel was installed (in a virtual environment, with ``--user``, ``--target`` or
``--prefix``), while data files of their own go to a prefix that nobody tells us. A checkout, and an editable
installation, which is one, have them where they are written: beside the package.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

SUFFIX: Final = ".pcapfilter"
"""What names of files of filters end in."""

VARIABLE: Final = "CBPF_FILTERS"
"""The environment variable with more folders, separated as those of PATH are."""

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def shipped() -> str | None:
    """The folder of the filters that come with the project; None if they are not there."""
    for folder in (os.path.join(_PACKAGE, "filters"), os.path.join(os.path.dirname(_PACKAGE), "filters")):
        if os.path.isdir(folder) and any(name.endswith(SUFFIX) for name in os.listdir(folder)):
            return folder
    return None


def own(environment: Mapping[str, str] = os.environ) -> str:
    """The folder of the user's filters, which need not exist (XDG Base Directory Specification)."""
    base = environment.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the specification: relative paths are to be ignored
        base = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "cbpf", "filters")


def known(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """All folders, each before those that override it. They need not exist."""
    first = shipped()
    if first is not None:
        yield first
    yield own(environment)
    yield from filter(None, environment.get(VARIABLE, "").split(os.pathsep))

"""What -w and its companions may say."""

from __future__ import annotations

import click
import pytest

from cbpf.cli.target import Target, check, file_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1_000_000),
        ("250", 250_000_000),
        ("3k", 3 << 10),
        ("3K", 3 << 10),
        ("3kb", 3 << 10),
        ("3KiB", 3 << 10),
        ("2m", 2 << 20),
        ("2MB", 2 << 20),
        ("1g", 1 << 30),
        ("1GiB", 1 << 30),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert file_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "k", "1.5", "-1", "1t", "1 k", "1kk", "1bi", "0x10", "b", "1b", "٣", "0", "0k", "9" * 30]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        file_size(text)


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (Target("x", files=3), "-W counts the files that -C or -G begin"),
        (Target("-", size=1), "-C and -G need the name of a file"),
        (Target("-", seconds=1), "-C and -G need the name of a file"),
        (Target("-", command="gzip"), "-z needs the name of a file"),
        (Target("x", seconds=1), "gives the name x to files one after the other"),
        (Target("100%%", seconds=1, files=2), "gives the name 100%% to files"),
        (Target("%H", seconds=60), "gives the name %H to files"),
    ],
)
def test_what_makes_no_sense(target: Target, complaint: str) -> None:
    with pytest.raises(click.UsageError, match=complaint):
        check(target)


@pytest.mark.parametrize(
    "target",
    [
        Target("-"),
        Target("x", command="gzip"),
        Target("x", size=1, files=3, command="gzip"),
        Target("x", seconds=1, size=1),
        Target("x", seconds=1, force=True),
        Target("%s", seconds=1, files=2),
        Target("%H", seconds=3600),
        Target("%d", seconds=86400),
    ],
)
def test_what_makes_sense(target: Target) -> None:
    check(target)

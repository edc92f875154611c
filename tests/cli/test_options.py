"""How options become values."""

from __future__ import annotations

import click
import pytest

from cbpf.cli.application import group
from cbpf.cli.options import without_comments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("tcp port 80", "tcp port 80"),
        ("#", " "),
        ("ip # or\narp", "ip     \narp"),
        ("# a # b\n\n#c", "       \n\n  "),
        ("ip # or\u2028udp\x0c\narp", "ip arp"),  # only a line feed ends a line for tcpdump
        ("ip #\r\narp", "ip   \narp"),
    ],
)
def test_comments_become_blanks(text: str, expected: str) -> None:
    assert without_comments(text).split() == expected.split()
    assert len(without_comments(text)) == len(text)


@pytest.mark.parametrize("name", group.list_commands(click.Context(group)))
def test_no_two_options_are_one_value(name: str) -> None:
    """But those that are spellings of it."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    names = [parameter.name for parameter in command.params]
    assert {each for each in names if names.count(each) > 1} <= {"resolution", "form", "part"}

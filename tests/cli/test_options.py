"""How options become values."""

from __future__ import annotations

import pytest

from cbpf.cli.options import without_comments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("tcp port 80", "tcp port 80"),
        ("#", " "),
        ("ip # or\narp", "ip     \narp"),
        ("# a # b\n\n#c", "       \n\n  "),
        ("ip #\r\narp", "ip   \narp"),
    ],
)
def test_comments_become_blanks(text: str, expected: str) -> None:
    assert without_comments(text).split() == expected.split()
    assert len(without_comments(text)) == len(text)

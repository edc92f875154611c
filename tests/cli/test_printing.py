"""The options about printing: the style they make, what they refuse, and when there are colours."""

from __future__ import annotations

import io
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner

from cbpf.capture.printing import Style, Time
from cbpf.cli.printing import printing_options, style


@click.command()
@printing_options
@click.option("--precision", "resolution")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    context.obj.append(style(options))


def made(*arguments: str) -> Style:
    styles: list[Style] = []
    command.main(list(arguments), obj=styles, standalone_mode=False)
    return styles[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", Style()),
        ("-n -nn", Style()),
        ("-t", Style(time=Time.NONE)),
        ("-tttt", Style(time=Time.DATE)),
        ("-t -t -t", Style(time=Time.SINCE_PREVIOUS)),
        ("-ttttt", Style(time=Time.SINCE_FIRST)),
        ("-enq", Style(headers=True, quick=True)),
        ("-vvv", Style(details=3)),
        ("-xX", Style(hexadecimal=1, hexadecimal_ascii=1)),
        ("-xx -AA", Style(hexadecimal=2, ascii=2)),
        ("-#", Style(number=True)),
        ("--number", Style(number=True)),
        ("-S", Style(absolute=True)),
        ("--json", Style(json=True)),
        ("--json -n --precision nano", Style(json=True, digits=9)),
        ("--precision micro", Style(digits=6)),
        ("--color always", Style(color=True)),
        ("--color never", Style()),
        ("--json --color always", Style(json=True)),
    ],
)
def test_options_make_a_style(arguments: str, expected: Style) -> None:
    assert made(*arguments.split()) == expected


@pytest.mark.parametrize("flag", ["-t", "-tt", "-e", "-q", "-v", "-x", "-X", "-AA", "-#", "-S"])
def test_objects_go_without_options_of_lines(flag: str) -> None:
    with pytest.raises(click.UsageError, match=f"--json and {flag[:2]} cannot be combined"):
        made("--json", flag)


def test_there_are_five_ways_to_print_the_time() -> None:
    with pytest.raises(click.UsageError, match="-t can be given 5 times, not 6"):
        made("-tttttt")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_terminals_are_colored_unless_told_otherwise(
    environment: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert made().color == colored
    assert made("--color", "always").color
    assert not made("--color", "never").color
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not made().color


def test_every_option_has_help() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    for flag in ("-n", "-e", "-t", "-q", "-v", "-x", "-X", "-A", "-#, --number", "--json", "--color"):
        assert f"  {flag} " in text

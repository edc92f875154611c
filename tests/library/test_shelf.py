"""Files of filters: which there are, which of them wins, and what is read from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import cbpf
from cbpf.language.includes import LONGEST
from cbpf.library import Header, Library, LibraryError, default_library
from cbpf.library.folders import SUFFIX, known, own, shipped
from cbpf.library.reading import read_filter, read_header
from cbpf.library.shelf import misnamed
from tests.cli.tools import REPOSITORY


def write(folder: Path, **filters: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in filters.items():
        (folder / f"{name.replace('_', '-')}{SUFFIX}").write_text(text)
    return folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No filters of whoever runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CBPF_FILTERS", raising=False)


# Headers.

FULL = """\
# title: DNS over TCP
# finds: queries and answers that did not fit: zone transfers,
#   and tunnels;
#  all of them
# linktypes: EN10MB, RAW
# false-positives: <to be filled in>
# references: RFC 7766; RFC 5936
# tags: dns, tcp,
# Comments that are no entries end the header's entry.
#   and are not continued
tcp port 53 # the port
# title: not the title
"""


def test_header() -> None:
    finds = "queries and answers that did not fit: zone transfers, and tunnels; all of them"
    assert read_header(FULL) == Header(
        "DNS over TCP", finds, ("EN10MB", "RAW"), "", ("RFC 7766", "RFC 5936"), ("dns", "tcp")
    )


@pytest.mark.parametrize("text", ["", "tcp", "# only a comment\ntcp", "\n# title: too late\ntcp", "#title\ntcp"])
def test_headers_are_optional(text: str) -> None:
    assert read_header(text) == Header()


def test_comments_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIX}"
    path.write_bytes(b"# title: T\r\ntcp # first\r\nand # not\rport 80#")
    found = read_filter(str(path))
    assert found.header.title == "T"
    assert found.expression.split() == ["tcp", "and", "port", "80"]
    assert [line.split() for line in found.expression.split("\n")] == [[], ["tcp"], ["and"], ["port", "80"]]


def test_a_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIX}"
    path.write_text("# title: T\ntcp", encoding="utf-8-sig")
    found = read_filter(str(path))
    assert (found.header.title, found.expression.split()) == ("T", ["tcp"])


# Which one wins.


def test_later_folders_override_earlier_ones(tmp_path: Path) -> None:
    one = write(tmp_path / "1", a="tcp", b="tcp")
    two = write(tmp_path / "2", b="udp", c="udp and @a")
    library = Library([one, two, tmp_path / "missing"])
    assert list(library.names()) == ["a", "b", "c"]
    assert [each.expression for each in library] == ["tcp", "udp", "udp and @a"]
    assert library.overridden("b") == (str(one / f"b{SUFFIX}"),)
    assert library.overridden("a") == library.overridden("nothing") == ()
    assert library.find("nothing") is None
    assert cbpf.compile("@b", library=library).program == cbpf.compile("udp").program


def test_filters_include_those_that_override_others(tmp_path: Path) -> None:
    one = write(tmp_path / "1", servers="net 192.0.2.0/24", syn="@servers and tcp")
    two = write(tmp_path / "2", servers="net 10.0.0.0/8")
    found = cbpf.compile("@syn", library=Library([one, two])).program
    assert found == cbpf.compile("(net 10.0.0.0/8) and tcp").program


def test_the_usual_folders_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_folder = write(tmp_path / "config" / "cbpf" / "filters", dns="tcp", mine="tcp")
    first, second = write(tmp_path / "1", mine="udp", ours="udp"), write(tmp_path / "2", ours="icmp")
    monkeypatch.setenv("CBPF_FILTERS", f"{first}{os.pathsep}{os.pathsep}{tmp_path / 'missing'}{os.pathsep}{second}")
    assert list(known()) == [shipped(), str(own_folder), str(first), str(tmp_path / "missing"), str(second)]
    more = write(tmp_path / "3", ours="arp")
    library = default_library([more])
    texts = {name: found.expression for name in ("dns", "mine", "ours") if (found := library.find(name))}
    assert texts == {"dns": "tcp", "mine": "udp", "ours": "arp"}
    assert cbpf.compile("@ours").program == cbpf.compile("icmp").program


@pytest.mark.parametrize("base", [None, "", "relative"])
def test_the_folder_of_the_user_is_below_home(base: str | None) -> None:
    environment = {} if base is None else {"XDG_CONFIG_HOME": base}
    assert own(environment) == os.path.expanduser("~/.config/cbpf/filters")


def test_a_checkout_has_the_shipped_filters() -> None:
    assert shipped() == str(REPOSITORY / "filters")
    names = {path.name.removesuffix(SUFFIX) for path in (REPOSITORY / "filters").glob(f"*{SUFFIX}")}
    assert names == set(default_library().names())


# What cannot be included.


def test_names_that_no_expression_can_have(tmp_path: Path) -> None:
    folder = write(tmp_path, Upper="tcp", good="tcp")
    (folder / f"under_score{SUFFIX}").write_text("tcp")
    (folder / "good.txt").write_text("tcp")
    assert list(Library([folder]).names()) == ["good"]
    assert misnamed(str(folder)) == [f"Upper{SUFFIX}", f"under_score{SUFFIX}"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"tcp \xff", "not UTF-8 text: 0xff at byte 4"), (b"#" * (LONGEST + 1), "has more than 1048576 bytes")],
)
def test_files_that_are_no_filters(tmp_path: Path, content: bytes, message: str) -> None:
    folder = write(tmp_path, good="tcp", outer="udp\nor @bad")
    (folder / f"bad{SUFFIX}").write_bytes(content)
    library = Library([folder])
    with pytest.raises(LibraryError, match=message):
        library.find("bad")
    with pytest.raises(cbpf.FilterError, match=message) as caught:
        cbpf.compile("ip and @bad", library=library)
    assert caught.value.span == (7, 11)
    with pytest.raises(cbpf.FilterError, match=r"in filter 'outer'.* line 2.*bad"):
        cbpf.compile("@outer", library=library)
    assert cbpf.compile("@good", library=library).program == cbpf.compile("tcp").program  # nobody asks for the other


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / f"x{SUFFIX}").mkdir()
    with pytest.raises(cbpf.FilterError, match="cannot be read"):
        cbpf.compile("@x", library=Library([tmp_path]))


# The shipped ones.


def test_including_a_shipped_filter_is_compiling_its_file() -> None:
    library = default_library()
    for found in library:
        expected = cbpf.compile(found.expression).program
        assert cbpf.compile(f"@{found.name}", library=library).program == expected, found.name

"""Drawings: what ``dot`` is told is in its language, and what it makes of it has all that the picture has."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from xml.etree import ElementTree

import pytest

from cbpf.debug.graph import DrawingError, Node, Picture, cut, decision, dot, flow, render, stages, svg

STRING = r'"(?:[^"\\\n]|\\.)*"'
HTML = r"<(?:[^<>\n&]|&\w+;|<[^<>\n]*>)*>"
VALUE = rf"(?:{STRING}|{HTML}|[\w.]+)"
ATTRIBUTES = rf"\[\w+={VALUE}(?:, \w+={VALUE})*\]"


def assert_digraph(text: str, picture: Picture) -> None:
    """Every line is a statement of the language, and as many of each kind as there are nodes and edges.

    Each way that rejects has an end of its own.
    """
    first, *statements, last = text.rstrip("\n").split("\n")
    assert re.fullmatch(rf"digraph {STRING} {{", first)
    assert last == "}"
    kinds = {
        "node": rf"  n\d+ {ATTRIBUTES};",
        "rejection": rf"  r\d+ {ATTRIBUTES};",
        "edge": rf"  n\d+ -> [nr]\d+(?: {ATTRIBUTES})?;",
        "default": rf"  (?:graph|node|edge) {ATTRIBUTES};",
        "title": rf"  label={STRING};",
    }
    found = [next(kind for kind, pattern in kinds.items() if re.fullmatch(pattern, line)) for line in statements]
    assert found.count("node") == len(drawn_nodes(picture))
    assert found.count("edge") == sum(len(node.edges) for node in picture.nodes)
    assert found.count("rejection") == len(ways_to_reject(picture))


def drawn_nodes(picture: Picture) -> set[str]:
    """The nodes that are drawn as themselves: a rejection, if it is all there is."""
    return {f"n{place}" for place, node in enumerate(picture.nodes) if node.kind != "reject" or place == 0}


def ways_to_reject(picture: Picture) -> list[int]:
    """The nodes from which a way leads to rejection, once for each way."""
    return [
        place
        for place, node in enumerate(picture.nodes)
        for edge in node.edges
        if picture.nodes[edge.to].kind == "reject"
    ]


HOSTILE = Picture("decision", 'a"]; x [label="\\', (Node("accept", 'quote " backslash \\ line\nfeed \\l <b>\x1b[0m'),))


def test_what_is_drawn_is_escaped() -> None:
    assert_digraph(dot(HOSTILE), HOSTILE)
    blocks = flow(stages("tcp port 80", 1))
    assert_digraph(dot(blocks), blocks)
    assert "\x1b" not in render(HOSTILE)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize(
    "picture",
    [
        HOSTILE,
        *(
            show(stages(expression, linktype))
            for show in (decision, flow)
            for expression, linktype in (
                ("port 80", 1),
                ("host 192.0.2.1 or net 10.0.0.0/8 and not tcp[tcpflags] & (tcp-syn|tcp-rst) != 0", 1),
                ("tcp port 80", 127),
                ("vlan 7 and ip6", 1),
                ("ether[0] & 1 = 0 and 4 / ether[3] < 2", 1),
                ("", 1),
            )
        ),
        decision(stages("ip and arp", 1)),
        cut(decision(stages("portrange 1-9 or port 80 or port 90", 1)), 4),
    ],
    ids=lambda picture: f"{picture.kind} {picture.title[:30]}",
)
def test_graphviz_draws_it(picture: Picture) -> None:
    """Graphviz finds in the text what is in the picture, has no complaint, and draws every label."""
    assert_digraph(dot(picture), picture)
    done = subprocess.run(["dot", "-Tplain"], input=dot(picture), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    rows = [line.split() for line in done.stdout.splitlines()]
    names = {row[1] for row in rows if row[0] == "node"}
    assert {name for name in names if name.startswith("n")} == drawn_nodes(picture)
    edges = sorted((int(row[1][1:]), row[2]) for row in rows if row[0] == "edge")
    kept = [(tail, head) for tail, head in edges if head.startswith("n")]
    expected = [(place, edge.to) for place, node in enumerate(picture.nodes) for edge in node.edges]
    assert kept == sorted((tail, f"n{head}") for tail, head in expected if f"n{head}" in drawn_nodes(picture))
    assert [tail for tail, head in edges if head.startswith("r")] == ways_to_reject(picture)
    drawn = ElementTree.fromstring(svg(picture))
    words = Counter(" ".join("".join(drawn.itertext()).split()).split(" "))
    for node in picture.nodes:
        for text in (node.label, *(line.text for line in node.lines), *(line.meaning for line in node.lines)):
            shown = "".join(each if each.isprintable() else " " for each in text)
            assert all(words[word] or words[f"{word}?"] for word in shown.split()), text


def test_browsers_have_the_fonts_of_a_drawing() -> None:
    """An SVG names fonts for the browser to look for: the generic ones of CSS are the only that all have."""
    for show in (decision, flow):
        fonts = set(re.findall(r'(?:fontname|face)="?([^",\]]+)', dot(show(stages("port 80", 1)))))
        assert fonts <= {"sans-serif", "monospace"}


def test_without_graphviz_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DrawingError, match="'dot' is not installed"):
        svg(HOSTILE)
